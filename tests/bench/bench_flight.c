/* The error table of the flight model: transfers over a grid of sizes, round trips, rates and losses, in virtual time, against
 * the packet model. A cell's time is from the write to the last byte; with losses the median over seeds. Prints quantiles of the
 * error for each kind of cell, and the worst cells.
 *
 *   bench_flight [SEEDS [WORST]] */
#include "tests/lib/des_net.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS_MAX 101
#define PAUSE_NS (50 * DES_MS)
#define IDLE_NS (2 * DES_SECOND)
#define PATIENCE_NS (600 * DES_SECOND)

enum mode { COLD, WARM, IDLE, MODES };

struct cell {
    uint64_t size, rtt_ms, mbit, loss_ppm;
    enum mode mode;
    uint64_t packet_ns, flight_ns;
};

static const char *const mode_names[] = {"cold", "warm", "after 2 s"};
static const uint64_t sizes[] = {1024, 16384, 65536, 262144, 1000000, 5000000}, rtts_ms[] = {10, 30, 100, 300},
                      rates_mbit[] = {10, 50, 100, 500}, losses_ppm[] = {0, 1000, 10000};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CELLS (COUNT(sizes) * COUNT(rtts_ms) * COUNT(rates_mbit) * COUNT(losses_ppm) * MODES)

static uint64_t transfer(struct des_net *n, struct des_end *end, uint64_t size)
{
    const struct des_end *far = n->peers[1].ends[0];
    uint64_t start_ns = des_now_ns(n->d), want = far->received + size;

    des_net_write(end, size);
    if (!des_net_run_to(n, far, want, start_ns + PATIENCE_NS)) {
        fprintf(stderr, "bench_flight: a transfer of %llu bytes hangs\n", (unsigned long long)size);
        exit(1);
    }
    return far->last_ns - start_ns;
}

/* The three transfers of one connection. */
static void measure(enum des_tcp tcp, const struct cell *c, uint64_t seed, uint64_t *took_ns)
{
    struct des_config config = {.seed = seed, .tcp = tcp, .queue_ns = 100 * DES_MS};
    struct des_net_host hosts[2] = {{c->mbit * 1000000, c->mbit * 1000000}, {c->mbit * 1000000, c->mbit * 1000000}};
    struct des_net n;
    struct des_end *end;

    des_net_init(&n, &config, c->rtt_ms * DES_MS / 2, hosts, 2);
    end = des_net_dial(&n, 0, 1);
    des_net_run(&n, 2 * c->rtt_ms * DES_MS);
    des_net_lose(&n, (uint32_t)c->loss_ppm); /* the handshake is not what is compared */
    took_ns[COLD] = transfer(&n, end, c->size);
    des_net_run(&n, des_now_ns(n.d) + c->rtt_ms * DES_MS + PAUSE_NS);
    took_ns[WARM] = transfer(&n, end, c->size);
    des_net_run(&n, des_now_ns(n.d) + IDLE_NS);
    took_ns[IDLE] = transfer(&n, end, c->size);
    des_net_deinit(&n);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure_medians(enum des_tcp tcp, const struct cell *c, uint32_t seeds, uint64_t *medians_ns)
{
    static uint64_t all[MODES][SEEDS_MAX];
    uint32_t count = c->loss_ppm ? seeds : 1;

    for (uint32_t seed = 0; seed < count; seed++) {
        uint64_t took_ns[MODES];

        measure(tcp, c, seed + 1, took_ns);
        for (int mode = 0; mode < MODES; mode++)
            all[mode][seed] = took_ns[mode];
    }
    for (int mode = 0; mode < MODES; mode++) {
        qsort(all[mode], count, sizeof *all[mode], by_value);
        medians_ns[mode] = all[mode][count / 2];
    }
}

/* In units of 0.01 %. */
static uint64_t error_of(const struct cell *c)
{
    uint64_t off = c->flight_ns > c->packet_ns ? c->flight_ns - c->packet_ns : c->packet_ns - c->flight_ns;

    return off * 10000 / c->packet_ns;
}

static int by_error(const void *a, const void *b)
{
    uint64_t x = error_of(a), y = error_of(b);

    return x > y ? -1 : x < y;
}

static void print_group(const char *name, const struct cell *cells, size_t count, int mode, int64_t loss_ppm)
{
    static uint64_t errors[CELLS];
    int64_t slower = 0;
    size_t chosen = 0;

    for (size_t i = 0; i < count; i++) {
        if ((mode >= 0 && (int)cells[i].mode != mode) || (loss_ppm >= 0 && cells[i].loss_ppm != (uint64_t)loss_ppm))
            continue;
        errors[chosen++] = error_of(&cells[i]);
        slower += cells[i].flight_ns > cells[i].packet_ns;
    }
    qsort(errors, chosen, sizeof *errors, by_value);
    printf("| %-22s | %5zu | %6.2f | %6.2f | %6.2f | %6.2f | %4.0f %% |\n", name, chosen, (double)errors[chosen / 2] / 100,
           (double)errors[chosen * 9 / 10] / 100, (double)errors[chosen * 95 / 100] / 100, (double)errors[chosen - 1] / 100,
           100 * (double)slower / (double)chosen);
}

static size_t measure_grid(struct cell *cells, uint32_t seeds)
{
    size_t count = 0;

    for (size_t i = 0; i < CELLS / MODES; i++) {
        struct cell c = {.size = sizes[i % COUNT(sizes)],
                         .rtt_ms = rtts_ms[i / COUNT(sizes) % COUNT(rtts_ms)],
                         .mbit = rates_mbit[i / COUNT(sizes) / COUNT(rtts_ms) % COUNT(rates_mbit)],
                         .loss_ppm = losses_ppm[i / COUNT(sizes) / COUNT(rtts_ms) / COUNT(rates_mbit)]};
        uint64_t packet_ns[MODES], flight_ns[MODES];

        measure_medians(DES_TCP_PACKET, &c, seeds, packet_ns);
        measure_medians(DES_TCP_FLIGHT, &c, seeds, flight_ns);
        for (int mode = 0; mode < MODES; mode++) {
            cells[count] = c;
            cells[count].mode = (enum mode)mode;
            cells[count].packet_ns = packet_ns[mode];
            cells[count++].flight_ns = flight_ns[mode];
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct cell cells[CELLS];
    uint32_t seeds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 21;
    size_t worst = argc > 2 ? strtoul(argv[2], NULL, 10) : 12, count;

    if (seeds < 1 || seeds > SEEDS_MAX) {
        fprintf(stderr, "bench_flight: 1 to %d seeds\n", SEEDS_MAX);
        return 2;
    }
    count = measure_grid(cells, seeds);
    printf("flight against packet: error of transfer times in %%, %u seeds where there is loss\n\n", seeds);
    printf("| %-22s | %5s | %6s | %6s | %6s | %6s | %6s |\n", "cells", "count", "median", "90 %", "95 %", "worst", "slower");
    printf("| --- | --- | --- | --- | --- | --- | --- |\n");
    print_group("all", cells, count, -1, -1);
    for (int mode = 0; mode < MODES; mode++)
        print_group(mode_names[mode], cells, count, mode, -1);
    print_group("no loss", cells, count, -1, 0);
    for (int mode = 0; mode < MODES; mode++)
        print_group(mode_names[mode], cells, count, mode, 0);
    print_group("0.1 % loss", cells, count, -1, 1000);
    print_group("1 % loss", cells, count, -1, 10000);
    qsort(cells, count, sizeof *cells, by_error);
    printf("\nthe worst cells:\n");
    for (size_t i = 0; i < worst && i < count; i++)
        printf("  %8llu bytes, %3llu ms, %3llu Mbit/s, %4.1f %% loss, %-9s: packet %9.2f ms, flight %9.2f ms\n",
               (unsigned long long)cells[i].size, (unsigned long long)cells[i].rtt_ms, (unsigned long long)cells[i].mbit,
               (double)cells[i].loss_ppm / 10000, mode_names[cells[i].mode], (double)cells[i].packet_ns / 1e6,
               (double)cells[i].flight_ns / 1e6);
    return 0;
}
