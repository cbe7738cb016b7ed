/* The node's outside: upcalls of the backend, calls of the owner, and what happens at the end of each of them: every
 * connection that has something to say is flushed, the timer is set, the dead are buried. */
#include "stack/node/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/identify/ping.h"
#include "stack/wire/record.h"

struct node_config node_config_default(void)
{
    struct node_config config = {
        .agent = "hearsay",
        .encryption = NOISE_REAL,
        .yamux = yamux_config_default(),
        .connections_max = NODE_CONNECTIONS_MAX,
        .gossipsub_versions = 1u << GOSSIPSUB_V10 | 1u << GOSSIPSUB_V11,
        .dials_max = NODE_DIALS_MAX,
        .gossipsub = {.params = gossipsub_params_default(), .message_id = gossipsub_id_default},
        .algorand = algorand_config_default(),
    };

    /* A full yamux frame fills one Noise frame; go's, 17 bytes larger, leave a second one behind. */
    config.yamux.frame_payload_max = NOISE_PLAIN_MAX - YAMUX_HEADER_SIZE;
    return config;
}

void node_serve_protocol(struct node *n, const struct protocol *p)
{
    for (size_t i = 0; i < p->ids.count; i++) {
        CHECK(n->served_count < SERVED_MAX);
        n->served_ids[n->served_count] = p->ids.ids[i];
        n->served[n->served_count] = p;
        n->served_versions[n->served_count++] = (uint8_t)(i + p->version_first);
    }
}

struct protocol_list node_served(const struct node *n)
{
    return (struct protocol_list){n->served_ids, n->served_count};
}

static void set_announced(struct node *n, const struct endpoint *addresses, uint32_t count)
{
    n->announced = mem_grow(n->announced, count, sizeof *n->announced);
    if (count)
        memcpy(n->announced, addresses, count * sizeof *addresses);
    n->announced_count = count;
}

struct node *node_new(const struct node_config *config, const struct backend_ops *ops, void *host,
                      const struct node_events *events)
{
    struct node *n = mem_zalloc(sizeof *n);
    uint8_t seed[32];

    CHECK(ops->version == BACKEND_VERSION);
    n->config = *config;
    n->events = *events;
    n->ops = ops;
    n->host = host;
    n->own_clock = !clock_is_true(&config->clock);
    n->charges_work = config->charges_work;
    CHECK(!n->charges_work || ops->charge);
    n->wake_ns = TIME_NEVER;
    n->dirty_end = &n->dirty;
    if (config->listens && config->listen.port && !endpoint_unspecified(&config->listen))
        set_announced(n, &config->listen, 1);
    identity_from_seed(&n->identity, config->identity_seed);
    ops->random(host, seed, sizeof seed);
    drbg_init(&n->keys, seed, "noise");
    rng_init(&n->dial_rng, load_le64(seed), "dial");
    n->config.gossipsub.seed = rng_derive(load_le64(seed), "gossipsub", 0);
    n->config.algorand.seed = rng_derive(load_le64(seed), "algorand", 0);
    crypto_wipe(seed, sizeof seed);
    timers_init(&n->timers);
    buf_init(&n->record, RECORD_SIZE_MAX);
    timer_init(&n->dial_timer, dialer_fire);
    node_serve_protocol(n, &identify_protocol);
    node_serve_protocol(n, &identify_push_protocol);
    node_serve_protocol(n, &ping_protocol);
    if (config->gossipsub_on)
        pubsub_offer(n);
    if (config->algorand_on)
        node_serve_protocol(n, &msgnet_protocol);
    return n;
}

static void bury(struct node *n)
{
    while (n->buried) {
        struct conn *next = n->buried->next;

        conn_free(n->buried);
        n->buried = next;
    }
}

void node_free(struct node *n)
{
    CHECK(!n->busy);
    n->stopped = n->silent = n->busy = true;
    for (uint32_t i = 0; i < n->conn_capacity; i++)
        if (n->conns[i])
            conn_close(n->conns[i], ERR_SHUTDOWN, false);
    bury(n);
    if (n->gossipsub)
        gossipsub_free(n->gossipsub);
    if (n->algorand)
        algorand_free(n->algorand);
    timers_deinit(&n->timers);
    app_stream_unbind_all(n);
    mem_free(n->conns);
    mem_free(n->dials);
    mem_free(n->announced);
    mem_free(n->directs);
    buf_deinit(&n->record);
    crypto_wipe(&n->identity, sizeof n->identity);
    crypto_wipe(&n->keys, sizeof n->keys);
    mem_free(n);
}

void node_trace(struct node *n, const struct trace_event *event)
{
    if (!n->silent)
        n->ops->trace(n->host, n->own_clock ? n->world_ns : n->now_ns, event);
}

uint64_t node_charge_slowly(struct node *n, unsigned works, uint64_t bytes)
{
    uint64_t done_ns = n->ops->charge(n->host, works, bytes);

    return n->own_clock ? clock_local_ns(&n->config.clock, done_ns) : done_ns;
}

struct conn *node_conn(const struct node *n, uint32_t slot)
{
    return slot < n->conn_capacity ? n->conns[slot] : NULL;
}

static struct conn *conn_of(const struct node *n, struct backend_conn handle)
{
    struct conn *c = node_conn(n, handle.index);

    return c && backend_conn_equal(c->handle, handle) ? c : NULL;
}

/* ---- the frame around every call into the node ---- */

/* What the node's own clock shows. */
static uint64_t read_clock(struct node *n, uint64_t world_ns)
{
    CHECK(world_ns >= n->world_ns);
    n->world_ns = world_ns;
    return clock_local_ns(&n->config.clock, world_ns);
}

bool node_enter(struct node *n, uint64_t now_ns)
{
    if (n->busy)
        return false; /* a callback of ours called back: the outer call finishes the work */
    if (n->own_clock)
        now_ns = read_clock(n, now_ns);
    CHECK(now_ns >= n->now_ns);
    n->busy = true;
    n->now_ns = now_ns;
    return true;
}

/* Fetches what flushing the dirty connections will touch, unless somebody did; one alone is not worth the trouble. */
static void flush_expect(struct node *n)
{
    for (unsigned step = 0; step < 3; step++)
        for (struct conn *c = n->dirty; c; c = c->next)
            if (!c->fetched || step == 2)
                conn_expect_flush(c, c->handle.index, n, step);
}

/* Flushing may doom connections and dooming may dirty others, so both lists are run until they are empty. */
static void flush(struct node *n)
{
    if (n->dirty && n->dirty->next && !n->dirty->fetched)
        flush_expect(n);
    while (n->dirty) {
        struct conn *c = n->dirty;

        n->dirty = c->next;
        if (!n->dirty)
            n->dirty_end = &n->dirty;
        c->next = NULL;
        c->dirty = false;
        if (c->state == CONN_CLOSED) {
            c->next = n->buried;
            n->buried = c;
        } else if (c->doomed) {
            conn_flush(c); /* a GO_AWAY or a last `na` may be on its way */
            conn_close(c, c->doomed, true);
        } else {
            conn_flush(c);
        }
    }
}

void node_leave(struct node *n, bool outer)
{
    uint64_t deadline;

    if (!outer)
        return;
    do {
        app_stream_settle(n);
        flush(n);
    } while (n->app_due);
    if (!n->stopped && !n->suspended)
        dialer_run(n); /* after what closes connections: it dials them again, and into the room they leave */
    if (n->gossipsub)
        pubsub_rearm(n);
    if (n->algorand)
        msgnet_rearm(n);
    bury(n);
    deadline = n->stopped || n->suspended ? TIME_NEVER : timers_deadline(&n->timers);
    if (deadline != n->wake_ns) {
        n->wake_ns = deadline;
        n->ops->wake_at(n->host, n->own_clock ? clock_world_ns(&n->config.clock, deadline) : deadline);
    }
    n->busy = false;
}

/* ---- upcalls ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn handle, const struct endpoint *from)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);

    if (n->stopped || n->open_count >= n->config.connections_max) {
        struct trace_event e = {
            .kind = TRACE_CONN_FAILED, .peer = TRACE_NO_PEER, .code = n->stopped ? ERR_SHUTDOWN : ERR_LIMIT};

        n->ops->close(n->host, handle, BACKEND_CLOSE_RST);
        node_trace(n, &e);
    } else {
        conn_connected(conn_new(n, handle, from, false));
    }
    node_leave(n, outer);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn handle, int err)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);
    struct conn *c = conn_of(n, handle);

    if (c && err)
        conn_close(c, err, false);
    else if (c)
        conn_connected(c);
    node_leave(n, outer);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn handle, struct chain *bytes)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);
    struct conn *c = conn_of(n, handle);

    n->bytes_received += bytes->size;
    if (c)
        conn_received(c, bytes);
    else
        chain_drop(bytes, bytes->size);
    node_leave(n, outer);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn handle)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);
    struct conn *c = conn_of(n, handle);

    if (c)
        conn_dirty(c);
    node_leave(n, outer);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn handle, int err)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);
    struct conn *c = conn_of(n, handle);

    if (c)
        conn_close(c, err, false);
    node_leave(n, outer);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct node *n = app;
    bool outer = node_enter(n, now_ns);

    n->wake_ns = TIME_NEVER;
    timers_run(&n->timers, n->now_ns);
    node_leave(n, outer);
}

/* Follows the way of a received message to what was known about it before, a step behind the memory. */
static void on_expect(void *app, struct backend_conn handle, const struct chain *bytes, unsigned step)
{
    const struct node *n = app;
    const struct conn *c = step > 0 ? node_conn(n, handle.index) : NULL;

    if (step == 0 && handle.index < n->conn_capacity)
        fetch_line(&n->conns[handle.index]);
    if (n->gossipsub)
        gossipsub_expect(n->gossipsub, handle.index, chain_at(bytes, bytes->count > 1).data, step);
    if (c)
        conn_expect(c, step);
}

const struct backend_app node_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
    .expect = on_expect,
};

/* ---- calls of the owner ---- */

int node_start(struct node *n, uint64_t now_ns)
{
    bool outer = node_enter(n, now_ns);
    int err = ERR_OK;

    CHECK(!n->stopped);
    if (n->config.gossipsub_on && !n->gossipsub)
        pubsub_init(n);
    if (n->config.algorand_on && !n->algorand)
        msgnet_init(n);
    if (n->config.listens)
        err = n->ops->listen(n->host, &n->config.listen);
    if (err == ERR_OK)
        services_sign_record(n);
    node_leave(n, outer);
    return err;
}

void node_stop(struct node *n, uint64_t now_ns)
{
    bool outer = node_enter(n, now_ns);

    n->stopped = true;
    for (uint32_t i = 0; i < n->conn_capacity; i++) {
        struct conn *c = n->conns[i];

        if (!c)
            continue;
        if (c->state == CONN_READY) {
            yamux_goaway(c->yamux, YAMUX_GOAWAY_NORMAL);
            conn_flush(c);
        }
        conn_close(c, ERR_SHUTDOWN, true);
    }
    node_leave(n, outer);
}

void node_suspend(struct node *n, uint64_t now_ns)
{
    bool outer = node_enter(n, now_ns);

    CHECK(outer && !n->suspended && !n->stopped);
    n->suspended = true;
    for (uint32_t i = 0; i < n->conn_capacity; i++)
        if (n->conns[i])
            conn_close(n->conns[i], ERR_RESET, true);
    node_leave(n, outer);
}

int node_resume(struct node *n, uint64_t now_ns)
{
    bool outer = node_enter(n, now_ns);
    int err = ERR_OK;

    CHECK(outer && n->suspended);
    n->suspended = false;
    n->wake_ns = TIME_NEVER; /* the host forgot it */
    if (n->config.listens)
        err = n->ops->listen(n->host, &n->config.listen);
    if (n->gossipsub)
        gossipsub_retell(n->gossipsub, n->now_ns);
    node_leave(n, outer);
    return err;
}

void node_connect(struct node *n, uint64_t now_ns, const struct endpoint *to, const struct peerid *peer)
{
    bool outer = node_enter(n, now_ns);

    dialer_add(n, to, peer, true);
    node_leave(n, outer);
}

bool node_disconnect(struct node *n, uint64_t now_ns, const struct peerid *peer)
{
    bool outer = node_enter(n, now_ns);
    bool known = dialer_forget(n, peer);
    uint32_t slot;

    if (node_peer_find(n, peer, &slot)) {
        struct conn *c = n->conns[slot];

        yamux_goaway(c->yamux, YAMUX_GOAWAY_NORMAL);
        conn_doom(c, ERR_SHUTDOWN);
        known = true;
    }
    node_leave(n, outer);
    return known;
}

void node_announce(struct node *n, uint64_t now_ns, const struct endpoint *addresses, uint32_t count)
{
    bool outer = node_enter(n, now_ns);

    CHECK(count <= NODE_ANNOUNCED_MAX);
    set_announced(n, addresses, count);
    services_sign_record(n);
    services_push_all(n);
    node_leave(n, outer);
}

void node_subscribe(struct node *n, uint64_t now_ns, struct slice topic)
{
    bool outer = node_enter(n, now_ns);

    CHECK(n->gossipsub);
    gossipsub_subscribe(n->gossipsub, n->now_ns, topic);
    node_leave(n, outer);
}

void node_direct(struct node *n, uint64_t now_ns, const struct endpoint *to, const struct peerid *peer)
{
    bool outer = node_enter(n, now_ns);

    CHECK(n->gossipsub);
    n->directs = mem_grow(n->directs, n->direct_count + 1, sizeof *n->directs);
    n->directs[n->direct_count++] = (struct direct){*to, *peer};
    gossipsub_peer_direct(n->gossipsub, peer);
    node_leave(n, outer);
}

void node_unsubscribe(struct node *n, uint64_t now_ns, struct slice topic)
{
    bool outer = node_enter(n, now_ns);

    CHECK(n->gossipsub);
    gossipsub_unsubscribe(n->gossipsub, n->now_ns, topic);
    node_leave(n, outer);
}

void node_validation_delay(struct node *n, struct slice topic, uint64_t delay_ns)
{
    CHECK(n->gossipsub);
    gossipsub_validation_delay(n->gossipsub, topic, delay_ns);
}

void node_validation_default(struct node *n, uint64_t delay_ns)
{
    if (n->gossipsub)
        gossipsub_validation_default(n->gossipsub, delay_ns);
    if (n->algorand)
        algorand_validation_default(n->algorand, delay_ns);
}

int node_publish(struct node *n, uint64_t now_ns, struct slice topic, struct span data)
{
    bool outer = node_enter(n, now_ns);
    int err;

    CHECK(n->gossipsub);
    err = gossipsub_publish(n->gossipsub, n->now_ns, topic, data);
    node_leave(n, outer);
    return err;
}

int node_broadcast(struct node *n, uint64_t now_ns, const char tag[static 2], struct span payload)
{
    bool outer = node_enter(n, now_ns);
    int err;

    CHECK(n->algorand);
    err = algorand_broadcast(n->algorand, n->now_ns, tag, payload);
    node_leave(n, outer);
    return err;
}

const struct peerid *node_peerid(const struct node *n)
{
    return &n->identity.id;
}

struct node_counts node_counts(const struct node *n)
{
    return (struct node_counts){n->bytes_sent, n->bytes_received, n->ready_count};
}

bool node_peer(const struct node *n, uint32_t slot, struct node_peer *out)
{
    const struct conn *c = node_conn(n, slot);

    if (!c)
        return false;
    *out = (struct node_peer){.conn = c->handle,
                              .remote = c->remote,
                              .id = c->peer,
                              .dialled = c->dialled,
                              .rtt_ns = c->yamux ? yamux_rtt_ns(c->yamux) : 0};
    return true;
}

bool node_peer_find(const struct node *n, const struct peerid *id, uint32_t *slot)
{
    for (uint32_t i = 0; i < n->conn_capacity; i++) {
        const struct conn *c = n->conns[i];

        if (!c || c->state != CONN_READY || c->doomed || c->closing || !peerid_equal(&c->peer, id))
            continue;
        *slot = i;
        return true;
    }
    return false;
}

const struct algorand_stats *node_algorand_stats(const struct node *n)
{
    return n->algorand ? algorand_stats(n->algorand) : NULL;
}

uint32_t node_mesh_size(const struct node *n, struct slice topic)
{
    return n->gossipsub ? gossipsub_mesh_size(n->gossipsub, topic) : 0;
}

double node_score(const struct node *n, uint32_t slot)
{
    return n->gossipsub ? gossipsub_score(n->gossipsub, slot) : 0;
}

void node_partial_topic(struct node *n, struct slice topic, bool wants, bool sends)
{
    CHECK(n->gossipsub);
    gossipsub_partial_topic(n->gossipsub, topic, wants, sends);
}

int node_partial_publish(struct node *n, uint64_t now_ns, struct slice topic, struct slice group, uint32_t group_ttl,
                         partial_tell_fn *tell, void *ctx)
{
    bool outer = node_enter(n, now_ns);
    int err;

    CHECK(n->gossipsub);
    err = gossipsub_partial_publish(n->gossipsub, n->now_ns, topic, group, group_ttl, tell, ctx);
    node_leave(n, outer);
    return err;
}

bool node_partial_send(struct node *n, uint64_t now_ns, uint32_t slot, const struct rpc_partial *p)
{
    bool outer = node_enter(n, now_ns), sent;

    CHECK(n->gossipsub);
    sent = gossipsub_partial_send(n->gossipsub, n->now_ns, slot, p);
    node_leave(n, outer);
    return sent;
}

bool node_partial_wants(const struct node *n, uint32_t slot, struct slice topic)
{
    return n->gossipsub && gossipsub_partial_wants(n->gossipsub, slot, topic);
}

bool node_partial_offers(const struct node *n, struct slice topic)
{
    return n->gossipsub && gossipsub_partial_offers(n->gossipsub, topic);
}
