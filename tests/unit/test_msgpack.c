/* stack/wire/msgpack: shortest forms, bounds, and a reader that survives anything. */
#include "tests/lib/test.h"

#include "stack/wire/msgpack.h"

#define ROOM_MAX (1 << 18)

static void every_number_is_written_in_its_shortest_form(void **state)
{
    static const struct {
        uint64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65535, "cdffff"},
        {65536, "ce00010000"},
        {UINT32_MAX, "ceffffffff"},
        {UINT64_C(1) << 32, "cf0000000100000000"},
        {UINT64_MAX, "cfffffffffffffffff"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROOM_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cursor c;

        buf_clear(&b);
        msgpack_append_uint(&b, cases[i].value);
        assert_slice_hex(buf_slice(&b), cases[i].hex);
        c = cursor_of(buf_slice(&b));
        assert_int_equal(msgpack_peek(&c), MSGPACK_UINT);
        assert_true(msgpack_read_uint(&c) == cases[i].value);
        assert_true(!c.bad && cursor_at_end(&c));
    }
    buf_deinit(&b);
}

/* Writes a value of `size` bytes, or the head of one with as many entries; returns the size of the
 * head. */
static size_t write_sized(struct buf *b, enum msgpack_type type, size_t size)
{
    static const uint8_t zeros[70000];
    struct slice s = slice_of(zeros, size);

    buf_clear(b);
    switch ((int)type) {
    case MSGPACK_STR:
        msgpack_append_str(b, s);
        return b->size - size;
    case MSGPACK_BIN:
        msgpack_append_bin(b, s);
        return b->size - size;
    case MSGPACK_ARRAY:
        msgpack_append_array(b, size);
        break;
    default:
        msgpack_append_map(b, size);
        break;
    }
    return b->size;
}

static void lengths_and_counts_are_written_in_their_shortest_form(void **state)
{
    static const struct {
        enum msgpack_type type;
        size_t size, head_size;
        uint8_t lead;
    } cases[] = {
        {MSGPACK_STR, 0, 1, 0xa0},     {MSGPACK_STR, 31, 1, 0xbf},
        {MSGPACK_STR, 32, 2, 0xd9},    {MSGPACK_STR, 255, 2, 0xd9},
        {MSGPACK_STR, 256, 3, 0xda},   {MSGPACK_STR, 65535, 3, 0xda},
        {MSGPACK_STR, 65536, 5, 0xdb}, {MSGPACK_BIN, 0, 2, 0xc4},
        {MSGPACK_BIN, 255, 2, 0xc4},   {MSGPACK_BIN, 256, 3, 0xc5},
        {MSGPACK_BIN, 65536, 5, 0xc6}, {MSGPACK_ARRAY, 15, 1, 0x9f},
        {MSGPACK_ARRAY, 16, 3, 0xdc},  {MSGPACK_ARRAY, 65536, 5, 0xdd},
        {MSGPACK_MAP, 15, 1, 0x8f},    {MSGPACK_MAP, 16, 3, 0xde},
        {MSGPACK_MAP, 65536, 5, 0xdf},
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROOM_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(write_sized(&b, cases[i].type, cases[i].size), cases[i].head_size);
        assert_int_equal(b.data[0], cases[i].lead);
        if (cases[i].type == MSGPACK_STR || cases[i].type == MSGPACK_BIN) {
            struct cursor c = cursor_of(buf_slice(&b));

            assert_int_equal(msgpack_read_any(&c).size, b.size);
            assert_false(c.bad);
        }
    }
    buf_deinit(&b);
}

static void algorands_handshake_map_is_reproduced(void **state)
{
    static const char *const pairs[][2] = {
        {"X-Algorand-Accept-Version", "2.2"},
        {"X-Algorand-Genesis", "test-v1"},
        {"X-Algorand-Instancename", ""},
        {"X-Algorand-Peer-Features", "ppzstd,avvpack,avvpack2048"},
        {"X-Algorand-Telid", ""},
        {"X-Algorand-Version", "2.2"},
    };
    struct buf b;
    struct cursor c;

    (void)state;
    buf_init(&b, 65535);
    msgpack_append_map(&b, 6);
    for (size_t i = 0; i < 6; i++) {
        msgpack_append_str(&b, slice_text(pairs[i][0]));
        msgpack_append_array(&b, 1);
        msgpack_append_str(&b, slice_text(pairs[i][1]));
    }
    assert_slice_hex(
        buf_slice(&b),
        "86b9582d416c676f72616e642d4163636570742d56657273696f6e91a3322e32b2582d416c676f72616e"
        "642d47656e6573697391a7746573742d7631b7582d416c676f72616e642d496e7374616e63656e616d65"
        "91a0b8582d416c676f72616e642d506565722d466561747572657391ba70707a7374642c617676706163"
        "6b2c6176767061636b32303438b0582d416c676f72616e642d54656c696491a0b2582d416c676f72616e"
        "642d56657273696f6e91a3322e32");
    c = cursor_of(buf_slice(&b));
    assert_int_equal(msgpack_read_map(&c, 64), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_true(slice_equal(msgpack_read_str(&c, 64), slice_text(pairs[i][0])));
        assert_int_equal(msgpack_read_array(&c, 16), 1);
        assert_true(slice_equal(msgpack_read_str(&c, 64), slice_text(pairs[i][1])));
    }
    assert_true(!c.bad && cursor_at_end(&c));
    buf_deinit(&b);
}

static struct cursor cursor_of_hex(const char *hex, uint8_t *room, size_t size)
{
    return cursor_of(slice_of(room, hex_bytes(hex, room, size)));
}

static void wider_forms_than_needed_are_read(void **state)
{
    uint8_t room[64];
    struct cursor c = cursor_of_hex(
        "cf0000000000000005 da000161 c600000001ff dd00000001c3 df00000000", room, sizeof room);

    (void)state;
    assert_true(msgpack_read_uint(&c) == 5);
    assert_true(slice_equal(msgpack_read_str(&c, 1), slice_text("a")));
    assert_int_equal(msgpack_read_bin(&c, 1).size, 1);
    assert_int_equal(msgpack_read_array(&c, 1), 1);
    assert_true(msgpack_read_bool(&c));
    assert_int_equal(msgpack_read_map(&c, 0), 0);
    assert_true(!c.bad && cursor_at_end(&c));
}

static void what_was_not_asked_for_is_bad(void **state)
{
    static const struct {
        enum msgpack_type ask;
        const char *hex;
    } cases[] = {
        {MSGPACK_UINT, ""},
        {MSGPACK_UINT, "a161"},
        {MSGPACK_UINT, "ff"},
        {MSGPACK_UINT, "d001"},
        {MSGPACK_UINT, "cd01"},
        {MSGPACK_UINT, "c0"},
        {MSGPACK_STR, "a5616263"},
        {MSGPACK_STR, "c40161"},
        {MSGPACK_STR, "d9"},
        {MSGPACK_STR, "a9616161616161616161"},
        {MSGPACK_BIN, "a161"},
        {MSGPACK_BIN, "c402ff"},
        {MSGPACK_BIN, "c6ffffffff"},
        {MSGPACK_ARRAY, "93c0c0"},
        {MSGPACK_ARRAY, "ddffffffff"},
        {MSGPACK_ARRAY, "80"},
        {MSGPACK_MAP, "82c0c0c0"},
        {MSGPACK_MAP, "99c0c0"},
        {MSGPACK_BOOL, "01"},
        {MSGPACK_NIL, "c1"},
        {MSGPACK_NIL, "ca00000000"},
        {MSGPACK_NIL, "d40100"},
        {MSGPACK_NIL, "91ca00000000"},
        {MSGPACK_NIL, "82c0c0c0"},
        {MSGPACK_NIL, "92c0"},
        {MSGPACK_NIL, "cb0000000000000000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[32];
        struct cursor c = cursor_of_hex(cases[i].hex, room, sizeof room);

        if (cases[i].ask == MSGPACK_UINT)
            assert_true(msgpack_read_uint(&c) == 0);
        else if (cases[i].ask == MSGPACK_STR)
            assert_int_equal(msgpack_read_str(&c, 8).size, 0);
        else if (cases[i].ask == MSGPACK_BIN)
            assert_int_equal(msgpack_read_bin(&c, SIZE_MAX).size, 0);
        else if (cases[i].ask == MSGPACK_ARRAY)
            assert_int_equal(msgpack_read_array(&c, SIZE_MAX), 0);
        else if (cases[i].ask == MSGPACK_MAP)
            assert_int_equal(msgpack_read_map(&c, SIZE_MAX), 0);
        else if (cases[i].ask == MSGPACK_BOOL)
            assert_false(msgpack_read_bool(&c));
        else
            assert_int_equal(msgpack_read_any(&c).size, 0);
        assert_true(c.bad && cursor_at_end(&c));
    }
}

static void fixed_bytes_have_exactly_their_size(void **state)
{
    uint8_t room[16], out[4] = {1, 1, 1, 1};
    struct cursor c = cursor_of_hex("c404aabbccdd c403aabbcc", room, sizeof room);

    (void)state;
    msgpack_read_fixed(&c, out, sizeof out);
    assert_false(c.bad);
    assert_slice_hex(slice_of(out, sizeof out), "aabbccdd");
    msgpack_read_fixed(&c, out, sizeof out);
    assert_true(c.bad);
    assert_slice_hex(slice_of(out, sizeof out), "00000000");
}

static void values_nested_to_the_limit_are_skipped_and_deeper_ones_are_not(void **state)
{
    uint8_t bytes[MSGPACK_DEPTH_MAX + 2];

    (void)state;
    memset(bytes, 0x91, sizeof bytes);
    for (size_t depth = 0; depth <= MSGPACK_DEPTH_MAX + 1; depth++) {
        struct cursor c = cursor_of(slice_of(bytes, depth + 1));

        bytes[depth] = 0xc0;
        assert_int_equal(msgpack_read_any(&c).size, depth <= MSGPACK_DEPTH_MAX ? depth + 1 : 0);
        assert_int_equal(c.bad, depth > MSGPACK_DEPTH_MAX);
        bytes[depth] = 0x91;
    }
}

/* Appends a random value, at most `depth` deep. */
static void write_random(struct rng *r, struct buf *b, unsigned depth)
{
    static const uint8_t zeros[300];
    size_t count = (size_t)rng_below(r, 4);

    switch (rng_below(r, depth ? 6 : 4)) {
    case 0:
        msgpack_append_uint(b, rng_next(r) >> rng_below(r, 64));
        break;
    case 1:
        msgpack_append_bool(b, rng_chance(r, 1, 2));
        break;
    case 2:
        msgpack_append_str(b, slice_of(zeros, (size_t)rng_below(r, sizeof zeros)));
        break;
    case 3:
        msgpack_append_bin(b, slice_of(zeros, (size_t)rng_below(r, sizeof zeros)));
        break;
    case 4:
        msgpack_append_array(b, count);
        for (size_t i = 0; i < count; i++)
            write_random(r, b, depth - 1);
        break;
    default:
        msgpack_append_map(b, count);
        for (size_t i = 0; i < 2 * count; i++)
            write_random(r, b, depth - 1);
        break;
    }
}

static void a_value_is_skipped_whole_and_never_when_cut_short(void **state)
{
    struct rng r;
    struct buf b;

    (void)state;
    rng_init(&r, 5, "msgpack");
    buf_init(&b, ROOM_MAX);
    for (int round = 0; round < 300; round++) {
        struct cursor c;

        buf_clear(&b);
        write_random(&r, &b, 4);
        c = cursor_of(buf_slice(&b));
        assert_int_equal(msgpack_read_any(&c).size, b.size);
        assert_true(!c.bad && cursor_at_end(&c));
        c = cursor_of(slice_of(b.data, (size_t)rng_below(&r, b.size)));
        msgpack_skip(&c);
        assert_true(c.bad);
    }
    buf_deinit(&b);
}

static void random_bytes_are_read_without_harm(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 6, "msgpack");
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[48];
        size_t size = (size_t)rng_below(&r, sizeof bytes) + 1;
        struct cursor c = cursor_of(slice_of(bytes, size));

        rng_fill(&r, bytes, size);
        while (!c.bad && !cursor_at_end(&c)) {
            const uint8_t *before = c.at;
            struct slice value = msgpack_read_any(&c);

            assert_true(c.at > before && c.at <= bytes + size);
            assert_true(c.bad ? value.size == 0 : value.size == (size_t)(c.at - before));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_written_in_its_shortest_form),
        cmocka_unit_test(lengths_and_counts_are_written_in_their_shortest_form),
        cmocka_unit_test(algorands_handshake_map_is_reproduced),
        cmocka_unit_test(wider_forms_than_needed_are_read),
        cmocka_unit_test(what_was_not_asked_for_is_bad),
        cmocka_unit_test(fixed_bytes_have_exactly_their_size),
        cmocka_unit_test(values_nested_to_the_limit_are_skipped_and_deeper_ones_are_not),
        cmocka_unit_test(a_value_is_skipped_whole_and_never_when_cut_short),
        cmocka_unit_test(random_bytes_are_read_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
