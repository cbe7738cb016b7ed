/* Unwanted ids: open addressing, linear probing; rebuilt when something goes. */
#include "stack/gossipsub/unwanted.h"

#include "stack/base/mem.h"

#define CAPACITY_MIN 16

void unwanted_deinit(struct unwanted *u)
{
    mem_free(u->cells);
    *u = (struct unwanted){0};
}

static struct unwanted_cell *probe(const struct unwanted *u, const struct seen_key *key)
{
    uint32_t at = key->words[0] & (u->capacity - 1);

    while (u->cells[at].expiry && !seen_key_equal(&u->cells[at].key, key))
        at = (at + 1) & (u->capacity - 1);
    return &u->cells[at];
}

bool unwanted_has(const struct unwanted *u, const struct seen_key *key)
{
    return u->used && probe(u, key)->expiry;
}

/* Moves what lasts beyond `heartbeat` to a table at most half full, or to none. */
static void rebuild(struct unwanted *u, uint32_t heartbeat, uint32_t room)
{
    struct unwanted old = *u;
    uint32_t live = room;

    for (uint32_t i = 0; i < old.capacity; i++)
        live += old.cells[i].expiry > heartbeat;
    *u = (struct unwanted){0};
    if (live) {
        for (u->capacity = CAPACITY_MIN; u->capacity < live * 2;)
            u->capacity *= 2;
        u->cells = mem_zalloc(u->capacity * sizeof *u->cells);
    }
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.cells[i].expiry <= heartbeat)
            continue;
        *probe(u, &old.cells[i].key) = old.cells[i];
        u->used++;
    }
    mem_free(old.cells);
}

void unwanted_add(struct unwanted *u, const struct seen_key *key, uint32_t expiry)
{
    struct unwanted_cell *cell;

    if (u->used >= u->capacity / 4 * 3)
        rebuild(u, 0, 1);
    cell = probe(u, key);
    u->used += cell->expiry == 0;
    *cell = (struct unwanted_cell){*key, expiry};
}

void unwanted_sweep(struct unwanted *u, uint32_t heartbeat)
{
    bool over = false;

    for (uint32_t i = 0; i < u->capacity && !over; i++)
        over = u->cells[i].expiry && u->cells[i].expiry <= heartbeat;
    if (over)
        rebuild(u, heartbeat, 0);
}
