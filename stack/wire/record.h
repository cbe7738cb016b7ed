/* Signed peer records: a peer's own addresses in an envelope that anyone may pass on (libp2p RFC
 * 0002, 0003).
 *
 * The envelope is signed over the domain "libp2p-peer-record", the type 03 01 and the record, as go
 * and js do (the text of RFC 0003 has other values that nobody uses). Only Ed25519 keys are
 * verified. */
#ifndef STACK_WIRE_RECORD_H
#define STACK_WIRE_RECORD_H

#include "stack/base/buf.h"
#include "stack/base/slice.h"
#include "stack/wire/peerid.h"

#define RECORD_SIZE_MAX 8192 /* of an envelope that is read; larger ones are refused */
#define RECORD_ADDRS_MAX 64  /* that are kept; the rest is ignored */

/* Slices are borrowed: from the caller when writing, from the envelope when reading. */
struct record {
    struct peerid peer;
    uint64_t seq; /* a later record has a larger one: the reader keeps the largest it has seen */
    struct slice addrs[RECORD_ADDRS_MAX]; /* binary multiaddrs, with or without /p2p/ID */
    size_t addr_count;
};

/* Appends the envelope of a record signed by `identity`. `r->peer` is not looked at: it is the
 * identity's. ERR_TOO_LARGE when the buffer or a reader would not take it; nothing is appended
 * then. */
int record_seal(const struct record *r, const struct identity *identity, struct buf *envelope);

/* Verifies an envelope and reads its record; addresses that multiaddr_check refuses are left out.
 * ERR_TOO_LARGE, ERR_MALFORMED, ERR_UNSUPPORTED (another payload type, or a key that is not
 * Ed25519), ERR_SIGNATURE, ERR_WRONG_PEER (the record is about someone else than who signed it). */
int record_open(struct slice envelope, struct record *r);

#endif
