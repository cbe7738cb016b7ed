/* Two rings of envelopes. */
#include "stack/algorand/lanes.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define RING_SIZE_MIN 4

static void grow(struct lane *l)
{
    uint32_t capacity = l->capacity ? l->capacity * 2 : RING_SIZE_MIN;
    struct envelope **ring = mem_grow(NULL, capacity, sizeof(struct envelope *));

    for (uint32_t i = 0; i < l->count; i++)
        ring[i] = l->ring[(l->head + i) & (l->capacity - 1)];
    mem_free(l->ring);
    l->ring = ring;
    l->capacity = capacity;
    l->head = 0;
}

static struct envelope *pop(struct lane *l)
{
    struct envelope *e = l->ring[l->head];

    CHECK(l->count > 0);
    l->head = (l->head + 1) & (l->capacity - 1);
    if (--l->count == 0) {
        mem_free(l->ring);
        *l = (struct lane){0};
    }
    return e;
}

bool lanes_push(struct lanes *l, bool high, struct envelope *e, uint32_t count_max)
{
    struct lane *lane = high ? &l->high : &l->bulk;

    if (lane->count >= count_max)
        return false;
    if (lane->count == lane->capacity)
        grow(lane);
    lane->ring[(lane->head + lane->count++) & (lane->capacity - 1)] = envelope_ref(e);
    return true;
}

struct envelope *lanes_pop(struct lanes *l)
{
    if (l->high.count)
        return pop(&l->high);
    return l->bulk.count ? pop(&l->bulk) : NULL;
}

void lanes_deinit(struct lanes *l)
{
    struct envelope *e;

    while ((e = lanes_pop(l)) != NULL)
        envelope_unref(e);
    CHECK(!l->high.ring && !l->bulk.ring);
}
