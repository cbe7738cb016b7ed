/* What latencies, losses and bandwidths become while the run goes on: the rows of `latency_over_time` and the events that act on
 * the network, worked out beforehand.
 *
 * An event holds from its time on, for as long as it says. Where several hold at the same time they act in the order in
 * which they began, on what those before them made of it: two factors multiply, what is set replaces. When one ends, the others
 * go on. Rows change what events act on. */
#ifndef SIM_SCENARIO_TIMELINE_H
#define SIM_SCENARIO_TIMELINE_H

#include "sim/scenario/placement.h"

enum timeline_kind { TIMELINE_LATENCY, TIMELINE_LOSS, TIMELINE_BANDWIDTH };

struct timeline_step {
    uint64_t at_ns;
    enum timeline_kind kind;
    uint32_t from, to; /* latency, loss: regions */
    uint32_t node;     /* bandwidth */
    union {
        uint64_t latency_ns;
        struct gilbert loss;
        struct {
            uint64_t up_bps, down_bps;
        };
    };
};

struct timeline {
    struct timeline_step *steps; /* by time; later ones replace earlier ones */
    uint32_t step_count, step_room;
    uint64_t *latency_least_ns; /* of each pair of regions over the whole run; NULL: none changes */
};

#define TIMELINE_LATENCY_MIN_NS 1000u /* no factor makes a latency shorter, unless it is already */

void timeline_build(const struct scenario *s, const struct scenario_node *nodes, struct timeline *out);
void timeline_free(struct timeline *t);

#endif
