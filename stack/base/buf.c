/* Growable byte buffer: doubling up to its maximum. */
#include "stack/base/buf.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

void buf_init(struct buf *b, size_t size_max)
{
    *b = (struct buf){.size_max = size_max};
}

void buf_deinit(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    b->overflow = false;
}

uint8_t *buf_extend(struct buf *b, size_t size)
{
    CHECK(b->size <= b->size_max);
    if (b->overflow || size > b->size_max - b->size) {
        b->overflow = true;
        return NULL;
    }
    if (!b->data || b->size + size > b->capacity) { /* room for nothing is not NULL either */
        size_t wanted = b->capacity ? b->capacity : 64;

        while (wanted < b->size + size)
            wanted *= 2;
        b->capacity = wanted;
        b->data = mem_realloc(b->data, wanted);
    }
    b->size += size;
    return b->data + b->size - size;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    uint8_t *at = size ? buf_extend(b, size) : NULL;

    if (at)
        memcpy(at, data, size);
}

void buf_append_slice(struct buf *b, struct slice s)
{
    buf_append(b, s.data, s.size);
}

void buf_append_u8(struct buf *b, uint8_t v)
{
    buf_append(b, &v, 1);
}

void buf_append_be16(struct buf *b, uint16_t v)
{
    uint8_t bytes[2];

    store_be16(bytes, v);
    buf_append(b, bytes, sizeof bytes);
}

void buf_append_be32(struct buf *b, uint32_t v)
{
    uint8_t bytes[4];

    store_be32(bytes, v);
    buf_append(b, bytes, sizeof bytes);
}

void buf_append_be64(struct buf *b, uint64_t v)
{
    uint8_t bytes[8];

    store_be64(bytes, v);
    buf_append(b, bytes, sizeof bytes);
}
