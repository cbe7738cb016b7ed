/* Counters of a live node, and the page that Prometheus reads them from: GET /metrics, text format
 * 0.0.4.
 *
 * A page is one request on one connection. A request has at most METRICS_REQUEST_MAX bytes and
 * METRICS_TIMEOUT_NS of time; METRICS_CONNECTIONS_MAX are served at once and the rest is closed. */
#ifndef SIM_LIVE_METRICS_H
#define SIM_LIVE_METRICS_H

#include "stack/backend/epoll.h"
#include "stack/node/node.h"

#define METRICS_REQUEST_MAX 8192
#define METRICS_CONNECTIONS_MAX 16
#define METRICS_TIMEOUT_NS UINT64_C(5000000000)

struct metrics_conn {
    struct backend_conn handle;
    bool used, answered;
    uint64_t deadline_ns;
    struct buf request;
    struct chain response;
};

struct metrics {
    const struct node *node;
    /* Topics that the page tells mesh sizes of; owned by the caller. */
    char *const *topics;
    uint32_t topic_count;
    uint64_t events[TRACE_KIND_COUNT][2]; /* by enum trace_protocol */
    uint64_t bytes[TRACE_KIND_COUNT][2];  /* of the messages in them */
    uint64_t rejected[2][TRACE_REJECT_COUNT];
    uint64_t control[2][TRACE_CONTROL_COUNT]; /* items sent, received */
    uint64_t dropped;
    struct sockets_host *host;
    struct metrics_conn conns[METRICS_CONNECTIONS_MAX];
};

void metrics_trace(struct metrics *m, const struct trace_event *event);
/* Appends the page. */
void metrics_write(const struct metrics *m, struct buf *out);

/* Serves the page on `at`; 0 or a negative err. */
int metrics_listen(struct metrics *m, struct sockets *world, const struct endpoint *at);
void metrics_deinit(struct metrics *m);

/* What an HTTP request is answered with: 0 when its head is not whole yet, else 200, 400, 404, 405
 * or 431. */
int metrics_judge(struct slice request);

#endif
