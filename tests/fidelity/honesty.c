#include "tests/fidelity/honesty.h"

#include "sim/netns/netns.h"
#include "stack/base/check.h"

#include <netinet/in.h>
#include <linux/tcp.h> /* struct tcp_info with its newer fields */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ull
#define PORT 4001
#define PINGS 101
#define PATIENCE_MS 10000

struct line {
    struct netns *netns;
    int near, far; /* the ends of a connection */
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void path_of(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out)
{
    (void)from;
    (void)to;
    *out = *(const struct carrier_path *)ctx;
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = {fd, events, 0};

    return poll(&p, 1, PATIENCE_MS) == 1;
}

static bool join(struct line *l)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(NETNS_FIRST_IP + 1)};
    int listener = netns_socket(l->netns, 1, AF_INET), on = 1;

    l->near = netns_socket(l->netns, 0, AF_INET);
    if (bind(listener, (struct sockaddr *)&to, sizeof to) == 0 && listen(listener, 1) == 0) {
        connect(l->near, (struct sockaddr *)&to, sizeof to); /* under way */
        if (wait_for(listener, POLLIN))
            l->far = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    }
    close(listener);
    setsockopt(l->near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(l->far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return l->far >= 0 && wait_for(l->near, POLLOUT);
}

static void line_close(struct line *l)
{
    if (l->near >= 0)
        close(l->near);
    if (l->far >= 0)
        close(l->far);
    if (l->netns)
        netns_free(l->netns);
}

static bool line_open(struct line *l, struct carrier_path *path, uint64_t rate_bps, char *error, size_t error_size)
{
    struct netns_config config = {.seed = 1, .path_ctx = path, .path = path_of};
    struct carrier_access access = {rate_bps, {.size_max = rate_bps / 8}}; /* a second: nothing is dropped */

    *l = (struct line){NULL, -1, -1};
    l->netns = netns_new(&config, error, error_size);
    if (l->netns && netns_host_add(l->netns, &access, &access, error, error_size) &&
        netns_host_add(l->netns, &access, &access, error, error_size) && netns_start(l->netns, error, error_size)) {
        if (join(l))
            return true;
        snprintf(error, error_size, "no connection through the carrier");
    }
    line_close(l);
    return false;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* One byte there and one back. */
static uint64_t ping(const struct line *l)
{
    uint64_t start_ns = clock_ns();
    char byte = 'p';
    bool back = write(l->near, &byte, 1) == 1 && wait_for(l->far, POLLIN) && read(l->far, &byte, 1) == 1 &&
                write(l->far, &byte, 1) == 1 && wait_for(l->near, POLLIN) && read(l->near, &byte, 1) == 1;

    return back ? clock_ns() - start_ns : UINT64_MAX;
}

static bool check_ping(uint64_t rtt_ns, FILE *out, char *error, size_t error_size)
{
    struct carrier_path path = {.delay_ns = rtt_ns / 2};
    struct tcp_info info = {0};
    socklen_t info_size = sizeof info;
    uint64_t took[PINGS];
    struct line l;

    if (!line_open(&l, &path, 0, error, error_size))
        return false;
    for (int i = 0; i < PINGS; i++)
        took[i] = ping(&l);
    getsockopt(l.near, IPPROTO_TCP, TCP_INFO, &info, &info_size);
    line_close(&l);
    qsort(took, PINGS, sizeof *took, by_value);
    fprintf(out, "  round trip %3llu ms: %8.3f ms (kernel: smoothed %.3f ms, least %.3f ms; with the program: median of %d)\n",
            (unsigned long long)(rtt_ns / MS), (double)took[PINGS / 2] / 1e6, info.tcpi_rtt / 1e3, info.tcpi_min_rtt / 1e3,
            PINGS);
    return true;
}

static bool check_rate(uint64_t rate_bps, uint64_t size, FILE *out, char *error, size_t error_size)
{
    static char scratch[1 << 16];
    struct carrier_path path = {.delay_ns = MS};
    uint64_t sent = 0, received = 0, middle_ns = 0, middle = size / 3, now_ns = 0;
    struct line l;

    if (!line_open(&l, &path, rate_bps, error, error_size))
        return false;
    while (received < size) {
        struct pollfd p[2] = {{l.near, sent < size ? POLLOUT : 0, 0}, {l.far, POLLIN, 0}};
        ssize_t n;

        if (poll(p, 2, PATIENCE_MS) <= 0)
            break;
        n = p[0].revents & POLLOUT ? write(l.near, scratch, sizeof scratch) : 0;
        sent += n > 0 ? (uint64_t)n : 0;
        n = p[1].revents & POLLIN ? read(l.far, scratch, sizeof scratch) : 0;
        received += n > 0 ? (uint64_t)n : 0;
        now_ns = clock_ns();
        if (!middle_ns && received >= middle) {
            middle_ns = now_ns; /* slow start is over */
            middle = received;
        }
    }
    line_close(&l);
    if (received < size) {
        snprintf(error, error_size, "a transfer through the carrier did not end");
        return false;
    }
    fprintf(out, "  rate %4llu Mbit/s: %8.2f Mbit/s of packets\n", (unsigned long long)rate_bps / 1000000,
            (double)(received - middle) * 8e3 / (double)(now_ns - middle_ns) * 1500 / 1448);
    return true;
}

bool honesty_check(FILE *out, char *error, size_t error_size)
{
    fprintf(out, "the carrier against itself\n");
    return check_ping(10 * MS, out, error, error_size) && check_ping(100 * MS, out, error, error_size) &&
           check_rate(10000000, 3000000, out, error, error_size) &&
           check_rate(100000000, 20000000, out, error, error_size) &&
           check_rate(500000000, 60000000, out, error, error_size);
}
