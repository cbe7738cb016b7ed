/* Signature policies of pubsub messages (pubsub spec, "message signing"). */
#ifndef STACK_GOSSIPSUB_SIGNING_H
#define STACK_GOSSIPSUB_SIGNING_H

#include "stack/base/buf.h"
#include "stack/base/trace.h"
#include "stack/gossipsub/gossipsub.h"

#define SIGNING_PREFIX "libp2p-pubsub:" /* signed before the Message */
#define SIGNING_PREFIX_SIZE 14

/* Whether the presence of fields is as the policy wants; else *why. */
bool signing_allows(enum gossipsub_signing policy, const struct gossipsub_message *m,
                    enum trace_reject *why);

/* Whether the signature verifies under the key of `from`; `message` is the encoded Message. */
bool signing_verify(struct slice message, const struct gossipsub_message *m);

/* Whether the Message in `frame` is known to verify, without arithmetic: its bytes are still those that a signer of this process
 * wrote. Its blob is named by the signature. False says nothing. */
bool signing_known(const struct span *frame, struct slice message, const struct gossipsub_message *m);

/* A framed RPC with our message, signed when the policy says so; the reference is the caller's. The
 * span is empty when the RPC would exceed rpc_size_max. */
struct span signing_compose(const struct gossipsub_config *c, struct slice topic, struct slice data,
                            uint64_t seqno);

#endif
