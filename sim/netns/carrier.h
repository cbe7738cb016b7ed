/* Carries real packets through the simulator's link elements in real time.
 *
 * Each host is a descriptor of which a read takes one IPv4 packet that the host sends and a write gives it one (a TUN
 * device; a datagram socket in tests). A packet passes the access link of its sender, the path to its receiver (loss, then
 * delay) and the access link of the receiver, as in sim/des. One thread does it all: it is a simulation of its own whose
 * events wait for the clock, so what one element does late does not add up with what the next one does late. How late
 * packets were written is measured; packets in the wrong place (another protocol, an unknown address) are dropped and
 * counted.
 *
 * carrier_cut, carrier_heal and carrier_lateness_ns may be called from another thread; the rest is for the owner, and
 * carrier_counts exact only after carrier_stop. */
#ifndef SIM_NETNS_CARRIER_H
#define SIM_NETNS_CARRIER_H

#include "sim/tcp/element.h"

#define CARRIER_PACKET_SIZE_MAX 1500

struct carrier;

/* One direction of an access link. */
struct carrier_access {
    uint64_t rate_bps; /* 0: unlimited, then nothing queues */
    struct queue_config queue;
};

/* One way between two hosts. */
struct carrier_path {
    uint64_t delay_ns, jitter_ns; /* the delay is longer by up to the jitter, uniformly; none overtakes another */
    bool lossy;
    struct loss_config loss; /* where lossy */
};

struct carrier_config {
    uint64_t seed;     /* of the jitter */
    uint32_t first_ip; /* host i has the address first_ip + i */
    /* Asked for each pair once, when its first packet comes, by the carrier's thread. */
    void *path_ctx;
    void (*path)(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out);
};

struct carrier_counts {
    uint64_t packets, bytes;  /* taken from hosts */
    uint64_t delivered;       /* packets */
    uint64_t dropped;         /* by full queues and losses */
    uint64_t cut;             /* by partitions */
    uint64_t strays;
    uint64_t refused;         /* the far device did not take them */
    uint64_t late_p50_ns, late_p99_ns, late_max_ns; /* of the writes, against the time at which they were due */
};

struct carrier *carrier_new(const struct carrier_config *config);
void carrier_free(struct carrier *c); /* stops it; descriptors are their owner's */
/* Hosts are numbered from 0 in the order of adding; only before carrier_start. */
uint32_t carrier_host_add(struct carrier *c, int fd, const struct carrier_access *up, const struct carrier_access *down);
bool carrier_start(struct carrier *c); /* false and errno */
void carrier_stop(struct carrier *c);

/* Drops from now on what hosts with member[i] send the others (out), or the others them (in), or both. A slot for
 * carrier_heal, or ERR_LIMIT. */
int carrier_cut(struct carrier *c, const bool *member, bool out, bool in);
void carrier_heal(struct carrier *c, int slot);

/* The largest delay of a packet for the host since this was last asked. */
uint64_t carrier_lateness_ns(struct carrier *c, uint32_t host);
bool carrier_prompt(const struct carrier *c); /* its thread goes before all others (SCHED_FIFO) */
struct carrier_counts carrier_counts(const struct carrier *c);

#endif
