/* A checking layer between a world and the nodes in it: it is a world itself (world_ops), passes everything on to the
 * simulator, and looks at each upcall and downcall with the rules of backend.h. What nodes trace goes to the oracle.
 *
 * A world is opened without a word from its user, so one guard at a time: guard_begin, run_scenario with guard_world,
 * guard_end. */
#ifndef TESTS_SWARM_GUARD_H
#define TESTS_SWARM_GUARD_H

#include "sim/run/world.h"
#include "tests/swarm/plant.h"
#include "tests/swarm/verdict.h"

void guard_begin(struct verdict *v, enum plant plant);
void guard_end(void);
extern const struct world_ops guard_world;

struct guard_counts {
    uint64_t upcalls, bytes; /* checked; bytes of streams */
    uint64_t deliveries, finals, expected; /* all; messages of the last round; their deliveries that had to be */
    uint64_t links, meshes; /* checked at the end */
};

struct guard_counts guard_counts(void); /* of the last run */

#endif
