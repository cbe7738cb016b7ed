/* Hosts and connections of sim/des, in virtual time, for tests and comparisons: each end writes what it is told to, reads all it
 * gets and checks it against the pattern that every stream carries. Any TCP model. */
#ifndef TESTS_LIB_DES_NET_H
#define TESTS_LIB_DES_NET_H

#include "sim/des/des.h"
#include "sim/tcp/tcp.h"
#include "stack/base/heap.h"
#include "stack/base/rng.h"

#define DES_MS 1000000ull
#define DES_SECOND 1000000000ull

struct des_net;

/* One end of a connection. */
struct des_end {
    struct des_net *net;
    uint32_t host, number;   /* ends of a host are numbered in order of their beginning */
    struct backend_conn conn;
    bool open, closed, paused;
    int err;                 /* why it closed, or the dial failed */
    uint64_t to_write, written, received;
    uint64_t opened_ns, first_ns, last_ns, closed_ns; /* first, last: bytes received */
    void (*on_data)(struct des_end *end, uint64_t now_ns, size_t size); /* optional */
    void *ctx;
};

struct des_peer {
    struct des_net *net;
    uint32_t index;
    void *host;
    struct des_end **ends;
    uint32_t count;
};

struct des_net {
    struct des *d;
    struct des_peer *peers;
    uint32_t peer_count;
    struct blob *pattern;
};

struct des_net_host {
    uint64_t up_bps, down_bps;
};

/* All hosts are one_way_ns apart; `config` may leave region and latency out, and is not kept. */
void des_net_init(struct des_net *n, const struct des_config *config, uint64_t one_way_ns, const struct des_net_host *hosts,
                  uint32_t host_count);
void des_net_deinit(struct des_net *n);
struct des_end *des_net_dial(struct des_net *n, uint32_t from, uint32_t to);
void des_net_write(struct des_end *end, uint64_t size); /* so many bytes more */
void des_net_lose(struct des_net *n, uint32_t ppm); /* random losses of packets, from now on */
void des_net_pause(struct des_end *end, bool paused);
void des_net_close(struct des_end *end, enum backend_close how);
void des_net_run(struct des_net *n, uint64_t until_ns);
/* Runs until the end has received so many bytes in all; false when until_ns came first. Stops with an accuracy of 0.1 ms; last_ns
 * is exact. */
bool des_net_run_to(struct des_net *n, const struct des_end *end, uint64_t received, uint64_t until_ns);

#endif
