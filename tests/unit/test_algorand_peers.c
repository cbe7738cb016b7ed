/* stack/algorand: handshakes, frames and queues of nodes joined by byte streams. */
#include "tests/lib/wsnet.h"
#include "tests/lib/test.h"

#include "stack/algorand/network.h"
#include "stack/base/err.h"
#include "stack/crypto/crypto.h"

/* --- the handshake --- */

static void two_nodes_shake_hands_in_either_version(void **state)
{
    (void)state;
    for (int version = 0; version < ALGORAND_VERSION_COUNT; version++) {
        for (uint32_t dialler = 0; dialler < 2; dialler++) {
            wsnet_set_up(NULL);
            wsnet_make(0, false)->config.features = "ppzstd";
            wsnet_make(1, false);
            wsnet_start(&wsnet[0]);
            wsnet_start(&wsnet[1]);
            wsnet_join(dialler, 1 - dialler, (enum algorand_version)version);
            assert_false(algorand_peer_ready(wsnet[1 - dialler].a, dialler));
            wsnet_settle();
            assert_true(algorand_peer_ready(wsnet[0].a, 1));
            assert_true(algorand_peer_ready(wsnet[1].a, 0));
            assert_int_equal(algorand_peer_features(wsnet[1].a, 0), version == ALGORAND_V22);
            assert_int_equal(algorand_peer_features(wsnet[0].a, 1), 0);
            assert_int_equal(algorand_broadcast(wsnet[0].a, wsnet_now, "AV", wsnet_text("payload")),
                             0);
            assert_int_equal(algorand_broadcast(wsnet[1].a, wsnet_now, "PP", wsnet_text("payload")),
                             0);
            wsnet_settle();
            assert_int_equal(wsnet[1].counts[TRACE_DELIVER], 1);
            assert_int_equal(wsnet[0].counts[TRACE_DELIVER], 1);
            assert_string_equal(wsnet[1].last_tag, "AV");
            assert_true(algorand_deadline(wsnet[0].a) == UINT64_MAX);
            wsnet_tear_down(NULL);
        }
    }
    wsnet_set_up(NULL);
}

static void the_dialler_speaks_first(void **state)
{
    struct chain c;

    (void)state;
    chain_init(&c);
    wsnet_start(wsnet_make(0, false));
    algorand_stream_start(wsnet[0].a, wsnet_now, 1, ALGORAND_V22, false);
    assert_int_equal(algorand_pull(wsnet[0].a, wsnet_now, 1, &c), 0);
    algorand_stream_start(wsnet[0].a, wsnet_now, 2, ALGORAND_V22, true);
    assert_int_equal(wsnet[0].wants_write, 1);
    assert_int_equal(algorand_pull(wsnet[0].a, wsnet_now, 2, &c), 1);
    assert_int_equal(algorand_feed(wsnet[0].a, wsnet_now, 1, &c), 0); /* its own words will do */
    assert_int_equal(c.size, 0);
    assert_true(algorand_peer_ready(wsnet[0].a, 1));
    assert_int_equal(algorand_pull(wsnet[0].a, wsnet_now, 1, &c), 1);
    chain_deinit(&c);
}

static void a_handshake_that_takes_too_long_ends_the_connection(void **state)
{
    struct wsnet_node *n = wsnet_make(0, false);

    (void)state;
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V22, false);
    wsnet_now += 9 * WSNET_SECOND;
    algorand_stream_start(n->a, wsnet_now, 2, ALGORAND_V10, false);
    assert_true(algorand_deadline(n->a) == wsnet_now + WSNET_SECOND);
    wsnet_now += WSNET_SECOND;
    algorand_tick(n->a, wsnet_now);
    assert_int_equal(n->disconnects, 1);
    assert_int_equal(n->disconnect_err, ERR_TIMEOUT);
    assert_int_equal(wsnet_feed_hex(n, "31"), ERR_CLOSED);
    assert_true(algorand_deadline(n->a) == wsnet_now + 9 * WSNET_SECOND);
    algorand_stream_closed(n->a, wsnet_now, 2);
    assert_true(algorand_deadline(n->a) == UINT64_MAX);
}

static void a_bad_handshake_is_refused(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } rows[] = {
        {"0000", ERR_MALFORMED},
        {"0001 c0", ERR_MALFORMED},
        {"0001 80", ERR_UNSUPPORTED},
        {"0003 81a141", ERR_MALFORMED},
        {"0004 81a14190", ERR_UNSUPPORTED},
        {"0004 81a141", 0},
    };

    (void)state;
    wsnet_start(wsnet_make(0, false));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        algorand_stream_start(wsnet[0].a, wsnet_now, 1, ALGORAND_V22, false);
        assert_int_equal(wsnet_feed_hex(&wsnet[0], rows[i].hex), rows[i].err);
        assert_false(algorand_peer_ready(wsnet[0].a, 1));
    }
}

static void what_is_broadcast_before_there_is_a_peer_waits_for_the_first(void **state)
{
    struct wsnet_node *n = wsnet_make(0, false);

    (void)state;
    wsnet_start(n);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("stale by then")), 0);
    wsnet_now += 20 * WSNET_SECOND;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("bundle")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("vote")), 0);
    wsnet_now += 10 * WSNET_SECOND;
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    assert_int_equal(wsnet_count_waiting(n, 1), 3); /* the handshake's byte is one */
    assert_memory_equal(n->sent, "AV", 2);
    for (uint32_t i = 0; i < NETWORK_BROADCAST_BULK_MAX; i++) {
        algorand_stream_closed(n->a, wsnet_now, 1);
        assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", span_static(&i, sizeof i)), 0);
    }
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("one more")), ERR_LIMIT);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("vote 2")), 0);
}

/* --- frames --- */

static void a_message_has_the_frame_of_the_specification(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();
    struct chain c;
    uint8_t id[32];

    (void)state;
    chain_init(&c);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("abc")), 0);
    assert_int_equal(wsnet_drain(n, 1, &c), 0);
    assert_chain_hex(&c, "00000005 4156 616263");
    chain_deinit(&c);
    blake2b256(id, slice_text("AV"), slice_text("xyz"));
    assert_int_equal(wsnet_feed_hex(n, "00000005 4156 78797a"), 0);
    assert_memory_equal(n->last_id, id, 32);
    assert_int_equal(n->last_from, 1);
    assert_int_equal(n->last_size, 3);
}

static void only_gossip_within_its_limit_is_broadcast_and_only_once(void **state)
{
    static const char *const refused[] = {"MI", "MS", "NP", "NI", "UE", "TS", "VP", "pi", "ZZ"};
    struct wsnet_node *n = wsnet_with_ready_peer();
    struct blob *b = blob_new(ALGORAND_FRAME_MAX);

    (void)state;
    memset(b->data, 1, b->size);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(algorand_broadcast(n->a, wsnet_now, refused[i], wsnet_text("payload")),
                         ERR_INVALID);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", (struct span){b, b->data, 1229}),
                     ERR_TOO_LARGE);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", (struct span){b, b->data, 1228}), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", (struct span){b, b->data, 1228}),
                     ERR_DUPLICATE);
    /* A bundle's own limit is that of a frame, tag included. */
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", (struct span){b, b->data, b->size}),
                     ERR_TOO_LARGE);
    assert_int_equal(
        algorand_broadcast(n->a, wsnet_now, "VB", (struct span){b, b->data, b->size - 2}), 0);
    assert_int_equal(n->counts[TRACE_PUBLISH], 2);
    assert_int_equal(n->counts[TRACE_DELIVER], 0);
    wsnet_now += 60 * WSNET_SECOND;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", (struct span){b, b->data, 1228}), 0);
    blob_unref(b);
}

static void the_head_of_a_frame_is_judged_before_its_payload_is_there(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } rows[] = {
        {"00000000", ERR_MALFORMED},
        {"00000001", ERR_MALFORMED},
        {"00600001", ERR_TOO_LARGE},
        {"ffffffff", ERR_TOO_LARGE},
        {"000004ce 4156", 0},             /* AV with 1228 bytes */
        {"000004cf 4156", ERR_TOO_LARGE}, /* 1229 */
        {"00501e3c 5050", 0},             /* PP with 5250618 */
        {"00501e3d 5050", ERR_TOO_LARGE},
        {"00000033 4d49", ERR_TOO_LARGE}, /* MI with 49 */
        {"00000048 4d53", ERR_TOO_LARGE}, /* MS with 70 */
        {"00600000 5642", 0},             /* VB fills the frame */
        {"00600000 5a5a", 0},             /* an unknown tag may too */
        {"00000002 5453", ERR_PROTOCOL},  /* TS that nobody asked for */
        {"000000", 0},
        {"00000002 54", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wsnet_node *n = wsnet_with_ready_peer();

        assert_int_equal(wsnet_feed_hex(n, rows[i].hex), rows[i].err);
        assert_int_equal(algorand_peer_ready(n->a, 1), rows[i].err == 0);
        if (rows[i].err < 0)
            assert_int_equal(wsnet_feed_hex(n, "00"), ERR_CLOSED);
        algorand_free(n->a);
        n->a = NULL;
    }
}

static void every_tag_is_accepted_up_to_its_limit_and_not_beyond(void **state)
{
    static const char *const gossip[] = {"AV", "PP", "SP", "TX"};

    (void)state;
    for (size_t i = 0; i < sizeof gossip / sizeof gossip[0]; i++) {
        struct wsnet_node *n = wsnet_with_ready_peer();
        size_t size_max = tag_table[tag_find((const uint8_t *)gossip[i])].payload_max;

        assert_int_equal(wsnet_feed_message(n, 1, gossip[i], size_max, 1), 0);
        assert_int_equal(n->last_size, size_max);
        assert_int_equal(wsnet_feed_message(n, 1, gossip[i], size_max + 1, 1), ERR_TOO_LARGE);
        algorand_free(n->a);
        n->a = NULL;
    }
}

static void unknown_and_unserved_messages_are_counted_and_dropped(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();

    (void)state;
    assert_int_equal(wsnet_feed_hex(n, "00000003 5a5a 01 00000002 6869 00000003 4e50 00"
                                       "00000002 4e49 00000003 5645 ff 00000003 5550 ff"
                                       "00000003 5550 ff 00000002 5545 00000003 5650 ff"),
                     0);
    assert_int_equal(algorand_stats(n->a)->unknown_tags, 5);
    assert_int_equal(algorand_stats(n->a)->unserved, 4);
    assert_int_equal(n->counts[TRACE_ARRIVE], 0);
    assert_int_equal(wsnet_feed_hex(n, "00000002 4156"),
                     0); /* an empty vote is the application's affair */
    assert_int_equal(n->counts[TRACE_DELIVER], 1);
}

/* --- queues --- */

static void votes_and_proposals_go_before_the_rest(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();

    (void)state;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("1")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "TX", wsnet_text("2")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "PP", wsnet_text("3")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("4")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("5")), 0);
    assert_int_equal(wsnet_count_waiting(n, 1), 5);
    assert_memory_equal(n->sent, "PAVTV", 5);
}

static void a_message_that_waited_25_seconds_ends_the_connection(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();
    struct chain c;

    (void)state;
    chain_init(&c);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "SP", wsnet_text("not wanted")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("1")), 0);
    wsnet_now += 25 * WSNET_SECOND;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("2")), 0);
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), 1);
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), 1);
    wsnet_now += 1;
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c),
                     0); /* what is not wanted does not count */
    wsnet_now += 10 * WSNET_SECOND;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("3")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("4")), 0);
    wsnet_now += 25 * WSNET_SECOND + 1;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("fresh")), 0);
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), 1);
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), ERR_TIMEOUT);
    assert_false(algorand_peer_ready(n->a, 1));
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), 0);
    chain_deinit(&c);
}

static void a_slow_reader_loses_messages_and_holds_no_more_than_its_bound(void **state)
{
    struct wsnet_node *n = wsnet_make(0, true);

    (void)state;
    n->config.queue_max = 10;
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    algorand_stream_start(n->a, wsnet_now, 2, ALGORAND_V10, true);
    wsnet_count_waiting(n, 1);
    wsnet_count_waiting(n, 2);
    n->wants_write = 0;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(
            algorand_broadcast(n->a, wsnet_now, i % 2 ? "AV" : "VB", span_static(&i, sizeof i)), 0);
        wsnet_count_waiting(n, 2); /* the other one keeps up and loses nothing */
    }
    assert_int_equal(n->counts[TRACE_DROP], 80);
    assert_int_equal(n->wants_write, 1 + 100);
    assert_int_equal(lanes_count(&network_peer(n->a, 1)->lanes), 20);
    assert_int_equal(n->sent_count, 100);
    assert_int_equal(wsnet_count_waiting(n, 1), 20);
    assert_null(network_peer(n->a, 1)->lanes.high.ring);
}

static void an_idle_peer_is_small(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();

    (void)state;
    assert_true(sizeof(struct peer) + sizeof(struct peer *) <= 96);
    assert_null(network_peer(n->a, 1)->greeting);
    assert_null(network_peer(n->a, 1)->digests);
    assert_null(network_peer(n->a, 1)->lanes.high.ring);
}

/* --- any bytes, cut anywhere --- */

struct split_ctx {
    struct chain in;
    int err;
};

static void feed_piece(void *ctx, struct slice piece)
{
    struct split_ctx *s = ctx;

    chain_append(&s->in, piece);
    if (s->err == 0)
        s->err = algorand_feed(wsnet[0].a, wsnet_now, 1, &s->in);
}

static void append_random_message(struct buf *b, struct rng *r)
{
    static const char *const tags[] = {"AV", "PP", "VB", "TX", "SP", "MS", "ZZ", "NP", "UE"};
    size_t size = (size_t)rng_below(r, rng_chance(r, 1, 20) ? 6000 : 60);
    const char *tag = tags[rng_below(r, sizeof tags / sizeof tags[0])];

    if (size > 60)
        tag = "PP";
    buf_append_be32(b, (uint32_t)(2 + size));
    buf_append(b, tag, 2);
    memset(buf_extend(b, size), (int)rng_below(r, 4), size);
}

static void any_split_of_the_input_gives_the_same_events(void **state)
{
    struct rng r;
    struct buf b;
    struct chain hello;
    uint64_t whole = 0;

    (void)state;
    rng_init(&r, 11, "split");
    buf_init(&b, 1 << 20);
    chain_init(&hello);
    wsnet_start(wsnet_make(2, false));
    algorand_stream_start(wsnet[2].a, wsnet_now, 1, ALGORAND_V22, true);
    assert_int_equal(algorand_pull(wsnet[2].a, wsnet_now, 1, &hello), 1);
    chain_peek(&hello, 0, buf_extend(&b, hello.size), hello.size);
    chain_deinit(&hello);
    for (int i = 0; i < 200; i++)
        append_random_message(&b, &r);
    for (int round = 0; round < 20; round++) {
        struct split_ctx s = {.err = 0};

        chain_init(&s.in);
        wsnet_start(wsnet_make(0, true));
        algorand_stream_start(wsnet[0].a, wsnet_now, 1, ALGORAND_V22, false);
        algorand_stream_start(wsnet[0].a, wsnet_now, 3, ALGORAND_V10, true);
        if (round == 0)
            feed_piece(&s, buf_slice(&b));
        else
            split_feed(&r, buf_slice(&b), feed_piece, &s);
        assert_int_equal(s.err, 0);
        assert_int_equal(s.in.size, 0);
        wsnet_count_waiting(&wsnet[0], 3);
        assert_true(wsnet[0].counts[TRACE_DELIVER] > 20);
        whole = round ? whole : wsnet[0].hash;
        assert_true(wsnet[0].hash == whole);
        chain_deinit(&s.in);
        algorand_free(wsnet[0].a);
        wsnet[0].a = NULL;
    }
    buf_deinit(&b);
}

static void random_bytes_end_in_an_error_and_nothing_else(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 12, "garbage");
    for (int round = 0; round < 3000; round++) {
        struct split_ctx s = {.err = 0};
        uint8_t bytes[400];
        size_t at = 0;

        rng_fill(&r, bytes, sizeof bytes);
        if (rng_chance(&r, 3, 4)) /* plausible lengths and tags get further */
            while (at + 60 < sizeof bytes) {
                uint32_t size = (uint32_t)rng_below(&r, 50);

                store_be32(bytes + at, size + 2);
                memcpy(bytes + at + 4, tag_table[rng_below(&r, TAG_COUNT)].text, 2);
                at += 6 + size;
            }
        chain_init(&s.in);
        wsnet_start(wsnet_make(0, true));
        algorand_stream_start(wsnet[0].a, wsnet_now, 1,
                              rng_chance(&r, 1, 4) ? ALGORAND_V22 : ALGORAND_V10, true);
        split_feed(&r, slice_of(bytes, sizeof bytes), feed_piece, &s);
        assert_true(s.err <= 0);
        chain_deinit(&s.in);
        algorand_free(wsnet[0].a);
        wsnet[0].a = NULL;
    }
}

int main(void)
{
#define NETWORK_TEST(name) cmocka_unit_test_setup_teardown(name, wsnet_set_up, wsnet_tear_down)
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(two_nodes_shake_hands_in_either_version),
        NETWORK_TEST(the_dialler_speaks_first),
        NETWORK_TEST(a_handshake_that_takes_too_long_ends_the_connection),
        NETWORK_TEST(a_bad_handshake_is_refused),
        NETWORK_TEST(what_is_broadcast_before_there_is_a_peer_waits_for_the_first),
        NETWORK_TEST(a_message_has_the_frame_of_the_specification),
        NETWORK_TEST(only_gossip_within_its_limit_is_broadcast_and_only_once),
        NETWORK_TEST(the_head_of_a_frame_is_judged_before_its_payload_is_there),
        NETWORK_TEST(every_tag_is_accepted_up_to_its_limit_and_not_beyond),
        NETWORK_TEST(unknown_and_unserved_messages_are_counted_and_dropped),
        NETWORK_TEST(votes_and_proposals_go_before_the_rest),
        NETWORK_TEST(a_message_that_waited_25_seconds_ends_the_connection),
        NETWORK_TEST(a_slow_reader_loses_messages_and_holds_no_more_than_its_bound),
        NETWORK_TEST(an_idle_peer_is_small),
        NETWORK_TEST(any_split_of_the_input_gives_the_same_events),
        NETWORK_TEST(random_bytes_end_in_an_error_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
