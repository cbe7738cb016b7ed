/* What the files of sim/des share. */
#ifndef SIM_DES_INTERNAL_H
#define SIM_DES_INTERNAL_H

#include "sim/des/des.h"
#include "sim/des/event.h"
#include "sim/des/link.h"
#include "stack/base/heap.h" /* TIME_NEVER */
#include "stack/base/map.h"
#include "stack/base/rng.h"

enum event_kind {
    EVENT_WAKE, /* the node's timer */
    EVENT_CALL, /* object: struct call */
    EVENT_TRANSPORT /* this and what follows belong to the TCP model */
};

struct call {
    void (*fn)(void *arg, uint64_t now_ns);
    void *arg;
    uint64_t at_ns, sequence; /* of a global call */
};

/* Hosts whose events one thread runs, in order of their keys, with a clock of their own. */
struct lane {
    struct des *des;
    struct event_queue queue;
    uint64_t now_ns;
    struct des_counts counts;
};

/* A host's state is touched by its own events and by global calls only. The TCP model's part follows the struct. */
struct host { /* what every packet needs comes first */
    struct des *des;
    struct lane *lane;
    const struct backend_app *app; /* NULL: no node here */
    void *app_ctx;
    uint32_t index, region, sequence;
    uint16_t listen_port; /* 0: not listening */
    uint64_t sides;       /* bit i: inside partition i */
    uint64_t wake_ns, wake_posted_ns;
    struct link up, down;
    struct endpoint address;
    struct rng jitter, random;
};

/* A TCP model: connections between hosts. The calls about them are those of backend_ops. */
struct des_transport {
    size_t host_size; /* of its state in each host, zeroed at first: transport_state */
    void (*start)(struct des *d);   /* NULL, like each of these four: nothing to do */
    void (*stop)(struct des *d);    /* after the last event was dropped and the last host stopped */
    void (*host_start)(struct host *h);
    void (*host_stop)(struct host *h);
    int (*dial)(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn);
    size_t (*send)(struct host *h, struct backend_conn handle, struct chain *bytes);
    void (*pause)(struct host *h, struct backend_conn handle, bool paused);
    void (*close)(struct host *h, struct backend_conn handle, enum backend_close how);
    void (*expect)(const struct host *h, struct backend_conn handle); /* NULL: no interest */
    void (*reset_all)(struct host *h);                                /* the node is gone */
    void (*healed)(struct host *h); /* a partition ended; NULL: no interest */
    void (*event)(struct host *h, const struct event *e);
    void (*drop)(const struct event *e); /* it will not happen: frees its object */
    /* The event comes soon, step by step (0 to BACKEND_EXPECT_STEPS): fetches what it needs. NULL: no interest. */
    void (*ahead)(const struct host *h, const struct event *e, unsigned step);
};

extern const struct des_transport transport_ideal, transport_flight, transport_packet;

/* packet.c: the settings of TCP as the world of the models that have any. */
void tcp_world_start(struct des *d);
void tcp_world_stop(struct des *d);

struct des {
    struct des_config config;
    uint64_t *latency_ns;
    struct lane lane;
    struct host **hosts;
    uint32_t host_count, host_capacity;
    struct map by_address;
    uint64_t partitions;  /* bit i: partition i is in force */
    struct call *globals; /* by (at_ns, sequence), the next one last */
    uint32_t global_count, global_capacity;
    uint64_t global_sequence;
    const struct des_transport *transport;
    void *transport_world; /* the model's own, not of a host */
};

static inline void *transport_state(const struct host *h)
{
    return (void *)(uintptr_t)(h + 1);
}

/* des.c: an event of `to`, caused by `from`. */
void des_post(struct host *from, uint32_t to, uint64_t at_ns, uint32_t kind, void *object);

/* path.c */
bool path_cut(const struct host *a, const struct host *b); /* a partition lies between them */
/* Whether the path loses the next segment, as a test wants it. */
static inline bool path_loses(const struct host *from, uint32_t to)
{
    const struct des_config *config = &from->des->config;

    return config->lose && config->lose(config->lose_ctx, from->index, to);
}

/* One-way latency from one host to another, with this packet's jitter. */
uint64_t path_delay_ns(struct host *from, uint32_t to_region);

#endif
