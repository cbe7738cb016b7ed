/* What was measured, side by side. */
#ifndef TESTS_FIDELITY_TABLE_H
#define TESTS_FIDELITY_TABLE_H

#include "tests/fidelity/model.h"

#include <stdio.h>

#define TABLE_REPEATS_MAX 25
#define TABLE_MODELS_MAX 4

/* One cell: all its repetitions, on the kernel and in each model. */
struct table_row {
    struct cell cell;
    uint32_t repeats;
    struct cell_result kernel[TABLE_REPEATS_MAX];
    struct cell_result models[TABLE_MODELS_MAX][TABLE_REPEATS_MAX];
};

struct table {
    const struct model *models[TABLE_MODELS_MAX];
    uint32_t model_count;
    struct table_row *rows;
    uint32_t row_count;
};

/* Of the repetitions that ended; false when none did. The kernel's are model -1. */
bool table_median(const struct table_row *row, int model, enum phase phase, struct phase_times *out);
void table_print(const struct table *t, FILE *out);     /* every cell, then the summary */
bool table_write(const struct table *t, const char *path); /* tab-separated; false and errno */

#endif
