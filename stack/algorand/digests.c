/* Buckets of digests: so few that a scan is the fastest search. */
#include "stack/algorand/digests.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 8

void digests_deinit(struct digests *d)
{
    for (int i = 0; i < DIGESTS_BUCKET_COUNT; i++)
        mem_free(d->buckets[i].names);
    *d = (struct digests){0};
}

static bool find(const struct digests_bucket *b, uint64_t name, uint32_t *at)
{
    for (*at = 0; *at < b->count; (*at)++)
        if (b->names[*at] == name)
            return true;
    return false;
}

bool digests_has(const struct digests *d, uint64_t name)
{
    uint32_t at;

    for (int i = 0; i < DIGESTS_BUCKET_COUNT; i++)
        if (find(&d->buckets[i], name, &at))
            return true;
    return false;
}

static void empty_bucket(struct digests_bucket *b)
{
    mem_free(b->names);
    *b = (struct digests_bucket){0};
}

static void insert(struct digests *d, uint64_t name)
{
    struct digests_bucket *b = &d->buckets[d->current];

    CHECK(b->count < DIGESTS_BUCKET_MAX);
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? b->capacity * 2 : CAPACITY_MIN;
        b->names = mem_grow(b->names, b->capacity, sizeof *b->names);
    }
    b->names[b->count++] = name;
    if (b->count == DIGESTS_BUCKET_MAX) {
        d->current = (d->current + DIGESTS_BUCKET_COUNT - 1) % DIGESTS_BUCKET_COUNT;
        empty_bucket(&d->buckets[d->current]);
    }
}

bool digests_add(struct digests *d, uint64_t name)
{
    for (uint32_t i = 0; i < DIGESTS_BUCKET_COUNT; i++) {
        struct digests_bucket *b = &d->buckets[i];
        uint32_t at;

        if (!find(b, name, &at))
            continue;
        if (i != d->current) { /* the order inside a bucket means nothing */
            b->names[at] = b->names[--b->count];
            insert(d, name);
        }
        return false;
    }
    insert(d, name);
    return true;
}
