/* A message on its way through one node: its frame, its names, and when it was queued.
 *
 * Made once a message and shared by the queues of all peers, so that a copy in a queue costs a
 * pointer. Counted without atomics: an envelope never leaves its node. */
#ifndef STACK_ALGORAND_ENVELOPE_H
#define STACK_ALGORAND_ENVELOPE_H

#include "stack/algorand/tag.h"
#include "stack/base/blob.h"

#define ENVELOPE_ID_SIZE 32
#define ENVELOPE_HEAD_SIZE (4 + TAG_SIZE)

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

static inline struct slice envelope_payload(const struct envelope *e)
{
    return slice_of(e->frame.data + ENVELOPE_HEAD_SIZE, e->frame.size - ENVELOPE_HEAD_SIZE);
}

#endif
