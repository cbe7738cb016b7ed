/* stack/wire/varint: every width, minimal forms only. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/varint.h"

static void the_vectors_of_the_specification_go_both_ways(void **state)
{
    static const struct {
        uint64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},     {1, "01"},     {127, "7f"},       {128, "8001"},
        {255, "ff01"}, {300, "ac02"}, {16384, "808001"}, {INT64_MAX, "ffffffffffffffff7f"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t v;

        buf_clear(&b);
        varint_append(&b, cases[i].value);
        assert_slice_hex(buf_slice(&b), cases[i].hex);
        assert_int_equal(varint_size(cases[i].value), b.size);
        assert_int_equal(varint_read(buf_slice(&b), &v), b.size);
        assert_true(v == cases[i].value);
    }
    buf_deinit(&b);
}

static void what_is_not_minimal_or_over_63_bits_is_malformed(void **state)
{
    static const char *const hex[] = {"8000",
                                      "818000",
                                      "ff8000",
                                      "ffffffffffffffff8001",
                                      "ffffffffffffffffff01",
                                      "80808080808080808080"};

    (void)state;
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        uint8_t bytes[16];
        struct slice s = slice_of(bytes, hex_bytes(hex[i], bytes, sizeof bytes));
        struct cursor c = cursor_of(s);
        uint64_t v;

        assert_int_equal(varint_read(s, &v), ERR_MALFORMED);
        assert_true(cursor_varint(&c) == 0 && c.bad && cursor_at_end(&c));
    }
}

static void values_of_any_width_come_back_and_every_prefix_asks_for_more(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "varint");
    for (int round = 0; round < 20000; round++) {
        uint64_t value = rng_next(&r) >> rng_below(&r, 64), v = 0;
        uint8_t bytes[VARINT_SIZE_MAX + 1];
        size_t size = varint_write(bytes, value);

        assert_int_equal(size, varint_size(value));
        bytes[size] = 0xff; /* what follows is not looked at */
        if (value > INT64_MAX) {
            assert_int_equal(varint_read(slice_of(bytes, size + 1), &v), ERR_MALFORMED);
            continue;
        }
        assert_int_equal(varint_read(slice_of(bytes, size + 1), &v), size);
        assert_true(v == value);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(varint_read(slice_of(bytes, cut), &v), 0);
    }
}

static void a_cursor_walks_over_numbers_until_one_is_bad(void **state)
{
    uint8_t bytes[8];
    struct cursor c = cursor_of(slice_of(bytes, hex_bytes("05 ac02 80", bytes, sizeof bytes)));
    struct cursor empty = cursor_of(slice_of(NULL, 0));

    (void)state;
    assert_int_equal(cursor_varint(&c), 5);
    assert_int_equal(cursor_varint(&c), 300);
    assert_false(c.bad);
    assert_int_equal(cursor_varint(&c), 0);
    assert_true(c.bad);
    assert_int_equal(cursor_varint(&c), 0);
    assert_int_equal(cursor_varint(&empty), 0);
    assert_true(empty.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_specification_go_both_ways),
        cmocka_unit_test(what_is_not_minimal_or_over_63_bits_is_malformed),
        cmocka_unit_test(values_of_any_width_come_back_and_every_prefix_asks_for_more),
        cmocka_unit_test(a_cursor_walks_over_numbers_until_one_is_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
