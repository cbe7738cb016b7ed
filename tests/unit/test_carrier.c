/* The carrier of real packets, between datagram sockets in the place of TUN devices: no privilege needed. Real time, on a
 * machine that may be busy: what must not be early is exact, what must not be late has room. */
#include "tests/lib/test.h"

#include "sim/netns/carrier.h"
#include "stack/base/err.h"
#include "stack/base/slice.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#define FIRST_IP 0x0a000001u
#define MS 1000000ull
#define PATIENCE_MS 2000
#define PINGS 20
#define HOSTS 3

struct net {
    struct carrier *carrier;
    int ours[HOSTS], theirs[HOSTS]; /* descriptors: the test's, the carrier's */
    struct carrier_path path;       /* of every pair */
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void path_of(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out)
{
    assert_true(from != to && from < HOSTS && to < HOSTS);
    *out = ((struct net *)ctx)->path;
}

static void net_open(struct net *n, const struct carrier_path *path, uint64_t up_bps, uint64_t queue_size)
{
    struct carrier_config config = {.seed = 1, .first_ip = FIRST_IP, .path_ctx = n, .path = path_of};
    struct carrier_access up = {up_bps, {.size_max = queue_size}}, down = {0, {0}};

    n->path = *path;
    n->carrier = carrier_new(&config);
    for (uint32_t i = 0; i < HOSTS; i++) {
        int pair[2], size = 1 << 20;

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
        for (int j = 0; j < 2; j++)
            assert_int_equal(setsockopt(pair[j], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
        n->ours[i] = pair[0];
        n->theirs[i] = pair[1];
        assert_int_equal(carrier_host_add(n->carrier, pair[1], &up, &down), i);
    }
    assert_true(carrier_start(n->carrier));
}

static void net_close(struct net *n)
{
    carrier_free(n->carrier);
    for (int i = 0; i < HOSTS; i++) {
        close(n->ours[i]);
        close(n->theirs[i]);
    }
}

/* An IPv4 packet of `size` bytes that carries a number. */
static void put(const struct net *n, uint32_t from, uint32_t to_ip, uint32_t number, size_t size)
{
    uint8_t packet[CARRIER_PACKET_SIZE_MAX] = {0x45};
    struct pollfd writable = {n->ours[from], POLLOUT, 0};

    store_be32(packet + 12, FIRST_IP + from);
    store_be32(packet + 16, to_ip);
    store_be32(packet + 24, number);
    while (write(n->ours[from], packet, size) != (ssize_t)size) /* a datagram socket holds few */
        assert_int_equal(poll(&writable, 1, PATIENCE_MS), 1);
}

static bool comes(const struct net *n, uint32_t host, int wait_ms, uint32_t *number)
{
    uint8_t packet[CARRIER_PACKET_SIZE_MAX];
    struct pollfd readable = {n->ours[host], POLLIN, 0};

    if (poll(&readable, 1, wait_ms) != 1)
        return false;
    assert_true(read(n->ours[host], packet, sizeof packet) >= 28);
    *number = load_be32(packet + 24);
    return true;
}

static void get(const struct net *n, uint32_t host, uint32_t number)
{
    uint32_t got = 0;

    assert_true(comes(n, host, PATIENCE_MS, &got));
    assert_int_equal(got, number);
}

/* Until the carrier has taken all that the host sent; then it is stopped. */
static struct carrier_counts counts_after(struct net *n, uint32_t host)
{
    uint64_t end_ns = clock_ns() + PATIENCE_MS * MS;
    int waiting = 1;

    while (waiting) {
        assert_int_equal(ioctl(n->theirs[host], SIOCINQ, &waiting), 0);
        assert_true(clock_ns() < end_ns);
    }
    carrier_stop(n->carrier);
    return carrier_counts(n->carrier);
}

static void a_packet_takes_the_delay_of_its_path(void **state)
{
    struct carrier_path path = {.delay_ns = 20 * MS};
    struct carrier_counts counts;
    struct net n;
    uint64_t start_ns, took_ns = UINT64_MAX;

    (void)state;
    net_open(&n, &path, 0, 0);
    for (uint32_t i = 0; i < PINGS; i++) {
        uint64_t ns;

        start_ns = clock_ns();
        put(&n, 0, FIRST_IP + 1, i, 100);
        get(&n, 1, i);
        ns = clock_ns() - start_ns;
        assert_true(ns >= 20 * MS);
        took_ns = ns < took_ns ? ns : took_ns;
    }
    assert_true(took_ns < 25 * MS); /* the best of them */
    counts = counts_after(&n, 0);
    assert_int_equal(counts.packets, PINGS);
    assert_int_equal(counts.bytes, PINGS * 100);
    assert_int_equal(counts.delivered, PINGS);
    assert_true(counts.late_max_ns > 0 && counts.late_p50_ns <= counts.late_max_ns);
    assert_true(carrier_lateness_ns(n.carrier, 1) == counts.late_max_ns);
    assert_true(carrier_lateness_ns(n.carrier, 1) == 0);
    net_close(&n);
}

/* 40 packets of 1,500 bytes at 10 Mbit/s (1.2 ms each), 5 ms away: none comes early. When the first and the last one came. */
static void send_forty(uint64_t *first_ns, uint64_t *last_ns)
{
    struct carrier_path path = {.delay_ns = 5 * MS};
    uint64_t start_ns;
    struct net n;

    net_open(&n, &path, 10 * 1000 * 1000, 1 << 20);
    start_ns = clock_ns();
    for (uint32_t i = 0; i < 40; i++)
        put(&n, 0, FIRST_IP + 1, i, 1500);
    for (uint32_t i = 0; i < 40; i++) {
        get(&n, 1, i);
        *last_ns = clock_ns() - start_ns;
        if (i == 0)
            *first_ns = *last_ns;
        assert_true(*last_ns >= 5 * MS + (i + 1) * 1200000ull);
    }
    net_close(&n);
}

static void packets_leave_at_the_rate_of_the_link(void **state)
{
    uint64_t first_ns = UINT64_MAX, last_ns = UINT64_MAX;

    (void)state;
    /* A busy machine may be late every time but one. */
    for (int tries = 0; tries < 20 && (first_ns >= 45 * MS || last_ns >= 53 * MS * 2); tries++)
        send_forty(&first_ns, &last_ns);
    assert_true(first_ns < 45 * MS);    /* it does not wait for the others */
    assert_true(last_ns < 53 * MS * 2); /* lateness does not add up */
}

static void a_full_queue_drops_what_comes_next(void **state)
{
    struct carrier_path path = {.delay_ns = MS};
    struct carrier_counts counts;
    struct net n;

    (void)state;
    net_open(&n, &path, 1000, 10 * 1000); /* bit/s: a packet of 1,000 bytes takes 8 s */
    for (uint32_t i = 0; i < 100; i++)
        put(&n, 0, FIRST_IP + 1, i, 1000);
    counts = counts_after(&n, 0);
    assert_int_equal(counts.dropped, 89); /* one is being sent, ten wait */
    assert_int_equal(counts.delivered, 0);
    net_close(&n);
}

static void jitter_lets_no_packet_overtake_another(void **state)
{
    struct carrier_path path = {.delay_ns = MS, .jitter_ns = 20 * MS};
    struct net n;

    (void)state;
    net_open(&n, &path, 0, 0);
    for (uint32_t i = 0; i < 200; i++)
        put(&n, 0, FIRST_IP + 1, i, 100);
    for (uint32_t i = 0; i < 200; i++)
        get(&n, 1, i);
    net_close(&n);
}

static void a_path_loses_the_packets_of_its_list(void **state)
{
    uint64_t list[] = {1, 3};
    struct carrier_path path = {
        .delay_ns = MS, .lossy = true, .loss = {.kind = LOSS_LIST, .list = list, .list_count = 2}};
    struct carrier_counts counts;
    struct net n;

    (void)state;
    net_open(&n, &path, 0, 0);
    for (uint32_t i = 0; i < 5; i++)
        put(&n, 0, FIRST_IP + 1, i, 100);
    get(&n, 1, 0);
    get(&n, 1, 2);
    get(&n, 1, 4);
    put(&n, 2, FIRST_IP + 1, 7, 100); /* each path has its own */
    get(&n, 1, 7);
    counts = counts_after(&n, 2);
    assert_int_equal(counts.dropped, 2);
    net_close(&n);
}

static void what_has_nowhere_to_go_is_dropped_and_counted(void **state)
{
    struct carrier_path path = {.delay_ns = MS};
    uint8_t six[60] = {0x60}, tiny[4] = {0x45};
    struct carrier_counts counts;
    struct net n;

    (void)state;
    net_open(&n, &path, 0, 0);
    put(&n, 0, FIRST_IP + HOSTS, 0, 100);
    put(&n, 0, FIRST_IP - 1, 0, 100);
    assert_int_equal(write(n.ours[0], six, sizeof six), sizeof six);
    assert_int_equal(write(n.ours[0], tiny, sizeof tiny), sizeof tiny);
    put(&n, 0, FIRST_IP + 2, 9, 100);
    get(&n, 2, 9);
    counts = counts_after(&n, 0);
    assert_int_equal(counts.strays, 4);
    assert_int_equal(counts.delivered, 1);
    net_close(&n);
}

static void a_cut_parts_the_hosts_until_it_heals(void **state)
{
    struct carrier_path path = {.delay_ns = MS};
    bool first[HOSTS] = {true};
    struct carrier_counts counts;
    uint32_t number;
    struct net n;
    int slot;

    (void)state;
    net_open(&n, &path, 0, 0);
    slot = carrier_cut(n.carrier, first, true, true);
    assert_true(slot >= 0);
    put(&n, 0, FIRST_IP + 1, 1, 100);
    put(&n, 1, FIRST_IP + 2, 2, 100); /* on the same side */
    get(&n, 2, 2);
    assert_false(comes(&n, 1, 20, &number));
    carrier_heal(n.carrier, slot);
    put(&n, 0, FIRST_IP + 1, 3, 100);
    get(&n, 1, 3);
    for (int i = 0; i < 64; i++)
        assert_int_equal(carrier_cut(n.carrier, first, true, true), i);
    assert_int_equal(carrier_cut(n.carrier, first, true, true), ERR_LIMIT);
    counts = counts_after(&n, 0);
    assert_int_equal(counts.cut, 1);
    net_close(&n);
}

static void a_cut_of_one_direction_lets_the_other_through(void **state)
{
    struct carrier_path path = {.delay_ns = MS};
    bool first[HOSTS] = {true};
    uint32_t number;
    struct net n;

    (void)state;
    net_open(&n, &path, 0, 0);
    for (int out = 0; out < 2; out++) {
        int slot = carrier_cut(n.carrier, first, out, !out);
        uint32_t deaf = out ? 1 : 0; /* it hears nothing of the other one */

        put(&n, 1 - deaf, FIRST_IP + deaf, 1, 100);
        put(&n, deaf, FIRST_IP + 1 - deaf, 2, 100);
        get(&n, 1 - deaf, 2);
        assert_false(comes(&n, deaf, 20, &number));
        carrier_heal(n.carrier, slot);
    }
    net_close(&n);
}

static void packets_under_way_are_freed_with_the_carrier(void **state)
{
    struct carrier_path path = {.delay_ns = 3600 * 1000 * MS};
    struct net n;

    (void)state;
    net_open(&n, &path, 1000 * 1000, 1 << 20);
    for (uint32_t i = 0; i < 20; i++)
        put(&n, 0, FIRST_IP + 1, i, 200);
    counts_after(&n, 0);
    net_close(&n); /* the sanitizer's leak check looks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_takes_the_delay_of_its_path),
        cmocka_unit_test(packets_leave_at_the_rate_of_the_link),
        cmocka_unit_test(a_full_queue_drops_what_comes_next),
        cmocka_unit_test(jitter_lets_no_packet_overtake_another),
        cmocka_unit_test(a_path_loses_the_packets_of_its_list),
        cmocka_unit_test(what_has_nowhere_to_go_is_dropped_and_counted),
        cmocka_unit_test(a_cut_parts_the_hosts_until_it_heals),
        cmocka_unit_test(a_cut_of_one_direction_lets_the_other_through),
        cmocka_unit_test(packets_under_way_are_freed_with_the_carrier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
