/* The hosts of an experiment: shadow.yaml says at which vertex of the GML graph each is, the graph
 * what its link carries.
 *
 * Read as Shadow means it; what has no meaning here is either known not to matter (see README.md)
 * or refused by name. */
#ifndef SIM_SUITE_HOSTS_H
#define SIM_SUITE_HOSTS_H

#include "sim/scenario/tree.h"

struct suite_host {
    uint32_t vertex;           /* its position in the GML file */
    uint64_t up_bps, down_bps; /* 0: those of the vertex */
};

struct suite_hosts {
    struct suite_host *items; /* of node0, node1, ... */
    uint32_t count;
    uint64_t stop_ns;
    bool has_buffers; /* socket buffers are set */
};

/* 0, or ERR_INVALID with *err set ("file:line:column: hosts.node3: what"). Free the hosts only
 * after 0. */
int suite_hosts_load(const char *shadow_path, const char *graph_path, struct suite_hosts *out,
                     struct scenario_error *err);
void suite_hosts_free(struct suite_hosts *h);

#endif
