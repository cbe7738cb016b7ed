/* A TraceEvent of go-libp2p-pubsub, and its two encodings. */
#ifndef SIM_EXPORT_TRACE_EVENT_H
#define SIM_EXPORT_TRACE_EVENT_H

#include "stack/base/buf.h"

/* The numbers of trace.proto. */
enum pubsub_trace_type {
    PUBSUB_PUBLISH_MESSAGE = 0,
    PUBSUB_DUPLICATE_MESSAGE = 2,
    PUBSUB_DELIVER_MESSAGE = 3,
    PUBSUB_NEW_STREAM = 4,
    PUBSUB_CLOSED_STREAM = 5,
    PUBSUB_RECV_RPC = 6,
    PUBSUB_SEND_RPC = 7,
    PUBSUB_JOIN = 9,
    PUBSUB_LEAVE = 10,
    PUBSUB_GRAFT = 11,
    PUBSUB_PRUNE = 12
};

struct pubsub_trace {
    enum pubsub_trace_type type;
    uint64_t at_ns;
    struct slice node, peer;  /* peer ids; peer: NULL where there is none */
    struct slice message, topic; /* likewise */
};

void trace_event_pb(const struct pubsub_trace *e, struct buf *out);   /* appends, with its length before it */
void trace_event_json(const struct pubsub_trace *e, struct buf *out); /* appends a line */

#endif
