/* What work costs, as measured by `hearsay calibrate` on machines that have a name here. */
#ifndef SIM_SCENARIO_CPU_TABLE_H
#define SIM_SCENARIO_CPU_TABLE_H

#include "stack/base/work.h"

/* In the order of enum work. */
#define CPU_WORK_NAMES {"parse", "hash", "aead", "handshake", "sign", "verify", "validate"}

struct cpu_table {
    const char *name;
    struct work_cost costs[WORK_KINDS];
};

extern const struct cpu_table cpu_tables[]; /* ends with a name that is NULL */

#endif
