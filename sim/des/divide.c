/* Single-linkage clustering: at a threshold, regions that are nearer than that to each other belong together, and a region
 * whose own hosts are nearer than that is whole. Any way to distribute such parts has at least the threshold as its
 * lookahead. The smallest threshold that is enough is chosen, or else the largest whose parts can be packed evenly. */
#include "sim/des/divide.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct link_edge { /* of the minimal spanning tree of the regions */
    uint32_t a, b;
    uint64_t ns;
};

struct part { /* regions that stay together */
    uint64_t weight;
    uint32_t first; /* its lowest region: its name */
};

struct divider {
    const struct divide_problem *p;
    uint32_t *used, used_count; /* regions with hosts */
    uint32_t *order;            /* hosts, region after region */
    uint64_t *own_ns, *weights; /* of each region: the latency within, and the work */
    struct link_edge *tree;     /* used_count - 1 */
    uint32_t *part_of;          /* region -> the lowest region of its part */
    uint32_t *lane_of;          /* part -> lane; NONE: its hosts are dealt out one by one */
    uint64_t *loads;            /* of lanes */
    uint32_t *lanes;
};

static uint64_t between_ns(const struct divide_problem *p, uint32_t a, uint32_t b)
{
    uint64_t there = p->least_ns(p->ctx, a, b), back = p->least_ns(p->ctx, b, a);

    return there < back ? there : back;
}

static void weigh(struct divider *v)
{
    const struct divide_problem *p = v->p;

    for (uint32_t i = 0; i < p->host_count; i++) {
        CHECK(p->regions[i] < p->region_count && p->weights[i] > 0);
        v->weights[p->regions[i]] += p->weights[i];
    }
    for (uint32_t r = 0; r < p->region_count; r++)
        if (v->weights[r]) {
            v->used[v->used_count++] = r;
            v->own_ns[r] = p->least_ns(p->ctx, r, r);
        }
}

/* So that each region's hosts go round the lanes. */
static void sort_hosts(struct divider *v)
{
    const struct divide_problem *p = v->p;
    uint32_t *next = mem_zalloc(((size_t)p->region_count + 1) * sizeof *next);

    for (uint32_t i = 0; i < p->host_count; i++)
        next[p->regions[i] + 1]++;
    for (uint32_t r = 0; r < p->region_count; r++)
        next[r + 1] += next[r];
    for (uint32_t i = 0; i < p->host_count; i++)
        v->order[next[p->regions[i]]++] = i;
    mem_free(next);
}

/* Prim's algorithm. */
static void span(struct divider *v)
{
    uint64_t *near_ns = mem_grow(NULL, v->used_count, sizeof *near_ns);
    uint32_t *from = mem_zalloc(v->used_count * sizeof *from), last = 0;
    bool *inside = mem_zalloc(v->used_count * sizeof *inside);

    for (uint32_t i = 0; i < v->used_count; i++)
        near_ns[i] = UINT64_MAX;
    inside[0] = true;
    for (uint32_t edge = 0; edge + 1 < v->used_count; edge++) {
        uint32_t best = NONE;

        for (uint32_t i = 0; i < v->used_count; i++) {
            uint64_t ns = inside[i] ? 0 : between_ns(v->p, v->used[last], v->used[i]);

            if (inside[i])
                continue;
            if (ns < near_ns[i]) {
                near_ns[i] = ns;
                from[i] = last;
            }
            if (best == NONE || near_ns[i] < near_ns[best])
                best = i;
        }
        v->tree[edge] = (struct link_edge){v->used[from[best]], v->used[best], near_ns[best]};
        inside[best] = true;
        last = best;
    }
    mem_free(near_ns);
    mem_free(from);
    mem_free(inside);
}

static uint32_t root(struct divider *v, uint32_t region)
{
    while (v->part_of[region] != region)
        region = v->part_of[region] = v->part_of[v->part_of[region]];
    return region;
}

/* Joins what is nearer than the threshold. */
static void join_parts(struct divider *v, uint64_t threshold_ns)
{
    for (uint32_t i = 0; i < v->used_count; i++)
        v->part_of[v->used[i]] = v->used[i];
    for (uint32_t i = 0; i + 1 < v->used_count; i++) {
        uint32_t a = root(v, v->tree[i].a), b = root(v, v->tree[i].b);

        if (v->tree[i].ns < threshold_ns)
            v->part_of[a < b ? b : a] = a < b ? a : b;
    }
}

/* The heaviest first; the region ends every tie. */
static int by_weight(const void *x, const void *y)
{
    const struct part *a = x, *b = y;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static uint32_t emptiest(const struct divider *v)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < v->p->lane_count; i++)
        if (v->loads[i] < v->loads[best])
            best = i;
    return best;
}

/* Each whole part into the emptiest lane, the heaviest first. */
static void pack_parts(struct divider *v, uint64_t threshold_ns)
{
    struct part *parts = mem_zalloc(v->used_count * sizeof *parts);
    uint32_t *sizes = mem_zalloc(v->p->region_count * sizeof *sizes), count = 0;
    uint64_t *sums = mem_zalloc(v->p->region_count * sizeof *sums);

    for (uint32_t i = 0; i < v->used_count; i++) {
        uint32_t part = root(v, v->used[i]);

        sizes[part]++;
        sums[part] += v->weights[v->used[i]];
    }
    for (uint32_t i = 0; i < v->used_count; i++) {
        uint32_t part = v->used[i];

        v->lane_of[part] = NONE;
        if (sizes[part] > 1 || (sizes[part] == 1 && v->own_ns[part] < threshold_ns))
            parts[count++] = (struct part){sums[part], part};
    }
    qsort(parts, count, sizeof *parts, by_weight);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t lane = emptiest(v);

        v->lane_of[parts[i].first] = lane;
        v->loads[lane] += parts[i].weight;
    }
    mem_free(parts);
    mem_free(sizes);
    mem_free(sums);
}

/* Packs at a threshold; true when the lanes come out even. */
static bool pack(struct divider *v, uint64_t threshold_ns)
{
    const struct divide_problem *p = v->p;
    uint64_t total = 0, most = 0;

    memset(v->loads, 0, p->lane_count * sizeof *v->loads);
    join_parts(v, threshold_ns);
    pack_parts(v, threshold_ns);
    for (uint32_t i = 0; i < p->host_count; i++) {
        uint32_t host = v->order[i], lane = v->lane_of[root(v, p->regions[host])];

        if (lane == NONE) {
            lane = emptiest(v);
            v->loads[lane] += p->weights[host];
        }
        v->lanes[host] = lane;
    }
    for (uint32_t i = 0; i < p->lane_count; i++) {
        total += v->loads[i];
        most = v->loads[i] > most ? v->loads[i] : most;
    }
    return most <= total / p->lane_count + total / p->lane_count * DIVIDE_UNEVEN_PPM / 1000000;
}

static int by_value(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

/* The latencies at which the parts change, by rising value, each once. */
static uint32_t thresholds(const struct divider *v, uint64_t *all)
{
    uint32_t count = 0, kept = 0;

    for (uint32_t i = 0; i < v->used_count; i++) {
        all[count++] = v->own_ns[v->used[i]];
        if (i + 1 < v->used_count)
            all[count++] = v->tree[i].ns;
    }
    qsort(all, count, sizeof *all, by_value);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || all[i] != all[i - 1])
            all[kept++] = all[i];
    return kept;
}

/* At the lowest threshold nothing is joined: that always does. Halving supposes that a smaller one packs no worse, which
 * is nearly so. */
static void choose(struct divider *v)
{
    uint64_t *all = mem_grow(NULL, 2 * (size_t)v->used_count, sizeof *all);
    uint32_t count = thresholds(v, all), low = 0, high = 0;

    while (high < count && all[high] < v->p->enough_ns)
        high++;
    if (high < count && pack(v, all[high]))
        low = high;
    while (high > low + 1) {
        uint32_t middle = low + (high - low) / 2;

        if (pack(v, all[middle]))
            low = middle;
        else
            high = middle;
    }
    pack(v, all[low]);
    mem_free(all);
}

/* What the lanes really have between them. */
static uint64_t lookahead_ns(const struct divider *v)
{
    const struct divide_problem *p = v->p;
    uint32_t *lane = mem_grow(NULL, p->region_count, sizeof *lane); /* of a region; NONE: of several lanes */
    bool *seen = mem_zalloc(p->region_count * sizeof *seen);
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < p->host_count; i++) {
        uint32_t r = p->regions[i];

        lane[r] = !seen[r] || lane[r] == v->lanes[i] ? v->lanes[i] : NONE;
        seen[r] = true;
    }
    for (uint32_t i = 0; i < v->used_count; i++)
        for (uint32_t j = 0; j <= i; j++) {
            uint32_t a = v->used[i], b = v->used[j];

            if (lane[a] == NONE || lane[a] != lane[b]) {
                uint64_t ns = between_ns(p, a, b);

                least = ns < least ? ns : least;
            }
        }
    mem_free(lane);
    mem_free(seen);
    return least;
}

uint64_t divide(const struct divide_problem *p, uint32_t *lanes)
{
    struct divider v = {.p = p, .lanes = lanes};
    uint64_t least;

    CHECK(p->host_count > 0 && p->lane_count > 0);
    v.used = mem_zalloc(p->region_count * sizeof *v.used);
    v.order = mem_zalloc(p->host_count * sizeof *v.order);
    v.own_ns = mem_zalloc(p->region_count * sizeof *v.own_ns);
    v.weights = mem_zalloc(p->region_count * sizeof *v.weights);
    v.part_of = mem_zalloc(p->region_count * sizeof *v.part_of);
    v.lane_of = mem_zalloc(p->region_count * sizeof *v.lane_of);
    v.loads = mem_zalloc(p->lane_count * sizeof *v.loads);
    weigh(&v);
    sort_hosts(&v);
    v.tree = mem_grow(NULL, v.used_count, sizeof *v.tree);
    span(&v);
    choose(&v);
    least = lookahead_ns(&v);
    mem_free(v.used);
    mem_free(v.order);
    mem_free(v.own_ns);
    mem_free(v.weights);
    mem_free(v.part_of);
    mem_free(v.lane_of);
    mem_free(v.loads);
    mem_free(v.tree);
    return least;
}
