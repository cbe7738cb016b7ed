/* The fingerprint of a run: a running hash a node over everything it reported, folded in node order
 * at the end.
 *
 * How the events of different nodes interleave does not matter; any change of an event or of the
 * order of one node's events does. Not cryptographic until the fold: it is there to notice, not to
 * resist. */
#ifndef SIM_RECORD_DIGEST_H
#define SIM_RECORD_DIGEST_H

#include "stack/base/trace.h"

#define DIGEST_SIZE 32

struct digest_lane {
    uint64_t a, b, events;
};

struct digest_hash {
    uint64_t a, b;
};

struct digest_hash digest_hash_of(struct slice bytes); /* 128 bits, the same on every machine */

void digest_lane_init(struct digest_lane *l);

/* `remote` is the index of the node in the event's slot, UINT32_MAX when unknown; `id` and `topic`
 * are the hashes of the event's two slices. */
void digest_lane_add(struct digest_lane *l, uint64_t now_ns, const struct trace_event *e,
                     uint32_t remote, struct digest_hash id, struct digest_hash topic);

/* An action of the scenario. */
void digest_lane_add_text(struct digest_lane *l, uint64_t now_ns, struct slice a, struct slice b);

/* Lanes lie `stride` bytes apart, the first at `lanes`. */
void digest_fold(uint8_t out[static DIGEST_SIZE], const struct digest_lane *scenario,
                 const void *lanes, size_t stride, uint32_t count);

#endif
