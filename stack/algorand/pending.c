/* A ring of messages under validation. */
#include "stack/algorand/pending.h"

#include "stack/base/check.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"

#define RING_SIZE_MIN 4

void pending_deinit(struct pending *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        envelope_unref(p->ring[(p->head + i) & (p->capacity - 1)].envelope);
    mem_free(p->ring);
    *p = (struct pending){0};
}

static void grow(struct pending *p)
{
    uint32_t capacity = p->capacity ? p->capacity * 2 : RING_SIZE_MIN;
    struct pending_item *ring = mem_grow(NULL, capacity, sizeof *ring);

    for (uint32_t i = 0; i < p->count; i++)
        ring[i] = p->ring[(p->head + i) & (p->capacity - 1)];
    mem_free(p->ring);
    p->ring = ring;
    p->capacity = capacity;
    p->head = 0;
}

static struct pending_item *place(const struct pending *p, uint32_t index)
{
    return &p->ring[(p->head + index) & (p->capacity - 1)];
}

void pending_push(struct pending *p, const struct pending_item *item)
{
    uint32_t at;

    if (p->count == p->capacity)
        grow(p);
    at = p->count++;
    for (; at > 0 && place(p, at - 1)->due_ns > item->due_ns; at--)
        *place(p, at) = *place(p, at - 1);
    *place(p, at) = *item;
    p->bytes += item->envelope->frame.size;
}

bool pending_pop_due(struct pending *p, uint64_t now_ns, struct pending_item *item)
{
    if (p->count == 0 || p->ring[p->head].due_ns > now_ns)
        return false;
    *item = p->ring[p->head];
    p->head = (p->head + 1) & (p->capacity - 1);
    p->bytes -= item->envelope->frame.size;
    if (--p->count == 0)
        pending_deinit(p);
    return true;
}

uint64_t pending_deadline(const struct pending *p)
{
    return p->count ? p->ring[p->head].due_ns : TIME_NEVER;
}
