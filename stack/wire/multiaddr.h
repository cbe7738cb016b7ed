/* multiaddr: text and binary forms, and the one shape the node dials:
 * /ip4|ip6/.../tcp/PORT[/p2p/ID]. */
#ifndef STACK_WIRE_MULTIADDR_H
#define STACK_WIRE_MULTIADDR_H

#include "stack/base/buf.h"
#include "stack/base/endpoint.h"
#include "stack/base/slice.h"
#include "stack/wire/peerid.h"

#define MULTIADDR_SIZE_MAX 512 /* binary; longer ones are refused */

/* One component of a binary multiaddr. */
struct multiaddr_part {
    uint32_t code;
    struct slice value; /* without its length prefix */
};

/* The next component: 1, 0 at the end, ERR_MALFORMED (unknown code, short or empty value, ...). */
int multiaddr_next(struct cursor *c, struct multiaddr_part *part);

/* 0 when there is at least one component and every one is valid, else ERR_MALFORMED. */
int multiaddr_check(struct slice binary);
/* These append (the text without a NUL), or leave the buffer as it was: ERR_MALFORMED, or
 * ERR_TOO_LARGE when the buffer's maximum was in the way. */
int multiaddr_parse(struct slice text, struct buf *binary);
int multiaddr_text(struct slice binary, struct buf *text);

#define MULTIADDR_P2P 421

/* The part of `binary` before the last occurrence of `code`; all of it when there is none. */
struct slice multiaddr_decapsulate(struct slice binary, uint32_t code);

/* Reads <ip>/tcp/<port>[/p2p/<id>]; has_peer says whether an id was there. ERR_UNSUPPORTED for any
 * other shape, ERR_MALFORMED for what multiaddr_check refuses; the results then mean nothing. */
int multiaddr_to_endpoint(struct slice binary, struct endpoint *at, struct peerid *peer,
                          bool *has_peer);
/* Appends <ip>/tcp/<port>, and /p2p/<id> when peer is not NULL. */
void multiaddr_from_endpoint(struct buf *binary, const struct endpoint *at,
                             const struct peerid *peer);

#endif
