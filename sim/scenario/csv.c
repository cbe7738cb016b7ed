/* Splits at commas and line ends; what a cell means is its reader's. */
#include "sim/scenario/csv.h"

#include "sim/scenario/latency.h"
#include "sim/scenario/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool csv_open(struct reader *r, const struct tree *t, struct csv *c)
{
    size_t size = 0;

    *c = (struct csv){.place = {.line = 1}};
    if (!reader_is(r, t, TREE_SCALAR, 0))
        return false;
    c->place.source = reader_file(r, t, &c->at, &size);
    if (!c->place.source)
        return false;
    c->line_start = c->at;
    c->end = c->at + size;
    return true;
}

void csv_cell(struct reader *r, struct csv *c)
{
    const char *start = c->at, *stop;
    size_t size;

    c->place.column = (uint32_t)(c->at - c->line_start) + 1;
    while (c->at < c->end && *c->at != ',' && *c->at != '\n')
        c->at++;
    stop = c->at;
    c->line_end = c->at == c->end || *c->at == '\n';
    while (start < stop && (*start == ' ' || *start == '\t'))
        start++;
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
        stop--;
    size = (size_t)(stop - start);
    if (size >= CSV_CELL_SIZE) {
        reader_fail(r, &c->place, "a cell is longer than 79 characters");
        size = CSV_CELL_SIZE - 1;
    }
    memcpy(c->cell, start, size);
    c->cell[size] = '\0';
    if (c->at < c->end && !c->line_end)
        c->at++;
}

void csv_line(struct csv *c)
{
    if (c->at < c->end)
        c->at++;
    c->line_start = c->at;
    c->place.line++;
    c->place.column = 1;
}

bool csv_over(const struct csv *c)
{
    const char *at = c->at;

    while (at < c->end && strchr(" \t\r\n", *at))
        at++;
    return at == c->end;
}

bool csv_cells(struct reader *r, struct csv *c, char (*cells)[CSV_CELL_SIZE], struct tree *places, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && c->line_end)
            reader_fail(r, &c->place, "the row has %" PRIu32 " of %" PRIu32 " columns", i, count);
        if (r->failed)
            return false;
        csv_cell(r, c);
        memcpy(cells[i], c->cell, CSV_CELL_SIZE);
        places[i] = c->place;
        places[i].kind = TREE_SCALAR;
        places[i].text = cells[i];
    }
    if (!c->line_end)
        reader_fail(r, &c->place, "the row has more than %" PRIu32 " columns", count);
    return !r->failed;
}

uint64_t csv_latency(struct reader *r, const struct tree *at)
{
    char text[CSV_CELL_SIZE + 2];
    size_t size = strlen(at->text);
    const char *wrong;
    uint64_t ns = 0;
    bool bare = size > 0 && strspn(at->text, "0123456789.") == size;

    snprintf(text, sizeof text, "%s%s", at->text, bare ? "ms" : "");
    wrong = units_duration(text, &ns);
    if (wrong)
        reader_fail(r, at, "\"%s\" %s", at->text, wrong);
    else if (ns == 0 || ns > LATENCY_NS_MAX)
        reader_fail(r, at, "\"%s\" is not a latency (more than 0, at most 1h)", at->text);
    return ns;
}
