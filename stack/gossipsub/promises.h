/* Promises: of the ids that we ask a peer for, one drawn at random must arrive, from anybody, within iwant_followup_ns; else the
 * peer that offered it is penalised. */
#ifndef STACK_GOSSIPSUB_PROMISES_H
#define STACK_GOSSIPSUB_PROMISES_H

#include "stack/gossipsub/seen.h"

struct promise {
    uint64_t peer_key, deadline_ns;
    struct seen_key id;
};

struct promises {
    struct promise *items; /* in the order in which they were made */
    uint32_t count, capacity;
};

void promises_deinit(struct promises *ps);
void promises_add(struct promises *ps, uint64_t peer_key, const struct seen_key *id, uint64_t deadline_ns);
void promises_fulfil(struct promises *ps, const struct seen_key *id); /* for all who made it */
void promises_void(struct promises *ps, uint64_t peer_key);           /* all of one peer */
/* Takes a promise that was broken before now; false when there is none (left). */
bool promises_take_broken(struct promises *ps, uint64_t now_ns, uint64_t *peer_key);

#endif
