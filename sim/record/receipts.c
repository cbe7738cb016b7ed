/* A message that goes to most nodes has an array indexed by node; any other one a hash table of its
 * receivers. */
#include "sim/record/receipts.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define NO_RECEIPT UINT16_MAX

static void set_capacity(struct receipts *rs, uint32_t wanted)
{
    uint32_t capacity = 8;

    while (capacity < wanted && capacity < rs->nodes)
        capacity *= 2;
    rs->capacity = capacity < rs->nodes ? capacity : rs->nodes;
    rs->places = mem_grow(NULL, rs->capacity, sizeof *rs->places);
    rs->duplicates = mem_grow(NULL, rs->capacity, sizeof *rs->duplicates);
    for (uint32_t i = 0; i < rs->capacity; i++) {
        rs->places[i].node = UINT32_MAX;
        rs->duplicates[i] = NO_RECEIPT;
    }
}

void receipts_init(struct receipts *rs, uint32_t expected, uint32_t nodes)
{
    CHECK(nodes > 0);
    *rs = (struct receipts){.nodes = nodes};
    set_capacity(rs, expected < nodes ? expected + expected / 2 : nodes);
}

void receipts_deinit(struct receipts *rs)
{
    mem_free(rs->places);
    mem_free(rs->duplicates);
    *rs = (struct receipts){0};
}

static uint32_t place_of(const struct receipts *rs, uint32_t node)
{
    uint32_t at;

    if (rs->capacity == rs->nodes)
        return node;
    at = node & (rs->capacity - 1);
    while (rs->places[at].node != UINT32_MAX && rs->places[at].node != node)
        at = (at + 1) & (rs->capacity - 1);
    return at;
}

struct receipt *receipts_find(const struct receipts *rs, uint32_t node)
{
    uint32_t at = place_of(rs, node);

    return rs->duplicates[at] == NO_RECEIPT ? NULL : &rs->places[at];
}

bool receipts_count_duplicate(struct receipts *rs, uint32_t node)
{
    uint16_t *count = &rs->duplicates[place_of(rs, node)];

    if (*count == NO_RECEIPT)
        return false;
    if (*count < RECEIPT_DUPLICATES_MAX)
        ++*count;
    return true;
}

static void grow(struct receipts *rs)
{
    struct receipts old = *rs;

    set_capacity(rs, old.capacity * 2);
    for (uint32_t i = 0; i < old.capacity; i++) {
        uint32_t at;

        if (old.places[i].node == UINT32_MAX)
            continue;
        at = place_of(rs, old.places[i].node);
        rs->places[at] = old.places[i];
        rs->duplicates[at] = old.duplicates[i];
    }
    mem_free(old.places);
    mem_free(old.duplicates);
}

struct receipt *receipts_add(struct receipts *rs, uint32_t node)
{
    struct receipt *r;
    uint32_t at;

    CHECK(node < rs->nodes);
    if (rs->capacity < rs->nodes && rs->count >= rs->capacity / 4 * 3)
        grow(rs);
    at = place_of(rs, node);
    r = &rs->places[at];
    if (r->node == UINT32_MAX) {
        rs->duplicates[at] = 0;
        *r = (struct receipt){.node = node, .from = UINT32_MAX, .hops = HOPS_UNKNOWN};
        rs->count++;
    }
    return r;
}
