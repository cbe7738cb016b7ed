/* Noise_XX_25519_ChaChaPoly_SHA256 as libp2p uses it (noise spec, r5): handshake with the identity
 * payload, then frames of a 2-byte length and at most 65535 bytes.
 *
 * A pure machine over chains. NOISE_MODELLED sends the same number of bytes in the same frames with
 * the identity in clear and zeros for what would be arithmetic (in frames before the payload, where
 * they cost least): for simulations only, since it protects nothing. */
#ifndef STACK_TRANSPORT_NOISE_H
#define STACK_TRANSPORT_NOISE_H

#include "stack/base/chain.h"
#include "stack/crypto/crypto.h"
#include "stack/wire/peerid.h"

#define NOISE_FRAME_MAX 65535
#define NOISE_PLAIN_MAX (NOISE_FRAME_MAX - AEAD_TAG_SIZE)
#define NOISE_HEADROOM 18 /* spare bytes before what is sealed that save a modelled frame a blob */
#define NOISE_PAYLOAD_MAX 4096 /* of a handshake payload; larger ones are refused */

enum noise_mode { NOISE_REAL, NOISE_MODELLED };
enum noise_status { NOISE_MORE, NOISE_DONE };

struct noise_config {
    enum noise_mode mode;
    bool initiator;
    const struct identity *identity; /* outlives the handshake */
    const char *muxer; /* the one muxer offered early ("/yamux/1.0.0"); NULL: no extension */
};

/* What the handshake found out. */
struct noise_peer {
    struct peerid id;
    bool muxer_agreed; /* both sides offered our muxer: no negotiation follows */
};

/* Keys of an established session; a value that the connection embeds. */
struct noise_session {
    enum noise_mode mode;
    uint64_t send_counter, receive_counter;
    uint8_t send_key[AEAD_KEY_SIZE], receive_key[AEAD_KEY_SIZE];
};

struct noise_handshake; /* freed when done */

/* Draws the static and ephemeral keys from `keys` (NOISE_REAL only). The initiator's first message
 * is appended to `out` here. */
struct noise_handshake *noise_handshake_new(const struct noise_config *config, struct drbg *keys,
                                            struct chain *out);
/* As above with given X25519 secrets; for vectors. */
struct noise_handshake *noise_handshake_new_with_keys(
    const struct noise_config *config, const uint8_t static_secret[static X25519_SIZE],
    const uint8_t ephemeral_secret[static X25519_SIZE], struct chain *out);
void noise_handshake_free(struct noise_handshake *h);

/* `expected` (may be NULL) is the peer that was dialled: another one is ERR_WRONG_PEER before our
 * last message goes out. NOISE_MORE, NOISE_DONE (peer and session are filled in), or a negative
 * err: ERR_TRUNCATED or ERR_TOO_LARGE (of the message's declared length), ERR_AUTH, ERR_MALFORMED,
 * ERR_SIGNATURE, ERR_UNSUPPORTED (no Ed25519 key). Bytes behind the last message stay in `in`. Not
 * to be called again after DONE or an err. */
int noise_handshake_feed(struct noise_handshake *h, struct chain *in, struct chain *out,
                         const struct peerid *expected, struct noise_peer *peer,
                         struct noise_session *session);

/* Seals all of `plain` into one frame (or several where it is longer than a frame may be). Modelled
 * frames share the payload's bytes and write their head into spare bytes before the first span,
 * where its blob has any and no other holder. */
void noise_seal(struct noise_session *s, struct chain *plain, struct chain *wire);

/* Opens every complete frame in `wire`, appending to `plain`. ERR_AUTH for a frame that is forged
 * or too short. At most NOISE_FRAME_MAX + 1 bytes of an incomplete frame stay in `wire`. */
int noise_open(struct noise_session *s, struct chain *wire, struct chain *plain);

#endif
