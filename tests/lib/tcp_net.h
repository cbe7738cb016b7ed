/* Connections of sim/tcp over network elements, in virtual time, for tests: each end writes what it
 * is told to, reads all it gets and checks it against the pattern that every stream carries. */
#ifndef TESTS_LIB_TCP_NET_H
#define TESTS_LIB_TCP_NET_H

#include "sim/tcp/element.h"
#include "sim/tcp/tcp.h"

#define TCP_NET_MS 1000000ull
#define TCP_NET_SECOND 1000000000ull
#define TCP_NET_ELEMENTS_MAX 64

struct tcp_net;

struct tcp_end {
    struct tcp_net *net;
    struct tcp *tcp; /* NULL once it is over */
    struct tcp_end *peer;
    struct element *out; /* where its packets go first */
    struct timer timer;
    uint32_t index;
    bool connected, finished, done, failed, paused, finishing;
    int error;
    uint64_t to_write, written, received;     /* bytes */
    uint64_t connected_ns, first_ns, last_ns; /* of the first and the latest byte received */
    size_t memory_max;
    void (*on_data)(struct tcp_end *end, uint64_t now_ns, size_t size); /* optional */
    void *ctx;
};

struct tcp_net_element {
    struct element *element;
    struct timer timer;
};

struct tcp_net {
    uint64_t now_ns, events;
    struct timers timers;
    struct tcp_end **ends;
    uint32_t end_count, end_capacity;
    struct tcp_net_element elements[TCP_NET_ELEMENTS_MAX];
    uint32_t element_count;
    struct element sink; /* the end of every path: hands packets to their endpoint */
    struct blob *pattern;
    uint64_t packets; /* on their way */
    /* Called with each segment that an end sends; false loses it. Optional. */
    bool (*filter)(struct tcp_end *from, const struct tcp_segment *s);
    uint64_t duplicate_ppm; /* packets that are sent twice */
    struct rng rng;
};

void tcp_net_init(struct tcp_net *n);
void tcp_net_deinit(struct tcp_net *n);
/* Puts an element before `after` (NULL: the sink); returns it. The net frees it. */
struct element *tcp_net_add(struct tcp_net *n, struct element *e, struct element *after);
struct element *tcp_net_link(struct tcp_net *n, uint64_t rate_bps, uint64_t delay_ns,
                             uint64_t queue_size, struct element *after);
/* A pair of endpoints; the first dials when it is told to (tcp_net_dial). */
struct tcp_end *tcp_net_pair(struct tcp_net *n, const struct tcp_config *config,
                             struct element *there, struct element *back);
void tcp_net_dial(struct tcp_end *end);
void tcp_net_write(struct tcp_end *end, uint64_t size); /* so many bytes more */
void tcp_net_finish(struct tcp_end *end);               /* FIN after them */
void tcp_net_abort(struct tcp_end *end);
void tcp_net_pause(struct tcp_end *end, bool paused);
void tcp_net_run(struct tcp_net *n, uint64_t until_ns);
/* Runs until `end` has received so many bytes in all; false when until_ns came first. */
bool tcp_net_run_to(struct tcp_net *n, const struct tcp_end *end, uint64_t received,
                    uint64_t until_ns);

#endif
