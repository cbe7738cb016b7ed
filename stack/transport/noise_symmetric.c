/* Noise symmetric state. */
#include "stack/transport/noise_symmetric.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

static const struct slice nothing = {NULL, 0};

void noise_symmetric_init(struct noise_symmetric *s, const char *name)
{
    CHECK(strlen(name) == SHA256_SIZE);
    *s = (struct noise_symmetric){.has_key = false};
    memcpy(s->hash, name, sizeof s->hash);
    memcpy(s->chaining_key, name, sizeof s->chaining_key);
}

void noise_symmetric_mix_hash(struct noise_symmetric *s, struct slice data)
{
    sha256(s->hash, slice_of(s->hash, sizeof s->hash), data);
}

/* HKDF with two outputs (specification 4.3). */
static void derive_two(const uint8_t chaining_key[static SHA256_SIZE], struct slice input,
                       uint8_t first[static SHA256_SIZE], uint8_t second[static SHA256_SIZE])
{
    static const uint8_t one = 1, two = 2;
    uint8_t temporary[SHA256_SIZE] = {0};
    struct slice key = slice_of(temporary, sizeof temporary);

    hmac_sha256(temporary, slice_of(chaining_key, SHA256_SIZE), input, nothing);
    hmac_sha256(first, key, slice_of(&one, 1), nothing);
    hmac_sha256(second, key, slice_of(first, SHA256_SIZE), slice_of(&two, 1));
    crypto_wipe(temporary, sizeof temporary);
}

void noise_symmetric_mix_key(struct noise_symmetric *s, const uint8_t shared[static X25519_SIZE])
{
    uint8_t chaining_key[SHA256_SIZE];

    derive_two(s->chaining_key, slice_of(shared, X25519_SIZE), chaining_key, s->key);
    memcpy(s->chaining_key, chaining_key, sizeof s->chaining_key);
    crypto_wipe(chaining_key, sizeof chaining_key);
    s->counter = 0;
    s->has_key = true;
}

size_t noise_symmetric_seal(struct noise_symmetric *s, struct slice plain, uint8_t *out)
{
    size_t size = plain.size;

    if (s->has_key) {
        aead_seal(out, s->key, s->counter++, slice_of(s->hash, sizeof s->hash), plain);
        size += AEAD_TAG_SIZE;
    } else if (size > 0) {
        memmove(out, plain.data, size);
    }
    noise_symmetric_mix_hash(s, slice_of(out, size));
    return size;
}

int noise_symmetric_open(struct noise_symmetric *s, struct slice sealed, uint8_t *out)
{
    uint8_t before[SHA256_SIZE];

    /* The hash covers the sealed bytes, and `out` may be their place: mix first, open under the old
     * hash. */
    memcpy(before, s->hash, sizeof before);
    noise_symmetric_mix_hash(s, sealed);
    if (!s->has_key) {
        if (sealed.size > 0)
            memmove(out, sealed.data, sealed.size);
        return ERR_OK;
    }
    if (!aead_open(out, s->key, s->counter, slice_of(before, sizeof before), sealed))
        return ERR_AUTH;
    s->counter++;
    return ERR_OK;
}

void noise_symmetric_split(const struct noise_symmetric *s, uint8_t first[static AEAD_KEY_SIZE],
                           uint8_t second[static AEAD_KEY_SIZE])
{
    CHECK(s->has_key);
    derive_two(s->chaining_key, nothing, first, second);
}
