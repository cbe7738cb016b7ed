/* What a node reports about itself: typed events, never text.
 *
 * The stack formats and prints nothing; sinks (recorder, digest, JSON lines) live outside. An event belongs
 * to the node that emits it and to the time of the upcall in which it was emitted. `peer` is that node's slot
 * for the remote (see node/node.h); TRACE_PEER_READY tells which peer id sits in a slot. Adding a kind adds
 * its line here and in the recorder's schema. */
#ifndef STACK_BASE_TRACE_H
#define STACK_BASE_TRACE_H

#include "stack/base/slice.h"

#define TRACE_NO_PEER UINT32_MAX

/* name, text, fields in use besides peer */
#define TRACE_TABLE(X)                                                                             \
    X(TRACE_PEER_READY, "peer-ready")       /* id: peer id bytes; count: 1 when we dialled */      \
    X(TRACE_PEER_GONE, "peer-gone")         /* code: err of the close */                           \
    X(TRACE_DIAL_FAILED, "dial-failed")     /* code: err */                                        \
    X(TRACE_CONN_FAILED, "conn-failed")     /* code: err; a connection that never became ready */  \
    X(TRACE_PUBLISH, "publish")             /* id, topic, size */                                  \
    X(TRACE_ARRIVE, "arrive")               /* id, topic, size: first copy, before validation */   \
    X(TRACE_DELIVER, "deliver")             /* id, topic, size: accepted, given to the application */ \
    X(TRACE_DUPLICATE, "duplicate")         /* id, topic, size: a later copy */                    \
    X(TRACE_REJECT, "reject")               /* id, topic, size, code: enum trace_reject */         \
    X(TRACE_SEND, "send")                   /* id, topic, size: one message copy handed to a peer's stream */ \
    X(TRACE_DROP, "drop")                   /* size, count: an outbound queue was full, messages in it */ \
    X(TRACE_CONTROL_SENT, "control-sent")   /* code: enum trace_control; count: items; size: bytes */ \
    X(TRACE_CONTROL_RECEIVED, "control-received") /* as above */                                   \
    X(TRACE_JOIN, "join")                   /* topic */                                            \
    X(TRACE_LEAVE, "leave")                 /* topic */                                            \
    X(TRACE_GRAFT, "graft")                 /* topic: peer entered our mesh */                     \
    X(TRACE_PRUNE, "prune")                 /* topic: peer left our mesh */                        \
    X(TRACE_WITHHOLD, "withhold")           /* id, topic, size: a copy not sent, the peer does not want it */ \
    X(TRACE_THROTTLE_PEER, "throttle-peer") /* messages of an RPC left unread: the peer gater */   \
    X(TRACE_SCORE, "score")                 /* id: struct trace_score */

#define TRACE_ENUM(name, text) name,
enum trace_kind { TRACE_TABLE(TRACE_ENUM) TRACE_KIND_COUNT };
#undef TRACE_ENUM

/* Which protocol a message event belongs to. */
enum trace_protocol { TRACE_GOSSIPSUB, TRACE_ALGORAND };

enum trace_control {
    TRACE_CONTROL_SUBSCRIBE,
    TRACE_CONTROL_IHAVE,
    TRACE_CONTROL_IWANT,
    TRACE_CONTROL_GRAFT,
    TRACE_CONTROL_PRUNE,
    TRACE_CONTROL_IDONTWANT,
    TRACE_CONTROL_EXTENSIONS,
    TRACE_CONTROL_PARTIAL, /* a part of a message, or what is known of its parts */
    TRACE_CONTROL_TEST,    /* the test extension's message */
    TRACE_CONTROL_COUNT
};

enum trace_reject {
    TRACE_REJECT_MISSING_SIGNATURE,
    TRACE_REJECT_UNEXPECTED_SIGNATURE,
    TRACE_REJECT_UNEXPECTED_AUTHOR,
    TRACE_REJECT_INVALID_SIGNATURE,
    TRACE_REJECT_SELF_ORIGIN,
    TRACE_REJECT_QUEUE_FULL,
    TRACE_REJECT_INVALID, /* the validator said reject */
    TRACE_REJECT_IGNORED, /* the validator said ignore */
    TRACE_REJECT_MALFORMED,
    TRACE_REJECT_TOO_LARGE,
    TRACE_REJECT_THROTTLED, /* more validations under way than allowed */
    TRACE_REJECT_BLACKLISTED,
    TRACE_REJECT_COUNT
};

/* A peer's score and what it is made of, each part with its weights: of P1 to P4 the sums over the topics. */
struct trace_score {
    double score, p1, p2, p3, p3b, p4, p5, p6, p7;
    uint32_t meshes; /* that it is in */
};

struct trace_event {
    enum trace_kind kind;
    enum trace_protocol protocol;
    uint32_t peer;
    uint32_t size, count;
    int code;
    struct slice id;    /* borrowed until the sink returns */
    struct slice topic; /* topic, or the two-letter tag of an Algorand message */
};

const char *trace_kind_text(enum trace_kind kind);
const char *trace_control_text(enum trace_control control);
const char *trace_reject_text(enum trace_reject reject);

#endif
