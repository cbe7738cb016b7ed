/* What a router with scores does to peers that misbehave: go-libp2p-pubsub's attack tests, against puppets. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/router.h"
#include "stack/wire/pb.h"

#define T GOSSIP_SOLO_TOPIC

static struct score_topic topic;
static struct score_params params;

/* A router with P4, P5 and P7; P5 is what app[] says. */
static struct gossipsub_config scored(void)
{
    struct gossipsub_config config = gossip_config();

    params = score_params_default();
    params.gossip_threshold = -100;
    params.publish_threshold = -500;
    params.graylist_threshold = -1000;
    params.app_specific_weight = 1;
    params.behaviour_penalty_weight = -100;
    params.behaviour_penalty_decay = 0.99;
    params.retain_score_ns = 60 * SECOND;
    topic = (struct score_topic){T, score_topic_params_default()};
    topic.params.topic_weight = 1;
    topic.params.first_message_deliveries_weight = 1;
    topic.params.first_message_deliveries_decay = 0.9;
    topic.params.first_message_deliveries_cap = 100;
    topic.params.invalid_message_deliveries_weight = -1;
    topic.params.invalid_message_deliveries_decay = 0.9;
    params.topics = &topic;
    params.topic_count = 1;
    config.score = &params;
    return config;
}

static size_t id_first12(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    memset(out, 0, 12);
    memcpy(out, m->data.data, 4);
    return 12;
}

static struct solo scored_solo(void)
{
    struct gossipsub_config config = scored();
    struct solo s;

    config.message_id = id_first12;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    return s;
}

static double score(const struct solo *s, uint32_t peer)
{
    return gossipsub_score(s->node->g, peer);
}

static uint32_t join(struct solo *s)
{
    uint32_t peer = solo_join(s, false);

    gossip_puppet_drain(s->net, 0, peer);
    return peer;
}

/* upstream: TestGossipsubAttackGRAFTDuringBackoff */
static void grafting_during_the_backoff_ends_on_the_graylist(void **state)
{
    struct solo s = scored_solo();
    uint32_t peer = join(&s);

    (void)state;
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    gossip_puppet_drain(s.net, 0, peer);
    solo_prune(&s, peer, 60);
    gossip_run(s.net, 12 * SECOND); /* past the flood threshold */
    solo_graft(&s, peer, T);
    assert_true(solo_take(&s, peer)); /* a PRUNE, one point */
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_PRUNE), 1);
    assert_true(score(&s, peer) == -100);
    solo_graft(&s, peer, T); /* the backoff began anew: two points now */
    assert_true(solo_take(&s, peer));
    assert_true(score(&s, peer) == -900);
    solo_graft(&s, peer, T);
    assert_true(solo_take(&s, peer));
    assert_true(score(&s, peer) == -2500);
    solo_graft(&s, peer, T); /* graylisted: silence */
    assert_false(solo_take(&s, peer));
    assert_true(score(&s, peer) == -2500);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    solo_free(&s);
}

/* upstream: TestGossipsubAttackSpamIHAVE, TestBrokenPromises */
static void offers_that_are_not_kept_cost_a_point_each(void **state)
{
    struct solo s = scored_solo();
    uint32_t peer = join(&s);

    (void)state;
    solo_subscribe(&s, peer, T);
    for (uint32_t i = 0; i < 15; i++) /* ten RPCs a heartbeat are listened to */
        solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 100 * i, 100);
    assert_int_equal(s.node->counts[TRACE_CONTROL_RECEIVED], 16);
    gossip_puppet_drain(s.net, 0, peer);
    assert_int_equal(s.node->sent[TRACE_CONTROL_IWANT], 1000);
    gossip_run(s.net, 2 * SECOND);
    assert_true(score(&s, peer) == 0);
    gossip_run(s.net, 2 * SECOND); /* iwant_followup is 3 s */
    assert_true(score(&s, peer) < -100 * 90);
    solo_free(&s);
}

/* upstream: TestNoBrokenPromises */
static void an_offer_is_kept_by_whoever_delivers(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer, other;

    (void)state;
    config.message_id = id_first12;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    other = join(&s);
    solo_subscribe(&s, peer, T);
    solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 7, 1);
    assert_int_equal(s.node->g->promises.count, 1);
    assert_int_equal(solo_feed_new(&s, other, solo_foreign_frame(&config, 1, 7, 64)), ERR_OK);
    assert_int_equal(s.node->g->promises.count, 0);
    gossip_run(s.net, 6 * SECOND);
    assert_true(score(&s, peer) == 0);
    solo_free(&s);
}

/* upstream: TestGossipsubAttackInvalidMessageSpam */
static void unsigned_messages_cost_the_mesh_and_the_ear(void **state)
{
    struct gossipsub_config config = scored(), forger = config;
    struct solo s;
    uint32_t peer;

    (void)state;
    config.signing = GOSSIPSUB_STRICT_SIGN;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    for (uint32_t i = 0; i < 100; i++)
        solo_feed_new(&s, peer, solo_foreign_frame(&forger, 1, i, 64));
    assert_in_range(s.node->rejects[TRACE_REJECT_MISSING_SIGNATURE], 32, 33); /* then it is graylisted */
    assert_true(score(&s, peer) < -1000);
    gossip_puppet_drain(s.net, 0, peer);
    gossip_run(s.net, SECOND);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_PRUNE), 1);
    solo_free(&s);
}

/* upstream: TestGossipsubScoreValidatorEx */
static void a_verdict_of_reject_costs_one_of_ignore_nothing(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s = solo_new(&config);
    uint32_t good, bad;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    good = join(&s);
    bad = join(&s);
    s.node->verdict = GOSSIPSUB_IGNORE;
    solo_feed_new(&s, good, solo_foreign_frame(&config, 1, 1, 64));
    s.node->verdict = GOSSIPSUB_REJECT;
    solo_feed_new(&s, bad, solo_foreign_frame(&config, 1, 2, 64));
    assert_true(score(&s, good) == 0);
    assert_true(score(&s, bad) == -1);
    solo_free(&s);
}

/* upstream: TestGossipsubPeerScoreInspect */
static void first_deliveries_are_seen_in_the_score(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer;

    (void)state;
    config.score_report_ns = SECOND;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    for (uint32_t i = 0; i < 20; i++)
        solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, i, 64));
    assert_true(score(&s, peer) == 20);
    assert_true(gossipsub_score_parts(s.node->g, peer).p2 == 20);
    gossip_run(s.net, 3 * SECOND + 1);
    assert_int_equal(s.node->counts[TRACE_SCORE], 3);
    solo_free(&s);
}

/* upstream: TestGossipsubPeerScoreResetTopicParams */
static void new_parameters_of_a_topic_hold_at_once(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s = solo_new(&config);
    struct score_topic_params changed;
    uint32_t peer;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    for (uint32_t i = 0; i < 20; i++)
        solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, i, 64));
    changed = topic.params;
    changed.first_message_deliveries_weight = 10;
    assert_true(gossipsub_score_topic_set(s.node->g, slice_text(T), &changed));
    assert_true(score(&s, peer) == 200);
    assert_false(gossipsub_score_topic_set(s.node->g, slice_text("other"), &changed));
    solo_free(&s);
}

static void thresholds_cut_gossip_publishing_and_everything(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer;

    (void)state;
    config.message_id = id_first12;
    config.params.flood_publish = true;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    solo_subscribe(&s, peer, T);
    s.node->app[peer] = -50; /* out of the mesh, but gossiped with */
    gossip_run(s.net, 2 * SECOND);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    gossip_puppet_drain(s.net, 0, peer);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 64), ERR_OK);
    assert_true(solo_take(&s, peer)); /* flooded */
    gossip_run(s.net, SECOND);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_IHAVE), 1);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 1, 1);
    assert_true(solo_take(&s, peer));
    s.node->app[peer] = -200; /* no gossip either way */
    gossip_run(s.net, 2 * SECOND);
    gossip_puppet_drain(s.net, 0, peer);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 1, 1);
    solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 9, 1);
    assert_false(solo_take(&s, peer));
    assert_int_equal(gossip_publish(s.net, 0, T, 2, 64), ERR_OK);
    assert_true(solo_take(&s, peer));
    s.node->app[peer] = -600; /* nothing is published to it */
    gossip_run(s.net, SECOND);
    gossip_puppet_drain(s.net, 0, peer);
    assert_int_equal(gossip_publish(s.net, 0, T, 3, 64), ERR_OK);
    assert_false(solo_take(&s, peer));
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 10, 64)); /* still heard */
    assert_int_equal(s.node->counts[TRACE_ARRIVE], 1);
    s.node->app[peer] = -1001;
    gossip_run(s.net, SECOND);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 11, 64));
    assert_int_equal(s.node->counts[TRACE_ARRIVE], 1);
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 0);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 10, 64)); /* not even as a copy */
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 0);
    solo_free(&s);
}

static void a_graft_of_a_peer_below_zero_is_refused_without_exchange(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t bad, good;

    (void)state;
    config.params.do_px = true;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    bad = join(&s);
    good = join(&s);
    solo_subscribe(&s, good, T);
    solo_subscribe(&s, bad, T);
    s.node->app[bad] = -1;
    gossip_run(s.net, 2 * SECOND);
    gossip_puppet_drain(s.net, 0, bad);
    solo_graft(&s, bad, T);
    assert_true(solo_take(&s, bad));
    assert_slice_hex(buf_slice(&s.rpc), "1a0a22080a0474657374183c");
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), bad));
    solo_free(&s);
}

/* PRUNEs tell of up to prune_peers other peers with a score of 0 and more. */
static void a_prune_tells_of_other_peers(void **state)
{
    struct gossipsub_config config = scored();
    struct cursor c;
    struct slice item, info, id, record;
    struct rpc_walk w;
    uint32_t peers[6], told = 0;
    struct solo s;

    (void)state;
    config.params.do_px = true;
    config.params.prune_peers = 3;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    for (uint32_t i = 0; i < 6; i++) {
        peers[i] = join(&s);
        solo_subscribe(&s, peers[i], T);
    }
    s.node->app[peers[1]] = -1;
    gossip_run(s.net, 2 * SECOND);
    gossip_puppet_drain(s.net, 0, peers[0]);
    gossip_unsubscribe(s.net, 0, T);
    while (solo_take(&s, peers[0]))
        if (solo_control_count(&s, TRACE_CONTROL_PRUNE))
            break;
    w = rpc_walk_of(buf_slice(&s.rpc));
    assert_true(rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item));
    assert_int_equal(rpc_prune_backoff_s(item), 10);
    c = cursor_of(item);
    while (rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info)) {
        struct peerid bad = gossip_puppet_id(peers[1]), self = gossip_puppet_id(peers[0]);

        rpc_peer_read(info, &id, &record);
        assert_false(slice_equal(id, peerid_slice(&bad)));
        assert_false(slice_equal(id, peerid_slice(&self)));
        told++;
    }
    assert_int_equal(told, 3);
    solo_free(&s);
}

static void exchange_is_believed_from_good_peers_only(void **state)
{
    struct gossipsub_config config = scored();
    struct peerid told = gossip_puppet_id(60);
    struct solo s;
    uint32_t peer;

    (void)state;
    params.accept_px_threshold = 5;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    for (int round = 0; round < 2; round++) {
        struct buf info, prune, item;

        s.node->app[peer] = round ? 5 : 4;
        gossip_run(s.net, SECOND);
        buf_init(&info, 100);
        buf_init(&prune, 200);
        buf_init(&item, 300);
        pb_append_bytes(&info, 1, peerid_slice(&told));
        pb_append_bytes(&prune, 1, slice_text(T));
        pb_append_bytes(&prune, 2, buf_slice(&info));
        pb_append_bytes(&item, TRACE_CONTROL_PRUNE, buf_slice(&prune));
        buf_clear(&s.rpc);
        pb_append_bytes(&s.rpc, RPC_FIELD_CONTROL, buf_slice(&item));
        solo_send(&s, peer);
        assert_int_equal(s.node->exchanged, round);
        buf_deinit(&info);
        buf_deinit(&prune);
        buf_deinit(&item);
    }
    solo_free(&s);
}

/* upstream: TestGossipsubMultipleGraftTopics; one GRAFT of an unknown topic stops the exchange of the whole answer */
static void one_rpc_may_graft_several_topics(void **state)
{
    struct solo s = scored_solo();
    uint32_t peer;
    struct buf item;

    (void)state;
    gossip_subscribe(s.net, 0, "a");
    gossip_subscribe(s.net, 0, "b");
    peer = join(&s);
    buf_init(&item, 200);
    rpc_append_graft(&item, slice_text("a"));
    rpc_append_graft(&item, slice_text("b"));
    rpc_append_graft(&item, slice_text(T));
    buf_clear(&s.rpc);
    pb_append_bytes(&s.rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    solo_send(&s, peer);
    buf_deinit(&item);
    assert_true(gossipsub_mesh_has(s.node->g, slice_text("a"), peer));
    assert_true(gossipsub_mesh_has(s.node->g, slice_text("b"), peer));
    assert_true(gossipsub_mesh_has(s.node->g, slice_text(T), peer));
    solo_free(&s);
}

static void peers_of_one_address_are_scored_down(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peers[3];

    (void)state;
    params.ip_colocation_factor_weight = -10;
    params.ip_colocation_factor_threshold = 1;
    s = solo_new(&config);
    for (uint32_t i = 0; i < 3; i++) {
        s.node->addresses[i] = (struct endpoint){.ip = {8, 8, 8, 8}};
        peers[i] = join(&s);
    }
    assert_true(score(&s, peers[0]) == -40);
    gossipsub_peer_remove(s.node->g, s.net->now_ns, peers[2]);
    assert_true(score(&s, peers[0]) == -40); /* it is remembered */
    gossip_run(s.net, 62 * SECOND);
    assert_true(score(&s, peers[0]) == -10);
    solo_free(&s);
}

/* upstream: TestGossipSubPeerFilter */
static bool no_odd_peers(void *ctx, uint32_t peer, struct slice name)
{
    (void)ctx;
    (void)name;
    return peer % 2 == 0;
}

static void filter_env(struct gossip_node *n, struct gossipsub_env *env, struct gossipsub_config *config)
{
    (void)n;
    (void)config;
    env->peer_filter = no_odd_peers;
}

static void the_filter_of_the_owner_keeps_peers_out_of_a_mesh(void **state)
{
    struct solo s;
    uint32_t peers[4];

    (void)state;
    gossip_net_env = filter_env;
    s = scored_solo();
    gossip_net_env = NULL;
    for (uint32_t i = 0; i < 4; i++) {
        peers[i] = join(&s);
        solo_subscribe(&s, peers[i], T);
        solo_graft(&s, peers[i], T);
    }
    gossip_run(s.net, 5 * SECOND);
    assert_int_equal(gossip_mesh(s.net, 0, T), 2);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), peers[1]));
    solo_free(&s);
}

/* upstream: TestBlacklist, TestBlacklist2, TestBlacklist3 */
static void messages_of_blacklisted_peers_are_refused(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s = solo_new(&config);
    struct peerid id;
    uint32_t peer;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    id = gossip_puppet_id(peer);
    gossipsub_blacklist(s.node->g, &id);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 1, 64));
    assert_int_equal(s.node->rejects[TRACE_REJECT_BLACKLISTED], 1);
    assert_int_equal(s.node->counts[TRACE_ARRIVE], 0);
    assert_true(score(&s, peer) == 0);
    solo_free(&s);
}

/* upstream: TestBasicSubscriptionFilter, TestSubscriptionFilterDeduplication, TestSubscriptionFilterRPC */
static void a_filter_of_subscriptions_lets_listed_topics_through_once(void **state)
{
    static const char *const allowed[] = {"a", "b"};
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer;

    (void)state;
    config.topics_allowed = allowed;
    config.topics_allowed_count = 2;
    config.params.subscriptions_per_rpc_max = 4;
    s = solo_new(&config);
    peer = join(&s);
    buf_clear(&s.rpc);
    rpc_append_subscription(&s.rpc, true, slice_text("c"));
    rpc_append_subscription(&s.rpc, true, slice_text("a"));
    rpc_append_subscription(&s.rpc, true, slice_text("b"));
    rpc_append_subscription(&s.rpc, false, slice_text("b")); /* takes it back */
    solo_send(&s, peer);
    assert_non_null(topic_find(&s.node->g->topics, slice_text("a")));
    assert_null(topic_find(&s.node->g->topics, slice_text("b")));
    assert_null(topic_find(&s.node->g->topics, slice_text("c")));
    for (int i = 0; i < 5; i++)
        rpc_append_subscription(&s.rpc, true, slice_text("b"));
    solo_send(&s, peer); /* too many for one RPC */
    assert_null(topic_find(&s.node->g->topics, slice_text("b")));
    solo_free(&s);
}

/* upstream: TestBasicSeqnoValidator1, TestBasicSeqnoValidatorReplay */
static void a_replay_beyond_the_seen_cache_is_ignored(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer;

    (void)state;
    config.signing = GOSSIPSUB_STRICT_SIGN;
    config.params.seqno_check = true;
    config.params.seen_ttl_ns = SECOND;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 5, 64));
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 4, 64)); /* older */
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 2, 4, 64)); /* of another author */
    gossip_run(s.net, 5 * SECOND);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 5, 64)); /* the same again */
    assert_int_equal(s.node->delivered, 2);
    assert_int_equal(s.node->rejects[TRACE_REJECT_IGNORED], 2);
    assert_true(score(&s, peer) >= 0);
    solo_free(&s);
}

/* upstream: TestValidateOverload */
static void more_validations_than_allowed_are_throttled_without_penalty(void **state)
{
    struct gossipsub_config config = scored();
    struct solo s;
    uint32_t peer;

    (void)state;
    config.validation_delay_ns = SECOND;
    config.params.validation_queue_max = 100;
    config.params.topic_throttle = 5;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    peer = join(&s);
    for (uint32_t i = 0; i < 8; i++)
        solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, i, 64));
    assert_int_equal(s.node->rejects[TRACE_REJECT_THROTTLED], 3);
    solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, 7, 64)); /* gone for good */
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 1);
    gossip_run(s.net, 2 * SECOND);
    assert_int_equal(s.node->delivered, 5);
    assert_true(score(&s, peer) > 0);
    solo_free(&s);
}

/* upstream: TestPeerGater; its arithmetic is in test_gossipsub_upstream.c */
static void the_gater_leaves_messages_of_bad_peers_unread_while_validation_is_overloaded(void **state)
{
    struct gossipsub_config config = scored();
    struct gater_params gater = gater_params_default();
    struct solo s;
    uint32_t bad, i;

    (void)state;
    config.gater = &gater;
    config.score = NULL;
    config.validation_delay_ns = 10 * MS;
    config.params.validation_queue_max = 4;
    s = solo_new(&config);
    gossip_subscribe(s.net, 0, T);
    bad = join(&s);
    s.node->verdict = GOSSIPSUB_REJECT;
    for (i = 0; i < 200; i++)
        solo_feed_new(&s, bad, solo_foreign_frame(&config, 1, i, 64));
    gossip_run(s.net, SECOND);
    assert_int_equal(s.node->rejects[TRACE_REJECT_INVALID], 4);
    assert_int_equal(s.node->counts[TRACE_THROTTLE_PEER], 0);
    for (; i < 400; i++)
        solo_feed_new(&s, bad, solo_foreign_frame(&config, 1, i, 64));
    assert_true(s.node->counts[TRACE_THROTTLE_PEER] > 150); /* 1 in 65 passes */
    solo_graft(&s, bad, T);
    gossip_run(s.net, 70 * SECOND); /* quiet */
    solo_feed_new(&s, bad, solo_foreign_frame(&config, 1, i, 64));
    gossip_run(s.net, SECOND);
    assert_true(s.node->rejects[TRACE_REJECT_INVALID] > 4);
    solo_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grafting_during_the_backoff_ends_on_the_graylist),
        cmocka_unit_test(offers_that_are_not_kept_cost_a_point_each),
        cmocka_unit_test(an_offer_is_kept_by_whoever_delivers),
        cmocka_unit_test(unsigned_messages_cost_the_mesh_and_the_ear),
        cmocka_unit_test(a_verdict_of_reject_costs_one_of_ignore_nothing),
        cmocka_unit_test(first_deliveries_are_seen_in_the_score),
        cmocka_unit_test(new_parameters_of_a_topic_hold_at_once),
        cmocka_unit_test(thresholds_cut_gossip_publishing_and_everything),
        cmocka_unit_test(a_graft_of_a_peer_below_zero_is_refused_without_exchange),
        cmocka_unit_test(a_prune_tells_of_other_peers),
        cmocka_unit_test(exchange_is_believed_from_good_peers_only),
        cmocka_unit_test(one_rpc_may_graft_several_topics),
        cmocka_unit_test(peers_of_one_address_are_scored_down),
        cmocka_unit_test(the_filter_of_the_owner_keeps_peers_out_of_a_mesh),
        cmocka_unit_test(messages_of_blacklisted_peers_are_refused),
        cmocka_unit_test(a_filter_of_subscriptions_lets_listed_topics_through_once),
        cmocka_unit_test(a_replay_beyond_the_seen_cache_is_ignored),
        cmocka_unit_test(more_validations_than_allowed_are_throttled_without_penalty),
        cmocka_unit_test(the_gater_leaves_messages_of_bad_peers_unread_while_validation_is_overloaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
