/* Conservative windows: what happens in [T, T + lookahead) in one lane cannot be felt in another before the window is over, so all
 * lanes run it at once. T is the time of the earliest event of all, so idle time costs nothing. */
#include "sim/des/divide.h"
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define WINDOW_EVENTS 30 /* of a lane: beside them, waiting for the others is little */

static uint64_t least_ns(const void *ctx, uint32_t from, uint32_t to)
{
    return path_least_ns(ctx, from, to);
}

/* In which each lane has so much to do. */
static uint64_t enough_ns(const struct divide_problem *p)
{
    uint64_t events_per_s = 0;

    for (uint32_t i = 0; i < p->host_count; i++)
        events_per_s += p->weights[i];
    return WINDOW_EVENTS * (uint64_t)1000000000 * p->lane_count / events_per_s;
}

int des_divide(struct des *d, uint32_t lanes, const uint32_t *weights)
{
    uint32_t count = d->host_count + d->middle_count;
    struct divide_problem p = {.host_count = count,
                               .region_count = d->config.region_count,
                               .lane_count = lanes < d->host_count ? lanes : d->host_count,
                               .least_ns = least_ns,
                               .ctx = d};
    uint32_t *regions, *lane_of, *loads;

    CHECK(lanes > 0 && lanes <= DES_LANES_MAX && d->lane_count == 1 && d->lanes[0]->queue.count == 0);
    if (p.lane_count <= 1)
        return ERR_OK;
    d->crew = crew_new(p.lane_count, "lane");
    if (!d->crew)
        return ERR_SYSTEM;
    lane_free(d->lanes[0], 1);
    d->lanes = mem_grow(d->lanes, p.lane_count, sizeof(struct lane *));
    for (d->lane_count = 0; d->lane_count < p.lane_count; d->lane_count++)
        d->lanes[d->lane_count] = lane_new(d, d->lane_count, p.lane_count);
    regions = mem_grow(NULL, count, sizeof *regions);
    lane_of = mem_grow(NULL, count, sizeof *lane_of);
    loads = mem_grow(NULL, count, sizeof *loads);
    for (uint32_t i = 0; i < count; i++) {
        regions[i] = d->hosts[i]->region;
        loads[i] = weights && i < d->host_count ? weights[i] : 1; /* a bottleneck only hands packets on */
    }
    p.regions = regions;
    p.weights = loads;
    p.enough_ns = enough_ns(&p);
    d->lookahead_ns = divide(&p, lane_of);
    for (uint32_t i = 0; i < count; i++)
        d->hosts[i]->lane = d->lanes[lane_of[i]];
    mem_free(regions);
    mem_free(loads);
    mem_free(lane_of);
    return ERR_OK;
}

uint32_t des_lane_count(const struct des *d)
{
    return d->lane_count;
}

uint32_t des_lane(const struct des *d, uint32_t host)
{
    CHECK(host < d->host_count);
    return d->hosts[host]->lane->index;
}

uint64_t des_lookahead_ns(const struct des *d)
{
    return d->lane_count > 1 ? d->lookahead_ns : UINT64_MAX;
}

uint64_t windows_next_ns(struct des *d)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; i < d->lane_count; i++) {
        struct lane *l = d->lanes[i];
        uint64_t own_ns = event_queue_next_ns(&l->queue);

        next_ns = own_ns < next_ns ? own_ns : next_ns;
        next_ns = l->mailed_ns < next_ns ? l->mailed_ns : next_ns;
    }
    return next_ns;
}

/* One lane's part of a window. */
static void run_window(void *ctx, uint32_t member)
{
    struct des *d = ctx;
    struct lane *l = d->lanes[member];

    l->mailed_ns = UINT64_MAX;
    lane_fetch(l);
    lane_run(l, d->window_ends_ns - 1);
    (void)event_queue_next_ns(&l->queue); /* sorts what comes next here, while others still work */
}

void windows_run(struct des *d, uint64_t until_ns)
{
    uint64_t next_ns;

    if (d->lane_count == 1) {
        lane_run(d->lanes[0], until_ns);
        return;
    }
    while ((next_ns = windows_next_ns(d)) <= until_ns) {
        uint64_t most_ns = until_ns < UINT64_MAX ? until_ns - next_ns + 1 : UINT64_MAX - next_ns;

        d->window_ends_ns = next_ns + (d->lookahead_ns < most_ns ? d->lookahead_ns : most_ns);
        d->turn = !d->turn;
        if (d->config.window)
            d->config.window(d->config.trace_ctx, true);
        crew_run(d->crew, run_window, d);
        if (d->config.window)
            d->config.window(d->config.trace_ctx, false);
        d->lanes[0]->counts.windows++;
    }
}
