/* Protocols of the owner on streams: what a program speaks besides what the node knows by itself.
 *
 * A stream belongs to the node and stays good until its `closed` returns. Bytes are pushed at the
 * owner as they arrive, and held back when it does not take them: the peer gets credit for what was
 * taken only. The other way, write takes no more than there is room for, and `writable` follows.
 * Both directions end by themselves: when both have, the stream is closed. All calls may be made
 * from inside callbacks. */
#ifndef STACK_NODE_APP_STREAM_H
#define STACK_NODE_APP_STREAM_H

#include "stack/node/node.h"

#define APP_STREAM_QUEUE_MAX (256 * 1024) /* bytes that wait for the network, a stream */
#define APP_STREAM_PROTOCOLS_MAX 16       /* different ones a node */

struct app_stream;

/* Every callback but opened, data and closed may be NULL. */
struct app_protocol {
    const char *id; /* "/hearsay/echo/1.0.0"; outlives the node, as does this struct */
    void *ctx;
    /* Both sides agreed on the protocol; from now on there may be writes. */
    void (*opened)(void *ctx, uint64_t now_ns, struct app_stream *s);
    /* Bytes arrived (or app_stream_resume). What is left in `in` waits for app_stream_resume. */
    void (*data)(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in);
    /* The peer has finished, and everything it sent was taken. */
    void (*finished)(void *ctx, uint64_t now_ns, struct app_stream *s);
    /* All that was written has left, after a write that left bytes behind. */
    void (*writable)(void *ctx, uint64_t now_ns, struct app_stream *s);
    /* The stream is gone: ERR_OK when both sides finished, ERR_UNSUPPORTED when the peer does not
     * speak the protocol, else what ended it. Comes for every stream that was opened here, and for
     * inbound ones after `opened`. */
    void (*closed)(void *ctx, uint64_t now_ns, struct app_stream *s, int err);
};

/* Peers may open streams of this protocol; connected ones are told. 0, or ERR_DUPLICATE when the node
 * answers to this name already. */
int app_stream_serve(struct node *n, uint64_t now_ns, const struct app_protocol *p);
/* Opens a stream to a connected peer: 0 (then `opened` or `closed` follows, `closed` perhaps before
 * this returns), ERR_UNREACHABLE when it is not connected, ERR_LIMIT when the connection has no
 * room for a stream. */
int app_stream_open(struct node *n, uint64_t now_ns, const struct peerid *to,
                    const struct app_protocol *p, void *user);

/* Moves bytes from the front of `bytes`; returns how many. Not before `opened`, not after
 * app_stream_finish. */
size_t app_stream_write(struct app_stream *s, uint64_t now_ns, struct chain *bytes);
void app_stream_finish(struct app_stream *s,
                       uint64_t now_ns); /* no more writes; what waits still goes out */
void app_stream_reset(struct app_stream *s,
                      uint64_t now_ns); /* both directions, soon; only `closed` follows */
void app_stream_resume(struct app_stream *s,
                       uint64_t now_ns); /* there is room again for what `data` left */

void app_stream_set_user(struct app_stream *s, void *user);
void *app_stream_user(const struct app_stream *s); /* NULL at first of inbound streams */
const struct peerid *app_stream_peer(const struct app_stream *s);
bool app_stream_outbound(const struct app_stream *s);

#endif
