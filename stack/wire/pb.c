/* Protobuf wire format (protobuf encoding guide). */
#include "stack/wire/pb.h"

#include "stack/base/err.h"
#include "stack/wire/varint.h"

#define NUMBER_MAX 0x1fffffff /* field numbers have 29 bits */

/* A protobuf varint: up to ten bytes, need not be minimal. */
static int read_varint(struct cursor *c, uint64_t *v)
{
    const uint8_t *at = c->at; /* a cursor that is bad is at its end */

    *v = 0;
    for (unsigned shift = 0; at < c->end && shift < 64; shift += 7) {
        uint8_t byte = *at++;

        if (shift == 63 && byte > 1)
            return ERR_MALFORMED;
        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            c->at = at;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

static int read_fixed(struct cursor *c, size_t size, uint64_t *v)
{
    struct slice s = cursor_bytes(c, size);

    if (c->bad)
        return ERR_MALFORMED;
    *v = 0;
    for (size_t i = size; i > 0; i--)
        *v = *v << 8 | s.data[i - 1];
    return ERR_OK;
}

static int read_bytes(struct cursor *c, struct slice *s)
{
    uint64_t size;

    if (read_varint(c, &size) != ERR_OK || size > cursor_left(c))
        return ERR_MALFORMED;
    *s = cursor_bytes(c, (size_t)size);
    return ERR_OK;
}

int pb_next(struct cursor *c, struct pb_field *f)
{
    uint64_t tag;
    int err = ERR_MALFORMED;

    *f = (struct pb_field){.type = PB_BYTES};
    if (pb_next_short(c, &f->number, &f->bytes))
        return 1;
    if (c->bad)
        return ERR_MALFORMED;
    if (cursor_at_end(c))
        return 0;
    if (read_varint(c, &tag) != ERR_OK || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return ERR_MALFORMED;
    f->number = (uint32_t)(tag >> 3);
    f->type = (enum pb_type)(tag & 7);
    switch (tag & 7) {
    case PB_VARINT:
        err = read_varint(c, &f->value);
        break;
    case PB_FIXED64:
        err = read_fixed(c, 8, &f->value);
        break;
    case PB_BYTES:
        err = read_bytes(c, &f->bytes);
        break;
    case PB_FIXED32:
        err = read_fixed(c, 4, &f->value);
        break;
    default:
        break;
    }
    return err == ERR_OK ? 1 : err;
}

static uint64_t tag_of(uint32_t number, enum pb_type type)
{
    return (uint64_t)number << 3 | type;
}

void pb_append_varint(struct buf *b, uint32_t number, uint64_t v)
{
    uint8_t bytes[2 * VARINT_SIZE_MAX];
    size_t size = varint_write(bytes, tag_of(number, PB_VARINT));

    buf_append(b, bytes, size + varint_write(bytes + size, v));
}

void pb_append_bytes(struct buf *b, uint32_t number, struct slice s)
{
    uint8_t head[2 * VARINT_SIZE_MAX];
    size_t head_size = pb_write_bytes_head(head, number, s.size);
    uint8_t *at = buf_extend(b, head_size + s.size);

    if (!at)
        return;
    memcpy(at, head, head_size);
    if (s.size > 0)
        memcpy(at + head_size, s.data, s.size);
}

size_t pb_varint_size(uint32_t number, uint64_t v)
{
    return varint_size(tag_of(number, PB_VARINT)) + varint_size(v);
}

size_t pb_bytes_size(uint32_t number, size_t size)
{
    return varint_size(tag_of(number, PB_BYTES)) + varint_size(size) + size;
}

size_t pb_write_bytes_head(uint8_t *out, uint32_t number, size_t size)
{
    size_t n = varint_write(out, tag_of(number, PB_BYTES));

    return n + varint_write(out + n, size);
}
