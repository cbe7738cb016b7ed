/* A trace of churn: a CSV file with the columns node, at, state, its times rising. */
#include "sim/scenario/csv.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"

#include <string.h>

static void read_header(struct reader *r, struct csv *c)
{
    static const char *const columns[] = {"node", "at", "state"};

    for (size_t i = 0; i < 3 && !r->failed; i++) {
        csv_cell(r, c);
        if (strcmp(c->cell, columns[i]) != 0 || c->line_end != (i == 2))
            reader_fail(r, &c->place, "the header must be node,at,state");
    }
}

static void read_time(struct reader *r, struct csv *c, const struct scenario *s, const struct scenario_event *e,
                      uint64_t earliest_ns, uint64_t *at_ns)
{
    char text[UNITS_TEXT_MAX];
    const char *wrong = units_duration(c->cell, at_ns);

    if (wrong)
        reader_fail(r, &c->place, "\"%s\" %s", c->cell, wrong);
    else if (*at_ns > s->duration_ns - e->at_ns)
        reader_fail(r, &c->place, "\"%s\" is after the end of the run (%s from here)", c->cell,
                    units_format_duration(s->duration_ns - e->at_ns, text));
    *at_ns += e->at_ns;
    if (!r->failed && *at_ns < earliest_ns)
        reader_fail(r, &c->place, "\"%s\" is before the time that precedes it (times must rise)", c->cell);
}

static void read_row(struct reader *r, struct csv *c, const struct scenario *s, const struct scenario_event *e,
                     uint64_t earliest_ns, struct scenario_turn *turn)
{
    csv_cell(r, c);
    c->place.kind = TREE_SCALAR;
    c->place.text = c->cell;
    turn->node = scenario_node_lookup(r, s, &c->place);
    if (!r->failed && c->line_end)
        reader_fail(r, &c->place, "the row ends after 1 of 3 columns");
    if (r->failed)
        return;
    csv_cell(r, c);
    read_time(r, c, s, e, earliest_ns, &turn->at_ns);
    if (!r->failed && c->line_end)
        reader_fail(r, &c->place, "the row ends after 2 of 3 columns");
    if (r->failed)
        return;
    csv_cell(r, c);
    turn->up = strcmp(c->cell, "up") == 0;
    if (!turn->up && strcmp(c->cell, "down") != 0)
        reader_fail(r, &c->place, "\"%s\" is not allowed (up, down)", c->cell);
    else if (!c->line_end)
        reader_fail(r, &c->place, "the row has more than 3 columns");
}

void churn_trace_read(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e)
{
    uint32_t lines = 0;
    struct csv c;

    if (!reader_is(r, t, TREE_SCALAR, 0) || !csv_open(r, t, &c))
        return;
    for (const char *at = c.at; at < c.end; at++)
        lines += *at == '\n';
    e->churn->turns = arena_alloc(r->arena, lines + 1, sizeof *e->churn->turns);
    read_header(r, &c);
    for (csv_line(&c); !r->failed && c.at < c.end; csv_line(&c)) {
        struct scenario_turn *turn = &e->churn->turns[e->churn->turn_count];

        if (*c.at == '\n' || *c.at == '\r')
            continue;
        read_row(r, &c, s, e, e->churn->turn_count ? turn[-1].at_ns : 0, turn);
        e->churn->turn_count++;
    }
    if (!r->failed && e->churn->turn_count == 0)
        reader_fail(r, t, "has no rows");
}
