/* Promises, in a list: there are few at a time, and none but under attack that is long. */
#include "stack/gossipsub/promises.h"

#include "stack/base/mem.h"

void promises_deinit(struct promises *ps)
{
    mem_free(ps->items);
    *ps = (struct promises){0};
}

void promises_add(struct promises *ps, uint64_t peer_key, const struct seen_key *id, uint64_t deadline_ns)
{
    for (uint32_t i = 0; i < ps->count; i++)
        if (ps->items[i].peer_key == peer_key && seen_key_equal(&ps->items[i].id, id))
            return;
    if (ps->count == ps->capacity) {
        ps->capacity = ps->capacity ? ps->capacity * 2 : 8;
        ps->items = mem_grow(ps->items, ps->capacity, sizeof *ps->items);
    }
    ps->items[ps->count++] = (struct promise){peer_key, deadline_ns, *id};
}

static void settle(struct promises *ps, uint32_t kept)
{
    ps->count = kept;
    if (kept == 0)
        promises_deinit(ps);
}

void promises_fulfil(struct promises *ps, const struct seen_key *id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < ps->count; i++)
        if (!seen_key_equal(&ps->items[i].id, id))
            ps->items[kept++] = ps->items[i];
    settle(ps, kept);
}

void promises_void(struct promises *ps, uint64_t peer_key)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < ps->count; i++)
        if (ps->items[i].peer_key != peer_key)
            ps->items[kept++] = ps->items[i];
    settle(ps, kept);
}

bool promises_take_broken(struct promises *ps, uint64_t now_ns, uint64_t *peer_key)
{
    for (uint32_t i = 0; i < ps->count; i++) {
        if (ps->items[i].deadline_ns >= now_ns)
            continue;
        *peer_key = ps->items[i].peer_key;
        memmove(ps->items + i, ps->items + i + 1, (ps->count - i - 1) * sizeof *ps->items);
        settle(ps, ps->count - 1);
        return true;
    }
    return false;
}
