/* Which messages were seen of late: a table of the first 16 bytes of their ids, each forgotten a
 * fixed time after it was added, oldest first.
 *
 * 24 bytes an entry and no allocation of its own; open addressing beside it, 8 to 16 bytes an
 * entry. It holds at most ARRIVALS_COUNT_MAX: one more pushes the oldest out early. An empty table
 * owns no memory. */
#ifndef STACK_ALGORAND_ARRIVALS_H
#define STACK_ALGORAND_ARRIVALS_H

#include "stack/base/slice.h"

#define ARRIVALS_NAME_SIZE 16
#define ARRIVALS_COUNT_MAX (1u << 19)

struct arrivals_entry;

struct arrivals {
    struct arrivals_entry *ring; /* capacity is a power of two, or 0 */
    uint32_t *index;             /* 2 * capacity cells: 0 empty, else the place in the ring + 1 */
    uint32_t head, count, capacity;
    uint64_t ttl_ns;
    uint64_t seed; /* keeps a peer from choosing ids that collide in the index */
};

void arrivals_init(struct arrivals *t, uint64_t ttl_ns, uint64_t seed);
void arrivals_deinit(struct arrivals *t);
void arrivals_expire(struct arrivals *t, uint64_t now_ns);
/* Both expire first. `id` has at least ARRIVALS_NAME_SIZE bytes, well mixed. */
bool arrivals_has(struct arrivals *t, uint64_t now_ns, const uint8_t *id);
bool arrivals_add(struct arrivals *t, uint64_t now_ns,
                  const uint8_t *id); /* false: there already */

#endif
