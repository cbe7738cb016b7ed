/* What a segment costs in sim/tcp: two endpoints hand each other segments in bursts of one round trip, without a network
 * between; with and without loss. usage: bench_tcp [MEGABYTES] */
#include "sim/tcp/tcp.h"
#include "stack/base/mem.h"
#include "stack/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RTT_NS 50000000ull
#define BURST_MAX 8192
#define BLOCK_SIZE (1u << 20)

struct bench {
    struct tcp *a, *b;
    struct tcp_segment there[BURST_MAX], back[BURST_MAX];
    uint64_t segments, received, now_ns;
    uint32_t loss_ppm;
    struct rng rng;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t collect(struct bench *x, struct tcp *t, struct tcp_segment *out, uint32_t count)
{
    while (count < BURST_MAX && tcp_output(t, x->now_ns, &out[count])) {
        x->segments++;
        if (out[count].bytes.size && rng_chance(&x->rng, x->loss_ppm, 1000000))
            tcp_segment_free(&out[count]);
        else
            count++;
    }
    return count;
}

/* One round trip: what was sent arrives, then the answers do. */
static void round_trip(struct bench *x, struct chain *unsent)
{
    struct chain in = {0};
    uint32_t there, back = 0;

    tcp_write(x->a, x->now_ns, unsent);
    tcp_timeout(x->a, x->now_ns);
    there = collect(x, x->a, x->there, 0);
    x->now_ns += RTT_NS / 2;
    for (uint32_t i = 0; i < there; i++) {
        tcp_input(x->b, x->now_ns, &x->there[i]);
        x->received += tcp_read(x->b, x->now_ns, &in);
        back = collect(x, x->b, x->back, back);
        chain_deinit(&in);
    }
    tcp_timeout(x->b, x->now_ns);
    back = collect(x, x->b, x->back, back);
    x->now_ns += RTT_NS / 2;
    there = 0;
    for (uint32_t i = 0; i < back; i++)
        tcp_input(x->a, x->now_ns, &x->back[i]);
}

static void measure(uint64_t bytes, uint32_t loss_ppm)
{
    struct tcp_config config = tcp_config_default();
    struct bench *x = mem_zalloc(sizeof *x);
    struct chain unsent = {0};
    double start = seconds();

    x->a = tcp_new(&config);
    x->b = tcp_new(&config);
    x->loss_ppm = loss_ppm;
    rng_init(&x->rng, 1, "bench");
    tcp_connect(x->a, 0);
    tcp_output(x->a, 0, &x->there[0]);
    tcp_accept(x->b, 0, &x->there[0]);
    collect(x, x->b, x->back, 0);
    tcp_input(x->a, RTT_NS, &x->back[0]);
    x->now_ns = RTT_NS;
    while (x->received < bytes) {
        while (unsent.size < 4 * BLOCK_SIZE)
            chain_give(&unsent, span_give(blob_new(BLOCK_SIZE)));
        round_trip(x, &unsent);
    }
    printf("tcp, loss %u ppm: %6.1f ns/segment of %llu, sent again %llu\n", loss_ppm,
           (seconds() - start) * 1e9 / (double)x->segments, (unsigned long long)x->segments,
           (unsigned long long)tcp_info(x->a).segments_resent);
    chain_deinit(&unsent);
    tcp_free(x->a);
    tcp_free(x->b);
    mem_free(x);
}

int main(int argc, char **argv)
{
    uint64_t megabytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;

    measure(megabytes << 20, 0);
    measure(megabytes << 18, 1000);
    measure(megabytes << 16, 10000);
    return 0;
}
