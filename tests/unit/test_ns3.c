/* The ns-3 backend: the rules of the seam, and that its links are those of sim/des. */
#include "tests/lib/test.h"

#include "sim/ns3/ns3.h"
#include "sim/ns3/plugin.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define MS 1000000ull
#define SECOND (1000 * MS)
#define PORT 4000
#define HOSTS_MAX 8
#define CONNS_MAX 64

/* ---- hosts that write what they are told to, and check what they read ---- */

struct end {
    struct backend_conn conn;
    bool used, open, closed, paused, dialled;
    int err;
    uint64_t to_write, written, received, opened_ns, first_ns, last_ns, closed_ns;
};

struct peer {
    struct net *net;
    void *host;
    struct end ends[CONNS_MAX]; /* by index of the handle; the latest that had it */
    uint32_t accepted, dialled, upcalls;
    uint64_t woken_ns;
};

struct net {
    struct ns3 *n;
    struct peer peers[HOSTS_MAX];
    bool inside; /* a downcall */
    uint64_t sum; /* of all that happened, and when */
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void note(struct peer *p, uint64_t now_ns, uint64_t what)
{
    assert_false(p->net->inside); /* no upcall inside a downcall */
    assert_int_equal(now_ns, ns3_now_ns(p->net->n));
    p->upcalls++;
    p->net->sum = (p->net->sum ^ now_ns ^ what << 40) * 0x9e3779b97f4a7c15ull + (uint64_t)(p - p->net->peers);
}

static struct end *end_of(struct peer *p, struct backend_conn conn)
{
    struct end *e = &p->ends[conn.index];

    assert_in_range(conn.index, 0, CONNS_MAX - 1);
    assert_true(e->used && !e->closed && backend_conn_equal(e->conn, conn));
    return e;
}

static void write_on(struct peer *p, struct end *e)
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
    struct peer *p = app;
    struct end *e = &p->ends[conn.index];

    note(p, now_ns, 1 + from->ip[3]);
    assert_true(from->port >= 1024);
    assert_false(e->used && !e->closed);
    *e = (struct end){.conn = conn, .used = true, .open = true, .opened_ns = now_ns};
    p->accepted++;
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct peer *p = app;
    struct end *e = end_of(p, conn);

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
    struct peer *p = app;
    struct end *e = end_of(p, conn);

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
    struct peer *p = app;

    note(p, now_ns, 4);
    assert_true(end_of(p, conn)->open);
    write_on(p, end_of(p, conn));
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct peer *p = app;
    struct end *e = end_of(p, conn);

    note(p, now_ns, 5);
    assert_true(e->open && err != 0 && (!e->paused || err != ERR_CLOSED));
    e->closed = true;
    e->err = err;
    e->closed_ns = now_ns;
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct peer *p = app;

    note(p, now_ns, 6);
    p->woken_ns = now_ns;
}

static const struct backend_app peer_app = {.accepted = on_accepted,
                                            .dialled = on_dialled,
                                            .data = on_data,
                                            .writable = on_writable,
                                            .closed = on_closed,
                                            .wake = on_wake};

/* The one network; a test that failed leaves it behind. */
static struct ns3 *current;

static void net_free(struct net *net)
{
    ns3_free(net->n);
    current = NULL;
}

static int clean(void **state)
{
    (void)state;
    if (current)
        ns3_free(current);
    current = NULL;
    return 0;
}

static struct ns3c_tcp default_tcp(void)
{
    char error[256];

    return ns3_plugin(error, sizeof error)->tcp_default();
}

/* Hosts 10 ms apart; all of them listen. */
static void net_init(struct net *net, const struct ns3_config *config, const struct ns3_host_config *hosts, int count)
{
    static const uint64_t latency_ns[] = {10 * MS};
    struct ns3_config c = config ? *config : (struct ns3_config){0};
    char error[256];

    if (!c.latency_ns) {
        c.region_count = 1;
        c.latency_ns = latency_ns;
    }
    c.seed = c.seed ? c.seed : 5;
    *net = (struct net){.n = ns3_new(&c, error, sizeof error)};
    if (!net->n)
        fail_msg("%s", error);
    current = net->n;
    for (int i = 0; i < count; i++) {
        struct ns3_host_config host = hosts ? hosts[i] : (struct ns3_host_config){0};

        host.address = endpoint_ip4(0x0a000001u + (uint32_t)i, 0);
        assert_int_equal(ns3_host_add(net->n, &host), i);
    }
    for (int i = 0; i < count; i++) {
        struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)i, PORT);

        net->peers[i].net = net;
        net->peers[i].host = ns3_host(net->n, (uint32_t)i);
        ns3_host_run(net->n, (uint32_t)i, &peer_app, &net->peers[i]);
        assert_int_equal(ns3_ops.listen(net->peers[i].host, &at), 0);
    }
}

static struct end *dial_port(struct net *net, int from, int to, uint16_t port)
{
    struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)to, port);
    struct backend_conn conn;
    struct end *e;

    net->inside = true;
    assert_int_equal(ns3_ops.dial(net->peers[from].host, &at, &conn), 0);
    net->inside = false;
    assert_in_range(conn.index, 0, CONNS_MAX - 1);
    e = &net->peers[from].ends[conn.index];
    assert_false(e->used && !e->closed);
    *e = (struct end){.conn = conn, .used = true, .dialled = true};
    return e;
}

static struct end *dial(struct net *net, int from, int to)
{
    return dial_port(net, from, to, PORT);
}

static void say(struct net *net, int host, struct end *e, uint64_t size)
{
    e->to_write += size;
    if (e->open && !e->closed)
        write_on(&net->peers[host], e);
}

static void shut(struct net *net, int host, struct end *e, enum backend_close how)
{
    net->inside = true;
    ns3_ops.close(net->peers[host].host, e->conn, how);
    net->inside = false;
    e->closed = true; /* whatever comes for it now fails */
}

static void hold(struct net *net, int host, struct end *e, bool paused)
{
    e->paused = paused;
    net->inside = true;
    ns3_ops.pause(net->peers[host].host, e->conn, paused);
    net->inside = false;
}

static void run_for(struct net *net, uint64_t ns)
{
    uint64_t until = ns3_now_ns(net->n) + ns;

    ns3_run(net->n, until);
    assert_int_equal(ns3_now_ns(net->n), until);
}

/* ---- opening ---- */

static void opening_takes_a_round_trip_and_data_half_a_one_more(void **state)
{
    struct net net;
    struct end *e;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    say(&net, 0, e, 1000);
    run_for(&net, SECOND);
    assert_true(e->open);
    assert_int_equal(e->opened_ns, 20 * MS);
    assert_int_equal(net.peers[1].ends[0].opened_ns, 30 * MS);
    assert_in_range(net.peers[1].ends[0].first_ns, 30 * MS, 30 * MS + 2); /* ns-3 sends a nanosecond after it was told to */
    assert_int_equal(net.peers[1].ends[0].received, 1000);
    net_free(&net);
}

static void a_dial_that_nobody_hears_is_refused_and_one_without_answer_times_out(void **state)
{
    struct ns3c_tcp tcp = default_tcp();
    struct ns3_config config = {.tcp = &tcp};
    struct ns3_host_config hosts[] = {{.up_bps = 0}, {.up_bps = 0}, {.unreachable = true}};
    struct endpoint nowhere = endpoint_ip4(0x0b000001, PORT);
    struct backend_conn conn;
    struct net net;
    struct end *refused, *silent, *reverse;

    (void)state;
    tcp.syn_retries = 2;
    net_init(&net, &config, hosts, 3);
    refused = dial_port(&net, 0, 1, PORT + 1);
    silent = dial(&net, 0, 2);
    reverse = dial(&net, 2, 1);
    assert_int_equal(ns3_ops.dial(net.peers[0].host, &nowhere, &conn), ERR_UNREACHABLE);
    run_for(&net, 30 * SECOND);
    assert_int_equal(refused->err, ERR_REFUSED);
    assert_int_equal(refused->opened_ns, 20 * MS);
    assert_int_equal(silent->err, ERR_TIMEOUT);
    assert_int_equal(silent->opened_ns, 7 * SECOND); /* 1 + 2 + 4 */
    assert_true(reverse->open);                      /* its own dials come through */
    net_free(&net);
}

static void two_hosts_that_dial_each_other_at_once_have_two_connections(void **state)
{
    struct net net;
    struct end *a, *b;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    a = dial(&net, 0, 1);
    b = dial(&net, 1, 0);
    say(&net, 0, a, 5000);
    say(&net, 1, b, 7000);
    run_for(&net, SECOND);
    assert_true(a->open && b->open);
    assert_int_equal(net.peers[0].accepted + net.peers[1].accepted, 2);
    assert_int_equal(net.peers[1].ends[1].received, 5000);
    assert_int_equal(net.peers[0].ends[1].received, 7000);
    net_free(&net);
}

/* ---- closing ---- */

static void an_orderly_close_delivers_what_was_sent(void **state)
{
    struct net net;
    struct end *e, *far;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    run_for(&net, SECOND);
    far = &net.peers[1].ends[0];
    say(&net, 0, e, 200000);
    say(&net, 1, far, 100000); /* on its way towards a socket that is closed: it is not missed */
    shut(&net, 0, e, BACKEND_CLOSE_FIN);
    run_for(&net, 5 * SECOND);
    assert_int_equal(far->received, e->written);
    assert_true(far->closed);
    assert_int_equal(far->err, ERR_CLOSED);
    run_for(&net, 200 * SECOND); /* all timers run out, and nothing comes of them */
    net_free(&net);
}

static void a_reset_is_heard_at_once_and_as_such(void **state)
{
    struct net net;
    struct end *e, *far;
    uint64_t at;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    say(&net, 0, e, 5000000);
    run_for(&net, SECOND / 10);
    far = &net.peers[1].ends[0];
    at = ns3_now_ns(net.n);
    shut(&net, 0, e, BACKEND_CLOSE_RST);
    run_for(&net, SECOND);
    assert_int_equal(far->err, ERR_RESET);
    assert_int_equal(far->closed_ns, at + 10 * MS);
    assert_true(far->received < e->written);
    net_free(&net);
}

static void handles_that_are_gone_do_nothing(void **state)
{
    struct net net;
    struct end *e;
    struct backend_conn old;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    old = e->conn;
    shut(&net, 0, e, BACKEND_CLOSE_FIN); /* before the SYN-ACK */
    run_for(&net, SECOND);
    assert_int_equal(net.peers[0].upcalls, 0);
    e = dial(&net, 0, 1);
    assert_int_equal(e->conn.index, old.index);
    assert_true(e->conn.generation != old.generation);
    run_for(&net, SECOND);
    ns3_ops.close(net.peers[0].host, old, BACKEND_CLOSE_RST);
    ns3_ops.pause(net.peers[0].host, old, true);
    say(&net, 0, e, 10);
    run_for(&net, SECOND);
    assert_true(e->open && !e->closed);
    net_free(&net);
}

static void a_crash_resets_all_and_a_new_node_can_be_dialled(void **state)
{
    struct net net;
    struct end *in, *out;
    struct endpoint at = endpoint_ip4(0x0a000002u, PORT);

    (void)state;
    net_init(&net, NULL, NULL, 3);
    in = dial(&net, 0, 1);
    out = dial(&net, 1, 2);
    run_for(&net, SECOND);
    assert_true(in->open && out->open);
    dial(&net, 2, 1);
    run_for(&net, 15 * MS); /* that one is half open */
    ns3_host_run(net.n, 1, NULL, NULL);
    run_for(&net, SECOND);
    assert_int_equal(in->err, ERR_RESET);
    assert_int_equal(net.peers[2].ends[0].err, ERR_RESET);
    assert_true(net.peers[2].ends[1].closed);
    in = dial(&net, 0, 1);
    run_for(&net, SECOND);
    assert_int_equal(in->err, ERR_REFUSED);
    memset(net.peers[1].ends, 0, sizeof net.peers[1].ends);
    ns3_host_run(net.n, 1, &peer_app, &net.peers[1]);
    assert_int_equal(ns3_ops.listen(net.peers[1].host, &at), 0);
    in = dial(&net, 0, 1);
    run_for(&net, SECOND);
    assert_true(in->open);
    net_free(&net);
}

static void crash(void *arg, uint64_t now_ns)
{
    struct peer *p = arg;

    (void)now_ns;
    ns3_host_run(p->net->n, (uint32_t)(p - p->net->peers), NULL, NULL);
}

static void crash_at(struct net *net, uint32_t host, uint64_t at_ns)
{
    ns3_schedule_global(net->n, at_ns, crash, &net->peers[host]);
}

/* ns-3 completes a connection in an event of its own, after the SYN's. */
static void a_crash_right_after_a_syn_leaves_nobody_to_accept(void **state)
{
    struct net net;
    struct end *e;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    for (uint64_t late = 0; late < 2; late++) {
        struct endpoint at = endpoint_ip4(0x0a000002u, PORT);

        e = dial(&net, 0, 1);
        ns3_run(net.n, ns3_now_ns(net.n) + 10 * MS - 1);
        crash_at(&net, 1, ns3_now_ns(net.n) + 1 + late);
        run_for(&net, 5 * SECOND);
        assert_true(e->closed);
        assert_true(e->err == ERR_REFUSED || e->err == ERR_RESET);
        assert_int_equal(net.peers[1].accepted, 0);
        ns3_host_run(net.n, 1, &peer_app, &net.peers[1]);
        assert_int_equal(ns3_ops.listen(net.peers[1].host, &at), 0);
    }
    net_free(&net);
}

/* ---- back-pressure ---- */

static void a_paused_reader_stops_the_sender_and_loses_nothing(void **state)
{
    struct ns3c_tcp tcp = default_tcp();
    struct ns3_config config = {.tcp = &tcp};
    struct net net;
    struct end *e, *far;

    (void)state;
    tcp.send_buffer = tcp.send_buffer_initial = tcp.receive_buffer = 100000;
    net_init(&net, &config, NULL, 2);
    e = dial(&net, 0, 1);
    run_for(&net, SECOND);
    far = &net.peers[1].ends[0];
    hold(&net, 1, far, true);
    say(&net, 0, e, 1000000);
    run_for(&net, 100 * SECOND);
    assert_int_equal(far->received, 0);
    assert_in_range(e->written, 160000, 200000); /* one buffer full, two thirds of the other at least */
    hold(&net, 1, far, false);
    run_for(&net, 2 * SECOND); /* the window opens by itself: no probe has to find out */
    assert_int_equal(far->received, 1000000);
    hold(&net, 1, far, true);
    say(&net, 0, e, 50000);
    shut(&net, 0, e, BACKEND_CLOSE_FIN);
    run_for(&net, SECOND);
    assert_false(far->closed); /* not before all was read */
    hold(&net, 1, far, false);
    run_for(&net, SECOND);
    assert_int_equal(far->received, 1050000);
    assert_int_equal(far->err, ERR_CLOSED);
    net_free(&net);
}

static void send_takes_no_more_than_the_kernel_would(void **state)
{
    struct net net;
    struct end *e;

    (void)state;
    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    run_for(&net, 25 * MS);
    say(&net, 0, e, 3000000);
    assert_in_range(e->written, 2 * 10 * 1448, 40000); /* twice the window */
    run_for(&net, 10 * SECOND);
    assert_int_equal(net.peers[1].ends[0].received, 3000000);
    net_free(&net);
}

/* ---- links ---- */

static void a_link_carries_its_rate_and_its_queue_drops_the_rest(void **state)
{
    struct ns3_host_config hosts[] = {{.up_bps = 0}, {.down_bps = 8000000, .queue_size = 20000}};
    struct net net;
    struct end *e, *far;
    double bps;

    (void)state;
    net_init(&net, NULL, hosts, 2);
    e = dial(&net, 0, 1);
    say(&net, 0, e, 5000000);
    run_for(&net, 60 * SECOND);
    far = &net.peers[1].ends[0];
    assert_int_equal(far->received, 5000000);
    assert_true(ns3_counts(net.n).dropped > 0);
    bps = 8 * 5e6 / ((double)(far->last_ns - far->first_ns) / 1e9);
    assert_true(bps > 0.75 * 8e6 && bps < 8e6 * 1448 / 1500 * 1.01);
    net_free(&net);
}

static void rates_can_change_and_a_middle_is_shared(void **state)
{
    static const uint64_t latency_ns[] = {2 * MS, 20 * MS, 20 * MS, 2 * MS};
    struct ns3_config config = {.region_count = 2, .latency_ns = latency_ns, .latencies_change = true};
    struct ns3_host_config hosts[] = {{.region = 0}, {.region = 0}, {.region = 1}, {.region = 1}};
    struct ns3_pair pair = {0, 1};
    struct ns3_bottleneck middle = {&pair, 1, 16000000, 0, 100 * MS};
    struct net net;
    struct end *a, *b;
    uint64_t at;

    (void)state;
    net_init(&net, &config, hosts, 4);
    ns3_bottleneck_add(net.n, &middle, latency_ns);
    a = dial(&net, 0, 2);
    b = dial(&net, 1, 3);
    say(&net, 0, a, 4000000);
    say(&net, 1, b, 4000000);
    run_for(&net, 3 * SECOND);
    assert_in_range(net.peers[2].ends[0].received + net.peers[3].ends[0].received, 4500000, 5800000); /* of 6 MB */
    run_for(&net, 30 * SECOND);
    assert_int_equal(net.peers[2].ends[0].received + net.peers[3].ends[0].received, 8000000);
    ns3_bandwidth_set(net.n, 0, 1000000, 0); /* 1 Mbit/s */
    say(&net, 0, a, 100000);
    run_for(&net, SECOND / 2);
    assert_in_range(net.peers[2].ends[0].received, 4000000, 4070000);
    run_for(&net, 10 * SECOND);
    ns3_latency_set(net.n, 1, 0, 400 * MS);
    at = ns3_now_ns(net.n);
    b = dial(&net, 1, 3);
    run_for(&net, 2 * SECOND);
    assert_in_range(b->opened_ns - at, 420 * MS, 421 * MS);
    net_free(&net);
}

static void losses_have_the_share_that_was_asked_for(void **state)
{
    struct gilbert loss[] = {{.good_loss_ppm = 20000}};
    struct ns3_config config = {.loss = loss};
    struct ns3_host_config hosts[] = {{.loss_up = {20000, 800000, 0, 1000000}, .up_bps = 50000000}, {.up_bps = 0}};
    struct ns3c_counts c;
    struct net net;
    struct end *e;

    (void)state;
    net_init(&net, &config, hosts, 2);
    e = dial(&net, 0, 1);
    say(&net, 0, e, 20000000);
    run_for(&net, 1000 * SECOND);
    assert_int_equal(net.peers[1].ends[0].received, 20000000);
    c = ns3_counts(net.n);
    /* Data 2 % and bursts of 2.4 %, ACKs, some half as many, 2 %. */
    assert_true((double)c.lost / (double)c.packets > 0.03 && (double)c.lost / (double)c.packets < 0.044);
    net_free(&net);
}

static void jitter_never_reorders_a_connection(void **state)
{
    struct ns3_config config = {.jitter_ppm = 500000};
    struct ns3_host_config hosts[] = {{.up_bps = 20000000}, {.up_bps = 0}};
    struct net net;
    struct end *e, *far;

    (void)state;
    net_init(&net, &config, hosts, 2);
    e = dial(&net, 0, 1);
    say(&net, 0, e, 2000000);
    run_for(&net, 10 * SECOND);
    far = &net.peers[1].ends[0];
    assert_int_equal(far->received, 2000000);
    /* Reordering would look like loss, halve the window and take longer. */
    assert_in_range(far->last_ns - far->first_ns, 800 * MS, 930 * MS);
    net_free(&net);
}

/* ---- partitions ---- */

static void a_partition_is_survived_until_tcp_gives_up(void **state)
{
    struct ns3c_tcp tcp = default_tcp();
    struct ns3_config config = {.tcp = &tcp};
    bool member[] = {true, false};
    struct net net;
    struct end *e, *far, *late;
    int slot;

    (void)state;
    tcp.retries = 8;
    net_init(&net, &config, NULL, 2);
    e = dial(&net, 0, 1);
    run_for(&net, SECOND);
    far = &net.peers[1].ends[0];
    slot = ns3_partition(net.n, member, true, true);
    say(&net, 0, e, 10000);
    late = dial(&net, 0, 1);
    run_for(&net, 5 * SECOND);
    assert_int_equal(far->received, 0);
    assert_false(late->open);
    ns3_heal(net.n, slot);
    run_for(&net, 5 * SECOND);
    assert_int_equal(far->received, 10000);
    assert_true(late->open);
    ns3_partition(net.n, member, true, true);
    say(&net, 0, e, 10000);
    run_for(&net, 300 * SECOND);
    assert_int_equal(e->err, ERR_TIMEOUT);
    assert_int_equal(far->received, 10000);
    assert_false(far->closed); /* it has nothing to say and hears nothing */
    net_free(&net);
}

static void one_way(bool out)
{
    bool member[] = {true, false};
    struct net net;
    struct end *e, *far, *hears, *deaf;
    int slot;

    net_init(&net, NULL, NULL, 2);
    e = dial(&net, 0, 1);
    run_for(&net, SECOND);
    far = &net.peers[1].ends[0];
    slot = ns3_partition(net.n, member, out, !out);
    say(&net, 0, e, 1000);
    say(&net, 1, far, 1000);
    run_for(&net, SECOND);
    hears = out ? e : far;
    deaf = out ? far : e;
    assert_int_equal(hears->received, 1000);
    assert_int_equal(deaf->received, 0);
    ns3_heal(net.n, slot);
    run_for(&net, 20 * SECOND);
    assert_int_equal(deaf->received, 1000);
    assert_int_equal(hears->received, 1000);
    net_free(&net);
}

static void a_one_way_partition_loses_one_direction(void **state)
{
    (void)state;
    one_way(true);
    one_way(false);
}

/* ---- anything at any time (NS3_SEEDS=n for more) ---- */

static void do_something(struct net *net, struct rng *r)
{
    int host = (int)rng_below(r, 4);
    struct end *e = &net->peers[host].ends[rng_below(r, 12)];
    uint64_t what = rng_below(r, 100);

    if (what < 15 && net->peers[host].dialled < 12) {
        dial(net, host, (int)rng_below(r, 4)); /* also itself */
        return;
    }
    if (!e->used || e->closed || !e->open)
        return;
    if (what < 60)
        say(net, host, e, rng_below(r, 30000));
    else if (what < 75)
        hold(net, host, e, !e->paused);
    else if (what < 80)
        shut(net, host, e, rng_below(r, 2) ? BACKEND_CLOSE_FIN : BACKEND_CLOSE_RST);
    else if (what < 85)
        ns3_ops.wake_at(net->peers[host].host, ns3_now_ns(net->n) + rng_below(r, SECOND));
}

/* Once all read, whoever waits for room gets it, or hears of the end. */
static void settle(struct net *net)
{
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < CONNS_MAX; k++) {
            struct end *e = &net->peers[i].ends[k];

            if (e->used && e->open && !e->closed && e->paused)
                hold(net, i, e, false);
        }
    run_for(net, 300 * SECOND);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < CONNS_MAX; k++) {
            const struct end *e = &net->peers[i].ends[k];

            assert_true(!e->used || e->open || e->closed); /* no dial is without an answer */
            if (e->used && e->open && !e->closed)
                assert_int_equal(e->written, e->to_write);
        }
}

static uint64_t storm(uint64_t seed)
{
    struct ns3_config config = {.seed = seed, .jitter_ppm = 300000};
    struct ns3_host_config hosts[4] = {{.up_bps = 5000000, .down_bps = 5000000, .queue_size = 20000}};
    struct net net;
    struct rng r;

    for (int i = 1; i < 4; i++)
        hosts[i] = hosts[0];
    rng_init(&r, seed, "storm");
    net_init(&net, &config, hosts, 4);
    for (int turn = 0; turn < 600; turn++) {
        do_something(&net, &r);
        run_for(&net, rng_below(&r, 20 * MS));
        if (turn % 200 == 150) {
            int host = (int)rng_below(&r, 4);
            struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)host, PORT);

            ns3_host_run(net.n, (uint32_t)host, NULL, NULL);
            memset(net.peers[host].ends, 0, sizeof net.peers[host].ends);
            run_for(&net, rng_below(&r, SECOND));
            ns3_host_run(net.n, (uint32_t)host, &peer_app, &net.peers[host]);
            assert_int_equal(ns3_ops.listen(net.peers[host].host, &at), 0);
        }
    }
    settle(&net);
    net_free(&net);
    return net.sum;
}

static void the_rules_hold_whatever_happens_and_it_happens_again(void **state)
{
    const char *more = getenv("NS3_SEEDS");
    uint64_t seeds = more ? strtoull(more, NULL, 10) : 12;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        assert_int_equal(storm(seed), storm(seed));
    assert_int_not_equal(storm(1), storm(2));
}

static void there_is_one_network_at_a_time(void **state)
{
    static const uint64_t latency_ns[] = {MS};
    struct ns3_config config = {.region_count = 1, .latency_ns = latency_ns};
    char error[256];
    struct net net;

    (void)state;
    net_init(&net, NULL, NULL, 1);
    assert_null(ns3_new(&config, error, sizeof error));
    assert_non_null(strstr(error, "one at a time"));
    net_free(&net);
    net_init(&net, NULL, NULL, 1);
    net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(opening_takes_a_round_trip_and_data_half_a_one_more, clean),
        cmocka_unit_test_teardown(a_dial_that_nobody_hears_is_refused_and_one_without_answer_times_out, clean),
        cmocka_unit_test_teardown(two_hosts_that_dial_each_other_at_once_have_two_connections, clean),
        cmocka_unit_test_teardown(an_orderly_close_delivers_what_was_sent, clean),
        cmocka_unit_test_teardown(a_reset_is_heard_at_once_and_as_such, clean),
        cmocka_unit_test_teardown(handles_that_are_gone_do_nothing, clean),
        cmocka_unit_test_teardown(a_crash_resets_all_and_a_new_node_can_be_dialled, clean),
        cmocka_unit_test_teardown(a_crash_right_after_a_syn_leaves_nobody_to_accept, clean),
        cmocka_unit_test_teardown(a_paused_reader_stops_the_sender_and_loses_nothing, clean),
        cmocka_unit_test_teardown(send_takes_no_more_than_the_kernel_would, clean),
        cmocka_unit_test_teardown(a_link_carries_its_rate_and_its_queue_drops_the_rest, clean),
        cmocka_unit_test_teardown(rates_can_change_and_a_middle_is_shared, clean),
        cmocka_unit_test_teardown(losses_have_the_share_that_was_asked_for, clean),
        cmocka_unit_test_teardown(jitter_never_reorders_a_connection, clean),
        cmocka_unit_test_teardown(a_partition_is_survived_until_tcp_gives_up, clean),
        cmocka_unit_test_teardown(a_one_way_partition_loses_one_direction, clean),
        cmocka_unit_test_teardown(the_rules_hold_whatever_happens_and_it_happens_again, clean),
        cmocka_unit_test_teardown(there_is_one_network_at_a_time, clean),
    };
    char error[256];

    if (!ns3_plugin(error, sizeof error)) {
        size_t count = sizeof tests / sizeof *tests;

        printf("skipped: %s\n[  SKIPPED ] %zu test(s), listed below:\n", error, count);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
