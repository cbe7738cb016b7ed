#include "tests/fidelity/grid.h"

#define MS 1000000ull
#define MBIT 1000000ull
#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof(a)[0]))

static const uint64_t sizes[] = {1024, 10 * 1024, 100 * 1024, 1000 * 1000, 5 * 1000 * 1000};
static const uint64_t rtts_ns[] = {10 * MS, 50 * MS, 100 * MS, 300 * MS};
static const uint64_t rates_bps[] = {10 * MBIT, 50 * MBIT, 100 * MBIT, 500 * MBIT};
static const uint32_t losses_ppm[] = {0, 1000, 10000};

/* With losses: what is large enough to lose something, on the round trips and rates of the internet. */
static bool is_essential(const struct cell *c)
{
    return c->loss_ppm == 0 || (c->size >= 100 * 1024 && c->size <= 1000 * 1000 && c->rtt_ns <= 100 * MS &&
                                c->rtt_ns != 50 * MS && c->rate_bps <= 100 * MBIT && c->rate_bps != 10 * MBIT);
}

static bool pair_cell(uint32_t number, struct cell *out)
{
    uint32_t n = number;

    *out = (struct cell){.pattern = PATTERN_PAIR, .queue_ns = 100 * MS, .seed = number + 1};
    out->loss_ppm = losses_ppm[n % COUNT(losses_ppm)];
    n /= COUNT(losses_ppm);
    out->size = sizes[n % COUNT(sizes)];
    n /= COUNT(sizes);
    out->rtt_ns = rtts_ns[n % COUNT(rtts_ns)];
    n /= COUNT(rtts_ns);
    out->rate_bps = rates_bps[n % COUNT(rates_bps)];
    return n < COUNT(rates_bps);
}

/* Eight hosts. */
static const struct cell groups[] = {
    {PATTERN_INCAST, 100 * 1024, 50 * MS, 50 * MBIT, 100 * MS, 0, 1},
    {PATTERN_INCAST, 1000 * 1000, 50 * MS, 100 * MBIT, 100 * MS, 0, 1},
    {PATTERN_FANOUT, 100 * 1024, 50 * MS, 50 * MBIT, 100 * MS, 0, 1},
    {PATTERN_FANOUT, 1000 * 1000, 50 * MS, 100 * MBIT, 100 * MS, 0, 1},
};

bool grid_cell(uint32_t number, bool full, struct cell *out)
{
    uint32_t found = 0;

    for (uint32_t i = 0; pair_cell(i, out); i++)
        if ((full || is_essential(out)) && found++ == number)
            return true;
    if (number - found >= COUNT(groups))
        return false;
    *out = groups[number - found];
    return true;
}
