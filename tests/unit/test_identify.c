/* stack/identify/identify: what is written, how messages merge, and what a reader puts up with. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/identify/identify.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

static const uint8_t addr[] = {0x04, 10, 0, 0, 1, 0x06, 0x23, 0x28};

static void assert_slice_text(struct slice got, const char *text)
{
    assert_true(slice_equal(got, slice_text(text)));
}

/* Feeds bytes to a fresh reader and finishes it; the error of whichever failed. */
static int read_all(struct slice bytes, struct identify_reader *r, struct identify *id)
{
    struct chain in;
    int err;

    chain_init(&in);
    chain_append(&in, bytes);
    identify_reader_init(r);
    err = identify_reader_feed(r, &in);
    if (err == ERR_OK && in.size > 0)
        err = ERR_TRUNCATED;
    chain_deinit(&in);
    return err == ERR_OK ? identify_reader_finish(r, id) : err;
}

static void fields_are_written_in_ascending_order(void **state)
{
    static struct identify id;
    struct buf b;

    (void)state;
    id = (struct identify){
        .public_key = slice_text("K"),
        .observed_addr = slice_of(addr, 5),
        .protocol_version = slice_text("v"),
        .agent_version = slice_text("a/1"),
        .signed_record = slice_text("R"),
        .listen_addrs = {slice_of(addr, 8), slice_of(NULL, 0), slice_of(addr, 5)},
        .protocols = {slice_text("/p/1"), slice_text("/q")},
        .listen_addr_count = 3,
        .protocol_count = 2,
    };
    buf_init(&b, 1024);
    assert_int_equal(identify_write(&id, &b), 0);
    assert_slice_hex(buf_slice(&b), "30 0a014b 1208040a000001062328 1205040a000001 1a042f702f31"
                                    "1a022f71 2205040a000001 2a0176 3203612f31 420152");
    buf_deinit(&b);
}

static void what_is_empty_is_left_out(void **state)
{
    static struct identify id;
    struct buf b;

    (void)state;
    id = (struct identify){0};
    buf_init(&b, 1024);
    assert_int_equal(identify_write(&id, &b), 0);
    assert_slice_hex(buf_slice(&b), "00");
    buf_deinit(&b);
}

static void a_large_message_with_a_record_goes_out_as_two(void **state)
{
    static char name[1900], record[140];
    static struct identify id;
    struct buf b;
    struct slice body;
    struct cursor c;

    (void)state;
    memset(name, 'n', sizeof name);
    buf_init(&b, 8192);
    /* 3 + 1900 and 3 + 140 bytes make 2046; three more are one too many. */
    id = (struct identify){.protocols = {slice_of(name, sizeof name)},
                           .protocol_count = 1,
                           .signed_record = slice_of(record, sizeof record),
                           .agent_version = slice_text("")};
    assert_int_equal(identify_write(&id, &b), 0);
    assert_int_equal(b.size, 2 + 2046);
    buf_clear(&b);
    id.agent_version = slice_text("a");
    assert_int_equal(identify_write(&id, &b), 0);
    c = cursor_of(buf_slice(&b));
    body = cursor_bytes(&c, (size_t)cursor_varint(&c));
    assert_int_equal(body.size, 1903 + 3);
    body = cursor_bytes(&c, (size_t)cursor_varint(&c));
    assert_int_equal(body.size, 143);
    assert_int_equal(body.data[0], 0x42);
    assert_true(!c.bad && cursor_at_end(&c));
    /* Without a record there is nothing to split off. */
    buf_clear(&b);
    id.signed_record = slice_of(NULL, 0);
    id.observed_addr = slice_of(record, sizeof record);
    assert_int_equal(identify_write(&id, &b), 0);
    c = cursor_of(buf_slice(&b));
    assert_int_equal(cursor_varint(&c), 1903 + 3 + 143);
    buf_deinit(&b);
}

static void the_last_listen_addresses_give_way(void **state)
{
    static uint8_t dns[300] = {0x35, 0xa9, 0x02};
    static struct identify id, back;
    struct identify_reader r;
    struct buf b;

    (void)state;
    memset(dns + 3, 'd', 297);
    id = (struct identify){.protocols = {slice_text("/p")}, .protocol_count = 1};
    for (id.listen_addr_count = 0; id.listen_addr_count < 20; id.listen_addr_count++)
        id.listen_addrs[id.listen_addr_count] = slice_of(dns, sizeof dns);
    buf_init(&b, 8192);
    assert_int_equal(identify_write(&id, &b), 0);
    assert_int_equal(b.size, 2 + 4 + 13 * 303); /* 3943: a fourteenth would pass 4096 */
    assert_int_equal(read_all(buf_slice(&b), &r, &back), 0);
    assert_int_equal(back.listen_addr_count, 13);
    assert_int_equal(back.protocol_count, 1);
    identify_reader_deinit(&r);
    buf_deinit(&b);
}

static void what_no_reader_would_take_is_not_written(void **state)
{
    static uint8_t zeros[IDENTIFY_MESSAGE_MAX];
    static struct identify id;
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    buf_append(&b, "kept", 4);
    id = (struct identify){.agent_version = slice_of(zeros, sizeof zeros - 2)};
    assert_int_equal(identify_write(&id, &b), ERR_TOO_LARGE);
    id.agent_version.size--; /* 1 + 2 + 8189 bytes */
    assert_int_equal(identify_write(&id, &b), 0);
    id = (struct identify){.signed_record = slice_of(zeros, sizeof zeros - 2)};
    b.size = 4;
    assert_int_equal(identify_write(&id, &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 4);
    buf_deinit(&b);
    buf_init(&b, 10);
    id = (struct identify){.agent_version = slice_of(zeros, 10)};
    assert_int_equal(identify_write(&id, &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
}

/* A message of random fields, of at most about `room` bytes, whose slices point into `bytes`. */
static void make_random(struct rng *rng, struct identify *id, const uint8_t *bytes, size_t room)
{
    struct slice *const fields[] = {&id->public_key, &id->protocol_version, &id->agent_version,
                                    &id->signed_record};

    *id = (struct identify){0};
    for (size_t i = 0; i < 4; i++)
        if (rng_chance(rng, 2, 3))
            *fields[i] = slice_of(bytes, 1 + (size_t)rng_below(rng, room / 4));
    id->protocol_count = (size_t)rng_below(rng, 40);
    for (size_t i = 0; i < id->protocol_count; i++)
        id->protocols[i] = slice_of(bytes + i, 1 + (size_t)rng_below(rng, 30));
    id->has_protocols = id->protocol_count > 0;
    id->listen_addr_count = (size_t)rng_below(rng, 30);
    for (size_t i = 0; i < id->listen_addr_count; i++)
        id->listen_addrs[i] = slice_of(addr, rng_chance(rng, 1, 2) ? 8 : 5);
    if (rng_chance(rng, 1, 2))
        id->observed_addr = slice_of(addr, 8);
}

static void assert_same(const struct identify *a, const struct identify *b)
{
    assert_true(slice_equal(a->public_key, b->public_key));
    assert_true(slice_equal(a->observed_addr, b->observed_addr));
    assert_true(slice_equal(a->protocol_version, b->protocol_version));
    assert_true(slice_equal(a->agent_version, b->agent_version));
    assert_true(slice_equal(a->signed_record, b->signed_record));
    assert_int_equal(a->has_protocols, b->has_protocols);
    assert_int_equal(a->protocol_count, b->protocol_count);
    for (size_t i = 0; i < a->protocol_count; i++)
        assert_true(slice_equal(a->protocols[i], b->protocols[i]));
    assert_int_equal(a->listen_addr_count, b->listen_addr_count);
    for (size_t i = 0; i < a->listen_addr_count; i++)
        assert_true(slice_equal(a->listen_addrs[i], b->listen_addrs[i]));
}

struct feeding {
    struct identify_reader reader;
    struct chain in;
    int err;
};

static void feed(void *ctx, struct slice piece)
{
    struct feeding *f = ctx;

    chain_append(&f->in, piece);
    if (f->err == ERR_OK)
        f->err = identify_reader_feed(&f->reader, &f->in);
}

static void what_is_written_is_read_however_it_is_cut(void **state)
{
    static uint8_t bytes[4096];
    static struct identify id, back;
    struct rng rng;
    struct buf b;

    (void)state;
    rng_init(&rng, 1, "identify");
    rng_fill(&rng, bytes, sizeof bytes);
    buf_init(&b, 65536);
    for (int round = 0; round < 300; round++) {
        struct feeding f = {0};

        make_random(&rng, &id, bytes, round % 2 ? 4000 : 400);
        buf_clear(&b);
        assert_int_equal(identify_write(&id, &b), 0);
        identify_reader_init(&f.reader);
        chain_init(&f.in);
        split_feed(&rng, buf_slice(&b), feed, &f);
        assert_int_equal(f.err, 0);
        assert_int_equal(f.in.size, 0);
        assert_int_equal(identify_reader_finish(&f.reader, &back), 0);
        assert_same(&id, &back);
        identify_reader_deinit(&f.reader);
    }
    buf_deinit(&b);
}

static void several_messages_merge_as_protobuf_does(void **state)
{
    static struct identify id;
    struct identify_reader r;
    struct blob *b = hex_blob("09 1a022f61 320178 5001" /* /a, agent x, a field nobody knows */
                              "00"
                              "0b 1a022f62 320179 1a022f63"); /* /b, agent y, /c */

    (void)state;
    assert_int_equal(read_all(blob_slice(b), &r, &id), 0);
    assert_int_equal(r.messages, 3);
    assert_slice_text(id.agent_version, "y");
    assert_int_equal(id.protocol_count, 3);
    assert_slice_text(id.protocols[0], "/a");
    assert_slice_text(id.protocols[2], "/c");
    assert_true(id.has_protocols);
    identify_reader_deinit(&r);
    blob_unref(b);
}

static void unusable_addresses_are_left_out(void **state)
{
    static struct identify id;
    struct identify_reader r;
    struct blob *b = hex_blob("16 1200 1203ff7f00 1205047f000001 120106 2203ff7f01");

    (void)state;
    assert_int_equal(read_all(blob_slice(b), &r, &id), 0);
    assert_int_equal(id.listen_addr_count, 1);
    assert_slice_hex(id.listen_addrs[0], "047f000001");
    assert_int_equal(id.observed_addr.size, 0);
    assert_false(id.has_protocols);
    identify_reader_deinit(&r);
    blob_unref(b);
}

static void a_stream_without_a_message_tells_nothing(void **state)
{
    static struct identify id;
    struct identify_reader r;

    (void)state;
    assert_int_equal(read_all(slice_of(NULL, 0), &r, &id), ERR_TRUNCATED);
    identify_reader_deinit(&r);
    assert_int_equal(read_all(slice_of("\0", 1), &r, &id), 0);
    assert_int_equal(id.protocol_count + id.listen_addr_count, 0);
    identify_reader_deinit(&r);
}

static void wrong_streams_give_the_right_error(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"8140", ERR_TOO_LARGE}, /* 8193 bytes, refused before they come */
        {"ffffffffffffffff7f", ERR_TOO_LARGE},
        {"ffffffffffffffffffff", ERR_MALFORMED}, /* no such varint */
        {"8000", ERR_MALFORMED},                 /* not minimal */
        {"03 1a0361", ERR_MALFORMED},            /* a field longer than its message */
        {"03 1a0361 0262 63", ERR_MALFORMED},    /* even if the next message would complete it */
        {"01 0b", ERR_MALFORMED},                /* a group */
        {"05 1a0161", ERR_TRUNCATED},
        {"80", ERR_TRUNCATED},
        {"00000000000000000000", ERR_OK},
        {"0000000000000000000000", ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct identify id;
        struct identify_reader r;
        struct blob *b = hex_blob(cases[i].hex);

        assert_int_equal(read_all(blob_slice(b), &r, &id), cases[i].err);
        identify_reader_deinit(&r);
        blob_unref(b);
    }
}

static void more_than_is_kept_is_ignored(void **state)
{
    static struct identify id;
    struct identify_reader r;
    struct buf body, b;

    (void)state;
    buf_init(&body, IDENTIFY_MESSAGE_MAX);
    buf_init(&b, IDENTIFY_MESSAGE_MAX + 2);
    for (int i = 0; i < IDENTIFY_ADDRS_MAX + 1; i++)
        pb_append_bytes(&body, 2, slice_of(addr, sizeof addr));
    for (int i = 0; i < IDENTIFY_PROTOCOLS_MAX + 1; i++)
        pb_append_bytes(&body, 3, slice_text("/p"));
    varint_append(&b, body.size);
    buf_append_slice(&b, buf_slice(&body));
    assert_int_equal(read_all(buf_slice(&b), &r, &id), 0);
    assert_int_equal(id.listen_addr_count, IDENTIFY_ADDRS_MAX);
    assert_int_equal(id.protocol_count, IDENTIFY_PROTOCOLS_MAX);
    identify_reader_deinit(&r);
    buf_deinit(&body);
    buf_deinit(&b);
}

static void random_bytes_are_read_within_the_limits(void **state)
{
    static struct identify id;
    struct rng rng;

    (void)state;
    rng_init(&rng, 2, "identify");
    for (int round = 0; round < 5000; round++) {
        static const uint8_t tags[] = {0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x42, 0x08};
        struct feeding f = {0};
        uint8_t bytes[200];
        size_t size = 1 + (size_t)rng_below(&rng, sizeof bytes);

        for (size_t i = 0; i < size; i++)
            bytes[i] = rng_chance(&rng, 1, 3) ? tags[rng_below(&rng, sizeof tags)]
                                              : (uint8_t)rng_below(&rng, 10);
        identify_reader_init(&f.reader);
        chain_init(&f.in);
        split_feed(&rng, slice_of(bytes, size), feed, &f);
        assert_true(f.reader.messages <= IDENTIFY_MESSAGES_MAX);
        assert_true(f.reader.bytes.size <= size);
        if (f.err == ERR_OK && f.reader.messages > 0)
            assert_int_equal(identify_reader_finish(&f.reader, &id), 0);
        identify_reader_deinit(&f.reader);
        chain_deinit(&f.in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_written_in_ascending_order),
        cmocka_unit_test(what_is_empty_is_left_out),
        cmocka_unit_test(a_large_message_with_a_record_goes_out_as_two),
        cmocka_unit_test(the_last_listen_addresses_give_way),
        cmocka_unit_test(what_no_reader_would_take_is_not_written),
        cmocka_unit_test(what_is_written_is_read_however_it_is_cut),
        cmocka_unit_test(several_messages_merge_as_protobuf_does),
        cmocka_unit_test(unusable_addresses_are_left_out),
        cmocka_unit_test(a_stream_without_a_message_tells_nothing),
        cmocka_unit_test(wrong_streams_give_the_right_error),
        cmocka_unit_test(more_than_is_kept_is_ignored),
        cmocka_unit_test(random_bytes_are_read_within_the_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
