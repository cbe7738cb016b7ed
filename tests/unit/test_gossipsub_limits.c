/* What peers cannot make a router do: spam, oversize, garbage; and gossip within its limits. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/router.h"
#include "stack/wire/varint.h"

#define T GOSSIP_SOLO_TOPIC

static void an_iwant_is_answered_three_times(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false), answers = 0;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, peer);
    gossip_publish(s.net, 0, T, 5, 100);
    for (int i = 0; i < 100; i++) {
        solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 5, 1);
        while (solo_take(&s, peer))
            answers += solo_message_count(&s);
    }
    assert_int_equal(answers, 3);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 6, 1); /* unknown */
    assert_false(solo_take(&s, peer));
    solo_free(&s);
}

static void an_iwant_finds_messages_until_they_leave_the_cache(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_publish(s.net, 0, T, 5, 100);
    gossip_run(s.net, 4 * SECOND);
    gossip_puppet_drain(s.net, 0, peer);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 5, 1);
    assert_true(solo_take(&s, peer));
    gossip_run(s.net, SECOND);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 5, 1);
    assert_false(solo_take(&s, peer));
    solo_free(&s);
}

static void answers_too_large_for_an_rpc_are_split_without_loss(void **state)
{
    struct solo s = solo_first12(4096);
    uint32_t peer = solo_join(&s, false), rpcs = 0;
    uint8_t got[64] = {0};

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    gossip_puppet_drain(s.net, 0, peer);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(gossip_publish(s.net, 0, T, i, 4 + i * 97), ERR_OK);
    gossip_puppet_drain(s.net, 0, peer);
    solo_send_ids(&s, peer, TRACE_CONTROL_IWANT, 0, 40);
    while (solo_take(&s, peer)) {
        struct rpc_walk w = rpc_walk_of(buf_slice(&s.rpc));
        struct gossipsub_message m;
        struct slice message;

        assert_true(s.rpc.size <= 4096);
        rpcs++;
        while (rpc_next_publish(&w, &message)) {
            assert_int_equal(rpc_message_read(message, &m), ERR_OK);
            got[load_be32(m.data.data)]++;
        }
    }
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(got[i], 1);
    assert_true(rpcs > 18 && rpcs < 32);
    assert_int_equal(s.node->counts[TRACE_DROP], 0);
    solo_free(&s);
}

static void wanted_ids_too_many_for_an_rpc_are_split(void **state)
{
    struct solo s = solo_first12(4096);
    uint32_t peer = solo_join(&s, false), asked = 0, rpcs = 0;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_puppet_drain(s.net, 0, peer);
    for (uint32_t i = 0; i < 10; i++)
        solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, i * 250, 250);
    while (solo_take(&s, peer)) {
        assert_true(s.rpc.size <= 4096);
        asked += solo_control_count(&s, TRACE_CONTROL_IWANT);
        rpcs++;
    }
    assert_int_equal(asked, 2500);
    assert_int_equal(rpcs, 10);
    solo_free(&s);
}

/* go's AttackSpamIHAVE: at most max_ihave_length ids a heartbeat, of at most ten RPCs. */
static void ihave_spam_is_bounded_by_rpcs_and_by_ids(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_run(s.net, 150 * MS);
    for (uint32_t i = 0; i < 1000; i++) {
        solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, i, 1);
        gossip_puppet_drain(s.net, 0, peer);
    }
    assert_int_equal(s.node->sent[TRACE_CONTROL_IWANT], 10);
    gossip_run(s.net, SECOND);
    for (uint32_t i = 0; i < 9; i++) {
        solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 10000 + i * 6000, 6000);
        gossip_puppet_drain(s.net, 0, peer);
    }
    assert_int_equal(s.node->sent[TRACE_CONTROL_IWANT], 10 + 5000);
    gossip_run(s.net, SECOND);
    solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 100000, 7);
    solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 100000, 7); /* asked twice: it is still missing */
    gossip_puppet_drain(s.net, 0, peer);
    assert_int_equal(s.node->sent[TRACE_CONTROL_IWANT], 10 + 5000 + 14);
    solo_free(&s);
}

static void ids_are_asked_for_once_when_listed_twice_and_never_when_seen(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false);
    struct blob *rpc;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    gossip_publish(s.net, 0, T, 1, 100);
    gossip_puppet_drain(s.net, 0, peer);
    rpc = hex_blob("1a 1e 0a1c 0a0474657374 1202 0101 1202 0101 1202 0102 1202 0103 1202 0103");
    rpc->data[1] = (uint8_t)(rpc->size - 2);
    rpc->data[3] = (uint8_t)(rpc->size - 4);
    buf_clear(&s.rpc);
    buf_append_slice(&s.rpc, blob_slice(rpc));
    solo_send(&s, peer);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_control_count(&s, TRACE_CONTROL_IWANT), 3);
    solo_send_ids(&s, peer, TRACE_CONTROL_IHAVE, 1, 1);
    assert_false(solo_take(&s, peer));
    blob_unref(rpc);
    solo_free(&s);
}

static void gossip_goes_to_peers_outside_the_mesh(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t inside = 0, told = 0;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    for (uint32_t i = 0; i < 12; i++) {
        uint32_t peer = solo_join(&s, false);

        solo_subscribe(&s, peer, T);
        if (i < 6)
            solo_graft(&s, peer, T);
        gossip_puppet_drain(s.net, 0, peer);
    }
    gossip_publish(s.net, 0, T, 1, 100);
    gossip_publish(s.net, 0, T, 2, 100);
    for (uint32_t i = 0; i < 12; i++)
        gossip_puppet_drain(s.net, 0, i);
    gossip_run(s.net, 200 * MS);
    for (uint32_t i = 0; i < 12; i++) {
        while (solo_take(&s, i)) {
            uint32_t ids = solo_control_count(&s, TRACE_CONTROL_IHAVE);

            assert_true(ids == 0 || ids == 2);
            told += ids > 0;
            inside += ids && gossipsub_mesh_has(s.node->g, slice_text(T), i);
        }
    }
    assert_int_equal(inside, 0);
    assert_int_equal(told, 6);
    gossip_run(s.net, 10 * SECOND);
    for (uint32_t i = 0; i < 12; i++)
        gossip_puppet_drain(s.net, 0, i);
    assert_int_equal(s.node->sent[TRACE_CONTROL_IHAVE], 6 * 2 * 3); /* of three heartbeats */
    solo_free(&s);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct solo s = solo_first12(0);
    uint32_t peer = solo_join(&s, false), got = 0;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    gossip_puppet_drain(s.net, 0, peer);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(gossip_publish(s.net, 0, T, i, 100), ERR_OK);
    assert_int_equal(s.node->counts[TRACE_DROP], 8);
    assert_int_equal(s.node->dropped_messages, 8);
    while (solo_take(&s, peer))
        got += solo_message_count(&s);
    assert_int_equal(got, 32);
    assert_int_equal(s.node->counts[TRACE_SEND], 32);
    solo_free(&s);
}

static void subscriptions_of_a_peer_are_bounded(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    uint32_t peer;
    char long_name[1100];

    (void)state;
    config.params.subscriptions_max = 20;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    memset(long_name, 'a', sizeof long_name);
    long_name[1025] = 0;
    solo_subscribe(&s, peer, long_name);
    assert_int_equal(map_count(&s.node->g->topics.by_name), 0);
    long_name[1024] = 0;
    solo_subscribe(&s, peer, long_name);
    assert_int_equal(map_count(&s.node->g->topics.by_name), 1);
    for (int i = 0; i < 100; i++) {
        long_name[5] = 0;
        long_name[0] = (char)('0' + i);
        solo_subscribe(&s, peer, long_name);
    }
    assert_int_equal(map_count(&s.node->g->topics.by_name), 20);
    gossipsub_inbound_closed(s.node->g, 0, peer);
    assert_int_equal(map_count(&s.node->g->topics.by_name), 0);
    solo_free(&s);
}

static void oversized_and_malformed_rpcs_reset_the_stream(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);
    struct peerid id = gossip_puppet_id(peer);
    struct chain in;

    (void)state;
    chain_init(&in);
    chain_append_hex(&in, "818040"); /* 1 MiB and a byte */
    assert_int_equal(gossipsub_feed(s.node->g, 0, peer, &id, &in), ERR_TOO_LARGE);
    chain_deinit(&in);
    chain_append_hex(&in, "808040"); /* 1 MiB: wait for the rest */
    assert_int_equal(gossipsub_feed(s.node->g, 0, peer, &id, &in), ERR_OK);
    assert_int_equal(in.size, 3);
    chain_deinit(&in);
    chain_append_hex(&in, "ffffffffffffffffff01");
    assert_int_equal(gossipsub_feed(s.node->g, 0, peer, &id, &in), ERR_MALFORMED);
    chain_deinit(&in);
    chain_append_hex(&in, "000000 021a00 0112");
    assert_int_equal(gossipsub_feed(s.node->g, 0, peer, &id, &in), ERR_MALFORMED);
    chain_deinit(&in);
    solo_free(&s);
}

/* A stream of everything a peer may send, as one run of bytes. */
static void record_stream(struct buf *out)
{
    struct gossipsub_config config = gossip_config();
    static const char *const rpcs[] = {
        "0a080801120474657374",
        "1a081a060a0474657374",
        "1a140a120a0474657374120412345678120441424344",
        "1a0a0a080a04746573741200",
        "1a0812060a0401020304",
        "1a0a22080a0474657374183c",
        "1a09320750019091e21801",
        "",
        "0a080800120474657374",
        "0a080801120474657374",
    };

    for (size_t i = 0; i < sizeof rpcs / sizeof rpcs[0]; i++) {
        struct blob *b = hex_blob(rpcs[i]);
        struct span frame = solo_foreign_frame(&config, 1, (uint32_t)i / 2, 200);

        varint_append(out, b->size);
        buf_append_slice(out, blob_slice(b));
        buf_append_slice(out, span_slice(frame));
        blob_unref(b);
        span_unref(frame);
    }
}

struct feeding {
    struct solo *s;
    struct chain in;
    struct peerid id;
};

static void feed_piece(void *ctx, struct slice piece)
{
    struct feeding *f = ctx;

    chain_append(&f->in, piece);
    assert_int_equal(gossipsub_feed(f->s->node->g, 0, 0, &f->id, &f->in), ERR_OK);
}

static uint64_t digest_of_split(struct slice input, struct rng *r)
{
    struct solo s = solo_default();
    struct feeding f = {.s = &s};
    uint64_t digest;

    solo_join(&s, false);
    f.id = gossip_puppet_id(0);
    gossip_subscribe(s.net, 0, T);
    if (r)
        split_feed(r, input, feed_piece, &f);
    else
        feed_piece(&f, input);
    assert_int_equal(f.in.size, 0);
    assert_int_equal(s.node->delivered, 5);
    gossip_puppet_drain(s.net, 0, 0);
    digest = s.node->digest;
    chain_deinit(&f.in);
    solo_free(&s);
    return digest;
}

static void any_split_of_a_stream_gives_the_same_events(void **state)
{
    struct rng r;
    struct buf stream;
    uint64_t whole;

    (void)state;
    rng_init(&r, 6, "split");
    buf_init(&stream, 10000);
    record_stream(&stream);
    whole = digest_of_split(buf_slice(&stream), NULL);
    for (int i = 0; i < 50; i++)
        assert_true(digest_of_split(buf_slice(&stream), &r) == whole);
    buf_deinit(&stream);
}

/* Random bytes, and streams with a few bytes changed. */
static void garbage_ends_in_an_error_or_is_survived(void **state)
{
    struct rng r;
    struct buf stream;
    uint32_t errors = 0;

    (void)state;
    rng_init(&r, 7, "garbage");
    buf_init(&stream, 10000);
    for (int round = 0; round < 300; round++) {
        struct solo s = solo_default();
        struct peerid id = gossip_puppet_id(0);
        struct chain in;

        buf_clear(&stream);
        record_stream(&stream);
        for (int n = 0; n < 1 + round % 8; n++)
            stream.data[rng_below(&r, stream.size)] = (uint8_t)rng_next(&r);
        solo_join(&s, false);
        gossip_subscribe(s.net, 0, T);
        chain_init(&in);
        chain_append(&in, buf_slice(&stream));
        errors += gossipsub_feed(s.node->g, 0, 0, &id, &in) != ERR_OK;
        chain_deinit(&in);
        gossip_run(s.net, SECOND);
        solo_free(&s);
    }
    assert_true(errors > 50);
    buf_deinit(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_iwant_is_answered_three_times),
        cmocka_unit_test(an_iwant_finds_messages_until_they_leave_the_cache),
        cmocka_unit_test(answers_too_large_for_an_rpc_are_split_without_loss),
        cmocka_unit_test(wanted_ids_too_many_for_an_rpc_are_split),
        cmocka_unit_test(ihave_spam_is_bounded_by_rpcs_and_by_ids),
        cmocka_unit_test(ids_are_asked_for_once_when_listed_twice_and_never_when_seen),
        cmocka_unit_test(gossip_goes_to_peers_outside_the_mesh),
        cmocka_unit_test(a_full_queue_drops_and_counts),
        cmocka_unit_test(subscriptions_of_a_peer_are_bounded),
        cmocka_unit_test(oversized_and_malformed_rpcs_reset_the_stream),
        cmocka_unit_test(any_split_of_a_stream_gives_the_same_events),
        cmocka_unit_test(garbage_ends_in_an_error_or_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
