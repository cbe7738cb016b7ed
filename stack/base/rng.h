/* Seeded pseudo-random numbers (xoshiro256**), in named sub-streams.
 *
 * Each module draws from a stream of its own, derived from the owner's seed and the stream's name, so that
 * one more draw in one module shifts no other. Integers and integer ratios only: the same seed gives the same
 * choices with every compiler. Not for keys: those come from crypto/crypto.h's drbg. */
#ifndef STACK_BASE_RNG_H
#define STACK_BASE_RNG_H

#include "stack/base/slice.h"

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *r, uint64_t seed, const char *name);       /* sub-stream `name` of `seed` */
uint64_t rng_derive(uint64_t seed, const char *name, uint64_t index); /* a seed for a child */
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound);                   /* uniform in [0, bound), bound > 0 */
bool rng_chance(struct rng *r, uint64_t numerator, uint64_t denominator);
void rng_fill(struct rng *r, uint8_t *out, size_t size);
void rng_shuffle_u32(struct rng *r, uint32_t *items, size_t count);

#endif
