/* Tables in CSV: cells without quotes, that know their places. */
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

/* Opens the file that `t` names, at its first line; false when the reader has failed. */
bool csv_open(struct reader *r, const struct tree *t, struct csv *c);
void csv_cell(struct reader *r, struct csv *c); /* the next one, without the blanks around it */
void csv_line(struct csv *c);                   /* goes on to the next line */
bool csv_over(const struct csv *c);             /* only blanks are left */
/* The cells of a line must be exactly these; false when the reader has failed. */
bool csv_cells(struct reader *r, struct csv *c, char (*cells)[CSV_CELL_SIZE], struct tree *places, uint32_t count);
/* The cell as a latency: milliseconds, or with its unit. */
uint64_t csv_latency(struct reader *r, const struct tree *at);

#endif
