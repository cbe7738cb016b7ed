/* Who has got one message so far: a table of nodes that exists while the message is young. */
#ifndef SIM_RECORD_RECEIPTS_H
#define SIM_RECORD_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIPT_DELIVERED 1u
#define RECEIPT_EXPECTED 2u
#define RECEIPT_PUBLISHER 4u
#define HOPS_UNKNOWN UINT16_MAX

struct receipt {
    uint64_t arrived_ns, delivered_ns;
    uint32_t node;       /* UINT32_MAX: free */
    uint32_t from;       /* of the first copy; UINT32_MAX when unknown */
    uint32_t last_copy;  /* in the message's list of copies, counted from 1; 0: none */
    uint16_t hops;       /* HOPS_UNKNOWN, or <= HOPS_UNKNOWN - 1 */
    uint8_t flags;       /* RECEIPT_... */
};
_Static_assert(sizeof(struct receipt) == 32, "two to a cache line");

#define RECEIPT_DUPLICATES_MAX (UINT16_MAX - 1u) /* counting stops there */

struct receipts {
    struct receipt *places; /* NULL while empty */
    uint16_t *duplicates;   /* by place. Most events are duplicates, so these lie dense */
    uint32_t capacity, count, nodes;
};

/* `expected` receivers of `nodes` in all: sizes the table, which grows when more come. */
void receipts_init(struct receipts *rs, uint32_t expected, uint32_t nodes);
void receipts_deinit(struct receipts *rs);
struct receipt *receipts_find(const struct receipts *rs, uint32_t node); /* NULL when absent */
struct receipt *receipts_add(struct receipts *rs,
                             uint32_t node); /* finds or adds; valid until the next add */

bool receipts_count_duplicate(struct receipts *rs, uint32_t node); /* one more; false when there is no receipt */

/* Of a receipt in the table. */
static inline uint32_t receipts_duplicates(const struct receipts *rs, const struct receipt *r)
{
    return rs->duplicates[r - rs->places];
}

static inline size_t receipts_size_bytes(const struct receipts *rs)
{
    return rs->capacity * (sizeof *rs->places + sizeof *rs->duplicates);
}

#endif
