/* What waits for one peer: two bounded first-in-first-out queues, of which the high one is emptied
 * first.
 *
 * An empty queue owns no memory. */
#ifndef STACK_ALGORAND_LANES_H
#define STACK_ALGORAND_LANES_H

#include "stack/algorand/envelope.h"

struct lane {
    struct envelope **ring; /* capacity is a power of two, or 0 */
    uint32_t head, count, capacity;
};

struct lanes {
    struct lane high, bulk;
};

void lanes_deinit(struct lanes *l); /* also empties them for further use; zeroed lanes are empty */

/* Takes a reference of its own. False when the lane has `count_max` entries already. */
bool lanes_push(struct lanes *l, bool high, struct envelope *e, uint32_t count_max);
/* The next one, whose reference moves out; NULL when both are empty. */
struct envelope *lanes_pop(struct lanes *l);

static inline uint32_t lanes_count(const struct lanes *l)
{
    return l->high.count + l->bulk.count;
}

#endif
