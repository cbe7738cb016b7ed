/* A ring of ids in order of arrival, and a linear-probing index into it whose removals shift back.
 */
#include "stack/algorand/arrivals.h"

#include "stack/base/check.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 16

struct arrivals_entry {
    uint8_t name[ARRIVALS_NAME_SIZE];
    uint64_t added_ns;
};

void arrivals_init(struct arrivals *t, uint64_t ttl_ns, uint64_t seed)
{
    *t = (struct arrivals){.ttl_ns = ttl_ns, .seed = seed};
}

void arrivals_deinit(struct arrivals *t)
{
    mem_free(t->ring);
    mem_free(t->index);
    t->ring = NULL;
    t->index = NULL;
    t->head = t->count = t->capacity = 0;
}

static uint32_t index_mask(const struct arrivals *t)
{
    return t->capacity * 2 - 1;
}

static uint32_t home_of(const struct arrivals *t, const uint8_t *id)
{
    return (uint32_t)hash_bytes(t->seed, slice_of(id, ARRIVALS_NAME_SIZE)) & index_mask(t);
}

/* The cell of the id, or the empty one where its search ends. */
static uint32_t probe(const struct arrivals *t, const uint8_t *id)
{
    uint32_t cell = home_of(t, id);

    while (t->index[cell] && memcmp(t->ring[t->index[cell] - 1].name, id, ARRIVALS_NAME_SIZE) != 0)
        cell = (cell + 1) & index_mask(t);
    return cell;
}

static void resize(struct arrivals *t, uint32_t capacity)
{
    struct arrivals old = *t;

    CHECK(capacity >= t->count && (capacity & (capacity - 1)) == 0);
    t->ring = mem_grow(NULL, capacity, sizeof *t->ring);
    t->index = mem_zalloc((size_t)capacity * 2 * sizeof *t->index);
    t->capacity = capacity;
    t->head = 0;
    for (uint32_t i = 0; i < old.count; i++) {
        t->ring[i] = old.ring[(old.head + i) & (old.capacity - 1)];
        t->index[probe(t, t->ring[i].name)] = i + 1;
    }
    mem_free(old.ring);
    mem_free(old.index);
}

/* Empties a cell and moves back whatever was pushed past it, so that no search stops early. */
static void clear_cell(struct arrivals *t, uint32_t hole)
{
    uint32_t mask = index_mask(t), cell = hole;

    for (;;) {
        uint32_t home;

        cell = (cell + 1) & mask;
        if (!t->index[cell])
            break;
        home = home_of(t, t->ring[t->index[cell] - 1].name);
        if (((cell - home) & mask) >= ((cell - hole) & mask)) {
            t->index[hole] = t->index[cell];
            hole = cell;
        }
    }
    t->index[hole] = 0;
}

static void drop_oldest(struct arrivals *t)
{
    uint32_t cell = probe(t, t->ring[t->head].name);

    CHECK(t->index[cell] == t->head + 1);
    clear_cell(t, cell);
    t->head = (t->head + 1) & (t->capacity - 1);
    t->count--;
}

void arrivals_expire(struct arrivals *t, uint64_t now_ns)
{
    uint32_t before = t->count;

    while (t->count && now_ns - t->ring[t->head].added_ns >= t->ttl_ns)
        drop_oldest(t);
    if (t->count == before)
        return;
    if (t->count == 0)
        arrivals_deinit(t);
    else if (t->capacity > CAPACITY_MIN && t->count <= t->capacity / 8)
        resize(t, t->capacity / 4);
}

bool arrivals_has(struct arrivals *t, uint64_t now_ns, const uint8_t *id)
{
    arrivals_expire(t, now_ns);
    return t->count && t->index[probe(t, id)];
}

bool arrivals_add(struct arrivals *t, uint64_t now_ns, const uint8_t *id)
{
    struct arrivals_entry *e;
    uint32_t place;

    if (arrivals_has(t, now_ns, id))
        return false;
    if (t->count == ARRIVALS_COUNT_MAX)
        drop_oldest(t);
    if (t->count == t->capacity)
        resize(t, t->capacity ? t->capacity * 2 : CAPACITY_MIN);
    place = (t->head + t->count++) & (t->capacity - 1);
    e = &t->ring[place];
    memcpy(e->name, id, ARRIVALS_NAME_SIZE);
    e->added_ns = now_ns;
    t->index[probe(t, id)] = place + 1;
    return true;
}
