/* One connection: the upgrade from TCP to yamux as a table of states, and the two pumps, bytes to events and
 * queues to bytes.
 *
 * Frames are pulled only as fast as the backend takes them (NODE_FLUSH_SIZE ahead at most), so what waits, waits in the
 * protocols' own queues, where their drop rules apply. */
#include "stack/node/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/transport/chain_pack.h"

static const char *const security_ids[] = {"/noise"};
static const char *const muxer_ids[] = {"/yamux/1.0.0"};
static const struct protocol_list security = {security_ids, 1};
static const struct protocol_list muxers = {muxer_ids, 1};

/* What may follow what. */
static const uint8_t followers[] = {
    [CONN_DIALLING] = 1 << CONN_SECURITY | 1 << CONN_CLOSED,
    [CONN_SECURITY] = 1 << CONN_NOISE | 1 << CONN_CLOSED,
    [CONN_NOISE] = 1 << CONN_MUXER | 1 << CONN_READY | 1 << CONN_CLOSED,
    [CONN_MUXER] = 1 << CONN_READY | 1 << CONN_CLOSED,
    [CONN_READY] = 1 << CONN_CLOSED,
    [CONN_CLOSED] = 0,
};

static void set_state(struct conn *c, enum conn_state state)
{
    CHECK(followers[c->state] >> state & 1);
    c->state = (uint8_t)state;
}

static void conn_tick(struct timer *t, uint64_t now_ns);

struct conn *conn_new(struct node *n, struct backend_conn handle, const struct endpoint *remote, bool dialled)
{
    struct conn *c = mem_zalloc(sizeof *c);

    if (handle.index >= n->conn_capacity) {
        uint32_t capacity = n->conn_capacity ? n->conn_capacity : 8;

        while (capacity <= handle.index)
            capacity *= 2;
        n->conns = mem_grow(n->conns, capacity, sizeof *n->conns);
        memset(n->conns + n->conn_capacity, 0, (capacity - n->conn_capacity) * sizeof *n->conns);
        n->conn_capacity = capacity;
    }
    CHECK(!n->conns[handle.index]);
    n->conns[handle.index] = c;
    n->open_count++;
    c->node = n;
    c->handle = handle;
    c->state = CONN_DIALLING;
    c->dialled = dialled;
    c->remote = *remote;
    c->deadline_ns = TIME_NEVER;
    timer_init(&c->timer, conn_tick);
    conn_deadline(c, n->now_ns + (dialled ? NODE_DIAL_TIMEOUT_NS : NODE_UPGRADE_TIMEOUT_NS));
    return c;
}

static void upgrade_free(struct conn *c)
{
    if (!c->upgrade)
        return;
    if (c->upgrade->handshake)
        noise_handshake_free(c->upgrade->handshake);
    mem_free(c->upgrade);
    c->upgrade = NULL;
}

void conn_free(struct conn *c)
{
    CHECK(c->state == CONN_CLOSED && !c->streams);
    blob_unref(c->peer_record);
    mem_free(c);
}

/* For all connections of all nodes: it has neither keys nor counters, so nobody writes to it. */
static struct noise_session modelled = {.mode = NOISE_MODELLED};

static void session_keep(struct conn *c, struct noise_session *session)
{
    if (session->mode == NOISE_MODELLED) {
        c->session = &modelled;
        c->modelled = true;
        return;
    }
    c->session = mem_alloc(sizeof *c->session);
    *c->session = *session;
    crypto_wipe(session, sizeof *session);
}

/* For frames: spares the look at the connection's second cache line. */
static struct noise_session *session_of(const struct conn *c)
{
    return c->modelled ? &modelled : c->session;
}

static void session_free(struct conn *c)
{
    if (c->session && c->session->mode == NOISE_REAL) {
        crypto_wipe(c->session, sizeof *c->session);
        mem_free(c->session);
    }
    c->session = NULL;
}

/* Everything goes at once; only the struct itself stays until the end of the upcall. */
void conn_close(struct conn *c, int err, bool tell)
{
    struct node *n = c->node;
    struct trace_event gone = {.kind = c->state == CONN_READY      ? TRACE_PEER_GONE
                                       : c->state == CONN_DIALLING ? TRACE_DIAL_FAILED
                                                                   : TRACE_CONN_FAILED,
                               .peer = c->handle.index,
                               .code = err};

    CHECK(c->state != CONN_CLOSED && !c->closing && err != ERR_OK);
    c->closing = true;
    while (c->streams)
        stream_end(c->streams, err);
    if (c->state == CONN_READY)
        n->ready_count--;
    node_trace(n, &gone);
    if (tell) {
        bool polite = err_class(err) == ERR_CLASS_LOCAL;

        n->ops->close(n->host, c->handle, polite ? BACKEND_CLOSE_FIN : BACKEND_CLOSE_RST);
    }
    set_state(c, CONN_CLOSED);
    n->conns[c->handle.index] = NULL;
    n->open_count--;
    timer_disarm(&n->timers, &c->timer);
    upgrade_free(c);
    if (c->yamux)
        yamux_free(c->yamux);
    c->yamux = NULL;
    chain_deinit(&c->wire_in);
    chain_deinit(&c->wire_out);
    chain_deinit(&c->plain_in);
    session_free(c);
    dialer_lost(n, c, err);
    if (!c->dirty) {
        c->next = n->buried;
        n->buried = c;
    }
}

void conn_dirty(struct conn *c)
{
    struct node *n = c->node;

    if (c->dirty || c->closing)
        return;
    c->dirty = true;
    c->next = NULL;
    *n->dirty_end = c;
    n->dirty_end = &c->next;
}

void conn_doom(struct conn *c, int err)
{
    CHECK(err < 0 && err >= INT16_MIN);
    if (!c->doomed)
        c->doomed = (int16_t)err;
    conn_dirty(c);
}

/* ---- the upgrade ---- */

void conn_connected(struct conn *c)
{
    set_state(c, CONN_SECURITY);
    c->upgrade = mem_zalloc(sizeof *c->upgrade);
    c->deadline_ns = c->node->now_ns + NODE_UPGRADE_TIMEOUT_NS;
    timer_arm(&c->node->timers, &c->timer, c->deadline_ns);
    if (c->dialled)
        multistream_propose(&c->upgrade->negotiation, security, &c->wire_out);
    else
        multistream_listen(&c->upgrade->negotiation, security, &c->wire_out);
    conn_dirty(c);
}

static int step_security(struct conn *c)
{
    const struct node_config *config = &c->node->config;
    struct noise_config noise = {.mode = config->encryption,
                                 .initiator = c->dialled,
                                 .identity = &c->node->identity,
                                 .muxer = muxer_ids[0]};
    size_t chosen;
    int err = multistream_feed(&c->upgrade->negotiation, &c->wire_in, &c->wire_out, &chosen);

    if (err != MULTISTREAM_DONE)
        return err;
    c->upgrade->handshake = noise_handshake_new(&noise, &c->node->keys, &c->wire_out);
    set_state(c, CONN_NOISE);
    return 1;
}

/* The dialler knows whom it meant to reach; the dialer keeps that. */
static const struct peerid *expected_peer(const struct conn *c)
{
    const struct node *n = c->node;

    for (uint32_t i = 0; c->dialled && i < n->dial_count; i++) {
        const struct dial *d = &n->dials[i];

        if (d->state == DIAL_UNDER_WAY && backend_conn_equal(d->conn, c->handle))
            return d->has_peer ? &d->peer : NULL;
    }
    return NULL;
}

static int become_ready(struct conn *c);

static int step_noise(struct conn *c)
{
    struct noise_session session;
    struct noise_peer peer;
    int err = noise_handshake_feed(c->upgrade->handshake, &c->wire_in, &c->wire_out, expected_peer(c), &peer,
                                   &session);

    if (err != NOISE_DONE)
        return err;
    node_charge(c->node, WORK_HANDSHAKE, 0);
    session_keep(c, &session);
    c->peer = peer.id;
    noise_handshake_free(c->upgrade->handshake);
    c->upgrade->handshake = NULL;
    if (c->node->events.secured)
        c->node->events.secured(c->node->events.secured_ctx, c->node->now_ns, c->handle.index, c->session);
    if (peerid_equal(&c->peer, &c->node->identity.id))
        return ERR_DUPLICATE; /* we reached ourselves */
    if (peer.muxer_agreed)
        return become_ready(c);
    set_state(c, CONN_MUXER);
    struct chain hello;

    chain_init(&hello);
    if (c->dialled)
        multistream_propose(&c->upgrade->negotiation, muxers, &hello);
    else
        multistream_listen(&c->upgrade->negotiation, muxers, &hello);
    noise_seal(c->session, &hello, &c->wire_out);
    return 1;
}

static int step_muxer(struct conn *c)
{
    struct chain answer;
    size_t chosen;
    int err = noise_open(c->session, &c->wire_in, &c->plain_in);

    if (err < 0)
        return err;
    chain_init(&answer);
    err = multistream_feed(&c->upgrade->negotiation, &c->plain_in, &answer, &chosen);
    if (answer.size)
        noise_seal(c->session, &answer, &c->wire_out);
    return err == MULTISTREAM_DONE ? become_ready(c) : err;
}

/* Of two connections to one peer both sides keep the same one: that which the smaller peer id dialled; of two
 * in the same direction, the older. Whoever closes first, the other agrees. */
static int settle_duplicates(struct conn *c)
{
    struct node *n = c->node;
    bool smaller = slice_compare(peerid_slice(&n->identity.id), peerid_slice(&c->peer)) < 0;

    for (uint32_t i = 0; i < n->conn_capacity; i++) {
        struct conn *other = n->conns[i];

        if (!other || other == c || other->state != CONN_READY || !peerid_equal(&other->peer, &c->peer))
            continue;
        if (other->dialled == c->dialled || other->dialled == smaller)
            return ERR_DUPLICATE;
        conn_close(other, ERR_DUPLICATE, true);
    }
    return ERR_OK;
}

static int become_ready(struct conn *c)
{
    struct node *n = c->node;
    struct trace_event ready = {.kind = TRACE_PEER_READY,
                                .peer = c->handle.index,
                                .count = c->dialled,
                                .id = peerid_slice(&c->peer)};
    int err = settle_duplicates(c);

    if (err)
        return err;
    set_state(c, CONN_READY);
    upgrade_free(c);
    n->ready_count++;
    c->deadline_ns = TIME_NEVER;
    c->yamux = yamux_new(&n->config.yamux, c->dialled, n->now_ns);
    yamux_ping(c->yamux, n->now_ns);
    conn_deadline(c, yamux_deadline(c->yamux));
    node_trace(n, &ready);
    dialer_ready(n, c);
    stream_open(c, &identify_protocol);
    if (n->gossipsub)
        pubsub_conn_ready(c);
    if (n->algorand)
        msgnet_conn_ready(c);
    if (n->events.connected)
        n->events.connected(n->events.ctx, n->now_ns, c->handle.index);
    conn_dirty(c);
    return 1;
}

/* ---- bytes to events ---- */

static int step_ready(struct conn *c)
{
    uint32_t sealed = c->wire_in.size;
    struct yamux_event ev;
    int err = noise_open(session_of(c), &c->wire_in, &c->plain_in);
    bool pinging = yamux_pinging(c->yamux);
    int more = 0;

    if (c->node->charges_work && c->wire_in.size < sealed)
        node_charge(c->node, WORK_AEAD, sealed - c->wire_in.size);

    while (!c->doomed && (more = yamux_read(c->yamux, c->node->now_ns, &c->plain_in, &ev)) > 0) {
        if (ev.kind == YAMUX_EVENT_GOAWAY)
            return ERR_CLOSED;
        stream_event(c, &ev);
    }
    if (pinging && !yamux_pinging(c->yamux)) /* after an answer the next keepalive may come before what was armed */
        conn_deadline(c, yamux_deadline(c->yamux));
    return more < 0 ? more : err;
}

/* Each step: 1 to go on, 0 when more bytes are needed, a negative err to close. */
static int step(struct conn *c)
{
    switch ((enum conn_state)c->state) {
    case CONN_SECURITY:
        return step_security(c);
    case CONN_NOISE:
        return step_noise(c);
    case CONN_MUXER:
        return step_muxer(c);
    case CONN_READY:
        return step_ready(c);
    case CONN_DIALLING:
    case CONN_CLOSED:
        break;
    }
    UNREACHABLE();
}

void conn_received(struct conn *c, struct chain *bytes)
{
    int err;

    chain_move_all(&c->wire_in, bytes);
    do
        err = step(c);
    while (err > 0);
    chain_pack(&c->wire_in); /* what is incomplete may have come byte by byte */
    if (c->state != CONN_READY || !c->modelled)
        chain_unpin(&c->wire_in);
    chain_pack(&c->plain_in);
    if (err < 0)
        conn_doom(c, err); /* what is queued (a GO_AWAY, a last `na`) is tried once more before the end */
    else if (c->wire_out.size || (c->yamux && yamux_has_output(c->yamux)))
        conn_dirty(c);
}

void conn_expect(const struct conn *c, unsigned step)
{
    const char *lines = (const char *)c;

    if (step == 1) {
        fetch_line(lines);
        fetch_line(lines + 64);
        fetch_line(lines + 128);
    } else if (c->yamux && step == 2) {
        fetch_line(c->gossip_in);
        yamux_expect(c->yamux, false);
    } else if (c->yamux) {
        yamux_expect(c->yamux, true);
    }
}

/* ---- queues to bytes ---- */

void conn_expect_flush(struct conn *c, uint32_t slot, const struct node *n, unsigned step)
{
    if (step == 0) {
        fetch_line_to_write(c);
    } else if (step == 1) {
        fetch_line_to_write(c->yamux); /* its second line is for other things */
        fetch_line(c->gossip_out);
    } else {
        c->fetched = true;
        if (c->gossip_out) {
            fetch_line_to_write(c->gossip_out->mux);
            fetch_line_to_write((const char *)c->gossip_out->mux + 64);
        }
    }
    if (n->ops->expect)
        n->ops->expect(n->host, (struct backend_conn){.index = slot}, step);
}

static bool fill(struct conn *c)
{
    struct yamux_stream *drained;
    struct chain frame;

    if (c->state != CONN_READY)
        return false;
    chain_init(&frame);
    while (c->wire_out.size < NODE_FLUSH_SIZE) {
        if (c->gossip_wants)
            pubsub_pull(c);
        if (c->algorand_wants)
            msgnet_pull(c);
        if (!yamux_write(c->yamux, &frame, &drained))
            break;
        node_charge(c->node, WORK_AEAD, frame.size);
        noise_seal(session_of(c), &frame, &c->wire_out);
        if (drained)
            stream_drained(drained->user);
    }
    return c->wire_out.size > 0;
}

void conn_flush(struct conn *c)
{
    struct node *n = c->node;

    while (c->state != CONN_DIALLING && (c->wire_out.size || fill(c))) {
        n->bytes_sent += n->ops->send(n->host, c->handle, &c->wire_out);
        if (c->wire_out.size)
            break; /* the backend says when there is room */
    }
    c->fetched = false; /* last: whoever reads its neighbours right after it is written waits for it */
}

/* ---- time ---- */

void conn_deadline(struct conn *c, uint64_t deadline_ns)
{
    if (deadline_ns < c->deadline_ns && c->state != CONN_READY)
        c->deadline_ns = deadline_ns;
    if (!timer_armed(&c->timer) || deadline_ns < c->timer.deadline_ns)
        timer_arm(&c->node->timers, &c->timer, deadline_ns);
}

/* The timer is armed at or before the earliest deadline; a later one is found here. */
static void conn_tick(struct timer *t, uint64_t now_ns)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);

    if (c->state != CONN_READY) {
        if (now_ns >= c->deadline_ns)
            conn_close(c, ERR_TIMEOUT, true);
        else
            timer_arm(&c->node->timers, t, c->deadline_ns);
        return;
    }
    if (now_ns >= c->deadline_ns)
        stream_expire(c);
    if (yamux_tick(c->yamux, now_ns) != ERR_OK) {
        conn_close(c, ERR_TIMEOUT, true);
        return;
    }
    conn_deadline(c, c->deadline_ns);
    conn_deadline(c, yamux_deadline(c->yamux));
    if (yamux_has_output(c->yamux))
        conn_dirty(c);
}
