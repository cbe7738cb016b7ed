/* The XX handshake pattern of Noise (specification 7.5) with raw payloads: three messages, in each
 * of which one side writes and the other reads. What the payloads mean is noise_handshake.c's
 * business. Internal to the transport.
 *
 *   message 0   e              payload (in clear)
 *   message 1   e, ee, s, es   payload
 *   message 2   s, se          payload */
#ifndef STACK_TRANSPORT_NOISE_XX_H
#define STACK_TRANSPORT_NOISE_XX_H

#include "stack/transport/noise_symmetric.h"

#define NOISE_XX_MESSAGES 3

struct noise_xx {
    struct noise_symmetric symmetric;
    uint8_t static_secret[X25519_SIZE], static_public[X25519_SIZE];
    uint8_t ephemeral_secret[X25519_SIZE], ephemeral_public[X25519_SIZE];
    uint8_t remote_static[X25519_SIZE], remote_ephemeral[X25519_SIZE]; /* once read */
    uint8_t message;                                                   /* the next one */
    bool initiator;
};

void noise_xx_init(struct noise_xx *x, bool initiator,
                   const uint8_t static_secret[static X25519_SIZE],
                   const uint8_t ephemeral_secret[static X25519_SIZE]);

/* Bytes of a message around its payload: 32, 96, 64. */
size_t noise_xx_overhead(unsigned message);

/* Writes the next message: noise_xx_overhead(x->message) + payload.size bytes at `out`; ERR_AUTH
 * when the peer's key is a point of low order. */
int noise_xx_write(struct noise_xx *x, struct slice payload, uint8_t *out);
/* Reads the next message; its payload, message.size - overhead bytes, goes to `payload`.
 * ERR_TRUNCATED or ERR_AUTH. */
int noise_xx_read(struct noise_xx *x, struct slice message, uint8_t *payload);

/* After the third message: the keys for sending and receiving. */
void noise_xx_split(const struct noise_xx *x, uint8_t send_key[static AEAD_KEY_SIZE],
                    uint8_t receive_key[static AEAD_KEY_SIZE]);

void noise_xx_wipe(struct noise_xx *x);

#endif
