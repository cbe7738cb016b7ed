/* The seam: the calls of a node on its host. Those about connections go to the TCP model. */
#include "sim/des/internal.h"

#include "stack/base/err.h"

static int ops_listen(void *host, const struct endpoint *at)
{
    struct host *h = host;

    if (h->listen_port)
        return ERR_IN_USE;
    if (at->port == 0)
        return ERR_INVALID;
    h->listen_port = at->port;
    return ERR_OK;
}

static int ops_dial(void *host, const struct endpoint *to, struct backend_conn *conn)
{
    struct host *h = host;
    uint8_t key[HOST_KEY_SIZE];
    uint64_t *found = map_find(&h->des->by_address, slice_of(to->ip, sizeof to->ip));

    if (!found)
        found = map_find(&h->des->by_address, host_key(to, key));
    if (!found)
        return ERR_UNREACHABLE;
    return h->des->transport->dial(h, h->des->hosts[*found], to->port, conn);
}

static size_t ops_send(void *host, struct backend_conn handle, struct chain *bytes)
{
    struct host *h = host;

    if (h->loop && loop_holds(h->loop, handle))
        return 0;
    return h->des->transport->send(h, handle, bytes);
}

static void ops_pause(void *host, struct backend_conn handle, bool paused)
{
    struct host *h = host;

    if (h->loop)
        loop_pause(h->loop, handle, paused);
    else
        h->des->transport->pause(h, handle, paused);
}

static void ops_expect(const void *host, struct backend_conn handle, unsigned step)
{
    const struct host *h = host;

    if (h->des->transport->expect)
        h->des->transport->expect(h, handle, step);
}

static void ops_close(void *host, struct backend_conn handle, enum backend_close how)
{
    struct host *h = host;

    if (h->loop)
        loop_forget(h->loop, handle);
    h->des->transport->close(h, handle, how);
}

static void ops_wake_at(void *host, uint64_t deadline_ns)
{
    struct host *h = host;

    if (deadline_ns < h->lane->now_ns)
        deadline_ns = h->lane->now_ns;
    if (h->loop)
        loop_rearm(h->loop, deadline_ns);
    h->wake_ns = deadline_ns;
    if (deadline_ns >= h->wake_posted_ns)
        return; /* the event that is queued comes first and moves the rest on */
    h->wake_posted_ns = deadline_ns;
    des_post(h, h->index, deadline_ns, EVENT_WAKE, NULL);
}

static uint64_t ops_charge(void *host, unsigned works, uint64_t bytes)
{
    struct host *h = host;

    return h->loop ? loop_charge(h->loop, works, bytes) : h->lane->now_ns;
}

static void ops_random(void *host, uint8_t *out, size_t size)
{
    rng_fill(&((struct host *)host)->random, out, size);
}

static void ops_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    struct host *h = host;

    if (h->des->config.trace)
        h->des->config.trace(h->des->config.trace_ctx, h->index, now_ns, event);
}

bool des_ends(struct des *d, uint32_t host, struct backend_conn conn, struct endpoint *local, struct endpoint *remote)
{
    struct capture_ends ends;

    if (!d->transport->ends || !d->transport->ends(d->hosts[host], conn, &ends))
        return false;
    *local = ends.from->address;
    local->port = ends.from_port;
    *remote = ends.to->address;
    remote->port = ends.to_port;
    return true;
}

const struct backend_ops des_ops = {
    .version = BACKEND_VERSION,
    .listen = ops_listen,
    .dial = ops_dial,
    .send = ops_send,
    .pause = ops_pause,
    .close = ops_close,
    .expect = ops_expect,
    .wake_at = ops_wake_at,
    .charge = ops_charge,
    .random = ops_random,
    .trace = ops_trace,
};
