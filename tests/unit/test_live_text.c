/* sim/live: what is read from and written for people and programs. */
#include "tests/lib/test.h"

#include "sim/live/address.h"
#include "sim/live/input.h"
#include "sim/live/journal.h"
#include "sim/live/keyfile.h"
#include "sim/live/metrics.h"
#include "stack/base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- JSON lines ---- */

static json_t *parsed(struct jsonl *j)
{
    json_error_t error;
    json_t *object;

    assert_false(j->line.overflow);
    assert_int_equal(j->line.data[j->line.size - 1], '\n');
    assert_null(memchr(j->line.data, '\n', j->line.size - 1));
    object = json_loadb((const char *)j->line.data, j->line.size, JSON_ALLOW_NUL, &error);
    assert_non_null(object);
    return object;
}

static void any_bytes_make_a_valid_line(void **state)
{
    struct jsonl j;
    struct rng r;

    (void)state;
    rng_init(&r, 1, "test");
    jsonl_init(&j, 1 << 20);
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[40];
        size_t size = rng_below(&r, sizeof bytes + 1);
        json_t *object;

        rng_fill(&r, bytes, size);
        for (size_t i = 0; i < size;
             i++) /* lead and continuation bytes are frequent, so that they meet */
            if (rng_chance(&r, 1, 2))
                bytes[i] =
                    (uint8_t)(rng_chance(&r, 1, 2) ? 0xe0 + bytes[i] % 32 : 0x80 + bytes[i] % 64);
        jsonl_begin(&j);
        jsonl_text(&j, "text", slice_of(bytes, size));
        jsonl_hex(&j, "hex", slice_of(bytes, size));
        jsonl_end(&j);
        object = parsed(&j); /* jansson refuses what is not UTF-8 */
        assert_int_equal(json_string_length(json_object_get(object, "hex")), 2 * size);
        json_decref(object);
    }
    jsonl_deinit(&j);
}

static void text_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "",
        "plain",
        "\"quotes\\",
        "\x01\x1f\x7f\t\n",
        "\u00e9\u20ac\U0001f600",
        "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"};
    struct jsonl j;

    (void)state;
    jsonl_init(&j, 4096);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *object;

        jsonl_begin(&j);
        jsonl_text(&j, "t", slice_text(texts[i]));
        jsonl_end(&j);
        object = parsed(&j);
        assert_string_equal(json_string_value(json_object_get(object, "t")), texts[i]);
        json_decref(object);
    }
    jsonl_deinit(&j);
}

static void ill_formed_bytes_are_replaced_one_by_one(void **state)
{
    static const char *const bad[] = {"\x80", "\xc1", "\xc2", "\xf5", "\xff"};
    static const char *const longer[] = {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                         "\xf0\x80\x80\x80", "\xf4\x90\x80\x80"};
    struct jsonl j;

    (void)state;
    jsonl_init(&j, 4096);
    for (int i = 0; i < 5; i++) {
        char expected[64] = "{\"t\":\"";

        jsonl_begin(&j);
        jsonl_text(&j, "t", slice_text(bad[i]));
        jsonl_end(&j);
        assert_true(slice_equal(buf_slice(&j.line), slice_text("{\"t\":\"\\ufffd\"}\n")));
        jsonl_begin(&j);
        jsonl_text(&j, "t", slice_text(longer[i]));
        jsonl_end(&j);
        for (size_t k = 0; k < strlen(longer[i]); k++)
            strcat(expected, "\\ufffd");
        strcat(expected, "\"}\n");
        assert_true(slice_equal(buf_slice(&j.line), slice_text(expected)));
    }
    jsonl_deinit(&j);
}

static void members_lists_and_objects_nest(void **state)
{
    struct jsonl j;

    (void)state;
    jsonl_init(&j, 4096);
    jsonl_begin(&j);
    jsonl_number(&j, "n", UINT64_MAX);
    jsonl_milli(&j, "m", 1005);
    jsonl_open(&j, "l", '[');
    jsonl_bool(&j, NULL, true);
    jsonl_open(&j, NULL, '{');
    jsonl_close(&j, '}');
    jsonl_number(&j, NULL, 0);
    jsonl_close(&j, ']');
    jsonl_bool(&j, "b", false);
    jsonl_end(&j);
    assert_true(slice_equal(
        buf_slice(&j.line),
        slice_text("{\"n\":18446744073709551615,\"m\":1.005,\"l\":[true,{},0],\"b\":false}\n")));
    jsonl_deinit(&j);
}

static void events_are_chosen_by_name(void **state)
{
    uint32_t mask;

    (void)state;
    assert_null(journal_mask_parse("graft", &mask));
    assert_int_equal(mask, 1u << JOURNAL_GRAFT);
    assert_null(journal_mask_parse("graft,sent", &mask));
    assert_int_equal(mask, 1u << JOURNAL_GRAFT | 1u << JOURNAL_SENT);
    assert_null(journal_mask_parse("all", &mask));
    assert_int_equal(mask, UINT32_MAX);
    assert_string_equal(journal_mask_parse("graft,gra,sent", &mask), "gra,sent");
    assert_string_equal(journal_mask_parse("", &mask), "");
    assert_string_equal(journal_mask_parse("graft,", &mask), "");
    assert_false(journal_mask_default() >> JOURNAL_SENT & 1);
}

/* ---- key files ---- */

/* RFC 8410, 10.3: the same key without and with its public key. */
#define SEED "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"
#define RFC_V1 "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
#define RFC_V2                                                                                     \
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"                           \
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZu" \
    "E=\n"
#define WRAP(body) "-----BEGIN PRIVATE KEY-----\n" body "-----END PRIVATE KEY-----\n"

static void key_files_of_others_are_read(void **state)
{
    static const char *const files[] = {
        WRAP(RFC_V1), WRAP(RFC_V2), "a remark\r\n\r\n" WRAP(RFC_V1) "tail",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" WRAP(RFC_V1)};
    uint8_t seed[ED25519_SEED_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        memset(seed, 0, sizeof seed);
        assert_null(keyfile_decode(slice_text(files[i]), seed));
        assert_slice_hex(slice_of(seed, sizeof seed), SEED);
    }
}

static void what_is_wrong_with_a_key_file_is_said(void **state)
{
    static const struct {
        const char *file, *wrong;
    } cases[] = {
        {"", "holds no PRIVATE KEY block"},
        {"-----BEGIN RSA PRIVATE KEY-----\n", "holds no PRIVATE KEY block"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "is encrypted; a plain key is needed"},
        {"-----BEGIN PRIVATE KEY-----\n" RFC_V1, "is cut short: the PRIVATE KEY block has no end"},
        {WRAP("!!!!\n"), "is malformed: the PRIVATE KEY block is no base64 of a key"},
        {WRAP(""), "is malformed: not one DER sequence"},
        {WRAP("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVg=\n"),
         "is malformed: not one DER sequence"},
        {WRAP("MC4CAQAwBQYDK2VxBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"),
         "holds a key of another kind (only Ed25519 is understood)"},
        {WRAP("MC0CAQAwBQYDK2VwBCEEH9Tuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVg=\n"),
         "is malformed: the Ed25519 key has not 32 bytes"},
        {WRAP("MC4CAQIwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"),
         "is malformed: not a PKCS#8 key"},
        {WRAP("MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
              "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDF"
              "w4rXAxZuA=\n"),
         "holds a public key that is not the private key's"},
    };
    uint8_t seed[ED25519_SEED_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *wrong = keyfile_decode(slice_text(cases[i].file), seed);

        assert_non_null(wrong);
        assert_string_equal(wrong, cases[i].wrong);
    }
}

static void encoded_keys_are_decoded(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 3, "test");
    for (int round = 0; round < 50; round++) {
        uint8_t seed[ED25519_SEED_SIZE], back[ED25519_SEED_SIZE];
        char text[KEYFILE_TEXT_MAX];
        size_t size;

        rng_fill(&r, seed, sizeof seed);
        size = keyfile_encode(seed, text);
        assert_null(keyfile_decode(slice_of(text, size), back));
        assert_memory_equal(seed, back, sizeof seed);
        for (size_t cut = 0; cut < size - 1; cut += 7)
            assert_non_null(keyfile_decode(slice_of(text, cut), back));
        for (int i = 0; i < 20; i++) { /* garbage is refused or is another key; it never crashes */
            text[rng_below(&r, size)] = (char)rng_below(&r, 256);
            keyfile_decode(slice_of(text, size), back);
        }
    }
}

static void a_missing_key_file_is_made_once(void **state)
{
    uint8_t first[ED25519_SEED_SIZE], second[ED25519_SEED_SIZE];
    char folder[] = "/tmp/hearsay-test-XXXXXX", path[64], error[KEYFILE_ERROR_MAX];
    bool created;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key.pem", folder);
    assert_true(keyfile_open(path, first, &created, error));
    assert_true(created);
    assert_true(keyfile_open(path, second, &created, error));
    assert_false(created);
    assert_memory_equal(first, second, sizeof first);
    assert_false(keyfile_open(folder, second, &created, error));
    assert_non_null(strstr(error, "directory"));
    unlink(path);
    rmdir(folder);
}

/* ---- addresses ---- */

static void addresses_are_read_in_both_forms(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } cases[] = {
        {"/ip4/1.2.3.4/tcp/5", "/ip4/1.2.3.4/tcp/5"},
        {"1.2.3.4:5", "/ip4/1.2.3.4/tcp/5"},
        {"[::1]:65535", "/ip6/::1/tcp/65535"},
        {"/ip6/::/tcp/0", "/ip6/::/tcp/0"},
        {"1.2.3.4", NULL},
        {"1.2.3.4:", NULL},
        {"1.2.3.4:65536", NULL},
        {"1.2.3.4:5x", NULL},
        {"::1:5", NULL},
        {"[::1]", NULL},
        {"[::1:5", NULL},
        {"", NULL},
        {":", NULL},
        {"/", NULL},
        {"/ip4/1.2.3.4", NULL},
        {"/ip4/1.2.3.4/udp/5/quic-v1", NULL},
        {"/dns4/example.org/tcp/5", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *wrong;
        char text[ADDRESS_TEXT_MAX];
        struct address a;

        wrong = address_parse(cases[i].text, &a);
        assert_int_equal(wrong == NULL, cases[i].canonical != NULL);
        if (!wrong)
            assert_string_equal(address_text(&a.at, a.has_peer ? &a.peer : NULL, text),
                                cases[i].canonical);
    }
}

/* ---- input ---- */

struct heard {
    char lines[256];
    uint32_t count, overlong;
};

static void on_line(void *ctx, uint64_t now_ns, struct slice line)
{
    struct heard *h = ctx;
    size_t used = strlen(h->lines);

    (void)now_ns;
    h->count++;
    if (line.size < 20)
        snprintf(h->lines + used, sizeof h->lines - used, "%.*s|", (int)line.size,
                 (const char *)line.data);
}

static void on_overlong(void *ctx, uint64_t now_ns)
{
    (void)now_ns;
    ((struct heard *)ctx)->overlong++;
}

static void feed(void *ctx, struct slice piece)
{
    input_feed(ctx, 0, piece);
}

static void input_init(struct input *in, struct heard *h)
{
    *h = (struct heard){0};
    *in = (struct input){.events = {.ctx = h, .line = on_line, .overlong = on_overlong}};
    buf_init(&in->line, INPUT_LINE_MAX);
}

static void lines_are_the_same_in_any_pieces(void **state)
{
    struct slice text = slice_text("one\n\r\ntwo\r\n\n three \nlast");
    struct input in;
    struct heard h;
    struct rng r;

    (void)state;
    rng_init(&r, 4, "test");
    for (int round = 0; round < 200; round++) {
        input_init(&in, &h);
        split_feed(&r, text, feed, &in);
        input_feed_end(&in, 0);
        assert_string_equal(h.lines, "one|two| three |last|");
        buf_deinit(&in.line);
    }
}

static void a_line_that_is_too_long_is_passed_over(void **state)
{
    static uint8_t block[1 << 20];
    struct input in;
    struct heard h;

    (void)state;
    memset(block, 'x', sizeof block);
    input_init(&in, &h);
    for (int i = 0; i < 8; i++)
        input_feed(&in, 0, slice_of(block, sizeof block));
    input_feed(&in, 0, slice_text("\n")); /* exactly the limit */
    assert_int_equal(h.count, 1);
    for (int i = 0; i < 20; i++) {
        input_feed(&in, 0, slice_of(block, sizeof block));
        assert_true(in.line.capacity <= 2 * INPUT_LINE_MAX);
    }
    input_feed(&in, 0, slice_text("\nnext\n"));
    assert_int_equal(h.overlong, 1);
    assert_string_equal(h.lines, "next|");
    buf_deinit(&in.line);
}

/* ---- metrics ---- */

static void requests_are_judged(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"", 0},
        {"GET", 0},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\n", 0},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        {"GET /metrics HTTP/1.0\r\n\r\nbody", 200},
        {"GET /metrics?x=1 HTTP/1.1\r\n\r\n", 200},
        {"GET /metricsx HTTP/1.1\r\n\r\n", 404},
        {"GET /m HTTP/1.1\r\n\r\n", 404},
        {"GET / HTTP/1.1\r\n\r\n", 404},
        {"HEAD /metrics HTTP/1.1\r\n\r\n", 405},
        {"GET /metrics\r\n\r\n", 400},
        {"GET /metrics HTTP/2\r\n\r\n", 400},
        {"GET  HTTP/1.1\r\n\r\n", 404},
        {"GET \r\n\r\n", 400},
        {"nonsense\r\n\r\n", 400},
        {" x\r\n\r\n", 400},
        {"\r\n\r\n", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(metrics_judge(slice_text(cases[i].request)), cases[i].status);
}

static void requests_of_garbage_are_survived(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 5, "test");
    for (int round = 0; round < 20000; round++) {
        char text[] = "GET /metrics HTTP/1.1\r\nA: b\r\n\r\n";
        uint8_t *copy = malloc(sizeof text - 1);

        for (uint64_t i = rng_below(&r, 4); i > 0; i--)
            text[rng_below(&r, sizeof text - 1)] = " \r\n/GETx\0"[rng_below(&r, 9)];
        memcpy(copy, text, sizeof text - 1); /* of its exact size, so that reading past it shows */
        metrics_judge(slice_of(copy, sizeof text - 1));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_make_a_valid_line),
        cmocka_unit_test(text_comes_back_as_it_was),
        cmocka_unit_test(ill_formed_bytes_are_replaced_one_by_one),
        cmocka_unit_test(members_lists_and_objects_nest),
        cmocka_unit_test(events_are_chosen_by_name),
        cmocka_unit_test(key_files_of_others_are_read),
        cmocka_unit_test(what_is_wrong_with_a_key_file_is_said),
        cmocka_unit_test(encoded_keys_are_decoded),
        cmocka_unit_test(a_missing_key_file_is_made_once),
        cmocka_unit_test(addresses_are_read_in_both_forms),
        cmocka_unit_test(lines_are_the_same_in_any_pieces),
        cmocka_unit_test(a_line_that_is_too_long_is_passed_over),
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(requests_of_garbage_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
