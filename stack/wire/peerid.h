/* Peer ids, identity keys and their text forms (libp2p peer-ids spec). */
#ifndef STACK_WIRE_PEERID_H
#define STACK_WIRE_PEERID_H

#include "stack/base/buf.h"
#include "stack/base/slice.h"
#include "stack/crypto/crypto.h"

#define PEERID_SIZE_MAX 44    /* an identity multihash: 2 bytes + a key protobuf of <= 42 */
#define PEERID_TEXT_MAX 80    /* with the final NUL */
#define PUBLIC_KEY_PB_SIZE 36 /* 08 01 12 20 <32 bytes>: an Ed25519 PublicKey protobuf */

enum key_type { KEY_RSA = 0, KEY_ED25519 = 1, KEY_SECP256K1 = 2, KEY_ECDSA = 3 };

/* A multihash: identity for small keys (Ed25519, secp256k1), sha2-256 for the rest. A value. */
struct peerid {
    uint8_t size;
    uint8_t bytes[PEERID_SIZE_MAX];
};

/* An Ed25519 identity: what a node signs with and is known by. */
struct identity {
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    uint8_t secret[ED25519_SECRET_SIZE];
    struct peerid id;
};

void identity_from_seed(struct identity *id, const uint8_t seed[static ED25519_SEED_SIZE]);

static inline struct slice peerid_slice(const struct peerid *p)
{
    return slice_of(p->bytes, p->size);
}

static inline bool peerid_equal(const struct peerid *a, const struct peerid *b)
{
    return slice_equal(peerid_slice(a), peerid_slice(b));
}

/* From the multihash bytes: ERR_MALFORMED unless it is an identity or 32-byte sha2-256 one. */
int peerid_from_bytes(struct peerid *p, struct slice bytes);

/* From a PublicKey protobuf of any key type (the bytes are hashed as they are). */
int peerid_from_public_key(struct peerid *p, struct slice key_pb);

/* The Ed25519 key inside an identity peer id: 0, or ERR_UNSUPPORTED for other key types. */
int peerid_ed25519_key(const struct peerid *p, uint8_t key[static ED25519_PUBLIC_SIZE]);

/* base58btc with a final NUL ("12D3KooW..."). */
void peerid_text(const struct peerid *p, char out[static PEERID_TEXT_MAX]);
/* CIDv1, base32 ("bafz..."). */
void peerid_cid_text(const struct peerid *p, char out[static PEERID_TEXT_MAX]);
/* Either text form (also base36 CIDs): 0 or ERR_MALFORMED. */
int peerid_parse(struct peerid *p, struct slice text);

/* The canonical PublicKey protobuf of an Ed25519 key. */
void public_key_pb_write(uint8_t out[static PUBLIC_KEY_PB_SIZE],
                         const uint8_t key[static ED25519_PUBLIC_SIZE]);
/* Type and data of a PublicKey protobuf; data is borrowed. ERR_MALFORMED unless it is the canonical
 * encoding. */
int public_key_pb_read(struct slice pb, enum key_type *type, struct slice *data);

/* Whether `signature` over `message` verifies under the PublicKey protobuf: ERR_OK, ERR_SIGNATURE,
 * ERR_MALFORMED, or ERR_UNSUPPORTED for key types other than Ed25519. */
int public_key_verify(struct slice key_pb, struct slice message, struct slice signature);

#endif
