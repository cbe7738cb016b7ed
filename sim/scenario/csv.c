/* Cells end at commas, lines at newlines. */
#include "sim/scenario/csv.h"

#include <string.h>

bool csv_open(struct reader *r, const struct tree *t, struct csv *c)
{
    size_t size = 0;

    *c = (struct csv){.place = {.line = 1}};
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
}
