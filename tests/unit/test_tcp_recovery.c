/* Losses: the scoreboard on both sides against brute force, when what is sent again, and what the
 * window does. */
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#define MS TCP_NET_MS
#define SECOND TCP_NET_SECOND
#define MSS 1448u
#define SEGMENTS 120u
#define QUEUE_ENDLESS (1ull << 40)

/* ---- the scoreboard against brute force ---- */

/* An endpoint that is connected to nobody: the test plays the far side. */
static struct tcp *connected(const struct tcp_config *config, uint64_t now_ns)
{
    struct tcp *t = tcp_new(config);
    struct tcp_segment syn, answer = {.ack = 1,
                                      .window = 65535,
                                      .mss = MSS,
                                      .echo_ns = TIME_NEVER,
                                      .flags = TCP_SYN | TCP_ACK | TCP_SACK_PERMITTED};

    tcp_connect(t, now_ns);
    assert_true(tcp_output(t, now_ns, &syn));
    tcp_input(t, now_ns + 20 * MS, &answer);
    assert_true(tcp_output(t, now_ns + 20 * MS, &syn));
    assert_int_equal(tcp_events(t), TCP_CONNECTED);
    return t;
}

static struct tcp_segment far_ack(uint64_t ack)
{
    return (struct tcp_segment){
        .seq = 1, .ack = ack, .window = 1u << 30, .echo_ns = TIME_NEVER, .flags = TCP_ACK};
}

static void write_segments(struct tcp *t, uint64_t now_ns, uint32_t count)
{
    struct chain bytes = {0};
    struct blob *b = blob_new((size_t)count * MSS);
    size_t size = b->size;

    memset(b->data, 0, size);
    chain_give(&bytes, span_give(b));
    assert_int_equal(tcp_write(t, now_ns, &bytes), size);
}

static uint32_t drain(struct tcp *t, uint64_t now_ns)
{
    struct tcp_segment s;
    uint32_t count = 0;

    while (tcp_output(t, now_ns, &s)) {
        tcp_segment_free(&s);
        count++;
    }
    return count;
}

/* The far side of brute force: which segments arrived, and which of them it told of. */
struct far {
    bool arrived[SEGMENTS + 1], told[SEGMENTS];
    uint32_t first_missing;
};

/* A run of segments around `at`, told of from now on. */
static struct tcp_sack tell_run(struct far *f, uint32_t at)
{
    uint32_t start = at, end = at;

    while (f->arrived[start - 1])
        start--;
    while (f->arrived[end])
        end++;
    for (uint32_t i = start; i < end; i++)
        f->told[i] = true;
    return (struct tcp_sack){(int32_t)((start - f->first_missing) * MSS),
                             (int32_t)((end - f->first_missing) * MSS)};
}

static struct tcp_segment far_answer(struct far *f, struct rng *r, uint32_t at)
{
    struct tcp_segment s;

    f->arrived[at] = true;
    while (f->arrived[f->first_missing])
        f->first_missing++;
    s = far_ack(1 + (uint64_t)f->first_missing * MSS);
    if (at > f->first_missing)
        s.sacks[s.sack_count++] = tell_run(f, at);
    for (int i = 0; i < 2 && s.sack_count; i++) {
        uint32_t other = f->first_missing + (uint32_t)rng_below(r, SEGMENTS - f->first_missing);

        if (f->arrived[other])
            s.sacks[s.sack_count++] = tell_run(f, other);
    }
    return s;
}

static void the_scoreboard_agrees_with_brute_force(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct tcp_config config = tcp_config_default();
        struct far f = {{0}, {0}, 0};
        struct rng r;
        struct tcp *t;
        uint64_t now = 100 * MS;

        rng_init(&r, seed, "scoreboard");
        config.initial_window = SEGMENTS;
        config.rack = seed % 2;
        t = connected(&config, 0);
        config.send_buffer = 0;
        {
            struct tcp_segment open = far_ack(1);

            tcp_input(t, now, &open);
        }
        write_segments(t, now, SEGMENTS);
        assert_int_equal(drain(t, now), SEGMENTS);
        for (int i = 0; i < 200; i++) {
            uint32_t at = (uint32_t)rng_below(&r, SEGMENTS), sacked = 0;
            struct tcp_segment s;
            struct tcp_info info;

            if (at < f.first_missing || f.arrived[at] ||
                (at == f.first_missing && rng_below(&r, 4)))
                continue;
            s = far_answer(&f, &r, at);
            now += MS / 10;
            tcp_input(t, now, &s);
            if (tcp_events(t) & TCP_FAILED)
                fail();
            info = tcp_info(t);
            for (uint32_t j = f.first_missing; j < SEGMENTS; j++)
                sacked += f.told[j];
            assert_int_equal(info.sacked, sacked);
            assert_int_equal(info.unacked, (SEGMENTS - f.first_missing) * MSS);
            assert_int_equal(info.in_flight,
                             SEGMENTS - f.first_missing - sacked - info.lost + info.retransmitted);
            drain(t, now);
        }
        tcp_free(t);
    }
}

/* Segments in any order: what the receiver acknowledges is what arrived. */
static void the_receivers_blocks_agree_with_brute_force(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct tcp_config config = tcp_config_default();
        struct far f = {{0}, {0}, 0};
        struct rng r;
        struct tcp *t = connected(&config, 0);
        uint64_t now = 100 * MS, latest = 0;

        rng_init(&r, seed, "receiver");
        for (int i = 0; i < 60; i++) {
            uint32_t at = (uint32_t)rng_below(&r, 40);
            struct tcp_segment s = far_ack(1), answer;
            bool fresh = !f.arrived[at];

            s.seq = 1 + (uint64_t)at * MSS;
            chain_give(&s.bytes, span_give(blob_new(MSS)));
            latest = s.seq;
            f.arrived[at] = true;
            while (f.arrived[f.first_missing])
                f.first_missing++;
            now += MS;
            tcp_input(t, now, &s);
            if (!tcp_output(t, now, &answer))
                continue; /* nothing out of order: the ACK may wait */
            assert_int_equal(answer.ack, 1 + (uint64_t)f.first_missing * MSS);
            for (uint32_t j = 0; j < answer.sack_count; j++) {
                uint64_t start = answer.ack + (uint64_t)(int64_t)answer.sacks[j].start;
                uint64_t end = answer.ack + (uint64_t)(int64_t)answer.sacks[j].end;

                if (!fresh && j == 0) { /* D-SACK */
                    assert_int_equal(start, latest);
                    assert_int_equal(end, latest + MSS);
                    continue;
                }
                assert_true(start > answer.ack && end > start);
                for (uint64_t k = (start - 1) / MSS; k < (end - 1) / MSS; k++)
                    assert_true(f.arrived[k]);
                assert_false(f.arrived[(start - 1) / MSS - 1] || f.arrived[(end - 1) / MSS]);
                if (j == 0 && at > f.first_missing)
                    assert_true(latest >= start && latest < end);
            }
            if (fresh && at > f.first_missing)
                assert_true(answer.sack_count > 0);
        }
        tcp_free(t);
    }
}

/* ---- when what is sent again ---- */

static struct tcp_end *lossy_pair(struct tcp_net *n, const struct tcp_config *config,
                                  const uint64_t *lost, uint32_t lost_count)
{
    struct loss_config loss = {.kind = LOSS_LIST, .list = lost, .list_count = lost_count};
    struct element *there, *back;
    struct tcp_end *a;

    tcp_net_init(n);
    there =
        tcp_net_add(n, element_loss_new(&loss), tcp_net_link(n, 0, 10 * MS, QUEUE_ENDLESS, NULL));
    back = tcp_net_link(n, 0, 10 * MS, QUEUE_ENDLESS, NULL);
    a = tcp_net_pair(n, config, there, back);
    tcp_net_dial(a); /* SYN and ACK are packets 0 and 1 */
    tcp_net_run(n, 100 * MS);
    return a;
}

/* Time from the write of ten segments to the last byte, in microseconds. */
static uint64_t ten_segments_us(const struct tcp_config *config, const uint64_t *lost,
                                uint32_t lost_count, struct tcp_info *info)
{
    struct tcp_net n;
    struct tcp_end *a = lossy_pair(&n, config, lost, lost_count);
    uint64_t took;

    tcp_net_write(a, 10 * MSS);
    assert_true(tcp_net_run_to(&n, a->peer, 10 * MSS, 100 * SECOND));
    took = n.now_ns - 100 * MS;
    tcp_net_run(&n, n.now_ns + 25 * MS);
    *info = tcp_info(a->tcp);
    tcp_net_deinit(&n);
    return took / 1000;
}

static void a_loss_in_the_middle_costs_one_round_trip(void **state)
{
    static const uint64_t lost[] = {4};
    struct tcp_config config = tcp_config_default();
    struct tcp_info info;

    (void)state;
    /* SACKs at 20 ms show it, it arrives 10 ms later. */
    assert_int_equal(ten_segments_us(&config, lost, 1, &info), 30000);
    assert_int_equal(info.segments_resent, 1);
    assert_int_equal(info.timeouts, 0);
    assert_int_equal(info.cwnd, 8); /* of 12: two had been acknowledged */
    config.rack = false;
    assert_int_equal(ten_segments_us(&config, lost, 1, &info), 30000);
    config.sack = false;
    assert_int_equal(ten_segments_us(&config, lost, 1, &info), 30000);
    assert_int_equal(info.segments_resent, 1);
}

static void a_lost_tail_is_probed_after_two_round_trips(void **state)
{
    static const uint64_t lost[] = {9, 10, 11};
    struct tcp_config config = tcp_config_default();
    struct tcp_info info;

    (void)state;
    /* ACKs at 20 ms; two round trips and 2 ms later the last one goes again; its SACK at 82 ms
     * shows that the other two are missing, and lets one go; the answer at 102 ms the other. */
    assert_int_equal(ten_segments_us(&config, lost, 3, &info), 112000);
    assert_int_equal(info.probes, 1);
    assert_int_equal(info.timeouts, 0);
    config.tlp = false;
    /* Without: a timeout of round trip + 200 ms after those ACKs, then F-RTO and slow start from
     * one. */
    assert_in_range(ten_segments_us(&config, lost, 3, &info), 250000, 291000);
    assert_int_equal(info.timeouts, 1);
}

static void a_lost_last_segment_waits_for_the_delayed_ack(void **state)
{
    static const uint64_t lost[] = {11};
    struct tcp_config config = tcp_config_default();
    struct tcp_info info;

    (void)state;
    /* One segment out: its ACK could be a delayed one, so the probe waits as long as a timeout: 20
     * + 220 + 10. */
    assert_int_equal(ten_segments_us(&config, lost, 1, &info), 250000);
    assert_int_equal(info.probes, 1);
    assert_int_equal(info.timeouts, 0);
    assert_int_equal(info.cwnd, 20); /* nothing shows yet that something was lost */
}

static void timeouts_double_when_all_is_lost(void **state)
{
    static const uint64_t lost[] = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct tcp_config config = tcp_config_default();
    struct tcp_info info;

    (void)state;
    /* Probe after 42 ms, then timeouts after 220, 440 and 880 ms; the third gets through. */
    assert_in_range(ten_segments_us(&config, lost, 13, &info), 1582000 + 10000, 1582000 + 90000);
    assert_int_equal(info.timeouts, 3);
    assert_true(info.cwnd < 20);
}

/* ---- the window ---- */

static void window_pair(struct tcp_config *config, struct tcp_net *n, struct tcp_end **a,
                        uint64_t one_way_ns, uint64_t lost)
{
    struct loss_config loss = {.kind = LOSS_LIST, .list = &lost, .list_count = 1};
    struct element *there, *back;

    config->hystart = false;
    config->send_buffer = 32 << 20;
    config->receive_buffer = 32 << 20;
    config->quick_acks = 255;
    tcp_net_init(n);
    there = tcp_net_add(n, element_loss_new(&loss),
                        tcp_net_link(n, 0, one_way_ns, QUEUE_ENDLESS, NULL));
    back = tcp_net_link(n, 0, one_way_ns, QUEUE_ENDLESS, NULL);
    *a = tcp_net_pair(n, config, there, back);
    tcp_net_dial(*a);
    tcp_net_run(n, 10 * one_way_ns);
    tcp_net_write(*a, 1ull << 40);
}

static uint32_t run_until_recovered(struct tcp_net *n, struct tcp_end *a)
{
    while (tcp_info(a->tcp).ssthresh == UINT32_MAX)
        tcp_net_run(n, n->now_ns + MS);
    while (tcp_info(a->tcp).phase != TCP_PHASE_OPEN)
        tcp_net_run(n, n->now_ns + MS);
    return tcp_info(a->tcp).cwnd;
}

static void newreno_halves_and_then_adds_one_segment_a_round_trip(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;
    uint32_t start, ssthresh;

    (void)state;
    config.congestion = TCP_NEWRENO;
    window_pair(&config, &n, &a, 50 * MS, 200);
    start = run_until_recovered(&n, a);
    ssthresh = tcp_info(a->tcp).ssthresh;
    assert_in_range(start, ssthresh, ssthresh + 1);
    for (uint32_t round = 1; round <= 30; round++) {
        tcp_net_run(&n, n.now_ns + 100 * MS);
        assert_in_range(tcp_info(a->tcp).cwnd, start + round - 1, start + round + 1);
    }
    tcp_net_deinit(&n);
}

static void cubic_follows_its_cubic(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;
    uint64_t start_ns, k_ms = 0;
    uint32_t start, most;

    (void)state;
    config.tcp_friendly = false;
    window_pair(&config, &n, &a, 50 * MS, 1500);
    start = run_until_recovered(&n, a);
    start_ns = n.now_ns;
    most = (uint32_t)((uint64_t)start * 1024 / 717);
    while (4 * k_ms * k_ms * k_ms < (most - start) * 10000000000ull) /* 0.4 K^3 = most - start */
        k_ms++;
    for (uint64_t at_ms = 500; at_ms < k_ms + 4000; at_ms += 500) {
        int64_t off_ms = (int64_t)at_ms + 100 - (int64_t)k_ms; /* Linux aims a round trip ahead */
        int64_t want = (int64_t)most + 4 * off_ms * off_ms * off_ms / 10000000000;
        uint32_t cwnd;

        tcp_net_run(&n, start_ns + at_ms * MS);
        cwnd = tcp_info(a->tcp).cwnd;
        if (getenv("GOLDENS"))
            printf("cubic after %5llu ms: %5u, closed form %5lld\n", (unsigned long long)at_ms,
                   cwnd, (long long)want);
        assert_in_range(cwnd, want * 96 / 100, want * 104 / 100);
    }
    tcp_net_deinit(&n);
}

static void hystart_leaves_slow_start_before_the_queue_overflows(void **state)
{
    uint64_t dropped[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tcp_config config = tcp_config_default();
        struct tcp_net n;
        struct element *there, *back;
        struct tcp_end *a;

        config.hystart = i;
        tcp_net_init(&n);
        there = tcp_net_link(&n, 50000000, 50 * MS, 625000, NULL); /* a queue of a round trip */
        back = tcp_net_link(&n, 0, 50 * MS, QUEUE_ENDLESS, NULL);
        a = tcp_net_pair(&n, &config, there, back);
        tcp_net_dial(a);
        tcp_net_write(a, 1ull << 40);
        tcp_net_run(&n, 3 * SECOND / 2);
        dropped[i] = there->counts.dropped;
        tcp_net_deinit(&n);
    }
    assert_true(dropped[0] > 100);
    assert_int_equal(dropped[1], 0);
}

static void an_unused_window_does_not_grow_and_decays(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = lossy_pair(&n, &config, NULL, 0);
    uint32_t grown;

    (void)state;
    for (int i = 0; i < 50; i++) { /* two segments each 20 ms: the window stays what it is */
        tcp_net_write(a, 2 * MSS);
        tcp_net_run(&n, n.now_ns + 20 * MS);
    }
    assert_int_equal(tcp_info(a->tcp).cwnd, 10);
    tcp_net_write(a, 500 * MSS);
    tcp_net_run(&n, n.now_ns + SECOND / 5);
    grown = tcp_info(a->tcp).cwnd;
    assert_true(grown > 250);
    for (int i = 0; i < 250; i++) { /* 5 s of little: half way down each timeout */
        tcp_net_write(a, 2 * MSS);
        tcp_net_run(&n, n.now_ns + 20 * MS);
    }
    assert_in_range(tcp_info(a->tcp).cwnd, 10, 12);
    tcp_net_deinit(&n);
}

/* A delay that jumps above the timeout: the timeout turns out to be wrong, and is taken back. */
static void a_spurious_timeout_is_undone(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct element *slow, *fast, *back;
    struct tcp_end *a;

    (void)state;
    config.tlp = false;
    tcp_net_init(&n);
    slow = tcp_net_link(&n, 0, 600 * MS, QUEUE_ENDLESS, NULL);
    fast = tcp_net_link(&n, 0, 10 * MS, QUEUE_ENDLESS, NULL);
    back = tcp_net_link(&n, 0, 10 * MS, QUEUE_ENDLESS, NULL);
    a = tcp_net_pair(&n, &config, fast, back);
    tcp_net_dial(a);
    tcp_net_run(&n, 100 * MS);
    a->out = slow;
    tcp_net_write(a, 10 * MSS);
    tcp_net_run(&n, 5 * SECOND);
    assert_int_equal(a->peer->received, 10 * MSS);
    assert_true(tcp_info(a->tcp).timeouts >= 1);
    assert_true(tcp_info(a->tcp).undone >= 1);
    assert_true(tcp_info(a->tcp).cwnd >= 10);
    tcp_net_deinit(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scoreboard_agrees_with_brute_force),
        cmocka_unit_test(the_receivers_blocks_agree_with_brute_force),
        cmocka_unit_test(a_loss_in_the_middle_costs_one_round_trip),
        cmocka_unit_test(a_lost_tail_is_probed_after_two_round_trips),
        cmocka_unit_test(a_lost_last_segment_waits_for_the_delayed_ack),
        cmocka_unit_test(timeouts_double_when_all_is_lost),
        cmocka_unit_test(newreno_halves_and_then_adds_one_segment_a_round_trip),
        cmocka_unit_test(cubic_follows_its_cubic),
        cmocka_unit_test(hystart_leaves_slow_start_before_the_queue_overflows),
        cmocka_unit_test(an_unused_window_does_not_grow_and_decays),
        cmocka_unit_test(a_spurious_timeout_is_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
