#include "tests/fidelity/cell.h"

#include "stack/base/int128.h"

#include <math.h>
#include <stdio.h>

#define MSS 1448

uint32_t cell_host_count(const struct cell *c)
{
    return c->pattern == PATTERN_PAIR ? 2 : CELL_HOSTS_MAX;
}

uint32_t cell_flow_count(const struct cell *c)
{
    return cell_host_count(c) - 1;
}

void cell_flow(const struct cell *c, uint32_t flow, uint32_t *from, uint32_t *to)
{
    *from = c->pattern == PATTERN_INCAST ? flow + 1 : 0;
    *to = c->pattern == PATTERN_INCAST ? 0 : flow + 1;
}

const char *phase_text(enum phase phase)
{
    static const char *const names[] = {"cold", "warm", "idle"};

    return names[phase];
}

void cell_text(const struct cell *c, enum phase phase, char *out, uint32_t out_size)
{
    static const char *const patterns[] = {"", "7 to 1, ", "1 to 7, "};
    char size[24], loss[24] = "";

    if (c->size >= 1000000)
        snprintf(size, sizeof size, "%llu MB", (unsigned long long)c->size / 1000000);
    else
        snprintf(size, sizeof size, "%llu KiB", (unsigned long long)c->size / 1024);
    if (c->loss_ppm)
        snprintf(loss, sizeof loss, ", loss %g%%", c->loss_ppm / 1e4);
    snprintf(out, out_size, "%s%s, %llu ms, %llu Mbit/s%s%s%s", patterns[c->pattern], size,
             (unsigned long long)c->rtt_ns / 1000000, (unsigned long long)c->rate_bps / 1000000, loss,
             phase == PHASE_COUNT ? "" : ", ", phase == PHASE_COUNT ? "" : phase_text(phase));
}

uint64_t cell_queue_size(const struct cell *c)
{
    return mul_div(c->queue_ns, c->rate_bps, 8ull * 1000000000u);
}

uint64_t cell_duration_ns(const struct cell *c)
{
    double rtt_s = (double)c->rtt_ns / 1e9, bps = (double)c->rate_bps;

    if (c->loss_ppm) {
        double most_bps = 1.22 * MSS * 8 / rtt_s / sqrt(c->loss_ppm / 1e6);

        bps = most_bps < bps ? most_bps : bps;
    }
    return (uint64_t)(((double)c->size * 8 * cell_flow_count(c) / bps + rtt_s) * 1e9);
}
