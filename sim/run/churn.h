/* Churn: nodes that go and come back, by distributions or by a trace.
 *
 * Each node has a stream of its own for how long it stays up and down, so that neither the other nodes nor what happens in
 * the network move its times. A node that is down at its turn for another reason is left alone until the next one. */
#ifndef SIM_RUN_CHURN_H
#define SIM_RUN_CHURN_H

#include "sim/run/internal.h"

struct churn; /* of one event */

/* Begins now, at the event's time; `nodes` are those selected. Event number `event` names the streams. */
struct churn *churn_begin(struct run *run, const struct scenario_event *e, const uint32_t *nodes, uint32_t count,
                          uint32_t event);
uint32_t churn_node_count(const struct churn *c); /* different nodes that it may hit */
void churn_free(struct churn *c);                 /* NULL is fine */

#endif
