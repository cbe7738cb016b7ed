/* Whatever the network does to segments, each stream arrives whole, in order, once, and memory
 * stays bounded. The pattern that every stream carries is checked byte for byte as it is read
 * (tests/lib/tcp_net.c). */
#include "tests/lib/tcp_net.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

/* A connection keeps at most its buffers' worth of views and records, whatever happens. */
#define MEMORY_MAX (2u << 20)

static uint64_t events, bytes; /* of all seeds, to see that something happened */

struct weather {
    struct rng r;
    uint32_t loss_ppm;
    bool burst;
    uint64_t jitter_ns, delay_ns;
    bool reorder;
};

static bool half(struct rng *r)
{
    return rng_below(r, 2) == 0;
}

static struct element *path(struct tcp_net *n, struct weather *w)
{
    struct element *delay = tcp_net_add(
        n, element_delay_new(rng_next(&w->r), w->delay_ns, w->jitter_ns, w->reorder), NULL);
    struct loss_config loss = {.kind = w->burst ? LOSS_BURST : LOSS_RANDOM,
                               .seed = rng_next(&w->r),
                               .ppm = w->loss_ppm,
                               .good_to_bad_ppm = w->loss_ppm / 4,
                               .bad_to_good_ppm = 300000,
                               .bad_loss_ppm = 600000};
    struct element *lossy = tcp_net_add(n, element_loss_new(&loss), delay);

    if (half(&w->r))
        return lossy;
    return tcp_net_link(n, 1000000 + rng_below(&w->r, 50000000), 0,
                        20000 + rng_below(&w->r, 100000), lossy);
}

static struct tcp_config any_config(struct rng *r)
{
    struct tcp_config c = tcp_config_default();

    c.congestion = half(r) ? TCP_CUBIC : TCP_NEWRENO;
    c.sack = rng_below(r, 4) != 0;
    c.timestamps = rng_below(r, 4) != 0;
    c.rack = rng_below(r, 4) != 0;
    c.tlp = half(r);
    c.prr = half(r);
    c.hystart = half(r);
    c.delayed_ack = half(r);
    c.idle_restart = half(r);
    c.mss = half(r) ? 1448 : 100 + (uint32_t)rng_below(r, 1000);
    c.initial_window = 1 + (uint32_t)rng_below(r, 20);
    if (half(r))
        c.receive_buffer = 8 * c.mss + rng_below(r, 40000);
    if (half(r))
        c.send_buffer = 2 * c.mss + rng_below(r, 40000);
    c.syn_retries = c.retries = 30;
    return c;
}

static void one_connection(uint64_t seed)
{
    struct weather w = {0};
    struct tcp_config config;
    struct tcp_net n;
    struct tcp_end *a, *b;
    uint64_t there, back, limit = 4000 * TCP_NET_SECOND;

    rng_init(&w.r, seed, "weather");
    tcp_net_init(&n);
    config = any_config(&w.r);
    w.loss_ppm = half(&w.r) ? (uint32_t)rng_below(&w.r, 20000) : (uint32_t)rng_below(&w.r, 250000);
    w.burst = half(&w.r);
    w.delay_ns = rng_below(&w.r, 60) * TCP_NET_MS + 1;
    w.reorder = half(&w.r);
    w.jitter_ns = half(&w.r) ? rng_below(&w.r, 2 * w.delay_ns) : 0;
    n.duplicate_ppm = half(&w.r) ? rng_below(&w.r, 100000) : 0;
    a = tcp_net_pair(&n, &config, path(&n, &w), path(&n, &w));
    b = a->peer;
    there = rng_below(&w.r, half(&w.r) ? 3000 : 60000);
    back = half(&w.r) ? 0 : rng_below(&w.r, 20000);
    tcp_net_dial(a);
    tcp_net_write(a, there);
    tcp_net_write(b, back);
    tcp_net_finish(a);
    if (half(&w.r)) {
        tcp_net_run(&n, rng_below(&w.r, 500) * TCP_NET_MS);
        tcp_net_pause(b, true);
        tcp_net_run(&n, n.now_ns + rng_below(&w.r, 3000) * TCP_NET_MS);
        tcp_net_pause(b, false);
    }
    tcp_net_finish(b);
    tcp_net_run(&n, n.now_ns + limit);
    if (a->peer->received != there || a->received != back || a->tcp || b->tcp)
        printf("seed %llu: %llu of %llu there, %llu of %llu back, %s %s, errors %d %d\n",
               (unsigned long long)seed, (unsigned long long)b->received, (unsigned long long)there,
               (unsigned long long)a->received, (unsigned long long)back, a->tcp ? "open" : "over",
               b->tcp ? "open" : "over", a->error, b->error);
    assert_int_equal(b->received, there);
    assert_int_equal(a->received, back);
    assert_null(a->tcp);
    assert_null(b->tcp);
    assert_true(a->memory_max <= MEMORY_MAX && b->memory_max <= MEMORY_MAX);
    events += n.events;
    bytes += there + back;
    tcp_net_deinit(&n);
}

static void any_network_delivers_each_stream_whole_and_once(void **state)
{
    const char *text = getenv("TCP_SEEDS");
    uint64_t count = text ? strtoull(text, NULL, 10) : 1000;

    (void)state;
    for (uint64_t seed = 0; seed < count; seed++)
        one_connection(seed);
    printf("%llu events, %llu bytes\n", (unsigned long long)events, (unsigned long long)bytes);
    assert_true(bytes > 10000 * count && events > 20 * count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_network_delivers_each_stream_whole_and_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
