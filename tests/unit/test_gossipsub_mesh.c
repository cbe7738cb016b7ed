/* The mesh as one router runs it: GRAFT, PRUNE, backoff, D_out, subscriptions, fanout. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/router.h"
#include "stack/wire/pb.h"

#define T GOSSIP_SOLO_TOPIC

static void the_hello_tells_all_subscriptions_and_is_left_out_when_empty(void **state)
{
    struct solo s = solo_default();
    uint32_t first = solo_join(&s, false), second;

    (void)state;
    assert_false(solo_take(&s, first));
    gossip_subscribe(s.net, 0, "a");
    gossip_subscribe(s.net, 0, "b");
    second = solo_join(&s, false);
    assert_true(solo_take(&s, first));
    assert_slice_hex(buf_slice(&s.rpc), "0a0508011201 61");
    assert_true(solo_take(&s, first));
    assert_false(solo_take(&s, first));
    assert_true(solo_take(&s, second));
    assert_slice_hex(buf_slice(&s.rpc), "0a050801120161 0a050801120162");
    assert_false(solo_take(&s, second));
    gossip_unsubscribe(s.net, 0, "a");
    assert_true(solo_take(&s, second));
    assert_slice_hex(buf_slice(&s.rpc), "0a050800120161");
    assert_int_equal(s.node->sent[TRACE_CONTROL_SUBSCRIBE], 5);
    assert_int_equal(s.node->counts[TRACE_JOIN], 2);
    assert_int_equal(s.node->counts[TRACE_LEAVE], 1);
    solo_free(&s);
}

static void a_hello_too_large_for_an_rpc_is_split(void **state)
{
    struct gossipsub_config config = gossip_config();
    uint32_t peer, rpcs = 0, topics = 0;
    char name[901];
    struct solo s;

    (void)state;
    config.params.rpc_size_max = 2048;
    config.params.outbound_queue_max = 2;
    s = solo_new(&config);
    for (int i = 0; i < 9; i++) {
        memset(name, 'a' + i, 900);
        name[900] = 0;
        gossip_subscribe(s.net, 0, name);
    }
    peer = solo_join(&s, false);
    while (solo_take(&s, peer)) {
        assert_true(s.rpc.size <= 2048);
        rpcs++;
        topics += solo_control_count(&s, TRACE_CONTROL_SUBSCRIBE);
    }
    assert_int_equal(rpcs, 5);
    assert_int_equal(topics, 9);
    solo_free(&s);
}

static void a_graft_is_accepted_unless_the_topic_is_unknown(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, peer);
    solo_graft(&s, peer, "nowhere");
    assert_false(solo_take(&s, peer)); /* no answer, no state */
    assert_null(topic_find(&s.node->g->topics, slice_text("nowhere")));
    solo_graft(&s, peer, T);
    solo_graft(&s, peer, T);
    assert_false(solo_take(&s, peer));
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    assert_int_equal(s.node->counts[TRACE_GRAFT], 1);
    solo_free(&s);
}

static void a_graft_during_the_backoff_is_answered_by_a_prune(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, peer);
    solo_graft(&s, peer, T);
    solo_prune(&s, peer, 20);
    assert_int_equal(gossip_mesh(s.net, 0, T), 0);
    gossip_run(s.net, 19 * SECOND);
    solo_graft(&s, peer, T); /* refused, and the backoff begins anew with our 60 s */
    assert_true(solo_take(&s, peer));
    assert_slice_hex(buf_slice(&s.rpc), "1a0a22080a0474657374183c");
    gossip_run(s.net, 59 * SECOND);
    solo_graft(&s, peer, T);
    assert_true(solo_take(&s, peer));
    gossip_run(s.net, 61 * SECOND);
    solo_graft(&s, peer, T);
    assert_false(solo_take(&s, peer));
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    solo_free(&s);
}

/* We graft a pruned peer again only after the backoff and its slack, a sweep of every 15
 * heartbeats. */
static void we_do_not_graft_a_peer_in_backoff(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    gossip_run(s.net, SECOND);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    solo_prune(&s, peer, 20);
    gossip_run(s.net, 20 * SECOND);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    gossip_run(s.net, 18 * SECOND);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    solo_free(&s);
}

static void a_backoff_outlives_the_connection(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);
    struct peerid id = gossip_puppet_id(peer);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    solo_prune(&s, peer, 0);
    gossipsub_peer_remove(s.node->g, s.net->now_ns, peer);
    gossipsub_inbound_closed(s.node->g, s.net->now_ns, peer);
    gossipsub_peer_add(s.node->g, s.net->now_ns, peer, &id, GOSSIPSUB_V11, false);
    gossip_puppet_drain(s.net, 0, peer);
    gossip_run(s.net, 10 * SECOND);
    solo_graft(&s, peer, T);
    assert_int_equal(gossip_mesh(s.net, 0, T), 0);
    solo_free(&s);
}

static void a_full_mesh_takes_outbound_peers_only(void **state)
{
    struct solo s = solo_default();
    uint32_t peers[14];

    (void)state;
    gossip_subscribe(s.net, 0, T);
    for (int i = 0; i < 14; i++) {
        peers[i] = solo_join(&s, i == 13);
        gossip_puppet_drain(s.net, 0, peers[i]);
        solo_graft(&s, peers[i], T);
    }
    assert_int_equal(gossip_mesh(s.net, 0, T), 13); /* D_hi, and the one that we dialled */
    assert_true(solo_take(&s, peers[12]));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_PRUNE), 1);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peers[13]));
    solo_free(&s);
}

static void an_oversized_mesh_is_pruned_to_d_and_keeps_outbound_peers(void **state)
{
    struct solo s = solo_default();
    uint32_t outbound = 0;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    for (uint32_t i = 0; i < 15; i++) {
        uint32_t peer = solo_join(&s, i >= 12);

        solo_subscribe(&s, peer, T);
        solo_graft(&s, peer, T);
    }
    assert_int_equal(gossip_mesh(s.net, 0, T), 15);
    gossip_run(s.net, 200 * MS);
    assert_int_equal(gossip_mesh(s.net, 0, T), s.node->g->config.params.d);
    for (uint32_t i = 12; i < 15; i++)
        outbound += gossipsub_mesh_has(s.node->g, slice_text(T), i);
    assert_true(outbound >= s.node->g->config.params.d_out);
    for (uint32_t i = 0; i < 15; i++) {
        gossip_puppet_drain(s.net, 0, i);
    }
    assert_int_equal(s.node->sent[TRACE_CONTROL_PRUNE], 9);
    solo_free(&s);
}

static void outbound_peers_are_grafted_when_the_mesh_has_too_few(void **state)
{
    struct solo s = solo_default();

    (void)state;
    gossip_subscribe(s.net, 0, T);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t peer = solo_join(&s, i >= 6);

        solo_subscribe(&s, peer, T);
        if (i < 6)
            solo_graft(&s, peer, T);
    }
    gossip_run(s.net, 200 * MS);
    assert_int_equal(gossip_mesh(s.net, 0, T), 8);
    solo_free(&s);
}

static void a_v10_peer_gets_prunes_without_backoff(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = gossip_puppet(s.net, 0, GOSSIPSUB_V10, false);
    struct peerid id = gossip_puppet_id(peer);

    (void)state;
    gossipsub_peer_direct(s.node->g, &id);
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, peer);
    solo_graft(&s, peer, T); /* a direct peer does not belong into a mesh */
    assert_true(solo_take(&s, peer));
    assert_slice_hex(buf_slice(&s.rpc), "1a0822060a0474657374");
    assert_int_equal(gossip_mesh(s.net, 0, T), 0);
    solo_free(&s);
}

static void leaving_prunes_the_mesh_with_the_short_backoff(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_graft(&s, peer, T);
    gossip_puppet_drain(s.net, 0, peer);
    gossip_unsubscribe(s.net, 0, T);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_SUBSCRIBE), 1);
    assert_true(solo_take(&s, peer));
    assert_slice_hex(buf_slice(&s.rpc), "1a0a22080a0474657374180a");
    gossip_subscribe(s.net, 0, T); /* our own backoff keeps it out of the new mesh */
    assert_int_equal(gossip_mesh(s.net, 0, T), 0);
    gossip_puppet_drain(s.net, 0, peer);
    solo_graft(&s, peer, T);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_PRUNE), 1);
    solo_free(&s);
}

static void the_peers_in_a_prune_are_passed_on_up_to_a_limit(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);
    struct buf body, item, info;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_graft(&s, peer, T);
    buf_init(&body, 10000);
    buf_init(&item, 10000);
    buf_init(&info, 100);
    pb_append_bytes(&body, 1, slice_text(T));
    for (uint32_t i = 0; i < 50; i++) {
        struct peerid id = gossip_puppet_id(1000 + i);

        buf_clear(&info);
        pb_append_bytes(&info, 1, peerid_slice(&id));
        pb_append_bytes(&body, 2, buf_slice(&info));
    }
    pb_append_bytes(&item, TRACE_CONTROL_PRUNE, buf_slice(&body));
    buf_clear(&s.rpc);
    pb_append_bytes(&s.rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    solo_send(&s, peer);
    assert_int_equal(s.node->exchanged, 16);
    buf_deinit(&body);
    buf_deinit(&item);
    buf_deinit(&info);
    solo_free(&s);
}

static void a_dropped_prune_goes_out_with_the_next_message(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_subscribe(s.net, 0, "other");
    solo_subscribe(&s, peer, T);
    solo_subscribe(&s, peer, "other");
    solo_graft(&s, peer, T);
    solo_graft(&s, peer, "other");
    gossip_puppet_drain(s.net, 0, peer);
    for (uint32_t i = 0; i < 32; i++)
        gossip_publish(s.net, 0, T, i, 100);
    gossip_unsubscribe(s.net, 0, "other"); /* neither its announcement nor the PRUNE fits */
    assert_int_equal(s.node->counts[TRACE_DROP], 2);
    for (uint32_t i = 0; i < 32; i++)
        assert_true(solo_take(&s, peer));
    gossip_publish(s.net, 0, T, 99, 100);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_message_count(&s), 1);
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_PRUNE), 1);
    gossip_run(s.net, 1100 * MS);
    assert_true(solo_take(&s, peer)); /* the announcement, tried again within a second */
    assert_slice_hex(buf_slice(&s.rpc), "0a09080012056f74686572");
    solo_free(&s);
}

static void a_stale_prune_is_not_sent(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false);
    bool pruned = false;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    solo_prune(&s, peer, 1);
    gossip_puppet_drain(s.net, 0, peer);
    for (uint32_t i = 0; i < 32; i++)
        send_subscriptions(s.node->g, 0, peer, slice_text("\x0a"), 0, true);
    solo_graft(&s, peer, T); /* in backoff: a PRUNE, which is dropped and kept */
    assert_int_equal(s.node->counts[TRACE_DROP], 1);
    gossip_run(s.net, 70 * SECOND);
    solo_graft(&s, peer, T);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    gossip_puppet_drain(s.net, 0, peer);
    gossip_run(s.net, SECOND);
    while (solo_take(&s, peer))
        pruned |= solo_control_count(&s, TRACE_CONTROL_PRUNE) > 0;
    assert_false(pruned);
    solo_free(&s);
}

static void a_fanout_ends_after_its_time(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    struct topic *t;

    (void)state;
    config.params.fanout_ttl_ns = SECOND;
    s = solo_new(&config);
    for (int i = 0; i < 8; i++)
        solo_subscribe(&s, solo_join(&s, false), T);
    gossip_publish(s.net, 0, T, 1, 100);
    t = topic_find(&s.node->g->topics, slice_text(T));
    assert_int_equal(slotset_count(&t->fanout), 6);
    gossip_run(s.net, 500 * MS);
    assert_true(t->has_fanout);
    gossip_run(s.net, 2 * SECOND);
    assert_false(t->has_fanout);
    assert_true(slotset_empty(&t->fanout));
    solo_free(&s);
}

static void a_peer_may_speak_before_we_have_a_stream_to_it(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t helper = solo_join(&s, false), early = solo_join(&s, false);
    struct peerid id = gossip_puppet_id(early);
    struct span frame = solo_foreign_frame(&config, 1, 1, 100);

    (void)state;
    gossipsub_peer_remove(s.node->g, 0, early);
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, helper);
    solo_subscribe(&s, early, T);
    solo_graft(&s, early, T);
    solo_send_ids(&s, early, TRACE_CONTROL_IHAVE, 0, 10);
    assert_int_equal(solo_feed(&s, helper, frame), ERR_OK); /* nothing can be sent to it yet */
    gossip_run(s.net, 2 * SECOND);
    gossipsub_peer_add(s.node->g, s.net->now_ns, early, &id, GOSSIPSUB_V11, false);
    assert_true(solo_take(&s, early));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_SUBSCRIBE), 1);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), early));
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 100), ERR_OK);
    assert_true(solo_take(&s, early));
    assert_int_equal(solo_message_count(&s), 1);
    span_unref(frame);
    solo_free(&s);
}

static void a_peer_that_is_gone_leaves_nothing_behind(void **state)
{
    struct solo s = solo_default();

    (void)state;
    gossip_subscribe(s.net, 0, T);
    for (uint32_t round = 0; round < 30; round++) {
        uint32_t peer = solo_join(&s, round % 2);

        solo_subscribe(&s, peer, T);
        solo_subscribe(&s, peer, "another");
        solo_graft(&s, peer, T);
        gossip_publish(s.net, 0, T, round, 100);
        gossipsub_peer_remove(s.node->g, s.net->now_ns, peer);
        gossipsub_inbound_closed(s.node->g, s.net->now_ns, peer);
        assert_null(peer_at(s.node->g, peer));
    }
    assert_int_equal(gossip_mesh(s.net, 0, T), 0);
    assert_int_equal(s.node->counts[TRACE_GRAFT], s.node->counts[TRACE_PRUNE]);
    assert_true(slotset_empty(&s.node->g->added) && slotset_empty(&s.node->g->outbound) &&
                slotset_empty(&s.node->g->waiting));
    assert_int_equal(map_count(&s.node->g->topics.by_name), 1);
    gossip_run(s.net, 200 * SECOND); /* no message, no seen id, no backoff is left either */
    assert_int_equal(s.node->g->mcache.capacity + s.node->g->memo.capacity, 0);
    assert_null(s.node->g->seen.cells);
    gossip_unsubscribe(s.net, 0, T);
    assert_int_equal(map_count(&s.node->g->topics.by_name), 0);
    solo_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hello_tells_all_subscriptions_and_is_left_out_when_empty),
        cmocka_unit_test(a_hello_too_large_for_an_rpc_is_split),
        cmocka_unit_test(a_graft_is_accepted_unless_the_topic_is_unknown),
        cmocka_unit_test(a_graft_during_the_backoff_is_answered_by_a_prune),
        cmocka_unit_test(we_do_not_graft_a_peer_in_backoff),
        cmocka_unit_test(a_backoff_outlives_the_connection),
        cmocka_unit_test(a_full_mesh_takes_outbound_peers_only),
        cmocka_unit_test(an_oversized_mesh_is_pruned_to_d_and_keeps_outbound_peers),
        cmocka_unit_test(outbound_peers_are_grafted_when_the_mesh_has_too_few),
        cmocka_unit_test(a_v10_peer_gets_prunes_without_backoff),
        cmocka_unit_test(leaving_prunes_the_mesh_with_the_short_backoff),
        cmocka_unit_test(the_peers_in_a_prune_are_passed_on_up_to_a_limit),
        cmocka_unit_test(a_dropped_prune_goes_out_with_the_next_message),
        cmocka_unit_test(a_stale_prune_is_not_sent),
        cmocka_unit_test(a_fanout_ends_after_its_time),
        cmocka_unit_test(a_peer_may_speak_before_we_have_a_stream_to_it),
        cmocka_unit_test(a_peer_that_is_gone_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
