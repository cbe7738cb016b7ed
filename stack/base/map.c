/* Insertion-ordered hash map: a dense entry array beside an open-addressed index into it. */
#include "stack/base/map.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(uint64_t seed, struct slice s)
{
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u;
    size_t i = 0;
    uint64_t tail = s.size;

    for (; i + 8 <= s.size; i += 8)
        h = mix(h ^ load_le64(s.data + i), 0xa0761d6478bd642fu);
    for (; i < s.size; i++)
        tail = tail << 8 | s.data[i];
    return mix(h ^ tail, 0xe7037ed1a0b428dbu);
}

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_deinit(struct map *m)
{
    for (uint32_t i = 0; i < m->used; i++)
        mem_free(m->entries[i].key);
    mem_free(m->entries);
    mem_free(m->index);
    *m = (struct map){0};
}

/* The index cell of the key, or the empty cell where its search ends. */
static uint32_t probe(const struct map *m, struct slice key, uint32_t hash)
{
    uint32_t at = hash & (m->index_size - 1);

    while (m->index[at]) {
        const struct map_entry *e = &m->entries[m->index[at] - 1];

        if (e->key && e->hash == hash && slice_equal(slice_of(e->key, e->key_size), key))
            break;
        at = (at + 1) & (m->index_size - 1);
    }
    return at;
}

static uint32_t hash_of(const struct map *m, struct slice key)
{
    return (uint32_t)hash_bytes(m->seed, key);
}

uint64_t *map_find(const struct map *m, struct slice key)
{
    uint32_t cell;

    if (m->live == 0)
        return NULL;
    cell = m->index[probe(m, key, hash_of(m, key))];
    return cell ? &m->entries[cell - 1].value : NULL;
}

/* Squeezes the holes out, keeping the order, and builds an index at most half full. */
static void rebuild(struct map *m, uint32_t capacity)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < m->used; i++)
        if (m->entries[i].key)
            m->entries[kept++] = m->entries[i];
    CHECK(kept == m->live);
    m->used = kept;
    m->capacity = capacity;
    m->entries = mem_grow(m->entries, capacity, sizeof *m->entries);
    m->index_size = 8;
    while (m->index_size < capacity * 2)
        m->index_size *= 2;
    mem_free(m->index);
    m->index = mem_zalloc(m->index_size * sizeof *m->index);
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t at = m->entries[i].hash & (m->index_size - 1);

        while (m->index[at])
            at = (at + 1) & (m->index_size - 1);
        m->index[at] = i + 1;
    }
}

uint64_t *map_insert(struct map *m, struct slice key, bool *fresh)
{
    uint64_t *found = map_find(m, key);
    uint32_t hash = hash_of(m, key);
    struct map_entry *e;

    *fresh = found == NULL;
    if (found)
        return found;
    if (m->used == m->capacity)
        rebuild(m, m->live < 4 ? 4 : m->live * 2);
    m->index[probe(m, key, hash)] = m->used + 1;
    e = &m->entries[m->used++];
    m->live++;
    *e = (struct map_entry){mem_alloc(key.size), (uint32_t)key.size, hash, 0};
    if (key.size)
        memcpy(e->key, key.data, key.size);
    return &e->value;
}

bool map_remove(struct map *m, struct slice key)
{
    uint32_t cell;

    if (m->live == 0)
        return false;
    cell = m->index[probe(m, key, hash_of(m, key))];
    if (!cell)
        return false;
    mem_free(m->entries[cell - 1].key);
    m->entries[cell - 1].key = NULL; /* the cell stays: searches pass through it */
    m->live--;
    return true;
}

bool map_next(const struct map *m, uint32_t *position, struct slice *key, uint64_t **value)
{
    while (*position < m->used) {
        struct map_entry *e = &m->entries[(*position)++];

        if (!e->key)
            continue;
        if (key)
            *key = slice_of(e->key, e->key_size);
        if (value)
            *value = &e->value;
        return true;
    }
    return false;
}
