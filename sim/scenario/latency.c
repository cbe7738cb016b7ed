/* Three sources, one matrix. */
#include "sim/scenario/latency.h"

#include "sim/scenario/csv.h"
#include "sim/scenario/gml.h"
#include "sim/scenario/links.h"
#include "sim/scenario/tables.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void allocate(struct reader *r, struct scenario_network *n, uint32_t region_count)
{
    n->region_count = region_count;
    n->regions = arena_alloc(r->arena, region_count, sizeof *n->regions);
    n->latency_ns =
        arena_alloc(r->arena, (size_t)region_count * region_count, sizeof *n->latency_ns);
}

static void copy_table(struct reader *r, const struct table *table, struct scenario_network *n)
{
    size_t pairs = (size_t)table->region_count * table->region_count;

    allocate(r, n, table->region_count);
    for (uint32_t i = 0; i < table->region_count; i++) {
        const struct table_region *from = &table->regions[i];

        n->regions[i].name = arena_text(r->arena, from->name, strlen(from->name));
        n->regions[i].weight = from->weight;
        n->regions[i].up_bps = from->up_kbit * UINT64_C(1000);
        n->regions[i].down_bps = from->down_kbit * UINT64_C(1000);
    }
    for (size_t i = 0; i < pairs; i++)
        n->latency_ns[i] = table->latency_us[i] * NS_PER_US / table->divisor;
    n->class_count = table->class_count;
    n->classes = arena_alloc(r->arena, table->class_count, sizeof *n->classes);
    for (uint32_t i = 0; i < table->class_count; i++) {
        const struct table_class *from = &table->classes[i];

        n->classes[i].name = arena_text(r->arena, from->name, strlen(from->name));
        n->classes[i].weight = from->weight;
        n->classes[i].up_bps = from->up_kbit * UINT64_C(1000);
        n->classes[i].down_bps = from->down_kbit * UINT64_C(1000);
    }
}

/* Region names of the header, into `names`; returns how many. *weighted: the last column is
 * "weight". */
static uint32_t csv_header(struct reader *r, struct csv *c, char **names, bool *weighted)
{
    struct scenario_region seen;
    uint32_t count = 0;

    *weighted = false;
    csv_cell(r, c);
    while (!c->line_end && !r->failed) {
        struct field name = {"region", FIELD_NAME, false, offsetof(struct scenario_region, name),
                             0,        0,          NULL};

        csv_cell(r, c);
        if (*weighted)
            reader_fail(r, &c->place, "the column \"weight\" must be the last");
        if (strcmp(c->cell, "weight") == 0) {
            *weighted = true;
            continue;
        }
        if (count == SCENARIO_REGIONS_MAX) {
            reader_fail(r, &c->place, "there are more than %u regions", SCENARIO_REGIONS_MAX);
            break;
        }
        c->place.text = c->cell;
        reader_value(r, &c->place, &name, &seen);
        reader_unique(r, &c->place, c->cell, NAMES("name", names, count));
        if (!r->failed)
            names[count++] = seen.name;
    }
    if (count == 0)
        reader_fail(r, &c->place, "the header names no regions");
    return count;
}

static void csv_row(struct reader *r, struct csv *c, struct scenario_network *n, uint32_t row,
                    bool weighted)
{
    const char *wrong;
    uint32_t columns = n->region_count + weighted;

    csv_cell(r, c);
    if (strcmp(c->cell, n->regions[row].name) != 0)
        reader_fail(r, &c->place, "the row of \"%s\" must come here, not \"%s\"",
                    n->regions[row].name, c->cell);
    for (uint32_t i = 0; i < columns && !r->failed; i++) {
        if (c->line_end) {
            reader_fail(r, &c->place, "the row ends after %" PRIu32 " of %" PRIu32 " columns", i,
                        columns);
            return;
        }
        csv_cell(r, c);
        if (i < n->region_count) {
            c->place.text = c->cell;
            n->latency_ns[(size_t)row * n->region_count + i] = csv_latency(r, &c->place);
            continue;
        }
        wrong = units_count(c->cell, &n->regions[row].weight);
        if (wrong || n->regions[row].weight > UINT32_MAX)
            reader_fail(r, &c->place, "\"%s\" %s", c->cell, wrong ? wrong : "is too large");
    }
    if (!r->failed && !c->line_end)
        reader_fail(r, &c->place, "the row has more than %" PRIu32 " columns", columns);
}

static void read_csv(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    struct csv c;
    char **names;
    bool weighted;
    uint32_t count;

    if (!csv_open(r, t, &c))
        return;
    names = arena_alloc(r->arena, SCENARIO_REGIONS_MAX, sizeof *names);
    count = csv_header(r, &c, names, &weighted);
    if (r->failed)
        return;
    allocate(r, n, count);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        n->regions[i].name = names[i];
        n->regions[i].weight = 1;
    }
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        csv_line(&c);
        if (c.at == c.end)
            reader_fail(r, &c.place, "there are %" PRIu32 " rows for %" PRIu32 " regions", i,
                        count);
        else
            csv_row(r, &c, n, i, weighted);
    }
    csv_line(&c);
    if (!r->failed && strspn(c.at, " \t\r\n") < (size_t)(c.end - c.at))
        reader_fail(r, &c.place, "there are more rows than regions");
}

/* A vertex attribute by the rules of a field; 0 when it is not there. */
static void read_vertex_field(struct reader *r, const struct tree *at, const struct field *field,
                              void *base)
{
    const struct tree *t = gml_attribute(r, at, field->key);

    if (t)
        reader_value(r, t, field, base);
}

static void read_gml_region(struct reader *r, const struct gml_graph *g, struct scenario_network *n,
                            uint32_t i)
{
    static const struct field label = {
        "label", FIELD_NAME, true, offsetof(struct scenario_region, name), 0, 0, NULL};
    static const struct field fields[] = {
        {"weight", FIELD_U64, false, offsetof(struct scenario_region, weight), 0, UINT32_MAX, NULL},
        {"host_bandwidth_up", FIELD_BANDWIDTH, false, offsetof(struct scenario_region, up_bps), 1,
         0, NULL},
        {"host_bandwidth_down", FIELD_BANDWIDTH, false, offsetof(struct scenario_region, down_bps),
         1, 0, NULL},
    };
    struct scenario_region *region = &n->regions[i];
    struct tree name = *g->vertices[i].at;

    name.kind = TREE_SCALAR;
    name.text = arena_text(r->arena, g->vertices[i].label, strlen(g->vertices[i].label));
    reader_value(r, &name, &label, region);
    if (!r->failed)
        reader_unique(r, &name, region->name, NAMES("name", n->regions, i));
    region->weight = 1;
    for (size_t f = 0; f < sizeof fields / sizeof *fields && !r->failed; f++)
        read_vertex_field(r, g->vertices[i].at, &fields[f], region);
}

struct gml_edge {
    uint64_t latency_ns, jitter_ns;
    uint32_t loss_ppm;
    bool jitter_given, loss_given;
};

static struct gml_edge read_gml_edge(struct reader *r, const struct gml_arc *arc)
{
    static const struct field latency = {"latency", FIELD_DURATION, true, offsetof(struct gml_edge, latency_ns),
                                         1,         LATENCY_NS_MAX, NULL};
    static const struct field jitter = {"jitter", FIELD_DURATION, false, offsetof(struct gml_edge, jitter_ns),
                                        0,        LATENCY_NS_MAX, NULL};
    static const struct field loss = {"packet_loss", FIELD_PPM, false, offsetof(struct gml_edge, loss_ppm),
                                      0,             1000000,   NULL};
    struct gml_edge e = {0};
    const struct tree *t = gml_attribute(r, arc->at, "latency");

    if (!t)
        reader_fail(r, arc->at, "latency is missing");
    else
        reader_value(r, t, &latency, &e);
    if ((t = gml_attribute(r, arc->at, "jitter")) != NULL) {
        e.jitter_given = true;
        if (strspn(t->text, "0.") != strlen(t->text)) /* nothing needs no unit */
            reader_value(r, t, &jitter, &e);
    }
    if ((t = gml_attribute(r, arc->at, "packet_loss")) != NULL) {
        e.loss_given = true;
        reader_value(r, t, &loss, &e);
    }
    return e;
}

static void set_gml_pair(struct reader *r, struct scenario_network *n, size_t pair, const struct gml_edge *e)
{
    n->latency_ns[pair] = e->latency_ns;
    if (e->jitter_given)
        links_jitters(r, n)[pair] = e->jitter_ns;
    if (e->loss_given)
        links_losses(r, n)[pair] = (struct gilbert){.good_loss_ppm = e->loss_ppm};
}

static void read_gml_arc(struct reader *r, const struct gml_graph *g, const struct gml_arc *arc,
                         struct scenario_network *n)
{
    size_t there = (size_t)arc->source * n->region_count + arc->target;
    size_t back = (size_t)arc->target * n->region_count + arc->source;
    struct gml_edge e = read_gml_edge(r, arc);

    if (r->failed)
        return;
    if (n->latency_ns[there] || (!g->directed && n->latency_ns[back])) {
        reader_fail(r, arc->at, "%s to %s is given twice", n->regions[arc->source].name,
                    n->regions[arc->target].name);
        return;
    }
    set_gml_pair(r, n, there, &e);
    if (!g->directed)
        set_gml_pair(r, n, back, &e);
}

static void read_gml(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    struct gml_graph g;

    gml_read(r, t, &g);
    if (!r->failed && (g.vertex_count == 0 || g.vertex_count > SCENARIO_REGIONS_MAX))
        reader_fail(r, g.doc.root, "has %" PRIu32 " nodes (1 to %u)", g.vertex_count,
                    SCENARIO_REGIONS_MAX);
    if (!r->failed)
        allocate(r, n, g.vertex_count);
    for (uint32_t i = 0; i < g.vertex_count && !r->failed; i++)
        read_gml_region(r, &g, n, i);
    for (uint32_t i = 0; i < g.arc_count && !r->failed; i++)
        read_gml_arc(r, &g, &g.arcs[i], n);
    for (uint32_t i = 0; !r->failed && i < n->region_count * n->region_count; i++) {
        if (n->latency_ns[i] == 0)
            reader_fail(r, g.doc.root, "there is no edge from %s to %s",
                        n->regions[i / n->region_count].name, n->regions[i % n->region_count].name);
    }
    gml_free(&g);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);

    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

void latency_read(struct reader *r, const struct tree *t, struct scenario_network *network)
{
    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    network->table = arena_text(r->arena, t->text, strlen(t->text));
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(tables[i].name, t->text) == 0) {
            copy_table(r, &tables[i], network);
            return;
        }
    }
    if (ends_with(t->text, ".csv"))
        read_csv(r, t, network);
    else if (ends_with(t->text, ".gml"))
        read_gml(r, t, network);
    else
        reader_fail(r, t,
                    "\"%.60s\" is not a table (interop8, interop8-half, simblock2019, algorand5, "
                    "or a .csv or .gml "
                    "file)",
                    t->text);
}
