/* The discrete-event backend: hosts, links and connections in virtual time.
 *
 * A host is where one node lives: it has a region, an access link up and one down, and the connections of its node.
 * Everything a host does to another travels as an event with a delay; the state of a host is touched by its own
 * events only. See README.md for the link model. */
#ifndef SIM_DES_DES_H
#define SIM_DES_DES_H

#include "sim/tcp/element.h" /* struct queue_config */
#include "sim/tcp/gilbert.h"
#include "sim/tcp/jitter.h"
#include "stack/backend/backend.h"
#include "stack/base/work.h"

struct des;
struct pcap;       /* sim/capture/pcap.h */
struct tcp_config; /* sim/tcp/tcp.h */

enum des_tcp { DES_TCP_IDEAL, DES_TCP_FLIGHT, DES_TCP_PACKET };
enum des_feature { DES_LOSS, DES_AQM, DES_BOTTLENECKS, DES_CAPTURE }; /* what a TCP model may be unable to honour */

#define DES_JITTER_COMMON UINT64_MAX

struct des_config {
    uint64_t seed;
    uint32_t region_count;
    const uint64_t *latency_ns; /* one way, [from * region_count + to]; copied; each > 0 */
    const uint64_t *latency_least_ns; /* none of them falls below this (des_latency_set); NULL: they stay; copied */
    uint32_t jitter_ppm;        /* each packet takes longer by up to this share of the latency, ... */
    uint64_t jitter_ns;         /* ... or by up to this: uniform, and never overtaking in its connection */
    const struct jitter_config *jitter; /* in place of these two, where not NULL; copied */
    /* In place of all these, uniform up to so much, where not DES_JITTER_COMMON; as latency_ns, or NULL; copied */
    const uint64_t *jitter_pair_ns;
    const struct gilbert *loss; /* of packets, as latency_ns; NULL: none; copied */
    uint64_t queue_size;        /* bytes that an access link may have waiting, each way; 0: default 256 KiB */
    uint64_t queue_ns;          /* the same as a time at the link's rate; used where not 0 */
    enum des_tcp tcp;           /* README.md describes the models */
    const struct tcp_config *tcp_config; /* flight, packet: NULL is the default; copied */
    const struct work_cost *costs; /* WORK_KINDS of them, copied; NULL: no host has cores */
    void *trace_ctx;            /* receives what nodes trace */
    void (*trace)(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event);
    /* Events of several lanes (des_divide) are about to happen at once, or no longer do; may be NULL. Called on the thread
     * of des_run. In between, `trace` and scheduled calls come on the threads of their hosts' lanes, one at a time a lane. */
    void (*window)(void *ctx, bool open);
    /* A hint that the host will trace something soon, in two steps some events apart; may be NULL. */
    void (*expect)(void *ctx, uint32_t host, unsigned step);
};

struct des_host_config {
    struct endpoint address; /* port ignored, unless */
    bool shares_address;     /* others have it too, with other ports, and say so too: dials tell them apart */
    uint32_t region;
    uint64_t up_bps, down_bps; /* bits per second; 0: unlimited */
    uint32_t cores, speed_ppm; /* of its CPU; 0 cores: work takes no time */
    uint64_t queue_size, queue_ns; /* in place of the network's, where one of them is not 0 */
    struct queue_config aqm;       /* of both links; size_max and seed are not looked at */
    struct gilbert loss_up, loss_down; /* behind each link */
    bool unreachable;              /* dials to it get no answer, as behind a NAT; its own work */
};

struct des_pair {
    uint32_t from, to; /* regions */
};

/* One FIFO in the middle of the path of all packets between these pairs of regions: half of the least latency lies behind it,
 * the rest in front of it. */
struct des_bottleneck {
    const struct des_pair *pairs;
    uint32_t pair_count; /* at least 1; a pair has at most one bottleneck */
    uint64_t bps;        /* at least 1 */
    uint64_t queue_size, queue_ns;
    struct queue_config aqm;
};

struct des_counts {
    uint64_t events;
    uint64_t connections;      /* established */
    uint64_t bytes;            /* handed to links */
    uint64_t dropped;          /* packets that queues and partitions swallowed */
    uint64_t lost;             /* packets lost on the way */
    uint64_t windows;          /* that several lanes ran at once */
};

bool des_tcp_honours(enum des_tcp tcp, enum des_feature feature); /* else it must not be asked for */

struct des *des_new(const struct des_config *config);
void des_free(struct des *d);

/* Hosts are numbered from 0 in the order of adding. */
uint32_t des_host_add(struct des *d, const struct des_host_config *config);
/* Puts a node on the host; NULL takes it off: the connections it still has are reset. */
void des_host_run(struct des *d, uint32_t host, const struct backend_app *app, void *ctx);
void *des_host(struct des *d, uint32_t host); /* the `host` of backend_ops */
extern const struct backend_ops des_ops;

/* Divides the hosts among `lanes` (1 to DES_LANES_MAX, fewer where there are fewer hosts), each with a thread of its own, so
 * that lanes have the same to do (divide.h). Once, after the last host was added and before anything is scheduled; weights[host] > 0:
 * the events of a second there, roughly. What happens does not depend on it. 0, or ERR_SYSTEM: no more threads to be had. */
#define DES_LANES_MAX 256
int des_divide(struct des *d, uint32_t lanes, const uint32_t *weights);
uint32_t des_lane_count(const struct des *d);
uint32_t des_lane(const struct des *d, uint32_t host);
uint64_t des_lookahead_ns(const struct des *d); /* how long lanes run without hearing of each other; UINT64_MAX: for ever */

/* From now on the host's packets go to the file, which outlives the run: those that it sends when they enter the uplink's queue (with a
 * discipline: leave it), those that reach it when they have left the downlink. */
void des_capture(struct des *d, uint32_t host, struct pcap *file);
/* The ends of a connection as captures have them; false for a handle that is gone, and where there are no captures. */
bool des_ends(struct des *d, uint32_t host, struct backend_conn conn, struct endpoint *local, struct endpoint *remote);

/* Calls fn at `at_ns` as an event of the host. For what a scenario does to a node. */
void des_schedule(struct des *d, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
/* Calls fn between events, before those of that time: for what concerns several hosts at once. Not to be called by an event. */
void des_schedule_global(struct des *d, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);

enum des_cut { DES_CUT_OUT = 1, DES_CUT_IN = 2, DES_CUT_BOTH = 3 }; /* what members send; what others send them */

/* Cuts the hosts with member[i] off from the others, one way or both: a slot for des_heal, or ERR_LIMIT (64 at the same
 * time). Bytes on the way still arrive; what follows waits for the heal, as retransmission would make it. Only from a
 * global call. */
int des_partition(struct des *d, const bool *member, enum des_cut cut);
void des_heal(struct des *d, int slot);

/* Between two hosts alone, in this direction, in place of what lies between their regions; at least 2 ns. Before the
 * first des_run. */
void des_latency_pair(struct des *d, uint32_t from, uint32_t to, uint64_t latency_ns);
/* For what is sent from now on between two regions, in this direction. Only from a global call. */
void des_latency_set(struct des *d, uint32_t from_region, uint32_t to_region, uint64_t latency_ns);

void des_loss_set(struct des *d, uint32_t from_region, uint32_t to_region, const struct gilbert *loss);
/* What is queued already leaves at the old rate. */
void des_bandwidth_set(struct des *d, uint32_t host, uint64_t up_bps, uint64_t down_bps);

/* After the last host, before the first des_run; latencies of pairs of hosts come after it. */
void des_bottleneck_add(struct des *d, const struct des_bottleneck *config);

/* Runs all events up to and including until_ns. False when nothing is left to do at all. */
bool des_run(struct des *d, uint64_t until_ns);
struct des_counts des_counts(const struct des *d);
uint64_t des_now_ns(const struct des *d);
size_t des_calendar_size(const struct des *d); /* bytes that waiting events take, without what they carry */

#endif
