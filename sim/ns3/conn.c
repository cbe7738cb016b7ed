/* The seam: a node's connections are sockets of ns3c.h. */
#include "sim/ns3/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define DATA_SIZE_MAX 65536u /* in one upcall's span */

/* ---- handles ---- */

static struct conn *conn_new(struct ns3_host *h, struct ns3c_socket *socket, uint32_t peer, uint16_t peer_port)
{
    struct conn *c = mem_zalloc(sizeof *c);
    uint32_t index;

    if (h->free_count) {
        index = h->free_indexes[--h->free_count];
    } else {
        if (h->conn_count == h->conn_capacity) {
            h->conn_capacity = h->conn_capacity ? h->conn_capacity * 2 : 8;
            h->conns = mem_grow(h->conns, h->conn_capacity, sizeof *h->conns);
            h->free_indexes = mem_grow(h->free_indexes, h->conn_capacity, sizeof *h->free_indexes);
        }
        index = h->conn_count++;
        h->conns[index].generation = 1;
    }
    h->conns[index].conn = c;
    *c = (struct conn){.host = h, .socket = socket, .index = index, .peer = peer, .peer_port = peer_port};
    c->port = h->world->api->port(socket); /* later it may have forgotten */
    return c;
}

static struct backend_conn handle_of(const struct conn *c)
{
    return (struct backend_conn){c->index, c->host->conns[c->index].generation};
}

/* The handle is gone; the socket is the caller's. */
static void conn_free(struct conn *c)
{
    struct ns3_host *h = c->host;

    h->conns[c->index].conn = NULL;
    h->conns[c->index].generation++;
    h->free_indexes[h->free_count++] = c->index;
    mem_free(c);
}

static struct conn *conn_get(const struct ns3_host *h, struct backend_conn handle)
{
    if (handle.index >= h->conn_count || h->conns[handle.index].generation != handle.generation)
        return NULL;
    return h->conns[handle.index].conn;
}

void conns_drop(struct ns3_host *h)
{
    for (uint32_t i = 0; i < h->conn_count; i++)
        if (h->conns[i].conn)
            conn_free(h->conns[i].conn);
}

/* ---- from ns-3 to the node ---- */

static void on_accepted(void *user, struct ns3c_socket *socket, uint32_t from_host, uint16_t from_port)
{
    struct ns3_host *h = user;
    const struct ns3c_table *api = h->world->api;
    struct endpoint from = h->world->hosts[from_host]->address;
    struct conn *c;

    CHECK(h->app);
    from.port = from_port;
    c = conn_new(h, socket, from_host, from_port);
    c->open = true;
    api->adopt(socket, &conn_upcalls, c);
    h->app->accepted(h->app_ctx, api->now(), handle_of(c), &from);
}

static void on_connected(void *user, struct ns3c_socket *socket)
{
    struct conn *c = user;
    struct ns3_host *h = c->host;

    (void)socket;
    c->open = true;
    h->app->dialled(h->app_ctx, h->world->api->now(), handle_of(c), ERR_OK);
}

static void on_readable(void *user, struct ns3c_socket *socket)
{
    struct conn *c = user;
    struct ns3_host *h = c->host;
    const struct ns3c_table *api = h->world->api;
    struct chain bytes;
    size_t size;

    if (c->paused)
        return;
    chain_init(&bytes);
    while ((size = api->waiting(socket)) != 0) {
        struct blob *b = blob_new(size < DATA_SIZE_MAX ? size : DATA_SIZE_MAX);

        CHECK(api->receive(socket, b->data, b->size) == b->size);
        chain_give(&bytes, span_give(b));
    }
    if (bytes.size)
        h->app->data(h->app_ctx, api->now(), handle_of(c), &bytes);
    CHECK(bytes.size == 0);
    chain_deinit(&bytes);
}

static void on_writable(void *user, struct ns3c_socket *socket)
{
    struct conn *c = user;
    struct ns3_host *h = c->host;

    (void)socket;
    h->app->writable(h->app_ctx, h->world->api->now(), handle_of(c));
}

static void on_ended(void *user, struct ns3c_socket *socket, enum ns3c_reason how)
{
    static const int errs[] = {[NS3C_FINISHED] = ERR_CLOSED,
                               [NS3C_REFUSED] = ERR_REFUSED,
                               [NS3C_RESET] = ERR_RESET,
                               [NS3C_TIMEOUT] = ERR_TIMEOUT};
    struct conn *c = user;
    struct ns3_host *h = c->host;
    struct backend_conn handle = handle_of(c);
    bool open = c->open;

    c->finished = how == NS3C_FINISHED;
    if (c->finished && c->paused)
        return; /* who does not read does not see the end either */
    conn_free(c);
    h->world->api->close(socket, NS3C_FIN);
    (open ? h->app->closed : h->app->dialled)(h->app_ctx, h->world->api->now(), handle, errs[how]);
}

const struct ns3c_upcalls conn_upcalls = {.accepted = on_accepted,
                                          .connected = on_connected,
                                          .readable = on_readable,
                                          .writable = on_writable,
                                          .ended = on_ended};

/* ---- from the node to ns-3 ---- */

static int ops_listen(void *host, const struct endpoint *at)
{
    struct ns3_host *h = host;

    if (h->listener)
        return ERR_IN_USE;
    if (at->port == 0)
        return ERR_INVALID;
    h->listener = h->world->api->listen(h->index, at->port, &conn_upcalls, h);
    return h->listener ? ERR_OK : ERR_IN_USE;
}

static int ops_dial(void *host, const struct endpoint *to, struct backend_conn *conn)
{
    struct ns3_host *h = host;
    const struct ns3c_table *api = h->world->api;
    uint64_t *found = map_find(&h->world->by_address, slice_of(to->ip, sizeof to->ip));
    struct ns3c_socket *socket;
    uint8_t key[HOST_KEY_SIZE];
    struct conn *c;

    if (!found)
        found = map_find(&h->world->by_address, host_of_port(to, key));
    if (!found)
        return ERR_UNREACHABLE;
    socket = api->connect(h->index, (uint32_t)*found, to->port, &conn_upcalls, NULL);
    if (!socket)
        return ERR_LIMIT; /* no port is left */
    c = conn_new(h, socket, (uint32_t)*found, to->port);
    api->adopt(socket, &conn_upcalls, c);
    *conn = handle_of(c);
    return ERR_OK;
}

/* A byte that finds no room leaves the wish for `writable` behind. */
static size_t ops_send(void *host, struct backend_conn handle, struct chain *bytes)
{
    struct ns3_host *h = host;
    const struct ns3c_table *api = h->world->api;
    struct conn *c = conn_get(h, handle);
    size_t sent = 0;

    while (c && bytes->size) {
        size_t room = api->room(c->socket), size = room ? room : 1, took;

        size = size < bytes->size ? size : bytes->size;
        size = size < CONN_SCRATCH ? size : CONN_SCRATCH;
        chain_peek(bytes, 0, h->world->scratch, size);
        took = api->send(c->socket, h->world->scratch, size);
        chain_drop(bytes, took);
        sent += took;
        if (took < size)
            break;
    }
    return sent;
}

/* No upcall inside a downcall: what waits comes with a call of its own. */
static void resume(void *host)
{
    struct ns3_host *h = host;

    h->resume_posted = false;
    for (uint32_t i = 0; i < h->conn_count; i++) {
        struct conn *c = h->conns[i].conn;

        if (!c || !c->resuming)
            continue;
        c->resuming = false;
        if (c->finished)
            on_ended(c, c->socket, NS3C_FINISHED); /* nothing was left to be read */
        else
            on_readable(c, c->socket);
    }
}

static void ops_pause(void *host, struct backend_conn handle, bool paused)
{
    struct ns3_host *h = host;
    struct conn *c = conn_get(h, handle);

    if (!c || c->paused == paused)
        return;
    c->paused = paused;
    c->resuming = !paused;
    if (c->resuming && !h->resume_posted) {
        h->resume_posted = true;
        h->world->api->call(h->index, h->world->api->now(), resume, h);
    }
}

static void ops_close(void *host, struct backend_conn handle, enum backend_close how)
{
    struct ns3_host *h = host;
    struct conn *c = conn_get(h, handle);
    struct ns3c_socket *socket;

    if (!c)
        return;
    socket = c->socket;
    conn_free(c);
    h->world->api->close(socket, how == BACKEND_CLOSE_FIN ? NS3C_FIN : NS3C_RST);
}

static void wake(void *host)
{
    struct ns3_host *h = host;
    uint64_t now_ns = h->world->api->now();

    if (now_ns < h->wake_posted_ns)
        return; /* overtaken by an earlier one */
    h->wake_posted_ns = TIME_NEVER;
    if (now_ns < h->wake_ns) {
        if (h->wake_ns != TIME_NEVER) {
            h->wake_posted_ns = h->wake_ns;
            h->world->api->call(h->index, h->wake_ns, wake, h);
        }
        return;
    }
    h->wake_ns = TIME_NEVER;
    if (h->app)
        h->app->wake(h->app_ctx, now_ns);
}

static void ops_wake_at(void *host, uint64_t deadline_ns)
{
    struct ns3_host *h = host;
    uint64_t now_ns = h->world->api->now();

    h->wake_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
    if (h->wake_ns >= h->wake_posted_ns)
        return; /* the one that is posted comes first and moves the rest on */
    h->wake_posted_ns = h->wake_ns;
    h->world->api->call(h->index, h->wake_ns, wake, h);
}

static void ops_random(void *host, uint8_t *out, size_t size)
{
    rng_fill(&((struct ns3_host *)host)->random, out, size);
}

static void ops_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    struct ns3_host *h = host;

    if (h->world->config.trace)
        h->world->config.trace(h->world->config.trace_ctx, h->index, now_ns, event);
}

const struct backend_ops ns3_ops = {
    .version = BACKEND_VERSION,
    .listen = ops_listen,
    .dial = ops_dial,
    .send = ops_send,
    .pause = ops_pause,
    .close = ops_close,
    .wake_at = ops_wake_at,
    .random = ops_random,
    .trace = ops_trace,
};

bool ns3_ends(const struct ns3 *n, uint32_t host, struct backend_conn handle, struct endpoint *local, struct endpoint *remote)
{
    const struct conn *c = conn_get(n->hosts[host], handle);

    if (!c)
        return false;
    *local = endpoint_ip4(n->api->address(host), c->port);
    *remote = endpoint_ip4(n->api->address(c->peer), c->peer_port);
    return true;
}
