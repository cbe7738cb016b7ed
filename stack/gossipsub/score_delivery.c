/* Delivery records: open addressing, linear probing; cells are given back when the table is rebuilt. */
#include "stack/gossipsub/score_delivery.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 16

void deliveries_deinit(struct deliveries *d)
{
    for (uint32_t i = 0; i < d->capacity; i++)
        slotset_deinit(&d->cells[i].peers);
    mem_free(d->cells);
    *d = (struct deliveries){0};
}

static struct delivery *probe(const struct deliveries *d, const struct seen_key *key)
{
    uint32_t at = key->words[1] & (d->capacity - 1);

    while (d->cells[at].used && !seen_key_equal(&d->cells[at].key, key))
        at = (at + 1) & (d->capacity - 1);
    return &d->cells[at];
}

struct delivery *deliveries_find(const struct deliveries *d, const struct seen_key *key)
{
    struct delivery *found = d->used ? probe(d, key) : NULL;

    return found && found->used && found->status != DELIVERY_OVER ? found : NULL;
}

static bool is_needed(const struct delivery *r)
{
    return r->used && r->status != DELIVERY_OVER;
}

/* Moves what is needed to a table at most half full, or to none. */
static void rebuild(struct deliveries *d, uint32_t room)
{
    struct deliveries old = *d;
    uint32_t live = room;

    for (uint32_t i = 0; i < old.capacity; i++)
        live += is_needed(&old.cells[i]);
    *d = (struct deliveries){0};
    if (live) {
        for (d->capacity = CAPACITY_MIN; d->capacity < live * 2;)
            d->capacity *= 2;
        d->cells = mem_zalloc(d->capacity * sizeof *d->cells);
    }
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (is_needed(&old.cells[i])) {
            *probe(d, &old.cells[i].key) = old.cells[i];
            d->used++;
        } else {
            slotset_deinit(&old.cells[i].peers);
        }
    }
    mem_free(old.cells);
}

struct delivery *deliveries_get(struct deliveries *d, const struct seen_key *key, uint64_t until_ns)
{
    struct delivery *r;

    if (d->used >= d->capacity / 4 * 3)
        rebuild(d, 1);
    r = probe(d, key);
    if (!r->used)
        d->used++;
    if (!is_needed(r)) {
        slotset_deinit(&r->peers);
        *r = (struct delivery){.key = *key, .used = true, .until_ns = until_ns};
    }
    return r;
}

void deliveries_sweep(struct deliveries *d, uint64_t now_ns)
{
    uint32_t over = 0;

    for (uint32_t i = 0; i < d->capacity; i++) {
        struct delivery *r = &d->cells[i];

        if (is_needed(r) && r->until_ns < now_ns)
            r->status = DELIVERY_OVER;
        over += r->used && r->status == DELIVERY_OVER;
    }
    if (over > d->used / 2 || (over && over == d->used))
        rebuild(d, 0);
}

void deliveries_forget_peer(struct deliveries *d, uint32_t slot)
{
    for (uint32_t i = 0; i < d->capacity; i++)
        slotset_remove(&d->cells[i].peers, slot);
}
