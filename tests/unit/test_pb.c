/* stack/wire/pb: fields in and out, and malformed input of every kind. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

static void all_four_wire_types_are_read(void **state)
{
    uint8_t bytes[64];
    struct cursor c = cursor_of(
        slice_of(bytes, hex_bytes("089601 12027a7a 1d04030201 210807060504030201 f8ffffff0f01 0a00",
                                  bytes, sizeof bytes)));
    struct pb_field f;

    (void)state;
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 1 && f.type == PB_VARINT && f.value == 150);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 2 && f.type == PB_BYTES && slice_equal(f.bytes, slice_text("zz")));
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 3 && f.type == PB_FIXED32 && f.value == 0x01020304);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 4 && f.type == PB_FIXED64 && f.value == 0x0102030405060708);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 0x1fffffff && f.type == PB_VARINT && f.value == 1);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 1 && f.type == PB_BYTES && f.bytes.size == 0);
    assert_int_equal(pb_next(&c, &f), 0);
    assert_int_equal(pb_next(&c, &f), 0);
}

static void varints_may_be_longer_than_needed_and_have_64_bits(void **state)
{
    uint8_t bytes[64];
    struct cursor c = cursor_of(
        slice_of(bytes, hex_bytes("08 ffffffffffffffffff01 8800 8100 0a 8300 616263 08 80808080808"
                                  "080808000",
                                  bytes, sizeof bytes)));
    struct pb_field f;

    (void)state;
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.value == UINT64_MAX);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.number == 1 && f.value == 1);
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(slice_equal(f.bytes, slice_text("abc")));
    assert_int_equal(pb_next(&c, &f), 1);
    assert_true(f.value == 0);
    assert_int_equal(pb_next(&c, &f), 0);
}

static void wrong_fields_are_malformed(void **state)
{
    static const char *const hex[] = {
        "08", /* no value */
        "0880",
        "08ffffffffffffffffff02",    /* 65 bits */
        "0880808080808080808080 00", /* eleven bytes */
        "0a",
        "0a01",
        "0a05 61626364",
        "0affffffffffffffffff01 61",
        "0d010203",
        "0901020304050607",
        "0001",          /* field 0 */
        "8080808010 01", /* field 2^29 */
        "0b",            /* groups */
        "0c",
        "0e00", /* no such wire types */
        "0f00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        uint8_t bytes[32];
        struct cursor c = cursor_of(slice_of(bytes, hex_bytes(hex[i], bytes, sizeof bytes)));
        struct pb_field f;

        assert_int_equal(pb_next(&c, &f), ERR_MALFORMED);
    }
}

static void the_announced_sizes_are_those_written(void **state)
{
    struct rng r;
    struct buf b;
    static uint8_t bytes[300];

    (void)state;
    rng_init(&r, 1, "pb");
    rng_fill(&r, bytes, sizeof bytes);
    buf_init(&b, 1024);
    for (int round = 0; round < 5000; round++) {
        uint32_t number = 1 + (uint32_t)(rng_below(&r, 0x1fffffff) >> rng_below(&r, 29));
        uint64_t value = rng_next(&r) >> rng_below(&r, 64);
        struct slice s = slice_of(bytes, (size_t)rng_below(&r, sizeof bytes));
        uint8_t head[2 * VARINT_SIZE_MAX];
        struct cursor c;
        struct pb_field f;

        buf_clear(&b);
        pb_append_varint(&b, number, value);
        assert_int_equal(b.size, pb_varint_size(number, value));
        pb_append_bytes(&b, number, s);
        assert_int_equal(b.size, pb_varint_size(number, value) + pb_bytes_size(number, s.size));
        assert_int_equal(pb_write_bytes_head(head, number, s.size) + s.size,
                         pb_bytes_size(number, s.size));
        assert_memory_equal(head, b.data + pb_varint_size(number, value),
                            pb_bytes_size(number, s.size) - s.size);
        c = cursor_of(buf_slice(&b));
        assert_int_equal(pb_next(&c, &f), 1);
        assert_true(f.number == number && f.type == PB_VARINT && f.value == value);
        assert_int_equal(pb_next(&c, &f), 1);
        assert_true(f.number == number && f.type == PB_BYTES && slice_equal(f.bytes, s));
        assert_int_equal(pb_next(&c, &f), 0);
    }
    buf_deinit(&b);
}

static void random_bytes_are_read_within_their_bounds(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 2, "pb");
    for (int round = 0; round < 30000; round++) {
        uint8_t bytes[40];
        size_t size = 1 + (size_t)rng_below(&r, sizeof bytes);
        struct cursor c = cursor_of(slice_of(bytes, size));
        struct pb_field f;
        size_t fields = 0;
        int more;

        rng_fill(&r, bytes, size);
        for (size_t i = 0; i < size; i++)
            if (rng_chance(&r, 1, 2))
                bytes[i] &= 0x0f;
        while ((more = pb_next(&c, &f)) > 0) {
            fields++;
            assert_true(f.number > 0);
            if (f.type == PB_BYTES)
                assert_true(f.bytes.data >= bytes && f.bytes.data + f.bytes.size <= bytes + size);
        }
        assert_true(fields <= size / 2);
        assert_true(more == ERR_MALFORMED || cursor_at_end(&c));
    }
}

/* A reader that knows nothing but the encoding guide: a tag of one byte for bytes, a size of one byte. */
static void the_short_way_reads_fields_of_short_heads_only(void **state)
{
    (void)state;
    for (unsigned tag = 0; tag < 256; tag++) {
        for (unsigned size = 0; size < 256; size++) {
            uint8_t bytes[20] = {(uint8_t)tag, (uint8_t)size};
            struct cursor c = cursor_of(slice_of(bytes, sizeof bytes)), same = c;
            bool wanted = tag >= 8 && tag < 0x80 && tag % 8 == 2 && size <= sizeof bytes - 2;
            struct slice got = {NULL, 0};
            struct pb_field f;
            uint32_t number = 0;

            assert_int_equal(pb_next_short(&c, &number, &got), wanted);
            if (!wanted) {
                assert_ptr_equal(c.at, bytes);
                continue;
            }
            assert_int_equal(number, tag / 8);
            assert_int_equal(got.size, size);
            assert_int_equal(pb_next(&same, &f), 1);
            assert_true(f.number == number && f.type == PB_BYTES && f.bytes.data == got.data && same.at == c.at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_four_wire_types_are_read),
        cmocka_unit_test(varints_may_be_longer_than_needed_and_have_64_bits),
        cmocka_unit_test(wrong_fields_are_malformed),
        cmocka_unit_test(the_announced_sizes_are_those_written),
        cmocka_unit_test(the_short_way_reads_fields_of_short_heads_only),
        cmocka_unit_test(random_bytes_are_read_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
