/* The limits of a node in one place. What a module limits itself is in its own header. */
#ifndef STACK_NODE_LIMITS_H
#define STACK_NODE_LIMITS_H

#include "stack/transport/multistream.h"
#include "stack/transport/noise.h"
#include "stack/transport/yamux.h"

#define NODE_CONNECTIONS_MAX 4096             /* default of connections at the same time; more are reset */
#define NODE_DIALS_MAX 8                      /* default of dials under way at the same time */
#define NODE_DIAL_TIMEOUT_NS 5000000000ull    /* TCP connect; go-libp2p's */
#define NODE_UPGRADE_TIMEOUT_NS 15000000000ull /* TCP to ready; go-libp2p's accept timeout */
#define NODE_STREAM_TIMEOUT_NS 10000000000ull /* negotiating a stream; go-libp2p's */
#define NODE_IDENTIFY_TIMEOUT_NS 5000000000ull
#define NODE_PUSHES_MAX 4                     /* identify-pushes of a peer at the same time */
#define NODE_BACKOFF_MIN_NS 1000000000ull     /* before a failed dial is tried again; doubles ... */
#define NODE_BACKOFF_MAX_NS 60000000000ull    /* ... up to this */
#define NODE_DIAL_ATTEMPTS_MAX 3              /* for peers we heard of; targets of ours are tried for ever */
#define NODE_HEARD_MAX 128                    /* peers from peer exchange waiting to be dialled */
#define NODE_FLUSH_SIZE (64 * 1024)           /* bytes sealed ahead of what the backend has taken */
#define NODE_STREAM_REOPEN_MAX 4              /* times a lost pubsub stream is opened again; go's */
#define NODE_PING_QUEUE_MAX (32 * 32)         /* ping bytes of a stream, unread by us or by the peer */

_Static_assert(NODE_DIAL_TIMEOUT_NS < NODE_UPGRADE_TIMEOUT_NS, "a dial fits its upgrade");
_Static_assert(NODE_FLUSH_SIZE >= NOISE_FRAME_MAX / 2, "a batch is worth a call");

#endif
