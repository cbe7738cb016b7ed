/* GossipSub v1.2 and v1.3, and FloodSub, as one router speaks them with puppets: IDONTWANT, extensions, partial messages.
 * Names of go-libp2p-pubsub's tests are given where a test is one of them. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/partial.h"
#include "stack/gossipsub/router.h"
#include "stack/wire/pb.h"

#include <stdio.h>

#define T GOSSIP_SOLO_TOPIC
#define LARGE 2000 /* bytes: above idontwant_threshold */

static size_t id_first12(const struct gossipsub_message *m, uint8_t out[static GOSSIPSUB_ID_MAX])
{
    memset(out, 0, 12);
    memcpy(out, m->data.data, 4);
    return 12;
}

static struct gossipsub_config config_of(void)
{
    struct gossipsub_config config = gossip_config();

    config.message_id = id_first12;
    return config;
}

static uint32_t join(struct solo *s, enum gossipsub_version version, bool in_mesh)
{
    uint32_t peer = gossip_puppet(s->net, 0, version, false);

    if (in_mesh) {
        solo_subscribe(s, peer, T);
        solo_graft(s, peer, T);
    }
    gossip_puppet_drain(s->net, 0, peer);
    return peer;
}

static struct solo subscribed(const struct gossipsub_config *config)
{
    struct solo s = solo_new(config);

    gossip_subscribe(s.net, 0, T);
    return s;
}

static void send_idontwant(struct solo *s, uint32_t peer, uint32_t first, uint32_t count)
{
    struct buf body, item;
    uint8_t id[12] = {0};

    buf_init(&body, 20000);
    buf_init(&item, 20010);
    for (uint32_t i = 0; i < count; i++) {
        store_be32(id, first + i);
        pb_append_bytes(&body, RPC_IDONTWANT_IDS, slice_of(id, sizeof id));
    }
    pb_append_bytes(&item, TRACE_CONTROL_IDONTWANT, buf_slice(&body));
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    solo_send(s, peer);
    buf_deinit(&body);
    buf_deinit(&item);
}

/* How many IDONTWANT ids the peer is told, and messages; empties its queue. */
static uint32_t heard(struct solo *s, uint32_t peer, uint32_t *messages)
{
    uint32_t ids = 0;

    *messages = 0;
    while (solo_take(s, peer)) {
        ids += solo_control_count(s, TRACE_CONTROL_IDONTWANT);
        *messages += solo_message_count(s);
    }
    return ids;
}

/* upstream: TestGossipsubIdontwantSend, TestGossipsubNoIDONTWANTToMessageSender, TestGossipsubIdontwantNonMesh,
 * TestGossipsubIdontwantIncompat */
static void a_large_message_is_announced_before_validation_to_the_mesh_but_its_sender(void **state)
{
    struct gossipsub_config config = config_of();
    uint32_t sender, mesh, old, outside, messages;
    struct solo s;

    (void)state;
    config.validation_delay_ns = 100 * MS;
    s = subscribed(&config);
    sender = join(&s, GOSSIPSUB_V12, true);
    mesh = join(&s, GOSSIPSUB_V13, true);
    old = join(&s, GOSSIPSUB_V11, true);
    outside = join(&s, GOSSIPSUB_V12, false);
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, LARGE));
    assert_int_equal(heard(&s, mesh, &messages), 1);
    assert_int_equal(messages, 0); /* validation is under way */
    assert_int_equal(heard(&s, sender, &messages), 0);
    assert_int_equal(heard(&s, old, &messages), 0);
    assert_int_equal(heard(&s, outside, &messages), 0);
    gossip_run(s.net, 200 * MS);
    assert_int_equal(heard(&s, mesh, &messages), 0);
    assert_int_equal(messages, 1);
    assert_int_equal(s.node->sent[TRACE_CONTROL_IDONTWANT], 1);
    solo_free(&s);
}

/* upstream: TestGossipsubIdontwantSmallMessage */
static void a_small_message_is_not_announced(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), mesh = join(&s, GOSSIPSUB_V12, true), messages;

    (void)state;
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, 1023));
    assert_int_equal(heard(&s, mesh, &messages), 0);
    assert_int_equal(messages, 1);
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 8, 1024));
    assert_int_equal(heard(&s, mesh, &messages), 1);
    solo_free(&s);
}

/* upstream: TestGossipsubIDONTWANTBeforeFirstPublish */
static void our_own_large_message_is_announced_first(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t mesh = join(&s, GOSSIPSUB_V12, true);

    (void)state;
    assert_int_equal(gossip_publish(s.net, 0, T, 1, LARGE), ERR_OK);
    assert_true(solo_take(&s, mesh));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_IDONTWANT), 1);
    assert_true(solo_take(&s, mesh));
    assert_int_equal(solo_message_count(&s), 1);
    solo_free(&s);
}

static void an_announcement_overtakes_what_waits_but_not_another_one(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), mesh = join(&s, GOSSIPSUB_V12, true);
    static const uint32_t urgent[] = {1, 1, 0, 0, 0};

    (void)state;
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 1, 100));
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 2, LARGE));
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 3, LARGE));
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(solo_take(&s, mesh));
        assert_int_equal(solo_control_count(&s, TRACE_CONTROL_IDONTWANT), urgent[i]);
    }
    assert_false(solo_take(&s, mesh));
    solo_free(&s);
}

/* upstream: TestGossipsubIdontwantReceive */
static void what_a_peer_does_not_want_is_not_sent(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), mesh = join(&s, GOSSIPSUB_V12, true), messages;

    (void)state;
    send_idontwant(&s, mesh, 7, 1);
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, LARGE));
    heard(&s, mesh, &messages);
    assert_int_equal(messages, 0);
    assert_int_equal(s.node->counts[TRACE_WITHHOLD], 1);
    assert_int_equal(s.node->withheld_bytes, LARGE);
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 8, LARGE));
    heard(&s, mesh, &messages);
    assert_int_equal(messages, 1);
    solo_free(&s);
}

/* upstream: TestGossipsubIdontwantBeforeIwant */
static void an_iwant_for_what_is_not_wanted_gets_no_answer(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), other = join(&s, GOSSIPSUB_V12, false), messages;

    (void)state;
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, 100));
    send_idontwant(&s, other, 7, 1);
    solo_send_ids(&s, other, TRACE_CONTROL_IWANT, 7, 1);
    heard(&s, other, &messages);
    assert_int_equal(messages, 0);
    solo_free(&s);
}

/* upstream: TestGossipsubIdontwantClear, TestGossipsubIDontWantUnwantedCleanup */
static void it_is_forgotten_after_its_heartbeats_or_with_the_connection(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), mesh = join(&s, GOSSIPSUB_V12, true), messages;

    (void)state;
    send_idontwant(&s, mesh, 7, 2);
    assert_int_equal(s.node->g->unwanted[mesh].used, 2);
    gossip_run(s.net, 2 * SECOND); /* heartbeats at 0.1 s, 1.1 s */
    assert_int_equal(s.node->g->unwanted[mesh].used, 2);
    gossip_run(s.net, SECOND);
    assert_int_equal(s.node->g->unwanted[mesh].used, 0);
    assert_null(s.node->g->unwanted[mesh].cells);
    gossip_puppet_drain(s.net, 0, mesh);
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, LARGE));
    heard(&s, mesh, &messages);
    assert_int_equal(messages, 1);
    send_idontwant(&s, mesh, 9, 1);
    gossipsub_peer_remove(s.node->g, s.net->now_ns, mesh);
    assert_null(s.node->g->unwanted[mesh].cells);
    solo_free(&s);
}

/* upstream: TestGossipsubHandleIDontwantSpam, TestGossipsubAttackSpamIDONTWANT */
static void ten_ids_of_an_rpc_count_and_a_thousand_rpcs_of_a_heartbeat(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t mesh = join(&s, GOSSIPSUB_V12, true);

    (void)state;
    gossip_run(s.net, SECOND); /* a fresh heartbeat */
    send_idontwant(&s, mesh, 0, 15);
    assert_int_equal(s.node->g->unwanted[mesh].used, 10);
    for (uint32_t i = 1; i < 1100; i++)
        send_idontwant(&s, mesh, 100 * i, 1);
    assert_int_equal(s.node->g->unwanted[mesh].used, 10 + 999);
    gossip_run(s.net, SECOND);
    send_idontwant(&s, mesh, 1000000, 1);
    assert_int_equal(s.node->g->unwanted[mesh].used, 10 + 999 + 1);
    solo_free(&s);
}

static void the_messages_of_one_rpc_are_announced_together(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V12, true), mesh = join(&s, GOSSIPSUB_V12, true);

    (void)state;
    buf_clear(&s.rpc);
    for (uint32_t i = 0; i < 3; i++) {
        struct span frame = solo_foreign_frame(&config, 1, i, i == 1 ? 100 : LARGE);
        struct slice f = span_slice(frame), message;
        uint64_t size;
        int prefix = 1 + (f.data[0] >= 0x80);

        (void)size;
        assert_true(rpc_sole_publish(slice_of(f.data + prefix, f.size - (size_t)prefix), &message));
        pb_append_bytes(&s.rpc, RPC_FIELD_PUBLISH, message);
        span_unref(frame);
    }
    solo_send(&s, sender);
    assert_true(solo_take(&s, mesh));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_IDONTWANT), 2);
    assert_int_equal(s.node->sent_events[TRACE_CONTROL_IDONTWANT], 1);
    solo_free(&s);
}

/* upstream: TestMixedGossipsub, of one router */
static void who_speaks_floodsub_only_gets_everything_and_no_control(void **state)
{
    struct gossipsub_config config = config_of();
    struct solo s = subscribed(&config);
    uint32_t sender = join(&s, GOSSIPSUB_V11, true), flood = gossip_puppet(s.net, 0, GOSSIPSUB_FLOODSUB, false);
    uint32_t messages;

    (void)state;
    gossip_puppet_drain(s.net, 0, flood);
    solo_subscribe(&s, flood, T);
    gossip_run(s.net, 5 * SECOND);
    assert_false(gossipsub_mesh_has(s.node->g, slice_text(T), flood));
    solo_feed_new(&s, sender, solo_foreign_frame(&config, 1, 7, 100));
    assert_int_equal(gossip_publish(s.net, 0, T, 8, 100), ERR_OK);
    heard(&s, flood, &messages);
    assert_int_equal(messages, 2);
    gossip_run(s.net, 5 * SECOND); /* no gossip */
    assert_false(solo_take(&s, flood));
    assert_true(gossipsub_enough_peers(s.node->g, slice_text(T), 2));
    assert_false(gossipsub_enough_peers(s.node->g, slice_text(T), 3));
    solo_free(&s);
}

/* ---- extensions ---- */

static struct gossipsub_config extended(unsigned extensions)
{
    struct gossipsub_config config = config_of();

    config.extensions = extensions;
    return config;
}

static void send_extensions(struct solo *s, uint32_t peer, unsigned extensions)
{
    struct buf item;

    buf_init(&item, 100);
    rpc_append_extensions(&item, extensions);
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&item);
    solo_send(s, peer);
}

/* upstream: TestExtensionsControlMessage */
static void extensions_are_declared_in_the_first_rpc_and_a_second_time_is_misbehaviour(void **state)
{
    struct gossipsub_config config = extended(GOSSIPSUB_EXTENSION_TEST | GOSSIPSUB_EXTENSION_PARTIAL);
    struct score_params params = score_params_default();
    uint32_t peer, old;
    struct solo s;

    (void)state;
    params.behaviour_penalty_weight = -1;
    params.behaviour_penalty_decay = 0.9;
    config.score = &params;
    s = subscribed(&config);
    peer = gossip_puppet(s.net, 0, GOSSIPSUB_V13, false);
    old = gossip_puppet(s.net, 0, GOSSIPSUB_V12, false);
    assert_true(solo_take(&s, peer));
    assert_slice_hex(buf_slice(&s.rpc), "1a09320750019091e21801");
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_SUBSCRIBE), 1);
    assert_true(solo_take(&s, old));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_EXTENSIONS), 0);
    send_extensions(&s, peer, GOSSIPSUB_EXTENSION_TEST);
    assert_true(gossipsub_score(s.node->g, peer) == 0);
    send_extensions(&s, peer, GOSSIPSUB_EXTENSION_TEST);
    assert_true(gossipsub_score(s.node->g, peer) == -100);
    solo_free(&s);
}

/* upstream: TestTestExtension */
static void the_test_extension_says_one_thing_once_both_declared_it(void **state)
{
    struct gossipsub_config config = extended(GOSSIPSUB_EXTENSION_TEST);
    struct solo s = subscribed(&config);
    uint32_t with = join(&s, GOSSIPSUB_V13, false), without = join(&s, GOSSIPSUB_V13, false);

    (void)state;
    send_extensions(&s, with, GOSSIPSUB_EXTENSION_TEST);
    assert_true(solo_take(&s, with));
    assert_slice_hex(buf_slice(&s.rpc), "9291e21800");
    assert_false(solo_take(&s, with));
    solo_subscribe(&s, without, T); /* its first RPC declares nothing */
    send_extensions(&s, without, GOSSIPSUB_EXTENSION_TEST);
    assert_false(solo_take(&s, without));
    buf_clear(&s.rpc);
    pb_append_bytes(&s.rpc, RPC_FIELD_TEST, slice_of("", 0));
    solo_send(&s, with);
    assert_int_equal(s.node->test_extensions, 1);
    pb_append_bytes(&s.rpc, RPC_FIELD_TEST, slice_of("", 0));
    solo_send(&s, without);
    assert_int_equal(s.node->test_extensions, 1);
    solo_free(&s);
}

/* ---- partial messages ---- */

static struct {
    uint32_t incoming, gossiped, told, gossip_calls;
    uint64_t groups;
} app;

static void on_incoming(void *ctx, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p)
{
    (void)ctx;
    (void)now_ns;
    (void)peer;
    assert_true(p->group.size > 0);
    app.incoming++;
}

static void on_gossip(void *ctx, uint64_t now_ns, struct slice topic, struct slice group, const uint32_t *peers,
                      uint32_t count)
{
    (void)ctx;
    (void)now_ns;
    (void)topic;
    (void)group;
    (void)peers;
    app.gossip_calls++;
    app.gossiped += count;
}

static void on_tell(void *ctx, uint32_t peer, bool wants)
{
    (void)ctx;
    (void)peer;
    app.told += wants ? 1 : 100;
}

static const struct partial_env partial_env = {.incoming = on_incoming, .gossip = on_gossip};

static void partial_to_env(struct gossip_node *n, struct gossipsub_env *env, struct gossipsub_config *config)
{
    (void)n;
    (void)config;
    env->partial = &partial_env;
}

static struct solo partial_solo(bool wants, bool sends)
{
    struct gossipsub_config config = extended(GOSSIPSUB_EXTENSION_PARTIAL);
    struct solo s;

    memset(&app, 0, sizeof app);
    gossip_net_env = partial_to_env;
    s = solo_new(&config);
    gossip_net_env = NULL;
    gossipsub_partial_topic(s.node->g, slice_text(T), wants, sends);
    gossip_subscribe(s.net, 0, T);
    return s;
}

static uint32_t partial_peer(struct solo *s, bool wants, bool sends, bool in_mesh)
{
    struct rpc_subscription sub = {true, wants, sends, slice_text(T)};
    uint32_t peer = gossip_puppet(s->net, 0, GOSSIPSUB_V13, false);

    send_extensions(s, peer, GOSSIPSUB_EXTENSION_PARTIAL);
    rpc_append_subscription_partial(&s->rpc, &sub);
    solo_send(s, peer);
    if (in_mesh)
        solo_graft(s, peer, T);
    gossip_puppet_drain(s->net, 0, peer);
    return peer;
}

static void send_partial(struct solo *s, uint32_t peer, const char *group)
{
    struct rpc_partial p = {slice_text(T), slice_text(group), {NULL, 0}, slice_text("m")};

    buf_clear(&s->rpc);
    rpc_append_partial(&s->rpc, &p);
    solo_send(s, peer);
}

/* upstream: TestSkipPublishingToPeersRequestingPartialMessages, TestNoIDONTWANTWithPartialMessage */
static void who_asked_for_parts_gets_no_messages_and_no_idontwant(void **state)
{
    struct solo s = partial_solo(true, true);
    uint32_t parts = partial_peer(&s, true, true, true), whole = partial_peer(&s, false, false, true), messages;

    (void)state;
    assert_int_equal(gossip_publish(s.net, 0, T, 1, LARGE), ERR_OK);
    assert_int_equal(heard(&s, parts, &messages), 0);
    assert_int_equal(messages, 0);
    assert_int_equal(heard(&s, whole, &messages), 1);
    assert_int_equal(messages, 1);
    solo_free(&s);
}

/* upstream: TestPairwiseInteractionWithPartialMessages */
static void parts_go_to_those_who_want_them_and_metadata_to_all_who_take_part(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        bool we_want = i & 1, we_send = i & 2, they_want = i & 4, they_send = i & 8;
        struct rpc_partial p = {slice_text(T), slice_text("g"), slice_text("parts"), slice_text("m")};
        struct solo s = partial_solo(we_want, we_send);
        uint32_t peer = partial_peer(&s, they_want, they_send, true);
        bool together = (we_want && (they_send || they_want)) || ((we_want || we_send) && they_want);

        assert_int_equal(gossipsub_partial_publish(s.node->g, s.net->now_ns, p.topic, p.group, 5, on_tell, NULL), ERR_OK);
        assert_int_equal(app.told, !together ? 0 : they_want ? 1 : 100);
        assert_true(gossipsub_partial_send(s.node->g, s.net->now_ns, peer, &p));
        assert_true(solo_take(&s, peer));
        if (they_want)
            assert_slice_hex(buf_slice(&s.rpc), "5213 0a0474657374 120167 1a057061727473 22016d");
        else
            assert_slice_hex(buf_slice(&s.rpc), "520c 0a0474657374 120167 22016d");
        p.metadata = slice_of(NULL, 0);
        assert_int_equal(gossipsub_partial_send(s.node->g, s.net->now_ns, peer, &p), they_want);
        solo_free(&s);
    }
}

/* upstream: partialmsgs_test (group limits) */
static void a_peer_may_begin_eight_groups_of_a_topic_and_all_peers_255(void **state)
{
    struct solo s = partial_solo(true, true);
    uint32_t first = partial_peer(&s, true, true, true), peer = 0;
    char group[16];

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(group, sizeof group, "a%u", i);
        send_partial(&s, first, group);
    }
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 8);
    assert_int_equal(app.incoming, 8);
    gossipsub_partial_publish(s.node->g, s.net->now_ns, slice_text(T), slice_text("a0"), 3, on_tell, NULL);
    send_partial(&s, first, "b"); /* one of them is ours now */
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 9);
    for (uint32_t i = 0; i < 40; i++) {
        peer = partial_peer(&s, true, true, false);
        for (uint32_t k = 0; k < 8; k++) {
            snprintf(group, sizeof group, "c%u", 100 * i + k);
            send_partial(&s, peer, group);
        }
    }
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 255 + 1);
    gossipsub_peer_remove(s.node->g, s.net->now_ns, peer); /* its connection gone, its groups count for nobody */
    gossip_run(s.net, 5 * SECOND);
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 0); /* three heartbeats */
    solo_free(&s);
}

/* upstream: TestEmitGossipWhenAllPeersPartial */
static void gossip_about_groups_is_the_applications_business(void **state)
{
    struct solo s = partial_solo(true, true);
    uint32_t peer = partial_peer(&s, true, true, false), messages;

    (void)state;
    solo_prune(&s, peer, 100); /* keeps it out of the mesh */
    gossipsub_partial_publish(s.node->g, s.net->now_ns, slice_text(T), slice_text("g"), 10, on_tell, NULL);
    assert_int_equal(app.told, 0);
    partial_peer(&s, true, true, true); /* somebody to keep the group alive */
    gossipsub_partial_publish(s.node->g, s.net->now_ns, slice_text(T), slice_text("g"), 10, on_tell, NULL);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 100), ERR_OK);
    gossip_run(s.net, 2 * SECOND);
    assert_int_equal(app.gossiped, 1); /* once: then it was spoken with */
    heard(&s, peer, &messages);
    assert_int_equal(messages, 0);
    assert_int_equal(s.node->sent[TRACE_CONTROL_IHAVE], 0);
    solo_free(&s);
}

static void parts_of_peers_that_never_declared_the_extension_are_ignored(void **state)
{
    struct solo s = partial_solo(true, true);
    uint32_t peer = gossip_puppet(s.net, 0, GOSSIPSUB_V13, false);

    (void)state;
    solo_subscribe(&s, peer, T);
    send_partial(&s, peer, "g");
    assert_int_equal(app.incoming, 0);
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 0);
    solo_free(&s);
    s = partial_solo(false, false); /* nor do we take any of topics in which we take no part */
    peer = partial_peer(&s, true, true, true);
    send_partial(&s, peer, "g");
    assert_int_equal(app.incoming, 0);
    solo_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_message_is_announced_before_validation_to_the_mesh_but_its_sender),
        cmocka_unit_test(a_small_message_is_not_announced),
        cmocka_unit_test(our_own_large_message_is_announced_first),
        cmocka_unit_test(an_announcement_overtakes_what_waits_but_not_another_one),
        cmocka_unit_test(what_a_peer_does_not_want_is_not_sent),
        cmocka_unit_test(an_iwant_for_what_is_not_wanted_gets_no_answer),
        cmocka_unit_test(it_is_forgotten_after_its_heartbeats_or_with_the_connection),
        cmocka_unit_test(ten_ids_of_an_rpc_count_and_a_thousand_rpcs_of_a_heartbeat),
        cmocka_unit_test(the_messages_of_one_rpc_are_announced_together),
        cmocka_unit_test(who_speaks_floodsub_only_gets_everything_and_no_control),
        cmocka_unit_test(extensions_are_declared_in_the_first_rpc_and_a_second_time_is_misbehaviour),
        cmocka_unit_test(the_test_extension_says_one_thing_once_both_declared_it),
        cmocka_unit_test(who_asked_for_parts_gets_no_messages_and_no_idontwant),
        cmocka_unit_test(parts_go_to_those_who_want_them_and_metadata_to_all_who_take_part),
        cmocka_unit_test(a_peer_may_begin_eight_groups_of_a_topic_and_all_peers_255),
        cmocka_unit_test(gossip_about_groups_is_the_applications_business),
        cmocka_unit_test(parts_of_peers_that_never_declared_the_extension_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
