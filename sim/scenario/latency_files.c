/* Files beside the latency table: of pairs of nodes, and what latencies become while the run goes on. */
#include "sim/scenario/csv.h"
#include "sim/scenario/latency.h"
#include "sim/scenario/placement.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"

#include <stdlib.h>
#include <string.h>

#define CHANGES_MAX 20000000u
#define FACTOR_PPM_MIN 1000u /* a thousandth to a thousandfold */
#define FACTOR_PPM_MAX 1000000000u

static uint32_t count_lines(const struct csv *c)
{
    uint32_t count = 1;

    for (const char *at = c->at; at < c->end; at++)
        count += *at == '\n';
    return count;
}

/* The header must be one of two (or the first); whether it is the second. */
static bool read_header(struct reader *r, struct csv *c, const char *first, const char *second)
{
    const char *start = c->at, *end = memchr(start, '\n', (size_t)(c->end - start));
    size_t size = (size_t)((end ? end : c->end) - start);

    while (size > 0 && strchr(" \t\r", start[size - 1]))
        size--;
    c->at = end ? end : c->end;
    c->place.column = 1;
    if (size == strlen(first) && memcmp(start, first, size) == 0)
        return false;
    if (second && size == strlen(second) && memcmp(start, second, size) == 0)
        return true;
    if (second)
        reader_fail(r, &c->place, "the header must be \"%s\" or \"%s\"", first, second);
    else
        reader_fail(r, &c->place, "the header must be \"%s\"", first);
    return false;
}

/* Goes to the next row; false at the end. */
static bool next_row(struct reader *r, struct csv *c)
{
    csv_line(c);
    return !r->failed && !csv_over(c);
}

static void read_node_row(struct reader *r, struct csv *c, const struct scenario *s, struct scenario_node_latency *row)
{
    char cells[3][CSV_CELL_SIZE];
    struct tree at[3];

    if (!csv_cells(r, c, cells, at, 3))
        return;
    row->from = scenario_node_lookup(r, s, &at[0]);
    if (!r->failed)
        row->to = scenario_node_lookup(r, s, &at[1]);
    if (!r->failed && row->from == row->to)
        reader_fail(r, &at[1], "\"%.60s\" is no pair with itself", cells[1]);
    row->latency_ns = csv_latency(r, &at[2]);
    if (!r->failed && row->latency_ns < NS_PER_US)
        reader_fail(r, &at[2], "\"%.60s\" is out of range (1us to 1h)", cells[2]);
}

static int compare_rows(const void *a, const void *b)
{
    const struct scenario_node_latency *x = a, *y = b;

    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

static void sort_node_rows(struct reader *r, const struct csv *c, const struct scenario *s)
{
    const struct scenario_network *n = &s->network;
    char from[SCENARIO_NODE_NAME_SIZE], to[SCENARIO_NODE_NAME_SIZE];

    if (!r->failed && n->node_latency_count == 0)
        reader_fail(r, &c->place, "there are no rows");
    if (r->failed)
        return;
    qsort(n->node_latencies, n->node_latency_count, sizeof *n->node_latencies, compare_rows);
    for (uint32_t i = 1; i < n->node_latency_count; i++)
        if (compare_rows(&n->node_latencies[i - 1], &n->node_latencies[i]) == 0)
            reader_fail(r, &c->place, "%s to %s is given twice", scenario_node_name(s, n->node_latencies[i].from, from),
                        scenario_node_name(s, n->node_latencies[i].to, to));
}

void latency_pairs_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_network *n = &s->network;
    struct csv c;

    if (!csv_open(r, t, &c))
        return;
    n->node_latencies = arena_alloc(r->arena, count_lines(&c), sizeof *n->node_latencies);
    read_header(r, &c, "from,to,latency", NULL);
    while (next_row(r, &c))
        read_node_row(r, &c, s, &n->node_latencies[n->node_latency_count++]);
    sort_node_rows(r, &c, s);
}

/* A region, or * for all. */
static uint32_t read_end(struct reader *r, const struct tree *at, const struct scenario_network *n)
{
    if (strcmp(at->text, "*") == 0)
        return SCENARIO_NONE;
    return reader_lookup(r, at, NAMES("region", n->regions, n->region_count));
}

static void read_factor(struct reader *r, const struct tree *at, uint32_t *ppm)
{
    uint64_t parts = 0;
    const char *wrong = units_ratio(at->text, 1000000, &parts);

    if (wrong)
        reader_fail(r, at, "\"%.60s\" %s", at->text, wrong);
    else if (parts < FACTOR_PPM_MIN || parts > FACTOR_PPM_MAX)
        reader_fail(r, at, "\"%.60s\" is out of range (0.001 to 1000)", at->text);
    *ppm = (uint32_t)parts;
}

static void read_time_row(struct reader *r, struct csv *c, const struct scenario *s, bool factor,
                          struct scenario_latency_row *row)
{
    const struct field at_field = {"at", FIELD_DURATION, true, FIELD(scenario_latency_row, at_ns),
                                   0,    s->duration_ns, NULL};
    char cells[4][CSV_CELL_SIZE];
    struct tree at[4];

    if (!csv_cells(r, c, cells, at, 4))
        return;
    reader_value(r, &at[0], &at_field, row);
    row->from = read_end(r, &at[1], &s->network);
    row->to = read_end(r, &at[2], &s->network);
    if (factor)
        read_factor(r, &at[3], &row->factor_ppm);
    else
        row->latency_ns = csv_latency(r, &at[3]);
    if (!r->failed && row > s->network.latency_rows && row[-1].at_ns > row->at_ns)
        reader_fail(r, &at[0], "\"%.60s\" is before the row that precedes it (times must rise)", cells[0]);
}

void latency_rows_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_network *n = &s->network;
    uint64_t changes = 0;
    struct csv c;
    bool factor;

    if (!csv_open(r, t, &c))
        return;
    n->latency_rows = arena_alloc(r->arena, count_lines(&c), sizeof *n->latency_rows);
    factor = read_header(r, &c, "at,from,to,latency", "at,from,to,factor");
    while (next_row(r, &c)) {
        struct scenario_latency_row *row = &n->latency_rows[n->latency_row_count++];

        read_time_row(r, &c, s, factor, row);
        changes += (row->from == SCENARIO_NONE ? (uint64_t)n->region_count : 1) *
                   (row->to == SCENARIO_NONE ? n->region_count : 1);
        if (changes > CHANGES_MAX)
            reader_fail(r, &c.place, "the rows change more than %u latencies", CHANGES_MAX);
    }
    if (!r->failed && n->latency_row_count == 0)
        reader_fail(r, &c.place, "there are no rows");
}
