/* stack/node: whole nodes in the simulator. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/node/app_stream.h"
#include "tests/lib/swarm.h"

static struct node_config gossip_config(enum noise_mode encryption)
{
    struct node_config c = node_config_default();

    c.encryption = encryption;
    c.gossipsub_on = true;
    c.gossipsub.signing = GOSSIPSUB_STRICT_NO_SIGN;
    c.gossipsub.message_id = gossipsub_id_blake2b256;
    return c;
}

static void ring_delivers(enum noise_mode encryption, uint32_t count, size_t size)
{
    struct node_config c = gossip_config(encryption);
    struct swarm s;

    swarm_init(&s, count, &c);
    for (uint32_t i = 0; i < count; i++)
        swarm_connect(&s, i, (i + 1) % count);
    swarm_subscribe_all(&s, "t");
    swarm_run(&s, 3 * SWARM_SECOND);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(node_counts(s.nodes[i].node).connections, 2);
        assert_int_equal(s.nodes[i].failed, 0);
    }
    for (uint32_t i = 0; i < 5; i++)
        swarm_publish(&s, i, "t", i, size);
    swarm_run(&s, 5 * SWARM_SECOND);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(s.nodes[i].delivered, 5);
    swarm_free(&s);
}

static void a_ring_of_nodes_delivers_every_message_to_all(void **state)
{
    (void)state;
    ring_delivers(NOISE_MODELLED, 10, 1024);
    ring_delivers(NOISE_REAL, 10, 1024);
}

static void messages_larger_than_a_window_arrive(void **state)
{
    (void)state;
    ring_delivers(NOISE_MODELLED, 5, 900 * 1024);
    ring_delivers(NOISE_REAL, 5, 900 * 1024);
}

static void two_nodes_that_dial_each_other_keep_one_connection(void **state)
{
    struct node_config c = gossip_config(NOISE_MODELLED);
    struct swarm s;

    (void)state;
    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_connect(&s, 1, 0);
    swarm_subscribe_all(&s, "t");
    swarm_run(&s, 30 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    assert_int_equal(node_counts(s.nodes[1].node).connections, 1);
    swarm_publish(&s, 0, "t", 1, 100);
    swarm_run(&s, SWARM_SECOND);
    assert_int_equal(s.nodes[1].delivered, 1);
    swarm_free(&s);
}

static void a_wrong_peer_id_is_refused(void **state)
{
    struct node_config c = gossip_config(NOISE_REAL);
    struct endpoint at = swarm_address(1);
    struct swarm s;

    (void)state;
    swarm_init(&s, 3, &c);
    node_connect(s.nodes[0].node, 0, &at, node_peerid(s.nodes[2].node));
    swarm_run(&s, SWARM_SECOND / 2);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 0);
    assert_int_equal(s.nodes[0].last_error, ERR_WRONG_PEER);
    assert_int_equal(node_counts(s.nodes[1].node).connections, 0);
    swarm_free(&s);
}

static void the_last_word_on_who_is_expected_counts(void **state)
{
    struct node_config c = gossip_config(NOISE_REAL);
    struct endpoint at = swarm_address(1);
    struct swarm s;

    (void)state;
    swarm_init(&s, 3, &c);
    node_connect(s.nodes[0].node, 0, &at, node_peerid(s.nodes[2].node));
    swarm_run(&s, SWARM_SECOND / 2);
    assert_int_equal(s.nodes[0].last_error, ERR_WRONG_PEER);
    node_connect(s.nodes[0].node, des_now_ns(s.des), &at, node_peerid(s.nodes[1].node));
    swarm_run(&s, SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    swarm_free(&s);
}

/* Node 0 dials node 1, which goes and is back 5 s later. */
static void goes_and_comes_back(struct node_config c, bool orderly)
{
    struct endpoint at = swarm_address(1);
    struct peerid id;
    struct swarm s;

    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    id = *node_peerid(s.nodes[1].node);
    swarm_run(&s, SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    if (orderly)
        node_stop(s.nodes[1].node, des_now_ns(s.des));
    swarm_crash(&s, 1);
    swarm_run(&s, 5 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 0);
    assert_true(s.nodes[0].failed > 0);

    struct node_events none = {0};

    store_le64(c.identity_seed, 1);
    c.listens = true;
    c.listen = at;
    s.nodes[1].node = node_new(&c, &des_ops, des_host(s.des, 1), &none);
    s.nodes[1].down = false;
    des_host_run(s.des, 1, &node_app, s.nodes[1].node);
    assert_int_equal(node_start(s.nodes[1].node, des_now_ns(s.des)), 0);
    assert_true(peerid_equal(&id, node_peerid(s.nodes[1].node)));
    swarm_run(&s, 20 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    swarm_free(&s);
}

static void a_node_that_crashes_is_dialled_again_when_it_is_back(void **state)
{
    (void)state;
    goes_and_comes_back(gossip_config(NOISE_MODELLED), false);
}

/* Without heartbeats nothing else wakes the node that is to dial. */
static void a_node_that_stops_in_order_is_dialled_again_even_by_a_quiet_one(void **state)
{
    struct node_config c = node_config_default();

    (void)state;
    c.encryption = NOISE_MODELLED;
    goes_and_comes_back(c, true);
    goes_and_comes_back(c, false);
}

static void stopping_says_goodbye(void **state)
{
    struct node_config c = gossip_config(NOISE_REAL);
    struct swarm s;

    (void)state;
    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_run(&s, SWARM_SECOND);
    node_stop(s.nodes[1].node, des_now_ns(s.des));
    swarm_run(&s, SWARM_SECOND / 10);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 0);
    assert_int_equal(s.nodes[0].last_error, ERR_CLOSED);
    swarm_free(&s);
}

static void algorand_relays_forward_to_all(void **state)
{
    struct node_config c = node_config_default();
    struct swarm s;
    struct blob *payload = blob_copy(slice_text("a vote of some sort"));

    (void)state;
    c.encryption = NOISE_MODELLED;
    c.algorand_on = true;
    c.algorand.genesis = "test-v1";
    c.algorand.relay = true;
    c.algorand.gossip_service = true;
    swarm_init(&s, 6, &c);
    for (uint32_t i = 0; i + 1 < 6; i++)
        swarm_connect(&s, i, i + 1);
    swarm_run(&s, 2 * SWARM_SECOND);
    assert_int_equal(node_broadcast(s.nodes[0].node, des_now_ns(s.des), "AV", span_give(payload)),
                     0);
    swarm_run(&s, SWARM_SECOND);
    for (uint32_t i = 1; i < 6; i++)
        assert_int_equal(s.nodes[i].received, 1);
    swarm_free(&s);
    blob_unref(payload);
}

static void finish_at_once(void *ctx, uint64_t now_ns, struct app_stream *stream)
{
    ++*(int *)ctx;
    app_stream_finish(stream, now_ns);
}

static void take_all(void *ctx, uint64_t now_ns, struct app_stream *stream, struct chain *in)
{
    (void)ctx;
    (void)now_ns;
    (void)stream;
    chain_drop(in, in->size);
}

static void forget(void *ctx, uint64_t now_ns, struct app_stream *stream, int err)
{
    (void)ctx;
    (void)now_ns;
    (void)stream;
    (void)err;
}

/* As algod does on a connection that its mesh did not ask for. */
static void an_algorand_stream_that_is_refused_costs_no_connection(void **state)
{
    int opened = 0;

    (void)state;
    for (uint32_t speaker = 0; speaker < 2; speaker++) { /* only the smaller id opens */
        struct node_config plain = gossip_config(NOISE_MODELLED), c = plain;
        const struct app_protocol refuser = {.id = algorand_protocols[ALGORAND_V22],
                                             .ctx = &opened,
                                             .opened = finish_at_once,
                                             .data = take_all,
                                             .closed = forget};
        struct node_events none = {0};
        struct swarm s;

        swarm_init(&s, 2, &plain);
        swarm_crash(&s, speaker);
        c.algorand_on = true;
        c.algorand.genesis = "test-v1";
        c.algorand.gossip_service = true;
        store_le64(c.identity_seed, speaker);
        s.nodes[speaker].node = node_new(&c, &des_ops, des_host(s.des, speaker), &none);
        s.nodes[speaker].down = false;
        des_host_run(s.des, speaker, &node_app, s.nodes[speaker].node);
        assert_int_equal(node_start(s.nodes[speaker].node, des_now_ns(s.des)), 0);
        app_stream_serve(s.nodes[1 - speaker].node, des_now_ns(s.des), &refuser);
        swarm_connect(&s, speaker, 1 - speaker);
        swarm_run(&s, 5 * SWARM_SECOND);
        assert_int_equal(node_counts(s.nodes[speaker].node).connections, 1);
        assert_int_equal(s.nodes[1 - speaker].gone, 0);
        swarm_free(&s);
    }
    assert_int_equal(opened, 1);
}

static void idle_connections_stay_up_through_keepalives(void **state)
{
    struct node_config c = gossip_config(NOISE_MODELLED);
    struct swarm s;

    (void)state;
    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_run(&s, 600 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    assert_int_equal(s.nodes[0].gone, 0);
    swarm_free(&s);
}

/* Also when it is shorter than the patience with an unanswered ping, for which the timer was armed last. */
static void an_idle_connection_is_pinged_as_often_as_asked(void **state)
{
    const uint64_t ping_size = 2 + 12 + 16; /* Noise length, yamux header, tag */
    struct node_config c = node_config_default(), silent = c;
    struct node_events none = {0};
    struct swarm s;
    uint64_t sent;

    (void)state;
    c.encryption = NOISE_REAL;
    c.yamux.keepalive_ns = SWARM_SECOND;
    swarm_init(&s, 2, &c);
    swarm_crash(&s, 1); /* in its place one that only answers */
    silent.encryption = NOISE_REAL;
    silent.yamux.keepalive_ns = 0;
    silent.listens = true;
    silent.listen = swarm_address(1);
    store_le64(silent.identity_seed, 1);
    s.nodes[1].node = node_new(&silent, &des_ops, des_host(s.des, 1), &none);
    s.nodes[1].down = false;
    des_host_run(s.des, 1, &node_app, s.nodes[1].node);
    assert_int_equal(node_start(s.nodes[1].node, des_now_ns(s.des)), 0);
    swarm_connect(&s, 0, 1);
    swarm_run(&s, 20 * SWARM_SECOND);
    sent = node_counts(s.nodes[0].node).bytes_sent;
    swarm_run(&s, 100 * SWARM_SECOND);
    sent = node_counts(s.nodes[0].node).bytes_sent - sent;
    assert_int_equal(sent % ping_size, 0);
    assert_in_range(sent / ping_size, 97, 99); /* a round trip of 20 ms comes on top of each second */
    assert_int_equal(s.nodes[0].gone, 0);
    swarm_free(&s);
}

static void a_partition_longer_than_the_keepalive_ends_connections_and_heals(void **state)
{
    struct node_config c = gossip_config(NOISE_MODELLED);
    bool member[] = {true, false};
    struct swarm s;
    int slot;

    (void)state;
    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_run(&s, 10 * SWARM_SECOND);
    slot = des_partition(s.des, member, DES_CUT_BOTH);
    swarm_run(&s, 100 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 0);
    assert_int_equal(s.nodes[0].last_error, ERR_TIMEOUT);
    des_heal(s.des, slot);
    swarm_run(&s, 120 * SWARM_SECOND);
    assert_int_equal(node_counts(s.nodes[0].node).connections, 1);
    assert_int_equal(node_counts(s.nodes[1].node).connections, 1);
    swarm_free(&s);
}

/* A world that only keeps the deadline. */
static void lone_random(void *host, uint8_t *out, size_t size)
{
    (void)host;
    memset(out, 7, size);
}

static void lone_wake_at(void *host, uint64_t deadline_ns)
{
    *(uint64_t *)host = deadline_ns;
}

static uint64_t traced_ns;

static void lone_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    (void)host;
    (void)event;
    traced_ns = now_ns;
}

static const struct backend_ops lone_ops = {
    .version = BACKEND_VERSION, .random = lone_random, .wake_at = lone_wake_at, .trace = lone_trace};

/* 1000 heartbeats of 1 s by a clock that runs a tenth too fast. */
static void heartbeats_go_by_the_nodes_own_clock_and_traces_by_the_worlds(void **state)
{
    struct node_config c = gossip_config(NOISE_MODELLED);
    struct node_events none = {0};
    uint64_t deadline_ns = TIME_NEVER, first_ns;
    struct node *n;

    (void)state;
    c.clock = (struct clock){.offset_ns = 3600 * SWARM_SECOND, .drift_ppb = 100000000};
    n = node_new(&c, &lone_ops, &deadline_ns, &none);
    assert_int_equal(node_start(n, 5 * SWARM_SECOND), 0);
    first_ns = deadline_ns;
    assert_int_equal(first_ns, 5 * SWARM_SECOND + 100000000 * UINT64_C(10) / 11 + 1);
    for (int i = 0; i < 1000; i++)
        node_app.wake(n, deadline_ns);
    assert_true(deadline_ns - first_ns >= 1000 * SWARM_SECOND * 10 / 11);
    assert_true(deadline_ns - first_ns <= 1000 * SWARM_SECOND * 10 / 11 + 1);
    node_subscribe(n, deadline_ns, slice_text("t"));
    assert_int_equal(traced_ns, deadline_ns);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_of_nodes_delivers_every_message_to_all),
        cmocka_unit_test(messages_larger_than_a_window_arrive),
        cmocka_unit_test(two_nodes_that_dial_each_other_keep_one_connection),
        cmocka_unit_test(a_wrong_peer_id_is_refused),
        cmocka_unit_test(the_last_word_on_who_is_expected_counts),
        cmocka_unit_test(a_node_that_crashes_is_dialled_again_when_it_is_back),
        cmocka_unit_test(a_node_that_stops_in_order_is_dialled_again_even_by_a_quiet_one),
        cmocka_unit_test(stopping_says_goodbye),
        cmocka_unit_test(algorand_relays_forward_to_all),
        cmocka_unit_test(an_algorand_stream_that_is_refused_costs_no_connection),
        cmocka_unit_test(idle_connections_stay_up_through_keepalives),
        cmocka_unit_test(heartbeats_go_by_the_nodes_own_clock_and_traces_by_the_worlds),
        cmocka_unit_test(an_idle_connection_is_pinged_as_often_as_asked),
        cmocka_unit_test(a_partition_longer_than_the_keepalive_ends_connections_and_heals),
    };

    assert_int_equal(crypto_init(), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
