/* TraceEvent as a line of JSON, as Go's encoding/json writes the struct: bytes in base64, what is absent left out. */
#include "sim/export/trace_event.h"

#include "stack/base/check.h"

#include <inttypes.h>
#include <stdio.h>

static void text(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

static void append_base64(struct buf *b, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < s.size; i += 3) {
        size_t left = s.size - i;
        uint32_t word = (uint32_t)s.data[i] << 16 | (left > 1 ? (uint32_t)s.data[i + 1] << 8 : 0) | (left > 2 ? s.data[i + 2] : 0);

        buf_append_u8(b, (uint8_t)digits[word >> 18]);
        buf_append_u8(b, (uint8_t)digits[word >> 12 & 63]);
        buf_append_u8(b, (uint8_t)(left > 1 ? digits[word >> 6 & 63] : '='));
        buf_append_u8(b, (uint8_t)(left > 2 ? digits[word & 63] : '='));
    }
}

static void append_string(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        char escaped[8];

        if (s.data[i] == '"' || s.data[i] == '\\' || s.data[i] < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", s.data[i]);
            text(b, escaped);
        } else {
            buf_append_u8(b, s.data[i]);
        }
    }
}

/* "name":"value", with a comma where something precedes it. */
static void member(struct buf *b, bool *first, const char *name, struct slice s, bool bytes)
{
    if (!s.data)
        return;
    text(b, *first ? "\"" : ",\"");
    *first = false;
    text(b, name);
    text(b, "\":\"");
    if (bytes)
        append_base64(b, s);
    else
        append_string(b, s);
    text(b, "\"");
}

static void append_rpc(struct buf *b, const struct pubsub_trace *e, const char *peer)
{
    bool first = true;

    member(b, &first, peer, e->peer, true);
    text(b, first ? "\"meta\":{\"messages\":[{" : ",\"meta\":{\"messages\":[{");
    first = true;
    member(b, &first, "messageID", e->message, true);
    member(b, &first, "topic", e->topic, false);
    text(b, "}]}");
}

static void append_members(struct buf *b, const struct pubsub_trace *e, const char *peer)
{
    bool first = true;

    member(b, &first, "messageID", e->message, true);
    member(b, &first, peer, e->peer, true);
    member(b, &first, "topic", e->topic, false);
}

void trace_event_json(const struct pubsub_trace *e, struct buf *out)
{
    static const struct {
        const char *name, *peer;
    } kinds[] = {
        [PUBSUB_PUBLISH_MESSAGE] = {"publishMessage", "peerID"},
        [PUBSUB_DUPLICATE_MESSAGE] = {"duplicateMessage", "receivedFrom"},
        [PUBSUB_DELIVER_MESSAGE] = {"deliverMessage", "receivedFrom"},
        [PUBSUB_NEW_STREAM] = {"onNewOutboundStream", "peerID"},
        [PUBSUB_CLOSED_STREAM] = {"onClosedOutboundStream", "peerID"},
        [PUBSUB_RECV_RPC] = {"recvRPC", "receivedFrom"},
        [PUBSUB_SEND_RPC] = {"sendRPC", "sendTo"},
        [PUBSUB_JOIN] = {"join", "peerID"},
        [PUBSUB_LEAVE] = {"leave", "peerID"},
        [PUBSUB_GRAFT] = {"graft", "peerID"},
        [PUBSUB_PRUNE] = {"prune", "peerID"},
    };
    char head[80];

    snprintf(head, sizeof head, "{\"type\":%d,\"peerID\":\"", (int)e->type);
    text(out, head);
    append_base64(out, e->node);
    snprintf(head, sizeof head, "\",\"timestamp\":%" PRIu64 ",\"", e->at_ns);
    text(out, head);
    text(out, kinds[e->type].name);
    text(out, "\":{");
    if (e->type == PUBSUB_RECV_RPC || e->type == PUBSUB_SEND_RPC)
        append_rpc(out, e, kinds[e->type].peer);
    else
        append_members(out, e, kinds[e->type].peer);
    text(out, "}}\n");
}
