/* stack/wire/multiaddr: both forms against the vectors, and everything that must be refused. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"

#define NODE0 "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
#define NODE0_HEX "0024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"

static void text_becomes(const char *text, const char *hex)
{
    struct buf b;

    buf_init(&b, 1024);
    assert_int_equal(multiaddr_parse(slice_text(text), &b), 0);
    assert_slice_hex(buf_slice(&b), hex);
    assert_int_equal(multiaddr_check(buf_slice(&b)), 0);
    buf_deinit(&b);
}

static void binary_becomes(const char *hex, const char *text)
{
    struct blob *binary = hex_blob(hex);
    struct buf b;

    buf_init(&b, 1024);
    assert_int_equal(multiaddr_text(blob_slice(binary), &b), 0);
    assert_int_equal(b.size, strlen(text));
    assert_memory_equal(b.data, text, b.size);
    buf_deinit(&b);
    blob_unref(binary);
}

static void the_vectors_go_both_ways(void **state)
{
    static const char *const vectors[][2] = {
        {"/ip4/127.0.0.1/udp/1234", "047f000001 910204d2"},
        {"/ip4/127.0.0.1/tcp/4321", "047f000001 0610e1"},
        {"/ip4/127.0.0.1/udp/1234/ip4/127.0.0.1/tcp/4321", "047f000001910204d2047f0000010610e1"},
        {"/ip4/127.0.0.1/tcp/9000/p2p/" NODE0, "047f000001062328a50326" NODE0_HEX},
        {"/ip4/10.0.0.1/udp/4001/quic-v1", "040a00000191020fa1cd03"},
        {"/dns4/example.com/tcp/443/wss", "360b6578616d706c652e636f6d0601bbde03"},
        {"/dns4/example.com/tcp/443/tls/ws", "360b6578616d706c652e636f6d0601bbc003dd03"},
        {"/ip6/::1/tcp/1/ws", "2900000000000000000000000000000001060001dd03"},
        {"/memory/1234", "89060800000000000004d2"},
        {"/memory/18446744073709551615", "890608ffffffffffffffff"},
        {"/ip6/::ffff:127.0.0.1/tcp/0", "2900000000000000000000ffff7f000001060000"},
        {"/ip6zone/eth0/ip6/fe80::1/tcp/65535",
         "2a046574683029fe80000000000000000000000000000106ffff"},
        {"/ip4/10.0.0.0/ipcidr/8", "040a0000002b08"},
        {"/dns/a", "350161"},
        {"/dns6/a", "370161"},
        {"/dnsaddr/bootstrap.libp2p.io", "3813626f6f7473747261702e6c69627032702e696f"},
        {"/unix/tmp/p2p.sock", "90030d2f746d702f7032702e736f636b"},
        {"/ip4/1.2.3.4/tcp/1/tls/sni/a.b/ws", "0401020304060001c003c10303612e62dd03"},
        {"/ip4/1.2.3.4/udp/1/webrtc-direct/certhash/uEgIBAg",
         "040102030491020001 9802 d203 04 12020102"},
        {"/ip4/1.2.3.4/tcp/1/http/http-path/a%2Fb%20c~", "0401020304060001e003e1030 6612f6220637e"},
        {"/ip4/1.2.3.4/udp/1/quic/webtransport/p2p-circuit/webrtc/noise",
         "040102030491020001cc03d103a2029902c603"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        text_becomes(vectors[i][0], vectors[i][1]);
        binary_becomes(vectors[i][1], vectors[i][0]);
    }
}

static void other_spellings_are_read_and_never_written(void **state)
{
    static const char *const pairs[][2] = {
        {"/ip4/127.0.0.1/tcp/9000/ipfs/" NODE0, "047f000001062328a50326" NODE0_HEX},
        {"/ip4/127.0.0.1/tcp/9000///", "047f000001062328"},
        {"/ip6/0:0::0:1/tcp/0001", "2900000000000000000000000000000001060001"},
        {"/unix/a/", "90 03 02 2f61"},
        {"/certhash/f12020102", "d2030412020102"},
    };
    struct peerid id;
    char text[256] = "/p2p/", cid[PEERID_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        text_becomes(pairs[i][0], pairs[i][1]);
    assert_int_equal(peerid_parse(&id, slice_text(NODE0)), 0);
    peerid_cid_text(&id, cid);
    strcat(text, cid);
    text_becomes(text, "a50326" NODE0_HEX);
    binary_becomes("a50326" NODE0_HEX, "/p2p/" NODE0);
}

static void text_that_must_fail_fails(void **state)
{
    static const char *const texts[] = {
        "",
        "/",
        "//",
        "ip4/1.2.3.4",
        "/ip4",
        "/ip4/",
        "/ip4/::1",
        "/ip4/1.2.3",
        "/ip4//tcp/1",
        "//ip4/1.2.3.4",
        "/ip4/1.2.3.4//tcp/1",
        "/ip6/1.2.3.4",
        "/ip6/fe80::1%eth0",
        "/tcp/65536",
        "/tcp/-1",
        "/tcp/+1",
        "/tcp/ 1",
        "/tcp/18446744073709551617",
        "/tcp/x",
        "/udp",
        "/udp/99999999999999999999999",
        "/quic-v1/65536",
        "/ws/1",
        "/p2p",
        "/p2p/",
        "/p2p/QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",
        "/p2p/bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
        "/p2p/0",
        "/unix",
        "/unix/",
        "/dns4",
        "/dns4//tcp/1",
        "/nosuch/1",
        "/TCP/1",
        "/memory/18446744073709551616",
        "/memory/x",
        "/ipcidr/256",
        "/certhash/uEgIBAgM",
        "/certhash/x12020102",
        "/http-path/%",
        "/http-path/%2",
        "/http-path/%zz",
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    buf_append(&b, "kept", 4);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(multiaddr_parse(slice_text(texts[i]), &b), ERR_MALFORMED);
        assert_int_equal(b.size, 4);
    }
    buf_deinit(&b);
}

static void binary_that_must_fail_fails(void **state)
{
    static const char *const hex[] = {
        "",
        "04",
        "047f0000", /* short */
        "06ff",
        "2900",
        "910200",
        "8400 7f000001", /* a code that is not minimal */
        "05",            /* unknown codes */
        "00",
        "ffffffffffffffffff01",
        "ff",   /* a code that does not end */
        "3600", /* an empty name */
        "36",
        "3602 61",                /* a short name */
        "368100 61",              /* a length that is not minimal */
        "36ffffffffffffffff7f61", /* an absurd length */
        "3603 612f62",            /* a name with a slash */
        "a50300",
        "a50302 0000",
        "a50306 120401020304",    /* a hash of another size */
        "8906 07 00000000000004", /* memory's number has eight bytes */
        "8906 09 000000000000000001",
        "9003 01 2f", /* paths: only a slash, relative, ending in a slash, not last */
        "9003 02 6161",
        "9003 03 2f612f",
        "9003 02 2f61 060001",
        "d203 04 12030102",
        "d203 01 12",
        "e10300",
        "047f0000010610e100", /* rubbish at the end */
    };

    (void)state;
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        struct blob *binary = hex_blob(hex[i]);
        struct buf text;
        struct endpoint at;
        struct peerid id;
        bool has_peer;

        buf_init(&text, 1024);
        assert_int_equal(multiaddr_check(blob_slice(binary)), ERR_MALFORMED);
        assert_int_equal(multiaddr_text(blob_slice(binary), &text), ERR_MALFORMED);
        assert_int_equal(text.size, 0);
        assert_int_equal(multiaddr_to_endpoint(blob_slice(binary), &at, &id, &has_peer),
                         ERR_MALFORMED);
        buf_deinit(&text);
        blob_unref(binary);
    }
}

static void addresses_over_the_limit_are_refused(void **state)
{
    char text[700] = "/dns/";
    uint8_t binary[MULTIADDR_SIZE_MAX + 2] = {0x35, 0xff, 0x03};
    struct buf b;

    (void)state;
    buf_init(&b, 2048);
    memset(binary + 3, 'a', 511);
    assert_int_equal(multiaddr_check(slice_of(binary, 514)), ERR_MALFORMED);
    binary[1] = 0xfd; /* 509 */
    assert_int_equal(multiaddr_check(slice_of(binary, 512)), 0);
    memset(text + 5, 'a', 509);
    assert_int_equal(multiaddr_parse(slice_of(text, 514), &b), 0);
    assert_int_equal(b.size, MULTIADDR_SIZE_MAX);
    memset(text + 5, 'a', 600);
    assert_int_equal(multiaddr_parse(slice_of(text, 515), &b), ERR_MALFORMED);
    assert_int_equal(multiaddr_parse(slice_of(text, 605), &b), ERR_MALFORMED);
    memcpy(text, "/http-path/", 11);
    memset(text + 11, 'a', 600);
    assert_int_equal(multiaddr_parse(slice_of(text, 611), &b), ERR_MALFORMED);
    memcpy(text, "/certhash/f", 11);
    assert_int_equal(multiaddr_parse(slice_of(text, 611), &b), ERR_MALFORMED);
    assert_int_equal(b.size, MULTIADDR_SIZE_MAX);
    buf_deinit(&b);
}

static void a_buffer_that_is_full_is_left_as_it_was(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 6);
    assert_int_equal(multiaddr_parse(slice_text("/ip4/1.2.3.4/tcp/1"), &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_clear(&b);
    assert_int_equal(multiaddr_text(slice_of("\x04\1\2\3\4", 5), &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
}

static void decapsulation_cuts_at_the_last_occurrence(void **state)
{
    static const char *const cases[][3] = {
        {"/ip4/1.2.3.4/tcp/1/p2p/" NODE0, "/ip4/1.2.3.4/tcp/1", "p"},
        {"/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/tcp/1", "p"},
        {"/p2p/" NODE0 "/p2p-circuit/p2p/" NODE0, "/p2p/" NODE0 "/p2p-circuit", "p"},
        {"/ip4/1.2.3.4/tcp/1/ip4/1.2.3.4/tcp/2/ws", "/ip4/1.2.3.4/tcp/1/ip4/1.2.3.4", "t"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf all, part;

        buf_init(&all, 512);
        buf_init(&part, 512);
        assert_int_equal(multiaddr_parse(slice_text(cases[i][0]), &all), 0);
        assert_int_equal(multiaddr_parse(slice_text(cases[i][1]), &part), 0);
        assert_true(slice_equal(
            multiaddr_decapsulate(buf_slice(&all), cases[i][2][0] == 'p' ? MULTIADDR_P2P : 6),
            buf_slice(&part)));
        buf_deinit(&all);
        buf_deinit(&part);
    }
    assert_int_equal(multiaddr_decapsulate(slice_of("\x06\0\1", 3), 6).size, 0);
    assert_int_equal(multiaddr_decapsulate(slice_of("", 0), 6).size, 0);
}

static void endpoints_are_read_from_one_shape_only(void **state)
{
    static const char *const others[] = {
        "/ip4/1.2.3.4",
        "/tcp/1/ip4/1.2.3.4",
        "/ip4/1.2.3.4/udp/1",
        "/dns4/a/tcp/1",
        "/ip4/1.2.3.4/tcp/1/ws",
        ("/ip4/1.2.3.4/tcp/1/p2p/" NODE0 "/ws"),
        ("/ip4/1.2.3.4/tcp/1/p2p/" NODE0 "/p2p/" NODE0),
        "/p2p/" NODE0,
        "/ip6zone/a/ip6/::1/tcp/1",
    };
    struct buf b;
    struct endpoint at;
    struct peerid id;
    bool has_peer;

    (void)state;
    buf_init(&b, 512);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        buf_clear(&b);
        assert_int_equal(multiaddr_parse(slice_text(others[i]), &b), 0);
        assert_int_equal(multiaddr_to_endpoint(buf_slice(&b), &at, &id, &has_peer),
                         ERR_UNSUPPORTED);
    }
    buf_deinit(&b);
}

static void endpoints_come_back_from_their_addresses(void **state)
{
    struct rng r;
    struct buf b;
    struct peerid node0;

    (void)state;
    rng_init(&r, 1, "endpoints");
    buf_init(&b, 512);
    assert_int_equal(peerid_parse(&node0, slice_text(NODE0)), 0);
    for (int round = 0; round < 1000; round++) {
        struct endpoint at = endpoint_ip4((uint32_t)rng_next(&r), (uint16_t)rng_next(&r)), back;
        bool with_peer = rng_chance(&r, 1, 2), has_peer;
        struct peerid id;

        if (rng_chance(&r, 1, 2)) {
            at.is_ip6 = true;
            rng_fill(&r, at.ip, sizeof at.ip);
        }
        buf_clear(&b);
        multiaddr_from_endpoint(&b, &at, with_peer ? &node0 : NULL);
        assert_int_equal(multiaddr_to_endpoint(buf_slice(&b), &back, &id, &has_peer), 0);
        assert_true(endpoint_equal(&at, &back));
        assert_int_equal(with_peer, has_peer);
        if (has_peer)
            assert_true(peerid_equal(&id, &node0));
    }
    buf_clear(&b);
    multiaddr_from_endpoint(&b, &(struct endpoint){.ip = {127, 0, 0, 1}, .port = 9000}, &node0);
    assert_slice_hex(buf_slice(&b), "047f000001062328a50326" NODE0_HEX);
    buf_deinit(&b);
}

/* Random binary addresses out of components with short random values; most are wrong somewhere. */
static void what_is_valid_survives_its_text_and_the_rest_is_refused(void **state)
{
    static const char *const heads[] = {"04",   "06",   "29",   "2a02", "2b",   "3603", "9102",
                                        "a202", "9003", "c103", "d203", "e103", "8906", "a503"};
    struct rng r;
    unsigned valid = 0;

    (void)state;
    rng_init(&r, 2, "multiaddr");
    for (int round = 0; round < 40000; round++) {
        uint8_t bytes[64];
        size_t size = 0;
        struct buf text, back;

        for (uint64_t parts = 1 + rng_below(&r, 3); parts > 0; parts--) {
            size_t fill = (size_t)rng_below(&r, 18);

            size += hex_bytes(heads[rng_below(&r, sizeof heads / sizeof *heads)], bytes + size, 4);
            if (rng_chance(&r, 1, 3))
                fill = (size_t)1 << rng_below(&r, 5);
            if (rng_chance(&r, 1, 2))
                bytes[size++] = (uint8_t)fill;
            if (size + fill > sizeof bytes - 4)
                break;
            rng_fill(&r, bytes + size, fill);
            size += fill;
        }
        buf_init(&text, 4096);
        buf_init(&back, 4096);
        if (multiaddr_text(slice_of(bytes, size), &text) == ERR_OK) {
            valid++;
            assert_int_equal(multiaddr_check(slice_of(bytes, size)), 0);
            assert_int_equal(multiaddr_parse(buf_slice(&text), &back), 0);
            assert_true(slice_equal(buf_slice(&back), slice_of(bytes, size)));
        } else {
            assert_int_equal(multiaddr_check(slice_of(bytes, size)), ERR_MALFORMED);
        }
        buf_deinit(&text);
        buf_deinit(&back);
    }
    assert_true(valid > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_go_both_ways),
        cmocka_unit_test(other_spellings_are_read_and_never_written),
        cmocka_unit_test(text_that_must_fail_fails),
        cmocka_unit_test(binary_that_must_fail_fails),
        cmocka_unit_test(addresses_over_the_limit_are_refused),
        cmocka_unit_test(a_buffer_that_is_full_is_left_as_it_was),
        cmocka_unit_test(decapsulation_cuts_at_the_last_occurrence),
        cmocka_unit_test(endpoints_are_read_from_one_shape_only),
        cmocka_unit_test(endpoints_come_back_from_their_addresses),
        cmocka_unit_test(what_is_valid_survives_its_text_and_the_rest_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
