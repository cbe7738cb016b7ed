/* stack/algorand: tags, topics, the handshake's metadata, the opening rule, and the hash that names
 * things. */
#include "tests/lib/test.h"

#include "stack/algorand/algorand.h"
#include "stack/algorand/handshake.h"
#include "stack/algorand/topics.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/msgpack.h"

static void sha512_256_gives_the_published_digests(void **state)
{
    uint8_t out[SHA512_256_SIZE];

    (void)state;
    sha512_256(out, slice_text("ab"), slice_text("c"));
    assert_slice_hex(slice_of(out, sizeof out),
                     "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
    sha512_256(out, slice_of(NULL, 0), slice_of(NULL, 0));
    assert_slice_hex(slice_of(out, sizeof out),
                     "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a");
}

static void every_tag_is_found_by_its_letters(void **state)
{
    (void)state;
    for (int tag = 0; tag < TAG_COUNT; tag++) {
        const struct tag_info *info = &tag_table[tag];

        assert_int_equal(tag_find((const uint8_t *)info->text), tag);
        assert_true(info->payload_max <= ALGORAND_FRAME_MAX);
        assert_true(strlen(info->name) > 0);
    }
    assert_int_equal(tag_find((const uint8_t *)"av"), TAG_COUNT);
    assert_int_equal(tag_find((const uint8_t *)"pi"), TAG_COUNT);
}

static void everything_but_state_proofs_is_wanted_by_default(void **state)
{
    (void)state;
    for (int tag = 0; tag < TAG_COUNT; tag++)
        assert_int_equal(tag_in(tag_set_default(), (enum tag)tag), tag != TAG_SP);
}

/* --- opening --- */

static struct peerid id_of(uint8_t last)
{
    struct peerid p = {.size = 38, .bytes = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20}};

    p.bytes[37] = last;
    return p;
}

static void the_opening_rule_follows_the_whole_matrix(void **state)
{
    enum { LOW = 1, HIGH = 9, PEER = 5 };
    static const struct {
        bool dialled, mesh, service;
        uint8_t local;
        enum algorand_opening wanted;
    } rows[] = {
        {true, true, true, LOW, ALGORAND_OPEN},       {true, true, false, LOW, ALGORAND_OPEN},
        {true, true, true, HIGH, ALGORAND_WAIT},      {true, true, false, HIGH, ALGORAND_WAIT},
        {true, false, true, LOW, ALGORAND_IGNORE},    {true, false, false, LOW, ALGORAND_IGNORE},
        {true, false, true, HIGH, ALGORAND_IGNORE},   {true, false, false, HIGH, ALGORAND_IGNORE},
        {false, false, true, LOW, ALGORAND_OPEN},     {false, true, true, LOW, ALGORAND_OPEN},
        {false, false, true, HIGH, ALGORAND_WAIT},    {false, true, true, HIGH, ALGORAND_WAIT},
        {false, false, false, LOW, ALGORAND_IGNORE},  {false, true, false, LOW, ALGORAND_IGNORE},
        {false, false, false, HIGH, ALGORAND_IGNORE}, {false, true, false, HIGH, ALGORAND_IGNORE},
    };
    struct peerid remote = id_of(PEER);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peerid local = id_of(rows[i].local);

        assert_int_equal(
            algorand_opening_rule(rows[i].dialled, rows[i].mesh, rows[i].service, &local, &remote),
            rows[i].wanted);
    }
}

static void of_two_mesh_peers_exactly_one_opens(void **state)
{
    struct peerid a = id_of(1), b = id_of(2);

    (void)state;
    for (int a_dials = 0; a_dials < 2; a_dials++) {
        int opens = (algorand_opening_rule(a_dials, true, true, &a, &b) == ALGORAND_OPEN) +
                    (algorand_opening_rule(!a_dials, true, true, &b, &a) == ALGORAND_OPEN);

        assert_int_equal(opens, 1);
    }
}

/* --- topics --- */

static struct topics_item item(const char *key, const void *data, size_t size)
{
    return (struct topics_item){slice_text(key), slice_of(data, size)};
}

static void a_block_request_is_written_as_published(void **state)
{
    static const uint8_t round[10] = {0xc0, 0x84, 0x3d}, nonce[10] = {1};
    struct topics t = {.count = 3,
                       .items = {item("requestDataType", "blockAndCert", 12),
                                 item("roundKey", round, sizeof round),
                                 item("nonce", nonce, sizeof nonce)}};
    struct buf b;
    uint8_t hash[SHA512_256_SIZE];

    (void)state;
    buf_init(&b, 1000);
    topics_write(&b, &t);
    assert_slice_hex(buf_slice(&b),
                     "030f7265717565737444617461547970650c626c6f636b416e644365727408726f756e"
                     "644b65790ac0843d00000000000000056e6f6e63650a01000000000000000000");
    assert_int_equal(b.size, tag_table[TAG_UE].payload_max);
    sha512_256(hash, buf_slice(&b), slice_of(NULL, 0));
    assert_slice_hex(slice_of(hash, sizeof hash),
                     "c899f2db47892c7c602462d98efc21f276a393966afb62871ff81ad1e4237036");
    assert_true(load_le64(hash) == 0x7c2c8947dbf299c8u);
    buf_deinit(&b);
}

static void the_first_topic_of_a_name_is_found(void **state)
{
    struct topics t = {
        .count = 3,
        .items = {item("RequestHash", "h", 1), item("Error", "one", 3), item("Error", "two", 3)}};
    struct topics back;
    struct slice data;
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    topics_write(&b, &t);
    buf_append_u8(&b, 0xff); /* what follows is ignored */
    assert_int_equal(topics_read(&back, buf_slice(&b)), 0);
    assert_int_equal(back.count, 3);
    assert_true(topics_find(&back, "Error", &data));
    assert_true(slice_equal(data, slice_text("one")));
    assert_false(topics_find(&back, "error", &data));
    buf_deinit(&b);
}

static void topics_survive_writing_and_reading(void **state)
{
    struct rng r;
    uint8_t bytes[600];

    (void)state;
    rng_init(&r, 3, "topics");
    rng_fill(&r, bytes, sizeof bytes);
    for (int round = 0; round < 300; round++) {
        struct topics t = {.count = (uint32_t)rng_below(&r, TOPICS_COUNT_MAX + 1)}, back;
        struct buf b;

        for (uint32_t i = 0; i < t.count; i++) {
            t.items[i].key = slice_of(bytes, 1 + (size_t)rng_below(&r, TOPICS_KEY_MAX));
            t.items[i].data = slice_of(bytes + 7, (size_t)rng_below(&r, 500));
        }
        buf_init(&b, 100000);
        topics_write(&b, &t);
        assert_int_equal(topics_read(&back, buf_slice(&b)), 0);
        assert_int_equal(back.count, t.count);
        for (uint32_t i = 0; i < t.count; i++) {
            assert_true(slice_equal(back.items[i].key, t.items[i].key));
            assert_true(slice_equal(back.items[i].data, t.items[i].data));
        }
        for (int cut = 0; cut < 5 && b.size > 1; cut++)
            assert_int_equal(topics_read(&back, slice_of(b.data, (size_t)rng_below(&r, b.size))),
                             ERR_TRUNCATED);
        buf_deinit(&b);
    }
}

static int read_hex(const char *hex)
{
    struct blob *b = hex_blob(hex);
    struct topics t;
    int err = topics_read(&t, blob_slice(b));

    blob_unref(b);
    return err;
}

static void bad_topics_are_refused_each_in_its_own_way(void **state)
{
    char big[200] = "0141";

    (void)state;
    assert_int_equal(read_hex(""), ERR_TRUNCATED);
    assert_int_equal(read_hex("00"), 0);
    assert_int_equal(read_hex("8000"), 0); /* Go takes numbers that are not minimal */
    assert_int_equal(read_hex("21"), ERR_TOO_LARGE);
    assert_int_equal(read_hex("010000"), ERR_MALFORMED);                 /* an empty key */
    assert_int_equal(read_hex("010141"), ERR_TRUNCATED);                 /* no data */
    assert_int_equal(read_hex("01014105414243"), ERR_TRUNCATED);         /* short data */
    assert_int_equal(read_hex("010141818080ff0f"), ERR_TOO_LARGE);       /* over 6 MiB */
    assert_int_equal(read_hex("01ffffffffffffffffff02"), ERR_MALFORMED); /* over 64 bits */
    assert_int_equal(read_hex("01ffffffffffffffffffff"), ERR_MALFORMED);
    for (int i = 0; i < 65; i++)
        strcat(big, "61");
    strcat(big, "00");
    assert_int_equal(read_hex(big), ERR_TOO_LARGE);
}

static int interest_of(const char *list, tag_set *wanted)
{
    struct topics t = {.count = 1, .items = {item("tags", list, strlen(list))}};
    struct buf b;
    int err;

    buf_init(&b, 100000);
    topics_write(&b, &t);
    err = topics_interest_read(buf_slice(&b), wanted);
    buf_deinit(&b);
    return err;
}

static void a_message_of_interest_names_the_wanted_tags(void **state)
{
    struct blob *b = hex_blob("0104746167730841562c50502c5458");
    tag_set wanted = 0;

    (void)state;
    assert_int_equal(topics_interest_read(blob_slice(b), &wanted), 0);
    assert_int_equal(wanted, 1u << TAG_AV | 1u << TAG_PP | 1u << TAG_TX);
    assert_int_equal(interest_of("SP", &wanted), 0);
    assert_int_equal(wanted, 1u << TAG_SP);
    assert_int_equal(interest_of("pi,VB,pj", &wanted), 0); /* ping and pong are skipped */
    assert_int_equal(wanted, 1u << TAG_VB);
    blob_unref(b);
}

static void a_bad_message_of_interest_changes_nothing(void **state)
{
    static const char *const lists[] = {"",   "A",     "AVV",   "AV,",  ",AV", "AV,,PP",
                                        "ZZ", "AV,ZZ", "AVxPP", "AV,P", "px",  "av"};
    tag_set wanted = 0x123;
    char *list = mem_alloc(1100);

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_int_equal(interest_of(lists[i], &wanted), ERR_MALFORMED);
    for (int i = 0; i < 1099; i += 3)
        memcpy(list + i, i + 3 < 1099 ? "AV," : "AV", i + 3 < 1099 ? 3 : 2);
    list[1098] = 0;
    assert_int_equal(interest_of(list, &wanted), ERR_TOO_LARGE);
    assert_int_equal(topics_interest_read(slice_text("\x01\x04tagz\x02"
                                                     "AV"),
                                          &wanted),
                     ERR_MALFORMED);
    assert_int_equal(wanted, 0x123);
    mem_free(list);
}

/* --- the handshake --- */

static struct span offer(const char *genesis, const char *features)
{
    const struct handshake_offer o = {genesis, features};

    return handshake_write(&o);
}

static int answer_of(struct span written, struct handshake_answer *answer)
{
    return handshake_read(answer, slice_of(written.data + 2, written.size - 2));
}

static void the_metadata_is_written_as_published(void **state)
{
    struct span s = offer("test-v1", "ppzstd,avvpack,avvpack2048");

    (void)state;
    assert_slice_hex(span_slice(s),
                     "00b686b9582d416c676f72616e642d4163636570742d56657273696f6e91a332"
                     "2e32b2582d416c676f72616e642d47656e6573697391a7746573742d7631b758"
                     "2d416c676f72616e642d496e7374616e63656e616d6591a0b8582d416c676f72"
                     "616e642d506565722d466561747572657391ba70707a7374642c617676706163"
                     "6b2c6176767061636b32303438b0582d416c676f72616e642d54656c696491a0"
                     "b2582d416c676f72616e642d56657273696f6e91a3322e32");
    span_unref(s);
}

static void features_are_read_and_unknown_ones_ignored(void **state)
{
    static const struct {
        const char *list;
        unsigned wanted;
    } rows[] = {
        {"", 0},
        {"ppzstd", HANDSHAKE_PPZSTD},
        {" ppzstd , avvpack,avvpack16",
         HANDSHAKE_PPZSTD | HANDSHAKE_AVVPACK | HANDSHAKE_AVVPACK_SIZED},
        {"avvpack2048", HANDSHAKE_AVVPACK_SIZED},
        {"avvpack4096,PPZSTD,,x,", 0},
        {",,avvpack", HANDSHAKE_AVVPACK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span s = offer("g", rows[i].list);
        struct handshake_answer answer;

        assert_int_equal(answer_of(s, &answer), 0);
        assert_int_equal(answer.features, rows[i].wanted);
        span_unref(s);
    }
}

struct header {
    const char *key;
    const char *values[18];
};

static int read_headers(const struct header *headers, size_t count, struct handshake_answer *answer)
{
    struct buf b;
    int err;

    buf_init(&b, 100000);
    msgpack_append_map(&b, count);
    for (size_t i = 0; i < count; i++) {
        size_t values = 0;

        while (headers[i].values[values])
            values++;
        msgpack_append_str(&b, slice_text(headers[i].key));
        msgpack_append_array(&b, values);
        for (size_t v = 0; v < values; v++)
            msgpack_append_str(&b, slice_text(headers[i].values[v]));
    }
    buf_append_u8(&b, 0xc1); /* bytes after the map are ignored */
    err = handshake_read(answer, buf_slice(&b));
    buf_deinit(&b);
    return err;
}

static void a_version_in_common_is_needed(void **state)
{
    struct handshake_answer answer;

    (void)state;
#define HEADERS(...)                                                                               \
    read_headers((const struct header[]){__VA_ARGS__},                                             \
                 sizeof((const struct header[]){__VA_ARGS__}) / sizeof(struct header), &answer)
    assert_int_equal(HEADERS({"X-Algorand-Accept-Version", {"9", "2.2", "2.1"}}), 0);
    assert_int_equal(HEADERS({"X-Algorand-Version", {"2.2"}}), 0);
    assert_int_equal(
        HEADERS({"X-Algorand-Accept-Version", {"2.1"}}, {"X-Algorand-Version", {"2.2", "1"}}), 0);
    assert_int_equal(HEADERS({"X-Algorand-Accept-Version", {"2.1"}}), ERR_UNSUPPORTED);
    assert_int_equal(HEADERS({"X-Algorand-Version", {"1", "2.2"}}), ERR_UNSUPPORTED);
    assert_int_equal(HEADERS({"X-Algorand-Version", {NULL}}), ERR_UNSUPPORTED);
    /* The case of a key counts. */
    assert_int_equal(HEADERS({"X-Algorand-accept-version", {"2.2"}}), ERR_UNSUPPORTED);
    /* At most 16 values a key. */
    assert_int_equal(HEADERS({"x",
                              {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13",
                               "14", "15", "16", "17"}}),
                     ERR_MALFORMED);
#undef HEADERS
}

static void more_than_64_keys_are_malformed(void **state)
{
    struct header headers[65];
    struct handshake_answer answer;

    (void)state;
    for (int i = 0; i < 65; i++)
        headers[i] = (struct header){"X-Algorand-Version", {"2.2"}};
    assert_int_equal(read_headers(headers, 64, &answer), 0);
    assert_int_equal(read_headers(headers, 65, &answer), ERR_MALFORMED);
}

static void truncated_or_random_metadata_never_crashes(void **state)
{
    struct span s = offer("mainnet-v1.0", "ppzstd");
    struct handshake_answer answer;
    struct rng r;

    (void)state;
    rng_init(&r, 5, "metadata");
    for (size_t size = 0; size < s.size - 2; size++) {
        uint8_t *cut = mem_alloc(size); /* of its own, so that the sanitizer sees the end */

        memcpy(cut, s.data + 2, size);
        assert_int_equal(handshake_read(&answer, slice_of(cut, size)), ERR_MALFORMED);
        mem_free(cut);
    }
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[200];
        size_t size = s.size - 2;

        memcpy(bytes, s.data + 2, size);
        for (uint64_t flips = 1 + rng_below(&r, 4); flips > 0; flips--)
            bytes[rng_below(&r, size)] = (uint8_t)rng_next(&r);
        handshake_read(&answer, slice_of(bytes, (size_t)rng_below(&r, size + 1)));
    }
    span_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512_256_gives_the_published_digests),
        cmocka_unit_test(every_tag_is_found_by_its_letters),
        cmocka_unit_test(everything_but_state_proofs_is_wanted_by_default),
        cmocka_unit_test(the_opening_rule_follows_the_whole_matrix),
        cmocka_unit_test(of_two_mesh_peers_exactly_one_opens),
        cmocka_unit_test(a_block_request_is_written_as_published),
        cmocka_unit_test(the_first_topic_of_a_name_is_found),
        cmocka_unit_test(topics_survive_writing_and_reading),
        cmocka_unit_test(bad_topics_are_refused_each_in_its_own_way),
        cmocka_unit_test(a_message_of_interest_names_the_wanted_tags),
        cmocka_unit_test(a_bad_message_of_interest_changes_nothing),
        cmocka_unit_test(the_metadata_is_written_as_published),
        cmocka_unit_test(features_are_read_and_unknown_ones_ignored),
        cmocka_unit_test(a_version_in_common_is_needed),
        cmocka_unit_test(more_than_64_keys_are_malformed),
        cmocka_unit_test(truncated_or_random_metadata_never_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
