/* Transfers whose times are known in closed form or were measured elsewhere: G1 to G5 of the golden
 * cases. */
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#define MS TCP_NET_MS
#define MBIT 1000000ull
#define QUEUE_ENDLESS (1ull << 40)
#define MSS 1448u

/* Shows every figure when GOLDENS is set: how the tables of README.md are made. */
static void show(const char *what, uint64_t number, uint64_t took_ns, uint64_t want_ns)
{
    if (getenv("GOLDENS"))
        printf("%-24s %9llu: %9.2f ms, closed form %9.2f ms\n", what, (unsigned long long)number,
               (double)took_ns / 1e6, (double)want_ns / 1e6);
}

static void assert_within(uint64_t got, uint64_t want, uint64_t percent)
{
    assert_in_range(got, want - want * percent / 100, want + want * percent / 100);
}

/* From the write to the last byte at the far side. */
static uint64_t transfer(struct tcp_end *end, uint64_t size)
{
    struct tcp_net *n = end->net;
    uint64_t start = n->now_ns, already = end->peer->received;

    tcp_net_write(end, size);
    assert_true(tcp_net_run_to(n, end->peer, already + size, start + 600 * TCP_NET_SECOND));
    return n->now_ns - start;
}

/* A connection that was just opened over two equal links. */
static struct tcp_end *open_pair(struct tcp_net *n, const struct tcp_config *config,
                                 uint64_t rate_bps, uint64_t one_way_ns)
{
    struct element *there, *back;
    struct tcp_end *end;

    tcp_net_init(n);
    there = tcp_net_link(n, rate_bps, one_way_ns, QUEUE_ENDLESS, NULL);
    back = tcp_net_link(n, rate_bps, one_way_ns, QUEUE_ENDLESS, NULL);
    end = tcp_net_pair(n, config, there, back);
    tcp_net_dial(end);
    while (!end->peer->connected)
        tcp_net_run(n, n->now_ns + MS);
    return end;
}

/* Flights that `size` bytes take when the first is `window` segments and each is twice the one
 * before. */
static uint64_t flights(uint64_t size, uint64_t window)
{
    uint64_t count = 0;

    for (uint64_t left = (size + MSS - 1) / MSS; left; window *= 2, count++)
        left -= left < window ? left : window;
    return count;
}

static void a_cold_transfer_takes_the_flights_of_its_size(void **state)
{
    static const uint64_t sizes[] = {1024,   10240,  50000,   98304,  131072,
                                     262144, 500000, 1000000, 5000000};
    static const uint64_t ten[] = {1, 1, 3, 3, 4, 5, 6, 7, 9},
                          one[] = {1, 4, 6, 7, 7, 8, 9, 10, 12};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
        struct tcp_config config = tcp_config_default();
        uint64_t size = sizes[i / 4], rtt_ns = i % 2 ? 20 * MS : 100 * MS, took_ns, want_ns;
        struct tcp_net n;

        config.initial_window = i / 2 % 2 ? 1 : 10;
        want_ns = (2 * (i / 2 % 2 ? one : ten)[i / 4] - 1) * rtt_ns / 2;
        took_ns = transfer(open_pair(&n, &config, 0, rtt_ns / 2), size);
        show(config.initial_window == 1 ? "G2 one segment, bytes" : "G2 ten segments, bytes", size,
             took_ns, want_ns);
        assert_within(took_ns, want_ns, 2);
        tcp_net_deinit(&n);
    }
}

/* Linux 6.18 over two links of 500 Mbit/s with a round trip of 100 ms: 350.8 and 51.8 ms. The receiver opens its window beyond
 * 64 KiB while the third flight arrives, since its clock of milliseconds says that a round trip is over. */
static void a_second_transfer_fits_the_window_that_the_first_one_opened(void **state)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *end = open_pair(&n, &config, 500 * MBIT, 50 * MS);

    (void)state;
    assert_within(transfer(end, 100 * 1024), 350800000, 1);
    tcp_net_run(&n, n.now_ns + 50 * MS);
    assert_within(transfer(end, 100 * 1024), 51800000, 2);
    tcp_net_deinit(&n);
}

static void repeated_transfers_match_the_measured_waves(void **state)
{
    static const uint64_t measured_ms[] = {161, 32, 19, 18, 19}; /* with the receiver's own work */
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *end;
    struct element *there, *back;

    (void)state;
    tcp_net_init(&n);
    there = tcp_net_link(&n, 0, 10 * MS, QUEUE_ENDLESS, NULL);
    back = tcp_net_link(&n, 0, 10 * MS, QUEUE_ENDLESS, NULL);
    end = tcp_net_pair(&n, &config, there, back);
    tcp_net_dial(end);
    for (uint64_t wave = 0; wave < 5; wave++) {
        uint64_t start = n.now_ns, took_ns;

        end->peer->first_ns = 0;
        transfer(end, 1000000);
        took_ns = n.now_ns - start;
        show("G1 wave", wave, took_ns, measured_ms[wave] * MS);
        assert_int_equal(end->peer->first_ns - start, wave ? 10 * MS : 30 * MS);
        if (wave == 0)
            assert_int_equal(took_ns, 150 * MS);
        else
            assert_in_range(took_ns, 10 * MS, measured_ms[wave] * MS);
        tcp_net_run(&n, n.now_ns + 50 * MS);
    }
    tcp_net_deinit(&n);
}

static uint64_t after_pause(uint64_t pause_ns, bool idle_restart, uint32_t *window)
{
    struct tcp_config config = tcp_config_default();
    struct tcp_net n;
    struct tcp_end *end;
    uint64_t took_ns;

    config.idle_restart = idle_restart;
    end = open_pair(&n, &config, 0, 50 * MS);
    transfer(end, 1000000);
    tcp_net_run(&n, n.now_ns + 50 * MS); /* the last ACK is back */
    *window = tcp_info(end->tcp).cwnd;
    tcp_net_run(&n, n.now_ns + pause_ns - 50 * MS);
    took_ns = transfer(end, 1000000);
    tcp_net_deinit(&n);
    return took_ns;
}

static void a_pause_shrinks_the_window_once_a_timeout(void **state)
{
    static const uint64_t pauses_ms[] = {100, 150, 500, 1000, 2000, 5000};
    uint64_t rto_ns = 300 * MS; /* round trip and 200 ms */
    uint64_t before_ns = 0;

    (void)state;
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        /* Idle is what passed since the last segment left: it travelled 50 ms before the pause
         * began. */
        uint64_t idle_ns = pauses_ms[i] * MS + 50 * MS, want_ns, took_ns;
        uint32_t window, shrunk;

        took_ns = after_pause(pauses_ms[i] * MS, false, &window);
        assert_int_equal(took_ns, (2 * flights(1000000, window) - 1) * 50 * MS);
        took_ns = after_pause(pauses_ms[i] * MS, true, &window);
        for (shrunk = window; idle_ns > rto_ns && shrunk > 10; idle_ns -= rto_ns)
            shrunk /= 2;
        want_ns = (2 * flights(1000000, shrunk < 10 ? 10 : shrunk) - 1) * 50 * MS;
        show("G3 pause, ms", pauses_ms[i], took_ns, want_ns);
        assert_within(took_ns, want_ns, 2);
        assert_true(took_ns >= before_ns);
        before_ns = took_ns;
    }
    assert_int_equal(before_ns, 650 * MS); /* as cold as at first */
}

/* Latency and serialisation of payload and headers: nothing can be faster. */
static uint64_t ideal_ns(uint64_t size, uint64_t rate_bps, uint64_t one_way_ns)
{
    uint64_t segments = (size + MSS - 1) / MSS;

    return one_way_ns + (size + segments * 52) * 8 * 1000000000 / rate_bps;
}

static void a_transfer_is_slower_than_ideal_by_its_slow_start(void **state)
{
    struct tcp_config config = tcp_config_default();
    uint64_t small_ns, cold_ns, warm_ns, ideal_small_ns = ideal_ns(10000, 100 * MBIT, 100 * MS),
                                         ideal_large_ns = ideal_ns(1000000, 100 * MBIT, 100 * MS);
    struct tcp_net n;
    struct tcp_end *end;

    (void)state;
    small_ns = transfer(open_pair(&n, &config, 100 * MBIT, 100 * MS), 10000);
    tcp_net_deinit(&n);
    end = open_pair(&n, &config, 100 * MBIT, 100 * MS);
    cold_ns = transfer(end, 1000000);
    for (int i = 0; i < 4; i++)
        transfer(end, 1000000);
    warm_ns = transfer(end, 1000000);
    show("G4 bytes", 10000, small_ns, ideal_small_ns);
    show("G4 cold, bytes", 1000000, cold_ns, ideal_large_ns);
    show("G4 warm, bytes", 1000000, warm_ns, ideal_large_ns);
    assert_within(small_ns, ideal_small_ns, 1);
    assert_true(cold_ns >= ideal_large_ns + 5 * 200 * MS &&
                cold_ns <= ideal_large_ns + 6 * 200 * MS);
    assert_true(warm_ns >= ideal_large_ns && warm_ns < ideal_large_ns + 210 * MS);
    tcp_net_deinit(&n);
}

static void a_slow_link_takes_as_long_as_its_bits(void **state)
{
    struct tcp_config config = tcp_config_default();
    uint64_t took_ns;
    struct tcp_net n;

    (void)state;
    took_ns = transfer(open_pair(&n, &config, 1 * MBIT, 10 * MS), 100000);
    show("G5 bytes", 100000, took_ns, ideal_ns(100000, 1 * MBIT, 10 * MS));
    assert_in_range(took_ns, 830 * MS, 860 * MS);
    tcp_net_deinit(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cold_transfer_takes_the_flights_of_its_size),
        cmocka_unit_test(a_second_transfer_fits_the_window_that_the_first_one_opened),
        cmocka_unit_test(repeated_transfers_match_the_measured_waves),
        cmocka_unit_test(a_pause_shrinks_the_window_once_a_timeout),
        cmocka_unit_test(a_transfer_is_slower_than_ideal_by_its_slow_start),
        cmocka_unit_test(a_slow_link_takes_as_long_as_its_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
