/* yamux session: what the peer does. */
#include "stack/base/check.h"
#include "stack/transport/chain_pack.h"
#include "stack/transport/yamux_session.h"

/* The SYN of a stream that is not to be: a reset without a stream behind it. */
static int refuse(struct yamux *y, uint32_t id, enum yamux_reset code)
{
    if (y->controls && y->controls->count >= y->config->control_max)
        return yamux_fail(y, ERR_LIMIT, YAMUX_GOAWAY_INTERNAL);
    yamux_control_push(y, &(struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_RST, id, code});
    return ERR_OK;
}

/* 1 when the stream was opened, 0 when it was refused, or a negative err. A stream that is reset in
 * the frame that opens it never was. */
static int on_syn(struct yamux *y, const struct yamux_header *h)
{
    bool odd = h->id % 2 == 1;

    if (h->id == 0 || odd == y->client || y->current)
        return yamux_fail(y, ERR_PROTOCOL, YAMUX_GOAWAY_PROTOCOL);
    if (h->flags & YAMUX_RST)
        return 0;
    if (y->goaway_sent)
        return refuse(y, h->id, YAMUX_RESET_NONE);
    if (y->opened_by_peer >= y->config->streams_in_max)
        return refuse(y, h->id, YAMUX_RESET_LIMIT);
    y->current = yamux_streams_add(y, h->id, false);
    y->current->flags_due = YAMUX_ACK;
    yamux_queue_push(y, YAMUX_QUEUE_URGENT, y->current);
    return 1;
}

static void on_ack(struct yamux *y, struct yamux_stream *s)
{
    if (!s->opened_by_us || s->acknowledged)
        return;
    s->acknowledged = true;
    y->unacknowledged--;
}

/* 1 and an event, or 0 when the application has released the stream. */
static int on_reset(struct yamux *y, struct yamux_stream *s, const struct yamux_header *h,
                    struct yamux_event *ev)
{
    uint32_t code = h->type == YAMUX_WINDOW_UPDATE ? h->length : 0;
    bool released = s->released;

    yamux_streams_kill(y, s);
    yamux_streams_reap(y, s);
    if (released)
        return 0;
    *ev = (struct yamux_event){YAMUX_EVENT_RESET, s, code};
    return 1;
}

static void add_credit(struct yamux *y, struct yamux_stream *s, uint32_t delta)
{
    s->send_window = delta <= UINT32_MAX - s->send_window ? s->send_window + delta : UINT32_MAX;
    yamux_queue_update(y, s);
}

/* Data or WindowUpdate: flags first, then credit; the payload is left for read_payload. 1 and an
 * event, 0, or err. */
static int on_stream_frame(struct yamux *y, const struct yamux_header *h, struct yamux_event *ev)
{
    struct yamux_stream *s = y->current = yamux_streams_find(y, h->id);
    int opened = 0;

    y->payload_left = h->type == YAMUX_DATA ? h->length : 0;
    if (h->flags & YAMUX_SYN) {
        opened = on_syn(y, h);
        if (opened <= 0)
            return opened;
        s = y->current;
        *ev = (struct yamux_event){YAMUX_EVENT_OPENED, s, 0};
    }
    if (!s || s->dead) { /* late frames of a stream that is gone */
        y->current = NULL;
        return 0;
    }
    if (h->flags & YAMUX_ACK)
        on_ack(y, s);
    if (h->flags & YAMUX_RST)
        return on_reset(y, s, h, ev);
    if (h->type == YAMUX_WINDOW_UPDATE)
        add_credit(y, s, h->length);
    if (s->released || s->receive_closed) {
        y->current = NULL;
        return opened;
    }
    if (y->payload_left > s->receive_window)
        return yamux_fail(y, ERR_WINDOW, YAMUX_GOAWAY_PROTOCOL);
    s->receive_window -= y->payload_left;
    y->fin_pending = h->flags & YAMUX_FIN;
    return opened;
}

/* Answers are bounded; an ACK that nobody waits for is ignored, as in go. */
static void on_ping(struct yamux *y, const struct yamux_header *h)
{
    uint64_t took_ns = y->now_ns - y->ping_sent_at_ns;

    if (h->flags & YAMUX_SYN) {
        if (y->controls && y->controls->pongs == YAMUX_PONGS_MAX)
            return;
        yamux_control_push(y, &(struct yamux_header){YAMUX_PING, YAMUX_ACK, 0, h->length});
        return;
    }
    if (!(h->flags & YAMUX_ACK) || !y->pinging || h->length != y->ping_value)
        return;
    y->pinging = false;
    y->ping_value++;
    y->rtt_ns = y->rtt_ns ? y->rtt_ns / 2 + took_ns / 2 : took_ns;
}

/* 1 and an event, 0 when there is none, or a negative err. */
static int read_header(struct yamux *y, struct chain *in, struct yamux_event *ev)
{
    uint8_t copy[YAMUX_HEADER_SIZE];
    struct yamux_header h;
    bool good = yamux_header_read(chain_view(in, copy, sizeof copy), &h) == ERR_OK;

    chain_drop(in, sizeof copy);
    y->received_at_ns = y->now_ns;
    if (!good)
        return yamux_fail(y, ERR_MALFORMED, YAMUX_GOAWAY_PROTOCOL);
    switch (h.type) {
    case YAMUX_DATA:
    case YAMUX_WINDOW_UPDATE:
        return on_stream_frame(y, &h, ev);
    case YAMUX_PING:
        on_ping(y, &h);
        return 0;
    case YAMUX_GO_AWAY:
        y->goaway_received = true;
        *ev = (struct yamux_event){YAMUX_EVENT_GOAWAY, NULL, h.length};
        return 1;
    }
    UNREACHABLE();
}

/* Passes on, or drops, what has arrived of the frame's payload; true with an event. */
static bool read_payload(struct yamux *y, struct chain *in, struct yamux_event *ev)
{
    size_t size = in->size < y->payload_left ? in->size : y->payload_left;

    y->received_at_ns = y->now_ns;
    y->payload_left -= (uint32_t)size;
    if (!y->current) {
        chain_drop(in, size);
        return false;
    }
    chain_pack_move(&y->current->in, in, size);
    chain_pack(&y->current->in);
    *ev = (struct yamux_event){YAMUX_EVENT_DATA, y->current, 0};
    return true;
}

/* The frame is complete: true with an event when it also ended its stream. */
static bool end_frame(struct yamux *y, struct yamux_event *ev)
{
    bool fin = y->fin_pending && y->current;

    y->fin_pending = false;
    if (!fin)
        return false;
    y->current->receive_closed = true;
    *ev = (struct yamux_event){YAMUX_EVENT_FIN, y->current, 0};
    return true;
}

int yamux_read(struct yamux *y, uint64_t now_ns, struct chain *in, struct yamux_event *ev)
{
    if (y->failed)
        return y->failed;
    CHECK(now_ns >= y->now_ns);
    y->now_ns = now_ns;
    for (;;) {
        int result;

        if (y->payload_left > 0) {
            if (in->size == 0)
                return 0;
            if (read_payload(y, in, ev))
                return 1;
            continue;
        }
        if (end_frame(y, ev))
            return 1;
        if (in->size < YAMUX_HEADER_SIZE)
            return 0;
        result = read_header(y, in, ev);
        if (result != 0)
            return result;
    }
}
