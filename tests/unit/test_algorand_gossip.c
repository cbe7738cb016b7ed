/* stack/algorand: what nodes joined by byte streams do with messages. */
#include "tests/lib/wsnet.h"
#include "tests/lib/test.h"

#include "stack/algorand/network.h"
#include "stack/base/err.h"
#include "stack/crypto/crypto.h"

/* --- repeats, validation, forwarding --- */

static void join_star(bool relay)
{
    for (int i = 0; i < 5; i++) {
        wsnet_make(i, relay && i == 0);
        wsnet_start(&wsnet[i]);
    }
    for (uint32_t i = 1; i < 5; i++)
        wsnet_join(i, 0, i % 2 ? ALGORAND_V22 : ALGORAND_V10);
    wsnet_settle();
}

static void a_relay_forwards_to_all_but_the_sender(void **state)
{
    (void)state;
    join_star(true);
    assert_int_equal(algorand_broadcast(wsnet[1].a, wsnet_now, "AV", wsnet_text("vote")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[0].counts[TRACE_SEND], 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(wsnet[i].counts[TRACE_DELIVER], i != 1);
        assert_int_equal(wsnet[i].counts[TRACE_DUPLICATE], 0);
        if (i != 1)
            assert_int_equal(wsnet[i].last_from, i ? 0 : 1);
        if (i > 2) /* the frame that node 1 made, never copied */
            assert_ptr_equal(wsnet[i].last_frame, wsnet[0].last_frame);
    }
}

static void a_node_that_is_no_relay_does_not_forward(void **state)
{
    (void)state;
    join_star(false);
    assert_int_equal(algorand_broadcast(wsnet[1].a, wsnet_now, "AV", wsnet_text("vote")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[0].counts[TRACE_DELIVER], 1);
    assert_int_equal(wsnet[0].counts[TRACE_SEND], 0);
    assert_int_equal(wsnet[2].counts[TRACE_ARRIVE], 0);
    assert_int_equal(algorand_broadcast(wsnet[0].a, wsnet_now, "AV", wsnet_text("its own")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[0].counts[TRACE_SEND], 4);
}

static void a_repeat_is_dropped_before_it_is_validated(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        wsnet_make(i, true)->config.validation_delay_ns = 5 * WSNET_MS;
        wsnet_start(&wsnet[i]);
    }
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < i; k++)
            wsnet_join(i, k, ALGORAND_V22);
    wsnet_settle();
    assert_int_equal(algorand_broadcast(wsnet[0].a, wsnet_now, "PP", wsnet_text("block")), 0);
    wsnet_settle();
    for (int i = 1; i < 4; i++) {
        assert_int_equal(wsnet[i].counts[TRACE_ARRIVE], 1);
        assert_int_equal(wsnet[i].counts[TRACE_DELIVER], 0);
        assert_true(algorand_deadline(wsnet[i].a) == wsnet_now + 5 * WSNET_MS);
    }
    wsnet_now += 5 * WSNET_MS;
    for (int i = 1; i < 4; i++)
        algorand_tick(wsnet[i].a, wsnet_now);
    wsnet_settle();
    for (int i = 1; i < 4; i++) {
        assert_int_equal(wsnet[i].counts[TRACE_DELIVER], 1);
        assert_int_equal(wsnet[i].counts[TRACE_DUPLICATE], 2);
        assert_true(algorand_deadline(wsnet[i].a) == UINT64_MAX);
    }
    assert_int_equal(wsnet[0].counts[TRACE_DUPLICATE], 0);
}

static void a_rejected_message_ends_the_connection_of_its_sender(void **state)
{
    (void)state;
    join_star(true);
    wsnet[0].verdict = ALGORAND_REJECT;
    assert_int_equal(algorand_broadcast(wsnet[1].a, wsnet_now, "AV", wsnet_text("bad")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[0].reject_code, TRACE_REJECT_INVALID);
    assert_int_equal(wsnet[0].disconnects, 1);
    assert_int_equal(wsnet[0].disconnect_err, ERR_PROTOCOL);
    assert_false(algorand_peer_ready(wsnet[0].a, 1));
    wsnet[0].verdict = ALGORAND_IGNORE_MESSAGE;
    assert_int_equal(algorand_broadcast(wsnet[2].a, wsnet_now, "AV", wsnet_text("old")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[0].reject_code, TRACE_REJECT_IGNORED);
    assert_int_equal(wsnet[0].disconnects, 1);
    assert_int_equal(wsnet[0].counts[TRACE_SEND], 0);
    assert_int_equal(wsnet[0].counts[TRACE_DELIVER], 0);
}

static void a_verdict_that_comes_after_the_peer_has_gone_hits_nobody_else(void **state)
{
    struct wsnet_node *n = wsnet_make(0, true);

    (void)state;
    n->config.validation_delay_ns = WSNET_MS;
    n->verdict = ALGORAND_REJECT;
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    assert_int_equal(wsnet_feed_message(n, 1, "AV", 100, 1), 0);
    algorand_stream_closed(n->a, wsnet_now, 1);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10,
                          true); /* another peer in the same slot */
    wsnet_now += WSNET_MS;
    algorand_tick(n->a, wsnet_now);
    assert_int_equal(n->counts[TRACE_REJECT], 1);
    assert_int_equal(n->disconnects, 0);
    assert_true(algorand_peer_ready(n->a, 1));
    n->verdict = ALGORAND_ACCEPT;
    assert_int_equal(wsnet_feed_message(n, 1, "AV", 100, 2), 0);
    algorand_stream_closed(n->a, wsnet_now, 1);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    wsnet_now += WSNET_MS;
    algorand_tick(n->a, wsnet_now); /* not from this one: it gets a copy */
    assert_int_equal(wsnet_count_waiting(n, 1), 2);
}

static void validations_beyond_the_bound_are_rejected_but_may_come_again(void **state)
{
    struct wsnet_node *n = wsnet_make(0, true);

    (void)state;
    n->config.validation_delay_ns = WSNET_MS;
    n->config.validation_queue_max = 3;
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    for (uint8_t i = 0; i < 5; i++)
        assert_int_equal(wsnet_feed_message(n, 1, "AV", 100, i), 0);
    assert_int_equal(n->counts[TRACE_ARRIVE], 5);
    assert_int_equal(n->counts[TRACE_REJECT], 2);
    assert_int_equal(n->reject_code, TRACE_REJECT_QUEUE_FULL);
    wsnet_now += WSNET_MS;
    algorand_tick(n->a, wsnet_now);
    assert_int_equal(n->counts[TRACE_DELIVER], 3);
    assert_int_equal(wsnet_feed_message(n, 1, "AV", 100, 4), 0);
    wsnet_now += WSNET_MS;
    algorand_tick(n->a, wsnet_now);
    assert_int_equal(n->counts[TRACE_DELIVER], 4);
}

static void deliver_may_broadcast(void **state)
{
    (void)state;
    join_star(true);
    wsnet[0].answers = true;
    assert_int_equal(algorand_broadcast(wsnet[1].a, wsnet_now, "AV", wsnet_text("question")), 0);
    wsnet_settle();
    assert_int_equal(wsnet[1].counts[TRACE_DELIVER], 1);
    assert_int_equal(wsnet[4].counts[TRACE_DELIVER], 2);
}

static void a_small_message_of_a_large_read_does_not_keep_it_alive(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();
    struct blob *b = blob_new(60000);
    struct chain c;

    (void)state;
    memset(b->data, 0, b->size);
    store_be32(b->data, 102);
    memcpy(b->data + 4, "AV", 2);
    algorand_stream_start(n->a, wsnet_now, 2, ALGORAND_V10, true);
    chain_init(&c);
    chain_give(&c, span_part(span_give(b), 0, 106));
    assert_int_equal(algorand_feed(n->a, wsnet_now, 1, &c), 0);
    assert_int_equal(atomic_load(&b->refs), 1);
    assert_int_equal(wsnet_count_waiting(n, 2), 2);
    blob_unref(b);
}

/* --- MI and MS --- */

static void an_interest_decides_what_is_sent(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();

    (void)state;
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "SP", wsnet_text("1")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("1")), 0);
    assert_int_equal(wsnet_count_waiting(n, 1), 1); /* state proofs are not sent unasked */
    assert_int_equal(wsnet_feed_hex(n, "00000010 4d49 01 04 74616773 05 53502c5642 0000"), ERR_OK);
    assert_int_equal(wsnet_feed_hex(n, "0000000b 4d49 01 04 74616773 02 5642"), ERR_OK);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "SP", wsnet_text("2")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "AV", wsnet_text("2")), 0);
    assert_int_equal(algorand_broadcast(n->a, wsnet_now, "VB", wsnet_text("2")), 0);
    assert_int_equal(wsnet_count_waiting(n, 1), 1);
    assert_int_equal(n->sent[1], 'V');
    assert_int_equal(algorand_stats(n->a)->unwanted, 3);
    assert_int_equal(wsnet_feed_hex(n, "00000004 4d49 0104"), ERR_TRUNCATED);
}

static void a_large_message_is_announced_and_then_not_sent_to_who_has_it(void **state)
{
    (void)state;
    join_star(true);
    /* Node 0 has the block from 1 and tells 2, 3 and 4 so before it forwards it. */
    assert_int_equal(wsnet_feed_message(&wsnet[0], 1, "PP", 5000, 7), 0);
    assert_int_equal(algorand_stats(wsnet[0].a)->digests_sent, 3);
    wsnet_settle();
    assert_int_equal(algorand_stats(wsnet[2].a)->digests_received, 1);
    /* Now 2 has the very same block to broadcast, and 0 is known to have it. */
    wsnet_now += 61 * WSNET_SECOND;
    assert_int_equal(wsnet[2].counts[TRACE_DELIVER], 1);
    {
        struct blob *b = blob_new(5000);

        memset(b->data, 7, b->size);
        assert_int_equal(algorand_broadcast(wsnet[2].a, wsnet_now, "PP", span_give(b)), 0);
        blob_unref(b);
    }
    assert_int_equal(algorand_stats(wsnet[2].a)->digests_skipped, 1);
    wsnet_settle();
    assert_int_equal(wsnet[2].counts[TRACE_SEND], 0);
}

static void announcements_are_the_published_digest_and_only_of_large_plain_payloads(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();
    struct chain c;
    struct blob *b = blob_new(5002);
    uint8_t digest[32], frame[38];

    (void)state;
    chain_init(&c);
    algorand_stream_start(n->a, wsnet_now, 2, ALGORAND_V10, true);
    wsnet_count_waiting(n, 2);
    assert_int_equal(wsnet_feed_message(n, 1, "VB", 4999, 9), 0);
    assert_int_equal(algorand_stats(n->a)->digests_sent, 0);
    assert_int_equal(wsnet_count_waiting(n, 2), 1);
    assert_int_equal(wsnet_feed_message(n, 1, "VB", 5000, 9), 0);
    assert_int_equal(wsnet_feed_message(n, 1, "VB", 5000, 9), 0); /* a repeat is announced again */
    assert_int_equal(algorand_stats(n->a)->digests_sent, 2);
    memset(b->data, 9, b->size);
    memcpy(b->data, "VB", 2);
    sha512_256(digest, blob_slice(b), slice_of(NULL, 0));
    chain_deinit(&c);
    assert_int_equal(wsnet_drain(n, 2, &c), 0);
    assert_int_equal(c.size, 38 + 5006 + 38);
    chain_peek(&c, 0, frame, sizeof frame);
    assert_slice_hex(slice_of(frame, 6), "00000022 4d53");
    assert_memory_equal(frame + 6, digest, 32);
    chain_deinit(&c);
    memcpy(b->data, "\x00\x00\x13\x8aPP\x28\xb5\x2f\xfd", 10); /* a compressed proposal */
    chain_give(&c, span_part(span_give(b), 0, 5002));
    chain_append(&c, slice_of((uint8_t[4]){0}, 4));
    assert_int_equal(algorand_feed(n->a, wsnet_now, 1, &c), 0);
    assert_int_equal(algorand_stats(n->a)->digests_sent, 2);
    chain_deinit(&c);
    blob_unref(b);
}

static void without_the_digest_filter_nothing_is_announced_or_withheld(void **state)
{
    struct wsnet_node *n = wsnet_make(0, true);

    (void)state;
    n->config.digest_filter = false;
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    algorand_stream_start(n->a, wsnet_now, 2, ALGORAND_V10, true);
    assert_int_equal(wsnet_feed_message(n, 1, "PP", 6000, 1), 0);
    assert_int_equal(wsnet_feed_message(n, 2, "MS", 32, 1), 0);
    assert_null(network_peer(n->a, 2)->digests);
    assert_int_equal(algorand_stats(n->a)->digests_sent, 0);
    assert_int_equal(wsnet_count_waiting(n, 2), 2);
}

static void repeated_and_odd_announcements_are_harmless(void **state)
{
    struct wsnet_node *n = wsnet_with_ready_peer();

    (void)state;
    assert_int_equal(wsnet_feed_message(n, 1, "MS", 31, 1), 0);
    assert_int_equal(wsnet_feed_message(n, 1, "MS", 69, 1), 0);
    assert_null(network_peer(n->a, 1)->digests);
    assert_int_equal(wsnet_feed_message(n, 1, "MS", 32, 1), 0);
    assert_int_equal(wsnet_feed_message(n, 1, "MS", 32, 1), 0);
    assert_int_equal(wsnet_feed_message(n, 1, "MS", 32, 0), 0);
    assert_int_equal(algorand_stats(n->a)->digests_received, 3);
    assert_int_equal(algorand_stats(n->a)->digests_repeated, 1);
}

int main(void)
{
#define NETWORK_TEST(name) cmocka_unit_test_setup_teardown(name, wsnet_set_up, wsnet_tear_down)
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(a_relay_forwards_to_all_but_the_sender),
        NETWORK_TEST(a_node_that_is_no_relay_does_not_forward),
        NETWORK_TEST(a_repeat_is_dropped_before_it_is_validated),
        NETWORK_TEST(a_rejected_message_ends_the_connection_of_its_sender),
        NETWORK_TEST(a_verdict_that_comes_after_the_peer_has_gone_hits_nobody_else),
        NETWORK_TEST(validations_beyond_the_bound_are_rejected_but_may_come_again),
        NETWORK_TEST(deliver_may_broadcast),
        NETWORK_TEST(a_small_message_of_a_large_read_does_not_keep_it_alive),
        NETWORK_TEST(an_interest_decides_what_is_sent),
        NETWORK_TEST(a_large_message_is_announced_and_then_not_sent_to_who_has_it),
        NETWORK_TEST(announcements_are_the_published_digest_and_only_of_large_plain_payloads),
        NETWORK_TEST(without_the_digest_filter_nothing_is_announced_or_withheld),
        NETWORK_TEST(repeated_and_odd_announcements_are_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
