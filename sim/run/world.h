/* What a run asks of a backend: a home for each node, calls at given times, and the running of time itself.
 *
 * One table a backend. A backend that cannot honour a setting of the scenario says so by name before anything runs. */
#ifndef SIM_RUN_WORLD_H
#define SIM_RUN_WORLD_H

#include "sim/scenario/placement.h"
#include "sim/scenario/timeline.h"
#include "stack/backend/backend.h"

struct world_config {
    const struct scenario *scenario;
    const struct scenario_node *nodes; /* scenario->node_count */
    const struct endpoint *addresses;  /* one a node */
    const struct timeline *timeline;   /* what of the network changes while it runs; outlives the world */
    uint64_t horizon_ns;               /* its steps from here on wait for `proceed`; TIME_NEVER: none does */
    bool captures;                     /* some will start */
    void *trace_ctx;
    void (*trace)(void *ctx, uint32_t node, uint64_t now_ns, const struct trace_event *event);
    void (*expect)(void *ctx, uint32_t node, unsigned step); /* a hint, see des.h; may be NULL or ignored */
    uint32_t threads;        /* > 1 only where the world has lanes */
    const uint32_t *weights; /* of each node: its events in a second, roughly; > 0 */
    /* Several threads are about to trace and call at once, each for nodes of its own, or no longer do. */
    void (*window)(void *ctx, bool open);
};

/* A world whose nodes may run in several threads. */
struct world_lanes {
    uint32_t (*count)(const void *world);
    uint32_t (*of)(const void *world, uint32_t node);
    uint64_t (*lookahead_ns)(const void *world); /* UINT64_MAX: one lane */
};

/* A world that shows the packets of its hosts, as pcap files. */
struct world_captures {
    const char *(*refuses)(const struct scenario *s); /* NULL, or why there are none here */
    bool (*start)(void *world, uint32_t node, const char *path); /* before the first event; false with errno set */
    /* The ends of a connection as the captures have them; false when it is gone. */
    bool (*ends)(void *world, uint32_t node, struct backend_conn conn, struct endpoint *local, struct endpoint *remote);
    bool (*finish)(void *world); /* false: one could not be written */
};

struct world_ops {
    const char *name;
    const struct backend_ops *backend;
    bool virtual_time;
    /* NULL, or the setting that cannot be honoured and why ("network.jitter: ..."); `out` has 256 bytes. */
    const char *(*refuses)(const struct scenario *s, char *out);
    struct endpoint (*address)(uint32_t node);
    void *(*open)(const struct world_config *config, char *error, size_t error_size); /* NULL on failure */
    void (*close)(void *world);
    void *(*host)(void *world, uint32_t node);
    /* Puts a node on its host; app NULL takes it off, resetting what it still has. */
    void (*place)(void *world, uint32_t node, const struct backend_app *app, void *ctx);
    void (*schedule)(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
    void (*schedule_global)(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
    /* A slot, or a negative err. */
    int (*partition)(void *world, const bool *member, enum scenario_direction direction);
    void (*heal)(void *world, int slot);
    /* Past the horizon, with a timeline that was the same up to it and outlives the world. NULL: in real time there is none. */
    void (*proceed)(void *world, const struct timeline *timeline);
    int (*advance)(void *world, uint64_t until_ns); /* runs until then; 0 or a negative err */
    uint64_t (*now_ns)(const void *world);
    void (*counts)(const void *world, uint64_t *events, uint64_t *connections);
    const struct world_lanes *lanes; /* NULL: it runs on one thread */
    /* The run is over; `out` (256 bytes) takes what the record should know of the backend. True: the user should be warned.
     * NULL: nothing to say. */
    bool (*finish)(void *world, char *out);
    const struct world_captures *captures; /* NULL: there are none */
};

extern const struct world_ops world_des, world_sockets, world_netns, world_ns3;
const struct world_ops *world_find(const char *name); /* NULL when there is none */
extern const char *const world_names;                 /* "des, sockets, netns, ns3" */

#endif
