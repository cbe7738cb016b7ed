/* One node: the whole stack behind the seam, and the only caller of it.
 *
 * The node owns its connections, streams and protocols. A backend drives it through node_app; its owner (a scenario, a
 * program) through the calls below. Calls take the time because there is no other way to know it; they may be made from
 * inside the callbacks of struct node_events, whose own `now` is then as good. */
#ifndef STACK_NODE_NODE_H
#define STACK_NODE_NODE_H

#include "stack/algorand/algorand.h"
#include "stack/backend/backend.h"
#include "stack/gossipsub/gossipsub.h"
#include "stack/gossipsub/partial.h"
#include "stack/identify/identify.h"
#include "stack/node/clock.h"
#include "stack/transport/noise.h"
#include "stack/transport/yamux.h"

struct node_config {
    uint8_t identity_seed[ED25519_SEED_SIZE];
    enum noise_mode encryption;
    const char *agent;          /* agentVersion of identify; outlives the node */
    bool listens;
    struct endpoint listen;     /* also what identify announces, unless unspecified */
    struct yamux_config yamux;
    uint32_t connections_max, dials_max;
    bool charges_work; /* tells the backend what work it does; needs backend_ops.charge */
    struct clock clock; /* timers and callbacks go by it; traces and the `now` of calls are the world's time */

    bool gossipsub_on;
    /* The node fills in identity and seed, and adds its own time to seqno_first, which is 0 where runs need not be told
     * apart; where peers remember the last run, it is the unix time of the backend's time 0. */
    struct gossipsub_config gossipsub;
    uint32_t gossipsub_versions;       /* bit i: enum gossipsub_version i is offered; at least one */
    bool algorand_on;
    struct algorand_config algorand;   /* seed likewise */
};

struct node_config node_config_default(void);

/* What the owner hears; any may be NULL. */
struct node_events {
    void *ctx;
    /* The peer in that slot is connected: streams may be opened to it. That it is gone, its streams tell. */
    void (*connected)(void *ctx, uint64_t now_ns, uint32_t peer);
    void (*delivered)(void *ctx, uint64_t now_ns, const struct gossipsub_message *m);
    void (*received)(void *ctx, uint64_t now_ns, const struct algorand_message *m);
    enum gossipsub_verdict (*validate)(void *ctx, const struct gossipsub_message *m);
    enum algorand_verdict (*validate_algorand)(void *ctx, const struct algorand_message *m);
    /* The peer told about itself (`pushed`: of its own accord). Only what *id has is news; it is borrowed. */
    void (*identified)(void *ctx, uint64_t now_ns, uint32_t peer, const struct identify *id, bool pushed);
    /* The peer joined or left a topic; not told when it goes away with topics left. */
    void (*peer_topic)(void *ctx, uint64_t now_ns, uint32_t peer, struct slice topic, bool joined);
    /* The Noise handshake is done: the keys of the connection in that slot. Secret; for those who decrypt captures. */
    void (*secured)(void *secured_ctx, uint64_t now_ns, uint32_t peer, const struct noise_session *session);
    void *secured_ctx; /* of its own: whoever captures need not be the owner */
    /* What the owner thinks of a peer: P5 of its score; asked when it comes and at every decay. */
    double (*app_score)(void *ctx, const struct peerid *id);
    void (*test_extension)(void *ctx, uint64_t now_ns, uint32_t peer); /* of GossipSub v1.3 */
    const struct partial_env *partial; /* of partial messages (gossipsub/partial.h); outlives the node */
};

/* What is in a slot. */
struct node_peer {
    struct backend_conn conn;
    struct endpoint remote; /* where it was dialled, or came from */
    struct peerid id;       /* size 0 until the handshake is done */
    bool dialled;           /* by us */
    uint64_t rtt_ns;        /* 0: not measured yet */
};

struct node_counts {
    uint64_t bytes_sent, bytes_received; /* on the wire: with yamux and Noise framing */
    uint32_t connections;                /* ready now */
};

#define NODE_ANNOUNCED_MAX 16 /* addresses */

struct node;

/* `ops` and `host` are the world; both outlive the node. Draws its seed from ops->random. */
struct node *node_new(const struct node_config *config, const struct backend_ops *ops, void *host,
                      const struct node_events *events);
void node_free(struct node *n); /* silently: nothing is sent; take the node off its host first */
extern const struct backend_app node_app;

int node_start(struct node *n, uint64_t now_ns); /* listens; 0 or a negative err */
void node_stop(struct node *n, uint64_t now_ns); /* says goodbye and closes everything */

/* As on a host that sleeps, or loses its network: the connections are reset, nothing is said, heard or done until
 * node_resume; then take the node off its host and put it back before that. It keeps all it knows (what it has seen,
 * back-offs, whom to dial); timers that were due meanwhile fire once, and JOIN is traced again for its topics. */
void node_suspend(struct node *n, uint64_t now_ns);
int node_resume(struct node *n, uint64_t now_ns); /* listens again; 0 or a negative err */

/* What identify tells from now on instead of config.listen; peers that take pushes are told at once. At most
 * NODE_ANNOUNCED_MAX addresses. */
void node_announce(struct node *n, uint64_t now_ns, const struct endpoint *addresses, uint32_t count);

/* Keeps a connection to this endpoint: dials, and dials again after it is lost. `peer` may be NULL; otherwise another
 * identity at that endpoint is refused. */
void node_connect(struct node *n, uint64_t now_ns, const struct endpoint *to, const struct peerid *peer);

/* Closes the connection to the peer and keeps none to it any more. False when there was neither. */
bool node_disconnect(struct node *n, uint64_t now_ns, const struct peerid *peer);

void node_subscribe(struct node *n, uint64_t now_ns, struct slice topic);
void node_unsubscribe(struct node *n, uint64_t now_ns, struct slice topic);
/* gossipsub_validation_delay */
void node_validation_delay(struct node *n, struct slice topic, uint64_t delay_ns);
/* validation_delay_ns of gossipsub and Algorand, of messages from now on */
void node_validation_default(struct node *n, uint64_t delay_ns);
int node_publish(struct node *n, uint64_t now_ns, struct slice topic, struct span data);
int node_broadcast(struct node *n, uint64_t now_ns, const char tag[static 2], struct span payload);

const struct peerid *node_peerid(const struct node *n);
struct node_counts node_counts(const struct node *n);
bool node_peer(const struct node *n, uint32_t slot, struct node_peer *out); /* false: the slot is free */
bool node_peer_find(const struct node *n, const struct peerid *id, uint32_t *slot); /* false: not connected */
const struct algorand_stats *node_algorand_stats(const struct node *n);              /* NULL without Algorand */
uint32_t node_mesh_size(const struct node *n, struct slice topic);
double node_score(const struct node *n, uint32_t slot); /* 0 without scores */

/* gossipsub_partial_...; with the extension only */
void node_partial_topic(struct node *n, struct slice topic, bool wants, bool sends);
int node_partial_publish(struct node *n, uint64_t now_ns, struct slice topic, struct slice group, uint32_t group_ttl,
                         partial_tell_fn *tell, void *ctx);
bool node_partial_send(struct node *n, uint64_t now_ns, uint32_t slot, const struct rpc_partial *p);
bool node_partial_offers(const struct node *n, struct slice topic); /* we can send parts of it */
bool node_partial_wants(const struct node *n, uint32_t slot, struct slice topic); /* the peer wants parts */

/* A direct peer: connected to again and again, always forwarded to, never in a mesh. */
void node_direct(struct node *n, uint64_t now_ns, const struct endpoint *to, const struct peerid *peer);

#endif
