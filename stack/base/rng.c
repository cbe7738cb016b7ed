/* xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. */
#include "stack/base/rng.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/map.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_derive(uint64_t seed, const char *name, uint64_t index)
{
    uint64_t x = hash_bytes(seed, slice_text(name)) + index * 0xd1342543de82ef95u;

    splitmix(&x);
    return splitmix(&x);
}

void rng_init(struct rng *r, uint64_t seed, const char *name)
{
    uint64_t x = rng_derive(seed, name, 0);

    for (int i = 0; i < 4; i++)
        r->state[i] = splitmix(&x);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    uint128 product;

    CHECK(bound > 0);
    product = (uint128)rng_next(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = -bound % bound; /* rejection makes every value equally likely */

        while ((uint64_t)product < threshold)
            product = (uint128)rng_next(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

bool rng_chance(struct rng *r, uint64_t numerator, uint64_t denominator)
{
    return rng_below(r, denominator) < numerator;
}

void rng_fill(struct rng *r, uint8_t *out, size_t size)
{
    while (size > 0) {
        uint8_t word[8];
        size_t n = size < 8 ? size : 8;

        store_le64(word, rng_next(r));
        memcpy(out, word, n);
        out += n;
        size -= n;
    }
}

void rng_shuffle_u32(struct rng *r, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t swap = items[i - 1];

        items[i - 1] = items[j];
        items[j] = swap;
    }
}
