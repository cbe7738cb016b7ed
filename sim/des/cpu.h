/* The cores of a host: when work that is handed to them is done. Pure arithmetic.
 *
 * Core 0 runs the node's event loop and does what it is given in the order in which it is given. The others are workers:
 * offloaded work waits for the loop to come to it, then for the worker that is free first, and runs there to its end,
 * whatever the loop does meanwhile. With one core the loop does that too. */
#ifndef SIM_DES_CPU_H
#define SIM_DES_CPU_H

#include "stack/base/work.h"

#define CPU_SPEED_1_PPM 1000000u

struct cpu {
    const struct work_cost *costs; /* WORK_KINDS of them; outlive the cpu */
    uint32_t speed_ppm, core_count;
    uint64_t *free_ns; /* when each core has done all it was given; [0] is the loop's */
};

void cpu_init(struct cpu *c, const struct work_cost *costs, uint32_t core_count, uint32_t speed_ppm);
void cpu_deinit(struct cpu *c);
void cpu_reset(struct cpu *c); /* forgets what is under way */

/* How long a core takes for all of the set. */
uint64_t cpu_cost_ns(const struct cpu *c, unsigned works, uint64_t bytes);
/* Gives the set to a core, as one piece; when it will be done. Sets are either offloaded as a whole or not at all. */
uint64_t cpu_charge(struct cpu *c, uint64_t now_ns, unsigned works, uint64_t bytes);

#endif
