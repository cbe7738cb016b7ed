/* What the cryptography alone costs on one core: the bound of every encrypted transfer. */
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "stack/base/err.h"
#include "stack/crypto/crypto.h"
#include "stack/transport/noise.h"

#define SECONDS 0.5
#define MESSAGE_SIZE 1024

static uint8_t bytes[NOISE_FRAME_MAX], key[AEAD_KEY_SIZE];
static uint8_t public_key[ED25519_PUBLIC_SIZE], secret[ED25519_SECRET_SIZE], signature[ED25519_SIGNATURE_SIZE];

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void seal_full(uint64_t i)
{
    aead_seal(bytes, key, i, slice_of(NULL, 0), slice_of(bytes, NOISE_PLAIN_MAX));
}

static void seal_message(uint64_t i)
{
    aead_seal(bytes, key, i, slice_of(NULL, 0), slice_of(bytes, MESSAGE_SIZE));
}

static void sign(uint64_t i)
{
    store_be64(bytes, i);
    ed25519_sign(signature, slice_of(bytes, MESSAGE_SIZE), secret);
}

static void verify(uint64_t i)
{
    (void)i;
    if (!ed25519_verify(signature, slice_of(bytes, MESSAGE_SIZE), public_key))
        printf("the signature is wrong\n");
}

static void hash_sha256(uint64_t i)
{
    store_be64(bytes, i);
    sha256(signature, slice_of(bytes, MESSAGE_SIZE), slice_of(NULL, 0));
}

static void hash_blake2b(uint64_t i)
{
    store_be64(bytes, i);
    blake2b256(signature, slice_of(bytes, MESSAGE_SIZE), slice_of(NULL, 0));
}

static const struct {
    const char *name;
    void (*run)(uint64_t i);
    size_t size;
} rows[] = {{"seal 64 KiB", seal_full, NOISE_PLAIN_MAX},
            {"seal 1 KiB", seal_message, MESSAGE_SIZE},
            {"blake2b256 1 KiB", hash_blake2b, MESSAGE_SIZE},
            {"sha256 1 KiB", hash_sha256, MESSAGE_SIZE},
            {"ed25519 sign 1 KiB", sign, MESSAGE_SIZE},
            {"ed25519 verify 1 KiB", verify, MESSAGE_SIZE}};

int main(void)
{
    if (crypto_init() != ERR_OK)
        return 1;
    printf("libsodium %s\n", sodium_version_string());
    ed25519_keypair(public_key, secret, key);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        double start = seconds(), took = 0;
        uint64_t count = 0;

        while (took < SECONDS) {
            for (int i = 0; i < 16; i++)
                rows[row].run(count++);
            took = seconds() - start;
        }
        printf("%-22s %8.2f us %8.0f MB/s\n", rows[row].name, took * 1e6 / (double)count,
               (double)count * (double)rows[row].size / 1e6 / took);
    }
    return 0;
}
