/* Helpers of the unit tests. */
#include "tests/lib/test.h"

#include "stack/base/mem.h"

#include <stdio.h>

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t hex_bytes(const char *hex, uint8_t *out, size_t room)
{
    size_t size = 0;
    int high = -1;

    for (; *hex; hex++) {
        int n = nibble(*hex);

        if (n < 0)
            continue;
        if (high < 0) {
            high = n;
            continue;
        }
        assert_true(size < room);
        out[size++] = (uint8_t)(high << 4 | n);
        high = -1;
    }
    assert_int_equal(high, -1);
    return size;
}

struct blob *hex_blob(const char *hex)
{
    size_t room = strlen(hex) / 2 + 1;
    uint8_t *bytes = mem_alloc(room);
    struct blob *b = blob_copy(slice_of(bytes, hex_bytes(hex, bytes, room)));

    mem_free(bytes);
    return b;
}

void chain_append_hex(struct chain *c, const char *hex)
{
    chain_give(c, span_give(hex_blob(hex)));
}

void assert_slice_hex(struct slice got, const char *hex)
{
    struct blob *wanted = hex_blob(hex);

    if (!slice_equal(got, blob_slice(wanted))) {
        fprintf(stderr, "got    ");
        for (size_t i = 0; i < got.size; i++)
            fprintf(stderr, "%02x", got.data[i]);
        fprintf(stderr, "\nwanted %s\n", hex);
    }
    assert_int_equal(got.size, wanted->size);
    assert_memory_equal(got.data, wanted->data, wanted->size);
    blob_unref(wanted);
}

void assert_chain_hex(const struct chain *c, const char *hex)
{
    uint8_t *bytes = mem_alloc(c->size);

    chain_peek(c, 0, bytes, c->size);
    assert_slice_hex(slice_of(bytes, c->size), hex);
    mem_free(bytes);
}

void split_feed(struct rng *r, struct slice input, void (*feed)(void *ctx, struct slice piece),
                void *ctx)
{
    while (input.size > 0) {
        size_t longest = rng_chance(r, 1, 2) ? 1 : input.size;
        size_t size = 1 + (size_t)rng_below(r, longest);

        feed(ctx, slice_of(input.data, size));
        input.data += size;
        input.size -= size;
    }
}
