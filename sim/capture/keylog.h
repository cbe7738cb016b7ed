/* Key logs: the two ChaCha20-Poly1305 keys of each connection, so that captures of it can be
 * decrypted.
 *
 * Text, a line a connection:
 *   NOISE <our ip:port> <their ip:port> <initiator|responder> <their peer id> <key we send with>
 * <key they send with> (keys in hex; IPv6 addresses in brackets; we are the initiator when we
 * dialled). Lines that start with # are remarks. Frame number n of a direction, from 0, has the
 * nonce 00000000 || LE64(n) and no associated data. MODELLED in the place of NOISE is a connection of a simulated network without
 * encryption: its frames are as long, their first 16 bytes are zeros in the place of a tag, and the keys mean nothing. */
#ifndef SIM_CAPTURE_KEYLOG_H
#define SIM_CAPTURE_KEYLOG_H

#include "stack/base/endpoint.h"
#include "stack/crypto/crypto.h"
#include "stack/wire/peerid.h"

#include <stdio.h>

struct keylog_entry {
    struct endpoint local, remote;
    bool initiator, modelled;
    struct peerid peer;
    uint8_t send_key[AEAD_KEY_SIZE], receive_key[AEAD_KEY_SIZE];
};

FILE *keylog_create(const char *path); /* mode 0600; NULL with errno set */
void keylog_write(FILE *file, const struct keylog_entry *entry);

/* The next entry of a log's text: 1, 0 at the end, ERR_MALFORMED. *line counts lines. */
int keylog_next(struct cursor *text, uint32_t *line, struct keylog_entry *entry);

#endif
