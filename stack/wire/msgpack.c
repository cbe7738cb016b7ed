/* msgpack (msgpack specification, "formats"): one table says what each leading byte means. */
#include "stack/wire/msgpack.h"

#include "stack/base/check.h"

#define FIXMAP 0x80
#define FIXARRAY 0x90
#define FIXSTR 0xa0
#define NEGATIVE_FIXINT 0xe0
#define FIXINT_MAX 0x7f
#define FIXMAP_MAX 15
#define FIXARRAY_MAX 15
#define FIXSTR_MAX 31

/* One leading byte and the number that follows it: a value, a length or a count. */
struct head {
    enum msgpack_type type;
    uint64_t number;
};

/* Leading bytes 0xc0 to 0xdf: the type, and how many bytes its number has. */
static const struct {
    uint8_t type, width;
} formats[32] = {
    [0x00] = {MSGPACK_NIL, 0},   [0x02] = {MSGPACK_BOOL, 0}, [0x03] = {MSGPACK_BOOL, 0},
    [0x04] = {MSGPACK_BIN, 1},   [0x05] = {MSGPACK_BIN, 2},  [0x06] = {MSGPACK_BIN, 4},
    [0x0c] = {MSGPACK_UINT, 1},  [0x0d] = {MSGPACK_UINT, 2}, [0x0e] = {MSGPACK_UINT, 4},
    [0x0f] = {MSGPACK_UINT, 8},  [0x10] = {MSGPACK_INT, 1},  [0x11] = {MSGPACK_INT, 2},
    [0x12] = {MSGPACK_INT, 4},   [0x13] = {MSGPACK_INT, 8},  [0x19] = {MSGPACK_STR, 1},
    [0x1a] = {MSGPACK_STR, 2},   [0x1b] = {MSGPACK_STR, 4},  [0x1c] = {MSGPACK_ARRAY, 2},
    [0x1d] = {MSGPACK_ARRAY, 4}, [0x1e] = {MSGPACK_MAP, 2},  [0x1f] = {MSGPACK_MAP, 4},
};

static void fail(struct cursor *c)
{
    c->bad = true;
    c->at = c->end;
}

static enum msgpack_type type_of(uint8_t lead)
{
    if (lead <= FIXINT_MAX)
        return MSGPACK_UINT;
    if (lead < FIXARRAY)
        return MSGPACK_MAP;
    if (lead < FIXSTR)
        return MSGPACK_ARRAY;
    if (lead < 0xc0)
        return MSGPACK_STR;
    if (lead >= NEGATIVE_FIXINT)
        return MSGPACK_INT;
    return (enum msgpack_type)formats[lead - 0xc0].type;
}

enum msgpack_type msgpack_peek(const struct cursor *c)
{
    return c->bad || cursor_at_end(c) ? MSGPACK_NONE : type_of(*c->at);
}

/* The number inside a leading byte outside 0xc0..0xdf. */
static uint64_t fixed_number(uint8_t lead)
{
    if (lead <= FIXINT_MAX || lead >= NEGATIVE_FIXINT)
        return lead;
    return lead < FIXSTR ? lead & 0x0f : lead & 0x1f;
}

/* Reads a head; anything wrong gives MSGPACK_NONE and `bad`. */
static struct head read_head(struct cursor *c)
{
    struct head h = {msgpack_peek(c), 0};
    uint8_t lead = cursor_u8(c);

    if (h.type == MSGPACK_NONE) {
        fail(c);
        return h;
    }
    if (lead >= 0xc0 && lead < NEGATIVE_FIXINT) {
        struct slice number = cursor_bytes(c, formats[lead - 0xc0].width);

        for (size_t i = 0; i < number.size; i++)
            h.number = h.number << 8 | number.data[i];
        if (h.type == MSGPACK_BOOL)
            h.number = lead & 1;
    } else {
        h.number = fixed_number(lead);
    }
    if (c->bad)
        h = (struct head){MSGPACK_NONE, 0};
    return h;
}

/* A head of the wanted type with a number up to `max`; 0 and `bad` otherwise. */
static uint64_t read_number(struct cursor *c, enum msgpack_type wanted, uint64_t max)
{
    struct head h = read_head(c);

    if (h.type != wanted || h.number > max) {
        fail(c);
        return 0;
    }
    return h.number;
}

uint64_t msgpack_read_uint(struct cursor *c)
{
    return read_number(c, MSGPACK_UINT, UINT64_MAX);
}

bool msgpack_read_bool(struct cursor *c)
{
    return read_number(c, MSGPACK_BOOL, 1) != 0;
}

struct slice msgpack_read_str(struct cursor *c, size_t size_max)
{
    return cursor_bytes(c, (size_t)read_number(c, MSGPACK_STR, size_max));
}

struct slice msgpack_read_bin(struct cursor *c, size_t size_max)
{
    return cursor_bytes(c, (size_t)read_number(c, MSGPACK_BIN, size_max));
}

void msgpack_read_fixed(struct cursor *c, uint8_t *out, size_t size)
{
    struct slice s = msgpack_read_bin(c, size);

    if (s.size == size) {
        memcpy(out, s.data, size);
    } else {
        fail(c);
        memset(out, 0, size);
    }
}

/* Every entry takes at least `entry_size_min` bytes: a count that cannot be true is not believed.
 */
static size_t read_count(struct cursor *c, enum msgpack_type wanted, size_t count_max,
                         size_t entry_size_min)
{
    size_t count = (size_t)read_number(c, wanted, count_max);

    if (count > cursor_left(c) / entry_size_min) {
        fail(c);
        return 0;
    }
    return count;
}

size_t msgpack_read_array(struct cursor *c, size_t count_max)
{
    return read_count(c, MSGPACK_ARRAY, count_max, 1);
}

size_t msgpack_read_map(struct cursor *c, size_t count_max)
{
    return read_count(c, MSGPACK_MAP, count_max, 2);
}

void msgpack_skip(struct cursor *c)
{
    uint64_t left[MSGPACK_DEPTH_MAX + 1] = {1}; /* values still to come at each level */
    size_t depth = 0;

    for (;;) {
        struct head h;

        while (depth > 0 && left[depth] == 0)
            depth--;
        if (left[depth] == 0 || c->bad)
            return;
        left[depth]--;
        h = read_head(c);
        if (h.type == MSGPACK_STR || h.type == MSGPACK_BIN)
            cursor_bytes(c, (size_t)h.number);
        if ((h.type != MSGPACK_ARRAY && h.type != MSGPACK_MAP) || h.number == 0)
            continue;
        if (depth == MSGPACK_DEPTH_MAX) {
            fail(c);
            return;
        }
        left[++depth] = h.type == MSGPACK_MAP ? 2 * h.number : h.number;
    }
}

struct slice msgpack_read_any(struct cursor *c)
{
    const uint8_t *start = c->at;

    msgpack_skip(c);
    return c->bad ? slice_of(c->end, 0) : slice_of(start, (size_t)(c->at - start));
}

/* `lead` and a big-endian number of `width` bytes. */
static void append_head(struct buf *b, uint8_t lead, uint64_t number, size_t width)
{
    uint8_t bytes[MSGPACK_UINT_SIZE_MAX] = {lead};

    for (size_t i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(number >> (8 * (width - 1 - i)));
    buf_append(b, bytes, 1 + width);
}

void msgpack_append_uint(struct buf *b, uint64_t v)
{
    if (v <= FIXINT_MAX)
        buf_append_u8(b, (uint8_t)v);
    else if (v <= UINT8_MAX)
        append_head(b, 0xcc, v, 1);
    else if (v <= UINT16_MAX)
        append_head(b, 0xcd, v, 2);
    else if (v <= UINT32_MAX)
        append_head(b, 0xce, v, 4);
    else
        append_head(b, 0xcf, v, 8);
}

void msgpack_append_bool(struct buf *b, bool v)
{
    buf_append_u8(b, v ? 0xc3 : 0xc2);
}

void msgpack_append_str(struct buf *b, struct slice s)
{
    CHECK(s.size <= UINT32_MAX);
    if (s.size <= FIXSTR_MAX)
        buf_append_u8(b, (uint8_t)(FIXSTR | s.size));
    else if (s.size <= UINT8_MAX)
        append_head(b, 0xd9, s.size, 1);
    else if (s.size <= UINT16_MAX)
        append_head(b, 0xda, s.size, 2);
    else
        append_head(b, 0xdb, s.size, 4);
    buf_append_slice(b, s);
}

void msgpack_append_bin(struct buf *b, struct slice s)
{
    CHECK(s.size <= UINT32_MAX);
    if (s.size <= UINT8_MAX)
        append_head(b, 0xc4, s.size, 1);
    else if (s.size <= UINT16_MAX)
        append_head(b, 0xc5, s.size, 2);
    else
        append_head(b, 0xc6, s.size, 4);
    buf_append_slice(b, s);
}

void msgpack_append_array(struct buf *b, size_t count)
{
    CHECK(count <= UINT32_MAX);
    if (count <= FIXARRAY_MAX)
        buf_append_u8(b, (uint8_t)(FIXARRAY | count));
    else if (count <= UINT16_MAX)
        append_head(b, 0xdc, count, 2);
    else
        append_head(b, 0xdd, count, 4);
}

void msgpack_append_map(struct buf *b, size_t count)
{
    CHECK(count <= UINT32_MAX);
    if (count <= FIXMAP_MAX)
        buf_append_u8(b, (uint8_t)(FIXMAP | count));
    else if (count <= UINT16_MAX)
        append_head(b, 0xde, count, 2);
    else
        append_head(b, 0xdf, count, 4);
}
