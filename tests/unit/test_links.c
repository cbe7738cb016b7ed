/* sim/des with the `packet` model: loss, queue disciplines, bottlenecks, unreachable hosts, links that change, end to end. */
#include "tests/lib/test.h"

#include "sim/des/des.h"
#include "sim/des/link.h"
#include "sim/tcp/tcp.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define PORT 4000
#define HOSTS_MAX 16
#define SEGMENT 1448.0 /* bytes of payload; the wire carries 52 more with each */

/* Sends `to_send` bytes to whom it dials, or asks with single bytes, which all answer. */
struct end {
    void *host;
    struct backend_conn conn;
    struct chain out;
    uint64_t to_send, received, last_ns, connected_ns;
    int dial_err; /* 1: no answer yet */
    bool asking;
    uint64_t asked_ns, slowest_ns, answers;
};

struct net {
    struct des *des;
    struct end ends[HOSTS_MAX];
};

static void send_more(struct end *e)
{
    des_ops.send(e->host, e->conn, &e->out);
}

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    (void)app;
    (void)now_ns;
    (void)conn;
    (void)from;
}

static void ask(struct end *e, uint64_t now_ns)
{
    uint8_t byte = 1;

    chain_append(&e->out, slice_of(&byte, 1));
    e->asked_ns = now_ns;
    send_more(e);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    struct end *e = app;

    e->dial_err = err;
    e->conn = conn;
    e->connected_ns = now_ns;
    if (!err && e->asking)
        ask(e, now_ns);
    for (uint64_t left = err ? 0 : e->to_send; left > 0;) {
        struct blob *b = blob_new(left < 65536 ? (size_t)left : 65536);

        memset(b->data, 0, b->size);
        left -= b->size;
        chain_give(&e->out, span_give(b));
    }
    send_more(e);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    struct end *e = app;

    e->received += bytes->size;
    e->last_ns = now_ns;
    if (e->asking) {
        uint64_t took = now_ns - e->asked_ns;

        e->slowest_ns = took > e->slowest_ns ? took : e->slowest_ns;
        e->answers++;
        ask(e, now_ns);
    } else if (bytes->size == 1) {
        des_ops.send(e->host, conn, bytes);
    }
    chain_drop(bytes, bytes->size);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    (void)now_ns;
    (void)conn;
    send_more(app);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    (void)app;
    (void)now_ns;
    (void)conn;
    (void)err;
}

static void on_wake(void *app, uint64_t now_ns)
{
    (void)app;
    (void)now_ns;
}

static const struct backend_app end_app = {
    .accepted = on_accepted,
    .dialled = on_dialled,
    .data = on_data,
    .writable = on_writable,
    .closed = on_closed,
    .wake = on_wake,
};

static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(0x0a000001u + node, PORT);
}

static struct net *net_new(const struct des_config *config, const struct des_host_config *hosts, uint32_t count)
{
    struct net *n = mem_zalloc(sizeof *n);

    n->des = des_new(config);
    for (uint32_t i = 0; i < count; i++) {
        struct des_host_config host = hosts[i];
        struct endpoint at = address(i);

        host.address = at;
        des_host_add(n->des, &host);
        n->ends[i] = (struct end){.host = des_host(n->des, i), .dial_err = 1};
        chain_init(&n->ends[i].out);
        des_host_run(n->des, i, &end_app, &n->ends[i]);
        assert_int_equal(des_ops.listen(n->ends[i].host, &at), 0);
    }
    return n;
}

static void net_free(struct net *n)
{
    des_free(n->des);
    for (uint32_t i = 0; i < HOSTS_MAX; i++)
        chain_deinit(&n->ends[i].out);
    mem_free(n);
}

static void dial(struct net *n, uint32_t from, uint32_t to, uint64_t to_send)
{
    struct endpoint at = address(to);

    n->ends[from].to_send = to_send;
    assert_int_equal(des_ops.dial(n->ends[from].host, &at, &n->ends[from].conn), 0);
}

static uint64_t latencies[] = {5 * MS, 40 * MS, 40 * MS, 5 * MS};

static struct des_config packets(void)
{
    return (struct des_config){.seed = 1, .region_count = 2, .latency_ns = latencies, .tcp = DES_TCP_PACKET};
}

/* Time on the wire of so many bytes of payload at a rate, with headers. */
static double wire_ns(double bytes, double bps)
{
    return bytes * (SEGMENT + 52) / SEGMENT * 8e9 / bps;
}

static void assert_between(double value, double low, double high)
{
    if (value < low || value > high)
        fail_msg("%g is not in %g..%g", value, low, high);
}

/* Two senders of one region share 20 Mbit/s in the middle; their links alone would carry 1 Gbit/s. */
static void all_traffic_of_a_pair_of_regions_shares_its_bottleneck(void **state)
{
    struct des_config config = packets();
    const struct des_host_config hosts[] = {{.region = 0, .up_bps = SECOND}, {.region = 1},
                                            {.region = 0, .up_bps = SECOND}, {.region = 1},
                                            {.region = 0, .up_bps = SECOND}, {.region = 0}};
    const struct des_pair pairs[] = {{0, 1}};
    struct des_bottleneck middle = {.pairs = pairs, .pair_count = 1, .bps = 20000000, .queue_ns = 100 * MS};
    struct net *n = net_new(&config, hosts, 6);
    uint64_t last;

    (void)state;
    des_bottleneck_add(n->des, &middle);
    for (uint32_t i = 0; i < 6; i += 2)
        dial(n, i, i + 1, 5000000);
    des_run(n->des, 60 * SECOND);
    assert_int_equal(n->ends[1].received + n->ends[3].received + n->ends[5].received, 15000000);
    last = n->ends[1].last_ns > n->ends[3].last_ns ? n->ends[1].last_ns : n->ends[3].last_ns;
    assert_between((double)last, wire_ns(10e6, 20e6), 1.15 * wire_ns(10e6, 20e6));
    if (getenv("GOLDENS"))
        printf("10 MB over 20 Mbit/s shared: %.3f s of %.3f s\n", (double)last / 1e9, wire_ns(10e6, 20e6) / 1e9);
    assert_true(n->ends[5].last_ns < 300 * MS); /* within the region nothing is in the way */
    assert_true(des_counts(n->des).dropped > 0);
    net_free(n);
}

static void an_idle_bottleneck_adds_nothing_but_its_own_serialisation(void **state)
{
    struct des_config config = packets();
    const struct des_host_config hosts[] = {{.region = 0}, {.region = 1}};
    const struct des_pair pairs[] = {{0, 1}};
    struct des_bottleneck middle = {.pairs = pairs, .pair_count = 1, .bps = 8000000};
    struct net *n = net_new(&config, hosts, 2);

    (void)state;
    des_bottleneck_add(n->des, &middle);
    dial(n, 0, 1, 1000);
    des_run(n->des, SECOND);
    /* SYN (60 bytes of 1 us each), SYN-ACK; an ACK of 52 bytes, then 1052. */
    assert_int_equal(n->ends[0].connected_ns, 80 * MS + 60000);
    assert_int_equal(n->ends[1].last_ns, 120 * MS + 60000 + 52000 + 1052000);
    net_free(n);
}

/* Host 1 has a downlink of 10 Mbit/s that may hold 500 ms; host 0 fills it, host 2 asks it. */
static struct end asked_under_load(enum queue_kind kind, bool in_the_middle)
{
    struct des_config config = packets();
    struct queue_config aqm = {.kind = kind};
    const struct des_host_config hosts[] = {{.region = 0},
                                            {.region = 1,
                                             .down_bps = in_the_middle ? 0 : 10000000,
                                             .queue_ns = 500 * MS,
                                             .aqm = in_the_middle ? (struct queue_config){0} : aqm},
                                            {.region = 0}};
    const struct des_pair pairs[] = {{0, 1}};
    struct des_bottleneck middle = {.pairs = pairs, .pair_count = 1, .bps = 10000000, .queue_ns = 500 * MS, .aqm = aqm};
    struct net *n = net_new(&config, hosts, 3);
    struct end asker;

    if (in_the_middle)
        des_bottleneck_add(n->des, &middle);
    n->ends[2].asking = true;
    dial(n, 0, 1, 40000000);
    des_run(n->des, 5 * SECOND); /* the window has found its size */
    dial(n, 2, 1, 0);
    des_run(n->des, 20 * SECOND);
    assert_between((double)n->ends[1].received, 0.85 * 20 * 10e6 / 8, 20 * 10e6 / 8); /* the link is busy all the time */
    asker = n->ends[2];
    net_free(n);
    return asker;
}

/* Without a discipline an answer waits for most of the queue; CoDel holds it near its target of 5 ms (RFC 8289; CUBIC at a round trip
 * of 80 ms overshoots it), FQ-CoDel lets a thin flow pass: one packet of the other is in front of it. */
static void disciplines_keep_queues_short(void **state)
{
    (void)state;
    for (int middle = 0; middle < 2; middle++) {
        struct end tail = asked_under_load(QUEUE_DROP_TAIL, middle);
        struct end codel = asked_under_load(QUEUE_CODEL, middle);
        struct end fair = asked_under_load(QUEUE_FQ_CODEL, middle);

        if (getenv("GOLDENS"))
            printf("slowest answer, %s: drop-tail %.1f ms, CoDel %.1f ms, FQ-CoDel %.1f ms\n",
                   middle ? "bottleneck" : "downlink", (double)tail.slowest_ns / 1e6, (double)codel.slowest_ns / 1e6,
                   (double)fair.slowest_ns / 1e6);
        assert_between((double)tail.slowest_ns, 300e6, 600e6);
        assert_between((double)codel.slowest_ns, 80e6, 200e6);
        assert_between((double)fair.slowest_ns, 80e6, 80e6 + 2.5e6);
        assert_true(tail.answers < codel.answers && codel.answers < fair.answers);
    }
}

static void an_uplink_has_its_discipline_too(void **state)
{
    struct des_config config = packets();
    const struct des_host_config hosts[] = {
        {.region = 0, .up_bps = 10000000, .queue_ns = 500 * MS, .aqm = {.kind = QUEUE_FQ_CODEL}}, {.region = 1}, {.region = 1}};
    struct net *n = net_new(&config, hosts, 3);

    (void)state;
    n->ends[2].asking = true;
    dial(n, 0, 1, 40000000);
    des_run(n->des, 5 * SECOND);
    dial(n, 2, 0, 0); /* the answers leave through the busy uplink */
    des_run(n->des, 20 * SECOND);
    assert_between((double)n->ends[1].received, 0.85 * 20 * 10e6 / 8, 20 * 10e6 / 8);
    assert_between((double)n->ends[2].slowest_ns, 80e6, 80e6 + 2.5e6);
    assert_true(des_counts(n->des).dropped > 0);
    net_free(n);
}

static void a_world_is_freed_with_packets_in_its_queues(void **state)
{
    struct des_config config = packets();
    const struct des_host_config hosts[] = {{.region = 0, .up_bps = 100000, .aqm = {.kind = QUEUE_FQ_CODEL}},
                                            {.region = 1, .down_bps = 100000, .aqm = {.kind = QUEUE_CODEL}}};
    const struct des_pair pairs[] = {{0, 1}};
    struct des_bottleneck middle = {.pairs = pairs, .pair_count = 1, .bps = 100000, .aqm = {.kind = QUEUE_CODEL}};
    struct net *n = net_new(&config, hosts, 2);

    (void)state;
    des_bottleneck_add(n->des, &middle);
    dial(n, 0, 1, 1000000);
    des_run(n->des, 3 * SECOND);
    assert_true(n->ends[1].received > 0);
    net_free(n);
}

/* Mathis et al. 1997: MSS / RTT * sqrt(3 / 2p) for a window that halves; CUBIC (0.7) is faster at this round trip, and so is recovery
 * without delayed ACKs. The model without loss is limited by the link. */
static void random_loss_limits_the_rate(void **state)
{
    struct gilbert pairs[4] = {{0}, {.good_loss_ppm = 10000}, {0}, {0}};
    struct des_config config = packets();
    const struct des_host_config hosts[] = {{.region = 0, .up_bps = 1000000000}, {.region = 1}};
    double mathis = SEGMENT / 0.080 * 12.247; /* sqrt(1.5 / 0.01) */
    struct des_counts counts;
    struct net *n;

    (void)state;
    config.loss = pairs;
    n = net_new(&config, hosts, 2);
    dial(n, 0, 1, 100000000);
    des_run(n->des, 100 * SECOND);
    if (getenv("GOLDENS"))
        printf("1 %% loss, 80 ms: %.0f B/s, formula %.0f B/s\n", (double)n->ends[1].received / 100, mathis);
    assert_between((double)n->ends[1].received / 100, 0.7 * mathis, 1.6 * mathis);
    counts = des_counts(n->des);
    assert_between((double)counts.lost * SEGMENT / (double)n->ends[1].received, 0.009, 0.011);
    net_free(n);
}

static void nothing_gets_through_when_all_is_lost(void **state)
{
    struct gilbert pairs[4] = {{0}, {0}, {.good_loss_ppm = 1000000}, {0}};
    struct des_config config = packets();
    const struct des_host_config hosts[] = {{.region = 0}, {.region = 1}};
    struct net *n;

    (void)state;
    config.loss = pairs; /* no answer comes back */
    n = net_new(&config, hosts, 2);
    dial(n, 0, 1, 1000);
    des_run(n->des, 300 * SECOND);
    assert_int_equal(n->ends[0].dial_err, ERR_TIMEOUT);
    assert_int_equal(n->ends[1].received, 0);
    net_free(n);
}

static void an_unreachable_host_dials_but_is_not_dialled(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct des_config config = packets();
        const struct des_host_config hosts[] = {{.region = 0}, {.region = 1, .unreachable = true}};
        struct net *n;

        config.tcp = tcp ? DES_TCP_PACKET : DES_TCP_IDEAL;
        n = net_new(&config, hosts, 2);
        dial(n, 0, 1, 1000);
        dial(n, 1, 0, 1000);
        des_run(n->des, SECOND);
        assert_int_equal(n->ends[0].dial_err, 1); /* no answer, not a refusal */
        assert_int_equal(n->ends[1].received, 0);
        assert_int_equal(n->ends[1].dial_err, 0);
        assert_int_equal(n->ends[0].received, 1000);
        des_run(n->des, 300 * SECOND);
        assert_int_equal(n->ends[0].dial_err, tcp ? ERR_TIMEOUT : 1); /* `ideal` leaves it to the node's own patience */
        net_free(n);
    }
}

struct change {
    struct net *n;
    uint64_t bps;
};

static void change_rate(void *arg, uint64_t now_ns)
{
    const struct change *c = arg;

    (void)now_ns;
    des_bandwidth_set(c->n->des, 0, c->bps, 0);
}

/* 10 s at 20 Mbit/s, then 2 Mbit/s. */
static void a_rate_that_falls_slows_what_is_sent_afterwards(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct des_config config = packets();
        const struct des_host_config hosts[] = {{.region = 0, .up_bps = 20000000}, {.region = 1}};
        struct change change = {.bps = 2000000};
        uint64_t before;
        struct net *n;

        config.tcp = tcp ? DES_TCP_PACKET : DES_TCP_IDEAL;
        config.queue_ns = 100 * MS;
        n = change.n = net_new(&config, hosts, 2);
        des_schedule_global(n->des, 10 * SECOND, change_rate, &change);
        dial(n, 0, 1, 100000000);
        des_run(n->des, 10 * SECOND);
        before = n->ends[1].received;
        assert_between((double)before, 0.85 * 10 * 20e6 / 8, 10 * 20e6 / 8);
        des_run(n->des, 20 * SECOND);
        assert_between((double)(n->ends[1].received - before), 0.85 * 10 * 2e6 / 8, 10.5 * 2e6 / 8 + 0.3 * 20e6 / 8);
        net_free(n);
    }
}

/* What still waits at the old rate is not overtaken, whatever the new one is: `ideal` relies on it. */
static void a_limit_that_is_lifted_lets_nothing_overtake(void **state)
{
    struct link l = {.bps = 8000000, .queue_size_max = 1000000};
    uint64_t last = link_enqueue(&l, SECOND, 100000);

    (void)state;
    assert_int_equal(last, SECOND + SECOND / 10);
    l.bps = 0;
    assert_int_equal(link_enqueue(&l, SECOND + 1, 1000), last);
    assert_int_equal(link_enqueue(&l, last + 1, 1000), last + 1);
    l.bps = 8000000000;
    assert_int_equal(link_enqueue(&l, SECOND + 2, 1000), last + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_traffic_of_a_pair_of_regions_shares_its_bottleneck),
        cmocka_unit_test(an_idle_bottleneck_adds_nothing_but_its_own_serialisation),
        cmocka_unit_test(disciplines_keep_queues_short),
        cmocka_unit_test(an_uplink_has_its_discipline_too),
        cmocka_unit_test(a_world_is_freed_with_packets_in_its_queues),
        cmocka_unit_test(random_loss_limits_the_rate),
        cmocka_unit_test(nothing_gets_through_when_all_is_lost),
        cmocka_unit_test(an_unreachable_host_dials_but_is_not_dialled),
        cmocka_unit_test(a_rate_that_falls_slows_what_is_sent_afterwards),
        cmocka_unit_test(a_limit_that_is_lifted_lets_nothing_overtake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
