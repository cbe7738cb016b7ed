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

void pb_append_varint(struct buf *b, uint32_t number, uint64_t v);
void pb_append_bytes(struct buf *b, uint32_t number, struct slice s);
size_t pb_varint_size(uint32_t number, uint64_t v); /* what the append will add */
size_t pb_bytes_size(uint32_t number, size_t size);

/* Writes only the tag and length of a length-delimited field; bytes written. */
size_t pb_write_bytes_head(uint8_t *out, uint32_t number, size_t size);

#endif
