/* Routers wired back to back in memory: a fixed latency, a virtual clock, everything they trace
 * counted. A node's peer may also be a puppet, whose bytes a test writes and reads itself. */
#ifndef TESTS_LIB_GOSSIP_NET_H
#define TESTS_LIB_GOSSIP_NET_H

#include "stack/base/buf.h"
#include "stack/base/rng.h"
#include "stack/base/trace.h"
#include "stack/gossipsub/gossipsub.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define GOSSIP_SLOTS 64     /* a node's peers */
#define GOSSIP_MESSAGES 512 /* numbered messages; see gossip_publish */

struct gossip_net;

struct gossip_node {
    struct gossipsub *g; /* NULL once the node is dead */
    struct gossip_net *net;
    uint32_t index, slot_count;
    struct identity identity;
    struct {
        uint32_t node, slot; /* the other end; node == UINT32_MAX: a puppet */
        bool writing;        /* asked to write, not yet pulled */
        bool blocked;        /* its stream takes nothing */
        struct chain in;
    } peers[GOSSIP_SLOTS];
    uint32_t counts[TRACE_KIND_COUNT], rejects[16];
    uint32_t sent[TRACE_CONTROL_COUNT], received[TRACE_CONTROL_COUNT]; /* items */
    uint32_t sent_events[TRACE_CONTROL_COUNT];
    uint32_t dropped_messages, exchanged, test_extensions, connects;
    uint64_t withheld_bytes;
    double app[GOSSIP_SLOTS];                /* P5 of each peer */
    struct endpoint addresses[GOSSIP_SLOTS]; /* 0.0.0.0: not known */
    struct peerid ids[GOSSIP_SLOTS];
    uint64_t control_bytes_sent;
    uint8_t got[GOSSIP_MESSAGES]; /* deliveries of each number */
    uint64_t got_ns[GOSSIP_MESSAGES];
    uint32_t delivered;
    enum gossipsub_verdict verdict;
    bool echo; /* answers each message below 100 with its number + 100, from within its delivery */
    uint64_t digest; /* of every event traced */
};

struct gossip_event;

struct gossip_net {
    struct gossip_node *nodes;
    uint32_t count;
    uint64_t now_ns, latency_ns;
    enum gossipsub_version version; /* that connections speak */
    bool copies;                 /* bytes arrive in memory of their own, not in the sender's */
    struct gossip_event *events; /* binary heap by (time, sequence) */
    uint32_t event_count, event_capacity;
    uint64_t sequence;
    struct rng rng;
};

/* Overridable before the first connection; the seed and identity of each node are filled in. */
struct gossipsub_config gossip_config(void);
struct gossip_net *gossip_net_new(uint32_t count, const struct gossipsub_config *config);
/* Adds to what the nodes' routers are given; before gossip_net_new, for all of them. NULL: nothing. */
extern void (*gossip_net_env)(struct gossip_node *n, struct gossipsub_env *env, struct gossipsub_config *config);
void gossip_net_free(struct gossip_net *net);
void gossip_connect(struct gossip_net *net, uint32_t from, uint32_t to); /* `from` dials */
void gossip_connect_random(struct gossip_net *net,
                           uint32_t degree); /* each node to `degree` others */
void gossip_disconnect(struct gossip_net *net, uint32_t a, uint32_t b);
void gossip_kill(struct gossip_net *net, uint32_t node);
uint32_t gossip_slot(const struct gossip_net *net, uint32_t node, uint32_t peer);
void gossip_run(struct gossip_net *net, uint64_t duration_ns);

void gossip_subscribe(struct gossip_net *net, uint32_t node, const char *topic);
void gossip_unsubscribe(struct gossip_net *net, uint32_t node, const char *topic);
/* Publishes a message of `size` >= 4 bytes that starts with its number. */
int gossip_publish(struct gossip_net *net, uint32_t node, const char *topic, uint32_t number,
                   uint32_t size);
uint32_t gossip_mesh(const struct gossip_net *net, uint32_t node, const char *topic);

/* Puppets: scripted peers of one node. */
uint32_t gossip_puppet(struct gossip_net *net, uint32_t node, enum gossipsub_version version,
                       bool dialled);
struct peerid gossip_puppet_id(uint32_t slot);
int gossip_puppet_send(struct gossip_net *net, uint32_t node, uint32_t slot, struct slice rpc);
/* The node's next RPC to the puppet, without its length; false when there is none. */
bool gossip_puppet_take(struct gossip_net *net, uint32_t node, uint32_t slot, struct buf *rpc);
void gossip_puppet_drain(struct gossip_net *net, uint32_t node, uint32_t slot);

#endif
