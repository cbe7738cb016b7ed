/* A message that goes to most nodes has an array indexed by node; any other one a hash table of its
 * receivers. */
#include "sim/record/receipts.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

static void set_capacity(struct receipts *rs, uint32_t wanted)
{
    uint32_t capacity = 8;

    while (capacity < wanted && capacity < rs->nodes)
        capacity *= 2;
    rs->capacity = capacity < rs->nodes ? capacity : rs->nodes;
    rs->places = mem_grow(NULL, rs->capacity, sizeof *rs->places);
    for (uint32_t i = 0; i < rs->capacity; i++)
        rs->places[i].node = UINT32_MAX;
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
    *rs = (struct receipts){0};
}

static struct receipt *place_of(const struct receipts *rs, uint32_t node)
{
    uint32_t at;

    if (rs->capacity == rs->nodes)
        return &rs->places[node];
    at = node & (rs->capacity - 1);
    while (rs->places[at].node != UINT32_MAX && rs->places[at].node != node)
        at = (at + 1) & (rs->capacity - 1);
    return &rs->places[at];
}

struct receipt *receipts_find(const struct receipts *rs, uint32_t node)
{
    struct receipt *r = place_of(rs, node);

    return r->node == node ? r : NULL;
}

static void grow(struct receipts *rs)
{
    struct receipts old = *rs;

    set_capacity(rs, old.capacity * 2);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.places[i].node != UINT32_MAX)
            *place_of(rs, old.places[i].node) = old.places[i];
    mem_free(old.places);
}

struct receipt *receipts_add(struct receipts *rs, uint32_t node)
{
    struct receipt *r;

    CHECK(node < rs->nodes);
    if (rs->capacity < rs->nodes && rs->count >= rs->capacity / 4 * 3)
        grow(rs);
    r = place_of(rs, node);
    if (r->node == UINT32_MAX) {
        *r = (struct receipt){.node = node, .from = UINT32_MAX, .hops = HOPS_UNKNOWN};
        rs->count++;
    }
    return r;
}
