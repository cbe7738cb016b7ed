/* What must be true of messages, meshes and links, whatever the protocols decide.
 *
 *  - twice: a node is given a message once. A new life (a process without memory) may be given it again, and so may a node
 *    that has forgotten it: nine tenths of seen_ttl later, the rest being what clocks may drift.
 *  - mesh: what is traced of a mesh (GRAFT, PRUNE) is what the node says of it, at all times. It has less than D_hi peers (or D,
 *    where that is as much), but for a few heartbeats. It has at least D_lo of them, unless each of the others refuses: not if over a whole back-off and
 *    the heartbeats until it is swept there was always one and the same peer that is connected and subscribed and has room.
 *    A peer in one's mesh has oneself in its own, but for the time a message takes.
 *  - links: two nodes of which one was told to dial the other are connected when both have been up for so long
 *    that any back-off of dials has passed, unless something lay between them.
 *  - reach: a message of the last round (published in the measured period, when all faults are over) is delivered to each
 *    node that it can reach over links that are there all the time: those of meshes, and those over which gossip is
 *    certain to offer it (the sender has no more peers to choose from than it chooses), if time is left for so many hops.
 *
 * Traces come from several threads, each host's from one; the rest is called between events. */
#ifndef TESTS_SWARM_ORACLE_H
#define TESTS_SWARM_ORACLE_H

#include "sim/scenario/placement.h"
#include "stack/node/node.h"
#include "tests/swarm/guard.h"
#include "tests/swarm/streams.h"

struct oracle;

struct oracle *oracle_new(const struct scenario *s, const struct scenario_node *nodes, struct streams *streams,
                          struct verdict *v);
void oracle_free(struct oracle *o);
void oracle_reborn(struct oracle *o, uint32_t host);                            /* without memory */
void oracle_place(struct oracle *o, uint32_t host, uint64_t now_ns, const struct node *node); /* NULL: down */
void oracle_trace(struct oracle *o, uint32_t host, uint64_t now_ns, const struct trace_event *event);
void oracle_cut(struct oracle *o, uint64_t now_ns);    /* a partition began or ended */
void oracle_sample(struct oracle *o, uint64_t now_ns); /* between events, now and then */
void oracle_judge(struct oracle *o, uint64_t now_ns, struct guard_counts *counts);

#endif
