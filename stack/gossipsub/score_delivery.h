/* What is remembered of a message for scoring: who sent it while it was under validation or within the delivery window
 * after that, and whether it was invalid.
 *
 * go keeps each record for SeenMsgTTL. Here one goes as soon as it cannot change a score any more: a valid one when its window
 * is over, one that was ignored or throttled at once. Only invalid ones last. */
#ifndef STACK_GOSSIPSUB_SCORE_DELIVERY_H
#define STACK_GOSSIPSUB_SCORE_DELIVERY_H

#include "stack/gossipsub/seen.h"
#include "stack/gossipsub/slotset.h"

enum delivery_status { DELIVERY_UNKNOWN, DELIVERY_VALID, DELIVERY_INVALID, DELIVERY_OVER };

struct delivery {
    struct seen_key key;
    uint8_t status; /* enum delivery_status; OVER: its cell waits to be swept */
    bool used;
    uint64_t until_ns;    /* of a valid one: the end of its window; of others: when they are forgotten */
    struct slotset peers; /* who sent it as well */
};

struct deliveries {
    struct delivery *cells;
    uint32_t capacity, used; /* capacity: 0 or a power of two */
};

void deliveries_deinit(struct deliveries *d);
struct delivery *deliveries_find(const struct deliveries *d, const struct seen_key *key); /* NULL when unknown */
/* Finds or makes; valid until the next one is made. */
struct delivery *deliveries_get(struct deliveries *d, const struct seen_key *key, uint64_t until_ns);
void deliveries_sweep(struct deliveries *d, uint64_t now_ns);
void deliveries_forget_peer(struct deliveries *d, uint32_t slot);

#endif
