/* Who publishes what and when, drawn in full before the run: traffic then depends on the scenario and its seed alone, not
 * on what happens in the network. */
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct builder {
    const struct scenario *s;
    struct publication *items;
    uint32_t count, capacity;
    bool full;
};

static void add(struct builder *b, const struct publication *p)
{
    if (b->count == RUN_PUBLICATIONS_MAX) {
        b->full = true;
        return;
    }
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? b->capacity * 2 : 1024;
        b->items = mem_grow(b->items, b->capacity, sizeof *b->items);
    }
    b->items[b->count++] = *p;
}

/* The time of the k-th message, given that of the one before. */
static uint64_t arrival(const struct scenario_traffic *t, struct rng *r, uint64_t k, uint64_t before)
{
    switch (t->arrival) {
    case TRAFFIC_EVERY:
        return t->start_ns + k * t->interval_ns;
    case TRAFFIC_POISSON:
        return k == 0 ? t->start_ns : before + sample_exponential(r, t->interval_ns);
    case TRAFFIC_AT:
        return k < t->at_count ? t->at_ns[k] : TIME_NEVER;
    }
    UNREACHABLE();
}

/* One stream of messages: of the whole group, or (TRAFFIC_EACH) of one node. */
static void add_stream(struct builder *b, uint32_t index, uint32_t fixed, struct rng *r)
{
    const struct scenario_traffic *t = &b->s->traffic[index];
    uint64_t at = t->start_ns;

    for (uint64_t k = 0; (t->count == 0 || k < t->count) && !b->full; k++) {
        struct publication p = {.traffic = index, .node = fixed};

        at = arrival(t, r, k, at);
        if (at >= t->stop_ns || at >= b->s->duration_ns)
            break;
        p.at_ns = at + (t->spread_ns ? rng_below(r, t->spread_ns) : 0);
        if (fixed == SCENARIO_NONE)
            p.node = t->node_first + (uint32_t)rng_below(r, t->node_count);
        p.size = (uint32_t)sample_draw(&t->size, r);
        if (p.at_ns < b->s->duration_ns)
            add(b, &p);
    }
}

static void add_traffic(struct builder *b, uint32_t index)
{
    const struct scenario_traffic *t = &b->s->traffic[index];
    struct rng r;

    if (t->publishers == TRAFFIC_EACH) {
        for (uint32_t i = 0; i < t->node_count; i++) {
            rng_init(&r, rng_derive(b->s->traffic_seed, "traffic", (uint64_t)index << 32 | i), "each");
            add_stream(b, index, t->node_first + i, &r);
        }
        return;
    }
    rng_init(&r, rng_derive(b->s->traffic_seed, "traffic", index), "group");
    add_stream(b, index,
               t->publishers == TRAFFIC_FIXED ? t->node_first + (uint32_t)rng_below(&r, t->node_count)
                                              : SCENARIO_NONE,
               &r);
}

/* Total orders: the number ends every tie. */
static int by_time(const void *a, const void *b)
{
    const struct publication *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int by_node(const void *a, const void *b)
{
    const struct publication *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return by_time(a, b);
}

int schedule_build(const struct scenario *s, struct schedule *out, char *error, size_t error_size)
{
    struct builder b = {.s = s};

    for (uint32_t i = 0; i < s->traffic_count; i++)
        add_traffic(&b, i);
    if (b.full) {
        snprintf(error, error_size, "traffic: more than %u messages in all", RUN_PUBLICATIONS_MAX);
        mem_free(b.items);
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < b.count; i++)
        b.items[i].number = i;
    if (b.count)
        qsort(b.items, b.count, sizeof *b.items, by_time);
    for (uint32_t i = 0; i < b.count; i++)
        b.items[i].number = i; /* now in order of time: message 0 is the first of the run */
    if (b.count)
        qsort(b.items, b.count, sizeof *b.items, by_node);
    out->items = b.items;
    out->count = b.count;
    out->first = mem_zalloc(((size_t)s->node_count + 1) * sizeof *out->first);
    for (uint32_t i = 0; i < b.count; i++)
        out->first[b.items[i].node + 1]++;
    for (uint32_t i = 0; i < s->node_count; i++)
        out->first[i + 1] += out->first[i];
    return ERR_OK;
}

void schedule_free(struct schedule *schedule)
{
    mem_free(schedule->items);
    mem_free(schedule->first);
    *schedule = (struct schedule){0};
}
