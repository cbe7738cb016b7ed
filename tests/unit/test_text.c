/* stack/wire/text and ipaddr: bytes and addresses as text. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/ipaddr.h"
#include "stack/wire/text.h"

#define BASE_COUNT (TEXT_BASE64URL + 1)

static void assert_text(enum text_base base, struct slice bytes, const char *text)
{
    char out[512];
    uint8_t back[256];
    size_t size = text_encode(base, bytes, out, sizeof out);

    assert_true(size <= text_size_max(base, bytes.size));
    assert_int_equal(size, strlen(text));
    assert_memory_equal(out, text, size);
    assert_int_equal(text_decode(base, slice_text(text), back, sizeof back), bytes.size);
    assert_true(slice_equal(slice_of(back, bytes.size), bytes));
}

static void rfc_4648_vectors_go_both_ways(void **state)
{
    static const char *const vectors[][4] = {
        {"", "", "", ""},
        {"f", "my", "Zg==", "66"},
        {"fo", "mzxq", "Zm8=", "666f"},
        {"foo", "mzxw6", "Zm9v", "666f6f"},
        {"foob", "mzxw6yq", "Zm9vYg==", "666f6f62"},
        {"fooba", "mzxw6ytb", "Zm9vYmE=", "666f6f6261"},
        {"foobar", "mzxw6ytboi", "Zm9vYmFy", "666f6f626172"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct slice bytes = slice_text(vectors[i][0]);

        assert_text(TEXT_BASE32, bytes, vectors[i][1]);
        assert_text(TEXT_BASE64, bytes, vectors[i][2]);
        assert_text(TEXT_HEX, bytes, vectors[i][3]);
    }
    assert_text(TEXT_BASE64, slice_of("\xfb\xff\xfe", 3), "+//+");
    assert_text(TEXT_BASE64URL, slice_of("\xfb\xff\xfe\xff", 4), "-__-_w");
}

static void base58_and_base36_vectors_go_both_ways(void **state)
{
    struct slice fox = slice_text("The quick brown fox jumps over the lazy dog.");

    (void)state;
    assert_text(TEXT_BASE58, slice_text("Hello World!"), "2NEpo7TZRRrLZSi2U");
    assert_text(TEXT_BASE36, slice_text("Hello World!"), "2678lx5gvmsv1dro9b5");
    assert_text(TEXT_BASE58, fox, "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
    assert_text(TEXT_BASE36, fox,
                "g5qzbp4tj09hv0mjegv4p824avisplw3iy3ag5m01ibnboqsbyev6zendz44cetkbrce");
    assert_text(TEXT_BASE58, slice_of("\0\0\x28\x7f\xb4\xcd", 6), "11233QC4");
    assert_text(TEXT_BASE36, slice_of("\0\0\x28\x7f\xb4\xcd", 6), "00b8j559");
    assert_text(TEXT_BASE58, slice_of("\0\0", 2), "11");
    assert_text(TEXT_BASE58, slice_of("", 0), "");
}

static void wrong_text_is_malformed(void **state)
{
    static const struct {
        enum text_base base;
        const char *text;
    } cases[] = {
        {TEXT_HEX, "a"},           {TEXT_HEX, "0g"},      {TEXT_HEX, "00 "},
        {TEXT_BASE32, "m"},        {TEXT_BASE32, "mzx"},  {TEXT_BASE32, "mz"},
        {TEXT_BASE32, "MY"},       {TEXT_BASE32, "my=="}, {TEXT_BASE32, "m1"},
        {TEXT_BASE64, "Zg"},       {TEXT_BASE64, "Zg="},  {TEXT_BASE64, "Zh=="},
        {TEXT_BASE64, "Z==="},     {TEXT_BASE64, "===="}, {TEXT_BASE64, "Zm9v===="},
        {TEXT_BASE64, "Zg==Zg=="}, {TEXT_BASE64, "-__-"}, {TEXT_BASE64URL, "Zg=="},
        {TEXT_BASE64URL, "+/"},    {TEXT_BASE58, "0"},    {TEXT_BASE58, "2NEpo7TZRRrLZSi2l"},
        {TEXT_BASE36, "A"},        {TEXT_BASE36, "1-"},
    };
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(text_decode(cases[i].base, slice_text(cases[i].text), out, sizeof out),
                         ERR_MALFORMED);
    assert_int_equal(text_decode(TEXT_HEX, slice_of("0\0", 2), out, sizeof out), ERR_MALFORMED);
    assert_int_equal(text_decode(TEXT_HEX, slice_text("AbCd"), out, sizeof out), 2);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
    char text[4096];
    uint8_t out[4096];

    (void)state;
    assert_int_equal(text_decode(TEXT_HEX, slice_text("aabb"), out, 1), ERR_TOO_LARGE);
    assert_int_equal(text_decode(TEXT_BASE64, slice_text("Zm8="), out, 1), ERR_TOO_LARGE);
    assert_int_equal(text_decode(TEXT_BASE58, slice_text("11"), out, 1), ERR_TOO_LARGE);
    assert_int_equal(text_decode(TEXT_BASE58, slice_text("zz"), out, 1), ERR_TOO_LARGE);
    memset(text, 'z', sizeof text);
    assert_int_equal(text_decode(TEXT_BASE58, slice_of(text, sizeof text), out, sizeof out),
                     ERR_TOO_LARGE);
    memset(text, '1', sizeof text);
    assert_int_equal(text_decode(TEXT_BASE58, slice_of(text, sizeof text), out, sizeof out),
                     ERR_TOO_LARGE);
}

static void bytes_of_any_size_come_back_from_every_base(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "text");
    for (int base = 0; base < BASE_COUNT; base++) {
        for (size_t size = 0; size <= TEXT_NUMBER_SIZE_MAX; size++) {
            uint8_t bytes[TEXT_NUMBER_SIZE_MAX], back[TEXT_NUMBER_SIZE_MAX];
            char text[512];
            size_t length, zeros = (size_t)rng_below(&r, size + 1);

            rng_fill(&r, bytes, size);
            if (rng_chance(&r, 1, 2))
                memset(bytes, rng_chance(&r, 1, 2) ? 0 : 0xff, zeros);
            length = text_encode((enum text_base)base, slice_of(bytes, size), text, sizeof text);
            assert_true(length <= text_size_max((enum text_base)base, size));
            assert_int_equal(
                text_decode((enum text_base)base, slice_of(text, length), back, sizeof back), size);
            assert_memory_equal(back, bytes, size);
        }
    }
}

static void random_text_that_decodes_is_what_encoding_gives(void **state)
{
    static const char *const letters = "=1aAbzZ9QmM+/-_";
    struct rng r;

    (void)state;
    rng_init(&r, 2, "text");
    for (int round = 0; round < 50000; round++) {
        enum text_base base = (enum text_base)rng_below(&r, BASE_COUNT);
        char text[12], again[64];
        uint8_t bytes[32];
        size_t size = (size_t)rng_below(&r, sizeof text);
        int decoded;

        for (size_t i = 0; i < size; i++)
            text[i] = letters[rng_below(&r, strlen(letters))];
        decoded = text_decode(base, slice_of(text, size), bytes, sizeof bytes);
        if (decoded < 0 || base == TEXT_HEX) /* hex is read in capitals, too */
            continue;
        assert_int_equal(text_encode(base, slice_of(bytes, (size_t)decoded), again, sizeof again),
                         size);
        assert_memory_equal(again, text, size);
    }
}

static void a_multibase_prefix_tells_the_base(void **state)
{
    static const char *const texts[] = {"f666f6f", "bmzxw6", "zbQbp", "k3zvxr", "uZm9v"};
    uint8_t out[8];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(text_multibase_decode(slice_text(texts[i]), out, sizeof out), 3);
        assert_memory_equal(out, "foo", 3);
    }
    assert_int_equal(text_multibase_decode(slice_text("?666f6f"), out, sizeof out),
                     ERR_UNSUPPORTED);
    assert_int_equal(text_multibase_decode(slice_text(""), out, sizeof out), ERR_MALFORMED);
    assert_int_equal(text_multibase_decode(slice_text("f6"), out, sizeof out), ERR_MALFORMED);
}

static void ip6_is_written_as_rfc_5952_wants(void **state)
{
    static const char *const pairs[][2] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"2001:0DB8::0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"::ffff:102:304", "::ffff:1.2.3.4"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    uint8_t ip[16], again[16];
    char text[IPADDR6_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t size;

        assert_int_equal(ipaddr_parse6(slice_text(pairs[i][0]), ip), 0);
        size = ipaddr_text6(ip, text);
        assert_int_equal(size, strlen(pairs[i][1]));
        assert_memory_equal(text, pairs[i][1], size);
        assert_int_equal(ipaddr_parse6(slice_of(text, size), again), 0);
        assert_memory_equal(ip, again, sizeof ip);
    }
}

static void wrong_ip_addresses_are_malformed(void **state)
{
    static const char *const four[] = {"",          "1",          "1.2.3",    "1.2.3.4.5",
                                       "1.2.3.256", "01.2.3.4",   "1.2.3.4 ", ".1.2.3",
                                       "1..2.3",    "1.2.3.",     "::1",      "1.2.3.-4",
                                       "0x1.2.3.4", "1000.2.3.4", "1.2.3.00", "4294967297.0.0.1"};
    static const char *const six[] = {"",
                                      ":",
                                      ":::",
                                      "1",
                                      "1:",
                                      ":1",
                                      "1:2",
                                      "1::2::3",
                                      "1:::2",
                                      "12345::",
                                      "g::",
                                      "::1%eth0",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1.2.3.4",
                                      "::1.2.3",
                                      "::1.2.3.4:5",
                                      "1:2:3:4:5:6:7:8:",
                                      "::ffff:1.2.3.456",
                                      "1:2:3:4:5:6:7:8 ",
                                      "::00001"};
    uint8_t ip[16];

    (void)state;
    for (size_t i = 0; i < sizeof four / sizeof *four; i++)
        assert_int_equal(ipaddr_parse4(slice_text(four[i]), ip), ERR_MALFORMED);
    for (size_t i = 0; i < sizeof six / sizeof *six; i++)
        assert_int_equal(ipaddr_parse6(slice_text(six[i]), ip), ERR_MALFORMED);
}

static void random_addresses_survive_their_text(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 3, "text");
    for (int round = 0; round < 20000; round++) {
        uint8_t ip[16], back[16];
        char text[IPADDR6_TEXT_MAX];
        size_t size;

        rng_fill(&r, ip, sizeof ip);
        for (size_t i = 0; i < 16; i += 2)
            if (rng_chance(&r, 1, 2))
                ip[i] = ip[i + 1] = 0;
        size = ipaddr_text6(ip, text);
        assert_int_equal(ipaddr_parse6(slice_of(text, size), back), 0);
        assert_memory_equal(ip, back, 16);
        size = ipaddr_text4(ip, text);
        assert_int_equal(ipaddr_parse4(slice_of(text, size), back), 0);
        assert_memory_equal(ip, back, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_vectors_go_both_ways),
        cmocka_unit_test(base58_and_base36_vectors_go_both_ways),
        cmocka_unit_test(wrong_text_is_malformed),
        cmocka_unit_test(more_than_there_is_room_for_is_refused),
        cmocka_unit_test(bytes_of_any_size_come_back_from_every_base),
        cmocka_unit_test(random_text_that_decodes_is_what_encoding_gives),
        cmocka_unit_test(a_multibase_prefix_tells_the_base),
        cmocka_unit_test(ip6_is_written_as_rfc_5952_wants),
        cmocka_unit_test(wrong_ip_addresses_are_malformed),
        cmocka_unit_test(random_addresses_survive_their_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
