/* Goes through the times at which something begins or ends; at each, what it concerns is worked out anew. */
#include "sim/scenario/timeline.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define PPM 1000000u
#define NONE UINT32_MAX

/* Something begins or ends. */
struct moment {
    uint64_t at_ns;
    uint32_t event, row; /* one of them is NONE */
    bool ends;
};

struct builder {
    const struct scenario *s;
    const struct scenario_node *nodes;
    struct timeline *out;
    struct moment *moments;
    uint32_t moment_count;
    uint32_t *held;      /* events that hold, in the order in which they began */
    uint32_t held_count;
    uint32_t **hit, *hit_count; /* by event: nodes, or pairs of regions (from * region_count + to); rising */
    uint64_t *base_ns, *now_ns; /* latencies without events, and with them */
};

static bool is_change(enum scenario_event_kind kind)
{
    return kind == SCENARIO_LATENCY || kind == SCENARIO_LOSS || kind == SCENARIO_BANDWIDTH;
}

static size_t cells(const struct scenario *s)
{
    return (size_t)s->network.region_count * s->network.region_count;
}

/* ---- moments ---- */

/* By time; rows first, then ends, then beginnings, each in the order of the file. */
static int compare(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    int rank_x = x->event == NONE ? 0 : x->ends ? 1 : 2, rank_y = y->event == NONE ? 0 : y->ends ? 1 : 2;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if (rank_x != rank_y)
        return rank_x < rank_y ? -1 : 1;
    if (x->event != y->event)
        return x->event < y->event ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void list_moments(struct builder *b)
{
    const struct scenario *s = b->s;

    b->moments = mem_grow(NULL, (size_t)s->network.latency_row_count + 2 * s->event_count + 1, sizeof *b->moments);
    for (uint32_t i = 0; i < s->network.latency_row_count; i++)
        b->moments[b->moment_count++] = (struct moment){s->network.latency_rows[i].at_ns, NONE, i, false};
    for (uint32_t i = 0; i < s->event_count; i++) {
        const struct scenario_event *e = &s->events[i];

        if (!is_change(e->kind))
            continue;
        b->moments[b->moment_count++] = (struct moment){e->at_ns, i, NONE, false};
        if (e->for_ns)
            b->moments[b->moment_count++] = (struct moment){e->at_ns + e->for_ns, i, NONE, true};
    }
    qsort(b->moments, b->moment_count, sizeof *b->moments, compare);
}

/* ---- what an event concerns ---- */

static int compare_items(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void prepare_event(struct builder *b, uint32_t event)
{
    const struct scenario_event *e = &b->s->events[event];
    uint32_t *pairs;

    if (e->kind == SCENARIO_BANDWIDTH) {
        b->hit_count[event] = scenario_select(b->s, b->nodes, event, &b->hit[event]);
        return;
    }
    pairs = mem_grow(NULL, e->pair_count, sizeof *pairs);
    for (uint32_t i = 0; i < e->pair_count; i++)
        pairs[i] = e->pairs[i].from * b->s->network.region_count + e->pairs[i].to;
    qsort(pairs, e->pair_count, sizeof *pairs, compare_items);
    b->hit[event] = pairs;
    b->hit_count[event] = e->pair_count;
}

static bool hits(const struct builder *b, uint32_t event, uint32_t item)
{
    const uint32_t *items = b->hit[event];
    uint32_t low = 0, high = b->hit_count[event];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->hit_count[event] && items[low] == item;
}

/* ---- what comes of it ---- */

static struct timeline_step *step_add(struct timeline *t, uint64_t at_ns, enum timeline_kind kind)
{
    if (t->step_count == t->step_room) {
        t->step_room = t->step_room ? 2 * t->step_room : 64;
        t->steps = mem_grow(t->steps, t->step_room, sizeof *t->steps);
    }
    t->steps[t->step_count] = (struct timeline_step){.at_ns = at_ns, .kind = kind};
    return &t->steps[t->step_count++];
}

static struct timeline_step *pair_step_add(struct builder *b, uint64_t at_ns, enum timeline_kind kind, uint32_t pair)
{
    struct timeline_step *step = step_add(b->out, at_ns, kind);

    step->from = pair / b->s->network.region_count;
    step->to = pair % b->s->network.region_count;
    return step;
}

static uint64_t times(uint64_t value, uint32_t factor_ppm)
{
    uint64_t result = mul_div(value, factor_ppm, PPM);

    return result > ((uint64_t)1 << 60) ? (uint64_t)1 << 60 : result;
}

static uint64_t latency_times(uint64_t ns, uint32_t factor_ppm)
{
    uint64_t least = ns < TIMELINE_LATENCY_MIN_NS ? ns : TIMELINE_LATENCY_MIN_NS, result = times(ns, factor_ppm);

    return result < least ? least : result;
}

static void work_out_latency(struct builder *b, uint64_t at_ns, uint32_t pair)
{
    uint64_t ns = b->base_ns[pair], *least = &b->out->latency_least_ns[pair];

    for (uint32_t i = 0; i < b->held_count; i++) {
        const struct scenario_event *e = &b->s->events[b->held[i]];

        if (e->kind == SCENARIO_LATENCY && hits(b, b->held[i], pair))
            ns = e->latency_ns ? e->latency_ns : latency_times(ns, e->factor_ppm);
    }
    if (ns == b->now_ns[pair])
        return;
    b->now_ns[pair] = ns;
    *least = ns < *least ? ns : *least;
    pair_step_add(b, at_ns, TIMELINE_LATENCY, pair)->latency_ns = ns;
}

static void work_out_loss(struct builder *b, uint64_t at_ns, uint32_t pair)
{
    struct timeline_step *step = pair_step_add(b, at_ns, TIMELINE_LOSS, pair);

    step->loss = b->s->network.loss ? b->s->network.loss[pair] : (struct gilbert){0};
    for (uint32_t i = 0; i < b->held_count; i++)
        if (b->s->events[b->held[i]].kind == SCENARIO_LOSS && hits(b, b->held[i], pair))
            step->loss = b->s->events[b->held[i]].loss;
}

/* A link without a limit has none at any factor. */
static uint64_t bandwidth_of(uint64_t bps, uint64_t set_bps, uint32_t factor_ppm)
{
    uint64_t result = factor_ppm ? times(bps, factor_ppm) : set_bps ? set_bps : bps;

    return bps && result == 0 ? 1 : result;
}

static void work_out_bandwidth(struct builder *b, uint64_t at_ns, uint32_t node)
{
    struct timeline_step *step = step_add(b->out, at_ns, TIMELINE_BANDWIDTH);

    step->node = node;
    step->up_bps = b->nodes[node].up_bps;
    step->down_bps = b->nodes[node].down_bps;
    for (uint32_t i = 0; i < b->held_count; i++) {
        const struct scenario_event *e = &b->s->events[b->held[i]];

        if (e->kind != SCENARIO_BANDWIDTH || !hits(b, b->held[i], node))
            continue;
        step->up_bps = bandwidth_of(step->up_bps, e->up_bps, e->factor_ppm);
        step->down_bps = bandwidth_of(step->down_bps, e->down_bps, e->factor_ppm);
    }
}

/* ---- moment by moment ---- */

static void apply_row(struct builder *b, const struct scenario_latency_row *row)
{
    const struct scenario_network *n = &b->s->network;
    uint32_t regions = n->region_count;

    for (uint32_t from = row->from == SCENARIO_NONE ? 0 : row->from; from < regions; from++) {
        for (uint32_t to = row->to == SCENARIO_NONE ? 0 : row->to; to < regions; to++) {
            uint32_t pair = from * regions + to;

            b->base_ns[pair] = row->latency_ns ? row->latency_ns : latency_times(n->latency_ns[pair], row->factor_ppm);
            work_out_latency(b, row->at_ns, pair);
            if (row->to != SCENARIO_NONE)
                break;
        }
        if (row->from != SCENARIO_NONE)
            break;
    }
}

static void hold(struct builder *b, uint32_t event, bool ends)
{
    uint32_t kept = 0;

    if (!ends) {
        b->held[b->held_count++] = event;
        return;
    }
    for (uint32_t i = 0; i < b->held_count; i++)
        if (b->held[i] != event)
            b->held[kept++] = b->held[i];
    b->held_count = kept;
}

static void apply_event(struct builder *b, const struct moment *m)
{
    const struct scenario_event *e = &b->s->events[m->event];

    hold(b, m->event, m->ends);
    for (uint32_t i = 0; i < b->hit_count[m->event]; i++) {
        if (e->kind == SCENARIO_LATENCY)
            work_out_latency(b, m->at_ns, b->hit[m->event][i]);
        else if (e->kind == SCENARIO_LOSS)
            work_out_loss(b, m->at_ns, b->hit[m->event][i]);
        else
            work_out_bandwidth(b, m->at_ns, b->hit[m->event][i]);
    }
}

static void *latencies_copy(const struct scenario *s)
{
    uint64_t *copy = mem_grow(NULL, cells(s), sizeof *copy);

    memcpy(copy, s->network.latency_ns, cells(s) * sizeof *copy);
    return copy;
}

void timeline_build(const struct scenario *s, const struct scenario_node *nodes, struct timeline *out)
{
    struct builder b = {.s = s, .nodes = nodes, .out = out};

    memset(out, 0, sizeof *out);
    list_moments(&b);
    if (b.moment_count > 0) {
        b.held = mem_grow(NULL, s->event_count + 1, sizeof *b.held);
        b.hit = mem_zalloc((s->event_count + 1) * sizeof(uint32_t *));
        b.hit_count = mem_zalloc((s->event_count + 1) * sizeof *b.hit_count);
        b.base_ns = latencies_copy(s);
        b.now_ns = latencies_copy(s);
        out->latency_least_ns = latencies_copy(s);
        for (uint32_t i = 0; i < s->event_count; i++)
            if (is_change(s->events[i].kind))
                prepare_event(&b, i);
    }
    for (uint32_t i = 0; i < b.moment_count; i++) {
        if (b.moments[i].event == NONE)
            apply_row(&b, &s->network.latency_rows[b.moments[i].row]);
        else
            apply_event(&b, &b.moments[i]);
    }
    for (uint32_t i = 0; b.moment_count > 0 && i < s->event_count; i++)
        mem_free(b.hit[i]);
    mem_free(b.hit);
    mem_free(b.hit_count);
    mem_free(b.held);
    mem_free(b.base_ns);
    mem_free(b.now_ns);
    mem_free(b.moments);
}

void timeline_free(struct timeline *t)
{
    mem_free(t->steps);
    mem_free(t->latency_least_ns);
    memset(t, 0, sizeof *t);
}
