/* TraceEvent as protobuf. */
#include "sim/export/trace_event.h"

#include "stack/base/check.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define BODY_MAX (64u << 10)

static void field(struct buf *b, uint32_t number, struct slice s)
{
    if (s.data)
        pb_append_bytes(b, number, s);
}

/* RPCMeta with one message: what the database knows of an RPC. */
static void append_meta(struct buf *body, const struct pubsub_trace *e)
{
    struct buf message, meta;

    buf_init(&message, BODY_MAX);
    buf_init(&meta, BODY_MAX);
    field(&message, 1, e->message);
    field(&message, 2, e->topic);
    pb_append_bytes(&meta, 1, buf_slice(&message));
    pb_append_bytes(body, 2, buf_slice(&meta));
    buf_deinit(&message);
    buf_deinit(&meta);
}

/* The submessage of the event's type. */
static void append_body(struct buf *body, const struct pubsub_trace *e)
{
    switch (e->type) {
    case PUBSUB_PUBLISH_MESSAGE:
        field(body, 1, e->message);
        field(body, 2, e->topic);
        return;
    case PUBSUB_DUPLICATE_MESSAGE:
        field(body, 1, e->message);
        field(body, 2, e->peer);
        field(body, 3, e->topic);
        return;
    case PUBSUB_DELIVER_MESSAGE:
        field(body, 1, e->message);
        field(body, 2, e->topic);
        field(body, 3, e->peer);
        return;
    case PUBSUB_NEW_STREAM:
    case PUBSUB_CLOSED_STREAM:
        field(body, 1, e->peer);
        return;
    case PUBSUB_RECV_RPC:
    case PUBSUB_SEND_RPC:
        field(body, 1, e->peer);
        append_meta(body, e);
        return;
    case PUBSUB_JOIN:
        field(body, 1, e->topic);
        return;
    case PUBSUB_LEAVE:
        field(body, 2, e->topic); /* not 1 */
        return;
    case PUBSUB_GRAFT:
    case PUBSUB_PRUNE:
        field(body, 1, e->peer);
        field(body, 2, e->topic);
        return;
    }
    UNREACHABLE();
}

void trace_event_pb(const struct pubsub_trace *e, struct buf *out)
{
    struct buf body, event;

    buf_init(&body, BODY_MAX);
    buf_init(&event, 2 * BODY_MAX);
    append_body(&body, e);
    pb_append_varint(&event, 1, e->type);
    field(&event, 2, e->node);
    pb_append_varint(&event, 3, e->at_ns);
    pb_append_bytes(&event, 4 + (uint32_t)e->type, buf_slice(&body));
    CHECK(!body.overflow && !event.overflow);
    varint_append(out, event.size);
    buf_append_slice(out, buf_slice(&event));
    buf_deinit(&body);
    buf_deinit(&event);
}
