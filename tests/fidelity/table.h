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

/* Relative differences of a model from the kernel, without their signs: of the first and of the last byte. */
struct table_errors {
    uint32_t count; /* cells and phases */
    double first_median, first_p95, last_median, last_p95, last_worst;
};

/* Every cell of the grid (grid_cell), nothing measured yet. */
void table_plan(struct table *t, bool full, uint32_t repeats, uint32_t loss_repeats);
void table_run_models(struct table *t); /* all that t->models names */
void table_free(struct table *t);
/* A repetition differs from the others in its seed alone. */
struct cell table_cell(const struct table_row *row, uint32_t repeat);

/* The kernel did this phase, and the carrier was not late with a packet by more than a quarter of a millisecond and a fiftieth
 * of the round trip: else it is no measurement. */
bool table_valid(const struct table_row *row, uint32_t repeat, enum phase phase);
/* Of the repetitions that are valid on the kernel and ended; false when none did. The kernel's are model -1. */
bool table_median(const struct table_row *row, int model, enum phase phase, struct phase_times *out);
void table_print(const struct table *t, FILE *out);     /* every cell, then the summary */
struct table_errors table_errors(const struct table *t, uint32_t model, bool lossless, bool lossy);
bool table_write(const struct table *t, const char *path); /* tab-separated; false and errno */
/* Takes the kernel's times from what table_write wrote. False: `error` says why. */
bool table_read(struct table *t, const char *path, char *error, size_t error_size);

#endif
