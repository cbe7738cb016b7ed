/* The router's state and what its parts (peers, send, mesh, gossip, router) ask of each other.
 * Internal.
 *
 * Heartbeats run at fixed times; everything between two of them is driven by feed, publish and the
 * ends of validations. No part keeps a pointer to a peer across a call that may add one. */
#ifndef STACK_GOSSIPSUB_ROUTER_H
#define STACK_GOSSIPSUB_ROUTER_H

#include "stack/base/rng.h"
#include "stack/gossipsub/gossipsub.h"
#include "stack/gossipsub/mcache.h"
#include "stack/gossipsub/outbox.h"
#include "stack/gossipsub/seen.h"
#include "stack/gossipsub/slotset.h"
#include "stack/gossipsub/topic.h"

/* A control item waiting for the next RPC to its peer. */
struct pending_item {
    struct topic *topic; /* of GRAFT and PRUNE: pinned */
    struct span bytes;   /* of IHAVE and IWANT: the encoded item */
    uint32_t count;      /* of IHAVE and IWANT: ids in it */
    uint32_t backoff_s;  /* of PRUNE; 0: none */
    enum trace_control kind;
};

struct pending {
    uint32_t count, capacity;
    struct pending_item items[];
};

/* A slot. It is in use while either stream is there; then `key` names the peer: 64 bits of SipHash
 * of its id. */
struct peer {
    uint64_t key;
    struct outbox out;
    struct pending *pending;
    uint32_t heartbeat;   /* in which the two counters were last touched */
    uint32_t ihave_rpcs;  /* RPCs with control that it sent in that heartbeat */
    uint32_t ihave_asked; /* ids that we asked of it in that heartbeat */
    uint32_t subscriptions;
    uint8_t version;
    bool inbound; /* it may feed us */
    bool added;   /* we may send to it */
};

/* A message under validation. */
struct validation {
    struct post *post;
    uint64_t deadline_ns;
    uint32_t received_from;
};

/* An announcement that met a full queue, to be tried again. */
struct announce {
    struct topic *topic; /* pinned */
    uint64_t due_ns;
    uint32_t peer;
};

struct gossipsub { /* what every copy needs comes first */
    struct peer *peers;
    uint32_t peer_capacity;
    uint32_t heartbeat; /* how many there were */
    struct memo memo;
    struct seen seen;
    struct gossipsub_env env;
    uint64_t heartbeat_at_ns;
    uint32_t validation_head, validation_count, validation_capacity;
    uint32_t announce_count;
    struct topics topics;
    uint32_t announce_capacity;
    uint32_t mark; /* the last one given to a batch of posts */
    struct validation *validations; /* ring, by deadline; capacity 0 or a power of two */
    struct announce *announces;
    struct gossipsub_config config;
    struct rng rng_mesh, rng_fanout, rng_gossip, rng_announce, rng_exchange;
    uint8_t hash_key[16];
    uint64_t seqno_next, own_key;

    struct slotset added, outbound, direct, waiting; /* of slots; waiting: with pending items */
    uint64_t *direct_keys;
    uint32_t direct_count;

    struct mcache mcache;
};

_Static_assert(offsetof(struct gossipsub, topics.recent) < 192, "three cache lines, as gossipsub_expect believes");

/* router.c */
void router_trace(const struct gossipsub *g, uint64_t now_ns, const struct trace_event *e);
void router_trace_topic(const struct gossipsub *g, uint64_t now_ns, enum trace_kind kind,
                        uint32_t peer, const struct topic *t);
struct validation *router_validation(const struct gossipsub *g,
                                     uint32_t index); /* 0: the next due */
/* A random choice of at most `want` of the items, moved to the front; how many. */
uint32_t router_choose(struct rng *r, uint32_t *items, uint32_t count, uint32_t want);

/* peers.c */
struct peer *peer_at(const struct gossipsub *g,
                     uint32_t slot); /* NULL when the slot is not in use */
struct peer *peer_open(struct gossipsub *g, uint32_t slot,
                       const struct peerid *id);          /* finds or makes */
bool peer_known(const struct gossipsub *g, uint64_t key); /* whether some slot has that key */
uint64_t peer_key_of(const struct gossipsub *g, struct slice id);
void peer_subscriptions(struct gossipsub *g, uint32_t slot, struct slice rpc);
void peer_announce(struct gossipsub *g, uint64_t now_ns,
                   struct topic *t);                            /* our (un)subscription, to all */
void peer_announce_again(struct gossipsub *g, uint64_t now_ns); /* those that are due */
uint64_t peer_announce_deadline(const struct gossipsub *g);

/* send.c: pending items go out with the next RPC, at the latest with send_flush. */
void send_graft(struct gossipsub *g, uint32_t slot, struct topic *t);
void send_prune(struct gossipsub *g, uint32_t slot, struct topic *t, uint64_t backoff_ns);
void send_ids(struct gossipsub *g, uint32_t slot, enum trace_control kind, struct span item,
              uint32_t count);
void send_post(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct post *p);
/* Posts and whatever is pending, in as few RPCs as rpc_size_max allows. */
void send_flush(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct post *const *posts,
                uint32_t count);
void send_flush_all(struct gossipsub *g, uint64_t now_ns);
/* An RPC of subscriptions only (encoded, `count` of them); false when the queue is full and not
 * `forced`. */
bool send_subscriptions(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice items,
                        uint32_t count, bool forced);
void send_forget(struct gossipsub *g, uint32_t slot); /* drops queue and pending items */

/* mesh.c */
void mesh_join(struct gossipsub *g, uint64_t now_ns, struct topic *t);
void mesh_leave(struct gossipsub *g, uint64_t now_ns, struct topic *t);
void mesh_drop(struct gossipsub *g, uint64_t now_ns,
               uint32_t slot); /* out of every mesh and fanout */
void mesh_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc);
void mesh_fanout(struct gossipsub *g, uint64_t now_ns, struct topic *t); /* makes or prolongs one */
void mesh_heartbeat(struct gossipsub *g, uint64_t now_ns);

/* gossip.c */
void gossip_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc);
/* IHAVE about the recent messages of t to some peers outside `exclude`; between begin and end only.
 */
void gossip_begin(struct gossipsub *g);
void gossip_emit(struct gossipsub *g, struct topic *t, const struct slotset *exclude);
void gossip_end(struct gossipsub *g);

#endif
