/* The exchange that opens a /algorand-ws stream.
 *
 * 2.2.0: each side sends `u16 BE length || msgpack map of string -> array of strings`. The
 * connection's dialler speaks first. The keys are HTTP header names in Go's canonical case, looked
 * up exactly so. The genesis id travels but is not compared: a node of these networks does not
 * compare it either. 1.0.0: the dialler sends one byte, '1'. */
#ifndef STACK_ALGORAND_HANDSHAKE_H
#define STACK_ALGORAND_HANDSHAKE_H

#include "stack/base/chain.h"

#define HANDSHAKE_VERSION "2.2" /* the only one that we speak */
#define HANDSHAKE_V10_BYTE '1'
#define HANDSHAKE_SIZE_MAX 65535 /* of the map */
#define HANDSHAKE_KEYS_MAX 64
#define HANDSHAKE_VALUES_MAX 16

/* What a peer says it can decode; a set of bits. */
enum handshake_feature {
    HANDSHAKE_PPZSTD = 1,       /* "ppzstd": compressed proposals */
    HANDSHAKE_AVVPACK = 2,      /* "avvpack": compressed votes */
    HANDSHAKE_AVVPACK_SIZED = 4 /* "avvpack16" to "avvpack2048": votes compressed against tables */
};

struct handshake_offer {
    const char *genesis;
    const char *features; /* comma separated */
};

/* What the peer sent. */
struct handshake_answer {
    unsigned features; /* of enum handshake_feature; unknown ones are ignored */
};

/* Length and map. The offer must fit HANDSHAKE_SIZE_MAX. */
struct span handshake_write(const struct handshake_offer *offer);

/* The whole size of the map and its length at the front of `in`; 0 when its first two bytes are not
 * there yet. */
size_t handshake_size(const struct chain *in);
/* A map: 0, ERR_MALFORMED, or ERR_UNSUPPORTED when the peer has no version in common with us. */
int handshake_read(struct handshake_answer *answer, struct slice map);

#endif
