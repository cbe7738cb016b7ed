/* A borrowed byte range and a bounds-checked reader over it.
 *
 * A slice is valid until the function it was passed to returns, unless that function says otherwise.
 * A cursor that was asked for more than there is sets `bad` and returns zeros from then on, so a parser
 * checks once, at the end. */
#ifndef STACK_BASE_SLICE_H
#define STACK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){data, size};
}

static inline struct slice slice_text(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Bytewise, a shorter prefix first: <0, 0, >0. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;

    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct cursor cursor_of(struct slice s)
{
    const uint8_t *at = s.data ? s.data : (const uint8_t *)""; /* NULL + 0 is undefined in C */

    return (struct cursor){at, at + s.size, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static inline bool cursor_at_end(const struct cursor *c)
{
    return c->at == c->end;
}

/* The next `size` bytes; an empty slice and `bad` when there are fewer. */
static inline struct slice cursor_bytes(struct cursor *c, size_t size)
{
    struct slice s = {c->at, size};

    if (c->bad || size > cursor_left(c)) {
        c->bad = true;
        c->at = c->end;
        return (struct slice){c->end, 0};
    }
    c->at += size;
    return s;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    struct slice s = cursor_bytes(c, 1);

    return s.size ? s.data[0] : 0;
}

static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline uint64_t load_le64(const uint8_t *p) /* compilers make it one load */
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Up to seven bytes, the rest zero. */
static inline uint64_t load_le_tail(const uint8_t *p, size_t size)
{
    uint64_t v = 0;

    if (size & 4)
        v = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
    if (size & 2)
        v |= ((uint64_t)p[size & 4] | (uint64_t)p[(size & 4) + 1] << 8) << (size & 4) * 8;
    if (size & 1)
        v |= (uint64_t)p[size & 6] << (size & 6) * 8;
    return v;
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    store_be32(p, (uint32_t)(v >> 32));
    store_be32(p + 4, (uint32_t)v);
}

static inline void store_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint16_t cursor_be16(struct cursor *c)
{
    struct slice s = cursor_bytes(c, 2);

    return s.size ? load_be16(s.data) : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
    struct slice s = cursor_bytes(c, 4);

    return s.size ? load_be32(s.data) : 0;
}

static inline uint64_t cursor_be64(struct cursor *c)
{
    struct slice s = cursor_bytes(c, 8);

    return s.size ? load_be64(s.data) : 0;
}

#endif
