/* stack/transport/noise: published vectors byte for byte, the libp2p handshake in both modes,
 * frames. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/transport/chain_pack.h"
#include "stack/transport/noise.h"
#include "stack/transport/noise_xx.h"

#define EPHEMERAL_I "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
#define MESSAGE_1_HEAD                                                                             \
    "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466"                             \
    "3414af878d3e46a2f58911a816d6e8346d4ea17a6f2a0bb4ef4ed56c133cff45"
#define MESSAGE_2_HEAD "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d9"

#define NODE0_KEY "080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
#define NODE0_SIGNATURE                                                                            \
    "6ccb40053a4b7dd3be9e0fca4f6e2501e307862f64a08ff495a8e6e3014e2bbc"                             \
    "9607f392f095b6c97f279991ab23c3488f842569f3fba8a163eb619b0f962908"
#define YAMUX "/yamux/1.0.0"

static void count_up(uint8_t out[static 32], uint8_t first)
{
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(first + i);
}

static void xx_pair(struct noise_xx *initiator, struct noise_xx *responder)
{
    uint8_t is[32], rs[32], ie[32], re[32];

    count_up(is, 0x00);
    count_up(rs, 0x01);
    count_up(ie, 0x20);
    count_up(re, 0x41);
    noise_xx_init(initiator, true, is, ie);
    noise_xx_init(responder, false, rs, re);
}

static void assert_xx_message(struct noise_xx *from, struct noise_xx *to, const char *payload,
                              const char *hex)
{
    uint8_t message[256], read[256];
    size_t size = noise_xx_overhead(from->message) + strlen(payload);

    assert_int_equal(noise_xx_write(from, slice_text(payload), message), ERR_OK);
    assert_slice_hex(slice_of(message, size), hex);
    assert_int_equal(noise_xx_read(to, slice_of(message, size), read), ERR_OK);
    assert_memory_equal(read, payload, strlen(payload));
}

static void assert_transport(const uint8_t key[32], const char *text, const char *hex)
{
    uint8_t sealed[64];

    aead_seal(sealed, key, 0, slice_of(NULL, 0), slice_text(text));
    assert_slice_hex(slice_of(sealed, strlen(text) + AEAD_TAG_SIZE), hex);
}

static void the_published_vector_with_empty_payloads_is_reproduced(void **state)
{
    struct noise_xx i, r;
    uint8_t i_send[32], i_receive[32], r_send[32], r_receive[32];

    (void)state;
    xx_pair(&i, &r);
    assert_slice_hex(slice_of(i.static_public, 32),
                     "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f");
    assert_slice_hex(slice_of(i.symmetric.hash, 32),
                     "f3d15e6108ed9556171207baa58f97d29a13c6be40595166066e2e0958dc002d");
    assert_xx_message(&i, &r, "", EPHEMERAL_I);
    assert_slice_hex(slice_of(i.symmetric.hash, 32),
                     "0692f02b3695dffc70fcecd58b1abcb9a2ea2f210579481b10b68218e90adff1");
    assert_xx_message(&r, &i, "",
                      MESSAGE_1_HEAD
                      "60a34e36ea82109f26cf2e5a5caf992b608d55c747f615e5a3425a7a19eefb8f");
    assert_slice_hex(slice_of(i.symmetric.hash, 32),
                     "d2f34fea75b00241fba7c5ee27501b6803c939f3a675e6e1d042493914c1a012");
    assert_xx_message(&i, &r, "",
                      MESSAGE_2_HEAD
                      "7e5ea11b16f3968710b23a3be3202dc1b5e1ce3c963347491e74f5c0768a9b42");
    assert_slice_hex(slice_of(r.symmetric.hash, 32),
                     "9542b10ef534ed52859a8be801ecec0a152d0e03d25fda532218079628357622");
    assert_slice_hex(slice_of(r.symmetric.chaining_key, 32),
                     "9782bdbe8c5cd413532c73d14b7aed7f0888466e71cc2c43bf862bc66018bd17");
    noise_xx_split(&i, i_send, i_receive);
    noise_xx_split(&r, r_send, r_receive);
    assert_slice_hex(slice_of(i_send, 32),
                     "4759d15f0f4cfb9c3cef133e60b44ea3479cae90880a7e71df96f111d78d5953");
    assert_slice_hex(slice_of(r_send, 32),
                     "a8b5dce3cef845d63c9671c350eb15cbb50b6c6d5f0d3231d32d711dab1ed191");
    assert_memory_equal(i_send, r_receive, 32);
    assert_memory_equal(r_send, i_receive, 32);
    assert_transport(i_send, "yellowsubmarine",
                     "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6");
    assert_transport(r_send, "submarineyellow",
                     "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521");
}

static void the_published_vector_with_payloads_is_reproduced(void **state)
{
    struct noise_xx i, r;

    (void)state;
    xx_pair(&i, &r);
    assert_xx_message(&i, &r, "test_msg_0", EPHEMERAL_I "746573745f6d73675f30");
    assert_xx_message(&r, &i, "test_msg_1",
                      MESSAGE_1_HEAD
                      "72e7a2ba5123ac30618b3d205f5c2d17f50cbca216483ac56bcc78e33bf520303278db641e"
                      "5e731b2e3a");
    assert_xx_message(&i, &r, "test_msg_2",
                      MESSAGE_2_HEAD
                      "f27e318e43ba630594c4d08eeb3b36d97c7377a2f4f9144b2f0c8095ad92140505b2ab53ef"
                      "f244b14138");
}

/* A handshake between two nodes, with everything that went over the wire. */
struct party {
    struct identity identity;
    struct noise_config config;
    struct noise_handshake *handshake;
    struct noise_peer peer;
    struct noise_session session;
    struct chain in, out;
    const struct peerid *expected;
    int status;
};

static void party_init(struct party *p, enum noise_mode mode, bool initiator, const char *muxer)
{
    uint8_t seed[32] = {initiator ? 0 : 1}, secrets[2][32];

    *p = (struct party){.status = NOISE_MORE};
    identity_from_seed(&p->identity, seed);
    p->config = (struct noise_config){mode, initiator, &p->identity, muxer};
    count_up(secrets[0], initiator ? 0x00 : 0x01);
    count_up(secrets[1], initiator ? 0x20 : 0x41);
    p->handshake = noise_handshake_new_with_keys(&p->config, secrets[0], secrets[1], &p->out);
}

static void party_deinit(struct party *p)
{
    noise_handshake_free(p->handshake);
    chain_deinit(&p->in);
    chain_deinit(&p->out);
}

static void party_feed(void *ctx, struct slice piece)
{
    struct party *p = ctx;

    chain_append(&p->in, piece);
    if (p->status == NOISE_MORE)
        p->status =
            noise_handshake_feed(p->handshake, &p->in, &p->out, p->expected, &p->peer, &p->session);
}

/* Hands over what `from` has written, `tail` included; returns its size. */
static size_t carry(struct rng *r, struct party *from, struct party *to, const char *tail)
{
    struct span s;
    size_t size;

    chain_append(&from->out, slice_text(tail));
    size = from->out.size;
    s = chain_take(&from->out, size);
    split_feed(r, span_slice(s), party_feed, to);
    span_unref(s);
    return size;
}

static void two_nodes_shake_hands_however_the_bytes_are_cut(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "shake");
    for (int round = 0; round < 20; round++) {
        struct party i, p;
        enum noise_mode mode = round % 2 ? NOISE_REAL : NOISE_MODELLED;

        party_init(&i, mode, true, YAMUX);
        party_init(&p, mode, false, YAMUX);
        i.expected = &p.identity.id;
        assert_int_equal(carry(&r, &i, &p, ""), 2 + 32);
        assert_int_equal(carry(&r, &p, &i, ""), 2 + 32 + 48 + 120 + 16); /* as js measures it */
        assert_int_equal(i.status, NOISE_DONE);
        assert_int_equal(carry(&r, &i, &p, "tail"), 2 + 48 + 120 + 16 + 4);
        assert_int_equal(p.status, NOISE_DONE);
        assert_chain_hex(&p.in, "7461696c"); /* the first frames may follow at once */
        assert_true(peerid_equal(&i.peer.id, &p.identity.id));
        assert_true(peerid_equal(&p.peer.id, &i.identity.id));
        assert_true(i.peer.muxer_agreed && p.peer.muxer_agreed);
        assert_memory_equal(i.session.send_key, p.session.receive_key, 32);
        assert_memory_equal(i.session.receive_key, p.session.send_key, 32);
        party_deinit(&i);
        party_deinit(&p);
    }
}

/* The initiator of the vector is node 0 of the interop suite; its last message is opened by hand.
 */
static void the_payload_is_the_identity_key_its_signature_and_the_muxers(void **state)
{
    struct party i;
    struct noise_xx unused, r;
    uint8_t message[512], payload[512];
    struct rng rng;

    (void)state;
    rng_init(&rng, 1, "payload");
    for (int with_muxer = 0; with_muxer < 2; with_muxer++) {
        struct party p;
        size_t size;

        party_init(&i, NOISE_REAL, true, with_muxer ? YAMUX : NULL);
        party_init(&p, NOISE_REAL, false, YAMUX);
        xx_pair(&unused, &r);
        chain_peek(&i.out, 2, message, 32);
        assert_int_equal(noise_xx_read(&r, slice_of(message, 32), payload), ERR_OK);
        carry(&rng, &i, &p, "");
        /* Repeat what the real responder wrote, to have its symmetric state at hand. */
        chain_peek(&p.out, 2, message, p.out.size - 2);
        {
            struct noise_xx i2;
            uint8_t is[32], ie[32], copy[512];

            count_up(is, 0x00);
            count_up(ie, 0x20);
            noise_xx_init(&i2, true, is, ie);
            assert_int_equal(noise_xx_write(&i2, slice_of(NULL, 0), copy), ERR_OK);
            assert_int_equal(noise_xx_read(&i2, slice_of(message, p.out.size - 2), payload),
                             ERR_OK);
            assert_int_equal(noise_xx_write(&r, slice_of(payload, p.out.size - 2 - 96), copy),
                             ERR_OK);
            assert_memory_equal(copy, message, p.out.size - 2);
        }
        carry(&rng, &p, &i, "");
        size = i.out.size - 2;
        chain_peek(&i.out, 2, message, size);
        assert_int_equal(noise_xx_read(&r, slice_of(message, size), payload), ERR_OK);
        assert_slice_hex(slice_of(payload, size - 64),
                         with_muxer ? "0a24" NODE0_KEY "1240" NODE0_SIGNATURE
                                      "220e120c2f79616d75782f312e302e30"
                                    : "0a24" NODE0_KEY "1240" NODE0_SIGNATURE);
        party_deinit(&i);
        party_deinit(&p);
    }
}

static void a_muxer_is_agreed_only_when_both_offer_it(void **state)
{
    static const char *const offers[] = {NULL, YAMUX, "/mplex/6.7.0"};
    struct rng r;

    (void)state;
    rng_init(&r, 1, "muxer");
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            struct party i, p;

            party_init(&i, NOISE_MODELLED, true, offers[a]);
            party_init(&p, NOISE_MODELLED, false, offers[b]);
            carry(&r, &i, &p, "");
            carry(&r, &p, &i, "");
            carry(&r, &i, &p, "");
            assert_int_equal(p.status, NOISE_DONE);
            assert_int_equal(i.peer.muxer_agreed, a == b && a > 0);
            assert_int_equal(p.peer.muxer_agreed, a == b && a > 0);
            party_deinit(&i);
            party_deinit(&p);
        }
    }
}

static void a_wrong_peer_is_refused_before_our_last_message_goes_out(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "wrong");
    for (int mode = NOISE_REAL; mode <= NOISE_MODELLED; mode++) {
        struct party i, p;

        party_init(&i, (enum noise_mode)mode, true, YAMUX);
        party_init(&p, (enum noise_mode)mode, false, YAMUX);
        i.expected = &i.identity.id;
        carry(&r, &i, &p, "");
        carry(&r, &p, &i, "");
        assert_int_equal(i.status, ERR_WRONG_PEER);
        assert_int_equal(i.out.size, 0);
        party_deinit(&i);
        party_deinit(&p);
    }
}

/* Runs a handshake whose message number `message` is damaged by `damage`; returns what its reader
 * said. */
static int status_after(enum noise_mode mode, int message,
                        void (*damage)(uint8_t *, size_t, size_t), size_t where)
{
    struct party sides[2];
    struct rng r;
    int status;

    rng_init(&r, where, "damage");
    party_init(&sides[0], mode, true, YAMUX);
    party_init(&sides[1], mode, false, YAMUX);
    for (int m = 0; m < message; m++)
        carry(&r, &sides[m % 2], &sides[(m + 1) % 2], "");
    {
        struct party *from = &sides[message % 2], *to = &sides[(message + 1) % 2];
        size_t size = from->out.size;
        uint8_t bytes[512];

        chain_peek(&from->out, 0, bytes, size);
        damage(bytes, size, where);
        split_feed(&r, slice_of(bytes, size), party_feed, to);
        if (to->status >= 0 && message == 0) { /* a damaged ephemeral key shows one message later */
            carry(&r, to, from, "");
            to = from;
        }
        status = to->status;
    }
    party_deinit(&sides[0]);
    party_deinit(&sides[1]);
    return status;
}

static void flip_bit(uint8_t *bytes, size_t size, size_t where)
{
    bytes[2 + where % (size - 2)] ^= (uint8_t)(1u << where % 7);
}

static void every_flipped_bit_of_a_real_handshake_is_noticed(void **state)
{
    (void)state;
    for (size_t where = 0; where < 96 + 120; where += 5)
        assert_true(status_after(NOISE_REAL, 1, flip_bit, where) < 0);
    for (size_t where = 0; where < 64 + 120; where += 5)
        assert_true(status_after(NOISE_REAL, 2, flip_bit, where) < 0);
    for (size_t where = 0; where < 32; where += 5)
        assert_true(status_after(NOISE_REAL, 0, flip_bit, where) < 0);
}

static void low_order_point(uint8_t *bytes, size_t size, size_t where)
{
    (void)size;
    (void)where;
    memset(bytes + 2, 0, 32);
}

static void declare_short(uint8_t *bytes, size_t size, size_t where)
{
    (void)size;
    store_be16(bytes, (uint16_t)where);
}

static void break_signature(uint8_t *bytes, size_t size, size_t where)
{
    (void)size;
    bytes[2 + 80 + 38 + 2 + where % 64] = 1; /* within the signature field of a modelled message */
}

static void a_handshake_message_that_is_wrong_has_its_own_error(void **state)
{
    (void)state;
    assert_int_equal(status_after(NOISE_REAL, 0, low_order_point, 0), ERR_AUTH);
    assert_int_equal(status_after(NOISE_REAL, 1, low_order_point, 0), ERR_AUTH);
    assert_int_equal(status_after(NOISE_MODELLED, 0, declare_short, 31), ERR_TRUNCATED);
    assert_int_equal(status_after(NOISE_REAL, 1, declare_short, 95), ERR_TRUNCATED);
    assert_int_equal(status_after(NOISE_REAL, 1, declare_short, 96 + NOISE_PAYLOAD_MAX + 1),
                     ERR_TOO_LARGE);
    assert_int_equal(status_after(NOISE_REAL, 1, declare_short, 96 + NOISE_PAYLOAD_MAX),
                     NOISE_MORE);
    assert_int_equal(status_after(NOISE_REAL, 1, declare_short, 96), ERR_AUTH);
    assert_int_equal(status_after(NOISE_MODELLED, 1, declare_short, 96), ERR_AUTH);
    assert_int_equal(status_after(NOISE_MODELLED, 1, break_signature, 9), ERR_SIGNATURE);
}

/* A responder's message 1 with an arbitrary payload, sealed with the keys of the vectors. */
static int status_of_payload(struct slice payload, struct noise_peer *peer)
{
    struct party i;
    struct noise_xx unused, r;
    struct blob *b = blob_new(2 + 96 + payload.size);
    uint8_t first[32];
    int status;

    party_init(&i, NOISE_REAL, true, YAMUX);
    xx_pair(&unused, &r);
    chain_peek(&i.out, 2, first, sizeof first);
    assert_int_equal(noise_xx_read(&r, slice_of(first, sizeof first), b->data), ERR_OK);
    assert_int_equal(noise_xx_write(&r, payload, b->data + 2), ERR_OK);
    store_be16(b->data, (uint16_t)(96 + payload.size));
    party_feed(&i, blob_slice(b));
    status = i.status;
    *peer = i.peer;
    blob_unref(b);
    party_deinit(&i);
    return status;
}

static int status_of_payload_hex(const char *hex, struct noise_peer *peer)
{
    struct blob *b = hex_blob(hex);
    int status = status_of_payload(blob_slice(b), peer);

    blob_unref(b);
    return status;
}

/* The identity of node 1 vouching for the responder's static key. */
static void good_payload(struct buf *b)
{
    uint8_t seed[32] = {1}, key[PUBLIC_KEY_PB_SIZE], message[24 + 32], signature[64];
    struct identity id;
    struct noise_xx unused, r;
    struct blob *head = hex_blob("0a24");

    xx_pair(&unused, &r);
    identity_from_seed(&id, seed);
    public_key_pb_write(key, id.public_key);
    memcpy(message, "noise-libp2p-static-key:", 24);
    memcpy(message + 24, r.static_public, 32);
    ed25519_sign(signature, slice_of(message, sizeof message), id.secret);
    buf_append_slice(b, blob_slice(head));
    buf_append(b, key, sizeof key);
    buf_append_be16(b, 0x1240);
    buf_append(b, signature, sizeof signature);
    blob_unref(head);
}

static void append_muxers(struct buf *b, int others)
{
    struct buf list;

    buf_init(&list, 4096);
    for (int i = 0; i < others; i++)
        buf_append(&list, "\x12\x01x", 3);
    buf_append(&list, "\x12\x0c" YAMUX, 14);
    buf_append_u8(b, 0x22);
    buf_append_u8(b, (uint8_t)(list.size | 0x80));
    buf_append_u8(b, (uint8_t)(list.size >> 7));
    buf_append_slice(b, buf_slice(&list));
    buf_deinit(&list);
}

static void payloads_of_other_implementations_are_read_with_care(void **state)
{
    struct noise_peer peer;
    struct buf b;

    (void)state;
    buf_init(&b, NOISE_PAYLOAD_MAX);
    good_payload(&b);
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), NOISE_DONE);
    assert_false(peer.muxer_agreed);
    buf_append(&b, "\x1a\x03old\x58\x01", 7); /* the obsolete data field, and one from the future */
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), NOISE_DONE);
    buf_append(&b, "\x22\x03\x0a\x01\x00", 5); /* an extension for another transport */
    append_muxers(&b, 99);
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), NOISE_DONE);
    assert_true(peer.muxer_agreed);
    append_muxers(&b, 0); /* the 101st entry: too many to take seriously */
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), NOISE_DONE);
    assert_false(peer.muxer_agreed);
    b.data[b.size - 13]++; /* an entry that ends beyond its message */
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), ERR_MALFORMED);
    buf_clear(&b);
    good_payload(&b);
    b.data[50] ^= 1;
    assert_int_equal(status_of_payload(buf_slice(&b), &peer), ERR_SIGNATURE);
    assert_int_equal(status_of_payload_hex("", &peer), ERR_MALFORMED);
    assert_int_equal(status_of_payload_hex("0a24", &peer), ERR_MALFORMED);
    assert_int_equal(status_of_payload_hex("0a24" NODE0_KEY "1203112233", &peer), ERR_SIGNATURE);
    assert_int_equal(status_of_payload_hex("0a04 0802 1200 1200", &peer), ERR_UNSUPPORTED);
    buf_deinit(&b);
}

static void garbage_never_completes_a_handshake(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 4, "garbage");
    for (int round = 0; round < 300; round++) {
        struct party p;
        uint8_t bytes[400];

        party_init(&p, round % 8 ? NOISE_MODELLED : NOISE_REAL, round % 2, YAMUX);
        rng_fill(&r, bytes, sizeof bytes);
        store_be16(bytes, (uint16_t)rng_below(&r, 300));
        split_feed(&r, slice_of(bytes, sizeof bytes), party_feed, &p);
        assert_int_not_equal(p.status, NOISE_DONE);
        party_deinit(&p);
    }
}

static void a_handshake_draws_its_keys_from_the_stream_it_is_given(void **state)
{
    struct party p;
    struct drbg keys;
    uint8_t seed[32] = {7}, secrets[64];
    struct chain out = {0}, wanted = {0};
    struct noise_handshake *a, *b;

    (void)state;
    party_init(&p, NOISE_REAL, true, YAMUX);
    drbg_init(&keys, seed, "noise");
    drbg_fill(&keys, secrets, sizeof secrets);
    b = noise_handshake_new_with_keys(&p.config, secrets, secrets + 32, &wanted);
    drbg_init(&keys, seed, "noise");
    a = noise_handshake_new(&p.config, &keys, &out);
    assert_int_equal(keys.counter, 1);
    assert_memory_equal(chain_front(&out).data, chain_front(&wanted).data, 34);
    noise_handshake_free(a);
    noise_handshake_free(b);
    chain_deinit(&out);
    p.config.mode = NOISE_MODELLED; /* draws nothing */
    noise_handshake_free(noise_handshake_new(&p.config, NULL, &out));
    chain_deinit(&out);
    chain_deinit(&wanted);
    party_deinit(&p);
}

/* Frames */

static struct noise_session session_of(enum noise_mode mode)
{
    struct noise_session s = {.mode = mode};

    memset(s.send_key, 5, sizeof s.send_key);
    memset(s.receive_key, 5, sizeof s.receive_key);
    return s;
}

static void random_bytes_survive_sealing_cutting_and_opening(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 5, "frames");
    for (int mode = NOISE_REAL; mode <= NOISE_MODELLED; mode++) {
        struct noise_session s = session_of((enum noise_mode)mode);
        struct chain plain = {0}, sent = {0}, wire = {0}, network = {0}, back = {0};

        for (int round = 0; round < 400; round++) {
            size_t spans = (size_t)rng_below(&r, 4);

            for (size_t i = 0; i < spans; i++) {
                struct blob *b = blob_new((size_t)rng_below(&r, round % 50 ? 300 : 70000));
                struct span all = span_give(b);

                rng_fill(&r, b->data, b->size);
                chain_push(&plain, all);
                chain_give(&sent, all);
            }
            noise_seal(&s, &plain, &wire);
            assert_int_equal(plain.size, 0);
            chain_move(&network, &wire, (size_t)rng_below(&r, wire.size + 1));
            assert_int_equal(noise_open(&s, &network, &back), ERR_OK);
            assert_true(network.size <= NOISE_FRAME_MAX + 1);
        }
        chain_move_all(&network, &wire);
        assert_int_equal(noise_open(&s, &network, &back), ERR_OK);
        assert_int_equal(network.size, 0);
        assert_int_equal(back.size, sent.size);
        {
            struct span a = chain_take(&sent, sent.size), b = chain_take(&back, back.size);

            assert_memory_equal(a.data, b.data, a.size);
            span_unref(a);
            span_unref(b);
        }
    }
}

static size_t wire_size(enum noise_mode mode, size_t size)
{
    struct noise_session s = session_of(mode);
    struct chain plain = {0}, wire = {0};
    size_t sealed;

    chain_give(&plain, span_give(blob_new(size)));
    memset(plain.spans ? chain_span(&plain, 0)->owner->data : (uint8_t[1]){0}, 0, size);
    noise_seal(&s, &plain, &wire);
    sealed = wire.size;
    chain_deinit(&wire);
    return sealed;
}

static void frames_have_the_same_size_in_both_modes(void **state)
{
    static const size_t sizes[] = {0,     1,     12,    1036,      65518,
                                   65519, 65520, 65536, 2 * 65519, 2 * 65519 + 1};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t frames = (sizes[i] + NOISE_PLAIN_MAX - 1) / NOISE_PLAIN_MAX;

        assert_int_equal(wire_size(NOISE_REAL, sizes[i]), sizes[i] + frames * 18);
        assert_int_equal(wire_size(NOISE_MODELLED, sizes[i]), sizes[i] + frames * 18);
    }
}

static void a_modelled_frame_passes_the_payload_on_without_copying(void **state)
{
    struct noise_session s = session_of(NOISE_MODELLED);
    struct chain plain = {0}, wire = {0}, back = {0};
    struct blob *body = blob_new(200000);
    struct span got;

    (void)state;
    memset(body->data, 1, body->size);
    chain_give(&plain, span_give(blob_ref(body)));
    noise_seal(&s, &plain, &wire); /* four frames */
    assert_int_equal(noise_open(&s, &wire, &back), ERR_OK);
    assert_int_equal(back.count, 1);
    got = chain_take(&back, back.size);
    assert_ptr_equal(got.data, body->data);
    span_unref(got);
    assert_int_equal(atomic_load(&body->refs), 1);
    blob_unref(body);
}

static void the_head_uses_spare_bytes_only_where_nobody_else_sees_them(void **state)
{
    static const char text[] = "abcdefghijklmnopqrstu";
    struct noise_session s = session_of(NOISE_MODELLED);
    struct chain plain = {0}, wire = {0};
    struct blob *b = blob_copy(slice_of(text, 21)), *held = blob_copy(slice_of(text, 21));

    (void)state;
    chain_give(&plain, (struct span){b, b->data + 18, 3});
    noise_seal(&s, &plain, &wire);
    assert_int_equal(wire.count, 1);
    assert_ptr_equal(chain_span(&wire, 0)->data, b->data);
    assert_chain_hex(&wire, "0013 00000000000000000000000000000000 737475");
    chain_drop(&wire, wire.size);
    chain_give(&plain, (struct span){blob_ref(held), held->data + 18, 3});
    noise_seal(&s, &plain, &wire);
    assert_chain_hex(&wire, "0013 00000000000000000000000000000000 737475");
    assert_memory_equal(held->data, text, 21);
    chain_drop(&wire, wire.size);
    b = blob_copy(slice_of(text, 21));
    chain_give(&plain, (struct span){b, b->data + 17, 4}); /* a byte too few */
    noise_seal(&s, &plain, &wire);
    assert_int_equal(wire.count, 2);
    assert_chain_hex(&wire, "0014 00000000000000000000000000000000 72737475");
    chain_deinit(&wire);
    blob_unref(held);
}

static void a_real_frame_leaves_shared_bytes_alone_and_opens_its_own_in_place(void **state)
{
    struct noise_session s = session_of(NOISE_REAL);
    struct chain plain = {0}, wire = {0}, back = {0};
    struct blob *body = blob_new(1000);
    const uint8_t *sealed;

    (void)state;
    memset(body->data, 1, body->size);
    chain_give(&plain, span_give(blob_ref(body)));
    noise_seal(&s, &plain, &wire);
    sealed = chain_span(&wire, 0)->data;
    assert_int_equal(noise_open(&s, &wire, &back), ERR_OK);
    assert_ptr_equal(chain_front(&back).data, sealed + 2);
    chain_deinit(&back);

    chain_give(&plain, span_give(blob_ref(body)));
    noise_seal(&s, &plain, &wire);
    {
        struct span other = span_ref(*chain_span(&wire, 0));
        struct blob *before = blob_copy(span_slice(other));

        assert_int_equal(noise_open(&s, &wire, &back), ERR_OK);
        assert_memory_equal(other.data, before->data, before->size);
        assert_memory_equal(chain_front(&back).data, body->data, 1000);
        span_unref(other);
        blob_unref(before);
    }
    chain_deinit(&back);
    blob_unref(body);
}

static void forged_and_short_frames_are_refused_and_empty_ones_are_not(void **state)
{
    (void)state;
    for (int mode = NOISE_REAL; mode <= NOISE_MODELLED; mode++) {
        struct noise_session s = session_of((enum noise_mode)mode);
        struct chain plain = {0}, wire = {0};
        uint8_t bytes[2 + 5 + 16];

        chain_append_hex(&wire, "000f 00000000000000000000000000000000");
        assert_int_equal(noise_open(&s, &wire, &plain), ERR_AUTH);
        chain_deinit(&wire);
        chain_append(&plain, slice_text("hello"));
        noise_seal(&s, &plain, &wire);
        chain_peek(&wire, 0, bytes, sizeof bytes);
        bytes[2] ^= 1; /* of the sealed bytes, or of the modelled tag */
        chain_deinit(&wire);
        chain_append(&wire, slice_of(bytes, sizeof bytes));
        assert_int_equal(noise_open(&s, &wire, &plain), ERR_AUTH);
        assert_int_equal(plain.size, 0);
        chain_deinit(&wire);

        s = session_of((enum noise_mode)mode);
        store_be16(bytes, 16);
        memset(bytes + 2, 0, 16);
        if (mode == NOISE_REAL)
            aead_seal(bytes + 2, s.receive_key, 0, slice_of(NULL, 0), slice_of(NULL, 0));
        chain_append(&wire, slice_of(bytes, 18));
        assert_int_equal(noise_open(&s, &wire, &plain), ERR_OK);
        assert_int_equal(plain.size + wire.size, 0);
    }
}

static void a_frame_that_comes_byte_by_byte_does_not_cost_a_blob_a_byte(void **state)
{
    struct noise_session s = session_of(NOISE_REAL);
    struct chain plain = {0}, wire = {0}, drip = {0};
    uint32_t most = 0;

    (void)state;
    chain_give(&plain, span_give(blob_copy(slice_of((uint8_t[20000]){0}, 20000))));
    noise_seal(&s, &plain, &wire);
    while (wire.size) {
        uint8_t byte;

        chain_peek(&wire, 0, &byte, 1);
        chain_drop(&wire, 1);
        chain_append(&drip, slice_of(&byte, 1));
        assert_int_equal(noise_open(&s, &drip, &plain), ERR_OK);
        most = drip.count > most ? drip.count : most;
    }
    assert_int_equal(plain.size, 20000);
    assert_true(most <= CHAIN_PACK_SPANS + 20000 / CHAIN_PACK_MEAN);
    chain_deinit(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector_with_empty_payloads_is_reproduced),
        cmocka_unit_test(the_published_vector_with_payloads_is_reproduced),
        cmocka_unit_test(two_nodes_shake_hands_however_the_bytes_are_cut),
        cmocka_unit_test(the_payload_is_the_identity_key_its_signature_and_the_muxers),
        cmocka_unit_test(a_muxer_is_agreed_only_when_both_offer_it),
        cmocka_unit_test(a_wrong_peer_is_refused_before_our_last_message_goes_out),
        cmocka_unit_test(every_flipped_bit_of_a_real_handshake_is_noticed),
        cmocka_unit_test(a_handshake_message_that_is_wrong_has_its_own_error),
        cmocka_unit_test(payloads_of_other_implementations_are_read_with_care),
        cmocka_unit_test(garbage_never_completes_a_handshake),
        cmocka_unit_test(a_handshake_draws_its_keys_from_the_stream_it_is_given),
        cmocka_unit_test(random_bytes_survive_sealing_cutting_and_opening),
        cmocka_unit_test(frames_have_the_same_size_in_both_modes),
        cmocka_unit_test(a_modelled_frame_passes_the_payload_on_without_copying),
        cmocka_unit_test(the_head_uses_spare_bytes_only_where_nobody_else_sees_them),
        cmocka_unit_test(a_real_frame_leaves_shared_bytes_alone_and_opens_its_own_in_place),
        cmocka_unit_test(forged_and_short_frames_are_refused_and_empty_ones_are_not),
        cmocka_unit_test(a_frame_that_comes_byte_by_byte_does_not_cost_a_blob_a_byte),
    };

    if (crypto_init() != ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
