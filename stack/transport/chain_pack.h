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
#define CHAIN_PACK_PIECE 4096 /* a smaller span does not hold a blob of ... */
#define CHAIN_PACK_SHARE 16   /* ... more than this many times its size */

void chain_pack_now(struct chain *c);

/* As chain_move, for bytes that may stay: a small piece of a large blob is copied, so that a frame
 * is not kept for the sake of a few bytes in it. A piece that goes on where the last one ended is
 * not copied. */
void chain_pack_move(struct chain *to, struct chain *from, size_t size);

/* A chain that is no more than a small piece of a large blob gets a blob of its own. */
void chain_unpin(struct chain *c);

static inline void chain_pack(struct chain *c)
{
    if (c->count >= CHAIN_PACK_SPANS && c->size / c->count < CHAIN_PACK_MEAN)
        chain_pack_now(c);
}

#endif
