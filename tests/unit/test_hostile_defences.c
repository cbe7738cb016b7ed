/* What hostile peers can make a router with all its defences and extensions keep: what gossipsub.h, score.h and partial.h say, and
 * nothing once they are gone. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/meter.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/gater.h"
#include "stack/gossipsub/partial.h"
#include "stack/gossipsub/router.h"
#include "stack/wire/pb.h"

#include <stdio.h>

#define T GOSSIP_SOLO_TOPIC
#define KIB ((size_t)1024)

static struct score_topic topic;
static struct score_params params;

static void on_incoming(void *ctx, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p)
{
    (void)ctx;
    (void)now_ns;
    (void)peer;
    (void)p;
}

static const struct partial_env partial_env = {.incoming = on_incoming};

static void with_partial(struct gossip_node *n, struct gossipsub_env *env, struct gossipsub_config *config)
{
    (void)n;
    (void)config;
    env->partial = &partial_env;
}

static struct gossipsub_config everything(void)
{
    struct gossipsub_config config = gossip_config();

    params = score_params_default();
    params.behaviour_penalty_weight = -1;
    params.behaviour_penalty_decay = 0.9;
    params.graylist_threshold = params.publish_threshold = params.gossip_threshold = -1e12; /* it goes on listening */
    params.retain_score_ns = 60 * SECOND;
    topic = (struct score_topic){SCORE_ANY_TOPIC, score_topic_params_default()};
    topic.params.topic_weight = 1;
    topic.params.invalid_message_deliveries_weight = -1;
    topic.params.invalid_message_deliveries_decay = 0.9;
    params.topics = &topic;
    params.topic_count = 1;
    config.score = &params;
    config.extensions = GOSSIPSUB_EXTENSION_PARTIAL;
    return config;
}

static struct solo start(const struct gossipsub_config *config)
{
    struct solo s;

    gossip_net_env = with_partial;
    s = solo_new(config);
    gossip_net_env = NULL;
    gossipsub_partial_topic(s.node->g, slice_text(T), true, true);
    gossip_subscribe(s.net, 0, T);
    return s;
}

static uint32_t join(struct solo *s)
{
    uint32_t peer = gossip_puppet(s->net, 0, GOSSIPSUB_V13, false);
    struct buf item;

    buf_init(&item, 100);
    rpc_append_extensions(&item, GOSSIPSUB_EXTENSION_PARTIAL);
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&item);
    solo_send(s, peer);
    gossip_puppet_drain(s->net, 0, peer);
    return peer;
}

static void leave(struct solo *s, uint32_t peer)
{
    gossipsub_peer_remove(s->node->g, s->net->now_ns, peer);
    gossipsub_inbound_closed(s->node->g, s->net->now_ns, peer);
}

/* An RPC with one control item whose body is `ids` ids of 32 bytes, as field `number`. */
static void say_ids(struct solo *s, uint32_t peer, enum trace_control kind, uint32_t number, uint32_t first, uint32_t ids)
{
    struct buf body, item;
    uint8_t id[32] = {0};

    buf_init(&body, 1u << 20);
    buf_init(&item, 1u << 20);
    if (kind == TRACE_CONTROL_IHAVE)
        pb_append_bytes(&body, 1, slice_text(T));
    for (uint32_t i = 0; i < ids; i++) {
        store_be32(id, first + i);
        pb_append_bytes(&body, number, slice_of(id, sizeof id));
    }
    pb_append_bytes(&item, kind, buf_slice(&body));
    buf_clear(&s->rpc);
    pb_append_bytes(&s->rpc, RPC_FIELD_CONTROL, buf_slice(&item));
    buf_deinit(&body);
    buf_deinit(&item);
    solo_send(s, peer);
}

static void unwanted_ids_are_bounded_and_go_with_the_peer(void **state)
{
    struct gossipsub_config config = everything();
    struct solo s = start(&config);
    uint32_t peer = join(&s);
    size_t before = meter_live();

    (void)state;
    for (uint32_t beat = 0; beat < 10; beat++) {
        for (uint32_t i = 0; i < 3000; i++)
            say_ids(&s, peer, TRACE_CONTROL_IDONTWANT, RPC_IDONTWANT_IDS, (beat * 3000 + i) * 20, 20);
        gossip_run(s.net, SECOND);
        /* a thousand RPCs of ten ids a heartbeat, for three heartbeats, in a table at most half empty */
        assert_true(meter_live() - before < 3 * 10000 * 16 * 4 + 300 * KIB);
    }
    leave(&s, peer);
    assert_true(meter_live() < before + 300 * KIB);
    solo_free(&s);
}

static void promises_are_bounded_by_the_heartbeats_rpcs(void **state)
{
    struct gossipsub_config config = everything();
    struct solo s = start(&config);
    uint32_t peer = join(&s);

    (void)state;
    for (uint32_t beat = 0; beat < 6; beat++) {
        for (uint32_t i = 0; i < 500; i++)
            say_ids(&s, peer, TRACE_CONTROL_IHAVE, RPC_IHAVE_IDS, (beat * 500 + i) * 3, 3);
        gossip_puppet_drain(s.net, 0, peer);
        assert_true(s.node->g->promises.count <= 5 * config.params.max_ihave_messages);
        gossip_run(s.net, SECOND);
    }
    gossip_run(s.net, 5 * SECOND);
    assert_int_equal(s.node->g->promises.count, 0);
    assert_null(s.node->g->promises.items);
    solo_free(&s);
}

static void groups_of_parts_are_bounded_a_peer_and_end_by_themselves(void **state)
{
    struct gossipsub_config config = everything();
    struct solo s = start(&config);
    uint32_t peer = join(&s);
    char group[PARTIAL_GROUP_SIZE_MAX + 2];
    size_t before = meter_live();

    (void)state;
    memset(group, 'g', sizeof group);
    for (uint32_t i = 0; i < 5000; i++) {
        struct rpc_partial p = {slice_text(T), slice_of(group, i % 2 ? PARTIAL_GROUP_SIZE_MAX : PARTIAL_GROUP_SIZE_MAX + 1),
                                slice_text("part"), slice_text("m")};

        store_be32((uint8_t *)group, i);
        buf_clear(&s.rpc);
        rpc_append_partial(&s.rpc, &p);
        solo_send(&s, peer);
    }
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), PARTIAL_GROUPS_PER_PEER);
    assert_true(meter_live() - before < PARTIAL_GROUPS_PER_PEER * 2 * KIB + 8 * KIB);
    gossip_run(s.net, 5 * SECOND);
    assert_int_equal(gossipsub_partial_groups(s.node->g, slice_text(T)), 0);
    assert_null(s.node->g->partial);
    solo_free(&s);
}

/* Identities are free: each leaves a bad score behind. */
static void scores_of_peers_that_left_are_bounded(void **state)
{
    struct score_params p = score_params_default();
    struct score *s;
    size_t before, most;

    (void)state;
    p.behaviour_penalty_weight = -1;
    p.behaviour_penalty_decay = 0.9;
    p.retain_score_ns = 3600 * SECOND;
    p.ip_colocation_factor_weight = -1;
    p.ip_colocation_factor_threshold = 1;
    before = meter_live();
    s = score_new(&p, 0);
    most = SCORE_RETAINED_MAX * KIB;
    for (uint32_t i = 0; i < 20000; i++) {
        struct endpoint at = endpoint_ip4(0x0b000000 + i, 1);

        score_peer_add(s, 0, 1000 + i, &at, 0);
        score_penalty(s, 0, 5);
        score_peer_remove(s, i, 0);
        assert_true(meter_live() - before < most);
    }
    score_decay(s, 4000 * SECOND);
    assert_true(meter_live() - before < 300 * KIB);
    score_free(s);
    assert_int_equal(meter_live(), before);
}

static void records_of_invalid_messages_last_for_their_time_only(void **state)
{
    struct gossipsub_config config = everything();
    struct solo s;
    uint32_t peer;
    size_t before;

    (void)state;
    config.params.seen_ttl_ns = 10 * SECOND;
    params.seen_msg_ttl_ns = 10 * SECOND;
    s = start(&config);
    peer = join(&s);
    s.node->verdict = GOSSIPSUB_REJECT;
    gossip_run(s.net, SECOND);
    before = meter_live();
    for (uint32_t i = 0; i < 20000; i++)
        solo_feed_new(&s, peer, solo_foreign_frame(&config, 1, i, 16));
    /* 16 bytes in the seen cache, 48 a record, each in tables at most half empty; the memo of frames */
    assert_true(meter_live() - before < 20000 * (16 + 56) * 4 + 2048 * KIB);
    gossip_run(s.net, 30 * SECOND);
    assert_true(meter_live() < before + 64 * KIB);
    solo_free(&s);
}

static void the_gater_keeps_counters_of_so_many_addresses(void **state)
{
    struct gater_params p = gater_params_default();
    size_t before = meter_live();
    struct gater *a = gater_new(&p, 0, 1);

    (void)state;
    for (uint32_t i = 0; i < 3 * GATER_ADDRESSES_MAX; i++) {
        struct endpoint at = endpoint_ip4(0x0b000000 + i, 1);

        gater_peer_add(a, 0, &at);
        gater_reject(a, 0, 0, TRACE_REJECT_INVALID);
        gater_peer_remove(a, 0, 0);
    }
    assert_true(meter_live() - before < GATER_ADDRESSES_MAX * 256);
    gater_free(a);
    assert_int_equal(meter_live(), before);
}

static void authors_are_remembered_up_to_a_limit(void **state)
{
    struct gossipsub_config config = everything();
    struct solo s;

    (void)state;
    config.signing = GOSSIPSUB_STRICT_NO_SIGN; /* the check itself does not ask who signed */
    config.params.seqno_check = true;
    config.params.seen_ttl_ns = SECOND;
    s = start(&config);
    join(&s);
    for (uint32_t i = 0; i < 3000; i++) {
        solo_feed_new(&s, 0, solo_foreign_frame(&config, i, 1, 16));
        if (i % 500 == 0)
            gossip_run(s.net, SECOND);
    }
    assert_int_equal(map_count(&s.node->g->authors), 3000);
    assert_true(GOSSIPSUB_AUTHORS_MAX >= 3000);
    solo_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwanted_ids_are_bounded_and_go_with_the_peer),
        cmocka_unit_test(promises_are_bounded_by_the_heartbeats_rpcs),
        cmocka_unit_test(groups_of_parts_are_bounded_a_peer_and_end_by_themselves),
        cmocka_unit_test(scores_of_peers_that_left_are_bounded),
        cmocka_unit_test(records_of_invalid_messages_last_for_their_time_only),
        cmocka_unit_test(the_gater_keeps_counters_of_so_many_addresses),
        cmocka_unit_test(authors_are_remembered_up_to_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
