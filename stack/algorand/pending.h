/* Messages under validation, those that are due first in front; of the same time, the first that came. */
#ifndef STACK_ALGORAND_PENDING_H
#define STACK_ALGORAND_PENDING_H

#include "stack/algorand/envelope.h"

struct pending_item {
    struct envelope *envelope;
    uint64_t due_ns;
    uint32_t slot, session; /* whom it came from */
};

struct pending {
    struct pending_item
        *ring; /* capacity is a power of two, or 0; owned only while something waits */
    uint32_t head, count, capacity;
    uint64_t bytes; /* of all frames */
};

void pending_deinit(struct pending *p);
void pending_push(struct pending *p, const struct pending_item *item); /* the reference moves in */
/* The first item if it is due; its envelope's reference moves out. */
bool pending_pop_due(struct pending *p, uint64_t now_ns, struct pending_item *item);
uint64_t pending_deadline(const struct pending *p); /* TIME_NEVER when none */

#endif
