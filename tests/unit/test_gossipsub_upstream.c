/* Networks of routers: tests of go-libp2p-pubsub that need more than one of them and scores, versions or defences. Their names are
 * given with each. */
#include "tests/lib/gossip_net.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/gater.h"
#include "stack/gossipsub/router.h"

#define T "test"

static struct score_topic topic;
static struct score_params params;

static struct gossipsub_config scored(void)
{
    struct gossipsub_config config = gossip_config();

    params = score_params_default();
    params.app_specific_weight = 1;
    params.gossip_threshold = -10;
    params.publish_threshold = -100;
    params.graylist_threshold = -1000;
    topic = (struct score_topic){SCORE_ANY_TOPIC, score_topic_params_default()};
    params.topics = &topic;
    params.topic_count = 1;
    config.score = &params;
    return config;
}

static void subscribe_all(struct gossip_net *net)
{
    for (uint32_t i = 0; i < net->count; i++)
        gossip_subscribe(net, i, T);
}

static void dislike(struct gossip_net *net, uint32_t node, double score)
{
    for (uint32_t i = 0; i < net->count; i++) {
        uint32_t slot = gossip_slot(net, i, node);

        if (slot != UINT32_MAX)
            net->nodes[i].app[slot] = score;
    }
}

/* upstream: TestGossipsubNegativeScore */
static void a_peer_that_all_think_badly_of_hears_and_says_nothing(void **state)
{
    struct gossipsub_config config = scored();
    struct gossip_net *net = gossip_net_new(20, &config);

    (void)state;
    gossip_connect_random(net, 10);
    dislike(net, 0, -1001);
    subscribe_all(net);
    gossip_run(net, 3 * SECOND);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(gossip_publish(net, i, T, i, 64), ERR_OK);
        gossip_run(net, 20 * MS);
    }
    gossip_run(net, 2 * SECOND);
    for (uint32_t node = 0; node < 20; node++)
        for (uint32_t number = 0; number < 20; number++)
            assert_int_equal(net->nodes[node].got[number], node == 0 ? number == 0 : number != 0);
    gossip_net_free(net);
}

/* upstream: TestGossipsubPruneBackoffTime */
static void a_peer_that_falls_below_zero_is_pruned_for_the_backoff(void **state)
{
    struct gossipsub_config config = scored();
    struct gossip_net *net = gossip_net_new(10, &config);
    uint32_t pruned = 0;
    uint64_t at_ns;

    (void)state;
    for (uint32_t i = 1; i < 10; i++)
        gossip_connect(net, 0, i);
    subscribe_all(net);
    gossip_run(net, 2 * SECOND);
    dislike(net, 0, -1000);
    at_ns = net->now_ns;
    gossip_run(net, 2500 * MS);
    for (uint32_t i = 1; i < 10; i++) {
        uint64_t end_ns = gossipsub_backoff(net->nodes[i].g, slice_text(T), &net->nodes[0].identity.id);

        if (!end_ns)
            continue;
        pruned++;
        assert_in_range(end_ns, at_ns + 59 * SECOND, at_ns + 63 * SECOND);
    }
    assert_true(pruned >= 6);
    gossip_net_free(net);
}

/* upstream: TestGossipsubOpportunisticGrafting: 10 honest nodes, and 40 that join every mesh and never forward */
static void opportunistic_grafting_brings_honest_peers_back_into_the_meshes(void **state)
{
    struct gossipsub_config config = scored();
    struct gossip_net *net;

    (void)state;
    topic.params.topic_weight = 1;
    topic.params.first_message_deliveries_weight = 100;
    topic.params.first_message_deliveries_decay = 0.99997;
    topic.params.first_message_deliveries_cap = 1000;
    params.opportunistic_graft_threshold = 1;
    config.params.opportunistic_graft_ticks = 2;
    config.params.prune_backoff_ns = 2 * SECOND;
    config.params.graft_flood_threshold_ns = SECOND;
    net = gossip_net_new(50, &config);
    for (uint32_t sybil = 10; sybil < 50; sybil++) {
        net->nodes[sybil].verdict = GOSSIPSUB_IGNORE;
        for (uint32_t honest = 0; honest < 10; honest++)
            gossip_connect(net, sybil, honest);
    }
    for (uint32_t sybil = 10; sybil < 50; sybil++)
        gossip_subscribe(net, sybil, T);
    gossip_run(net, SECOND);
    for (uint32_t i = 0; i < 10; i++)
        for (uint32_t k = 1; k <= 3; k++)
            if (gossip_slot(net, i, (i + k) % 10) == UINT32_MAX)
                gossip_connect(net, i, (i + k) % 10);
    for (uint32_t i = 0; i < 10; i++)
        gossip_subscribe(net, i, T);
    gossip_run(net, SECOND);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(gossip_publish(net, i % 10, T, i % GOSSIP_MESSAGES, 64), ERR_OK);
        gossip_run(net, 40 * MS);
    }
    gossip_run(net, 7 * SECOND);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t honest = 0;

        for (uint32_t k = 0; k < 10; k++) {
            uint32_t slot = gossip_slot(net, i, k);

            honest += slot != UINT32_MAX && gossipsub_mesh_has(net->nodes[i].g, slice_text(T), slot);
        }
        assert_true(honest >= 3);
    }
    gossip_net_free(net);
}

/* upstream: TestMixedGossipsub: 20 of one kind, 10 of the other */
static void gossipsub_and_floodsub_nodes_reach_each_other(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(30, &config);

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        for (uint32_t made = 0; made < 3; made++) {
            uint32_t to = (uint32_t)rng_below(&net->rng, 30);

            net->version = i >= 20 || to >= 20 ? GOSSIPSUB_FLOODSUB : GOSSIPSUB_V13;
            if (to != i && gossip_slot(net, i, to) == UINT32_MAX)
                gossip_connect(net, i, to);
        }
    subscribe_all(net);
    gossip_run(net, 2 * SECOND);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(gossip_publish(net, (uint32_t)rng_below(&net->rng, 30), T, i, 64), ERR_OK);
        gossip_run(net, 10 * MS);
    }
    gossip_run(net, 3 * SECOND);
    for (uint32_t node = 0; node < 30; node++)
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(net->nodes[node].got[i], 1);
    gossip_net_free(net);
}

/* upstream: TestGossipsubTreeTopology */
static void messages_cross_a_tree_of_ten(void **state)
{
    static const uint32_t edges[][2] = {{0, 1}, {1, 2}, {1, 4}, {2, 3}, {0, 5}, {5, 6}, {5, 8}, {6, 7}, {8, 9}};
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(10, &config);
    static const uint32_t publishers[] = {9, 3, 2};

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        gossip_connect(net, edges[i][0], edges[i][1]);
    subscribe_all(net);
    gossip_run(net, 2 * SECOND);
    for (uint32_t i = 0; i < 3; i++)
        gossip_publish(net, publishers[i], T, i, 64);
    gossip_run(net, SECOND);
    for (uint32_t node = 0; node < 10; node++)
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(net->nodes[node].got[i], 1);
    gossip_net_free(net);
}

/* upstream: TestGossipSubLeaveTopic, TestGossipSubJoinTopic */
static void both_sides_of_a_leave_back_off_and_a_join_leaves_such_peers_out(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net = gossip_net_new(3, &config);
    uint64_t end_ns;

    (void)state;
    gossip_connect(net, 0, 1);
    gossip_connect(net, 0, 2);
    subscribe_all(net);
    gossip_run(net, 2 * SECOND);
    assert_int_equal(gossip_mesh(net, 0, T), 2);
    gossip_unsubscribe(net, 0, T);
    gossip_run(net, 100 * MS);
    for (uint32_t i = 0; i < 3; i++) {
        end_ns = gossipsub_backoff(net->nodes[i].g, slice_text(T), &net->nodes[i ? 0 : 1].identity.id);
        assert_in_range(end_ns, net->now_ns + 9 * SECOND, net->now_ns + 10 * SECOND);
    }
    gossip_subscribe(net, 0, T);
    assert_int_equal(gossip_mesh(net, 0, T), 0);
    gossip_net_free(net);
}

/* upstream: TestGossipsubDirectPeers, TestGossipsubDynamicDirectPeers */
static void missing_direct_peers_are_asked_for_at_first_and_every_few_heartbeats(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;

    (void)state;
    config.params.direct_connect_ticks = 2;
    net = gossip_net_new(3, &config);
    gossipsub_peer_direct(net->nodes[0].g, &net->nodes[1].identity.id);
    gossipsub_peer_direct(net->nodes[0].g, &net->nodes[2].identity.id);
    gossip_run(net, 500 * MS);
    assert_int_equal(net->nodes[0].connects, 0);
    gossip_run(net, 550 * MS);
    assert_int_equal(net->nodes[0].connects, 2);
    gossip_connect(net, 0, 1);
    gossip_run(net, 4 * SECOND); /* heartbeats 2, 4 and 6, one peer missing; the first one was before the initial delay */
    assert_int_equal(net->nodes[0].connects, 4);
    gossip_disconnect(net, 0, 1);
    gossip_run(net, 2 * SECOND);
    assert_int_equal(net->nodes[0].connects, 6);
    gossipsub_peer_undirect(net->nodes[0].g, &net->nodes[1].identity.id);
    gossipsub_peer_undirect(net->nodes[0].g, &net->nodes[2].identity.id);
    gossip_run(net, 4 * SECOND);
    assert_int_equal(net->nodes[0].connects, 6);
    gossip_net_free(net);
}

/* upstream: TestGossipsubPruneMeshCorrectly */
static void nine_nodes_that_all_know_each_other_come_down_to_their_d(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct gossip_net *net;

    (void)state;
    config.params.d = 5;
    config.params.d_lo = 4;
    config.params.d_hi = 6;
    config.params.d_score = 4;
    config.params.d_out = 1;
    net = gossip_net_new(9, &config);
    for (uint32_t i = 0; i < 9; i++)
        for (uint32_t k = 0; k < i; k++)
            gossip_connect(net, i, k);
    subscribe_all(net);
    gossip_run(net, 5 * SECOND);
    for (uint32_t i = 0; i < 9; i++)
        assert_in_range(gossip_mesh(net, i, T), 4, 6);
    gossip_net_free(net);
}

/* Where every peer announces what it has, fewer bytes cross the wire, and everything arrives. */
static void idontwant_saves_copies_of_large_messages(void **state)
{
    uint32_t sent[2], withheld = 0;

    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        struct gossipsub_config config = gossip_config();
        struct gossip_net *net;

        config.validation_delay_ns = 50 * MS;
        net = gossip_net_new(30, &config);
        net->version = round ? GOSSIPSUB_V12 : GOSSIPSUB_V11;
        gossip_connect_random(net, 10);
        subscribe_all(net);
        gossip_run(net, 3 * SECOND);
        for (uint32_t i = 0; i < 20; i++) {
            gossip_publish(net, i % 30, T, i, 5000);
            gossip_run(net, 500 * MS);
        }
        sent[round] = 0;
        for (uint32_t node = 0; node < 30; node++) {
            sent[round] += net->nodes[node].counts[TRACE_SEND];
            withheld += net->nodes[node].counts[TRACE_WITHHOLD];
            for (uint32_t i = 0; i < 20; i++)
                assert_int_equal(net->nodes[node].got[i], 1);
        }
        gossip_net_free(net);
    }
    assert_true(withheld > 500);
    assert_true(sent[1] < sent[0] / 2);
}

/* upstream: gossipsub_peer_lifecycle_test: no state leaks after disconnects */
static void nothing_is_left_of_peers_that_came_and_went(void **state)
{
    struct gossipsub_config config = scored();
    struct gossip_net *net;

    (void)state;
    config.extensions = GOSSIPSUB_EXTENSION_TEST;
    net = gossip_net_new(4, &config);
    net->version = GOSSIPSUB_V13;
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 1; i < 4; i++)
            gossip_connect(net, 0, i);
        if (round == 0)
            subscribe_all(net);
        gossip_run(net, 2 * SECOND);
        gossip_publish(net, 1, T, round, 5000);
        gossip_run(net, 5 * SECOND);
        for (uint32_t i = 1; i < 4; i++)
            gossip_disconnect(net, 0, i);
        for (uint32_t i = 0; i < 4; i++) { /* the test's slots are used once: start again */
            const struct gossipsub *g = net->nodes[i].g;

            for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
                assert_null(peer_at(g, slot));
            for (uint32_t slot = 0; slot < g->unwanted_capacity; slot++)
                assert_null(g->unwanted[slot].cells);
            assert_true(slotset_empty(&g->added) && slotset_empty(&g->outbound) && slotset_empty(&g->idontwant));
            assert_int_equal(g->announced_size, UINT32_MAX);
            assert_int_equal(g->promises.count, 0);
        }
        gossip_run(net, 70 * SECOND); /* backoffs end */
    }
    gossip_net_free(net);
}

/* upstream: TestPeerGater */
static void the_gater_judges_by_address_and_forgets(void **state)
{
    struct gater_params p = gater_params_default();
    struct endpoint bad = {.ip = {1}}, good = {.ip = {2}};
    uint32_t accepted = 0;
    struct gater *a;

    (void)state;
    p.global_decay = p.source_decay = 0.9;
    p.retain_stats_ns = 2 * SECOND;
    assert_null(gater_params_check(&p));
    a = gater_new(&p, 0, 1);
    gater_peer_add(a, 0, &bad);
    gater_peer_add(a, 1, &good);
    gater_peer_add(a, 2, &bad); /* shares the counters of 0 */
    assert_true(gater_accepts(a, 0, 0));
    gater_validate(a);
    for (uint32_t i = 0; i < 100; i++)
        gater_reject(a, 0, 0, TRACE_REJECT_INVALID);
    for (uint32_t i = 0; i < 100; i++)
        gater_deliver(a, 1);
    assert_true(gater_accepts(a, 0, 0)); /* nothing was throttled */
    for (uint32_t i = 0; i < 10; i++)
        gater_reject(a, 0, 0, TRACE_REJECT_THROTTLED);
    for (uint32_t i = 0; i < 1000; i++) {
        accepted += gater_accepts(a, 0, 2);
        assert_true(gater_accepts(a, 0, 1));
    }
    assert_true(accepted < 10); /* 1 in 1601 */
    gater_decay(a, SECOND);
    gater_peer_remove(a, SECOND, 0);
    gater_peer_remove(a, SECOND, 2);
    gater_peer_add(a, 2, &bad);
    gater_reject(a, 2 * SECOND, 1, TRACE_REJECT_QUEUE_FULL);
    accepted = 0;
    for (uint32_t i = 0; i < 1000; i++)
        accepted += gater_accepts(a, 2 * SECOND, 2);
    assert_true(accepted < 10); /* remembered */
    gater_peer_remove(a, 2 * SECOND, 2);
    gater_decay(a, 5 * SECOND);
    gater_peer_add(a, 2, &bad);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(gater_accepts(a, 5 * SECOND, 2)); /* a clean slate */
    assert_true(gater_accepts(a, 100 * SECOND, 2));
    gater_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_all_think_badly_of_hears_and_says_nothing),
        cmocka_unit_test(a_peer_that_falls_below_zero_is_pruned_for_the_backoff),
        cmocka_unit_test(opportunistic_grafting_brings_honest_peers_back_into_the_meshes),
        cmocka_unit_test(gossipsub_and_floodsub_nodes_reach_each_other),
        cmocka_unit_test(messages_cross_a_tree_of_ten),
        cmocka_unit_test(both_sides_of_a_leave_back_off_and_a_join_leaves_such_peers_out),
        cmocka_unit_test(missing_direct_peers_are_asked_for_at_first_and_every_few_heartbeats),
        cmocka_unit_test(nine_nodes_that_all_know_each_other_come_down_to_their_d),
        cmocka_unit_test(idontwant_saves_copies_of_large_messages),
        cmocka_unit_test(nothing_is_left_of_peers_that_came_and_went),
        cmocka_unit_test(the_gater_judges_by_address_and_forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
