/* The ids that a peer said it does not want (IDONTWANT, gossipsub v1.2), each for a number of heartbeats. */
#ifndef STACK_GOSSIPSUB_UNWANTED_H
#define STACK_GOSSIPSUB_UNWANTED_H

#include "stack/gossipsub/seen.h"

struct unwanted_cell {
    struct seen_key key;
    uint32_t expiry; /* heartbeat at which it is forgotten; 0: the cell is empty */
};

struct unwanted {
    struct unwanted_cell *cells;
    uint32_t capacity, used; /* capacity: 0 or a power of two */
};

void unwanted_deinit(struct unwanted *u);
bool unwanted_has(const struct unwanted *u, const struct seen_key *key);
void unwanted_add(struct unwanted *u, const struct seen_key *key, uint32_t expiry);
void unwanted_sweep(struct unwanted *u, uint32_t heartbeat); /* drops those whose heartbeat has come */

#endif
