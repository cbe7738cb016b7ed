/* The file that holds a node's identity: PEM, PKCS#8, Ed25519 (RFC 8410), as algod and openssl
 * write it. */
#ifndef SIM_LIVE_KEYFILE_H
#define SIM_LIVE_KEYFILE_H

#include "stack/base/slice.h"
#include "stack/crypto/crypto.h"

#define KEYFILE_SIZE_MAX 4096 /* bytes; a larger file is none */
#define KEYFILE_ERROR_MAX 256

/* Reads the seed from the text of a key file: NULL, or what is wrong with it ("holds no PRIVATE KEY
 * block"). Other blocks around it are skipped. A version 2 key with its public key must agree with
 * the seed. */
const char *keyfile_decode(struct slice text, uint8_t seed[static ED25519_SEED_SIZE]);

#define KEYFILE_TEXT_MAX 256
/* Writes the text of a key file, without a NUL; returns its size. */
size_t keyfile_encode(const uint8_t seed[static ED25519_SEED_SIZE],
                      char out[static KEYFILE_TEXT_MAX]);

/* Reads the file, or makes it with a fresh key and mode 0600 when there is none (*created). False
 * with a sentence in `error`. */
bool keyfile_open(const char *path, uint8_t seed[static ED25519_SEED_SIZE], bool *created,
                  char error[static KEYFILE_ERROR_MAX]);

#endif
