/* Where received bytes go, and stay: a block of memory that is filled read by read and handed out as spans, so that nothing is
 * copied between the kernel and who decrypts it.
 *
 * While nobody holds a span it is filled from the front again. A block of which spans are held is used up to its end and then
 * left to their holders: what was read of one stream piece by piece lies side by side, and a frame across two pieces need not
 * be put together. Nobody else knows of bytes that were not handed out, so they may still be written. */
#ifndef STACK_BACKEND_EPOLL_BLOCK_H
#define STACK_BACKEND_EPOLL_BLOCK_H

#include "stack/base/blob.h"

#define EPOLL_READ_SIZE (64 * 1024) /* handed over at once: the app's queues are small, it must be able to answer in between */
#define EPOLL_BLOCK_SIZE (4 * EPOLL_READ_SIZE)

struct epoll_block {
    struct blob *blob;
    size_t used; /* bytes at its front that others may hold */
};

void epoll_block_init(struct epoll_block *b);
void epoll_block_deinit(struct epoll_block *b);
uint8_t *epoll_block_room(struct epoll_block *b); /* for EPOLL_READ_SIZE bytes; good until the next call */
struct span epoll_block_take(struct epoll_block *b, size_t size); /* the first bytes of that room; a reference of its own */

#endif
