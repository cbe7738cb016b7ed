/* Who dials whom: the scenario's topologies as one list of directed dials.
 *
 * Graphs are made by igraph (graph.h) or here, from the sub-stream "topology" of the scenario's
 * seed. Which end of a link of an undirected kind dials is drawn. A pair of nodes is connected
 * once, however many topologies want it. */
#ifndef SIM_SCENARIO_TOPOLOGY_H
#define SIM_SCENARIO_TOPOLOGY_H

#include "sim/scenario/scenario.h"

struct topology {
    struct scenario_edge
        *dials;      /* by `from`; the dials of one node in the order in which it makes them */
    uint32_t *first; /* node i dials dials[first[i]] .. dials[first[i + 1] - 1] */
    uint32_t dial_count;
    uint32_t *directs, *direct_first; /* node i has directs[direct_first[i]] .. as direct peers; NULL: nobody has any */
    uint32_t isolated_count; /* nodes without a connection */
    uint32_t part_count;     /* of the graph; 1: connected */
    char *warning;           /* NULL: nothing to say; else "place: 3 nodes have no link; ..." */
};

/* 0, or ERR_INVALID with *err set (a graph that igraph cannot make). Free the topology only after
 * 0. */
int topology_build(const struct scenario *s, struct topology *out, struct scenario_error *err);
void topology_free(struct topology *t);

#endif
