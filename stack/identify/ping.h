/* ping (/ipfs/ping/1.0.0): 32 bytes there and back, as often as wanted on one stream. */
#ifndef STACK_IDENTIFY_PING_H
#define STACK_IDENTIFY_PING_H

#include "stack/base/chain.h"
#include "stack/base/rng.h"

#define PING_PROTOCOL "/ipfs/ping/1.0.0"
#define PING_SIZE 32

/* The answering side: echoes whole pings from `in` to `out`; returns how many. */
size_t ping_answer(struct chain *in, struct chain *out);

/* The asking side: one ping in flight at a time. Zeroed to begin with. */
struct ping {
    uint8_t expected[PING_SIZE];
    uint64_t sent_at_ns;
    bool waiting;
};

/* Not while waiting. */
void ping_send(struct ping *p, struct rng *r, uint64_t now_ns, struct chain *out);
/* 1 and the round trip when the answer is complete, 0 for more, ERR_PROTOCOL when it differs or was
 * not asked for. */
int ping_feed(struct ping *p, uint64_t now_ns, struct chain *in, uint64_t *rtt_ns);

#endif
