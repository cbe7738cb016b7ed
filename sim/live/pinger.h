/* Asks peers for answers to pings (/ipfs/ping/1.0.0) and tells the round trips in the journal. */
#ifndef SIM_LIVE_PINGER_H
#define SIM_LIVE_PINGER_H

#include "sim/live/journal.h"
#include "stack/backend/epoll.h"
#include "stack/base/rng.h"
#include "stack/node/app_stream.h"

#define PINGER_TIMEOUT_NS UINT64_C(10000000000) /* go-libp2p's */
#define PINGER_RUNS_MAX 256                     /* at the same time */

struct pinger_run;

struct pinger {
    struct node *node;
    struct sockets *sockets;
    struct journal *journal;
    struct app_protocol protocol;
    struct rng rng;
    struct pinger_run *runs;
    uint32_t run_count;
    bool watching; /* a timer for answers that never come is set */
};

/* All three outlive the pinger. `seed` of the bytes that are sent. */
void pinger_init(struct pinger *p, struct node *node, struct sockets *sockets,
                 struct journal *journal, uint64_t seed);
void pinger_deinit(struct pinger *p); /* after node_free */

/* `count` pings (0: until the stream ends), each `interval_ns` after the answer to the one before.
 * 0, or as app_stream_open. */
int pinger_start(struct pinger *p, uint64_t now_ns, const struct peerid *peer, uint64_t count,
                 uint64_t interval_ns);

#endif
