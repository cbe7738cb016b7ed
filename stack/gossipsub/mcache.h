/* The message cache: the messages of the last heartbeats, found by id for IWANT and listed for
 * gossip; and a memo of frames, which names a copy that came as the very same bytes in memory
 * without reading it. */
#ifndef STACK_GOSSIPSUB_MCACHE_H
#define STACK_GOSSIPSUB_MCACHE_H

#include "stack/gossipsub/post.h"

struct mcache {
    struct post **fifo; /* ring, oldest first; capacity 0 or a power of two */
    uint32_t head, count, capacity;
    uint32_t *windows; /* messages in each; [0] is the current one */
    uint32_t window_count;
    struct post **cells; /* open addressing by key, twice the capacity; NULL until somebody asks after a heartbeat: few do, and a
                            table that is kept up costs every message two cold lines */
};

void mcache_init(struct mcache *c, uint32_t window_count);
void mcache_deinit(struct mcache *c);
void mcache_put(struct mcache *c, struct post *p); /* takes a reference of its own */
struct post *mcache_find(struct mcache *c, const struct seen_key *key); /* borrowed; NULL */
void mcache_shift(struct mcache *c); /* opens a new window, drops the oldest */
/* Messages in the newest `windows` windows; mcache_recent(c, 0) is the newest message. */
uint32_t mcache_recent_count(const struct mcache *c, uint32_t windows);
struct post *mcache_recent(const struct mcache *c, uint32_t age);

/* Direct-mapped by the address of the frame's bytes: it forgets when it likes, so nothing but speed
 * may depend on a hit. The posts hold the memory, so an address in it cannot have been reused. */
struct memo {
    struct post **cells;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t added;    /* since the last growth or clearing */
};

void memo_deinit(struct memo *m);
void memo_put(struct memo *m, struct post *p);
struct post *memo_find(const struct memo *m, const uint8_t *frame,
                       size_t size); /* borrowed; NULL */
/* A hint that `frame` will be looked for: fetches its cell (step 1), its post (2), the post's topic (3). */
void memo_expect(const struct memo *m, const uint8_t *frame, unsigned step);
void memo_clear(struct memo *m);     /* drops posts that nobody else holds */

#endif
