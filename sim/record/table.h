/* Hash table from 64-bit keys to 64-bit values: open addressing, 16 bytes an entry, no allocation a
 * key. Never iterated, so its order decides nothing. A value of TABLE_EMPTY marks a free place. */
#ifndef SIM_RECORD_TABLE_H
#define SIM_RECORD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_EMPTY UINT64_MAX

struct table_entry {
    uint64_t key, value;
};

struct table {
    struct table_entry *entries; /* NULL while empty */
    uint32_t count, bits;        /* 1 << bits places */
};

void table_init(struct table *t);
void table_deinit(struct table *t);
uint64_t *table_find(const struct table *t, uint64_t key); /* NULL when absent */
void table_put(struct table *t, uint64_t key,
               uint64_t value); /* adds or replaces; value != TABLE_EMPTY */
bool table_remove(struct table *t, uint64_t key);

static inline size_t table_size_bytes(const struct table *t)
{
    return t->entries ? sizeof *t->entries << t->bits : 0;
}

#endif
