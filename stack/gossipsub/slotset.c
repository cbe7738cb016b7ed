/* Sets of peer slots. */
#include "stack/gossipsub/slotset.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <string.h>

#define SLOT_LIMIT (1u << 24) /* a slot beyond it is a bug of the owner, not a busy node */

void slotset_deinit(struct slotset *s)
{
    if (s->words > 1)
        mem_free(s->bits.many);
    *s = (struct slotset){0};
}

static void grow(struct slotset *s, uint32_t words)
{
    uint64_t *many;

    if (words > 1) {
        many = mem_zalloc(words * sizeof *many);
        for (uint32_t i = 0; i < s->words; i++)
            many[i] = slotset_word(s, i);
        if (s->words > 1)
            mem_free(s->bits.many);
        s->bits.many = many;
    }
    s->words = words;
}

static uint64_t *word_of(struct slotset *s, uint32_t slot)
{
    return s->words > 1 ? &s->bits.many[slot / 64] : &s->bits.one;
}

bool slotset_add(struct slotset *s, uint32_t slot)
{
    uint64_t bit = 1ull << (slot % 64), *word;

    CHECK(slot < SLOT_LIMIT);
    if (slot / 64 >= s->words)
        grow(s, slot / 64 + 1);
    word = word_of(s, slot);
    if (*word & bit)
        return false;
    *word |= bit;
    return true;
}

bool slotset_remove(struct slotset *s, uint32_t slot)
{
    if (!slotset_has(s, slot))
        return false;
    *word_of(s, slot) &= ~(1ull << (slot % 64));
    return true;
}

uint32_t slotset_count(const struct slotset *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->words; i++)
        count += (uint32_t)__builtin_popcountll(slotset_word(s, i));
    return count;
}
