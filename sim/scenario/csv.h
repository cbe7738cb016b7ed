/* Tables of comma-separated values, cell by cell; each knows its place. No quoting. */
#ifndef SIM_SCENARIO_CSV_H
#define SIM_SCENARIO_CSV_H

#include "sim/scenario/reader.h"

#define CSV_CELL_SIZE 80u

struct csv {
    const char *at, *end;
    struct tree place; /* of the cell last read */
    const char *line_start;
    char cell[CSV_CELL_SIZE];
    bool line_end; /* the cell was the last of its line */
};

/* The file that `t` names; false on error. */
bool csv_open(struct reader *r, const struct tree *t, struct csv *c);
void csv_cell(struct reader *r, struct csv *c); /* the next cell without the blanks around it */
void csv_line(struct csv *c);                   /* on to the next line; c->at == c->end: there is none */

#endif
