/* A few whole nodes in the simulator, for tests: they connect as told and count what they are given. */
#ifndef TESTS_LIB_SWARM_H
#define TESTS_LIB_SWARM_H

#include "sim/des/des.h"
#include "stack/node/node.h"

#define SWARM_MAX 64
#define SWARM_SECOND UINT64_C(1000000000)

struct swarm_node {
    struct node *node;
    uint32_t index;
    uint32_t delivered, received; /* gossip messages, Algorand messages */
    uint64_t delivered_ns;        /* when the last gossip message was */
    uint32_t ready, gone, failed; /* traces */
    uint32_t identified, pushed;  /* identify messages of peers; those that came unasked */
    uint32_t last_addresses, last_protocols; /* in the last one */
    uint32_t topics_joined, topics_left;     /* by peers */
    uint32_t secured;                        /* handshakes done */
    int last_error;
    uint32_t rejects, drops; /* traces of messages */
    int last_reject;
    uint32_t foreign; /* messages among delivered and received that no node of the swarm sent: a test says how many may come */
    bool down;
};

struct swarm {
    struct des *des;
    struct swarm_node nodes[SWARM_MAX];
    uint32_t count;
};

struct endpoint swarm_address(uint32_t index);
/* `config` is that of every node but for identity and address; latency 10 ms, links without limit. */
void swarm_init(struct swarm *s, uint32_t count, const struct node_config *config);
/* Of other networks: `net` may leave regions and traces out, as `host` the address; all nodes are one_way_ns apart. */
void swarm_init_on(struct swarm *s, uint32_t count, const struct node_config *config, const struct des_config *net,
                   uint64_t one_way_ns, const struct des_host_config *host);
void swarm_free(struct swarm *s);
void swarm_connect(struct swarm *s, uint32_t from, uint32_t to);
void swarm_subscribe_all(struct swarm *s, const char *topic);
void swarm_publish(struct swarm *s, uint32_t from, const char *topic, uint64_t number, size_t size);
void swarm_run(struct swarm *s, uint64_t duration_ns);
void swarm_crash(struct swarm *s, uint32_t index);

#endif
