/* The nodes of a scenario one by one: where each is, what its link carries, when it starts.
 *
 * Drawn from the sub-stream "placement" of the scenario's seed, in the order of the groups;
 * integers only. Nodes are placed independently of each other, so shares hold on average. */
#ifndef SIM_SCENARIO_PLACEMENT_H
#define SIM_SCENARIO_PLACEMENT_H

#include "sim/scenario/scenario.h"

struct scenario_node {
    uint32_t index, group, number; /* in the scenario; its group; in that group */
    uint32_t region, class;        /* class: SCENARIO_NONE when there are none */
    uint64_t up_bps, down_bps;     /* 0: no limit */
    uint32_t cores, speed_ppm;     /* of its CPU; 0: work takes no time */
    uint64_t start_ns;             /* TIME_NEVER: joins by an event */
};

/* An array of s->node_count nodes; the caller frees it with mem_free. */
struct scenario_node *scenario_expand(const struct scenario *s);

/* One way at the start of the run, without jitter: their own (`latency_pairs`), or that of their regions. */
uint64_t scenario_node_latency_ns(const struct scenario *s, const struct scenario_node *from,
                                  const struct scenario_node *to);

/* "peers-17" */
const char *scenario_node_name(const struct scenario *s, uint32_t index,
                               char out[static SCENARIO_NODE_NAME_SIZE]);
/* The other way round; SCENARIO_NONE when there is none of that name. */
uint32_t scenario_node_find(const struct scenario *s, const char *name);

/* The nodes that event number `event` is about, by rising index: *out is to be freed with mem_free;
 * returns how many. A random part (share, count) is drawn from the sub-stream "selection" of the
 * seed and the event's number, so it is the same however often it is asked for. A share is rounded
 * to the nearest whole number. For a join event: the next nodes of the group that earlier join
 * events left out. None for a heal, or where latency or loss change. */
uint32_t scenario_select(const struct scenario *s, const struct scenario_node *nodes,
                         uint32_t event, uint32_t **out);

#endif
