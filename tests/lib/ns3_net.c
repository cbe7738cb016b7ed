/* Hosts that write what they are told to, and check what they read. */
#include "tests/lib/ns3_net.h"

#include "sim/ns3/plugin.h"
#include "stack/base/err.h"

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void note(struct ns3_peer *p, uint64_t now_ns, uint64_t what)
{
    assert_false(p->net->inside); /* no upcall inside a downcall */
    assert_int_equal(now_ns, ns3_now_ns(p->net->n));
    p->upcalls++;
    p->net->sum = (p->net->sum ^ now_ns ^ what << 40) * 0x9e3779b97f4a7c15ull + (uint64_t)(p - p->net->peers);
}

static struct ns3_end *end_of(struct ns3_peer *p, struct backend_conn conn)
{
    struct ns3_end *e = &p->ends[conn.index];

    assert_in_range(conn.index, 0, NS3_NET_CONNS_MAX - 1);
    assert_true(e->used && !e->closed && backend_conn_equal(e->conn, conn));
    return e;
}

static void write_on(struct ns3_peer *p, struct ns3_end *e)
{
    while (e->written < e->to_write) {
        size_t size = e->to_write - e->written < 100000 ? (size_t)(e->to_write - e->written) : 100000, took;
        struct blob *b = blob_new(size);
        struct chain bytes;

        for (size_t i = 0; i < size; i++)
            b->data[i] = byte_at(e->written + i);
        chain_init(&bytes);
        chain_give(&bytes, span_give(b));
        p->net->inside = true;
        took = ns3_ops.send(p->host, e->conn, &bytes);
        p->net->inside = false;
        assert_int_equal(took + bytes.size, size);
        chain_deinit(&bytes);
        e->written += took;
        if (took < size)
            return;
    }
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct ns3_peer *p = app;
    struct ns3_end *e = &p->ends[conn.index];

    note(p, now_ns, 1 + from->ip[3]);
    assert_true(from->port >= 1024);
    assert_false(e->used && !e->closed);
    *e = (struct ns3_end){.conn = conn, .used = true, .open = true, .opened_ns = now_ns};
    p->accepted++;
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct ns3_peer *p = app;
    struct ns3_end *e = end_of(p, conn);

    note(p, now_ns, 20);
    assert_false(e->open);
    e->open = err == 0;
    e->closed = err != 0;
    e->err = err;
    e->opened_ns = now_ns;
    p->dialled++;
    write_on(p, e);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct ns3_peer *p = app;
    struct ns3_end *e = end_of(p, conn);

    note(p, now_ns, 300 + bytes->size);
    assert_true(e->open && !e->paused && bytes->size > 0);
    e->first_ns = e->first_ns ? e->first_ns : now_ns;
    e->last_ns = now_ns;
    while (bytes->size) {
        struct span s = chain_take_front(bytes);

        for (size_t i = 0; i < s.size; i++)
            if (s.data[i] != byte_at(e->received + i))
                fail_msg("byte %llu is wrong", (unsigned long long)(e->received + i));
        e->received += s.size;
        span_unref(s);
    }
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    struct ns3_peer *p = app;

    note(p, now_ns, 4);
    assert_true(end_of(p, conn)->open);
    write_on(p, end_of(p, conn));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct ns3_peer *p = app;
    struct ns3_end *e = end_of(p, conn);

    note(p, now_ns, 5);
    assert_true(e->open && err != 0 && (!e->paused || err != ERR_CLOSED));
    e->closed = true;
    e->err = err;
    e->closed_ns = now_ns;
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct ns3_peer *p = app;

    note(p, now_ns, 6);
    p->woken_ns = now_ns;
}

const struct backend_app ns3_net_app = {.accepted = on_accepted,
                                            .dialled = on_dialled,
                                            .data = on_data,
                                            .writable = on_writable,
                                            .closed = on_closed,
                                            .wake = on_wake};

/* The one network; a test that failed leaves it behind. */
static struct ns3 *current;

void ns3_net_deinit(struct ns3_net *net)
{
    ns3_free(net->n);
    current = NULL;
}

int ns3_net_clean(void **state)
{
    (void)state;
    if (current)
        ns3_free(current);
    current = NULL;
    return 0;
}

struct ns3c_tcp ns3_net_tcp(void)
{
    char error[256];

    return ns3_plugin(error, sizeof error)->tcp_default();
}

void ns3_net_init(struct ns3_net *net, const struct ns3_config *config, const struct ns3_host_config *hosts, int count)
{
    static const uint64_t latency_ns[] = {10 * MS};
    struct ns3_config c = config ? *config : (struct ns3_config){0};
    char error[256];

    if (!c.latency_ns) {
        c.region_count = 1;
        c.latency_ns = latency_ns;
    }
    c.seed = c.seed ? c.seed : 5;
    *net = (struct ns3_net){.n = ns3_new(&c, error, sizeof error)};
    if (!net->n)
        fail_msg("%s", error);
    current = net->n;
    for (int i = 0; i < count; i++) {
        struct ns3_host_config host = hosts ? hosts[i] : (struct ns3_host_config){0};

        host.address = endpoint_ip4(0x0a000001u + (uint32_t)i, 0);
        assert_int_equal(ns3_host_add(net->n, &host), i);
    }
    for (int i = 0; i < count; i++) {
        struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)i, NS3_NET_PORT);

        net->peers[i].net = net;
        net->peers[i].host = ns3_host(net->n, (uint32_t)i);
        ns3_host_run(net->n, (uint32_t)i, &ns3_net_app, &net->peers[i]);
        assert_int_equal(ns3_ops.listen(net->peers[i].host, &at), 0);
    }
}

struct ns3_end *ns3_net_dial_port(struct ns3_net *net, int from, int to, uint16_t port)
{
    struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)to, port);
    struct backend_conn conn;
    struct ns3_end *e;

    net->inside = true;
    assert_int_equal(ns3_ops.dial(net->peers[from].host, &at, &conn), 0);
    net->inside = false;
    assert_in_range(conn.index, 0, NS3_NET_CONNS_MAX - 1);
    e = &net->peers[from].ends[conn.index];
    assert_false(e->used && !e->closed);
    *e = (struct ns3_end){.conn = conn, .used = true, .dialled = true};
    return e;
}

struct ns3_end *ns3_net_dial(struct ns3_net *net, int from, int to)
{
    return ns3_net_dial_port(net, from, to, NS3_NET_PORT);
}

void ns3_net_write(struct ns3_net *net, int host, struct ns3_end *e, uint64_t size)
{
    e->to_write += size;
    if (e->open && !e->closed)
        write_on(&net->peers[host], e);
}

void ns3_net_close(struct ns3_net *net, int host, struct ns3_end *e, enum backend_close how)
{
    net->inside = true;
    ns3_ops.close(net->peers[host].host, e->conn, how);
    net->inside = false;
    e->closed = true; /* whatever comes for it now fails */
}

void ns3_net_pause(struct ns3_net *net, int host, struct ns3_end *e, bool paused)
{
    e->paused = paused;
    net->inside = true;
    ns3_ops.pause(net->peers[host].host, e->conn, paused);
    net->inside = false;
}

void ns3_net_run(struct ns3_net *net, uint64_t ns)
{
    uint64_t until = ns3_now_ns(net->n) + ns;

    ns3_run(net->n, until);
    assert_int_equal(ns3_now_ns(net->n), until);
}
