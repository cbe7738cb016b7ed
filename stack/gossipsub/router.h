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
#include "stack/gossipsub/gater.h"
#include "stack/gossipsub/outbox.h"
#include "stack/gossipsub/promises.h"
#include "stack/gossipsub/score.h"
#include "stack/gossipsub/seen.h"
#include "stack/gossipsub/slotset.h"
#include "stack/gossipsub/topic.h"
#include "stack/gossipsub/unwanted.h"

/* A control item waiting for the next RPC to its peer. */
struct pending_item {
    struct topic *topic; /* of GRAFT and PRUNE: pinned */
    struct span bytes;   /* of IHAVE and IWANT, and of a PRUNE that tells of other peers: the encoded item */
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
    uint32_t control_rpcs; /* as ihave_rpcs, but of all; counts for IDONTWANT */
    uint8_t version;
    bool inbound; /* it may feed us */
    bool added;   /* we may send to it */
    uint8_t extensions; /* enum peer_extensions and what it declared */
};

/* Bits of peer.extensions beside GOSSIPSUB_EXTENSION_.... */
enum peer_extensions {
    PEER_EXTENSIONS_HEARD = 1 << 6, /* its first RPC is here */
    PEER_EXTENSIONS_SAID = 1 << 7   /* our first RPC is on its way */
};

/* What became of an RPC's sender: how much of the RPC is looked at. */
enum admission { ADMIT_NOTHING, ADMIT_CONTROL, ADMIT_ALL };

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
    bool watched;              /* somebody looks at every copy: scores, the gater, extensions */
    uint32_t announced_size;   /* from so many bytes on a message is announced with IDONTWANT */
    struct memo memo;
    struct seen seen;
    uint64_t heartbeat_at_ns;
    uint32_t validation_head, validation_count, validation_capacity;
    uint32_t announce_count;
    struct topics topics;
    struct gossipsub_env env;
    uint32_t announce_capacity;
    uint32_t mark; /* the last one given to a batch of posts */
    struct validation *validations; /* ring, by deadline; capacity 0 or a power of two */
    struct announce *announces;
    struct gossipsub_config config;
    struct rng rng_mesh, rng_fanout, rng_gossip, rng_announce, rng_exchange, rng_promise;
    uint8_t hash_key[16];
    uint64_t seqno_next, own_key;

    struct slotset added, outbound, direct, waiting; /* of slots; waiting: with pending items */
    struct slotset floodsub;  /* peers that speak nothing else: no mesh, no gossip */
    struct slotset idontwant; /* peers that understand it */
    uint64_t *blacklist; /* keys of peers */
    uint32_t blacklist_count;
    struct direct_peer *directs;
    uint32_t direct_count;
    uint64_t direct_at_ns; /* when the first attempt to reach them is due; TIME_NEVER: it was made */

    struct score *score; /* NULL: all scores are 0 */
    double *beat_scores; /* within a heartbeat: scores as they were at its beginning, by slot */
    uint64_t score_report_at_ns;
    struct promises promises;
    struct gater *gater;
    struct unwanted *unwanted; /* by slot; NULL until a peer sends an IDONTWANT */
    uint32_t unwanted_capacity;
    struct partial *partial;   /* NULL: without partial messages */
    struct map authors;        /* with seqno_check: their newest numbers */

    struct mcache mcache;
};

_Static_assert(offsetof(struct gossipsub, env.wants_write) <= 192, "three cache lines, as gossipsub_expect believes");

struct direct_peer {
    struct peerid id;
    uint64_t key;
};

/* router.c */
void router_trace(const struct gossipsub *g, uint64_t now_ns, const struct trace_event *e);
void router_trace_topic(const struct gossipsub *g, uint64_t now_ns, enum trace_kind kind,
                        uint32_t peer, const struct topic *t);
void router_trace_post(const struct gossipsub *g, uint64_t now_ns, enum trace_kind kind, uint32_t peer,
                       const struct post *p);
void router_reject(struct gossipsub *g, uint64_t now_ns, const struct gossipsub_message *m, enum trace_reject why);
/* An accepted message: into the cache, on to our peers, up to the application. */
void router_accept(struct gossipsub *g, uint64_t now_ns, struct post *p, struct gossipsub_message *m);
/* A random choice of at most `want` of the items, moved to the front; how many. */
uint32_t router_choose(struct rng *r, uint32_t *items, uint32_t count, uint32_t want);

/* validation.c */
struct validation *validation_at(const struct gossipsub *g, uint32_t index); /* 0: the next due */
/* A message that is neither known nor refused: it will be judged at that time. */
void validation_start(struct gossipsub *g, uint64_t now_ns, struct post *p, struct gossipsub_message *m,
                      uint64_t judged_ns);
void validation_end(struct gossipsub *g, uint64_t now_ns); /* of the next due */

/* peers.c */
struct peer *peer_at(const struct gossipsub *g,
                     uint32_t slot); /* NULL when the slot is not in use */
bool peer_is_new_in_heartbeat(const struct gossipsub *g, struct peer *p);
struct peer *peer_open(struct gossipsub *g, uint32_t slot,
                       const struct peerid *id);          /* finds or makes */
bool peer_known(const struct gossipsub *g, uint64_t key); /* whether some slot has that key */
uint64_t peer_key_of(const struct gossipsub *g, struct slice id);
/* False: there are too many of them, the RPC is to be ignored. */
bool peer_subscriptions(struct gossipsub *g, uint32_t slot, struct slice rpc, uint32_t count);
void peer_connect_directs(struct gossipsub *g); /* asks for those that are missing */
void peer_announce(struct gossipsub *g, uint64_t now_ns,
                   struct topic *t);                            /* our (un)subscription, to all */
void peer_announce_again(struct gossipsub *g, uint64_t now_ns); /* those that are due */
uint64_t peer_announce_deadline(const struct gossipsub *g);

/* send.c: pending items go out with the next RPC, at the latest with send_flush. */
void send_graft(struct gossipsub *g, uint32_t slot, struct topic *t);
/* `tell`: of other peers of the topic too. */
void send_prune(struct gossipsub *g, uint32_t slot, struct topic *t, uint64_t backoff_ns, bool tell);
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
/* An RPC of one item of that kind, encoded as a field of the RPC, with `count` things in it. */
enum send_how { SEND_NORMAL, SEND_URGENT, SEND_FORCED };
bool send_item(struct gossipsub *g, uint64_t now_ns, uint32_t slot, enum trace_control kind, struct slice field,
               uint32_t count, enum send_how how);
void send_forget(struct gossipsub *g, uint32_t slot); /* drops queue and pending items */

/* mesh.c */
void mesh_join(struct gossipsub *g, uint64_t now_ns, struct topic *t);
void mesh_leave(struct gossipsub *g, uint64_t now_ns, struct topic *t);
void mesh_drop(struct gossipsub *g, uint64_t now_ns,
               uint32_t slot); /* out of every mesh and fanout */
void mesh_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc);
void mesh_fanout(struct gossipsub *g, uint64_t now_ns, struct topic *t); /* makes or prolongs one */
void mesh_fill_fanout(struct gossipsub *g, struct topic *t);
void mesh_drop_fanout(struct topic *t);
void mesh_graft(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot);
void mesh_prune(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot, uint64_t backoff_ns, bool tell);
/* Who may be chosen: peers of the topic in neither `except` nor the direct set, of `in` if there is one, with a score of at
 * least `least` (more than that if `above`). */
struct choice {
    const struct slotset *except, *in;
    double least;
    bool above;
};
/* The caller frees the list; NULL when there are none. */
uint32_t *mesh_candidates(const struct gossipsub *g, const struct topic *t, const struct choice *c, uint32_t *count);
/* Grafts `want` of them at random, but none that is backing off. */
void mesh_graft_some(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t want, const struct choice *c);

/* exchange.c: peers that are told of in PRUNEs */
void exchange_receive(struct gossipsub *g, struct slice prune);
/* A PRUNE for the peer with some other peers of the topic in it: the item of ControlMessage. */
struct span exchange_prune(struct gossipsub *g, uint32_t slot, const struct topic *t, uint32_t backoff_s);

/* heartbeat.c */
void heartbeat_run(struct gossipsub *g, uint64_t now_ns);

/* watch.c: scores, promises, the gater. The watch_ functions are to be called where g->watched only. */
double watch_score(const struct gossipsub *g, uint32_t slot);
static inline bool watch_allows(const struct gossipsub *g, uint32_t slot, double least)
{
    return !g->score || watch_score(g, slot) >= least;
}
void watch_init(struct gossipsub *g, uint64_t now_ns);
void watch_deinit(struct gossipsub *g);
void watch_peer_added(struct gossipsub *g, uint32_t slot);
void watch_peer_removed(struct gossipsub *g, uint64_t now_ns, uint32_t slot);
enum admission watch_admits(struct gossipsub *g, uint64_t now_ns, uint32_t slot);
void watch_validate(struct gossipsub *g, uint64_t now_ns, const struct post *p);
void watch_deliver(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct post *p);
void watch_duplicate(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct topic *t, const struct seen_key *key);
void watch_reject(struct gossipsub *g, uint64_t now_ns, const struct gossipsub_message *m, enum trace_reject why);
void watch_promise(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct slice *ids, uint32_t count);
void watch_graft(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct topic *t);
void watch_prune(struct gossipsub *g, uint32_t slot, struct topic *t);
void watch_penalty(struct gossipsub *g, uint32_t slot, double count);
void watch_heartbeat_begin(struct gossipsub *g, uint64_t now_ns);
void watch_heartbeat_end(struct gossipsub *g);
uint64_t watch_deadline(const struct gossipsub *g);
void watch_tick(struct gossipsub *g, uint64_t now_ns);

/* idontwant.c */
void idontwant_peers_changed(struct gossipsub *g);
/* Tells the mesh that these messages of t are here; `from` is left out. */
void idontwant_announce(struct gossipsub *g, uint64_t now_ns, const struct topic *t, uint32_t from,
                        const struct slice *ids, uint32_t count);
void idontwant_announce_rpc(struct gossipsub *g, uint64_t now_ns, uint32_t from, struct slice rpc);
void idontwant_receive(struct gossipsub *g, uint32_t slot, struct slice rpc);
static inline bool idontwant_told(const struct gossipsub *g, uint32_t slot, const struct seen_key *key)
{
    return slot < g->unwanted_capacity && unwanted_has(&g->unwanted[slot], key);
}
void idontwant_forget(struct gossipsub *g, uint32_t slot);
void idontwant_heartbeat(struct gossipsub *g);
void idontwant_deinit(struct gossipsub *g);

/* extensions.c */
void extensions_said(struct gossipsub *g, uint64_t now_ns, uint32_t slot); /* our first RPC is queued */
void extensions_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc,
                        const struct rpc_summary *s);
/* An RPC of nothing but a message: all that is to be known of it. */
void extensions_heard(struct gossipsub *g, uint64_t now_ns, uint32_t slot, unsigned declared);
bool extensions_shared(const struct gossipsub *g, uint32_t slot, unsigned extension);

/* partial.c */
void partial_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc);
void partial_forget(struct gossipsub *g, uint32_t slot); /* our stream to it is gone */
void partial_heartbeat(struct gossipsub *g);
/* Moves those that get parts of the topic instead of messages to the front; how many. */
uint32_t partial_split(const struct gossipsub *g, const struct topic *t, uint32_t *slots, uint32_t count);
void partial_gossip(struct gossipsub *g, uint64_t now_ns, const struct topic *t, const uint32_t *slots, uint32_t count);
void partial_deinit(struct gossipsub *g);

/* gossip.c */
void gossip_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc);
/* IHAVE about the recent messages of t to some peers outside `exclude`; between begin and end only.
 */
void gossip_begin(struct gossipsub *g);
void gossip_emit(struct gossipsub *g, uint64_t now_ns, struct topic *t, const struct slotset *exclude);
void gossip_end(struct gossipsub *g);

#endif
