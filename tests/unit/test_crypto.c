/* stack/crypto: the published vectors of every primitive, and the rules of our own. */
#include "tests/lib/test.h"

#include <sodium.h>

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/crypto/crypto.h"
#include "stack/crypto/siphash.h"

static int setup(void **state)
{
    (void)state;
    return crypto_init();
}

/* Hashes `s` in two parts, cut at every place (or at a few, when it is long). */
static void assert_hash(void (*hash)(uint8_t *out, struct slice a, struct slice b), struct slice s,
                        const char *hex)
{
    size_t step = s.size > 200 ? s.size / 7 : 1;
    uint8_t out[32];

    for (size_t cut = 0; cut <= s.size; cut += step) {
        hash(out, slice_of(s.data, cut), slice_of(s.data + cut, s.size - cut));
        assert_slice_hex(slice_of(out, sizeof out), hex);
    }
}

static void sha256_gives_the_vectors_of_fips_180(void **state)
{
    uint8_t *million = mem_alloc(1000000);

    (void)state;
    memset(million, 'a', 1000000);
    assert_hash(sha256, slice_text(""),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash(sha256, slice_text("abc"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash(sha256, slice_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_hash(sha256, slice_of(million, 1000000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    mem_free(million);
}

static void blake2b_gives_256_bits_of_rfc_7693(void **state)
{
    uint8_t *million = mem_alloc(1000000);

    (void)state;
    memset(million, 'a', 1000000);
    assert_hash(blake2b256, slice_text(""),
                "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    assert_hash(blake2b256, slice_text("abc"),
                "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_hash(blake2b256, slice_of(million, 1000000),
                "0741850f36cba4259628355d1073e24ddb9ca0e1bfac36fd39ae5dc2101e23a4");
    mem_free(million);
}

static void hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    uint8_t repeated[131], counting[25], fifty[50], twenty[20], out[SHA256_SIZE];
    const struct {
        struct slice key, data;
        const char *hex;
    } cases[] = {
        {slice_of(twenty, 20), slice_text("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {slice_text("Jefe"), slice_text("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {slice_of(repeated, 20), slice_of(fifty, 50),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {slice_of(repeated, 131),
         slice_text("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {slice_of(repeated, 131),
         slice_text("This is a test using a larger than block-size key and a larger than "
                    "block-size data. The key needs to be hashed before being used by the HMAC "
                    "algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };

    (void)state;
    memset(twenty, 0x0b, sizeof twenty);
    memset(repeated, 0xaa, sizeof repeated);
    memset(fifty, 0xdd, sizeof fifty);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice d = cases[i].data;

        hmac_sha256(out, cases[i].key, d, slice_of(NULL, 0));
        assert_slice_hex(slice_of(out, sizeof out), cases[i].hex);
        hmac_sha256(out, cases[i].key, slice_of(d.data, 7), slice_of(d.data + 7, d.size - 7));
        assert_slice_hex(slice_of(out, sizeof out), cases[i].hex);
    }
    memset(fifty, 0xcd, sizeof fifty);
    for (size_t i = 0; i < sizeof counting; i++)
        counting[i] = (uint8_t)(i + 1);
    hmac_sha256(out, slice_of(counting, 25), slice_of(fifty, 20), slice_of(fifty + 20, 30));
    assert_slice_hex(slice_of(out, sizeof out),
                     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

static void siphash_gives_128_bits_of_the_reference_table(void **state)
{
    static const struct {
        size_t size;
        const char *hex;
    } cases[] = {
        {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
        {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
        {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {63, "5150d1772f50834a503e069a973fbd7c"},
    };
    uint8_t bytes[64], out[SIPHASH128_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        siphash128(out, bytes, slice_of(bytes, cases[i].size));
        assert_slice_hex(slice_of(out, sizeof out), cases[i].hex);
    }
}

static void siphash_inline_is_libsodiums_at_every_size(void **state)
{
    uint8_t bytes[64], want[SIPHASH128_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct siphash128 got = siphash128_of((struct siphash_rounds){2, 4}, bytes, slice_of(bytes, size));

        siphash128(want, bytes, slice_of(bytes, size));
        assert_int_equal(got.low, load_le64(want));
        assert_int_equal(got.high, load_le64(want + 8));
    }
}

static void fewer_rounds_of_siphash_still_spread_every_bit(void **state)
{
    uint8_t bytes[24] = {0};
    struct siphash128 base = siphash128_of((struct siphash_rounds){1, 3}, bytes, slice_of(bytes, sizeof bytes));

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        struct siphash128 h;
        int flipped;

        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        h = siphash128_of((struct siphash_rounds){1, 3}, bytes, slice_of(bytes, sizeof bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        flipped = __builtin_popcountll(h.low ^ base.low) + __builtin_popcountll(h.high ^ base.high);
        assert_in_range(flipped, 32, 96); /* 64 on average, and 5.7 standard deviations */
    }
}

static void x25519_gives_the_vectors_of_rfc_7748(void **state)
{
    static const char *const cases[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
        {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
         "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
        {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
         "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    };
    uint8_t secret[32], point[32], out[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hex_bytes(cases[i][0], secret, sizeof secret);
        hex_bytes(cases[i][1], point, sizeof point);
        assert_int_equal(x25519(out, secret, point), 0);
        assert_slice_hex(slice_of(out, sizeof out), cases[i][2]);
    }
    x25519_public(out, secret);
    assert_slice_hex(slice_of(out, sizeof out), cases[2][1]);
}

static void x25519_refuses_points_of_low_order(void **state)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32] = {77}, point[32], out[32];

    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        hex_bytes(points[i], point, sizeof point);
        assert_int_equal(x25519(out, secret, point), ERR_AUTH);
    }
}

static void ed25519_gives_the_vectors_of_rfc_8032(void **state)
{
    static const struct {
        const char *seed, *public_key, *message, *signature;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
         "1cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
         "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
         "984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    uint8_t seed[32], public_key[32], secret[64], signature[64], message[4];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice m;

        hex_bytes(cases[i].seed, seed, sizeof seed);
        m = slice_of(message, hex_bytes(cases[i].message, message, sizeof message));
        ed25519_keypair(public_key, secret, seed);
        assert_slice_hex(slice_of(public_key, sizeof public_key), cases[i].public_key);
        assert_memory_equal(secret, seed, sizeof seed);
        assert_memory_equal(secret + 32, public_key, sizeof public_key);
        ed25519_sign(signature, m, secret);
        assert_slice_hex(slice_of(signature, sizeof signature), cases[i].signature);
        assert_true(ed25519_verify(signature, m, public_key));
        for (size_t bit = 0; bit < 512; bit += 37) {
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(ed25519_verify(signature, m, public_key));
            signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        public_key[0] ^= 1;
        assert_false(ed25519_verify(signature, m, public_key));
    }
}

#define DRAFT                                                                                      \
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "   \
    "replaced, or obsoleted by other documents at any time. It is inappropriate to use "           \
    "Internet-Drafts as reference material or to cite them other than as /\xe2\x80\x9cwork in "    \
    "progress./\xe2\x80\x9d"

/* RFC 8439 A.5, the vector whose nonce begins with four zero bytes. */
static void the_aead_gives_the_vector_of_rfc_8439(void **state)
{
    static const char *const sealed_hex =
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e38"
        "2d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f9"
        "82b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d"
        "46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04"
        "b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049"
        "e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
        "eead9d67890cbb22392336fea1851f38";
    struct slice plain = slice_text(DRAFT), ad, sealed;
    uint8_t key[32], ad_bytes[12], out[400], opened[400];
    uint64_t counter = 0x0807060504030201;

    (void)state;
    hex_bytes("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0", key, sizeof key);
    ad = slice_of(ad_bytes, hex_bytes("f33388860000000000004e91", ad_bytes, sizeof ad_bytes));
    assert_int_equal(plain.size, 265);
    aead_seal(out, key, counter, ad, plain);
    sealed = slice_of(out, plain.size + AEAD_TAG_SIZE);
    assert_slice_hex(sealed, sealed_hex);
    assert_true(aead_open(opened, key, counter, ad, sealed));
    assert_memory_equal(opened, plain.data, plain.size);
    assert_false(aead_open(opened, key, counter + 1, ad, sealed));
    assert_false(aead_open(opened, key, counter, slice_of(ad.data, 11), sealed));
    for (size_t size = 0; size < sealed.size; size++)
        assert_false(aead_open(opened, key, counter, ad, slice_of(out, size)));
    for (size_t i = 0; i < sealed.size; i += 9) {
        out[i] ^= 0x40;
        assert_false(aead_open(opened, key, counter, ad, sealed));
        out[i] ^= 0x40;
    }
    key[31] ^= 1;
    assert_false(aead_open(opened, key, counter, ad, sealed));
}

static void sealing_and_opening_work_in_place_and_on_nothing(void **state)
{
    struct rng r;
    uint8_t key[32] = {1}, plain[300], room[300 + AEAD_TAG_SIZE];
    struct slice none = slice_of(NULL, 0);

    (void)state;
    rng_init(&r, 1, "aead");
    for (size_t size = 0; size <= sizeof plain; size += 13) {
        rng_fill(&r, plain, size);
        memcpy(room, plain, size);
        aead_seal(room, key, size, none, slice_of(room, size));
        assert_true(aead_open(room, key, size, none, slice_of(room, size + AEAD_TAG_SIZE)));
        assert_memory_equal(room, plain, size);
    }
}

static void both_libraries_seal_alike(void **state)
{
    uint8_t key[AEAD_KEY_SIZE], nonce[12] = {0}, text[5000], ours[sizeof text + AEAD_TAG_SIZE], theirs[sizeof ours];
    struct rng r;

    (void)state;
    rng_init(&r, 2, "aead");
    for (uint32_t i = 0; i < 500; i++) {
        size_t size = rng_below(&r, i < 250 ? 300 : sizeof text + 1), more = rng_below(&r, 40);
        uint64_t counter = rng_next(&r) >> rng_below(&r, 64);

        rng_fill(&r, key, sizeof key);
        rng_fill(&r, text, sizeof text);
        store_le64(nonce + 4, counter);
        crypto_aead_chacha20poly1305_ietf_encrypt(theirs, NULL, text, size, text, more, NULL, nonce, key);
        aead_seal(ours, key, counter, slice_of(text, more), slice_of(text, size));
        assert_memory_equal(ours, theirs, size + AEAD_TAG_SIZE);
        assert_true(aead_open(ours, key, counter, slice_of(text, more), slice_of(theirs, size + AEAD_TAG_SIZE)));
        assert_memory_equal(ours, text, size);
    }
}

static void random_streams_differ_by_seed_name_and_call(void **state)
{
    uint8_t seed[32] = {1}, a[64], b[64], c[64];
    struct drbg d, same, named, other;

    (void)state;
    drbg_init(&d, seed, "keys");
    drbg_init(&same, seed, "keys");
    drbg_init(&named, seed, "nonces");
    seed[31] = 1;
    drbg_init(&other, seed, "keys");
    drbg_fill(&d, a, sizeof a);
    drbg_fill(&same, b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    drbg_fill(&same, c, sizeof c);
    assert_memory_not_equal(a, c, sizeof a);
    drbg_fill(&d, a, sizeof a);
    assert_memory_equal(a, c, sizeof a);
    drbg_fill(&named, c, sizeof c);
    assert_memory_not_equal(b, c, sizeof b);
    drbg_fill(&other, a, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_vectors_of_fips_180),
        cmocka_unit_test(blake2b_gives_256_bits_of_rfc_7693),
        cmocka_unit_test(hmac_gives_the_vectors_of_rfc_4231),
        cmocka_unit_test(siphash_gives_128_bits_of_the_reference_table),
        cmocka_unit_test(siphash_inline_is_libsodiums_at_every_size),
        cmocka_unit_test(fewer_rounds_of_siphash_still_spread_every_bit),
        cmocka_unit_test(x25519_gives_the_vectors_of_rfc_7748),
        cmocka_unit_test(x25519_refuses_points_of_low_order),
        cmocka_unit_test(ed25519_gives_the_vectors_of_rfc_8032),
        cmocka_unit_test(the_aead_gives_the_vector_of_rfc_8439),
        cmocka_unit_test(both_libraries_seal_alike),
        cmocka_unit_test(sealing_and_opening_work_in_place_and_on_nothing),
        cmocka_unit_test(random_streams_differ_by_seed_name_and_call),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
