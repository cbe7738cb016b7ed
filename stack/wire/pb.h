/* Protobuf wire format: a reader over fields, writers for the two wire types that libp2p uses.
 * No reflection, no generated code. Unknown fields are for the caller to skip; groups are
 * malformed. */
#ifndef STACK_WIRE_PB_H
#define STACK_WIRE_PB_H

#include "stack/base/buf.h"
#include "stack/base/slice.h"

enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
    uint32_t number;
    enum pb_type type;
    uint64_t value;     /* of a varint or fixed field */
    struct slice bytes; /* of a length-delimited field; borrowed from the input */
};

/* The next field: 1, 0 at a clean end, ERR_MALFORMED. Protobuf varints may be up to 64 bits and
 * need not be minimal. */
int pb_next(struct cursor *c, struct pb_field *f);

/* The same for what nearly every field of our protocols is: bytes, with a tag and a length of one byte each. False, and nothing is
 * read, when the next field is anything else. */
static inline bool pb_next_short(struct cursor *c, uint32_t *number, struct slice *bytes)
{
    const uint8_t *at = c->at;
    size_t left = cursor_left(c); /* 0 of a bad cursor */

    if (left < 2 || at[0] < 8 || (at[0] & 0x87) != PB_BYTES || at[1] > 0x7f || at[1] > left - 2)
        return false;
    *number = at[0] >> 3;
    *bytes = (struct slice){at + 2, at[1]};
    c->at = at + 2 + at[1];
    return true;
}

void pb_append_varint(struct buf *b, uint32_t number, uint64_t v);
void pb_append_bytes(struct buf *b, uint32_t number, struct slice s);
size_t pb_varint_size(uint32_t number, uint64_t v); /* what the append will add */
size_t pb_bytes_size(uint32_t number, size_t size);

/* Writes only the tag and length of a length-delimited field; bytes written. */
size_t pb_write_bytes_head(uint8_t *out, uint32_t number, size_t size);

#endif
