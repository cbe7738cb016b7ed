/* stack/wire/record: signed peer records against the vector, and forgeries of every kind. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/multiaddr.h"
#include "stack/wire/pb.h"
#include "stack/wire/record.h"
#include "stack/wire/varint.h"

#define NODE0_KEY_HEX "080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
#define RECORD_HEX "0a260024" NODE0_KEY_HEX "10011a0a0a08040a000001062328"
#define ENVELOPE_HEX                                                                               \
    "0a24" NODE0_KEY_HEX "120203011a36" RECORD_HEX                                                 \
    "2a4034836b73f850bffdec93658c3eab7fb7522bbcab236d82dfa999cd09be024ae15461779f30aa9c3f60d325e1" \
    "241513b90e6077a7cdbcdf6adfab41717fafe300"

static const uint8_t addr[] = {0x04, 10, 0, 0, 1, 0x06, 0x23, 0x28};
static struct identity node0, node1;

static int setup(void **state)
{
    uint8_t seed[ED25519_SEED_SIZE] = {0};
    int err = crypto_init();

    (void)state;
    identity_from_seed(&node0, seed);
    seed[0] = 1;
    identity_from_seed(&node1, seed);
    return err;
}

static void the_vector_is_written_and_read(void **state)
{
    struct record r = {.seq = 1, .addrs = {slice_of(addr, sizeof addr)}, .addr_count = 1}, back;
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    assert_int_equal(record_seal(&r, &node0, &b), 0);
    assert_int_equal(b.size, 164);
    assert_slice_hex(buf_slice(&b), ENVELOPE_HEX);
    assert_int_equal(record_open(buf_slice(&b), &back), 0);
    assert_true(peerid_equal(&back.peer, &node0.id));
    assert_true(back.seq == 1);
    assert_int_equal(back.addr_count, 1);
    assert_true(slice_equal(back.addrs[0], r.addrs[0]));
    buf_deinit(&b);
}

static void append_string(struct buf *b, struct slice s)
{
    varint_append(b, s.size);
    buf_append_slice(b, s);
}

/* An envelope around any payload, signed properly by node 0 over the given domain and type. */
static void seal(struct buf *out, const char *domain, struct slice type, struct slice payload)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct buf message;

    buf_init(&message, 20000);
    append_string(&message, slice_text(domain));
    append_string(&message, type);
    append_string(&message, payload);
    ed25519_sign(signature, buf_slice(&message), node0.secret);
    public_key_pb_write(key, node0.public_key);
    buf_clear(out);
    pb_append_bytes(out, 1, slice_of(key, sizeof key));
    pb_append_bytes(out, 2, type);
    pb_append_bytes(out, 3, payload);
    pb_append_bytes(out, 5, slice_of(signature, sizeof signature));
    buf_deinit(&message);
}

static int open_payload(const char *payload_hex, struct record *r, struct buf *room)
{
    struct blob *payload = hex_blob(payload_hex);

    seal(room, "libp2p-peer-record", slice_of("\3\1", 2), blob_slice(payload));
    blob_unref(payload);
    return record_open(buf_slice(room), r);
}

static void another_domain_or_type_is_refused(void **state)
{
    struct blob *payload = hex_blob(RECORD_HEX);
    struct slice type = slice_of("\3\1", 2), other = slice_text("/libp2p/routing-state-record");
    struct record r;
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    seal(&b, "libp2p-peer-record", type, blob_slice(payload));
    assert_slice_hex(buf_slice(&b), ENVELOPE_HEX);
    assert_int_equal(record_open(buf_slice(&b), &r), ERR_OK);
    seal(&b, "libp2p-routing-state", type, blob_slice(payload));
    assert_int_equal(record_open(buf_slice(&b), &r), ERR_SIGNATURE);
    seal(&b, "libp2p-peer-record", other, blob_slice(payload));
    assert_int_equal(record_open(buf_slice(&b), &r), ERR_UNSUPPORTED);
    buf_deinit(&b);
    blob_unref(payload);
}

static void a_record_about_someone_else_is_refused(void **state)
{
    struct record r;
    struct buf payload, b;

    (void)state;
    buf_init(&payload, 1024);
    buf_init(&b, 1024);
    pb_append_bytes(&payload, 1, peerid_slice(&node1.id));
    pb_append_varint(&payload, 2, 1);
    seal(&b, "libp2p-peer-record", slice_of("\3\1", 2), buf_slice(&payload));
    assert_int_equal(record_open(buf_slice(&b), &r), ERR_WRONG_PEER);
    buf_deinit(&payload);
    buf_deinit(&b);
}

static void unusable_addresses_are_left_out(void **state)
{
    struct record r;
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    assert_int_equal(open_payload("0a260024" NODE0_KEY_HEX "1a040a02ff7f" /* an unknown protocol */
                                  "1a020a00"                              /* empty */
                                  "1a00"                                  /* none at all */
                                  "1a0a0a08040a000001062328"              /* good */
                                  "1a0a0a08047f00000106ffff"              /* good */
                                  "2a0178",                               /* a field nobody knows */
                                  &r, &b),
                     0);
    assert_int_equal(r.addr_count, 2);
    assert_slice_hex(r.addrs[1], "047f00000106ffff");
    assert_true(r.seq == 0);
    buf_deinit(&b);
}

static void a_malformed_record_is_refused_though_its_signature_is_good(void **state)
{
    static const char *const payloads[] = {
        "",
        "1001",                                /* no id */
        "0a00",                                /* an empty one */
        "0a031203aa",                          /* a short one */
        "0a260024" NODE0_KEY_HEX "1a030a0504", /* an address that ends too early */
        "0a260024" NODE0_KEY_HEX "1a0504",     /* a field that does */
        "0a260024" NODE0_KEY_HEX "10",
    };
    struct record r;
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        assert_int_equal(open_payload(payloads[i], &r, &b), ERR_MALFORMED);
    buf_deinit(&b);
}

static void keys_that_cannot_be_verified_are_refused(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } cases[] = {
        {"12020301", ERR_MALFORMED}, /* no key */
        {"0a00 12020301", ERR_MALFORMED},
        {"0a04 08011200 12020301", ERR_MALFORMED},        /* a key of no bytes */
        {"0a05 0800120101 12020301", ERR_UNSUPPORTED},    /* RSA */
        {"0a24" NODE0_KEY_HEX "12020301", ERR_SIGNATURE}, /* no signature */
        {"0a24" NODE0_KEY_HEX "12020301 2a01aa", ERR_SIGNATURE},
        {"0a24" NODE0_KEY_HEX, ERR_UNSUPPORTED}, /* no type */
        {"", ERR_UNSUPPORTED},
        {"0a", ERR_MALFORMED},
        {"0b", ERR_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct blob *b = hex_blob(cases[i].hex);
        struct record r;

        assert_int_equal(record_open(blob_slice(b), &r), cases[i].err);
        blob_unref(b);
    }
}

static void any_changed_or_missing_byte_is_noticed(void **state)
{
    struct blob *b = hex_blob(ENVELOPE_HEX);
    struct record r;

    (void)state;
    for (size_t i = 0; i < b->size; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            b->data[i] ^= (uint8_t)(1u << bit);
            assert_true(record_open(blob_slice(b), &r) < 0);
            b->data[i] ^= (uint8_t)(1u << bit);
        }
        assert_true(record_open(slice_of(b->data, i), &r) < 0);
    }
    assert_int_equal(record_open(blob_slice(b), &r), 0);
    blob_unref(b);
}

static void records_that_are_too_large_are_neither_written_nor_read(void **state)
{
    static uint8_t zeros[RECORD_SIZE_MAX + 1];
    struct record r = {.seq = 1};
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    for (; r.addr_count < RECORD_ADDRS_MAX; r.addr_count++)
        r.addrs[r.addr_count] = slice_of(zeros, 200);
    assert_int_equal(record_seal(&r, &node0, &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
    buf_init(&b, 100);
    r.addr_count = 0;
    assert_int_equal(record_seal(&r, &node0, &b), ERR_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
    assert_int_equal(record_open(slice_of(zeros, sizeof zeros), &r), ERR_TOO_LARGE);
}

static void more_addresses_than_are_kept_are_ignored(void **state)
{
    uint8_t many[(RECORD_ADDRS_MAX + 5) * 12 + 64];
    struct buf payload, b;
    struct record r;

    (void)state;
    buf_init(&payload, sizeof many);
    buf_init(&b, RECORD_SIZE_MAX);
    pb_append_bytes(&payload, 1, peerid_slice(&node0.id));
    for (int i = 0; i < RECORD_ADDRS_MAX + 5; i++) {
        buf_append(&payload, "\x1a\x0a\x0a\x08", 4);
        buf_append(&payload, addr, sizeof addr);
    }
    seal(&b, "libp2p-peer-record", slice_of("\3\1", 2), buf_slice(&payload));
    assert_int_equal(record_open(buf_slice(&b), &r), 0);
    assert_int_equal(r.addr_count, RECORD_ADDRS_MAX);
    buf_deinit(&payload);
    buf_deinit(&b);
}

static void random_records_come_back_as_they_were(void **state)
{
    struct rng rng;
    struct buf b, addrs;

    (void)state;
    rng_init(&rng, 1, "record");
    buf_init(&b, RECORD_SIZE_MAX);
    buf_init(&addrs, 65536);
    for (int round = 0; round < 200; round++) {
        struct record r = {.seq = rng_next(&rng) >> rng_below(&rng, 64)}, back;
        size_t ends[RECORD_ADDRS_MAX];

        buf_clear(&b);
        buf_clear(&addrs);
        r.addr_count = (size_t)rng_below(&rng, RECORD_ADDRS_MAX + 1);
        for (size_t i = 0; i < r.addr_count; i++) {
            struct endpoint at = endpoint_ip4((uint32_t)rng_next(&rng), (uint16_t)rng_next(&rng));

            multiaddr_from_endpoint(&addrs, &at, rng_chance(&rng, 1, 2) ? &node1.id : NULL);
            ends[i] = addrs.size;
        }
        for (size_t i = 0, at = 0; i < r.addr_count; at = ends[i++])
            r.addrs[i] = slice_of(addrs.data + at, ends[i] - at);
        assert_int_equal(record_seal(&r, &node1, &b), 0);
        assert_int_equal(record_open(buf_slice(&b), &back), 0);
        assert_true(back.seq == r.seq && peerid_equal(&back.peer, &node1.id));
        assert_int_equal(back.addr_count, r.addr_count);
        for (size_t i = 0; i < r.addr_count; i++)
            assert_true(slice_equal(back.addrs[i], r.addrs[i]));
    }
    buf_deinit(&b);
    buf_deinit(&addrs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_is_written_and_read),
        cmocka_unit_test(another_domain_or_type_is_refused),
        cmocka_unit_test(a_record_about_someone_else_is_refused),
        cmocka_unit_test(unusable_addresses_are_left_out),
        cmocka_unit_test(a_malformed_record_is_refused_though_its_signature_is_good),
        cmocka_unit_test(keys_that_cannot_be_verified_are_refused),
        cmocka_unit_test(any_changed_or_missing_byte_is_noticed),
        cmocka_unit_test(records_that_are_too_large_are_neither_written_nor_read),
        cmocka_unit_test(more_addresses_than_are_kept_are_ignored),
        cmocka_unit_test(random_records_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
