/* What the C files of sim/ns3 share. */
#ifndef SIM_NS3_INTERNAL_H
#define SIM_NS3_INTERNAL_H

#include "sim/ns3/ns3.h"
#include "stack/base/heap.h" /* TIME_NEVER */
#include "stack/base/map.h"
#include "stack/base/rng.h"

/* A connection of a node. */
struct conn {
    struct ns3_host *host;
    struct ns3c_socket *socket;
    uint32_t index;
    uint32_t peer; /* host */
    uint16_t port, peer_port;
    bool open, paused, resuming;
    bool finished; /* the far side's stream ended while we paused */
};

struct conn_slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
};

struct ns3_host {
    struct ns3 *world;
    uint32_t index, region;
    const struct backend_app *app; /* NULL: no node here */
    void *app_ctx;
    struct ns3c_socket *listener;
    struct endpoint address;
    struct conn_slot *conns;
    uint32_t *free_indexes, free_count, conn_count, conn_capacity;
    uint64_t wake_ns, wake_posted_ns;
    bool resume_posted;
    uint64_t queue_size, queue_ns;
    struct rng random;
    /* way.c */
    uint64_t sides; /* bit i: inside partition i */
    bool latency_pairs;
    struct gilbert loss_up, loss_down;
    bool up_bad, down_bad, *bad; /* states of the chains; bad: by region */
    struct rng jitter, loss;
};

/* Something that a scenario does later. */
struct ns3_later {
    struct ns3 *world;
    struct ns3_later *next, *previous;
    void (*fn)(void *arg, uint64_t now_ns);
    void *arg;
};

struct ns3 {
    const struct ns3c_table *api;
    struct ns3_config config;
    struct ns3_host **hosts;
    uint32_t host_count, host_capacity;
    struct map by_address;
    struct ns3_later *laters;
    uint8_t *scratch; /* CONN_SCRATCH bytes */
    /* way.c */
    uint64_t cut_out, cut_in;
    uint64_t *latency_ns, *jitter_pair_ns, *rest_ns; /* rest: behind the bottleneck, per pair */
    struct gilbert *loss;
    struct jitter *jitter;
    uint32_t *middles; /* by pair; NS3C_NONE */
    struct map latency_pairs;
};

static inline size_t pair_of(const struct ns3 *n, uint32_t from_region, uint32_t to_region)
{
    return (size_t)from_region * n->config.region_count + to_region;
}

/* ns3.c: of a host that shares its IP address, by address and port. */
#define HOST_KEY_SIZE 18
struct slice host_of_port(const struct endpoint *e, uint8_t key[static HOST_KEY_SIZE]);

/* conn.c */
#define CONN_SCRATCH 65536u
extern const struct ns3c_upcalls conn_upcalls; /* of sockets; their user is the conn, a listener's the host */
void conns_drop(struct ns3_host *h);           /* without a word to anybody */

/* way.c */
void ways_init(struct ns3 *n);
void ways_deinit(struct ns3 *n);
void way_host_init(struct ns3_host *h, const struct ns3_host_config *config);
bool way_of_packet(void *world, const struct ns3c_packet *packet, struct ns3c_way *way); /* as ns3c_config.path */
bool way_arrives(void *world, const struct ns3c_packet *packet);

#endif
