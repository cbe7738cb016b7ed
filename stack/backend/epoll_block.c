/* One block at a time. */
#include "stack/backend/epoll_block.h"

#include "stack/base/check.h"

void epoll_block_init(struct epoll_block *b)
{
    *b = (struct epoll_block){.blob = blob_new(EPOLL_BLOCK_SIZE)};
}

void epoll_block_deinit(struct epoll_block *b)
{
    blob_unref(b->blob);
    b->blob = NULL;
}

uint8_t *epoll_block_room(struct epoll_block *b)
{
    if (atomic_load_explicit(&b->blob->refs, memory_order_acquire) == 1) {
        b->used = 0;
    } else if (EPOLL_BLOCK_SIZE - b->used < EPOLL_READ_SIZE) {
        epoll_block_deinit(b);
        epoll_block_init(b);
    }
    return b->blob->data + b->used;
}

struct span epoll_block_take(struct epoll_block *b, size_t size)
{
    struct span taken = {blob_ref(b->blob), b->blob->data + b->used, (uint32_t)size};

    CHECK(size <= EPOLL_BLOCK_SIZE - b->used);
    b->used += size;
    return taken;
}
