/* Latency tables of a network: built in, from CSV or from GML.
 *
 * CSV: a header "anything,region,region,...", then a row for each region in that order,
 * "region,latency,...". Rows are senders. Numbers are milliseconds, one way; "39.7" and "39.7ms"
 * are the same. A last column called "weight" holds the regions' weights.
 *
 * GML, as Shadow reads it: a node is a region (`label`, or else its `id`; `weight`;
 * `host_bandwidth_up`, `host_bandwidth_down`), an edge has a `latency` with its unit. Every pair of
 * regions needs one, a region with itself as well. `jitter` (uniform, up to this) and `packet_loss` are of
 * this edge, in place of the network's. */
#ifndef SIM_SCENARIO_LATENCY_H
#define SIM_SCENARIO_LATENCY_H

#include "sim/scenario/reader.h"
#include "sim/scenario/scenario.h"

#define LATENCY_NS_MAX (3600 * NS_PER_S)

/* Fills in table, regions and latencies, what a GML edge says besides, and the classes of a built-in table. */
void latency_read(struct reader *r, const struct tree *t, struct scenario_network *network);

/* CSV "from,to,latency": of pairs of nodes, in this direction. */
void latency_pairs_read(struct reader *r, const struct tree *t, struct scenario *s);
/* CSV "at,from,to,latency" or "at,from,to,factor" (of the table's latency): regions, * for all; times rise. */
void latency_rows_read(struct reader *r, const struct tree *t, struct scenario *s);

#endif
