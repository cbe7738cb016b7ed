/* Hash map from bytes to a 64-bit value, iterated in order of insertion.
 *
 * The order of iteration depends on nothing but the calls made, so it may be used in decisions. Keys are
 * copied. The seed keeps a peer from choosing keys that collide; take it from the node's random numbers. */
#ifndef STACK_BASE_MAP_H
#define STACK_BASE_MAP_H

#include "stack/base/slice.h"

struct map_entry {
    uint8_t *key; /* NULL once removed */
    uint32_t key_size, hash;
    uint64_t value;
};

struct map {
    struct map_entry *entries; /* in order of insertion, with holes */
    uint32_t *index;           /* open addressing: 0 empty, else entry + 1 */
    uint32_t used, live, capacity, index_size;
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);
void map_deinit(struct map *m);
uint64_t *map_find(const struct map *m, struct slice key); /* NULL when absent; valid until an insert */
uint64_t *map_insert(struct map *m, struct slice key, bool *fresh); /* finds or adds a zero value */
bool map_remove(struct map *m, struct slice key);

/* Iteration: start with *position = 0; false at the end. Removing the entry just returned is fine. */
bool map_next(const struct map *m, uint32_t *position, struct slice *key, uint64_t **value);

static inline uint32_t map_count(const struct map *m)
{
    return m->live;
}

uint64_t hash_bytes(uint64_t seed, struct slice s); /* well mixed, not cryptographic */

#endif
