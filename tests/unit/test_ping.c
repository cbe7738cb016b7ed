/* stack/identify/ping: whole pings come back, and nothing else does. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/identify/ping.h"

static void pings_are_echoed_whole_whatever_the_pieces(void **state)
{
    struct rng r;
    struct chain sent, in, out;
    uint8_t bytes[5 * PING_SIZE + 7], echoed[5 * PING_SIZE];
    size_t answered = 0;

    (void)state;
    rng_init(&r, 1, "ping");
    chain_init(&sent);
    chain_init(&in);
    chain_init(&out);
    rng_fill(&r, bytes, sizeof bytes);
    chain_append(&sent, slice_of(bytes, sizeof bytes));
    while (sent.size > 0) {
        chain_move(&in, &sent, 1 + (size_t)rng_below(&r, sent.size < 70 ? sent.size : 70));
        answered += ping_answer(&in, &out);
        assert_int_equal(out.size, answered * PING_SIZE);
        assert_true(in.size < PING_SIZE);
    }
    assert_int_equal(answered, 5);
    chain_peek(&out, 0, echoed, sizeof echoed);
    assert_memory_equal(echoed, bytes, sizeof echoed);
    assert_int_equal(out.count, 1); /* nothing was copied */
    chain_deinit(&in);
    chain_deinit(&out);
}

static void the_round_trip_is_measured_once_the_answer_is_whole(void **state)
{
    struct rng r;
    struct chain asked, back, part;
    struct ping p = {0};
    uint64_t rtt_ns = 7;

    (void)state;
    rng_init(&r, 2, "ping");
    chain_init(&asked);
    chain_init(&back);
    chain_init(&part);
    for (uint64_t round = 1; round <= 20; round++) {
        int result = 0;

        ping_send(&p, &r, 1000 * round, &asked);
        assert_int_equal(asked.size, PING_SIZE);
        assert_int_equal(ping_answer(&asked, &back), 1);
        while (result == 0) {
            assert_true(p.waiting);
            chain_move(&part, &back, 1);
            result = ping_feed(&p, 1000 * round + 40, &part, &rtt_ns);
        }
        assert_int_equal(result, 1);
        assert_int_equal(rtt_ns, 40);
        assert_int_equal(back.size + part.size, 0);
        assert_false(p.waiting);
    }
    assert_int_equal(ping_feed(&p, 99999, &part, &rtt_ns), 0);
}

static void a_wrong_or_unasked_answer_is_a_violation(void **state)
{
    struct rng r;
    struct chain out;
    struct ping p = {0};
    uint64_t rtt_ns;
    uint8_t bytes[PING_SIZE];

    (void)state;
    rng_init(&r, 3, "ping");
    chain_init(&out);
    chain_append(&out, slice_text("x"));
    assert_int_equal(ping_feed(&p, 0, &out, &rtt_ns), ERR_PROTOCOL);
    chain_drop(&out, 1);
    for (size_t i = 0; i < PING_SIZE; i += 31) {
        p.waiting = false;
        ping_send(&p, &r, 0, &out);
        chain_peek(&out, 0, bytes, sizeof bytes);
        chain_drop(&out, sizeof bytes);
        bytes[i] ^= 1;
        chain_append(&out, slice_of(bytes, sizeof bytes));
        assert_int_equal(ping_feed(&p, 1, &out, &rtt_ns), ERR_PROTOCOL);
        assert_int_equal(out.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_are_echoed_whole_whatever_the_pieces),
        cmocka_unit_test(the_round_trip_is_measured_once_the_answer_is_whole),
        cmocka_unit_test(a_wrong_or_unasked_answer_is_a_violation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
