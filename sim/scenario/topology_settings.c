/* The `topology` section: one mapping, or a list of mappings whose dials add up. What cannot be
 * built is refused here, so that topology_build has nothing left to refuse. */
#include "sim/scenario/gml.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPOLOGIES_MAX 1000u
#define EDGES_MAX 500000u /* of a list */

static const char *const kind_names[] = {
    [TOPOLOGY_RANDOM_REGULAR] = "random-regular",
    [TOPOLOGY_RANDOM_AT_LEAST] = "random-at-least",
    [TOPOLOGY_ERDOS_RENYI] = "erdos-renyi",
    [TOPOLOGY_WATTS_STROGATZ] = "watts-strogatz",
    [TOPOLOGY_BARABASI_ALBERT] = "barabasi-albert",
    [TOPOLOGY_STAR] = "star",
    [TOPOLOGY_LINE] = "line",
    [TOPOLOGY_RING] = "ring",
    [TOPOLOGY_FULL] = "full",
    [TOPOLOGY_FANOUT] = "fanout",
    [TOPOLOGY_LIST] = "list",
    [TOPOLOGY_GML] = "gml",
    [TOPOLOGY_KIND_COUNT] = NULL,
};

/* The keys that each kind takes besides `kind` and `direct`: the first `required` of them must be there. */
struct shape {
    uint32_t required;
    const char *keys[4];
};

static const struct shape shapes[TOPOLOGY_KIND_COUNT] = {
    [TOPOLOGY_RANDOM_REGULAR] = {1, {"degree", "among"}},
    [TOPOLOGY_RANDOM_AT_LEAST] = {1, {"degree", "among"}},
    [TOPOLOGY_ERDOS_RENYI] = {1, {"probability", "among"}},
    [TOPOLOGY_WATTS_STROGATZ] = {2, {"degree", "rewire", "among"}},
    [TOPOLOGY_BARABASI_ALBERT] = {1, {"edges_per_node", "among"}},
    [TOPOLOGY_STAR] = {0, {"center", "among"}},
    [TOPOLOGY_LINE] = {0, {"among"}},
    [TOPOLOGY_RING] = {0, {"among"}},
    [TOPOLOGY_FULL] = {0, {"among"}},
    [TOPOLOGY_FANOUT] = {3, {"from", "to", "degree"}},
    [TOPOLOGY_LIST] = {1, {"edges"}},
    [TOPOLOGY_GML] = {1, {"file", "among"}},
};

const char *topology_kind_text(enum topology_kind kind)
{
    return kind_names[kind];
}

static void check_keys(struct reader *r, const struct tree *t, enum topology_kind kind)
{
    const struct shape *shape = &shapes[kind];
    char allowed[120] = "";
    size_t used = 0;

    for (uint32_t i = 0; i < 4 && shape->keys[i]; i++) {
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "",
                                 shape->keys[i]);
        if (i < shape->required && !tree_find(t, shape->keys[i]))
            reader_fail(r, t, "%s is missing (%s needs it)", shape->keys[i], kind_names[kind]);
    }
    for (const struct tree *c = t->first; c; c = c->next) {
        bool fits = strcmp(c->key, "kind") == 0 || strcmp(c->key, "direct") == 0;

        for (uint32_t i = 0; i < 4 && shape->keys[i]; i++)
            fits = fits || strcmp(c->key, shape->keys[i]) == 0;
        if (!fits)
            reader_fail_key(r, c, "is not a key of %s (allowed: %s, direct)", kind_names[kind], allowed);
    }
}

static uint64_t count_nodes(const struct scenario *s, const struct scenario_topology *p)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < p->group_count; i++)
        count += s->groups[p->groups[i]].count;
    return count;
}

static bool has_node(const struct scenario_group *g, uint32_t node)
{
    return node >= g->node_first && node - g->node_first < g->count;
}

static bool is_among(const struct scenario *s, const struct scenario_topology *p, uint32_t node)
{
    for (uint32_t i = 0; i < p->group_count; i++)
        if (has_node(&s->groups[p->groups[i]], node))
            return true;
    return false;
}

static uint32_t nth_among(const struct scenario *s, const struct scenario_topology *p,
                          uint32_t index)
{
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct scenario_group *g = &s->groups[p->groups[i]];

        if (index < g->count)
            return g->node_first + index;
        index -= g->count;
    }
    UNREACHABLE();
}

static void read_among(struct reader *r, const struct tree *t, const struct scenario *s,
                       struct scenario_topology *p)
{
    const struct tree *among = tree_find(t, "among");

    if (among) {
        p->groups = group_list_read(r, s, among, &p->group_count);
        return;
    }
    p->groups = arena_alloc(r->arena, s->group_count, sizeof *p->groups);
    for (uint32_t i = 0; i < s->group_count; i++)
        p->groups[p->group_count++] = i;
}

static void read_center(struct reader *r, const struct tree *t, const struct scenario *s,
                        struct scenario_topology *p)
{
    const struct tree *center = tree_find(t, "center");

    p->center = nth_among(s, p, 0);
    if (!center)
        return;
    p->center = scenario_node_lookup(r, s, center);
    if (!r->failed && !is_among(s, p, p->center))
        reader_fail(r, center, "\"%.60s\" is not among the nodes of the star", center->text);
}

/* [a-0, a-1]: the first dials the second. */
static void read_edges(struct reader *r, const struct tree *t, const struct scenario *s,
                       struct scenario_topology *p)
{
    if (!reader_is(r, t, TREE_LIST, EDGES_MAX))
        return;
    p->edges = arena_alloc(r->arena, t->count, sizeof *p->edges);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        struct scenario_edge *e = &p->edges[p->edge_count++];

        if (!reader_is(r, c, TREE_LIST, 2))
            return;
        if (c->count != 2) {
            reader_fail(r, c, "must be two nodes: [dialler, listener]");
            return;
        }
        e->from = scenario_node_lookup(r, s, c->first);
        e->to = scenario_node_lookup(r, s, c->last);
        if (e->from == e->to)
            reader_fail(r, c, "a node cannot dial itself");
    }
}

static void read_gml(struct reader *r, const struct tree *t, const struct scenario *s,
                     struct scenario_topology *p)
{
    struct gml_graph g;
    uint64_t nodes = count_nodes(s, p);

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    gml_read(r, t, &g);
    if (!r->failed && g.vertex_count != nodes)
        reader_fail(r, t, "the file has %" PRIu32 " nodes, among has %" PRIu64, g.vertex_count,
                    nodes);
    p->edges = arena_alloc(r->arena, g.arc_count, sizeof *p->edges);
    for (uint32_t i = 0; i < g.arc_count && !r->failed; i++) {
        const struct gml_arc *arc = &g.arcs[i];

        if (arc->source == arc->target)
            reader_fail(r, arc->at, "a node cannot dial itself");
        else
            p->edges[p->edge_count++] =
                (struct scenario_edge){nth_among(s, p, arc->source), nth_among(s, p, arc->target)};
    }
    gml_free(&g);
}

/* How many dials the kind makes of `n` nodes, at most. */
static uint64_t count_dials(const struct scenario *s, const struct scenario_topology *p, uint64_t n)
{
    switch (p->kind) {
    case TOPOLOGY_RANDOM_REGULAR:
    case TOPOLOGY_WATTS_STROGATZ:
        return n * p->degree / 2;
    case TOPOLOGY_RANDOM_AT_LEAST:
    case TOPOLOGY_BARABASI_ALBERT:
        return n * p->degree;
    case TOPOLOGY_ERDOS_RENYI:
        return n * (n - 1) / 2 / 1000 * p->probability_ppb / 1000000;
    case TOPOLOGY_FANOUT:
        return s->groups[p->from].count * (uint64_t)p->degree;
    case TOPOLOGY_FULL:
        return n * (n - 1) / 2;
    case TOPOLOGY_STAR:
    case TOPOLOGY_LINE:
    case TOPOLOGY_RING:
        return n;
    case TOPOLOGY_LIST:
    case TOPOLOGY_GML:
        return p->edge_count;
    case TOPOLOGY_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

static void check_degree(struct reader *r, const struct tree *t, const struct scenario_topology *p,
                         uint64_t n)
{
    const struct tree *degree =
        tree_find(t, p->kind == TOPOLOGY_BARABASI_ALBERT ? "edges_per_node" : "degree");

    if (p->kind == TOPOLOGY_FANOUT && p->from != p->to && p->degree > n)
        reader_fail(r, degree, "%" PRIu32 " is more than the %" PRIu64 " nodes there are to dial",
                    p->degree, n);
    if (p->kind == TOPOLOGY_FANOUT && p->from != p->to)
        return;
    if (p->degree >= n)
        reader_fail(r, degree, "%" PRIu32 " needs more than %" PRIu64 " nodes", p->degree, n);
    if (p->kind == TOPOLOGY_RANDOM_REGULAR && n * p->degree % 2 != 0)
        reader_fail(r, degree,
                    "%" PRIu64 " nodes cannot all have %" PRIu32
                    " links (the product must be even)",
                    n, p->degree);
    if (p->kind == TOPOLOGY_WATTS_STROGATZ && p->degree % 2 != 0)
        reader_fail(r, degree, "%" PRIu32 " is odd (half of the links go each way round the ring)",
                    p->degree);
}

static void check_possible(struct reader *r, const struct tree *t, const struct scenario *s,
                           const struct scenario_topology *p)
{
    uint64_t n = p->kind == TOPOLOGY_FANOUT ? s->groups[p->to].count : count_nodes(s, p);

    if (p->kind != TOPOLOGY_LIST && p->kind != TOPOLOGY_FANOUT && p->kind != TOPOLOGY_GML && n < 2)
        reader_fail(r, t, "%s needs at least 2 nodes", kind_names[p->kind]);
    if (p->kind == TOPOLOGY_RING && n < 3)
        reader_fail(r, t, "ring needs at least 3 nodes");
    if (p->degree > 0)
        check_degree(r, t, p, n);
    if (!r->failed && count_dials(s, p, n) > SCENARIO_DIALS_MAX)
        reader_fail(r, t, "makes more than %u connections", SCENARIO_DIALS_MAX);
}

static void read_values(struct reader *r, const struct tree *t, struct scenario_topology *p)
{
    static const struct field fields[] = {
        {"kind", FIELD_CHOICE, true, FIELD(scenario_topology, kind), 0, 0, kind_names},
        {"among", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"degree", FIELD_U32, false, FIELD(scenario_topology, degree), 1, 100000, NULL},
        {"edges_per_node", FIELD_U32, false, FIELD(scenario_topology, degree), 1, 100000, NULL},
        {"probability", FIELD_PPB, false, FIELD(scenario_topology, probability_ppb), 0, 1000000000,
         NULL},
        {"rewire", FIELD_PPB, false, FIELD(scenario_topology, rewire_ppb), 0, 1000000000, NULL},
        {"center", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"from", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"to", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"edges", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"file", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"direct", FIELD_BOOL, false, FIELD(scenario_topology, direct), 0, 0, NULL},
    };

    reader_fields(r, t, FIELDS(fields), p);
    if (!r->failed)
        check_keys(r, t, p->kind);
}

/* The first group of which a link may be, and that does not speak GossipSub; NULL: none. */
static const struct scenario_group *without_gossipsub(const struct scenario *s, const struct scenario_topology *p)
{
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];
        bool linked = p->kind == TOPOLOGY_FANOUT && (p->from == i || p->to == i);

        for (uint32_t k = 0; k < p->group_count && p->kind != TOPOLOGY_LIST; k++)
            linked |= p->groups[k] == i;
        for (uint32_t k = 0; k < p->edge_count; k++)
            linked |= has_node(g, p->edges[k].from) || has_node(g, p->edges[k].to);
        if (linked && !g->gossipsub_on)
            return g;
    }
    return NULL;
}

static void check_direct(struct reader *r, const struct tree *t, const struct scenario *s, const struct scenario_topology *p)
{
    const struct scenario_group *g = p->direct ? without_gossipsub(s, p) : NULL;

    if (g)
        reader_fail(r, tree_find(t, "direct"), "direct peers speak gossipsub, which is off in group %.60s", g->name);
}

static void read_one(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_topology *p = &s->topologies[s->topology_count++];
    char place[TREE_PLACE_MAX];

    read_values(r, t, p);
    if (r->failed)
        return;
    tree_place(t, false, place);
    p->place = arena_text(r->arena, place, strlen(place));
    if (p->kind == TOPOLOGY_FANOUT) {
        p->from = reader_lookup(r, tree_find(t, "from"), NAMES("group", s->groups, s->group_count));
        p->to = reader_lookup(r, tree_find(t, "to"), NAMES("group", s->groups, s->group_count));
    } else {
        read_among(r, t, s, p);
    }
    if (r->failed)
        return;
    if (p->kind == TOPOLOGY_STAR)
        read_center(r, t, s, p);
    if (p->kind == TOPOLOGY_LIST)
        read_edges(r, tree_find(t, "edges"), s, p);
    if (p->kind == TOPOLOGY_GML)
        read_gml(r, tree_find(t, "file"), s, p);
    if (!r->failed)
        check_possible(r, t, s, p);
    if (!r->failed)
        check_direct(r, t, s, p);
}

void topology_settings_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    if (!t)
        return;
    if (t->kind == TREE_MAP) {
        s->topologies = arena_alloc(r->arena, 1, sizeof *s->topologies);
        read_one(r, t, s);
        return;
    }
    if (!reader_is(r, t, TREE_LIST, TOPOLOGIES_MAX))
        return;
    s->topologies = arena_alloc(r->arena, t->count, sizeof *s->topologies);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        read_one(r, c, s);
}
