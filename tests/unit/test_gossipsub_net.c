/* Networks of routers: what go-libp2p-pubsub's own tests ask of gossipsub without scores. */
#include "tests/lib/gossip_net.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"

#include <stdio.h>

#define T "test"

static void subscribe_all(struct gossip_net *net, uint32_t from)
{
    for (uint32_t i = from; i < net->count; i++)
        gossip_subscribe(net, i, T);
}

/* Every subscriber has each of the messages exactly once. */
static void assert_all_got(const struct gossip_net *net, uint32_t first_node, uint32_t first,
                           uint32_t count)
{
    for (uint32_t i = first_node; i < net->count; i++) {
        if (!net->nodes[i].g)
            continue;
        for (uint32_t m = first; m < first + count; m++)
            assert_int_equal(net->nodes[i].got[m], 1);
    }
}

static void publish_random(struct gossip_net *net, uint32_t first, uint32_t count, uint64_t gap_ns)
{
    for (uint32_t m = first; m < first + count; m++) {
        uint32_t from;

        do
            from = (uint32_t)rng_below(&net->rng, net->count);
        while (!net->nodes[from].g);
        assert_int_equal(gossip_publish(net, from, T, m, 100), ERR_OK);
        gossip_run(net, gap_ns);
    }
}

static void deliver_to_all(uint32_t degree, enum gossipsub_signing signing)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;

    config.signing = signing;
    if (signing == GOSSIPSUB_STRICT_NO_AUTHOR)
        config.message_id = gossipsub_id_sha256;
    net = gossip_net_new(20, &config);
    gossip_connect_random(net, degree);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    publish_random(net, 0, signing == GOSSIPSUB_STRICT_SIGN ? 20 : 100, 5 * MS);
    gossip_run(net, 3 * SECOND);
    assert_all_got(net, 0, 0, signing == GOSSIPSUB_STRICT_SIGN ? 20 : 100);
    gossip_net_free(net);
}

static void a_sparse_network_delivers_everything_to_everyone(void **state)
{
    (void)state;
    deliver_to_all(3, GOSSIPSUB_STRICT_NO_SIGN);
}

static void a_dense_network_delivers_everything_to_everyone(void **state)
{
    (void)state;
    deliver_to_all(10, GOSSIPSUB_STRICT_NO_SIGN);
}

static void signed_and_anonymous_messages_are_delivered_too(void **state)
{
    (void)state;
    deliver_to_all(3, GOSSIPSUB_STRICT_SIGN);
    deliver_to_all(3, GOSSIPSUB_STRICT_NO_AUTHOR);
}

static void a_publisher_that_does_not_subscribe_uses_its_fanout(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 10);
    subscribe_all(net, 1);
    gossip_run(net, 2 * SECOND);
    for (uint32_t m = 0; m < 100; m++) {
        gossip_publish(net, 0, T, m, 100);
        gossip_run(net, 5 * MS);
    }
    gossip_run(net, 3 * SECOND);
    assert_all_got(net, 1, 0, 100);
    assert_int_equal(net->nodes[0].delivered, 0);
    gossip_subscribe(net, 0, T); /* the fanout becomes its first mesh */
    gossip_run(net, 2 * SECOND);
    for (uint32_t m = 100; m < 200; m++) {
        gossip_publish(net, 0, T, m, 100);
        gossip_run(net, 5 * MS);
    }
    gossip_run(net, 3 * SECOND);
    assert_all_got(net, 0, 100, 100);
    gossip_net_free(net);
}

static void a_fanout_forms_again_after_all_subscribers_left_and_came_back(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 10);
    subscribe_all(net, 1);
    gossip_run(net, 2 * SECOND);
    gossip_publish(net, 0, T, 0, 100);
    gossip_run(net, 2 * SECOND);
    for (uint32_t i = 1; i < 20; i++)
        gossip_unsubscribe(net, i, T);
    gossip_run(net, 2 * SECOND);
    gossip_publish(net, 0, T, 1, 100);
    gossip_run(net, 6 * SECOND); /* out of the message cache, or it would be gossiped about */
    subscribe_all(net, 1);
    gossip_run(net, 20 * SECOND);
    for (uint32_t m = 2; m < 50; m++) {
        gossip_publish(net, 0, T, m, 100);
        gossip_run(net, 5 * MS);
    }
    gossip_run(net, 3 * SECOND);
    assert_all_got(net, 1, 2, 48);
    for (uint32_t i = 1; i < 20; i++)
        assert_int_equal(net->nodes[i].got[1], 0);
    gossip_net_free(net);
}

static void the_mesh_stays_within_its_bounds(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 16);
    subscribe_all(net, 0);
    for (int i = 0; i < 90; i++) {
        gossip_run(net, SECOND);
        for (uint32_t n = 0; i > 3 && n < 20; n++) {
            uint32_t size = gossip_mesh(net, n, T);

            assert_true(size >= config.params.d_lo);
            assert_true(size <= config.params.d_hi + config.params.d_out);
        }
    }
    for (uint32_t n = 0; n < 20; n++) /* a settled mesh is mutual */
        for (uint32_t slot = 0; slot < net->nodes[n].slot_count; slot++)
            assert_int_equal(gossipsub_mesh_has(net->nodes[n].g, slice_text(T), slot),
                             gossipsub_mesh_has(net->nodes[net->nodes[n].peers[slot].node].g,
                                                slice_text(T), net->nodes[n].peers[slot].slot));
    gossip_net_free(net);
}

static void messages_cross_a_chain_of_six(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(6, &config);

    (void)state;
    for (uint32_t i = 0; i + 1 < 6; i++)
        gossip_connect(net, i, i + 1);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    gossip_publish(net, 0, T, 0, 100);
    gossip_run(net, SECOND);
    assert_all_got(net, 0, 0, 1);
    assert_true(net->nodes[5].got_ns[0] - net->nodes[0].got_ns[0] == 5 * net->latency_ns);
    assert_int_equal(net->nodes[5].counts[TRACE_DUPLICATE], 0);
    gossip_net_free(net);
}

static void validation_delays_add_up_along_a_chain_and_overlap(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;

    (void)state;
    config.validation_delay_ns = 7 * MS;
    net = gossip_net_new(4, &config);
    for (uint32_t i = 0; i + 1 < 4; i++)
        gossip_connect(net, i, i + 1);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    for (uint32_t m = 0; m < 10; m++)
        gossip_publish(net, 0, T, m, 100);
    gossip_run(net, SECOND);
    assert_all_got(net, 0, 0, 10);
    for (uint32_t m = 0; m < 10; m++)
        assert_true(net->nodes[3].got_ns[m] - net->nodes[0].got_ns[m] == 3 * 17 * MS);
    gossip_net_free(net);
}

/* Two groups share node 0 only; the second subscribes after the messages went out. */
static void gossip_reaches_those_who_subscribe_late(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        for (uint32_t j = i + 1; j < 20; j++)
            if (j < 7 || (i >= 7 && rng_chance(&net->rng, 1, 2)) || (i == 0 && j >= 7))
                gossip_connect(net, i, j);
    for (uint32_t i = 1; i < 7; i++)
        gossip_subscribe(net, i, T);
    gossip_run(net, SECOND);
    for (uint32_t m = 0; m < 10; m++) {
        gossip_publish(net, 0, T, m, 100);
        gossip_run(net, 10 * MS);
    }
    gossip_run(net, 50 * MS);
    for (uint32_t i = 7; i < 20; i++)
        gossip_subscribe(net, i, T);
    gossip_run(net, 5 * SECOND);
    assert_all_got(net, 1, 0, 10);
    assert_true(net->nodes[0].sent[TRACE_CONTROL_IHAVE] > 0);
    gossip_net_free(net);
}

static void others_still_deliver_when_some_unsubscribe(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 10);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    for (uint32_t i = 0; i < 5; i++)
        gossip_unsubscribe(net, i, T);
    gossip_run(net, 200 * MS);
    for (uint32_t i = 5; i < 20; i++) /* told by PRUNE: no mesh holds them any more */
        for (uint32_t gone = 0; gone < 5; gone++)
            if (gossip_slot(net, i, gone) != UINT32_MAX)
                assert_false(
                    gossipsub_mesh_has(net->nodes[i].g, slice_text(T), gossip_slot(net, i, gone)));
    gossip_run(net, 2 * SECOND);
    for (uint32_t m = 0; m < 10; m++) {
        gossip_publish(net, 5 + m, T, m, 100);
        gossip_run(net, 5 * MS);
    }
    gossip_run(net, 2 * SECOND);
    assert_all_got(net, 5, 0, 10);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(net->nodes[i].delivered, 0);
    gossip_net_free(net);
}

static void others_still_deliver_when_some_die(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 10);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    publish_random(net, 0, 1, 5 * MS);
    for (uint32_t i = 0; i < 5; i++)
        gossip_kill(net, i);
    gossip_run(net, 2 * SECOND);
    publish_random(net, 1, 10, 5 * MS);
    gossip_run(net, 2 * SECOND);
    assert_all_got(net, 5, 1, 10);
    gossip_net_free(net);
}

static void subscriptions_after_the_connections_build_meshes(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 3);
    gossip_run(net, SECOND);
    for (uint32_t i = 0; i < 20; i++) {
        gossip_subscribe(net, i, T);
        gossip_run(net, 100 * MS);
    }
    gossip_run(net, SECOND);
    publish_random(net, 0, 100, 5 * MS);
    gossip_run(net, 3 * SECOND);
    assert_all_got(net, 0, 0, 100);
    gossip_net_free(net);
}

static void flood_publishing_reaches_every_leaf_of_a_star_in_one_hop(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;

    (void)state;
    config.params.flood_publish = true;
    config.params.history_gossip = 0; /* nothing but the flood can bring it */
    net = gossip_net_new(30, &config);
    for (uint32_t i = 1; i < 30; i++)
        gossip_connect(net, i, 0);
    subscribe_all(net, 0);
    gossip_run(net, 5 * SECOND);
    for (uint32_t m = 0; m < 20; m++)
        gossip_publish(net, 0, T, m, 100);
    gossip_run(net, 50 * MS);
    assert_all_got(net, 0, 0, 20);
    gossip_net_free(net);
}

static void a_direct_peer_gets_everything_and_is_in_no_mesh(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(3, &config);

    (void)state;
    gossipsub_peer_direct(net->nodes[0].g, &net->nodes[1].identity.id);
    gossipsub_peer_direct(net->nodes[1].g, &net->nodes[0].identity.id);
    gossip_connect(net, 0, 1);
    gossip_connect(net, 1, 2);
    subscribe_all(net, 0);
    gossip_run(net, 5 * SECOND);
    assert_int_equal(gossip_mesh(net, 0, T), 0);
    assert_int_equal(gossip_mesh(net, 1, T), 1);
    for (uint32_t m = 0; m < 20; m++) {
        gossip_publish(net, m % 3, T, m, 100);
        gossip_run(net, 50 * MS);
    }
    assert_all_got(net, 0, 0, 20);
    gossip_disconnect(net, 0, 1);
    gossip_connect(net, 1, 0);
    gossip_run(net, 3 * SECOND);
    gossip_publish(net, 2, T, 20, 100);
    gossip_run(net, 50 * MS);
    assert_all_got(net, 0, 20, 1);
    assert_int_equal(gossip_mesh(net, 0, T), 0);
    gossip_net_free(net);
}

static void a_direct_peer_of_a_fanout_publisher_is_served_beside_the_fanout(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(3, &config);

    (void)state;
    gossipsub_peer_direct(net->nodes[0].g, &net->nodes[1].identity.id);
    gossip_connect(net, 0, 1);
    gossip_connect(net, 0, 2);
    subscribe_all(net, 1);
    gossip_run(net, SECOND);
    for (uint32_t m = 0; m < 10; m++)
        gossip_publish(net, 0, T, m, 100);
    gossip_run(net, 50 * MS);
    assert_all_got(net, 1, 0, 10);
    gossip_net_free(net);
}

/* 35 topics at once: their GRAFTs and announcements do not fit the queues, and are tried again. */
static void meshes_of_many_topics_form_although_queues_overflow(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;
    char topic[16];

    (void)state;
    config.params.outbound_queue_max = 8;
    net = gossip_net_new(10, &config);
    gossip_connect_random(net, 9);
    for (uint32_t t = 0; t < 35; t++) {
        snprintf(topic, sizeof topic, "topic%u", t);
        for (uint32_t i = 0; i < 10; i++)
            gossip_subscribe(net, i, topic);
    }
    gossip_run(net, 10 * SECOND);
    assert_true(net->nodes[0].counts[TRACE_DROP] > 0);
    for (uint32_t t = 0; t < 35; t++) {
        snprintf(topic, sizeof topic, "topic%u", t);
        for (uint32_t i = 0; i < 10; i++)
            assert_true(gossip_mesh(net, i, topic) >= config.params.d_lo);
        gossip_publish(net, t % 10, topic, t, 100);
        gossip_run(net, 100 * MS);
        for (uint32_t i = 0; i < 10; i++)
            assert_int_equal(net->nodes[i].got[t], 1);
    }
    gossip_net_free(net);
}

static void an_application_may_publish_while_it_is_given_a_message(void **state)
{
    struct gossipsub_config config = gossip_config();

    (void)state;
    for (config.validation_delay_ns = 0; config.validation_delay_ns <= MS;
         config.validation_delay_ns += MS) {
        struct gossip_net *net = gossip_net_new(5, &config);

        gossip_connect_random(net, 4);
        subscribe_all(net, 0);
        net->nodes[1].echo = net->nodes[0].echo = true;
        gossip_run(net, 2 * SECOND);
        gossip_publish(net, 0, T, 1, 100); /* its own delivery echoes at once */
        gossip_publish(net, 2, T, 2, 100);
        gossip_run(net, 2 * SECOND);
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(net->nodes[i].got[1], 1);
            assert_int_equal(net->nodes[i].got[2], 1);
            assert_int_equal(net->nodes[i].got[101], 2); /* one of each echoing node */
            assert_int_equal(net->nodes[i].got[102], 2);
        }
        gossip_net_free(net);
    }
}

static uint64_t run_digest(uint64_t seed, bool copies)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;
    uint64_t digest = 0;

    config.seed = seed;
    config.validation_delay_ns = 3 * MS;
    net = gossip_net_new(12, &config);
    net->copies = copies;
    gossip_connect_random(net, 6);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    publish_random(net, 0, 20, 20 * MS);
    gossip_run(net, 3 * SECOND);
    for (uint32_t i = 0; i < net->count; i++)
        digest = digest * 31 + net->nodes[i].digest;
    gossip_net_free(net);
    return digest;
}

static void the_same_seed_gives_the_same_events(void **state)
{
    (void)state;
    assert_true(run_digest(5, false) == run_digest(5, false));
    assert_true(run_digest(5, false) != run_digest(6, false));
}

/* Copies are recognised by their address where the transport shares memory: that must show in
 * nothing but speed. */
static void it_does_not_matter_whether_the_transport_shares_memory(void **state)
{
    (void)state;
    assert_true(run_digest(7, false) == run_digest(7, true));
}

/* Every message event must add up: what is sent arrives once as new and otherwise as a duplicate.
 */
static void copies_sent_are_copies_received(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(20, &config);
    uint32_t sent = 0, arrived = 0, duplicates = 0;

    (void)state;
    gossip_connect_random(net, 8);
    subscribe_all(net, 0);
    gossip_run(net, 2 * SECOND);
    publish_random(net, 0, 50, 30 * MS);
    gossip_run(net, 8 * SECOND);
    for (uint32_t i = 0; i < 20; i++) {
        sent += net->nodes[i].counts[TRACE_SEND];
        arrived += net->nodes[i].counts[TRACE_ARRIVE];
        duplicates += net->nodes[i].counts[TRACE_DUPLICATE];
        assert_int_equal(net->nodes[i].counts[TRACE_REJECT], 0);
        assert_int_equal(net->nodes[i].counts[TRACE_DROP], 0);
        assert_int_equal(net->nodes[i].counts[TRACE_GRAFT] - net->nodes[i].counts[TRACE_PRUNE],
                         gossip_mesh(net, i, T));
    }
    assert_int_equal(arrived, 19 * 50);
    assert_int_equal(sent, arrived + duplicates);
    gossip_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sparse_network_delivers_everything_to_everyone),
        cmocka_unit_test(a_dense_network_delivers_everything_to_everyone),
        cmocka_unit_test(signed_and_anonymous_messages_are_delivered_too),
        cmocka_unit_test(a_publisher_that_does_not_subscribe_uses_its_fanout),
        cmocka_unit_test(a_fanout_forms_again_after_all_subscribers_left_and_came_back),
        cmocka_unit_test(the_mesh_stays_within_its_bounds),
        cmocka_unit_test(messages_cross_a_chain_of_six),
        cmocka_unit_test(validation_delays_add_up_along_a_chain_and_overlap),
        cmocka_unit_test(gossip_reaches_those_who_subscribe_late),
        cmocka_unit_test(others_still_deliver_when_some_unsubscribe),
        cmocka_unit_test(others_still_deliver_when_some_die),
        cmocka_unit_test(subscriptions_after_the_connections_build_meshes),
        cmocka_unit_test(flood_publishing_reaches_every_leaf_of_a_star_in_one_hop),
        cmocka_unit_test(a_direct_peer_gets_everything_and_is_in_no_mesh),
        cmocka_unit_test(a_direct_peer_of_a_fanout_publisher_is_served_beside_the_fanout),
        cmocka_unit_test(meshes_of_many_topics_form_although_queues_overflow),
        cmocka_unit_test(an_application_may_publish_while_it_is_given_a_message),
        cmocka_unit_test(the_same_seed_gives_the_same_events),
        cmocka_unit_test(it_does_not_matter_whether_the_transport_shares_memory),
        cmocka_unit_test(copies_sent_are_copies_received),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
