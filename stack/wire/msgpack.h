/* Canonical msgpack: the subset of Algorand's messages (nil, bool, integers, strings, bytes,
 * arrays, maps).
 *
 * The writer picks the shortest form of everything; the caller writes map entries in ascending
 * order of their keys and leaves out empty fields, as canonical encoding wants. The reader takes
 * any width of a length or number (as go-algorand does) and refuses floats and extensions.
 *
 * Reading is on a cursor (base/slice.h): whatever is not what was asked for sets `bad` and gives
 * zeros or empty slices from then on, so a parser checks `bad` once, at the end. No reader
 * allocates or recurses.
 *
 *     struct cursor c = cursor_of(bytes);
 *     size_t entries = msgpack_read_map(&c, 64);
 *
 *     for (size_t i = 0; i < entries && !c.bad; i++) {
 *         struct slice key = msgpack_read_str(&c, 100);
 *
 *         if (slice_equal(key, slice_text("rnd")))
 *             round = msgpack_read_uint(&c);
 *         else
 *             msgpack_skip(&c);
 *     }
 *     if (c.bad || !cursor_at_end(&c))
 *         return ERR_MALFORMED;
 */
#ifndef STACK_WIRE_MSGPACK_H
#define STACK_WIRE_MSGPACK_H

#include "stack/base/buf.h"
#include "stack/base/slice.h"

#define MSGPACK_DEPTH_MAX                                                                          \
    32 /* nested arrays and maps that are skipped; deeper ones are malformed */
#define MSGPACK_UINT_SIZE_MAX 9
#define MSGPACK_HEAD_SIZE_MAX 5 /* of a string, bytes, an array or a map */

enum msgpack_type {
    MSGPACK_NONE, /* the end of the bytes, `bad`, or a type that is not supported */
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_UINT,
    MSGPACK_INT, /* a signed encoding, whatever its sign */
    MSGPACK_STR,
    MSGPACK_BIN,
    MSGPACK_ARRAY,
    MSGPACK_MAP
};

/* The type of the next value, which stays unread. */
enum msgpack_type msgpack_peek(const struct cursor *c);

uint64_t msgpack_read_uint(struct cursor *c);
bool msgpack_read_bool(struct cursor *c);
/* Borrowed from the input; longer than size_max is bad. */
struct slice msgpack_read_str(struct cursor *c, size_t size_max);
struct slice msgpack_read_bin(struct cursor *c, size_t size_max);
/* Bytes of exactly this size into `out` (zeroed when bad). */
void msgpack_read_fixed(struct cursor *c, uint8_t *out, size_t size);
/* The number of entries that follow (of a map: pairs); more than count_max, or more than the bytes
 * left could hold, is bad. */
size_t msgpack_read_array(struct cursor *c, size_t count_max);
size_t msgpack_read_map(struct cursor *c, size_t count_max);
/* Passes over one whole value; msgpack_read_any also returns its bytes. */
void msgpack_skip(struct cursor *c);
struct slice msgpack_read_any(struct cursor *c);

void msgpack_append_uint(struct buf *b, uint64_t v);
void msgpack_append_bool(struct buf *b, bool v);
void msgpack_append_str(struct buf *b, struct slice s);
void msgpack_append_bin(struct buf *b, struct slice s);
void msgpack_append_array(struct buf *b, size_t count); /* the values follow */
void msgpack_append_map(struct buf *b, size_t count); /* the pairs follow, in order of their keys */

#endif
