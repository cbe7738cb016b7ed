/* Algorand's message network over libp2p streams (/algorand-ws/2.2.0 and /1.0.0) of one node.
 *
 * A pure machine like gossipsub.h: streams are started and fed, frames are pulled, time is an
 * argument. After the handshake a stream carries frames of `uint32 BE length || 2-byte tag ||
 * payload`. Each peer has two send queues (AV and PP first, then the rest) with the 25 s staleness
 * rule. Relays forward what was validated to all peers but the sender.
 *
 * The network layer gives messages no ids; agreement drops repeats. Here a message is known by
 * BLAKE2b-256 of tag and payload, and repeats are dropped before validation. */
#ifndef STACK_ALGORAND_ALGORAND_H
#define STACK_ALGORAND_ALGORAND_H

#include "stack/base/chain.h"
#include "stack/base/heap.h"
#include "stack/base/trace.h"
#include "stack/base/work.h"
#include "stack/wire/peerid.h"

enum algorand_version { ALGORAND_V22, ALGORAND_V10, ALGORAND_VERSION_COUNT };
extern const char *const algorand_protocols[]; /* "/algorand-ws/2.2.0", "/algorand-ws/1.0.0" */
#define ALGORAND_PROTOCOL_COUNT 2

#define ALGORAND_TX_TOPIC "algotx01"         /* the GossipSub topic of transactions */
#define ALGORAND_FRAME_MAX (6 * 1024 * 1024) /* tag and payload */

/* Who opens the stream when a connection comes up (go-algorand network/p2p/streams.go). */
enum algorand_opening {
    ALGORAND_IGNORE, /* no stream on this connection; refuse one that the peer opens */
    ALGORAND_WAIT,   /* the peer opens it */
    ALGORAND_OPEN    /* we open it */
};
/* `dialled`: we opened the connection. `mesh`: we dialled this peer on purpose (it is protected).
 */
enum algorand_opening algorand_opening_rule(bool dialled, bool mesh, bool gossip_service,
                                            const struct peerid *local,
                                            const struct peerid *remote);
/* The same connection, when the mesh adopts a peer that was already connected: opens whatever the
 * ids. */

enum algorand_verdict {
    ALGORAND_ACCEPT,
    ALGORAND_REJECT /* and disconnect */,
    ALGORAND_IGNORE_MESSAGE
};

struct algorand_message {
    char tag[2];
    struct slice payload;
    uint8_t id[32];         /* BLAKE2b-256 of tag and payload */
    struct span frame;      /* length, tag and payload as on the wire */
    uint32_t received_from; /* peer slot; TRACE_NO_PEER for our own */
};

/* What the network asks of its owner. None of these may call back into it, except that `deliver`
 * and `validate` may broadcast. */
struct algorand_env {
    void *ctx;
    /* The peer's queues were empty and are not any more: algorand_pull it when its stream takes
     * more. */
    void (*wants_write)(void *ctx, uint32_t peer);
    /* Judges a message, once its validation delay is over. NULL: accept all. */
    enum algorand_verdict (*validate)(void *ctx, const struct algorand_message *m);
    /* A message of a peer, accepted. Our own are not delivered to us. NULL: nobody listens. */
    void (*deliver)(void *ctx, uint64_t now_ns, const struct algorand_message *m);
    /* Close the whole connection, later. The peer's stream is dead from now on; ends with
     * algorand_stream_closed. */
    void (*disconnect)(void *ctx, uint32_t peer, int err);
    void (*trace)(void *ctx, uint64_t now_ns,
                  const struct trace_event *event); /* NULL: no one looks */
    /* Work that we do: a set of enum work, and on how many bytes; returns when it will be done. A message is judged no
     * earlier than the work on it is. NULL: work takes no time. */
    uint64_t (*charge)(void *ctx, unsigned works, uint64_t bytes);
};

struct algorand_config {
    const char *genesis; /* genesis id, "mainnet-v1.0"; outlives the network */
    /* What we tell peers that we can decode, comma separated; outlives the network. Default "":
     * proposals and votes go uncompressed. A peer acts on it, so name nothing that the application
     * does not decode itself: this layer hands payloads on as they are. */
    const char *features;
    bool relay;              /* forwards other people's messages */
    bool gossip_service;     /* EnableGossipService: serves inbound connections; see opening_rule */
    bool digest_filter;      /* sends and honours MS for payloads >= 5000 bytes; default true */
    uint32_t queue_max;      /* entries of each of a peer's two queues; default 11000 */
    uint64_t queue_stale_ns; /* default 25 s */
    uint64_t seen_ttl_ns;    /* how long repeats are recognised; default 60 s */
    uint64_t validation_delay_ns;  /* how long a validation takes; several run at the same time */
    uint32_t validation_queue_max; /* messages under validation at once; default 20000 */
    uint64_t handshake_timeout_ns; /* ours (go sets none); default 10 s */
    uint64_t seed;
};

/* Bytes of the messages under validation at once: beyond it, as beyond validation_queue_max,
 * messages are rejected (TRACE_REJECT_QUEUE_FULL) and a later copy gets another chance. */
#define ALGORAND_VALIDATION_BYTES_MAX (256u * 1024 * 1024)

struct algorand_config algorand_config_default(void);

struct algorand; /* the message network of one node */

struct algorand *algorand_new(const struct algorand_config *config, const struct algorand_env *env);
void algorand_free(struct algorand *a);

/* A stream to the peer is there. `dialled` is the direction of the connection, whoever opened the
 * stream: the dialler speaks first in the handshake. Replaces a stream that the slot had. Without
 * gossip_service only dialled connections have one. */
void algorand_stream_start(struct algorand *a, uint64_t now_ns, uint32_t peer,
                           enum algorand_version version, bool dialled);
/* Consumes whole messages. A negative err: reset the stream and close the connection, and tell
 * algorand_stream_closed. `in` never needs to hold more than ALGORAND_FRAME_MAX + 4 bytes. */
int algorand_feed(struct algorand *a, uint64_t now_ns, uint32_t peer, struct chain *in);
void algorand_stream_closed(struct algorand *a, uint64_t now_ns, uint32_t peer);
bool algorand_peer_ready(const struct algorand *a, uint32_t peer); /* its handshake is done */
/* What a ready peer can decode: bits of enum handshake_feature (handshake.h). */
unsigned algorand_peer_features(const struct algorand *a, uint32_t peer);

/* Moves the peer's next frame to `out`: 1; 0 when none waits; ERR_TIMEOUT when it waited too long
 * (disconnect; the stream is dead). */
int algorand_pull(struct algorand *a, uint64_t now_ns, uint32_t peer, struct chain *out);

/* Sends to every peer that is ready; while there is none, the message waits for the first one until
 * it is stale. The payload is copied once, into the frame that all queues share.
 * ERR_INVALID for a tag that is no gossip (AV PP SP TX VB are), ERR_TOO_LARGE over the tag's limit,
 * ERR_DUPLICATE when seen, ERR_LIMIT when too many wait for the first peer. */
int algorand_broadcast(struct algorand *a, uint64_t now_ns, const char tag[static 2],
                       struct span payload);

/* config.validation_delay_ns, of messages from now on. */
void algorand_validation_default(struct algorand *a, uint64_t delay_ns);

uint64_t algorand_deadline(const struct algorand *a);
void algorand_tick(struct algorand *a, uint64_t now_ns);

/* What no trace tells: counts since the start. */
struct algorand_stats {
    uint64_t unknown_tags;     /* messages of a tag that nobody knows: dropped */
    uint64_t unserved;         /* NI, NP, UE, VP: dropped, for nothing here answers them */
    uint64_t unwanted;         /* copies that a peer's MI (or the default set) kept back */
    uint64_t digests_sent;     /* MS, a peer */
    uint64_t digests_received; /* MS */
    uint64_t digests_repeated; /* MS that said what was known */
    uint64_t digests_skipped;  /* copies not sent because the peer has them */
};

const struct algorand_stats *algorand_stats(const struct algorand *a);

#endif
