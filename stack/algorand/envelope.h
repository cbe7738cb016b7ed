/* A message on its way through one node: its frame, its names, and when it was queued.
 *
 * Made once a message and shared by the queues of all peers, so that a copy in a queue costs a
 * pointer. Counted without atomics: an envelope never leaves its node. */
#ifndef STACK_ALGORAND_ENVELOPE_H
#define STACK_ALGORAND_ENVELOPE_H

#include "stack/algorand/digests.h"
#include "stack/algorand/tag.h"
#include "stack/base/blob.h"

#define ENVELOPE_ID_SIZE 32
#define ENVELOPE_HEAD_SIZE (4 + TAG_SIZE)
#define ENVELOPE_DIGEST_SIZE_MIN 5000 /* payloads from here on are announced by MS */

struct envelope {
    uint32_t refs;
    uint8_t tag; /* enum tag; TAG_COUNT: bytes of the handshake, which are no frame */
    uint8_t id[ENVELOPE_ID_SIZE]; /* of gossip only */
    uint64_t digest;              /* how MS messages name it (digests_name); 0: none */
    uint64_t queued_ns;
    struct span frame;
};

/* One reference; the reference of `frame` moves in. The rest is for the caller to fill in. */
struct envelope *envelope_new(enum tag tag, struct span frame);
struct envelope *envelope_ref(struct envelope *e);
void envelope_unref(struct envelope *e);

/* Length, tag and payload in a blob of their own. */
struct span envelope_frame(enum tag tag, struct slice payload);
/* The same for gossip, in a blob that carries its id and digest: whichever node of this process it
 * comes to unchanged need not work them out again. */
struct span envelope_named_frame(enum tag tag, struct slice payload);

/* How a message is known: BLAKE2b-256 of tag and payload. */
void envelope_id_of(struct span frame, uint8_t id[static ENVELOPE_ID_SIZE]);
/* How an MS names it: SHA-512/256 of the same. Only where envelope_has_digest. */
void envelope_digest_of(struct span frame, uint8_t digest[static DIGESTS_SIZE]);
/* Whether the name is at hand, so that neither costs anything. */
bool envelope_is_named(struct span frame);
/* Whether it is large, and not a proposal that was compressed: an MS names the uncompressed bytes,
 * unknown here. */
bool envelope_has_digest(struct slice payload);

static inline struct slice envelope_payload(const struct envelope *e)
{
    return slice_of(e->frame.data + ENVELOPE_HEAD_SIZE, e->frame.size - ENVELOPE_HEAD_SIZE);
}

#endif
