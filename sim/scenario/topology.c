/* Builds the dials kind by kind, without repeats, and looks at the parts of the graph. */
#include "sim/scenario/topology.h"

#include "sim/scenario/graph.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct builder {
    const struct scenario *s;
    const struct scenario_topology *p; /* the one at hand */
    struct rng rng;
    uint64_t graph_seed;
    uint32_t *nodes; /* of p: the ones among which it connects, or that are dialled */
    uint32_t node_count;
    struct scenario_edge *dials, *directs; /* of `directs` each end is the other's */
    uint32_t dial_count, dial_room, direct_count, direct_room;
    uint64_t *pairs; /* open addressing; lower node << 32 | higher node, plus 1, and perhaps PAIR_DIRECT; 0: empty */
    uint32_t pair_room, short_count;
    bool *unreachable; /* by node */
    uint32_t left_out_count, dead_count; /* links between unreachable nodes; dials to them */
};

#define PAIR_DIRECT (1ull << 63)

static uint64_t pair_key(uint32_t a, uint32_t b)
{
    return (a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a) + 1;
}

/* The slot of the key, or the empty one where it belongs. */
static uint64_t *pair_slot(const struct builder *b, uint64_t key)
{
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & (b->pair_room - 1);

    while (b->pairs[at] && (b->pairs[at] & ~PAIR_DIRECT) != key)
        at = (at + 1) & (b->pair_room - 1);
    return &b->pairs[at];
}

static void pairs_grow(struct builder *b)
{
    uint64_t *old = b->pairs;
    uint32_t old_room = b->pair_room;

    b->pair_room = old_room ? 2 * old_room : 1024;
    b->pairs = mem_zalloc(b->pair_room * sizeof *b->pairs);
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i])
            *pair_slot(b, old[i] & ~PAIR_DIRECT) = old[i];
    }
    mem_free(old);
}

static bool linked(const struct builder *b, uint32_t x, uint32_t y)
{
    return b->dial_count > 0 && *pair_slot(b, pair_key(x, y)) != 0;
}

static struct scenario_edge *edge_add(struct scenario_edge *edges, uint32_t *count, uint32_t *room, uint32_t from, uint32_t to)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 1024;
        edges = mem_grow(edges, *room, sizeof *edges);
    }
    edges[(*count)++] = (struct scenario_edge){from, to};
    return edges;
}

/* False when the two are connected already. */
static bool dial(struct builder *b, uint32_t from, uint32_t to)
{
    uint64_t *slot;
    bool known;

    CHECK(from != to);
    if (b->dial_count >= b->pair_room / 2)
        pairs_grow(b);
    slot = pair_slot(b, pair_key(from, to));
    known = *slot != 0;
    *slot |= pair_key(from, to);
    if (b->p->direct && !(*slot & PAIR_DIRECT)) {
        *slot |= PAIR_DIRECT;
        b->directs = edge_add(b->directs, &b->direct_count, &b->direct_room, from, to);
    }
    if (known)
        return false;
    b->dials = edge_add(b->dials, &b->dial_count, &b->dial_room, from, to);
    return true;
}

/* A link of which either end may dial, if it can: not one that is unreachable. */
static void join(struct builder *b, uint32_t x, uint32_t y)
{
    bool turned = rng_chance(&b->rng, 1, 2);
    uint32_t from = turned ? y : x, to = turned ? x : y;

    if (b->unreachable[x] && b->unreachable[y])
        b->left_out_count++;
    else if (b->unreachable[to])
        dial(b, to, from);
    else
        dial(b, from, to);
}

static void list_nodes(struct builder *b)
{
    uint32_t fanout[1] = {b->p->to};
    const uint32_t *groups = b->p->kind == TOPOLOGY_FANOUT ? fanout : b->p->groups;
    uint32_t group_count = b->p->kind == TOPOLOGY_FANOUT ? 1 : b->p->group_count;

    b->node_count = 0;
    for (uint32_t i = 0; i < group_count; i++) {
        const struct scenario_group *g = &b->s->groups[groups[i]];

        for (uint32_t k = 0; k < g->count; k++)
            b->nodes[b->node_count++] = g->node_first + k;
    }
}

static const char *build_graph(struct builder *b, struct graph *out)
{
    const struct scenario_topology *p = b->p;

    switch (p->kind) {
    case TOPOLOGY_RANDOM_REGULAR:
        return graph_random_regular(b->graph_seed, b->node_count, p->degree, out);
    case TOPOLOGY_ERDOS_RENYI:
        return graph_erdos_renyi(b->graph_seed, b->node_count, p->probability_ppb, out);
    case TOPOLOGY_WATTS_STROGATZ:
        return graph_watts_strogatz(b->graph_seed, b->node_count, p->degree, p->rewire_ppb, out);
    case TOPOLOGY_BARABASI_ALBERT:
        return graph_barabasi_albert(b->graph_seed, b->node_count, p->degree, out);
    case TOPOLOGY_RANDOM_AT_LEAST:
    case TOPOLOGY_STAR:
    case TOPOLOGY_LINE:
    case TOPOLOGY_RING:
    case TOPOLOGY_FULL:
    case TOPOLOGY_FANOUT:
    case TOPOLOGY_LIST:
    case TOPOLOGY_GML:
    case TOPOLOGY_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

static const char *build_random_graph(struct builder *b)
{
    struct graph g = {0};
    const char *wrong = build_graph(b, &g);

    for (uint32_t i = 0; i < g.edge_count; i++)
        join(b, b->nodes[g.edges[i].a], b->nodes[g.edges[i].b]);
    graph_free(&g);
    return wrong;
}

/* `from` dials up to `wanted` nodes that it is not connected to, drawn without replacement; returns
 * how many. Each try moves one node to the end of b->nodes, whose order does not matter otherwise.
 */
static uint32_t dial_random(struct builder *b, uint32_t from, uint32_t wanted)
{
    uint32_t made = 0;

    for (uint32_t left = b->node_count; left > 0 && made < wanted; left--) {
        uint32_t at = (uint32_t)rng_below(&b->rng, left), to = b->nodes[at];

        b->nodes[at] = b->nodes[left - 1];
        b->nodes[left - 1] = to;
        if (to != from && !b->unreachable[to] && !linked(b, from, to))
            made += dial(b, from, to);
    }
    return made;
}

static void build_fanout(struct builder *b)
{
    const struct scenario_group *g = &b->s->groups[b->p->from];

    for (uint32_t i = 0; i < g->count; i++)
        b->short_count += dial_random(b, g->node_first + i, b->p->degree) < b->p->degree;
}

/* In order, each node dials until it has `degree` links, those that others made counted. */
static void build_at_least(struct builder *b)
{
    uint32_t *order = mem_grow(NULL, b->node_count, sizeof *order);
    uint32_t *degrees = mem_zalloc(b->s->node_count * sizeof *degrees);

    memcpy(order, b->nodes, b->node_count * sizeof *order);
    for (uint32_t i = 0; i < b->dial_count; i++) {
        degrees[b->dials[i].from]++;
        degrees[b->dials[i].to]++;
    }
    for (uint32_t i = 0; i < b->node_count; i++) {
        uint32_t node = order[i], before = b->dial_count, has = degrees[node];

        if (has < b->p->degree)
            dial_random(b, node, b->p->degree - has);
        degrees[node] += b->dial_count - before;
        for (uint32_t k = before; k < b->dial_count; k++)
            degrees[b->dials[k].to]++;
    }
    mem_free(degrees);
    mem_free(order);
}

static void build_star(struct builder *b)
{
    for (uint32_t i = 0; i < b->node_count; i++) {
        if (b->nodes[i] != b->p->center)
            dial(b, b->nodes[i], b->p->center);
    }
}

static void build_line(struct builder *b)
{
    for (uint32_t i = 0; i + 1 < b->node_count; i++)
        dial(b, b->nodes[i], b->nodes[i + 1]);
    if (b->p->kind == TOPOLOGY_RING)
        dial(b, b->nodes[b->node_count - 1], b->nodes[0]);
}

static void build_full(struct builder *b)
{
    for (uint32_t i = 0; i < b->node_count; i++) {
        for (uint32_t k = i + 1; k < b->node_count; k++)
            join(b, b->nodes[i], b->nodes[k]);
    }
}

static const char *build_one(struct builder *b)
{
    list_nodes(b);
    switch (b->p->kind) {
    case TOPOLOGY_RANDOM_REGULAR:
    case TOPOLOGY_ERDOS_RENYI:
    case TOPOLOGY_WATTS_STROGATZ:
    case TOPOLOGY_BARABASI_ALBERT:
        return build_random_graph(b);
    case TOPOLOGY_RANDOM_AT_LEAST:
        build_at_least(b);
        return NULL;
    case TOPOLOGY_STAR:
        build_star(b);
        return NULL;
    case TOPOLOGY_LINE:
    case TOPOLOGY_RING:
        build_line(b);
        return NULL;
    case TOPOLOGY_FULL:
        build_full(b);
        return NULL;
    case TOPOLOGY_FANOUT:
        build_fanout(b);
        return NULL;
    case TOPOLOGY_LIST:
    case TOPOLOGY_GML:
        for (uint32_t i = 0; i < b->p->edge_count; i++)
            dial(b, b->p->edges[i].from, b->p->edges[i].to);
        return NULL;
    case TOPOLOGY_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

/* Dials by dialler, each dialler's own order kept. */
static void sort_dials(const struct builder *b, struct topology *out)
{
    uint32_t nodes = b->s->node_count, *next = mem_zalloc((nodes + 2) * sizeof *next);

    out->dials = mem_grow(NULL, b->dial_count, sizeof *out->dials);
    out->dial_count = b->dial_count;
    for (uint32_t i = 0; i < b->dial_count; i++)
        next[b->dials[i].from + 2]++;
    for (uint32_t i = 2; i < nodes + 2; i++)
        next[i] += next[i - 1];
    for (uint32_t i = 0; i < b->dial_count; i++)
        out->dials[next[b->dials[i].from + 1]++] = b->dials[i];
    CHECK(next[nodes] == b->dial_count); /* next[i] is where node i begins now */
    out->first = next;
}

static void list_directs(const struct builder *b, struct topology *out)
{
    uint32_t nodes = b->s->node_count, *next;

    if (b->direct_count == 0)
        return;
    next = mem_zalloc((nodes + 2) * sizeof *next);
    out->directs = mem_grow(NULL, 2 * b->direct_count, sizeof *out->directs);
    for (uint32_t i = 0; i < b->direct_count; i++) {
        next[b->directs[i].from + 2]++;
        next[b->directs[i].to + 2]++;
    }
    for (uint32_t i = 2; i < nodes + 2; i++)
        next[i] += next[i - 1];
    for (uint32_t i = 0; i < b->direct_count; i++) {
        out->directs[next[b->directs[i].from + 1]++] = b->directs[i].to;
        out->directs[next[b->directs[i].to + 1]++] = b->directs[i].from;
    }
    out->direct_first = next;
}

static uint32_t root_of(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}

/* Counts the parts of the graph, without the dials that must fail; returns the size of the largest. */
static uint32_t measure_parts(const struct builder *b, struct topology *t)
{
    const struct scenario *s = b->s;
    uint32_t *parents = mem_grow(NULL, s->node_count, sizeof *parents);
    uint32_t *sizes = mem_zalloc(s->node_count * sizeof *sizes), largest = 0;

    for (uint32_t i = 0; i < s->node_count; i++)
        parents[i] = i;
    for (uint32_t i = 0; i < t->dial_count; i++)
        if (!b->unreachable[t->dials[i].to])
            parents[root_of(parents, t->dials[i].from)] = root_of(parents, t->dials[i].to);
    for (uint32_t i = 0; i < s->node_count; i++)
        sizes[root_of(parents, i)]++;
    t->part_count = t->isolated_count = 0;
    for (uint32_t i = 0; i < s->node_count; i++) {
        t->part_count += sizes[i] > 0;
        t->isolated_count += sizes[i] == 1;
        largest = sizes[i] > largest ? sizes[i] : largest;
    }
    mem_free(parents);
    mem_free(sizes);
    return largest;
}

static void describe(const struct builder *b, struct topology *t)
{
    const struct scenario *s = b->s;
    uint32_t largest = measure_parts(b, t);
    char text[1024];
    int used;

    if (t->part_count == 1 && b->short_count + b->left_out_count + b->dead_count == 0)
        return;
    used = snprintf(text, sizeof text,
                    "%.700s:", s->topology_count ? s->topologies[0].place : s->name);
    if (b->short_count > 0)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         " %" PRIu32 " nodes find fewer nodes to dial than their degree;",
                         b->short_count);
    if (b->left_out_count > 0)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         " %" PRIu32 " links between unreachable nodes are left out;", b->left_out_count);
    if (b->dead_count > 0)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         " %" PRIu32 " dials go to unreachable nodes, and will fail;", b->dead_count);
    if (t->part_count > 1)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         " the graph has %" PRIu32 " parts, the largest of %" PRIu32 " of %" PRIu32
                         " nodes; %" PRIu32 " nodes have no link;",
                         t->part_count, largest, s->node_count, t->isolated_count);
    text[used - 1] = '\0';
    t->warning = mem_strdup(text);
}

int topology_build(const struct scenario *s, struct topology *out, struct scenario_error *err)
{
    struct builder b = {.s = s};
    const char *wrong = NULL;

    memset(out, 0, sizeof *out);
    b.nodes = mem_grow(NULL, s->node_count, sizeof *b.nodes);
    b.unreachable = mem_zalloc(s->node_count * sizeof *b.unreachable);
    for (uint32_t i = 0; i < s->group_count; i++)
        for (uint32_t k = 0; k < s->groups[i].count; k++)
            b.unreachable[s->groups[i].node_first + k] = s->groups[i].reach == SCENARIO_UNREACHABLE;
    for (uint32_t i = 0; i < s->topology_count && !wrong; i++) {
        b.p = &s->topologies[i];
        b.graph_seed = rng_derive(s->seed, "graph", i);
        rng_init(&b.rng, rng_derive(s->seed, "topology", i), "dials");
        wrong = build_one(&b);
        if (wrong)
            snprintf(err->text, sizeof err->text, "%.700s: %s: %.200s", b.p->place,
                     topology_kind_text(b.p->kind), wrong);
    }
    if (!wrong) {
        sort_dials(&b, out);
        list_directs(&b, out);
        for (uint32_t i = 0; i < out->dial_count; i++)
            b.dead_count += b.unreachable[out->dials[i].to];
        describe(&b, out);
    }
    mem_free(b.nodes);
    mem_free(b.unreachable);
    mem_free(b.pairs);
    mem_free(b.dials);
    mem_free(b.directs);
    return wrong ? ERR_INVALID : 0;
}

void topology_free(struct topology *t)
{
    mem_free(t->dials);
    mem_free(t->first);
    mem_free(t->directs);
    mem_free(t->direct_first);
    mem_free(t->warning);
    memset(t, 0, sizeof *t);
}
