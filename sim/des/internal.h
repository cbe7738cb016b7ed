/* What the files of sim/des share. */
#ifndef SIM_DES_INTERNAL_H
#define SIM_DES_INTERNAL_H

#include "sim/capture/pcap.h"
#include "sim/des/cpu.h"
#include "sim/des/crew.h"
#include "sim/des/des.h"
#include "sim/des/event.h"
#include "sim/des/link.h"
#include "stack/base/heap.h" /* TIME_NEVER */
#include "stack/base/map.h"
#include "stack/base/rng.h"

enum event_kind {
    EVENT_WAKE, /* the node's timer */
    EVENT_CALL, /* object: struct call */
    EVENT_LOOP, /* the host's event loop is free again */
    EVENT_TRANSPORT /* this and what follows belong to the TCP model */
};

struct call {
    void (*fn)(void *arg, uint64_t now_ns);
    void *arg;
    uint64_t at_ns, sequence; /* of a global call */
};

/* Hosts whose events one thread runs, in order of their keys, with a clock of their own. */
struct lane {
    struct des *des;
    struct event_queue queue;
    uint64_t now_ns;
    struct des_counts counts;
    uint32_t index;
    struct event_list *mail[2]; /* by window, in turns; events for each lane */
    uint64_t mailed_ns;         /* the earliest of this window's mail; UINT64_MAX: none */
};

/* A host's state is touched by its own events and by global calls only. The TCP model's part follows the struct. */
struct host { /* what every packet needs comes first */
    struct des *des;
    struct lane *lane;
    const struct backend_app *app; /* NULL: no node here */
    void *app_ctx;
    struct loop *loop; /* where work takes time: then `app` is the loop's; else NULL */
    uint32_t index, region, sequence;
    uint16_t listen_port; /* 0: not listening */
    bool latency_pairs : 1; /* it has latencies of its own to some hosts */
    bool middle : 1;        /* a bottleneck: packets for other hosts pass its uplink */
    bool unreachable : 1;   /* to dials */
    struct host_loss *loss; /* path.c's; NULL: nothing was lost so far */
    struct link up, down;
    uint64_t wake_ns, wake_posted_ns;
    uint64_t sides;       /* bit i: inside partition i */
    struct endpoint address;
    struct rng jitter, random;
    uint64_t queue_ns;      /* of its links; 0: the queues have fixed sizes */
    struct queue_config aqm;
    struct pcap *capture;   /* NULL: nobody watches */
    char rest[16];
};

/* The two ends of a packet, or of a connection as the first one sees it. */
struct capture_ends {
    const struct host *from, *to;
    uint16_t from_port, to_port;
};

_Static_assert(offsetof(struct host, up) == 64 && sizeof(struct host) % 64 == 0, "lines: calls, links, ..., the TCP model's own");

/* A TCP model: connections between hosts. The calls about them are those of backend_ops. */
struct des_transport {
    unsigned honours; /* bit i: enum des_feature i */
    size_t host_size; /* of its state in each host, zeroed at first: transport_state */
    void (*start)(struct des *d);   /* NULL, like each of these four: nothing to do */
    void (*stop)(struct des *d);    /* after the last event was dropped and the last host stopped */
    void (*host_start)(struct host *h);
    void (*host_stop)(struct host *h);
    int (*dial)(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn);
    size_t (*send)(struct host *h, struct backend_conn handle, struct chain *bytes);
    void (*pause)(struct host *h, struct backend_conn handle, bool paused);
    void (*close)(struct host *h, struct backend_conn handle, enum backend_close how);
    void (*expect)(const struct host *h, struct backend_conn handle, unsigned step); /* NULL: no interest */
    /* False: the handle is gone. NULL: connections have no ports. */
    bool (*ends)(struct host *h, struct backend_conn handle, struct capture_ends *out);
    void (*reset_all)(struct host *h);                                /* the node is gone */
    void (*healed)(struct host *h); /* a partition ended; NULL: no interest */
    void (*event)(struct host *h, const struct event *e);
    void (*drop)(const struct event *e); /* it will not happen: frees its object */
    /* The event comes soon, step by step (0 to BACKEND_EXPECT_STEPS): fetches what it needs. NULL: no interest. */
    void (*ahead)(const struct host *h, const struct event *e, unsigned step);
};

extern const struct des_transport transport_ideal, transport_flight, transport_packet;

/* packet.c: the settings of TCP as the world of the models that have any. */
void tcp_world_start(struct des *d);
void tcp_world_stop(struct des *d);

struct des {
    struct des_config config;
    struct work_cost costs[WORK_KINDS];
    uint64_t *latency_ns, *least_ns; /* now; at the least (path_least_ns) */
    bool jitters;                    /* there is some */
    struct jitter *jitter;           /* NULL: uniform */
    uint64_t *jitter_pair_ns;        /* NULL: none of its own */
    struct gilbert *loss;            /* NULL: none */
    uint32_t *middles;               /* hosts by pair of regions, 0: none; NULL: no bottlenecks */
    uint64_t *pair_least_ns;         /* with bottlenecks: between regions, whatever single hosts have */
    struct lane **lanes;
    uint32_t lane_count, turn; /* turn: which of a pair's mail this window fills */
    uint64_t lookahead_ns, window_ends_ns;
    struct crew *crew; /* NULL: one lane */
    bool running;      /* events happen, as against global calls and those between runs */
    uint64_t now_ns;   /* while none happen */
    struct host **hosts;
    uint32_t host_count, host_capacity;
    uint32_t middle_count; /* bottlenecks: hosts without a node, after the others */
    struct map by_address;
    struct map latency_pairs; /* of two hosts, from << 32 | to */
    uint64_t cut_out, cut_in; /* bit i: partition i loses what its members send; what others send them */
    struct call *globals; /* by (at_ns, sequence), the next one last */
    uint32_t global_count, global_capacity;
    uint64_t global_sequence;
    const struct des_transport *transport;
    void *transport_world; /* the model's own, not of a host */
};

static inline void *transport_state(const struct host *h)
{
    return (void *)(uintptr_t)(h + 1);
}

/* des.c */
void des_drop(struct des *d, const struct event *e); /* an event that will not happen */
/* An event of `to`, caused by `from`. */
void des_post(struct host *from, uint32_t to, uint64_t at_ns, uint32_t kind, void *object);

/* Under which a host that shares its address is found; the others are under their address alone. */
#define HOST_KEY_SIZE 18
struct slice host_key(const struct endpoint *e, uint8_t key[static HOST_KEY_SIZE]);
/* A host after the others, without an address. */
struct host *host_new(struct des *d, const struct des_host_config *config);

/* lane.c */
struct lane *lane_new(struct des *d, uint32_t index, uint32_t lane_count);
void lane_free(struct lane *l, uint32_t lane_count);
void lane_run(struct lane *l, uint64_t until_ns); /* its events up to and including then */
void lane_mail(struct lane *from, uint32_t to, const struct event *e);
void lane_fetch(struct lane *l); /* takes in what others sent during the window before */

/* window.c */
void windows_run(struct des *d, uint64_t until_ns); /* events of all lanes, up to and including then */
uint64_t windows_next_ns(struct des *d);            /* of the earliest event; UINT64_MAX: there is none */
/* loop.c: between the TCP model and a node whose work takes time */
extern const struct backend_app loop_app; /* its ctx is the loop */
struct loop *loop_new(struct host *h, const struct work_cost *costs, uint32_t core_count, uint32_t speed_ppm);
void loop_free(struct loop *l); /* NULL is fine */
void loop_place(struct loop *l, const struct backend_app *app, void *ctx); /* a node on an idle machine; NULL: none */
void loop_event(struct loop *l, uint64_t time_ns);
uint64_t loop_charge(struct loop *l, unsigned works, uint64_t bytes);
bool loop_holds(struct loop *l, struct backend_conn conn); /* a send has to wait; `writable` will come */
void loop_pause(struct loop *l, struct backend_conn conn, bool paused);
void loop_rearm(struct loop *l, uint64_t deadline_ns);      /* of the node's timer: a wake-up that waits may be void now */
void loop_forget(struct loop *l, struct backend_conn conn); /* the node closes it */

/* capture.c */
struct tcp_segment;
void capture_segment(const struct host *h, const struct capture_ends *ends, const struct tcp_segment *s); /* by h->capture */

/* path.c */
void path_init(struct des *d);
void path_deinit(struct des *d);
void path_host_init(struct host *h, const struct des_host_config *config);
void path_host_deinit(struct host *h);
bool path_cut(const struct host *from, const struct host *to); /* a partition swallows what `from` sends `to` */
uint64_t path_latency_ns(const struct host *from, uint32_t to, uint32_t to_region); /* one way, now, without jitter */
/* What jitter adds: at the most, as long as that is no more than half the latency again where it has no bound. */
uint64_t path_jitter_ns(const struct host *from, uint32_t to_region, uint64_t latency_ns);
/* One-way latency from one host to another, with this packet's jitter. */
uint64_t path_delay_ns(struct host *from, uint32_t to, uint32_t to_region);
/* Where a packet goes next, and when: `host` is its destination, or a bottleneck from which it takes rest_ns more. Packets of
 * one connection keep their order if they arrive in order at `host`. */
struct path_hop {
    uint32_t host;
    uint64_t delay_ns, rest_ns;
};

uint64_t path_bps(const struct host *from, const struct host *to); /* of the slowest link; 0: unlimited */
struct path_hop path_hop(struct host *from, uint32_t to, uint32_t to_region);
/* Which of the next `count` (1 to 64) packets are lost behind the sender's uplink or between the regions: bit i is the i-th. Random
 * numbers and states of bursts are the sender's. */
uint64_t path_losses(struct host *from, uint32_t to_region, unsigned count);
static inline bool path_may_lose(const struct host *from) /* else it loses nothing, and need not be asked */
{
    return from->loss || from->des->loss;
}
uint64_t path_losses_down(struct host *to, unsigned count); /* the same behind the receiver's downlink */
/* What a host of one region does to one of another takes at least this long, at any time of the run: the lookahead. */
uint64_t path_least_ns(const struct des *d, uint32_t from_region, uint32_t to_region);

#endif
