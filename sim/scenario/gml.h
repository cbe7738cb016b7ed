/* Graphs in GML, as Shadow, networkx and igraph write them: graph [ directed 1 node [ id 0 ... ]
 * edge [ ... ] ].
 *
 * Vertices are numbered in the order of the file. Attributes stay in the tree, with their places.
 */
#ifndef SIM_SCENARIO_GML_H
#define SIM_SCENARIO_GML_H

#include "sim/scenario/reader.h"

struct gml_vertex {
    const struct tree *at;
    const char *label; /* its id as text when it has none */
};

struct gml_arc {
    const struct tree *at;
    uint32_t source, target;
};

struct gml_graph {
    struct tree_doc doc;
    bool directed;
    struct gml_vertex *vertices;
    struct gml_arc *arcs;
    uint32_t vertex_count, arc_count;
};

/* Reads the file that `t` names; the reader has failed when it cannot. Free the graph in any case.
 */
void gml_read(struct reader *r, const struct tree *t, struct gml_graph *out);
void gml_free(struct gml_graph *g);

/* A scalar attribute of a vertex or arc; NULL when absent. Fails for one that is not a scalar. */
const struct tree *gml_attribute(struct reader *r, const struct tree *at, const char *key);

#endif
