/* The discrete-event backend: hosts, links and connections in virtual time.
 *
 * A host is where one node lives: it has a region, an access link up and one down, and the connections of its node.
 * Everything a host does to another travels as an event with a delay; the state of a host is touched by its own
 * events only. See README.md for the link model. */
#ifndef SIM_DES_DES_H
#define SIM_DES_DES_H

#include "stack/backend/backend.h"

struct des;
struct tcp_config; /* sim/tcp/tcp.h */

enum des_tcp { DES_TCP_IDEAL, DES_TCP_FLIGHT, DES_TCP_PACKET };

struct des_config {
    uint64_t seed;
    uint32_t region_count;
    const uint64_t *latency_ns; /* one way, [from * region_count + to]; copied; each > 0 */
    uint32_t jitter_ppm;        /* each packet takes longer by up to this share of the latency, ... */
    uint64_t jitter_ns;         /* ... or by up to this: uniform, and never overtaking in its connection */
    uint64_t queue_size;        /* bytes that an access link may have waiting, each way; 0: default 256 KiB */
    uint64_t queue_ns;          /* the same as a time at the link's rate; used where not 0 */
    enum des_tcp tcp;           /* README.md describes the models */
    const struct tcp_config *tcp_config; /* flight, packet: NULL is the default; copied */
    bool (*lose)(void *ctx, uint32_t from, uint32_t to); /* for tests: whether the path loses the next segment; may be NULL */
    void *lose_ctx;
    void *trace_ctx;            /* receives what nodes trace */
    void (*trace)(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event);
    /* A hint that the host will trace something soon, in two steps some events apart; may be NULL. */
    void (*expect)(void *ctx, uint32_t host, unsigned step);
};

struct des_host_config {
    struct endpoint address; /* port ignored */
    uint32_t region;
    uint64_t up_bps, down_bps; /* bits per second; 0: unlimited */
};

struct des_counts {
    uint64_t events;
    uint64_t connections;      /* established */
    uint64_t bytes;            /* handed to links */
    uint64_t dropped;          /* flight, packet: packets lost to full queues and partitions */
};

struct des *des_new(const struct des_config *config);
void des_free(struct des *d);

/* Hosts are numbered from 0 in the order of adding. */
uint32_t des_host_add(struct des *d, const struct des_host_config *config);
/* Puts a node on the host; NULL takes it off: the connections it still has are reset. */
void des_host_run(struct des *d, uint32_t host, const struct backend_app *app, void *ctx);
void *des_host(struct des *d, uint32_t host); /* the `host` of backend_ops */
extern const struct backend_ops des_ops;

/* Calls fn at `at_ns` as an event of the host. For what a scenario does to a node. */
void des_schedule(struct des *d, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
/* Calls fn between events, before those of that time: for what concerns several hosts at once. */
void des_schedule_global(struct des *d, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);

/* Cuts the hosts with member[i] off from the others: a slot for des_heal, or ERR_LIMIT (64 at the same time). Bytes on
 * the way still arrive; what follows waits for the heal, as retransmission would make it. Only from a global call. */
int des_partition(struct des *d, const bool *member);
void des_heal(struct des *d, int slot);

/* Runs all events up to and including until_ns. False when nothing is left to do at all. */
bool des_run(struct des *d, uint64_t until_ns);
struct des_counts des_counts(const struct des *d);
uint64_t des_now_ns(const struct des *d);

#endif
