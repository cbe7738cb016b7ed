/* Which cells are compared. */
#ifndef TESTS_FIDELITY_GRID_H
#define TESTS_FIDELITY_GRID_H

#include "tests/fidelity/cell.h"

/* The next cell, counting from 0; false after the last. `full`: every combination; else what ends in minutes. */
bool grid_cell(uint32_t number, bool full, struct cell *out);

#endif
