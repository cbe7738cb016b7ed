/* Protocols of the owner. A stream is never ended inside a callback of its own: what would end it
 * is put off to app_stream_settle, which runs at the end of every call into the node. */
#include "stack/node/app_stream.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/node/internal.h"

struct app_stream {
    struct stream *stream;
    const struct app_protocol *protocol;
    void *user;
    struct app_stream *next_due;
    bool due, reset_due, resume_due;
    bool wants_room;
    bool peer_finished, told_finished; /* its FIN is there; and `finished` was called */
    bool finished;                     /* we have */
};

/* An owner's protocol as the node sees it. */
struct app_binding {
    struct protocol protocol;
    const struct app_protocol *app;
};

static void put_off(struct app_stream *a)
{
    struct node *n = a->stream->conn->node;

    if (a->due)
        return;
    a->due = true;
    a->next_due = n->app_due;
    n->app_due = a;
}

static void forget_due(struct node *n, const struct app_stream *a)
{
    for (struct app_stream **at = &n->app_due; *at; at = &(*at)->next_due)
        if (*at == a) {
            *at = a->next_due;
            return;
        }
}

static const struct app_protocol *owners_protocol(const struct stream *s)
{
    const struct node *n = s->conn->node;

    for (uint32_t i = 0; i < n->app_binding_count; i++)
        if (&n->app_bindings[i]->protocol == s->protocol)
            return n->app_bindings[i]->app;
    UNREACHABLE();
}

static struct app_stream *attach(struct stream *s)
{
    struct app_stream *a = mem_zalloc(sizeof *a);

    a->stream = s;
    a->protocol = owners_protocol(s);
    s->own = a;
    return a;
}

/* ---- what the node tells ---- */

static int on_opened(struct stream *s, uint64_t now_ns)
{
    struct app_stream *a;

    if (!s->outbound)
        attach(s);
    a = s->own;
    if (!a->reset_due)
        a->protocol->opened(a->protocol->ctx, now_ns, a);
    return ERR_OK;
}

static int on_data(struct stream *s, uint64_t now_ns)
{
    struct app_stream *a = s->own;

    if (a->reset_due)
        chain_drop(&s->mux->in, s->mux->in.size);
    else
        a->protocol->data(a->protocol->ctx, now_ns, a, &s->mux->in);
    return ERR_OK;
}

static void tell_finished(struct app_stream *a, uint64_t now_ns)
{
    if (!a->peer_finished || a->told_finished || a->reset_due || a->stream->mux->in.size)
        return;
    a->told_finished = true;
    if (a->protocol->finished)
        a->protocol->finished(a->protocol->ctx, now_ns, a);
}

static void on_finished(struct stream *s, uint64_t now_ns)
{
    struct app_stream *a = s->own;

    a->peer_finished = true;
    tell_finished(a, now_ns);
    put_off(a);
}

static void on_drained(struct stream *s, uint64_t now_ns)
{
    struct app_stream *a = s->own;

    if (a->told_finished && a->finished)
        put_off(a);
    if (a->reset_due || !a->wants_room)
        return;
    a->wants_room = false;
    if (a->protocol->writable)
        a->protocol->writable(a->protocol->ctx, now_ns, a);
}

static void on_closed(struct stream *s, uint64_t now_ns, int err)
{
    struct app_stream *a = s->own;

    a->protocol->closed(a->protocol->ctx, now_ns, a, err);
    if (a->due)
        forget_due(s->conn->node, a);
    mem_free(a);
    s->own = NULL;
}

void app_stream_settle(struct node *n)
{
    while (n->app_due) {
        struct app_stream *a = n->app_due;
        struct stream *s = a->stream;

        n->app_due = a->next_due;
        a->due = false;
        if (a->resume_due && !a->reset_due) {
            a->resume_due = false;
            stream_refill(s);
            tell_finished(a, n->now_ns);
        }
        if (a->reset_due)
            stream_reset(s, YAMUX_RESET_NONE);
        else if (a->told_finished && a->finished && s->mux->out.size == 0)
            stream_end(s, ERR_OK);
    }
}

/* ---- what the owner asks ---- */

static const struct app_binding *bind_protocol(struct node *n, const struct app_protocol *p)
{
    struct app_binding *b;

    for (uint32_t i = 0; i < n->app_binding_count; i++)
        if (n->app_bindings[i]->app == p)
            return n->app_bindings[i];
    CHECK(n->app_binding_count < APP_STREAM_PROTOCOLS_MAX && p->opened && p->data && p->closed);
    b = mem_zalloc(sizeof *b);
    b->app = p;
    b->protocol = (struct protocol){.ids = {&p->id, 1},
                                    .opened = on_opened,
                                    .data = on_data,
                                    .finished = on_finished,
                                    .closed = on_closed,
                                    .drained = on_drained,
                                    .credit_taken = true};
    n->app_bindings =
        mem_grow(n->app_bindings, n->app_binding_count + 1, sizeof(struct app_binding *));
    n->app_bindings[n->app_binding_count++] = b;
    return b;
}

void app_stream_unbind_all(struct node *n)
{
    for (uint32_t i = 0; i < n->app_binding_count; i++)
        mem_free(n->app_bindings[i]);
    mem_free(n->app_bindings);
    n->app_bindings = NULL;
    n->app_binding_count = 0;
}

int app_stream_serve(struct node *n, uint64_t now_ns, const struct app_protocol *p)
{
    bool outer;

    for (uint32_t i = 0; i < n->served_count; i++)
        if (strcmp(n->served_ids[i], p->id) == 0)
            return ERR_DUPLICATE;
    outer = node_enter(n, now_ns);
    node_serve_protocol(n, &bind_protocol(n, p)->protocol);
    services_push_all(n);
    node_leave(n, outer);
    return ERR_OK;
}

int app_stream_open(struct node *n, uint64_t now_ns, const struct peerid *to,
                    const struct app_protocol *p, void *user)
{
    bool outer = node_enter(n, now_ns);
    int err = ERR_UNREACHABLE;
    uint32_t slot;

    if (node_peer_find(n, to, &slot)) {
        struct stream *s = stream_open(n->conns[slot], &bind_protocol(n, p)->protocol);

        err = s ? ERR_OK : ERR_LIMIT;
        if (s)
            attach(s)->user = user;
    }
    node_leave(n, outer);
    return err;
}

size_t app_stream_write(struct app_stream *a, uint64_t now_ns, struct chain *bytes)
{
    struct node *n = a->stream->conn->node;
    bool outer = node_enter(n, now_ns);
    size_t waiting = a->stream->mux->out.size;
    size_t room = waiting < APP_STREAM_QUEUE_MAX ? APP_STREAM_QUEUE_MAX - waiting : 0;
    size_t size = bytes->size < room ? bytes->size : room;

    CHECK(a->stream->state == STREAM_OPEN && !a->finished);
    if (size > 0) {
        struct chain part;

        chain_init(&part);
        chain_move(&part, bytes, size);
        stream_write(a->stream, &part);
    }
    a->wants_room |= bytes->size > 0;
    node_leave(n, outer);
    return size;
}

void app_stream_finish(struct app_stream *a, uint64_t now_ns)
{
    struct node *n = a->stream->conn->node;
    bool outer = node_enter(n, now_ns);

    CHECK(a->stream->state == STREAM_OPEN);
    a->finished = true;
    stream_finish(a->stream);
    put_off(a);
    node_leave(n, outer);
}

void app_stream_reset(struct app_stream *a, uint64_t now_ns)
{
    struct node *n = a->stream->conn->node;
    bool outer = node_enter(n, now_ns);

    a->reset_due = true;
    put_off(a);
    node_leave(n, outer);
}

void app_stream_resume(struct app_stream *a, uint64_t now_ns)
{
    struct node *n = a->stream->conn->node;
    bool outer = node_enter(n, now_ns);

    a->resume_due = true;
    put_off(a);
    node_leave(n, outer);
}

void app_stream_set_user(struct app_stream *a, void *user)
{
    a->user = user;
}

void *app_stream_user(const struct app_stream *a)
{
    return a->user;
}

const struct peerid *app_stream_peer(const struct app_stream *a)
{
    return &a->stream->conn->peer;
}

bool app_stream_outbound(const struct app_stream *a)
{
    return a->stream->outbound;
}
