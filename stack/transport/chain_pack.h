/* Keeps the memory of a chain in proportion to its bytes.
 *
 * A peer may send a byte at a time, and each would cost a span and a blob of its own: call this
 * after appending received bytes that may stay. Once a chain has CHAIN_PACK_SPANS spans of less
 * than CHAIN_PACK_MEAN bytes on average it becomes one blob, so what is kept is at most about twice
 * the bytes. Costs nothing for chains of few or large spans. */
#ifndef STACK_TRANSPORT_CHAIN_PACK_H
#define STACK_TRANSPORT_CHAIN_PACK_H

#include "stack/base/chain.h"

#define CHAIN_PACK_SPANS 64
#define CHAIN_PACK_MEAN 128

void chain_pack_now(struct chain *c);

static inline void chain_pack(struct chain *c)
{
    if (c->count >= CHAIN_PACK_SPANS && c->size / c->count < CHAIN_PACK_MEAN)
        chain_pack_now(c);
}

#endif
