/* Streams: agreeing on a protocol, handing bytes to it, credit, deadlines, endings. */
#include "stack/node/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

void stream_deadline(struct stream *s, uint64_t deadline_ns)
{
    struct conn *c = s->conn;

    if (!s->opening)
        s->opening = mem_zalloc(sizeof *s->opening);
    s->opening->deadline_ns = deadline_ns;
    if (deadline_ns < c->deadline_ns)
        c->deadline_ns = deadline_ns;
    conn_deadline(c, deadline_ns);
}

static void opening_over(struct stream *s)
{
    mem_free(s->opening);
    s->opening = NULL;
}

static struct stream *stream_new(struct conn *c, struct yamux_stream *mux, const struct protocol *protocol)
{
    struct stream *s = mem_zalloc(sizeof *s);

    s->conn = c;
    s->mux = mux;
    s->protocol = protocol;
    s->outbound = protocol != NULL;
    s->next = c->streams;
    s->link = &c->streams;
    if (s->next)
        s->next->link = &s->next;
    c->streams = s;
    mux->user = s;
    stream_deadline(s, c->node->now_ns + NODE_STREAM_TIMEOUT_NS);
    return s;
}

struct stream *stream_open(struct conn *c, const struct protocol *protocol)
{
    struct yamux_stream *mux = yamux_open(c->yamux);
    struct chain hello;
    struct stream *s;

    if (!mux)
        return NULL;
    s = stream_new(c, mux, protocol);
    chain_init(&hello);
    multistream_propose(&s->opening->negotiation, protocol->ids, &hello);
    stream_write(s, &hello);
    return s;
}

void stream_write(struct stream *s, struct chain *bytes)
{
    yamux_send(s->conn->yamux, s->mux, bytes);
    conn_dirty(s->conn);
}

void stream_finish(struct stream *s)
{
    yamux_finish(s->conn->yamux, s->mux);
    conn_dirty(s->conn);
}

void stream_end(struct stream *s, int err)
{
    struct conn *c = s->conn;

    if (s->state == STREAM_OPEN || s->outbound)
        s->protocol->closed(s, c->node->now_ns, err);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    yamux_release(c->yamux, s->mux);
    conn_dirty(c);
    opening_over(s);
    mem_free(s);
}

void stream_reset(struct stream *s, uint32_t code)
{
    yamux_reset(s->conn->yamux, s->mux, code);
    stream_end(s, ERR_RESET);
}

/* 1 agreed, 0 more, negative err. */
static int negotiate(struct stream *s)
{
    const struct node *n = s->conn->node;
    struct chain answer;
    size_t chosen;
    int err;

    chain_init(&answer);
    err = multistream_feed(&s->opening->negotiation, &s->mux->in, &answer, &chosen);
    if (answer.size)
        stream_write(s, &answer);
    if (err != MULTISTREAM_DONE)
        return err;
    s->state = STREAM_OPEN;
    opening_over(s);
    if (s->outbound) {
        s->version = (uint8_t)(chosen + s->protocol->version_first);
    } else {
        s->protocol = n->served[chosen];
        s->version = n->served_versions[chosen];
    }
    err = s->protocol->opened(s, n->now_ns);
    return err < 0 ? err : 1;
}

/* Returns the credit for what came in. What a protocol leaves in `in` is its partial message, bounded by its own limit;
 * it must not cost credit, or a message larger than the window could never arrive. Protocols without such a limit get
 * credit for what they took only, so that the peer is held back. */
static void credit(struct stream *s, size_t before)
{
    struct conn *c = s->conn;
    size_t due = before;

    if (s->state == STREAM_OPEN && s->protocol->credit_taken)
        due = before - s->mux->in.size;
    if (due > s->leftover)
        yamux_consumed(c->yamux, s->mux, due - s->leftover, c->node->now_ns);
    due = due > s->leftover ? due : s->leftover;
    s->leftover = (uint32_t)(due - (before - s->mux->in.size));
}

static void stream_data(struct stream *s)
{
    size_t before = s->mux->in.size;
    uint32_t id = s->mux->id;
    struct conn *c = s->conn;
    int err = s->state == STREAM_NEGOTIATING ? negotiate(s) : 1;

    if (c->doomed)
        return; /* and s may be gone */
    if (err > 0 && s->mux->in.size)
        err = s->protocol->data(s, c->node->now_ns);
    CHECK(c->doomed || s->mux->id == id);
    if (c->doomed)
        return;
    credit(s, before);
    if (err < 0) {
        yamux_reset(c->yamux, s->mux,
                    s->state == STREAM_NEGOTIATING ? YAMUX_RESET_NEGOTIATION : YAMUX_RESET_VIOLATION);
        stream_end(s, err);
    }
}

void stream_refill(struct stream *s)
{
    CHECK(s->state == STREAM_OPEN);
    if (!s->mux->in.size)
        return;
    conn_dirty(s->conn); /* credit may be due, and no byte came that would send it */
    stream_data(s);
}

void stream_drained(struct stream *s)
{
    if (s->state == STREAM_OPEN && s->protocol->drained)
        s->protocol->drained(s, s->conn->node->now_ns);
}

static void stream_opened(struct conn *c, struct yamux_stream *mux)
{
    struct stream *s = stream_new(c, mux, NULL);
    struct chain hello;

    chain_init(&hello);
    multistream_listen(&s->opening->negotiation, node_served(c->node), &hello);
    stream_write(s, &hello);
}

void stream_event(struct conn *c, const struct yamux_event *ev)
{
    struct stream *s;

    if (ev->kind == YAMUX_EVENT_OPENED) {
        stream_opened(c, ev->stream);
        return;
    }
    s = ev->stream->user;
    CHECK(s && s->conn == c);
    switch (ev->kind) {
    case YAMUX_EVENT_DATA:
        stream_data(s);
        break;
    case YAMUX_EVENT_FIN:
        if (s->state == STREAM_OPEN)
            s->protocol->finished(s, c->node->now_ns);
        else
            stream_reset(s, YAMUX_RESET_NEGOTIATION);
        break;
    case YAMUX_EVENT_RESET:
        stream_end(s, ERR_RESET);
        break;
    case YAMUX_EVENT_OPENED:
    case YAMUX_EVENT_GOAWAY:
        UNREACHABLE();
    }
}

void stream_expire(struct conn *c)
{
    uint64_t now = c->node->now_ns;
    struct stream *next;

    c->deadline_ns = TIME_NEVER;
    for (struct stream *s = c->streams; s; s = next) {
        next = s->next;
        if (!s->opening)
            continue;
        if (s->opening->deadline_ns <= now) {
            yamux_reset(c->yamux, s->mux, YAMUX_RESET_NEGOTIATION);
            stream_end(s, ERR_TIMEOUT);
        } else if (s->opening->deadline_ns < c->deadline_ns) {
            c->deadline_ns = s->opening->deadline_ns;
        }
    }
}
