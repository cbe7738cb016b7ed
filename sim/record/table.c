/* Linear probing, Fibonacci hashing; removal shifts the followers back, so there are no tombstones.
 */
#include "sim/record/table.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

void table_init(struct table *t)
{
    *t = (struct table){0};
}

void table_deinit(struct table *t)
{
    mem_free(t->entries);
    *t = (struct table){0};
}

static uint32_t home(const struct table *t, uint64_t key)
{
    return (uint32_t)(key * 0x9e3779b97f4a7c15u >> (64 - t->bits));
}

/* The key's place, or the free one where its search ends. */
static uint32_t probe(const struct table *t, uint64_t key)
{
    uint32_t mask = (1u << t->bits) - 1, at = home(t, key);

    while (t->entries[at].value != TABLE_EMPTY && t->entries[at].key != key)
        at = (at + 1) & mask;
    return at;
}

static void grow(struct table *t)
{
    struct table old = *t;

    t->bits = old.entries ? old.bits + 1 : 4;
    CHECK(t->bits < 32);
    t->entries = mem_grow(NULL, (size_t)1 << t->bits, sizeof *t->entries);
    for (uint32_t i = 0; i < 1u << t->bits; i++)
        t->entries[i].value = TABLE_EMPTY;
    for (uint32_t i = 0; old.entries && i < 1u << old.bits; i++)
        if (old.entries[i].value != TABLE_EMPTY)
            t->entries[probe(t, old.entries[i].key)] = old.entries[i];
    mem_free(old.entries);
}

uint64_t *table_find(const struct table *t, uint64_t key)
{
    struct table_entry *e;

    if (!t->entries)
        return NULL;
    e = &t->entries[probe(t, key)];
    return e->value == TABLE_EMPTY ? NULL : &e->value;
}

void table_put(struct table *t, uint64_t key, uint64_t value)
{
    struct table_entry *e;

    CHECK(value != TABLE_EMPTY);
    if (!t->entries || t->count >= (1u << t->bits) / 4 * 3)
        grow(t);
    e = &t->entries[probe(t, key)];
    t->count += e->value == TABLE_EMPTY;
    *e = (struct table_entry){key, value};
}

bool table_remove(struct table *t, uint64_t key)
{
    uint32_t mask, hole, at;

    if (!table_find(t, key))
        return false;
    mask = (1u << t->bits) - 1;
    hole = probe(t, key);
    for (at = (hole + 1) & mask; t->entries[at].value != TABLE_EMPTY; at = (at + 1) & mask) {
        uint32_t from = home(t, t->entries[at].key);

        if (((at - from) & mask) < ((at - hole) & mask))
            continue; /* its home lies behind the hole: it may not move before it */
        t->entries[hole] = t->entries[at];
        hole = at;
    }
    t->entries[hole].value = TABLE_EMPTY;
    t->count--;
    return true;
}
