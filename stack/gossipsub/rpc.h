/* The RPC protobuf of pubsub: reading without copying, writing the items that a router sends.
 *
 * rpc_check walks a whole RPC once; after it said 0 the walkers below may be trusted to find
 * well-formed items only, so nothing of a malformed RPC is ever acted on. Unknown fields are
 * skipped everywhere. */
#ifndef STACK_GOSSIPSUB_RPC_H
#define STACK_GOSSIPSUB_RPC_H

#include "stack/base/buf.h"
#include "stack/base/trace.h"
#include "stack/gossipsub/gossipsub.h"

#define RPC_FIELD_SUBSCRIPTION 1
#define RPC_FIELD_PUBLISH 2
#define RPC_FIELD_CONTROL 3
#define RPC_FIELD_PARTIAL 10
#define RPC_FIELD_TEST 6492434
#define RPC_PREFIX_MAX 5 /* bytes of the length before an RPC of less than 4 GiB */

/* Items of one kind, and their bytes with their field tags. Of IHAVE, IWANT and IDONTWANT message
 * ids are counted. */
struct rpc_count {
    uint32_t count, size;
};

/* The fields of ControlMessage have the numbers of their kinds. */
_Static_assert(TRACE_CONTROL_IHAVE == 1 && TRACE_CONTROL_IWANT == 2 && TRACE_CONTROL_GRAFT == 3 &&
                   TRACE_CONTROL_PRUNE == 4 && TRACE_CONTROL_IDONTWANT == 5 &&
                   TRACE_CONTROL_EXTENSIONS == 6,
               "trace_control follows ControlMessage");

/* What ControlExtensions declares: a set of GOSSIPSUB_EXTENSION_.... */
struct rpc_summary {
    uint32_t publishes;
    bool has_control; /* a control field, be it empty */
    unsigned extensions; /* declared; 0 too when there is no such field */
    struct rpc_count control[TRACE_CONTROL_COUNT];
};

int rpc_check(struct slice rpc, struct rpc_summary *s); /* 0 or ERR_MALFORMED */

/* Whether the RPC is one `publish` and nothing else; then *message is its Message. */
bool rpc_sole_publish(struct slice rpc, struct slice *message);

/* The fields of a Message (not id, frame, received_from): 0 or ERR_MALFORMED. A field that is
 * present but empty has data != NULL. */
int rpc_message_read(struct slice message, struct gossipsub_message *m);

struct rpc_subscription {
    bool subscribe, wants_partial, sends_partial;
    struct slice topic;
};

struct rpc_partial {
    struct slice topic, group, message, metadata; /* data NULL where absent */
};

/* Walks the items of one kind through an RPC that was checked. */
struct rpc_walk {
    struct cursor rpc, control;
};

struct rpc_walk rpc_walk_of(struct slice rpc);
bool rpc_next_subscription(struct rpc_walk *w, struct rpc_subscription *s);
bool rpc_next_publish(struct rpc_walk *w, struct slice *message);
bool rpc_next_partial(struct rpc_walk *w, struct rpc_partial *p);
bool rpc_next_control(struct rpc_walk *w, enum trace_control kind, struct slice *item);

/* Fields of a control item. */
#define RPC_IHAVE_IDS 2
#define RPC_IWANT_IDS 1
#define RPC_IDONTWANT_IDS 1
#define RPC_PRUNE_PEERS 2
struct slice rpc_item_topic(struct slice item);
uint64_t rpc_prune_backoff_s(struct slice item); /* 0 when absent */
bool rpc_next_bytes(struct cursor *item, uint32_t number, struct slice *bytes);
void rpc_peer_read(struct slice info, struct slice *id, struct slice *record); /* of a PeerInfo */

/* Writers. Control items are fields of ControlMessage, with their tags. */
void rpc_append_subscription(struct buf *b, bool subscribe, struct slice topic);
/* With the fields of partial messages (v1.3). */
void rpc_append_subscription_partial(struct buf *b, const struct rpc_subscription *s);
size_t rpc_partial_size(const struct rpc_partial *p);
void rpc_append_partial(struct buf *b, const struct rpc_partial *p);
void rpc_append_extensions(struct buf *b, unsigned extensions); /* the item of ControlMessage */
void rpc_append_graft(struct buf *b, struct slice topic);
void rpc_append_prune(struct buf *b, struct slice topic, uint64_t backoff_s); /* 0: none */
size_t rpc_graft_size(struct slice topic);
size_t rpc_prune_size(struct slice topic, uint64_t backoff_s);

#endif
