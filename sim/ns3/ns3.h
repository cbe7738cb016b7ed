/* The ns-3 backend: the seam of stack/backend/backend.h on the TCP of ns-3, in virtual time.
 *
 * Hosts, latencies, jitter, losses, queues and partitions are as in sim/des, and draw the same random numbers; what is ns-3's is TCP,
 * IP and the order of events. One at a time, on one thread. */
#ifndef SIM_NS3_NS3_H
#define SIM_NS3_NS3_H

#include "sim/ns3/ns3c.h"
#include "sim/tcp/gilbert.h"
#include "sim/tcp/jitter.h"
#include "stack/backend/backend.h"

struct ns3;

#define NS3_JITTER_COMMON UINT64_MAX

/* As struct des_config, where the names are the same. */
struct ns3_config {
    uint64_t seed;
    uint32_t region_count;
    const uint64_t *latency_ns; /* copied, as all that follows */
    uint32_t jitter_ppm;
    uint64_t jitter_ns;
    const struct jitter_config *jitter;
    const uint64_t *jitter_pair_ns;
    const struct gilbert *loss;
    bool latencies_change;       /* ns3_latency_set may come */
    uint64_t queue_size, queue_ns;
    const struct ns3c_tcp *tcp;  /* NULL: the default */
    bool checksums;              /* for captures */
    void *trace_ctx;
    void (*trace)(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event);
};

struct ns3_host_config {
    struct endpoint address; /* as the nodes know it; ns-3 and captures have 10.0.0.1 and up. Its port is not looked at, unless */
    bool shares_address;     /* others have it too, with other ports, and say so too: dials tell them apart */
    uint32_t region;
    uint64_t up_bps, down_bps;
    uint64_t queue_size, queue_ns; /* in place of the network's, where one of them is not 0 */
    struct gilbert loss_up, loss_down;
    bool unreachable;
};

struct ns3_pair {
    uint32_t from, to; /* regions */
};

/* As struct des_bottleneck, drop-tail. */
struct ns3_bottleneck {
    const struct ns3_pair *pairs;
    uint32_t pair_count;
    uint64_t bps, queue_size, queue_ns;
};

/* NULL and a sentence in `error`: no plug-in, or there is one such network already. */
struct ns3 *ns3_new(const struct ns3_config *config, char *error, size_t error_size);
void ns3_free(struct ns3 *n);

uint32_t ns3_host_add(struct ns3 *n, const struct ns3_host_config *config);
void ns3_host_run(struct ns3 *n, uint32_t host, const struct backend_app *app, void *ctx); /* app NULL: takes the node off */
void *ns3_host(struct ns3 *n, uint32_t host);
extern const struct backend_ops ns3_ops; /* without charge: work takes no time */
/* The ends of a connection, as captures have them; false for a handle that is gone. */
bool ns3_ends(const struct ns3 *n, uint32_t host, struct backend_conn conn, struct endpoint *local, struct endpoint *remote);

void ns3_schedule(struct ns3 *n, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
void ns3_schedule_global(struct ns3 *n, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);

/* What leaves an uplink for the other side is lost, until the heal; one way (out: of what members send) or both. A slot, or
 * ERR_LIMIT (64 at the same time). */
int ns3_partition(struct ns3 *n, const bool *member, bool out, bool in);
void ns3_heal(struct ns3 *n, int slot);

void ns3_latency_pair(struct ns3 *n, uint32_t from, uint32_t to, uint64_t latency_ns); /* hosts; before the first ns3_run */
void ns3_latency_set(struct ns3 *n, uint32_t from_region, uint32_t to_region, uint64_t latency_ns);
void ns3_loss_set(struct ns3 *n, uint32_t from_region, uint32_t to_region, const struct gilbert *loss);
void ns3_bandwidth_set(struct ns3 *n, uint32_t host, uint64_t up_bps, uint64_t down_bps);
/* After the last host. least_ns: the least that lies between the regions of each pair over the run, as latency_ns. */
void ns3_bottleneck_add(struct ns3 *n, const struct ns3_bottleneck *config, const uint64_t *least_ns);

int ns3_pcap(struct ns3 *n, uint32_t host, const char *path); /* as ns3c_pcap */
void ns3_run(struct ns3 *n, uint64_t until_ns);
uint64_t ns3_now_ns(const struct ns3 *n);
struct ns3c_counts ns3_counts(const struct ns3 *n);

#endif
