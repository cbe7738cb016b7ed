/* Transfers whose times are known in closed form or measured elsewhere (field.md 5.6). */
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include <stdio.h>

static uint64_t transfer(struct tcp_end *end, uint64_t size)
{
    struct tcp_net *n = end->net;
    uint64_t start = n->now_ns, already = end->peer->received;

    tcp_net_write(end, size);
    assert_true(tcp_net_run_to(n, end->peer, already + size, start + 600 * TCP_NET_SECOND));
    return n->now_ns - start;
}

static struct tcp_end *quiet_pair(struct tcp_net *n, const struct tcp_config *config, uint64_t one_way_ns)
{
    struct element *there = tcp_net_link(n, 0, one_way_ns, 1 << 20, NULL);
    struct element *back = tcp_net_link(n, 0, one_way_ns, 1 << 20, NULL);
    struct tcp_end *end = tcp_net_pair(n, config, there, back);

    tcp_net_dial(end);
    tcp_net_run(n, 4 * one_way_ns);
    assert_true(end->connected && end->peer->connected);
    return end;
}

static void a_cold_transfer_takes_the_flights_of_its_size(void **state)
{
    static const struct {
        uint64_t size, initial_window, flights;
    } cases[] = {{1024, 10, 1},    {10240, 10, 1},  {50000, 10, 3},  {98304, 10, 3},   {131072, 10, 4},
                 {262144, 10, 5},  {500000, 10, 6}, {1000000, 10, 7}, {5000000, 10, 9}, {1024, 1, 1},
                 {10240, 1, 4},    {50000, 1, 6},   {98304, 1, 7},   {262144, 1, 8},   {1000000, 1, 10},
                 {5000000, 1, 12}};
    static const uint64_t rtts_ms[] = {20, 100};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < 2; j++) {
            struct tcp_config config = tcp_config_default();
            uint64_t rtt = rtts_ms[j] * TCP_NET_MS, took, want = (2 * cases[i].flights - 1) * rtt / 2;
            struct tcp_net n;

            config.initial_window = (uint32_t)cases[i].initial_window;
            tcp_net_init(&n);
            took = transfer(quiet_pair(&n, &config, rtt / 2), cases[i].size);
            printf("%8llu B iw %2llu rtt %3llu ms: %7.2f ms, want %7.2f\n", (unsigned long long)cases[i].size,
                   (unsigned long long)cases[i].initial_window, (unsigned long long)rtts_ms[j], (double)took / 1e6,
                   (double)want / 1e6);
            tcp_net_deinit(&n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_cold_transfer_takes_the_flights_of_its_size)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
