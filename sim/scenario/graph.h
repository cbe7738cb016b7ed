/* Random graphs on 0 .. n-1, made by igraph: simple (no loops, no double edges) and undirected.
 *
 * igraph keeps its random numbers and its error handler in globals, so one thread at a time. The
 * same seed and the same version of igraph give the same graph. */
#ifndef SIM_SCENARIO_GRAPH_H
#define SIM_SCENARIO_GRAPH_H

#include <stdint.h>

struct graph_edge {
    uint32_t a, b;
};

struct graph {
    struct graph_edge *edges;
    uint32_t edge_count;
};

/* All return NULL, or what igraph says is wrong. The arguments must make sense: 0 < degree < n and
 * so on. */
const char *graph_random_regular(uint64_t seed, uint32_t n, uint32_t degree, struct graph *out);
const char *graph_erdos_renyi(uint64_t seed, uint32_t n, uint64_t probability_ppb,
                              struct graph *out);
const char *graph_watts_strogatz(uint64_t seed, uint32_t n, uint32_t degree, uint64_t rewire_ppb,
                                 struct graph *out);
const char *graph_barabasi_albert(uint64_t seed, uint32_t n, uint32_t edges_per_node,
                                  struct graph *out);
void graph_free(struct graph *g);

#endif
