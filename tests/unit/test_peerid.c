/* stack/wire/peerid: keys, ids and their text forms against the published vectors. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/wire/peerid.h"

#include <stdio.h>

#define ED25519_KEY_PB "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define ECDSA_KEY_PB                                                                               \
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83ab" \
    "ab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c" \
    "409e62"
#define SECP256K1_KEY_PB                                                                           \
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"

static int setup(void **state)
{
    (void)state;
    return crypto_init();
}

/* The identity of interop node `number`: its seed is the number in little-endian. */
static void node_identity(struct identity *id, uint64_t number)
{
    uint8_t seed[ED25519_SEED_SIZE] = {0};

    store_le64(seed, number);
    identity_from_seed(id, seed);
}

static void keys_of_every_type_give_the_published_ids(void **state)
{
    static const struct {
        const char *key_pb, *multihash, *text, *cid;
        enum key_type type;
    } vectors[] = {
        {ECDSA_KEY_PB, "122068362c312e155f4f7290b67f5cd094a22a0a4fbf20efd8c287934419350d36f7",
         "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk",
         "bafzbeidigywdclqvl5hxfefwp5onbffcfife7pza57mmfb4tiqmtkdjw64", KEY_ECDSA},
        {ED25519_KEY_PB, "0024" ED25519_KEY_PB,
         "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
         "bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6", KEY_ED25519},
        {SECP256K1_KEY_PB, "0025" SECP256K1_KEY_PB,
         "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
         "bafzaajiiaijcca3xo7uzjzcsyilaj6i54cj44qk7kqzpoao5rti2pjx6udtdbp6kte", KEY_SECP256K1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct blob *pb = hex_blob(vectors[i].key_pb);
        struct peerid id, again;
        enum key_type type;
        struct slice data;
        char text[PEERID_TEXT_MAX];

        assert_int_equal(public_key_pb_read(blob_slice(pb), &type, &data), 0);
        assert_int_equal(type, vectors[i].type);
        assert_int_equal(peerid_from_public_key(&id, blob_slice(pb)), 0);
        assert_slice_hex(peerid_slice(&id), vectors[i].multihash);
        peerid_text(&id, text);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(peerid_parse(&again, slice_text(text)), 0);
        assert_true(peerid_equal(&id, &again));
        peerid_cid_text(&id, text);
        assert_string_equal(text, vectors[i].cid);
        assert_int_equal(peerid_parse(&again, slice_text(text)), 0);
        assert_true(peerid_equal(&id, &again));
        blob_unref(pb);
    }
}

static void both_text_forms_of_the_specification_name_the_same_peer(void **state)
{
    struct peerid a, b;

    (void)state;
    assert_int_equal(
        peerid_parse(&a, slice_text("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe")),
        0);
    assert_int_equal(peerid_parse(&b, slice_text("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")),
                     0);
    assert_true(peerid_equal(&a, &b));
    assert_slice_hex(peerid_slice(&a),
                     "12209dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0b9");
    assert_int_equal(
        peerid_parse(&a, slice_text("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")), 0);
    assert_slice_hex(peerid_slice(&a), "0024080112202ffa35a99d3a3cfbb17bb7c1dc5561b18a8dcca4df38dc6"
                                       "13ea859c37eb1336b");
}

static void ids_in_other_bases_are_read(void **state)
{
    static const char *const texts[] = {
        "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh",
        "z5AanNVJCxnJqKC3batZBdpMCpLX9Uea96wKjcfFnuvfnzoJaWxBDex",
        "f01720024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    };
    struct identity node0;

    (void)state;
    node_identity(&node0, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct peerid id;

        assert_int_equal(peerid_parse(&id, slice_text(texts[i])), 0);
        assert_true(peerid_equal(&id, &node0.id));
    }
}

static void text_that_names_no_peer_is_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "Qm",
        "12D3KooW",
        "QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",              /* a hash of another size */
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5",               /* one character short */
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S0",        /* 0 is no base58 digit */
        "bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", /* a CID, but no peer's */
        "b",
        "bafz",
        "?afzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
        "f0172",
        "f017200",
        "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct peerid id;

        assert_int_equal(peerid_parse(&id, slice_text(texts[i])), ERR_MALFORMED);
    }
}

static void bytes_that_are_no_id_are_malformed(void **state)
{
    static const char *const hex[] = {
        "",
        "00",
        "0000",
        "000108ff",
        "1220",
        "1203aabbcc",
        "00020a",
        "121f9dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0",
        "13209dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0b9",
        "12209dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0b9aa",
    };
    static const uint8_t large[2 + 43] = {0, 43}, fitting[2 + 42] = {0, 42};
    struct peerid id;

    (void)state;
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        struct blob *b = hex_blob(hex[i]);

        assert_int_equal(peerid_from_bytes(&id, blob_slice(b)), ERR_MALFORMED);
        blob_unref(b);
    }
    assert_int_equal(peerid_from_bytes(&id, slice_of(large, sizeof large)), ERR_MALFORMED);
    assert_int_equal(peerid_from_bytes(&id, slice_of(fitting, sizeof fitting)), 0);
}

static void only_the_canonical_encoding_of_a_key_is_read(void **state)
{
    static const char *const key =
        "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";
    static const char *const frames[][2] = {
        {"1220", "0801"},                                           /* the other order */
        {"080108011220", ""},                                       /* the type twice */
        {"08011220", "1800"},                                       /* another field */
        {"8800011220", ""},                                         /* longer varints than needed */
        {"08810012 20", ""},  {"080112a000", ""}, {"08041220", ""}, /* no such type */
        {"0801121f", ""},                                           /* ends too early */
        {"1220", ""},
    };
    enum key_type type;
    struct slice data;

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        uint8_t bytes[64];
        size_t size = hex_bytes(frames[i][0], bytes, sizeof bytes);

        size += hex_bytes(key, bytes + size, sizeof bytes - size);
        size += hex_bytes(frames[i][1], bytes + size, sizeof bytes - size);
        assert_int_equal(public_key_pb_read(slice_of(bytes, size), &type, &data), ERR_MALFORMED);
    }
    assert_int_equal(public_key_pb_read(slice_text("\x08\x01\x12\x01x"), &type, &data),
                     ERR_MALFORMED);
    assert_int_equal(public_key_pb_read(slice_text("\x08\x01"), &type, &data), ERR_MALFORMED);
}

static void the_ids_of_ten_thousand_interop_nodes_hash_to_the_published_value(void **state)
{
    static char lines[10000 * (PEERID_TEXT_MAX + 8)];
    uint8_t digest[SHA256_SIZE];
    size_t size = 0;

    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        struct identity id;
        char text[PEERID_TEXT_MAX];

        node_identity(&id, i);
        peerid_text(&id.id, text);
        size += (size_t)snprintf(lines + size, sizeof lines - size, ">%u:%s\n", (unsigned)i, text);
    }
    sha256(digest, slice_of(lines, size), slice_of(NULL, 0));
    assert_slice_hex(slice_of(digest, sizeof digest),
                     "11395ea896d00ca25f7f648ebb336488ee092096a5498d90d76b92eaec27867a");
}

static void an_id_gives_its_ed25519_key_back_and_other_ids_give_none(void **state)
{
    struct identity id;
    struct peerid other;
    uint8_t key[ED25519_PUBLIC_SIZE];

    (void)state;
    node_identity(&id, 9999);
    assert_int_equal(peerid_ed25519_key(&id.id, key), 0);
    assert_slice_hex(slice_of(key, sizeof key),
                     "3edfea76de8255ab08601b4db5ef49167e4855fc4bb1aeec550241e40aa97b5d");
    peerid_parse(&other, slice_text("16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"));
    assert_int_equal(peerid_ed25519_key(&other, key), ERR_UNSUPPORTED);
    peerid_parse(&other, slice_text("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"));
    assert_int_equal(peerid_ed25519_key(&other, key), ERR_UNSUPPORTED);
}

static void a_signature_verifies_under_its_key_only(void **state)
{
    struct identity a, b;
    uint8_t pb[PUBLIC_KEY_PB_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct slice message = slice_text("hearsay"), s = slice_of(signature, sizeof signature);
    struct blob *ecdsa = hex_blob(ECDSA_KEY_PB);

    (void)state;
    node_identity(&a, 1);
    node_identity(&b, 2);
    ed25519_sign(signature, message, a.secret);
    public_key_pb_write(pb, a.public_key);
    assert_int_equal(public_key_verify(slice_of(pb, sizeof pb), message, s), ERR_OK);
    assert_int_equal(public_key_verify(slice_of(pb, sizeof pb), slice_text("heresay"), s),
                     ERR_SIGNATURE);
    assert_int_equal(public_key_verify(slice_of(pb, sizeof pb), message, slice_of(s.data, 63)),
                     ERR_SIGNATURE);
    assert_int_equal(public_key_verify(slice_of(pb, 35), message, s), ERR_MALFORMED);
    assert_int_equal(public_key_verify(blob_slice(ecdsa), message, s), ERR_UNSUPPORTED);
    public_key_pb_write(pb, b.public_key);
    assert_int_equal(public_key_verify(slice_of(pb, sizeof pb), message, s), ERR_SIGNATURE);
    blob_unref(ecdsa);
}

static void random_ids_survive_their_texts(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "peerid");
    for (int round = 0; round < 2000; round++) {
        uint8_t key[43];
        size_t size = 1 + (size_t)rng_below(&r, sizeof key);
        struct peerid id, back;
        char text[PEERID_TEXT_MAX];

        rng_fill(&r, key, size);
        assert_int_equal(peerid_from_public_key(&id, slice_of(key, size)), 0);
        assert_int_equal(peerid_from_bytes(&back, peerid_slice(&id)), 0);
        assert_true(peerid_equal(&id, &back));
        peerid_text(&id, text);
        assert_int_equal(peerid_parse(&back, slice_text(text)), 0);
        assert_true(peerid_equal(&id, &back));
        peerid_cid_text(&id, text);
        assert_int_equal(peerid_parse(&back, slice_text(text)), 0);
        assert_true(peerid_equal(&id, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_type_give_the_published_ids),
        cmocka_unit_test(both_text_forms_of_the_specification_name_the_same_peer),
        cmocka_unit_test(ids_in_other_bases_are_read),
        cmocka_unit_test(text_that_names_no_peer_is_malformed),
        cmocka_unit_test(bytes_that_are_no_id_are_malformed),
        cmocka_unit_test(only_the_canonical_encoding_of_a_key_is_read),
        cmocka_unit_test(the_ids_of_ten_thousand_interop_nodes_hash_to_the_published_value),
        cmocka_unit_test(an_id_gives_its_ed25519_key_back_and_other_ids_give_none),
        cmocka_unit_test(a_signature_verifies_under_its_key_only),
        cmocka_unit_test(random_ids_survive_their_texts),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
