/* The seen cache: which message ids arrived less than a time ago (first-seen strategy: a later copy
 * does not prolong the time).
 *
 * Open addressing over 16-byte cells, so that a look costs one cache line. The key is 96 bits of
 * SipHash-1-3 of the id under a secret of the router: two ids share a key with a probability of n^2
 * / 2^97 however a peer chooses them. Time is kept in ticks of 2^k ns (about a thousandth of the
 * lifetime), so an id is remembered for its lifetime and at most two ticks more. The table owns no
 * memory while it is empty; it shrinks when it is swept. */
#ifndef STACK_GOSSIPSUB_SEEN_H
#define STACK_GOSSIPSUB_SEEN_H

#include "stack/base/slice.h"

struct seen_key {
    uint32_t words[3];
};

struct seen_cell {
    struct seen_key key;
    uint32_t expiry; /* tick at which it is forgotten; 0: the cell is empty */
};

struct seen {
    struct seen_cell *cells;
    uint32_t capacity, used; /* capacity is 0 or a power of two */
    uint32_t lifetime, sweep_at, shift;
    uint64_t origin_ns;
};

void seen_init(struct seen *s, uint64_t lifetime_ns, uint64_t now_ns);
void seen_deinit(struct seen *s);
struct seen_key seen_key_of(const uint8_t secret[static 16], struct slice id);
bool seen_has(const struct seen *s, uint64_t now_ns, const struct seen_key *key);
/* A hint that the key will be looked for in a moment. */
void seen_expect(const struct seen *s, const struct seen_key *key);
/* Remembers a key that is not there (or expired); the tick at which it is forgotten. */
uint32_t seen_insert(struct seen *s, uint64_t now_ns, const struct seen_key *key);
/* Drops what has expired, now and then; call it about once a second. */
void seen_sweep(struct seen *s, uint64_t now_ns);

static inline uint32_t seen_tick(const struct seen *s, uint64_t now_ns)
{
    return (uint32_t)((now_ns - s->origin_ns) >> s->shift) + 1;
}

static inline bool seen_key_equal(const struct seen_key *a, const struct seen_key *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2];
}

#endif
