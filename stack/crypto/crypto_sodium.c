/* crypto.h on libsodium, all but ChaCha20-Poly1305. */
#include "stack/crypto/crypto.h"

#include "stack/base/err.h"

#include <sodium.h>

int crypto_init(void)
{
    return sodium_init() < 0 ? ERR_SYSTEM : ERR_OK;
}

void sha256(uint8_t out[static SHA256_SIZE], struct slice a, struct slice b)
{
    crypto_hash_sha256_state h;

    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, a.data, a.size);
    crypto_hash_sha256_update(&h, b.data, b.size);
    crypto_hash_sha256_final(&h, out);
}

/* SHA-512 from other initial values, cut to 256 bits (FIPS 180-4, 5.3.6.2 and 6.7). */
void sha512_256(uint8_t out[static SHA512_256_SIZE], struct slice a, struct slice b)
{
    static const uint64_t initial[8] = {
        0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
        0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2,
    };
    crypto_hash_sha512_state h;
    uint8_t whole[crypto_hash_sha512_BYTES];

    crypto_hash_sha512_init(&h);
    memcpy(h.state, initial, sizeof h.state);
    crypto_hash_sha512_update(&h, a.data, a.size);
    crypto_hash_sha512_update(&h, b.data, b.size);
    crypto_hash_sha512_final(&h, whole);
    memcpy(out, whole, SHA512_256_SIZE);
}

void hmac_sha256(uint8_t out[static SHA256_SIZE], struct slice key, struct slice a, struct slice b)
{
    crypto_auth_hmacsha256_state h;

    crypto_auth_hmacsha256_init(&h, key.data, key.size);
    crypto_auth_hmacsha256_update(&h, a.data, a.size);
    crypto_auth_hmacsha256_update(&h, b.data, b.size);
    crypto_auth_hmacsha256_final(&h, out);
    sodium_memzero(&h, sizeof h);
}

void blake2b256(uint8_t out[static BLAKE2B256_SIZE], struct slice a, struct slice b)
{
    crypto_generichash_state h;

    crypto_generichash_init(&h, NULL, 0, BLAKE2B256_SIZE);
    crypto_generichash_update(&h, a.data, a.size);
    crypto_generichash_update(&h, b.data, b.size);
    crypto_generichash_final(&h, out, BLAKE2B256_SIZE);
}

void siphash128(uint8_t out[static SIPHASH128_SIZE], const uint8_t key[static 16], struct slice s)
{
    crypto_shorthash_siphashx24(out, s.data, s.size, key);
}

void x25519_public(uint8_t public_key[static X25519_SIZE], const uint8_t secret[static X25519_SIZE])
{
    crypto_scalarmult_base(public_key, secret);
}

int x25519(uint8_t shared[static X25519_SIZE], const uint8_t secret[static X25519_SIZE],
           const uint8_t public_key[static X25519_SIZE])
{
    return crypto_scalarmult(shared, secret, public_key) == 0 ? ERR_OK : ERR_AUTH;
}

void ed25519_keypair(uint8_t public_key[static ED25519_PUBLIC_SIZE],
                     uint8_t secret[static ED25519_SECRET_SIZE],
                     const uint8_t seed[static ED25519_SEED_SIZE])
{
    crypto_sign_seed_keypair(public_key, secret, seed);
}

void ed25519_sign(uint8_t signature[static ED25519_SIGNATURE_SIZE], struct slice message,
                  const uint8_t secret[static ED25519_SECRET_SIZE])
{
    crypto_sign_detached(signature, NULL, message.data, message.size, secret);
}

bool ed25519_verify(const uint8_t signature[static ED25519_SIGNATURE_SIZE], struct slice message,
                    const uint8_t public_key[static ED25519_PUBLIC_SIZE])
{
    return crypto_sign_verify_detached(signature, message.data, message.size, public_key) == 0;
}

void drbg_init(struct drbg *d, const uint8_t seed[static 32], const char *name)
{
    crypto_generichash(d->key, sizeof d->key, (const uint8_t *)name, strlen(name), seed, 32);
    d->counter = 0;
}

void drbg_fill(struct drbg *d, uint8_t *out, size_t size)
{
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

    store_le64(nonce, d->counter++); /* a fresh nonce a call: no part of the stream is used twice */
    crypto_stream_chacha20(out, size, nonce, d->key);
}

void crypto_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}
