/* Medians of `hearsay calibrate` on one core of an AMD EPYC server, with libsodium 1.0.18. Validation is the
 * application's: 0 here, for a scenario to say. */
#include "sim/scenario/cpu_table.h"

#include <stddef.h>

const struct cpu_table cpu_tables[] = {
    {"epyc", {{162, 10}, {99, 1350}, {372, 630}, {193000, 0}, {12000, 2690}, {35400, 1342}, {0, 0}}},
    {NULL, {{0, 0}}},
};
