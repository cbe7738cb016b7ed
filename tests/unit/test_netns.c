/* The kernel's TCP in namespaces. Skipped where namespaces or TUN devices cannot be made. */
#include "tests/lib/test.h"

#include "sim/netns/netns.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ull
#define PATIENCE_MS 5000
#define PORT 4001

static void path_of(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out)
{
    (void)from;
    (void)to;
    *out = *(const struct carrier_path *)ctx;
}

/* Two hosts; NULL where it cannot be. */
static struct netns *two_hosts(struct carrier_path *path, uint64_t rate_bps)
{
    struct netns_config config = {.seed = 1, .path_ctx = path, .path = path_of};
    struct carrier_access access = {rate_bps, {.size_max = 1 << 20}};
    char error[256] = "";
    struct netns *n = netns_new(&config, error, sizeof error);

    if (n && netns_host_add(n, &access, &access, error, sizeof error) &&
        netns_host_add(n, &access, &access, error, sizeof error) && netns_start(n, error, sizeof error))
        return n;
    printf("skipped: %s\n", error);
    if (n)
        netns_free(n);
    return NULL;
}

static struct sockaddr_in at(uint32_t host)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(NETNS_FIRST_IP + host)};
}

static void wait_for(int fd, short events)
{
    struct pollfd p = {fd, events, 0};

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

/* A connection from host 0 (ends[0]) to host 1 (ends[1]). */
static void join(struct netns *n, int ends[2])
{
    struct sockaddr_in to = at(1), from = {0};
    socklen_t size = sizeof from;
    int listener = netns_socket(n, 1, AF_INET), err = 1;

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(listen(listener, 5), 0);
    ends[0] = netns_socket(n, 0, AF_INET);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, EINPROGRESS);
    wait_for(ends[0], POLLOUT);
    size = sizeof err;
    assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &err, &size), 0);
    assert_int_equal(err, 0);
    wait_for(listener, POLLIN);
    size = sizeof from;
    ends[1] = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK);
    assert_true(ends[1] >= 0);
    assert_int_equal(ntohl(from.sin_addr.s_addr), NETNS_FIRST_IP);
    close(listener);
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void the_kernel_sees_the_configured_round_trip(void **state)
{
    struct carrier_path path = {.delay_ns = 15 * MS};
    struct netns *n = two_hosts(&path, 0);
    struct tcp_info info = {0};
    struct ifreq device = {.ifr_name = "tun0"};
    socklen_t size = sizeof info;
    int ends[2];

    (void)state;
    if (!n)
        skip();
    join(n, ends);
    assert_int_equal(getsockopt(ends[0], IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    assert_true(info.tcpi_rtt >= 30000 && info.tcpi_rtt < 45000);
    assert_int_equal(info.tcpi_snd_mss, 1448);
    assert_int_equal(info.tcpi_snd_cwnd, 10);
    assert_int_equal(ioctl(ends[0], SIOCGIFTXQLEN, &device), 0);
    assert_int_equal(device.ifr_qlen, 20000); /* no window overflows it */
    assert_int_equal(ioctl(ends[0], SIOCGIFMTU, &device), 0);
    assert_int_equal(device.ifr_mtu, 1500);
    close(ends[0]);
    close(ends[1]);
    netns_free(n);
}

static void both_ends_of_a_connection_use_cubic(void **state)
{
    struct carrier_path path = {.delay_ns = MS};
    struct netns *n = two_hosts(&path, 0);
    int ends[2];

    (void)state;
    if (!n)
        skip();
    join(n, ends);
    for (int i = 0; i < 2; i++) {
        char name[16] = "";
        socklen_t size = sizeof name;

        assert_int_equal(getsockopt(ends[i], IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
        assert_string_equal(name, "cubic");
        close(ends[i]);
    }
    netns_free(n);
}

/* 200,000 bytes and their headers (52 in 1,500) at 20 Mbit/s: 82.9 ms, and never less. */
static void a_transfer_takes_the_time_of_the_link(void **state)
{
    static char bytes[200000];
    struct carrier_path path = {.delay_ns = 2 * MS};
    struct netns *n = two_hosts(&path, 20 * 1000 * 1000);
    size_t sent = 0, received = 0;
    uint64_t start_ns, took_ns;
    int ends[2];

    (void)state;
    if (!n)
        skip();
    join(n, ends);
    start_ns = clock_ns();
    while (received < sizeof bytes) {
        char scratch[65536];
        struct pollfd p[2] = {{ends[0], sent < sizeof bytes ? POLLOUT : 0, 0}, {ends[1], POLLIN, 0}};
        ssize_t done;

        assert_true(poll(p, 2, PATIENCE_MS) > 0);
        done = p[0].revents & POLLOUT ? write(ends[0], bytes + sent, sizeof bytes - sent) : 0;
        sent += done > 0 ? (size_t)done : 0;
        done = p[1].revents & POLLIN ? read(ends[1], scratch, sizeof scratch) : 0;
        received += done > 0 ? (size_t)done : 0;
    }
    took_ns = clock_ns() - start_ns;
    assert_true(took_ns >= 82 * MS && took_ns < 130 * MS);
    close(ends[0]);
    close(ends[1]);
    netns_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_sees_the_configured_round_trip),
        cmocka_unit_test(both_ends_of_a_connection_use_cubic),
        cmocka_unit_test(a_transfer_takes_the_time_of_the_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
