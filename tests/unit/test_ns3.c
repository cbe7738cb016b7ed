/* The ns-3 backend: the rules of the seam, and that its links are those of sim/des. */
#include "tests/lib/ns3_net.h"

#include "sim/ns3/plugin.h"
#include "stack/base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- opening ---- */

static void opening_takes_a_round_trip_and_data_half_a_one_more(void **state)
{
    struct ns3_net net;
    struct ns3_end *e;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_write(&net, 0, e, 1000);
    ns3_net_run(&net, SECOND);
    assert_true(e->open);
    assert_int_equal(e->opened_ns, 20 * MS);
    assert_int_equal(net.peers[1].ends[0].opened_ns, 30 * MS);
    assert_in_range(net.peers[1].ends[0].first_ns, 30 * MS, 30 * MS + 2); /* ns-3 sends a nanosecond after it was told to */
    assert_int_equal(net.peers[1].ends[0].received, 1000);
    ns3_net_deinit(&net);
}

static void a_dial_that_nobody_hears_is_refused_and_one_without_answer_times_out(void **state)
{
    struct ns3c_tcp tcp = ns3_net_tcp();
    struct ns3_config config = {.tcp = &tcp};
    struct ns3_host_config hosts[] = {{.up_bps = 0}, {.up_bps = 0}, {.unreachable = true}};
    struct endpoint nowhere = endpoint_ip4(0x0b000001, NS3_NET_PORT);
    struct backend_conn conn;
    struct ns3_net net;
    struct ns3_end *refused, *silent, *reverse;

    (void)state;
    tcp.syn_retries = 2;
    ns3_net_init(&net, &config, hosts, 3);
    refused = ns3_net_dial_port(&net, 0, 1, NS3_NET_PORT + 1);
    silent = ns3_net_dial(&net, 0, 2);
    reverse = ns3_net_dial(&net, 2, 1);
    assert_int_equal(ns3_ops.dial(net.peers[0].host, &nowhere, &conn), ERR_UNREACHABLE);
    ns3_net_run(&net, 30 * SECOND);
    assert_int_equal(refused->err, ERR_REFUSED);
    assert_int_equal(refused->opened_ns, 20 * MS);
    assert_int_equal(silent->err, ERR_TIMEOUT);
    assert_int_equal(silent->opened_ns, 7 * SECOND); /* 1 + 2 + 4 */
    assert_true(reverse->open);                      /* its own dials come through */
    ns3_net_deinit(&net);
}

static void two_hosts_that_dial_each_other_at_once_have_two_connections(void **state)
{
    struct ns3_net net;
    struct ns3_end *a, *b;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    a = ns3_net_dial(&net, 0, 1);
    b = ns3_net_dial(&net, 1, 0);
    ns3_net_write(&net, 0, a, 5000);
    ns3_net_write(&net, 1, b, 7000);
    ns3_net_run(&net, SECOND);
    assert_true(a->open && b->open);
    assert_int_equal(net.peers[0].accepted + net.peers[1].accepted, 2);
    assert_int_equal(net.peers[1].ends[1].received, 5000);
    assert_int_equal(net.peers[0].ends[1].received, 7000);
    ns3_net_deinit(&net);
}

/* ---- closing ---- */

static void an_orderly_close_delivers_what_was_sent(void **state)
{
    struct ns3_net net;
    struct ns3_end *e, *far;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    far = &net.peers[1].ends[0];
    ns3_net_write(&net, 0, e, 200000);
    ns3_net_write(&net, 1, far, 100000); /* on its way towards a socket that is closed: it is not missed */
    ns3_net_close(&net, 0, e, BACKEND_CLOSE_FIN);
    ns3_net_run(&net, 5 * SECOND);
    assert_int_equal(far->received, e->written);
    assert_true(far->closed);
    assert_int_equal(far->err, ERR_CLOSED);
    ns3_net_run(&net, 200 * SECOND); /* all timers run out, and nothing comes of them */
    ns3_net_deinit(&net);
}

static void a_reset_is_heard_at_once_and_as_such(void **state)
{
    struct ns3_net net;
    struct ns3_end *e, *far;
    uint64_t at;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_write(&net, 0, e, 5000000);
    ns3_net_run(&net, SECOND / 10);
    far = &net.peers[1].ends[0];
    at = ns3_now_ns(net.n);
    ns3_net_close(&net, 0, e, BACKEND_CLOSE_RST);
    ns3_net_run(&net, SECOND);
    assert_int_equal(far->err, ERR_RESET);
    assert_int_equal(far->closed_ns, at + 10 * MS);
    assert_true(far->received < e->written);
    ns3_net_deinit(&net);
}

static void handles_that_are_gone_do_nothing(void **state)
{
    struct ns3_net net;
    struct ns3_end *e;
    struct backend_conn old;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    old = e->conn;
    ns3_net_close(&net, 0, e, BACKEND_CLOSE_FIN); /* before the SYN-ACK */
    ns3_net_run(&net, SECOND);
    assert_int_equal(net.peers[0].upcalls, 0);
    e = ns3_net_dial(&net, 0, 1);
    assert_int_equal(e->conn.index, old.index);
    assert_true(e->conn.generation != old.generation);
    ns3_net_run(&net, SECOND);
    ns3_ops.close(net.peers[0].host, old, BACKEND_CLOSE_RST);
    ns3_ops.pause(net.peers[0].host, old, true);
    ns3_net_write(&net, 0, e, 10);
    ns3_net_run(&net, SECOND);
    assert_true(e->open && !e->closed);
    ns3_net_deinit(&net);
}

static void a_crash_resets_all_and_a_new_node_can_be_dialled(void **state)
{
    struct ns3_net net;
    struct ns3_end *in, *out;
    struct endpoint at = endpoint_ip4(0x0a000002u, NS3_NET_PORT);

    (void)state;
    ns3_net_init(&net, NULL, NULL, 3);
    in = ns3_net_dial(&net, 0, 1);
    out = ns3_net_dial(&net, 1, 2);
    ns3_net_run(&net, SECOND);
    assert_true(in->open && out->open);
    ns3_net_dial(&net, 2, 1);
    ns3_net_run(&net, 15 * MS); /* that one is half open */
    ns3_host_run(net.n, 1, NULL, NULL);
    ns3_net_run(&net, SECOND);
    assert_int_equal(in->err, ERR_RESET);
    assert_int_equal(net.peers[2].ends[0].err, ERR_RESET);
    assert_true(net.peers[2].ends[1].closed);
    in = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    assert_int_equal(in->err, ERR_REFUSED);
    memset(net.peers[1].ends, 0, sizeof net.peers[1].ends);
    ns3_host_run(net.n, 1, &ns3_net_app, &net.peers[1]);
    assert_int_equal(ns3_ops.listen(net.peers[1].host, &at), 0);
    in = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    assert_true(in->open);
    ns3_net_deinit(&net);
}

static void crash(void *arg, uint64_t now_ns)
{
    struct ns3_peer *p = arg;

    (void)now_ns;
    ns3_host_run(p->net->n, (uint32_t)(p - p->net->peers), NULL, NULL);
}

static void crash_at(struct ns3_net *net, uint32_t host, uint64_t at_ns)
{
    ns3_schedule_global(net->n, at_ns, crash, &net->peers[host]);
}

/* ns-3 completes a connection in an event of its own, after the SYN's. */
static void a_crash_right_after_a_syn_leaves_nobody_to_accept(void **state)
{
    struct ns3_net net;
    struct ns3_end *e;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    for (uint64_t late = 0; late < 2; late++) {
        struct endpoint at = endpoint_ip4(0x0a000002u, NS3_NET_PORT);

        e = ns3_net_dial(&net, 0, 1);
        ns3_run(net.n, ns3_now_ns(net.n) + 10 * MS - 1);
        crash_at(&net, 1, ns3_now_ns(net.n) + 1 + late);
        ns3_net_run(&net, 5 * SECOND);
        assert_true(e->closed);
        assert_true(e->err == ERR_REFUSED || e->err == ERR_RESET);
        assert_int_equal(net.peers[1].accepted, 0);
        ns3_host_run(net.n, 1, &ns3_net_app, &net.peers[1]);
        assert_int_equal(ns3_ops.listen(net.peers[1].host, &at), 0);
    }
    ns3_net_deinit(&net);
}

/* ---- back-pressure ---- */

static void a_paused_reader_stops_the_sender_and_loses_nothing(void **state)
{
    struct ns3c_tcp tcp = ns3_net_tcp();
    struct ns3_config config = {.tcp = &tcp};
    struct ns3_net net;
    struct ns3_end *e, *far;

    (void)state;
    tcp.send_buffer = tcp.send_buffer_initial = tcp.receive_buffer = 100000;
    ns3_net_init(&net, &config, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    far = &net.peers[1].ends[0];
    ns3_net_pause(&net, 1, far, true);
    ns3_net_write(&net, 0, e, 1000000);
    ns3_net_run(&net, 100 * SECOND);
    assert_int_equal(far->received, 0);
    assert_in_range(e->written, 160000, 200000); /* one buffer full, two thirds of the other at least */
    ns3_net_pause(&net, 1, far, false);
    ns3_net_run(&net, 2 * SECOND); /* the window opens by itself: no probe has to find out */
    assert_int_equal(far->received, 1000000);
    ns3_net_pause(&net, 1, far, true);
    ns3_net_write(&net, 0, e, 50000);
    ns3_net_close(&net, 0, e, BACKEND_CLOSE_FIN);
    ns3_net_run(&net, SECOND);
    assert_false(far->closed); /* not before all was read */
    ns3_net_pause(&net, 1, far, false);
    ns3_net_run(&net, SECOND);
    assert_int_equal(far->received, 1050000);
    assert_int_equal(far->err, ERR_CLOSED);
    ns3_net_deinit(&net);
}

static void send_takes_no_more_than_the_kernel_would(void **state)
{
    struct ns3_net net;
    struct ns3_end *e;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, 25 * MS);
    ns3_net_write(&net, 0, e, 3000000);
    assert_in_range(e->written, 2 * 10 * 1448, 40000); /* twice the window */
    ns3_net_run(&net, 10 * SECOND);
    assert_int_equal(net.peers[1].ends[0].received, 3000000);
    ns3_net_deinit(&net);
}

/* ---- links ---- */

static void a_link_carries_its_rate_and_its_queue_drops_the_rest(void **state)
{
    struct ns3_host_config hosts[] = {{.up_bps = 0}, {.down_bps = 8000000, .queue_size = 20000}};
    struct ns3_net net;
    struct ns3_end *e, *far;
    double bps;

    (void)state;
    ns3_net_init(&net, NULL, hosts, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_write(&net, 0, e, 5000000);
    ns3_net_run(&net, 60 * SECOND);
    far = &net.peers[1].ends[0];
    assert_int_equal(far->received, 5000000);
    assert_true(ns3_counts(net.n).dropped > 0);
    bps = 8 * 5e6 / ((double)(far->last_ns - far->first_ns) / 1e9);
    assert_true(bps > 0.75 * 8e6 && bps < 8e6 * 1448 / 1500 * 1.01);
    ns3_net_deinit(&net);
}

static void rates_can_change_and_a_middle_is_shared(void **state)
{
    static const uint64_t latency_ns[] = {2 * MS, 20 * MS, 20 * MS, 2 * MS};
    struct ns3_config config = {.region_count = 2, .latency_ns = latency_ns, .latencies_change = true};
    struct ns3_host_config hosts[] = {{.region = 0}, {.region = 0}, {.region = 1}, {.region = 1}};
    struct ns3_pair pair = {0, 1};
    struct ns3_bottleneck middle = {&pair, 1, 16000000, 0, 100 * MS};
    struct ns3_net net;
    struct ns3_end *a, *b;
    uint64_t at;

    (void)state;
    ns3_net_init(&net, &config, hosts, 4);
    ns3_bottleneck_add(net.n, &middle, latency_ns);
    a = ns3_net_dial(&net, 0, 2);
    b = ns3_net_dial(&net, 1, 3);
    ns3_net_write(&net, 0, a, 4000000);
    ns3_net_write(&net, 1, b, 4000000);
    ns3_net_run(&net, 3 * SECOND);
    assert_in_range(net.peers[2].ends[0].received + net.peers[3].ends[0].received, 4500000, 5800000); /* of 6 MB */
    ns3_net_run(&net, 30 * SECOND);
    assert_int_equal(net.peers[2].ends[0].received + net.peers[3].ends[0].received, 8000000);
    ns3_bandwidth_set(net.n, 0, 1000000, 0); /* 1 Mbit/s */
    ns3_net_write(&net, 0, a, 100000);
    ns3_net_run(&net, SECOND / 2);
    assert_in_range(net.peers[2].ends[0].received, 4000000, 4070000);
    ns3_net_run(&net, 10 * SECOND);
    ns3_latency_set(net.n, 1, 0, 400 * MS);
    at = ns3_now_ns(net.n);
    b = ns3_net_dial(&net, 1, 3);
    ns3_net_run(&net, 2 * SECOND);
    assert_in_range(b->opened_ns - at, 420 * MS, 421 * MS);
    ns3_net_deinit(&net);
}

static void losses_have_the_share_that_was_asked_for(void **state)
{
    struct gilbert loss[] = {{.good_loss_ppm = 20000}};
    struct ns3_config config = {.loss = loss};
    struct ns3_host_config hosts[] = {{.loss_up = {20000, 800000, 0, 1000000}, .up_bps = 50000000}, {.up_bps = 0}};
    struct ns3c_counts c;
    struct ns3_net net;
    struct ns3_end *e;

    (void)state;
    ns3_net_init(&net, &config, hosts, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_write(&net, 0, e, 20000000);
    ns3_net_run(&net, 1000 * SECOND);
    assert_int_equal(net.peers[1].ends[0].received, 20000000);
    c = ns3_counts(net.n);
    /* Data 2 % and bursts of 2.4 %, ACKs, some half as many, 2 %. */
    assert_true((double)c.lost / (double)c.packets > 0.03 && (double)c.lost / (double)c.packets < 0.044);
    ns3_net_deinit(&net);
}

static void jitter_never_reorders_a_connection(void **state)
{
    struct ns3_config config = {.jitter_ppm = 500000};
    struct ns3_host_config hosts[] = {{.up_bps = 20000000}, {.up_bps = 0}};
    struct ns3_net net;
    struct ns3_end *e, *far;

    (void)state;
    ns3_net_init(&net, &config, hosts, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_write(&net, 0, e, 2000000);
    ns3_net_run(&net, 10 * SECOND);
    far = &net.peers[1].ends[0];
    assert_int_equal(far->received, 2000000);
    /* Reordering would look like loss, halve the window and take longer. */
    assert_in_range(far->last_ns - far->first_ns, 800 * MS, 930 * MS);
    ns3_net_deinit(&net);
}

/* ---- partitions ---- */

static void a_partition_is_survived_until_tcp_gives_up(void **state)
{
    struct ns3c_tcp tcp = ns3_net_tcp();
    struct ns3_config config = {.tcp = &tcp};
    bool member[] = {true, false};
    struct ns3_net net;
    struct ns3_end *e, *far, *late;
    int slot;

    (void)state;
    tcp.retries = 8;
    ns3_net_init(&net, &config, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    far = &net.peers[1].ends[0];
    slot = ns3_partition(net.n, member, true, true);
    ns3_net_write(&net, 0, e, 10000);
    late = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, 5 * SECOND);
    assert_int_equal(far->received, 0);
    assert_false(late->open);
    ns3_heal(net.n, slot);
    ns3_net_run(&net, 5 * SECOND);
    assert_int_equal(far->received, 10000);
    assert_true(late->open);
    ns3_partition(net.n, member, true, true);
    ns3_net_write(&net, 0, e, 10000);
    ns3_net_run(&net, 300 * SECOND);
    assert_int_equal(e->err, ERR_TIMEOUT);
    assert_int_equal(far->received, 10000);
    assert_false(far->closed); /* it has nothing to say and hears nothing */
    ns3_net_deinit(&net);
}

static void one_way(bool out)
{
    bool member[] = {true, false};
    struct ns3_net net;
    struct ns3_end *e, *far, *hears, *deaf;
    int slot;

    ns3_net_init(&net, NULL, NULL, 2);
    e = ns3_net_dial(&net, 0, 1);
    ns3_net_run(&net, SECOND);
    far = &net.peers[1].ends[0];
    slot = ns3_partition(net.n, member, out, !out);
    ns3_net_write(&net, 0, e, 1000);
    ns3_net_write(&net, 1, far, 1000);
    ns3_net_run(&net, SECOND);
    hears = out ? e : far;
    deaf = out ? far : e;
    assert_int_equal(hears->received, 1000);
    assert_int_equal(deaf->received, 0);
    ns3_heal(net.n, slot);
    ns3_net_run(&net, 20 * SECOND);
    assert_int_equal(deaf->received, 1000);
    assert_int_equal(hears->received, 1000);
    ns3_net_deinit(&net);
}

static void a_one_way_partition_loses_one_direction(void **state)
{
    (void)state;
    one_way(true);
    one_way(false);
}

/* ---- anything at any time (NS3_SEEDS=n for more) ---- */

static void do_something(struct ns3_net *net, struct rng *r)
{
    int host = (int)rng_below(r, 4);
    struct ns3_end *e = &net->peers[host].ends[rng_below(r, 12)];
    uint64_t what = rng_below(r, 100);

    if (what < 15 && net->peers[host].dialled < 12) {
        ns3_net_dial(net, host, (int)rng_below(r, 4)); /* also itself */
        return;
    }
    if (!e->used || e->closed || !e->open)
        return;
    if (what < 60)
        ns3_net_write(net, host, e, rng_below(r, 30000));
    else if (what < 75)
        ns3_net_pause(net, host, e, !e->paused);
    else if (what < 80)
        ns3_net_close(net, host, e, rng_below(r, 2) ? BACKEND_CLOSE_FIN : BACKEND_CLOSE_RST);
    else if (what < 85)
        ns3_ops.wake_at(net->peers[host].host, ns3_now_ns(net->n) + rng_below(r, SECOND));
}

/* Once all read, whoever waits for room gets it, or hears of the end. */
static void settle(struct ns3_net *net)
{
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < NS3_NET_CONNS_MAX; k++) {
            struct ns3_end *e = &net->peers[i].ends[k];

            if (e->used && e->open && !e->closed && e->paused)
                ns3_net_pause(net, i, e, false);
        }
    ns3_net_run(net, 300 * SECOND);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < NS3_NET_CONNS_MAX; k++) {
            const struct ns3_end *e = &net->peers[i].ends[k];

            assert_true(!e->used || e->open || e->closed); /* no dial is without an answer */
            if (e->used && e->open && !e->closed)
                assert_int_equal(e->written, e->to_write);
        }
}

static uint64_t storm(uint64_t seed)
{
    struct ns3_config config = {.seed = seed, .jitter_ppm = 300000};
    struct ns3_host_config hosts[4] = {{.up_bps = 5000000, .down_bps = 5000000, .queue_size = 20000}};
    struct ns3_net net;
    struct rng r;

    for (int i = 1; i < 4; i++)
        hosts[i] = hosts[0];
    rng_init(&r, seed, "storm");
    ns3_net_init(&net, &config, hosts, 4);
    for (int turn = 0; turn < 600; turn++) {
        do_something(&net, &r);
        ns3_net_run(&net, rng_below(&r, 20 * MS));
        if (turn % 200 == 150) {
            int host = (int)rng_below(&r, 4);
            struct endpoint at = endpoint_ip4(0x0a000001u + (uint32_t)host, NS3_NET_PORT);

            ns3_host_run(net.n, (uint32_t)host, NULL, NULL);
            memset(net.peers[host].ends, 0, sizeof net.peers[host].ends);
            ns3_net_run(&net, rng_below(&r, SECOND));
            ns3_host_run(net.n, (uint32_t)host, &ns3_net_app, &net.peers[host]);
            assert_int_equal(ns3_ops.listen(net.peers[host].host, &at), 0);
        }
    }
    settle(&net);
    ns3_net_deinit(&net);
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
    struct ns3_net net;

    (void)state;
    ns3_net_init(&net, NULL, NULL, 1);
    assert_null(ns3_new(&config, error, sizeof error));
    assert_non_null(strstr(error, "one at a time"));
    ns3_net_deinit(&net);
    ns3_net_init(&net, NULL, NULL, 1);
    ns3_net_deinit(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(opening_takes_a_round_trip_and_data_half_a_one_more, ns3_net_clean),
        cmocka_unit_test_teardown(a_dial_that_nobody_hears_is_refused_and_one_without_answer_times_out, ns3_net_clean),
        cmocka_unit_test_teardown(two_hosts_that_dial_each_other_at_once_have_two_connections, ns3_net_clean),
        cmocka_unit_test_teardown(an_orderly_close_delivers_what_was_sent, ns3_net_clean),
        cmocka_unit_test_teardown(a_reset_is_heard_at_once_and_as_such, ns3_net_clean),
        cmocka_unit_test_teardown(handles_that_are_gone_do_nothing, ns3_net_clean),
        cmocka_unit_test_teardown(a_crash_resets_all_and_a_new_node_can_be_dialled, ns3_net_clean),
        cmocka_unit_test_teardown(a_crash_right_after_a_syn_leaves_nobody_to_accept, ns3_net_clean),
        cmocka_unit_test_teardown(a_paused_reader_stops_the_sender_and_loses_nothing, ns3_net_clean),
        cmocka_unit_test_teardown(send_takes_no_more_than_the_kernel_would, ns3_net_clean),
        cmocka_unit_test_teardown(a_link_carries_its_rate_and_its_queue_drops_the_rest, ns3_net_clean),
        cmocka_unit_test_teardown(rates_can_change_and_a_middle_is_shared, ns3_net_clean),
        cmocka_unit_test_teardown(losses_have_the_share_that_was_asked_for, ns3_net_clean),
        cmocka_unit_test_teardown(jitter_never_reorders_a_connection, ns3_net_clean),
        cmocka_unit_test_teardown(a_partition_is_survived_until_tcp_gives_up, ns3_net_clean),
        cmocka_unit_test_teardown(a_one_way_partition_loses_one_direction, ns3_net_clean),
        cmocka_unit_test_teardown(the_rules_hold_whatever_happens_and_it_happens_again, ns3_net_clean),
        cmocka_unit_test_teardown(there_is_one_network_at_a_time, ns3_net_clean),
    };
    char error[256];

    if (!ns3_plugin(error, sizeof error)) {
        size_t count = sizeof tests / sizeof *tests;

        printf("skipped: %s\n[  SKIPPED ] %zu test(s), listed below:\n", error, count);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
