/* What a scenario demands of links beyond rates, latencies and drop-tail queues: for backends, to refuse by name what they
 * cannot honour. A demand that is added here is refused by each backend that does not list it. */
#ifndef SIM_RUN_DEMANDS_H
#define SIM_RUN_DEMANDS_H

#include "sim/scenario/scenario.h"

enum demand {
    DEMAND_JITTER_DISTRIBUTION, /* other than uniform */
    DEMAND_PATH_LOSS,           /* between regions */
    DEMAND_LINK_LOSS,           /* of access links */
    DEMAND_AQM,
    DEMAND_BOTTLENECKS,
    DEMAND_CHANGES_OF_LATENCY,
    DEMAND_CHANGES_OF_LOSS,
    DEMAND_CHANGES_OF_BANDWIDTH,
    DEMAND_UNREACHABLE_NODES,
    DEMAND_COUNT
};

#define DEMAND_NAME_SIZE 96

/* The setting that makes the demand ("network.aqm"), NULL when the scenario does not. */
const char *demand_of(const struct scenario *s, enum demand demand, char out[static DEMAND_NAME_SIZE]);
/* The setting of the first demand that is not in `honoured` (bit i: enum demand i); NULL: none. */
const char *demand_beyond(const struct scenario *s, uint32_t honoured, char out[static DEMAND_NAME_SIZE]);

#endif
