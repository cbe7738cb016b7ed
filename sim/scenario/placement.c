/* Draws for each node, always the same number of them, so that one group's settings shift no other
 * node. */
#include "sim/scenario/placement.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <inttypes.h>
#include <stdio.h>

static void place(const struct scenario *s, struct scenario_node *node)
{
    const struct scenario_network *n = &s->network;
    const struct scenario_group *g = &s->groups[node->group];
    struct rng r;

    rng_init(&r, rng_derive(s->seed, "placement", node->index), "node");
    node->region = g->region;
    if (node->region == SCENARIO_NONE)
        node->region = sample_weighted(&r, g->region_weights, n->region_count);
    node->class = g->class;
    if (node->class == SCENARIO_NONE && n->class_count > 0)
        node->class = sample_weighted(&r, g->class_weights, n->class_count);
    node->start_ns = g->start_ns;
    if (g->start_spread_ns > 0)
        node->start_ns += rng_below(&r, g->start_spread_ns);
    node->cores = s->cpu.cores;
    node->speed_ppm = s->cpu.speed_ppm;
    if (node->class != SCENARIO_NONE && n->classes[node->class].cores)
        node->cores = n->classes[node->class].cores;
    if (node->class != SCENARIO_NONE && n->classes[node->class].speed_ppm)
        node->speed_ppm = n->classes[node->class].speed_ppm;
    if (node->class == SCENARIO_NONE) {
        node->up_bps = n->regions[node->region].up_bps;
        node->down_bps = n->regions[node->region].down_bps;
    } else {
        node->up_bps = n->classes[node->class].up_bps;
        node->down_bps = n->classes[node->class].down_bps;
    }
}

struct scenario_node *scenario_expand(const struct scenario *s)
{
    struct scenario_node *nodes = mem_zalloc(s->node_count * sizeof *nodes);

    for (uint32_t g = 0; g < s->group_count; g++) {
        for (uint32_t i = 0; i < s->groups[g].count; i++) {
            struct scenario_node *node = &nodes[s->groups[g].node_first + i];

            node->index = s->groups[g].node_first + i;
            node->group = g;
            node->number = i;
            place(s, node);
        }
    }
    return nodes;
}

uint64_t scenario_node_latency_ns(const struct scenario *s, const struct scenario_node *from,
                                  const struct scenario_node *to)
{
    const struct scenario_node_latency *rows = s->network.node_latencies;
    uint32_t low = 0, high = s->network.node_latency_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct scenario_node_latency *row = &rows[middle];

        if (row->from == from->index && row->to == to->index)
            return row->latency_ns;
        if (row->from < from->index || (row->from == from->index && row->to < to->index))
            low = middle + 1;
        else
            high = middle;
    }
    return scenario_latency_ns(s, from->region, to->region);
}

const char *scenario_node_name(const struct scenario *s, uint32_t index,
                               char out[static SCENARIO_NODE_NAME_SIZE])
{
    uint32_t g = 0;

    CHECK(index < s->node_count);
    while (index - s->groups[g].node_first >= s->groups[g].count)
        g++;
    snprintf(out, SCENARIO_NODE_NAME_SIZE, "%s-%" PRIu32, s->groups[g].name,
             index - s->groups[g].node_first);
    return out;
}

static bool listed(const uint32_t *items, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == item)
            return true;
    }
    return false;
}

static bool matches(const struct scenario_selector *who, const struct scenario_node *node)
{
    if (who->region_count + who->group_count + who->class_count + who->node_count == 0)
        return true;
    return listed(who->regions, who->region_count, node->region) ||
           listed(who->groups, who->group_count, node->group) ||
           listed(who->classes, who->class_count, node->class) ||
           listed(who->nodes, who->node_count, node->index);
}

static uint32_t select_join(const struct scenario *s, uint32_t event, uint32_t *items)
{
    const struct scenario_selector *who = &s->events[event].who;
    uint32_t first = s->groups[who->groups[0]].node_first;

    for (uint32_t i = 0; i < event; i++) {
        const struct scenario_event *e = &s->events[i];

        if (e->kind == SCENARIO_JOIN && e->who.groups[0] == who->groups[0])
            first += e->who.count;
    }
    for (uint32_t i = 0; i < who->count; i++)
        items[i] = first + i;
    return who->count;
}

/* Keeps `wanted` of the items, drawn without replacement, in their order. */
static uint32_t keep_some(struct rng *r, uint32_t *items, uint32_t count, uint32_t wanted)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count && kept < wanted; i++) {
        if (rng_chance(r, wanted - kept, count - i))
            items[kept++] = items[i];
    }
    return kept;
}

uint32_t scenario_select(const struct scenario *s, const struct scenario_node *nodes,
                         uint32_t event, uint32_t **out)
{
    const struct scenario_selector *who = &s->events[event].who;
    uint32_t *items = mem_alloc(s->node_count * sizeof *items), count = 0;
    struct rng r;

    CHECK(event < s->event_count);
    *out = items;
    if (s->events[event].kind == SCENARIO_HEAL || s->events[event].kind == SCENARIO_LATENCY ||
        s->events[event].kind == SCENARIO_LOSS)
        return 0;
    if (s->events[event].kind == SCENARIO_JOIN)
        return select_join(s, event, items);
    for (uint32_t i = 0; i < s->node_count; i++) {
        if (matches(who, &nodes[i]))
            items[count++] = i;
    }
    rng_init(&r, rng_derive(s->seed, "selection", event), "nodes");
    if (who->share_ppm > 0)
        return keep_some(&r, items, count,
                         (uint32_t)(((uint64_t)count * who->share_ppm + 500000) / 1000000));
    return who->count > 0 ? keep_some(&r, items, count, who->count) : count;
}
