/* The Algorand message network on streams: one a peer, opened by whom algorand_opening_rule says. */
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/node/internal.h"

static void algorand_fire(struct timer *t, uint64_t now_ns)
{
    struct node *n = CONTAINER_OF(t, struct node, algorand_timer);

    algorand_tick(n->algorand, now_ns);
}

void msgnet_rearm(struct node *n)
{
    uint64_t deadline = algorand_deadline(n->algorand);

    if (!timer_armed(&n->algorand_timer) || n->algorand_timer.deadline_ns != deadline)
        timer_arm(&n->timers, &n->algorand_timer, deadline);
}

static void wants_write(void *ctx, uint32_t peer)
{
    struct conn *c = node_conn(ctx, peer);

    CHECK(c);
    c->algorand_wants = true;
    conn_dirty(c);
}

static uint64_t charge(void *ctx, unsigned works, uint64_t bytes)
{
    return node_charge(ctx, works, bytes);
}

static enum algorand_verdict validate(void *ctx, const struct algorand_message *m)
{
    struct node *n = ctx;

    return n->events.validate_algorand ? n->events.validate_algorand(n->events.ctx, m) : ALGORAND_ACCEPT;
}

static void deliver(void *ctx, uint64_t now_ns, const struct algorand_message *m)
{
    struct node *n = ctx;

    if (n->events.received)
        n->events.received(n->events.ctx, now_ns, m);
}

static void disconnect(void *ctx, uint32_t peer, int err)
{
    struct conn *c = node_conn(ctx, peer);

    if (c)
        conn_doom(c, err);
}

static void trace(void *ctx, uint64_t now_ns, const struct trace_event *event)
{
    struct node *n = ctx;

    CHECK(now_ns == n->now_ns);
    node_trace(n, event);
}

void msgnet_init(struct node *n)
{
    const struct algorand_env env = {.ctx = n,
                                     .wants_write = wants_write,
                                     .validate = validate,
                                     .deliver = deliver,
                                     .disconnect = disconnect,
                                     .trace = trace,
                                     .charge = n->charges_work ? charge : NULL};

    timer_init(&n->algorand_timer, algorand_fire);
    n->algorand = algorand_new(&n->config.algorand, &env);
}

/* Every dial of a node is the mesh's: there is no discovery that dials for other reasons. */
static enum algorand_opening opening(const struct conn *c)
{
    const struct node *n = c->node;

    return algorand_opening_rule(c->dialled, c->dialled, n->config.algorand.gossip_service, &n->identity.id,
                                 &c->peer);
}

void msgnet_conn_ready(struct conn *c)
{
    if (opening(c) == ALGORAND_OPEN)
        stream_open(c, &msgnet_protocol);
}

void msgnet_pull(struct conn *c)
{
    struct chain frame;
    int more;

    if (c->doomed)
        return;
    if (!c->algorand) {
        c->algorand_wants = false;
        return;
    }
    if (c->algorand->mux->out.size)
        return;
    chain_init(&frame);
    more = algorand_pull(c->node->algorand, c->node->now_ns, c->handle.index, &frame);
    if (more < 0)
        conn_doom(c, more);
    else if (more)
        yamux_send(c->yamux, c->algorand->mux, &frame);
    else
        c->algorand_wants = false;
}

static int opened(struct stream *s, uint64_t now_ns)
{
    struct conn *c = s->conn;
    struct stream *old = c->algorand;

    if (!s->outbound && opening(c) == ALGORAND_IGNORE)
        return ERR_REFUSED;
    if (s->outbound && old)
        return ERR_DUPLICATE; /* the opener keeps the stream it has, the acceptor takes the new one */
    c->algorand = s;
    algorand_stream_start(c->node->algorand, now_ns, c->handle.index, (enum algorand_version)s->version,
                          c->dialled);
    if (old)
        stream_reset(old, YAMUX_RESET_NONE);
    return ERR_OK;
}

static int data(struct stream *s, uint64_t now_ns)
{
    struct conn *c = s->conn;
    bool greeted;
    int err;

    if (s != c->algorand)
        return ERR_PROTOCOL;
    greeted = algorand_peer_ready(c->node->algorand, c->handle.index);
    err = algorand_feed(c->node->algorand, now_ns, c->handle.index, &s->mux->in);
    greeted |= algorand_peer_ready(c->node->algorand, c->handle.index);
    if (err < 0 && !greeted)
        return err; /* a handshake that fails costs the stream only */
    if (err < 0)
        conn_doom(c, err); /* closing the peer closes its connection */
    return ERR_OK;
}

static void closed(struct stream *s, uint64_t now_ns, int err)
{
    struct conn *c = s->conn;
    bool greeted;

    if (s != c->algorand)
        return;
    c->algorand = NULL;
    c->algorand_wants = false;
    greeted = algorand_peer_ready(c->node->algorand, c->handle.index);
    algorand_stream_closed(c->node->algorand, now_ns, c->handle.index);
    /* A peer that is lost takes its connection along; one that refused the stream keeps it for the other protocols. */
    if (greeted && !c->closing)
        conn_doom(c, err);
}

static void finished(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    stream_end(s, ERR_CLOSED);
}

const struct protocol msgnet_protocol = {
    {algorand_protocols, ALGORAND_PROTOCOL_COUNT}, 0, opened, data, finished, closed, NULL,
    false};
