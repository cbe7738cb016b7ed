/* A growable byte buffer with a hard maximum, for building messages.
 *
 * An append that would pass the maximum sets `overflow` and appends nothing, so a writer checks once,
 * at the end. */
#ifndef STACK_BASE_BUF_H
#define STACK_BASE_BUF_H

#include "stack/base/slice.h"

struct buf {
    uint8_t *data;
    size_t size, capacity, size_max;
    bool overflow;
};

void buf_init(struct buf *b, size_t size_max);
void buf_deinit(struct buf *b);
void buf_clear(struct buf *b); /* empties it, keeps the memory, clears overflow */
void buf_append(struct buf *b, const void *data, size_t size);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_u8(struct buf *b, uint8_t v);
void buf_append_be16(struct buf *b, uint16_t v);
void buf_append_be32(struct buf *b, uint32_t v);
void buf_append_be64(struct buf *b, uint64_t v);
uint8_t *buf_extend(struct buf *b, size_t size); /* room for size bytes; NULL when over the maximum */

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->size};
}

#endif
