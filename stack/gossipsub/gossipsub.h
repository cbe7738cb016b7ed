/* GossipSub router of one node: v1.0 to v1.3 and FloodSub (libp2p pubsub/gossipsub specs, as go-libp2p-pubsub runs them).
 *
 * A pure machine: peers come and go, bytes of their streams are fed in, RPC frames are pulled out, time is an
 * argument. What it wants from its owner goes through struct gossipsub_env. Peers are named by small slot numbers that
 * the owner hands out and reuses.
 *
 * Message bodies are never copied: a message is kept, queued and forwarded as the very span of its RPC frame in which it
 * arrived wherever that frame carried nothing else.
 *
 * What a peer can make us keep: subscriptions_max topics (names of at most 1024 bytes; longer ones are ignored);
 * outbound_queue_max RPCs of at most rpc_size_max, whose messages are shared with the message cache; one backoff a
 * topic, of which a topic holds 4096 at most; one waiting GRAFT or PRUNE for each topic that we joined; an incomplete
 * RPC of at most rpc_size_max stays in the chain that is fed; 16 bytes for each id that it does not want, of which it may tell
 * max_idontwant_messages * max_idontwant_length a heartbeat, for idontwant_ttl heartbeats; with scores, 32 bytes for each of its
 * open promises, at most max_ihave_messages a heartbeat for iwant_followup_ns, and what score.h says; with the gater a
 * set of counters an address, 4096 addresses at most; with partial messages, what partial.h says. Of all peers together:
 * validation_queue_max messages under validation, an id of 16 bytes in the seen cache for each accepted or judged message, with
 * seqno_check 24 bytes for each of at most GOSSIPSUB_AUTHORS_MAX authors.
 *
 * Traced beside the obvious: our own message is PUBLISH and, when we subscribe to its topic, DELIVER from
 * TRACE_NO_PEER; PRUNE whenever a peer leaves a mesh, also by our LEAVE or by its end; a message of a topic we are not
 * in is skipped without a trace; REJECT with TRACE_REJECT_QUEUE_FULL comes without ARRIVE, and a later copy may be the
 * first. The items of IHAVE, IWANT and IDONTWANT are counted as message ids, their size is that of the fields in the RPC.
 * SCORE is a look at a peer's score (score_report_ns): no event of the protocol. */
#ifndef STACK_GOSSIPSUB_GOSSIPSUB_H
#define STACK_GOSSIPSUB_GOSSIPSUB_H

#include "stack/base/chain.h"
#include "stack/base/endpoint.h"
#include "stack/base/heap.h"
#include "stack/base/trace.h"
#include "stack/base/work.h"
#include "stack/gossipsub/score_params.h"
#include "stack/wire/peerid.h"

/* What our stream to a peer speaks. Each knows all that those before it do; FloodSub has no control messages. */
enum gossipsub_version {
    GOSSIPSUB_FLOODSUB,
    GOSSIPSUB_V10,
    GOSSIPSUB_V11, /* peer exchange, backoffs */
    GOSSIPSUB_V12, /* IDONTWANT */
    GOSSIPSUB_V13, /* extensions */
    GOSSIPSUB_VERSION_COUNT
};
extern const char *const gossipsub_protocols[]; /* in order of preference: 1.3 to 1.0, FloodSub */
#define GOSSIPSUB_PROTOCOL_COUNT 5
enum gossipsub_version gossipsub_version_of(size_t protocol_index);

/* Parameters with their spec names, units in the name. gossipsub_params_default is go's set. */
struct gossipsub_params {
    uint32_t d, d_lo, d_hi, d_score, d_out, d_lazy;
    uint32_t gossip_factor_ppm;                      /* 250000 = 0.25 */
    uint64_t heartbeat_interval_ns, heartbeat_initial_delay_ns;
    uint32_t history_length, history_gossip;         /* mcache windows, and how many of them are gossiped */
    uint64_t fanout_ttl_ns, seen_ttl_ns;
    uint64_t prune_backoff_ns, unsubscribe_backoff_ns, graft_flood_threshold_ns;
    uint32_t prune_peers;                            /* PX peers in a PRUNE that we accept at most */
    uint32_t gossip_retransmission;                  /* IWANT answers per (peer, id) */
    uint32_t max_ihave_length, max_ihave_messages;   /* ids; RPCs per heartbeat */
    uint64_t iwant_followup_ns;                      /* then a promise is broken; only with scores */
    uint32_t idontwant_threshold;                    /* bytes of data from which on a message is announced */
    uint32_t max_idontwant_messages, max_idontwant_length; /* RPCs per heartbeat; ids of an RPC that count */
    uint32_t idontwant_ttl;                          /* heartbeats */
    uint32_t opportunistic_graft_ticks, opportunistic_graft_peers; /* only with scores */
    bool do_px;                                      /* PRUNEs tell of other peers */
    uint32_t direct_connect_ticks;                   /* heartbeats between attempts to reach a direct peer */
    uint64_t direct_connect_initial_delay_ns;
    bool flood_publish;
    uint32_t outbound_queue_max;                     /* RPCs waiting per peer; more are dropped and counted */
    uint32_t validation_queue_max;                   /* messages under validation at once; more are refused unread */
    uint32_t validation_throttle, topic_throttle;    /* likewise, of all and of a topic, but those are dropped for good */
    uint32_t rpc_size_max;                           /* bytes of an RPC, both ways */
    uint32_t subscriptions_max;                      /* topics a peer may be subscribed to */
    uint32_t subscriptions_per_rpc_max;              /* an RPC with more is ignored; 0: no limit */
    bool seqno_check; /* ignore messages not newer than the newest of their author (go: BasicSeqnoValidator) */
};

struct gossipsub_params gossipsub_params_default(void);
/* NULL when valid, else what is wrong ("D_lo must not exceed D"). D = D_lo = D_hi = D_out = 0 is valid (no mesh). */
const char *gossipsub_params_check(const struct gossipsub_params *p);

enum gossipsub_signing {
    GOSSIPSUB_STRICT_SIGN,      /* from, seqno and signature present and verified */
    GOSSIPSUB_STRICT_NO_SIGN,   /* no signature; from and seqno sent (Algorand) */
    GOSSIPSUB_STRICT_NO_AUTHOR  /* none of from, seqno, key, signature */
};

struct gossipsub_message {
    struct slice from, seqno, data, topic, signature, key; /* empty and NULL when absent */
    struct slice id;
    struct span frame;      /* the framed RPC that carries exactly this message */
    uint32_t received_from; /* peer slot; TRACE_NO_PEER for our own */
};

#define GOSSIPSUB_ID_MAX 128
#define GOSSIPSUB_SEQNO_MAX 64 /* bytes; a message with a longer one, or with a `from` too long for a peer id, is refused
                                  as malformed */
/* Writes the id of a message (only from, seqno, data, topic, key are filled in); returns its size <= GOSSIPSUB_ID_MAX. */
typedef size_t gossipsub_id_fn(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX]);

gossipsub_id_fn gossipsub_id_default;    /* from || seqno (go) */
gossipsub_id_fn gossipsub_id_blake2b256; /* of data (Algorand) */
gossipsub_id_fn gossipsub_id_sha256;     /* of data (js, StrictNoSign) */
gossipsub_id_fn gossipsub_id_first8;     /* first 8 bytes of data (gossipsub-interop) */
gossipsub_id_fn gossipsub_id_eth2;       /* 20 bytes of SHA-256 of a domain, the topic and data (Ethereum) */

enum gossipsub_verdict { GOSSIPSUB_ACCEPT, GOSSIPSUB_REJECT, GOSSIPSUB_IGNORE };

#define GOSSIPSUB_AUTHORS_MAX 65536

/* Extensions (v1.3) that we declare, as a set. */
#define GOSSIPSUB_EXTENSION_TEST 1u
#define GOSSIPSUB_EXTENSION_PARTIAL 2u

struct gater_params;
struct partial_env;

/* What the router asks of its owner. None of these may call back into the router except where said. */
struct gossipsub_env { /* what every copy needs comes first */
    void *ctx;
    void (*trace)(void *ctx, uint64_t now_ns, const struct trace_event *event);
    /* Work that we do: a set of enum work, and on how many bytes; returns when it will be done. A message is judged no
     * earlier than the work on it is. NULL: work takes no time. */
    uint64_t (*charge)(void *ctx, unsigned works, uint64_t bytes);
    /* The peer's queue was empty and is not any more: gossipsub_pull it when its stream can take more. */
    void (*wants_write)(void *ctx, uint32_t peer);
    /* A hint that wants_write is likely to come for the peer in a moment: step 0, and once that was said of other peers too,
     * step 1, then step 2. NULL: no interest. */
    void (*may_write)(void *ctx, uint32_t peer, unsigned step);
    /* Judges a message of a peer (called when its validation delay is over). NULL: accept all. */
    enum gossipsub_verdict (*validate)(void *ctx, const struct gossipsub_message *m);
    /* A message of a topic we subscribe to, accepted; also our own. May publish. NULL: nobody listens. */
    void (*deliver)(void *ctx, uint64_t now_ns, const struct gossipsub_message *m);
    /* A PRUNE told of these peers (the record is a signed envelope, may be empty). NULL: PX ignored. */
    void (*peer_exchange)(void *ctx, struct slice peer_id, struct slice signed_record);
    /* The peer joined or left a topic; not told again when it goes away with topics left. NULL: nobody asks. */
    void (*peer_topic)(void *ctx, uint32_t peer, struct slice topic, bool joined);
    /* Of a peer that is there: its id (NULL: unknown; needed for do_px), its signed record (empty: none known), where it is
     * connected from (false: unknown). The last is needed for P6 and the gater. NULL: nobody knows. */
    const struct peerid *(*peer_id)(void *ctx, uint32_t peer);
    struct slice (*peer_record)(void *ctx, uint32_t peer);
    bool (*peer_address)(void *ctx, uint32_t peer, struct endpoint *at);
    /* P5 of a peer; asked when it comes and whenever scores decay. NULL: 0. */
    double (*app_score)(void *ctx, uint32_t peer);
    /* A direct peer is not there: connect to it. NULL: the owner sees to it itself. */
    void (*connect)(void *ctx, const struct peerid *id);
    /* Whether the peer may be in the mesh of the topic (go: WithPeerFilter). NULL: any may. */
    bool (*peer_filter)(void *ctx, uint32_t peer, struct slice topic);
    void (*test_extension)(void *ctx, uint32_t peer); /* the peer's message of the test extension */
    const struct partial_env *partial; /* partial.h; needed for GOSSIPSUB_EXTENSION_PARTIAL */
};

struct gossipsub_config {
    struct gossipsub_params params;
    enum gossipsub_signing signing;
    gossipsub_id_fn *message_id; /* not of from and seqno when there is no author */
    const struct identity *identity; /* outlives the router */
    uint64_t validation_delay_ns;    /* how long a validation takes; several run at the same time, in order */
    uint64_t seed;                   /* of the router's random choices */
    uint64_t seqno_first;            /* go: unix nanoseconds at start */
    const struct score_params *score; /* outlives the router; NULL: no scores */
    uint64_t score_report_ns;         /* how often SCORE is traced for each peer, at a decay; 0: never */
    const struct gater_params *gater; /* gater.h; outlives the router; NULL: none */
    unsigned extensions;              /* a set of GOSSIPSUB_EXTENSION_... */
    const char *const *topics_allowed; /* go's allow-list of subscriptions; NULL: all */
    uint32_t topics_allowed_count;
};

struct gossipsub; /* a router */

struct gossipsub *gossipsub_new(const struct gossipsub_config *config, const struct gossipsub_env *env,
                                uint64_t now_ns);
void gossipsub_free(struct gossipsub *g);

/* Our stream to the peer speaks `version`. `dialled`: we opened the connection (counts for D_out). The hello with
 * our subscriptions is queued. A slot is added once. */
void gossipsub_peer_add(struct gossipsub *g, uint64_t now_ns, uint32_t peer, const struct peerid *id,
                        enum gossipsub_version version, bool dialled);
void gossipsub_peer_remove(struct gossipsub *g, uint64_t now_ns, uint32_t peer); /* our stream is gone */
void gossipsub_peer_direct(struct gossipsub *g, const struct peerid *id); /* always forwarded to, never in a mesh */
void gossipsub_blacklist(struct gossipsub *g, const struct peerid *id); /* messages from it, or of it, are refused */
void gossipsub_peer_undirect(struct gossipsub *g, const struct peerid *id);

/* Bytes of the stream that the peer opened to us; whole RPCs are consumed. The peer may not (yet) be added: its
 * subscriptions are remembered and its messages accepted. `id` is its peer id. A negative err: reset that stream. */
int gossipsub_feed(struct gossipsub *g, uint64_t now_ns, uint32_t peer, const struct peerid *id,
                   struct chain *in);
/* Forgets its topics. When neither stream is left, nor anything of the peer but its backoffs: the slot is free. */
void gossipsub_inbound_closed(struct gossipsub *g, uint64_t now_ns, uint32_t peer);

/* Moves the peer's next RPC frame to `out`: false when none waits. */
bool gossipsub_pull(struct gossipsub *g, uint64_t now_ns, uint32_t peer, struct chain *out);

void gossipsub_subscribe(struct gossipsub *g, uint64_t now_ns, struct slice topic);
void gossipsub_unsubscribe(struct gossipsub *g, uint64_t now_ns, struct slice topic);
/* Traces JOIN again for every topic that we subscribe to: for an observer that lost sight of us. */
void gossipsub_retell(const struct gossipsub *g, uint64_t now_ns);
#define GOSSIPSUB_DELAY_MAX_NS 3600000000000ull
/* From now on validations of this topic take so long (0: they end at once), whatever the router's
 * delay; topics are validated side by side. At most GOSSIPSUB_DELAY_MAX_NS. */
void gossipsub_validation_delay(struct gossipsub *g, struct slice topic, uint64_t delay_ns);
/* Of messages from now on, where the topic has none of its own: config.validation_delay_ns. */
void gossipsub_validation_default(struct gossipsub *g, uint64_t delay_ns);
/* Publishes `data`: 0, ERR_TOO_LARGE when it does not fit an RPC, ERR_DUPLICATE when its id was seen, ERR_INVALID when
 * the topic has more than 1024 bytes. */
int gossipsub_publish(struct gossipsub *g, uint64_t now_ns, struct slice topic, struct span data);

uint64_t gossipsub_deadline(const struct gossipsub *g);
void gossipsub_tick(struct gossipsub *g, uint64_t now_ns);

/* A hint that the bytes at `frame` come soon from the peer: fetches what receiving them needs, a step (0 to 3) at a time. */
void gossipsub_expect(const struct gossipsub *g, uint32_t peer, const uint8_t *frame, unsigned step);

/* Scores (all 0 without them). */
double gossipsub_score(const struct gossipsub *g, uint32_t peer);
struct trace_score gossipsub_score_parts(const struct gossipsub *g, uint32_t peer);
/* Other parameters of a topic from now on; false when the topic is not scored. */
bool gossipsub_score_topic_set(struct gossipsub *g, struct slice topic, const struct score_topic_params *params);
void gossipsub_penalise(struct gossipsub *g, uint32_t peer, double count); /* P7 */

/* Looks, for reports and checks. */
bool gossipsub_enough_peers(const struct gossipsub *g, struct slice topic, uint32_t want); /* want 0: D_lo */
uint32_t gossipsub_fanout_size(const struct gossipsub *g, struct slice topic);
uint64_t gossipsub_backoff(const struct gossipsub *g, struct slice topic, const struct peerid *id); /* its end; 0: none */
uint32_t gossipsub_mesh_size(const struct gossipsub *g, struct slice topic);
bool gossipsub_mesh_has(const struct gossipsub *g, struct slice topic, uint32_t peer);

#endif
