/* Unsigned LEB128 integers, as multiformats and protobuf use them. */
#ifndef STACK_WIRE_VARINT_H
#define STACK_WIRE_VARINT_H

#include "stack/base/buf.h"
#include "stack/base/slice.h"

#define VARINT_SIZE_MAX 10 /* a full 64-bit value */

size_t varint_size(uint64_t v);
size_t varint_write(uint8_t *out, uint64_t v); /* bytes written, <= VARINT_SIZE_MAX */
void varint_append(struct buf *b, uint64_t v);

/* Bytes read (> 0), 0 when `s` ends inside the number, ERR_MALFORMED when it is over 63 bits or not
 * in minimal form (multiformats unsigned-varint). */
int varint_read(struct slice s, uint64_t *v);

/* The same on a cursor; anything wrong sets `bad`. */
uint64_t cursor_varint(struct cursor *c);

#endif
