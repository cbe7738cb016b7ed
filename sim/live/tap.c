/* Passing on, and writing down. */
#include "sim/live/tap.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

void tap_deinit(struct tap *t)
{
    mem_free(t->conns);
}

static struct tap_conn *conn_add(struct tap *t, struct backend_conn conn,
                                 const struct endpoint *remote)
{
    struct tap_conn *c;

    if (conn.index >= t->conn_capacity) {
        uint32_t capacity = t->conn_capacity ? t->conn_capacity : 8;

        while (capacity <= conn.index)
            capacity *= 2;
        t->conns = mem_grow(t->conns, capacity, sizeof *t->conns);
        memset(t->conns + t->conn_capacity, 0, (capacity - t->conn_capacity) * sizeof *t->conns);
        t->conn_capacity = capacity;
    }
    c = &t->conns[conn.index];
    *c = (struct tap_conn){.generation = conn.generation};
    c->flow.remote = *remote;
    return c;
}

static struct tap_conn *conn_find(struct tap *t, struct backend_conn conn)
{
    struct tap_conn *c = conn.index < t->conn_capacity ? &t->conns[conn.index] : NULL;

    return c && c->generation == conn.generation ? c : NULL;
}

static void conn_opened(struct tap *t, struct tap_conn *c, struct backend_conn conn, bool dialled)
{
    if (!t->local(t->host, conn, &c->flow.local) || c->flow.local.is_ip6 != c->flow.remote.is_ip6)
        c->flow.local = (struct endpoint){.is_ip6 = c->flow.remote.is_ip6};
    c->open = true;
    pcap_open_flow(t->pcap, &c->flow, t->now_ns, dialled);
}

static void conn_closed(struct tap *t, struct backend_conn conn, bool by_us, bool reset)
{
    struct tap_conn *c = conn_find(t, conn);

    if (c && c->open)
        pcap_close_flow(t->pcap, &c->flow, t->now_ns, by_us, reset);
    if (c)
        c->open = false;
}

/* ---- node to world ---- */

static int tap_listen(void *host, const struct endpoint *at)
{
    struct tap *t = host;

    return t->ops->listen(t->host, at);
}

static int tap_dial(void *host, const struct endpoint *to, struct backend_conn *conn)
{
    struct tap *t = host;
    int err = t->ops->dial(t->host, to, conn);

    if (err == ERR_OK)
        conn_add(t, *conn, to);
    return err;
}

static size_t tap_send(void *host, struct backend_conn conn, struct chain *bytes)
{
    struct tap *t = host;
    struct tap_conn *c = conn_find(t, conn);
    struct chain copy;
    size_t sent;

    chain_init(&copy);
    for (uint32_t i = 0; i < bytes->count; i++)
        chain_push(&copy, *chain_span(bytes, i));
    sent = t->ops->send(t->host, conn, bytes);
    if (c && c->open)
        pcap_bytes(t->pcap, &c->flow, t->now_ns, true, &copy, sent);
    chain_deinit(&copy);
    return sent;
}

static void tap_pause(void *host, struct backend_conn conn, bool paused)
{
    struct tap *t = host;

    t->ops->pause(t->host, conn, paused);
}

static void tap_close(void *host, struct backend_conn conn, enum backend_close how)
{
    struct tap *t = host;

    conn_closed(t, conn, true, how == BACKEND_CLOSE_RST);
    t->ops->close(t->host, conn, how);
}

static void tap_wake_at(void *host, uint64_t deadline_ns)
{
    struct tap *t = host;

    t->ops->wake_at(t->host, deadline_ns);
}

static void tap_random(void *host, uint8_t *out, size_t size)
{
    struct tap *t = host;

    t->ops->random(t->host, out, size);
}

static void tap_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    struct tap *t = host;

    t->now_ns = now_ns;
    t->ops->trace(t->host, now_ns, event);
}

const struct backend_ops tap_ops = {
    .version = BACKEND_VERSION,
    .listen = tap_listen,
    .dial = tap_dial,
    .send = tap_send,
    .pause = tap_pause,
    .close = tap_close,
    .wake_at = tap_wake_at,
    .random = tap_random,
    .trace = tap_trace,
};

/* ---- world to node ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn,
                        const struct endpoint *from)
{
    struct tap *t = app;

    t->now_ns = now_ns;
    conn_opened(t, conn_add(t, conn, from), conn, false);
    t->app->accepted(t->node, now_ns, conn, from);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct tap *t = app;
    struct tap_conn *c = conn_find(t, conn);

    t->now_ns = now_ns;
    if (c && err == ERR_OK)
        conn_opened(t, c, conn, true);
    t->app->dialled(t->node, now_ns, conn, err);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct tap *t = app;
    struct tap_conn *c = conn_find(t, conn);

    t->now_ns = now_ns;
    if (c && c->open)
        pcap_bytes(t->pcap, &c->flow, now_ns, false, bytes, bytes->size);
    t->app->data(t->node, now_ns, conn, bytes);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    struct tap *t = app;

    t->now_ns = now_ns;
    t->app->writable(t->node, now_ns, conn);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct tap *t = app;

    t->now_ns = now_ns;
    conn_closed(t, conn, false, err != ERR_CLOSED);
    t->app->closed(t->node, now_ns, conn, err);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct tap *t = app;

    t->now_ns = now_ns;
    t->app->wake(t->node, now_ns);
}

const struct backend_app tap_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};
