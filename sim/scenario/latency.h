/* Latency tables of a network: built in, from CSV or from GML.
 *
 * CSV: a header "anything,region,region,...", then a row for each region in that order,
 * "region,latency,...". Rows are senders. Numbers are milliseconds, one way; "39.7" and "39.7ms"
 * are the same. A last column called "weight" holds the regions' weights.
 *
 * GML, as Shadow reads it: a node is a region (`label`, or else its `id`; `weight`;
 * `host_bandwidth_up`, `host_bandwidth_down`), an edge has a `latency` with its unit. Every pair of
 * regions needs one, a region with itself as well. `packet_loss` and `jitter` other than 0 are
 * refused. */
#ifndef SIM_SCENARIO_LATENCY_H
#define SIM_SCENARIO_LATENCY_H

#include "sim/scenario/reader.h"
#include "sim/scenario/scenario.h"

#define LATENCY_NS_MAX (3600 * NS_PER_S)

/* Fills in table, regions and latencies, and the classes of a built-in table. */
void latency_read(struct reader *r, const struct tree *t, struct scenario_network *network);

#endif
