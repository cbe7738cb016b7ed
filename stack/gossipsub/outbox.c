/* Outbound queues. */
#include "stack/gossipsub/outbox.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

static struct frame **slot_of(struct outbox *o, uint32_t index)
{
    if (o->capacity == 0)
        return &o->items.few[(o->head + index) % OUTBOX_IN_PLACE];
    return &o->items.ring[(o->head + index) & (o->capacity - 1u)];
}

static void grow(struct outbox *o)
{
    uint32_t capacity = o->capacity ? o->capacity * 2u : 2u * OUTBOX_IN_PLACE;
    struct frame **ring;

    CHECK(capacity <= 1u << 15);
    ring = mem_grow(NULL, capacity, sizeof *ring);
    for (uint32_t i = 0; i < o->count; i++)
        ring[i] = *slot_of(o, i);
    if (o->capacity)
        mem_free(o->items.ring);
    o->items.ring = ring;
    o->head = 0;
    o->capacity = (uint16_t)capacity;
}

void outbox_push(struct outbox *o, struct frame *f)
{
    if (o->count == (o->capacity ? o->capacity : OUTBOX_IN_PLACE))
        grow(o);
    *slot_of(o, o->count) = f;
    o->count++;
}

void outbox_push_urgent(struct outbox *o, struct frame *f)
{
    outbox_push(o, f);
    for (uint32_t i = o->count - 1u; i > o->urgent; i--)
        *slot_of(o, i) = *slot_of(o, i - 1);
    *slot_of(o, o->urgent) = f;
    o->urgent++;
}

struct frame *outbox_pop(struct outbox *o)
{
    struct frame *f;

    if (o->count == 0)
        return NULL;
    f = *slot_of(o, 0);
    o->urgent = (uint16_t)(o->urgent - (o->urgent > 0));
    o->head = (uint16_t)((o->head + 1u) & ((o->capacity ? o->capacity : OUTBOX_IN_PLACE) - 1u));
    if (--o->count == 0) {
        if (o->capacity)
            mem_free(o->items.ring);
        *o = (struct outbox){0};
    }
    return f;
}

void outbox_deinit(struct outbox *o)
{
    struct frame *f;

    while ((f = outbox_pop(o)) != NULL)
        frame_unref(f);
}
