/* SipHash with 128 bits and a choice of rounds (Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the variant of
 * 128 bits in their reference code), inline: for tables that look at an id several times a microsecond, where a call into a
 * library is most of the cost. `rounds` of 2 and 4 is SipHash-2-4, which is libsodium's (the tests compare them); tables take 1 and 3,
 * as Rust's maps do: what an attacker would need is a collision under a secret key. */
#ifndef STACK_CRYPTO_SIPHASH_H
#define STACK_CRYPTO_SIPHASH_H

#include "stack/base/slice.h"

struct siphash_rounds {
    unsigned compress, finish;
};

struct siphash128 {
    uint64_t low, high; /* little-endian bytes 0 to 7, 8 to 15 */
};

struct siphash_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

static inline void siphash_rounds(struct siphash_state *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
        s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
        s->v0 = siphash_rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
        s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
        s->v2 = siphash_rotate(s->v2, 32);
    }
}

static inline void siphash_word(struct siphash_state *s, uint64_t word, unsigned rounds)
{
    s->v3 ^= word;
    siphash_rounds(s, rounds);
    s->v0 ^= word;
}

static inline struct siphash128 siphash128_of(struct siphash_rounds rounds, const uint8_t key[static 16], struct slice s)
{
    uint64_t k0 = load_le64(key), k1 = load_le64(key + 8), tail = (uint64_t)s.size << 56;
    struct siphash_state state = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee, k0 ^ 0x6c7967656e657261u,
                                  k1 ^ 0x7465646279746573u};
    struct siphash128 hash;
    size_t at = 0;

    for (; s.size - at >= 8; at += 8)
        siphash_word(&state, load_le64(s.data + at), rounds.compress);
    tail |= load_le_tail(s.data + at, s.size - at);
    siphash_word(&state, tail, rounds.compress);
    state.v2 ^= 0xee;
    siphash_rounds(&state, rounds.finish);
    hash.low = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
    state.v1 ^= 0xdd;
    siphash_rounds(&state, rounds.finish);
    hash.high = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
    return hash;
}

#endif
