/* All cryptography the stack needs, as pure functions: no state, no randomness of their own.
 * Implemented by crypto_sodium.c on libsodium and crypto_openssl.c on libcrypto; call crypto_init once per process first. */
#ifndef STACK_CRYPTO_CRYPTO_H
#define STACK_CRYPTO_CRYPTO_H

#include "stack/base/slice.h"

#define SHA256_SIZE 32
#define SHA512_256_SIZE 32
#define BLAKE2B256_SIZE 32
#define X25519_SIZE 32
#define ED25519_SEED_SIZE 32
#define ED25519_PUBLIC_SIZE 32
#define ED25519_SECRET_SIZE 64 /* seed || public */
#define ED25519_SIGNATURE_SIZE 64
#define AEAD_KEY_SIZE 32
#define AEAD_TAG_SIZE 16
#define SIPHASH128_SIZE 16

int crypto_init(void); /* 0, or ERR_SYSTEM */

void sha256(uint8_t out[static SHA256_SIZE], struct slice a, struct slice b); /* of a || b */
void sha512_256(uint8_t out[static SHA512_256_SIZE], struct slice a, struct slice b); /* of a || b */
void hmac_sha256(uint8_t out[static SHA256_SIZE], struct slice key, struct slice a, struct slice b);
void blake2b256(uint8_t out[static BLAKE2B256_SIZE], struct slice a, struct slice b); /* of a || b */

/* SipHash-2-4 with 128 bits: a keyed, collision-resistant-enough name for a message id in a table. */
void siphash128(uint8_t out[static SIPHASH128_SIZE], const uint8_t key[static 16], struct slice s);

void x25519_public(uint8_t public_key[static X25519_SIZE], const uint8_t secret[static X25519_SIZE]);
/* ERR_AUTH when the result is all zero (a low-order point). */
int x25519(uint8_t shared[static X25519_SIZE], const uint8_t secret[static X25519_SIZE],
           const uint8_t public_key[static X25519_SIZE]);

void ed25519_keypair(uint8_t public_key[static ED25519_PUBLIC_SIZE],
                     uint8_t secret[static ED25519_SECRET_SIZE],
                     const uint8_t seed[static ED25519_SEED_SIZE]);
void ed25519_sign(uint8_t signature[static ED25519_SIGNATURE_SIZE], struct slice message,
                  const uint8_t secret[static ED25519_SECRET_SIZE]);
bool ed25519_verify(const uint8_t signature[static ED25519_SIGNATURE_SIZE], struct slice message,
                    const uint8_t public_key[static ED25519_PUBLIC_SIZE]);

/* ChaCha20-Poly1305 (RFC 8439) with the nonce 00000000 || LE64(counter), as Noise uses it.
 * out receives plain.size + AEAD_TAG_SIZE bytes; it may be the plain text's own place. */
void aead_seal(uint8_t *out, const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
               struct slice ad, struct slice plain);
/* out receives sealed.size - AEAD_TAG_SIZE bytes; it may be the sealed text's own place. False when the tag is wrong or there is
 * none: then what is in out means nothing. */
bool aead_open(uint8_t *out, const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
               struct slice ad, struct slice sealed);

/* Deterministic random bytes for keys: a ChaCha20 stream under a key derived from (seed, name).
 * From one seed, streams of different names are independent. */
struct drbg {
    uint8_t key[32];
    uint64_t counter;
};

void drbg_init(struct drbg *d, const uint8_t seed[static 32], const char *name);
void drbg_fill(struct drbg *d, uint8_t *out, size_t size);

void crypto_wipe(void *secret, size_t size);

#endif
