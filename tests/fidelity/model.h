/* A cell in the simulator. */
#ifndef TESTS_FIDELITY_MODEL_H
#define TESTS_FIDELITY_MODEL_H

#include "sim/des/des.h"
#include "tests/fidelity/cell.h"

struct model {
    const char *name;
    enum des_tcp tcp;
};

extern const struct model models[];
extern const uint32_t model_count;

struct cell_result model_run(const struct model *model, const struct cell *cell);

#endif
