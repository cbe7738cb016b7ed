/* A set of peer slots: one bit a slot, walked in ascending order. The first 64 slots are kept in
 * place, so the sets of an ordinary node own no memory. */
#ifndef STACK_GOSSIPSUB_SLOTSET_H
#define STACK_GOSSIPSUB_SLOTSET_H

#include <stdbool.h>
#include <stdint.h>

struct slotset {
    uint32_t words; /* of 64 slots; a zeroed set is empty */
    union {
        uint64_t one; /* while words <= 1 */
        uint64_t *many;
    } bits;
};

void slotset_deinit(struct slotset *s);                /* empties it, frees its memory */
bool slotset_add(struct slotset *s, uint32_t slot);    /* false when it was there */
bool slotset_remove(struct slotset *s, uint32_t slot); /* false when it was not */
uint32_t slotset_count(const struct slotset *s);

static inline uint64_t slotset_word(const struct slotset *s, uint32_t index)
{
    if (index >= s->words)
        return 0;
    return s->words == 1 ? s->bits.one : s->bits.many[index];
}

static inline bool slotset_has(const struct slotset *s, uint32_t slot)
{
    return slotset_word(s, slot / 64) >> (slot % 64) & 1;
}

/* The first member >= *slot: for (uint32_t p = 0; slotset_next(s, &p); p++). The set may change
 * meanwhile. */
static inline bool slotset_next(const struct slotset *s, uint32_t *slot)
{
    for (uint32_t word = *slot / 64; word < s->words; word++) {
        uint64_t bits = slotset_word(s, word) >> (*slot % 64);

        if (bits) {
            *slot += (uint32_t)__builtin_ctzll(bits);
            return true;
        }
        *slot = (word + 1) * 64;
    }
    return false;
}

static inline bool slotset_empty(const struct slotset *s)
{
    uint32_t slot = 0;

    return !slotset_next(s, &slot);
}

#endif
