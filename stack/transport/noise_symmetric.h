/* Noise's symmetric state (specification 5.2) with SHA-256 and ChaChaPoly: the running hash, the
 * chaining key and the key that encrypts the rest of a handshake. Internal to the transport; tests
 * run vectors on it. */
#ifndef STACK_TRANSPORT_NOISE_SYMMETRIC_H
#define STACK_TRANSPORT_NOISE_SYMMETRIC_H

#include "stack/crypto/crypto.h"

struct noise_symmetric {
    uint8_t hash[SHA256_SIZE], chaining_key[SHA256_SIZE];
    uint8_t key[AEAD_KEY_SIZE];
    uint64_t counter;
    bool has_key;
};

/* `name` is the protocol's name, of exactly SHA256_SIZE bytes: it is the first hash as it is. */
void noise_symmetric_init(struct noise_symmetric *s, const char *name);
void noise_symmetric_mix_hash(struct noise_symmetric *s, struct slice data);
void noise_symmetric_mix_key(struct noise_symmetric *s, const uint8_t shared[static X25519_SIZE]);

/* EncryptAndHash: writes plain.size bytes, and AEAD_TAG_SIZE more once there is a key; returns how
 * many. */
size_t noise_symmetric_seal(struct noise_symmetric *s, struct slice plain, uint8_t *out);
/* DecryptAndHash: ERR_AUTH, or 0 and sealed.size bytes (less the tag once there is a key) in `out`.
 */
int noise_symmetric_open(struct noise_symmetric *s, struct slice sealed, uint8_t *out);

/* The keys of the two directions, initiator's first. */
void noise_symmetric_split(const struct noise_symmetric *s, uint8_t first[static AEAD_KEY_SIZE],
                           uint8_t second[static AEAD_KEY_SIZE]);

#endif
