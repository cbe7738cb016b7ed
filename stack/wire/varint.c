/* Unsigned LEB128. */
#include "stack/wire/varint.h"

#include "stack/base/err.h"

#define MULTIFORMATS_SIZE_MAX 9 /* 63 bits */

size_t varint_size(uint64_t v)
{
    size_t size = 1;

    while (v >>= 7)
        size++;
    return size;
}

size_t varint_write(uint8_t *out, uint64_t v)
{
    size_t size = 0;

    for (; v >= 0x80; v >>= 7)
        out[size++] = (uint8_t)(v | 0x80);
    out[size++] = (uint8_t)v;
    return size;
}

void varint_append(struct buf *b, uint64_t v)
{
    uint8_t bytes[VARINT_SIZE_MAX];

    buf_append(b, bytes, varint_write(bytes, v));
}

int varint_read(struct slice s, uint64_t *v)
{
    uint64_t value = 0;

    for (size_t i = 0; i < MULTIFORMATS_SIZE_MAX; i++) {
        if (i == s.size)
            return 0;
        value |= (uint64_t)(s.data[i] & 0x7f) << (7 * i);
        if (s.data[i] & 0x80)
            continue;
        if (i > 0 && s.data[i] == 0)
            return ERR_MALFORMED; /* not minimal */
        *v = value;
        return (int)i + 1;
    }
    return ERR_MALFORMED;
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;
    int size = c->bad ? 0 : varint_read(slice_of(c->at, cursor_left(c)), &v);

    if (size <= 0) {
        c->bad = true;
        c->at = c->end;
        return 0;
    }
    c->at += size;
    return v;
}
