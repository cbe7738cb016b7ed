/* The life of a connection: opening, closing, resets, timers of an idle network; acknowledging. */
#include "sim/tcp/window.h"
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"

#define MS TCP_NET_MS
#define SECOND TCP_NET_SECOND
#define DELAY (10 * MS)
#define LOG_MAX 4096

/* What was sent, in order. */
static struct sent {
    uint64_t at_ns, seq, ack;
    uint32_t end, window, sack_count;
    size_t size;
    uint8_t flags;
} sent[LOG_MAX];
static uint32_t sent_count;
static uint32_t lose_flags; /* segments with one of these flags are lost ... */
static uint32_t lose_count; /* ... so many times */
static uint32_t lose_from;  /* from this end */

static bool watch(struct tcp_end *from, const struct tcp_segment *s)
{
    assert_true(sent_count < LOG_MAX);
    sent[sent_count++] =
        (struct sent){.at_ns = from->net->now_ns,
                      .seq = s->seq,
                      .ack = s->ack,
                      .end = from->index,
                      .window = s->window,
                      .sack_count = s->sack_count,
                      .size = s->bytes.size,
                      .flags = (uint8_t)(s->flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST))};
    if (lose_count && from->index == lose_from && (s->flags & lose_flags)) {
        lose_count--;
        return false;
    }
    return true;
}

static struct tcp_end *start(struct tcp_net *n, const struct tcp_config *config)
{
    struct element *there, *back;

    tcp_net_init(n);
    there = tcp_net_link(n, 0, DELAY, 1 << 20, NULL);
    back = tcp_net_link(n, 0, DELAY, 1 << 20, NULL);
    n->filter = watch;
    sent_count = lose_count = 0;
    return tcp_net_pair(n, config, there, back);
}

static struct tcp_end *start_open(struct tcp_net *n, const struct tcp_config *config)
{
    struct tcp_end *a = start(n, config);

    tcp_net_dial(a);
    tcp_net_run(n, 5 * DELAY);
    assert_true(a->connected && a->peer->connected);
    sent_count = 0;
    return a;
}

static void a_handshake_takes_one_and_a_half_round_trips(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start(&n, &config);

    (void)state;
    tcp_net_dial(a);
    tcp_net_run(&n, SECOND);
    assert_int_equal(a->connected_ns, 2 * DELAY);
    assert_int_equal(a->peer->connected_ns, 3 * DELAY);
    assert_int_equal(sent_count, 3);
    assert_int_equal(sent[0].flags, TCP_SYN);
    assert_int_equal(sent[1].flags, TCP_SYN | TCP_ACK);
    assert_int_equal(sent[2].flags, TCP_ACK);
    assert_int_equal(tcp_info(a->tcp).srtt_us, 20000);
    assert_int_equal(tcp_deadline_ns(a->tcp), TIME_NEVER);
    assert_int_equal(tcp_deadline_ns(a->peer->tcp), TIME_NEVER);
    tcp_net_deinit(&n);
}

static void a_lost_syn_is_sent_again_after_1_2_4_seconds(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start(&n, &config);

    (void)state;
    lose_flags = TCP_SYN;
    lose_count = 100;
    lose_from = 0;
    tcp_net_dial(a);
    tcp_net_run(&n, 200 * SECOND);
    assert_int_equal(sent_count, 7);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(sent[i].at_ns, ((1u << i) - 1) * SECOND);
    assert_true(a->failed);
    assert_int_equal(a->error, ERR_TIMEOUT);
    tcp_net_deinit(&n);
}

static void a_lost_syn_ack_is_sent_again(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start(&n, &config);

    (void)state;
    lose_flags = TCP_SYN;
    lose_count = 1;
    lose_from = 1;
    tcp_net_dial(a);
    tcp_net_write(a, 1000);
    tcp_net_run(&n, 10 * SECOND);
    assert_int_equal(a->peer->received, 1000);
    assert_in_range(a->connected_ns, SECOND, SECOND + 4 * DELAY);
    tcp_net_deinit(&n);
}

static void a_lost_last_ack_of_the_handshake_does_not_matter(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start(&n, &config);

    (void)state;
    tcp_net_dial(a);
    tcp_net_run(&n, DELAY + 1);
    lose_flags = TCP_ACK;
    lose_count = 1;
    lose_from = 0;
    tcp_net_write(a, 1000); /* not possible yet: follows the ACK, and is one itself */
    tcp_net_run(&n, SECOND / 2);
    assert_true(a->peer->connected);
    assert_int_equal(a->peer->received, 1000);
    tcp_net_deinit(&n);
}

static void both_sides_may_open_at_the_same_time(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start(&n, &config);

    (void)state;
    tcp_net_dial(a);
    tcp_net_dial(a->peer);
    tcp_net_write(a, 5000);
    tcp_net_write(a->peer, 7000);
    tcp_net_run(&n, 5 * SECOND);
    assert_true(a->connected && a->peer->connected);
    assert_int_equal(a->peer->received, 5000);
    assert_int_equal(a->received, 7000);
    tcp_net_deinit(&n);
}

static void a_close_ends_both_directions_in_order(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    tcp_net_write(a, 50000);
    tcp_net_finish(a);
    tcp_net_run(&n, SECOND);
    assert_int_equal(a->peer->received, 50000);
    assert_true(a->peer->finished);
    assert_non_null(a->tcp); /* half closed */
    tcp_net_write(a->peer, 30000);
    tcp_net_finish(a->peer);
    tcp_net_run(&n, 2 * SECOND);
    assert_int_equal(a->received, 30000);
    assert_true(a->done && a->peer->done);
    assert_int_equal(n.packets, 0);
    tcp_net_deinit(&n);
}

static void both_sides_may_close_at_the_same_time(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    tcp_net_finish(a);
    tcp_net_finish(a->peer);
    tcp_net_run(&n, SECOND);
    assert_true(a->done && a->peer->done);
    assert_int_equal(sent_count, 4);
    tcp_net_deinit(&n);
}

static void a_lost_fin_is_sent_again(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    lose_flags = TCP_FIN;
    lose_count = 2;
    lose_from = 0;
    tcp_net_finish(a);
    tcp_net_finish(a->peer);
    tcp_net_run(&n, 5 * SECOND);
    assert_true(a->done && a->peer->done);
    tcp_net_deinit(&n);
}

/* The last ACK is lost, its sender is gone: a host without the connection answers as TIME_WAIT
 * would. */
static void a_fin_to_nobody_is_acknowledged(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    tcp_net_finish(a);
    tcp_net_run(&n, SECOND);
    tcp_net_finish(a->peer);
    lose_flags = TCP_ACK;
    lose_count = 1;
    lose_from = 0;
    tcp_net_run(&n, 3 * SECOND);
    assert_true(a->done && a->peer->done);
    assert_int_equal(lose_count, 0);
    tcp_net_deinit(&n);
}

static void an_abort_resets_the_far_side(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    tcp_net_write(a, 100000);
    tcp_net_abort(a);
    assert_null(a->tcp);
    tcp_net_run(&n, SECOND);
    assert_true(a->peer->failed);
    assert_int_equal(a->peer->error, ERR_RESET);
    assert_int_equal(n.packets, 0);
    tcp_net_deinit(&n);
}

static void bytes_to_nobody_are_answered_with_a_reset(void **state)
{
    struct tcp_segment s = {.seq = 5, .ack = 9, .flags = TCP_ACK, .echo_ns = TIME_NEVER}, answer;

    (void)state;
    assert_false(tcp_segment_refuse(&s, &answer)); /* a bare ACK: no answer */
    chain_append(&s.bytes, slice_text("hello"));
    assert_true(tcp_segment_refuse(&s, &answer));
    assert_int_equal(answer.flags, TCP_RST | TCP_ACK);
    assert_int_equal(answer.seq, 9);
    assert_int_equal(answer.ack, 10);
    s.flags |= TCP_RST;
    assert_false(tcp_segment_refuse(&s, &answer));
    tcp_segment_free(&s);
}

static void a_refused_dial_fails_at_once(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_segment syn, answer;
    struct tcp *t = tcp_new(&config);

    (void)state;
    tcp_connect(t, 0);
    assert_true(tcp_output(t, 0, &syn));
    assert_int_equal(tcp_segment_size(&syn), 60);
    assert_true(tcp_segment_refuse(&syn, &answer));
    tcp_input(t, DELAY, &answer);
    assert_int_equal(tcp_events(t), TCP_FAILED);
    assert_int_equal(tcp_error(t), ERR_REFUSED);
    assert_int_equal(tcp_deadline_ns(t), TIME_NEVER);
    tcp_free(t);
}

static void a_silent_far_side_is_given_up_in_the_end(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;
    uint64_t gap_ns;

    (void)state;
    config.retries = 6;
    a = start_open(&n, &config);
    lose_flags = TCP_ACK;
    lose_count = 1000;
    lose_from = 0;
    tcp_net_write(a, 1000);
    tcp_net_run(&n, 200 * SECOND);
    assert_true(a->failed);
    assert_int_equal(a->error, ERR_TIMEOUT);
    /* The segment, its tail probe, six timeouts, each twice as long as the one before. */
    assert_int_equal(sent_count, 8);
    gap_ns = sent[3].at_ns - sent[2].at_ns;
    for (uint32_t i = 4; i < 8; i++, gap_ns *= 2)
        assert_int_equal(sent[i].at_ns - sent[i - 1].at_ns, 2 * gap_ns);
    tcp_net_deinit(&n);
}

/* ---- acknowledging ---- */

static uint32_t acks_of(uint32_t end)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sent_count; i++)
        count += sent[i].end == end && sent[i].size == 0;
    return count;
}

static void the_first_segments_are_acknowledged_one_by_one_later_ones_in_pairs(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;

    (void)state;
    config.receive_buffer = 60000; /* as long as a window opens, every segment is acknowledged */
    a = start_open(&n, &config);
    tcp_net_write(a, 10 * 1448);
    tcp_net_run(&n, n.now_ns + SECOND);
    assert_int_equal(acks_of(1), 10);
    for (int i = 0; i < 5; i++) {
        tcp_net_write(a, 10 * 1448);
        tcp_net_run(&n, n.now_ns + DELAY * 3);
    }
    sent_count = 0;
    tcp_net_write(a, 10 * 1448);
    tcp_net_run(&n, n.now_ns + DELAY * 3);
    assert_int_equal(acks_of(1), 5);
    tcp_net_deinit(&n);
}

static void a_short_segment_is_acknowledged_when_it_is_read(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;

    (void)state;
    config.quick_acks = 0;
    a = start_open(&n, &config);
    tcp_net_write(a, 100);
    tcp_net_run(&n, n.now_ns + 11 * MS);
    assert_int_equal(acks_of(1), 1);
    tcp_net_deinit(&n);
}

static void echo_back(struct tcp_end *end, uint64_t now_ns, size_t size)
{
    (void)now_ns;
    end->to_write += size;
}

static void answers_carry_the_acks_of_an_interactive_connection(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;

    (void)state;
    config.quick_acks = 0;
    a = start_open(&n, &config);
    a->peer->on_data = echo_back;
    for (int i = 0; i < 20; i++) {
        tcp_net_write(a, 100);
        tcp_net_run(&n, n.now_ns + 3 * DELAY);
    }
    assert_int_equal(a->received, 2000);
    assert_true(acks_of(1) <= 2); /* after the first, the echo is the ACK */
    tcp_net_deinit(&n);
}

static void an_ack_without_an_answer_to_carry_it_waits_40_ms(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;

    (void)state;
    config.quick_acks = 0;
    config.receive_buffer = 60000;
    a = start_open(&n, &config);
    a->peer->on_data = echo_back;
    for (int i = 0; i < 5; i++) {
        tcp_net_write(a, 100);
        tcp_net_run(&n, n.now_ns + 3 * DELAY);
    }
    a->peer->on_data = NULL;
    sent_count = 0;
    tcp_net_write(a, 100);
    tcp_net_run(&n, n.now_ns + SECOND);
    assert_int_equal(acks_of(1), 1);
    assert_int_equal(sent[sent_count - 1].at_ns - sent[0].at_ns, DELAY + 40 * MS);
    tcp_net_deinit(&n);
}

/* ---- windows ---- */

static void a_paused_reader_closes_the_window_and_probes_go_on(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;
    uint32_t probes = 0;
    uint64_t gap_ns = 0, last_ns = 0;

    (void)state;
    config.receive_buffer = 32000;
    a = start_open(&n, &config);
    tcp_net_pause(a->peer, true);
    tcp_net_write(a, 100000);
    tcp_net_run(&n, n.now_ns + 30 * SECOND);
    assert_in_range(tcp_info(a->peer->tcp).received, 32000 - 2 * 1448, 32000 + 128);
    for (uint32_t i = 0; i < sent_count; i++) {
        if (sent[i].end != 0 || sent[i].size || sent[i].at_ns < SECOND / 2)
            continue;
        if (probes > 1)
            assert_int_equal(sent[i].at_ns - last_ns, 2 * gap_ns);
        gap_ns = sent[i].at_ns - last_ns;
        last_ns = sent[i].at_ns;
        probes++;
    }
    assert_in_range(probes, 4, 8);
    tcp_net_pause(a->peer, false);
    tcp_net_run(&n, n.now_ns + SECOND / 10); /* the window update does not wait for a probe */
    assert_int_equal(a->peer->received, 100000);
    tcp_net_deinit(&n);
}

static void a_lost_window_update_is_found_out_by_a_probe(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;

    (void)state;
    config.receive_buffer = 32000;
    a = start_open(&n, &config);
    tcp_net_pause(a->peer, true);
    tcp_net_write(a, 100000);
    tcp_net_run(&n, n.now_ns + 10 * SECOND);
    lose_flags = TCP_ACK;
    lose_count = 1;
    lose_from = 1;
    tcp_net_pause(a->peer, false);
    tcp_net_run(&n, n.now_ns + 60 * SECOND);
    assert_int_equal(lose_count, 0);
    assert_int_equal(a->peer->received, 100000);
    tcp_net_deinit(&n);
}

static void a_full_send_buffer_pushes_back_until_a_third_is_free(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a;
    struct chain bytes = {0};
    struct blob *b = blob_new(100000);

    (void)state;
    memset(b->data, 0, 100000);
    chain_give(&bytes, span_give(b));
    config.send_buffer = 30000;
    a = start_open(&n, &config);
    assert_int_equal(tcp_write(a->tcp, n.now_ns, &bytes), 30000);
    assert_int_equal(bytes.size, 70000);
    assert_int_equal(tcp_write(a->tcp, n.now_ns, &bytes), 0);
    assert_int_equal(tcp_events(a->tcp) & TCP_WRITABLE, 0);
    chain_deinit(&bytes);
    tcp_net_deinit(&n);
}

/* As on Linux with poll or epoll: a socket that would not count as writable grows its buffer, wanted or not. */
static void a_crowded_send_buffer_grows_though_nobody_waits_for_room(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    n.filter = NULL;
    tcp_net_write(a, 20000); /* less than two thirds of 46,080 */
    tcp_net_run(&n, SECOND);
    assert_int_equal(tcp_info(a->tcp).send_buffer, 46080);
    tcp_net_write(a, 40000);
    assert_int_equal(a->to_write, 0);
    tcp_net_run(&n, 2 * SECOND);
    assert_true(tcp_info(a->tcp).send_buffer > 46080);
    tcp_net_deinit(&n);
}

/* A queue in front of the receiver must not pass for a longer path, nor silence for one of no length. */
static void a_receiver_believes_a_shorter_round_trip_at_once(void **state)
{
    struct space s = {0};

    (void)state;
    space_note_rtt(&s, 100000, true);
    assert_int_equal(s.rtt_us, 800000);
    space_note_rtt(&s, 180000, true);
    assert_int_equal(s.rtt_us, 880000); /* an eighth of the difference */
    space_note_rtt(&s, 500000, false);
    assert_int_equal(s.rtt_us, 880000);
    space_note_rtt(&s, 90000, false);
    assert_int_equal(s.rtt_us, 720000);
}

static void buffers_grow_with_the_window(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    n.filter = NULL;
    assert_in_range(tcp_info(a->tcp).send_buffer, 46080, 46080);
    assert_int_equal(tcp_info(a->peer->tcp).receive_space, (128 << 10) * 1448 / 2352);
    tcp_net_write(a, 30 << 20);
    assert_true(tcp_net_run_to(&n, a->peer, 30 << 20, 20 * SECOND));
    assert_int_equal(tcp_info(a->tcp).send_buffer, 4 << 20);
    assert_int_equal(tcp_info(a->peer->tcp).receive_space, (6ull << 20) * 1448 / 2352);
    tcp_net_deinit(&n);
}

static void an_idle_connection_is_small(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *a = start_open(&n, &config);

    (void)state;
    n.filter = NULL;
    tcp_net_write(a, 1 << 20);
    tcp_net_run(&n, 10 * SECOND);
    assert_int_equal(a->peer->received, 1 << 20);
    assert_true(tcp_memory(a->tcp) <= 488 && tcp_memory(a->peer->tcp) <= 488);
    assert_int_equal(tcp_deadline_ns(a->tcp), TIME_NEVER);
    tcp_net_deinit(&n);
}

static void garbage_is_survived(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct rng r;

    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct tcp_net n;
        struct tcp_end *a = start_open(&n, &config);
        struct tcp_segment out;

        rng_init(&r, seed, "garbage");
        tcp_net_write(a, 20000);
        for (int i = 0; i < 40 && tcp_error(a->tcp) == 0; i++) {
            struct tcp_segment s = {
                .seq = rng_below(&r, 4) ? rng_below(&r, 60000) : rng_next(&r) >> 1,
                .ack = rng_below(&r, 4) ? rng_below(&r, 30000) : rng_next(&r) >> 1,
                .sent_ns = rng_below(&r, SECOND),
                .echo_ns = rng_below(&r, n.now_ns + 1),
                .window = (uint32_t)rng_below(&r, 100000),
                .mss = (uint16_t)rng_next(&r),
                .flags = (uint8_t)(rng_next(&r) & ~(uint64_t)(i < 30 ? TCP_RST : 0)),
                .sack_count = (uint8_t)rng_below(&r, TCP_SACKS_MAX + 1)};
            uint8_t bytes[3000] = {0};

            for (int j = 0; j < TCP_SACKS_MAX; j++)
                s.sacks[j] = (struct tcp_sack){(int32_t)rng_below(&r, 40000) - 5000,
                                               (int32_t)rng_below(&r, 40000)};
            chain_append(&s.bytes, slice_of(bytes, rng_below(&r, sizeof bytes)));
            tcp_input(a->tcp, n.now_ns, &s);
            while (tcp_output(a->tcp, n.now_ns, &out))
                tcp_segment_free(&out);
            assert_true(tcp_memory(a->tcp) < 1 << 20);
        }
        tcp_net_deinit(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_takes_one_and_a_half_round_trips),
        cmocka_unit_test(a_lost_syn_is_sent_again_after_1_2_4_seconds),
        cmocka_unit_test(a_lost_syn_ack_is_sent_again),
        cmocka_unit_test(a_lost_last_ack_of_the_handshake_does_not_matter),
        cmocka_unit_test(both_sides_may_open_at_the_same_time),
        cmocka_unit_test(a_close_ends_both_directions_in_order),
        cmocka_unit_test(both_sides_may_close_at_the_same_time),
        cmocka_unit_test(a_lost_fin_is_sent_again),
        cmocka_unit_test(a_fin_to_nobody_is_acknowledged),
        cmocka_unit_test(an_abort_resets_the_far_side),
        cmocka_unit_test(bytes_to_nobody_are_answered_with_a_reset),
        cmocka_unit_test(a_refused_dial_fails_at_once),
        cmocka_unit_test(a_silent_far_side_is_given_up_in_the_end),
        cmocka_unit_test(the_first_segments_are_acknowledged_one_by_one_later_ones_in_pairs),
        cmocka_unit_test(an_ack_without_an_answer_to_carry_it_waits_40_ms),
        cmocka_unit_test(a_short_segment_is_acknowledged_when_it_is_read),
        cmocka_unit_test(answers_carry_the_acks_of_an_interactive_connection),
        cmocka_unit_test(a_paused_reader_closes_the_window_and_probes_go_on),
        cmocka_unit_test(a_lost_window_update_is_found_out_by_a_probe),
        cmocka_unit_test(a_full_send_buffer_pushes_back_until_a_third_is_free),
        cmocka_unit_test(a_crowded_send_buffer_grows_though_nobody_waits_for_room),
        cmocka_unit_test(a_receiver_believes_a_shorter_round_trip_at_once),
        cmocka_unit_test(buffers_grow_with_the_window),
        cmocka_unit_test(an_idle_connection_is_small),
        cmocka_unit_test(garbage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
