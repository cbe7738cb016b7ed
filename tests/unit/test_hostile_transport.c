/* Peers that misbehave before there is a session: TCP, multistream, Noise. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

#define HEADER "\x13/multistream/1.0.0\n"
/* What an idle connection may cost on its way up, with the attacker's own end of it. */
#define LITTLE (32 * KIB)
#define RAW_MAX (2 * 64 * KIB) /* an incomplete frame, and what comes with it */

static void text(struct siege *s, const char *t)
{
    attacker_raw(&s->attacker, slice_text(t));
}

static void flood(struct siege *s, uint8_t byte, size_t size)
{
    uint8_t *bytes = mem_alloc(size);

    memset(bytes, byte, size);
    attacker_raw(&s->attacker, slice_of(bytes, size));
    mem_free(bytes);
}

static void say_nothing(struct siege *s)
{
    (void)s;
}

static void drip(struct siege *s, struct slice bytes, uint64_t pause_ns)
{
    for (size_t i = 0; i < bytes.size && !s->attacker.closed; i++) {
        attacker_raw(&s->attacker, slice_of(bytes.data + i, 1));
        siege_run(s, pause_ns);
    }
}

/* ---- multistream ---- */

static void drip_multistream(struct siege *s)
{
    drip(s, slice_text(HEADER), SWARM_SECOND);
}

static void send_endless_varint(struct siege *s)
{
    flood(s, 0xff, 16);
}

static void send_truncated_varint(struct siege *s)
{
    text(s, HEADER "\x80");
}

static void send_overlong_varint(struct siege *s)
{
    text(s, "\x93");
    flood(s, 0, 1); /* 19 in two bytes */
    text(s, &HEADER[1]);
}

static void send_zero_length(struct siege *s)
{
    flood(s, 0, 1);
}

static void send_oversized_message(struct siege *s)
{
    text(s, HEADER "\x81\x08"); /* 1025 */
}

static void send_unfinished_message(struct siege *s)
{
    text(s, HEADER "\x80\x08"); /* 1024, and 1023 of them */
    flood(s, 'a', 1023);
}

static void send_no_newline(struct siege *s)
{
    text(s, HEADER "\x07/noise!");
}

static void send_wrong_header(struct siege *s)
{
    text(s, "\x13/multistream/2.0.0\n\x07/noise\n");
}

static void send_http(struct siege *s)
{
    text(s,
         "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser\r\nAccept: text/html\r\n\r\n");
}

static void propose_for_ever(struct siege *s)
{
    text(s, HEADER);
    for (int i = 0; i < 100; i++)
        text(s, "\x05/tls\n");
}

static void propose_nothing_known(struct siege *s)
{
    text(s, HEADER "\x0b/plaintext\n\x08/secio2\n");
}

static void send_raw_megabyte(struct siege *s)
{
    flood(s, 'x', MIB);
}

static void hang_up(struct siege *s)
{
    text(s, HEADER);
    siege_run(s, SWARM_SECOND);
    attacker_crash(&s->attacker);
}

/* As the one who is dialled: the victim proposes and gets no sense out of it. */
static void answer_never(struct siege *s)
{
    attacker_listen(&s->attacker, ATTACKER_TCP, NULL);
}

static void answer_another_protocol(struct siege *s)
{
    attacker_listen(&s->attacker, ATTACKER_TCP, NULL);
    siege_run(s, SWARM_SECOND / 10);
    text(s, HEADER "\x05/tls\n");
}

static void answer_refusal(struct siege *s)
{
    attacker_listen(&s->attacker, ATTACKER_TCP, NULL);
    siege_run(s, SWARM_SECOND / 10);
    text(s, HEADER "\x03na\n");
}

static void answer_with_the_victims_key(struct siege *s)
{
    uint8_t seed[ED25519_SEED_SIZE] = {0};

    identity_from_seed(&s->attacker.identity, seed); /* that of node 0 */
    attacker_listen(&s->attacker, ATTACKER_READY, NULL);
}

static void answer_as_somebody_else(struct siege *s)
{
    struct attacker *expected = siege_more(s, 1);

    attacker_listen(&s->attacker, ATTACKER_READY, &expected->identity.id);
}

/* ---- the Noise handshake ---- */

static void send_empty_handshake(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "0000");
}

static void send_short_handshake(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "001f 00000000000000000000000000000000");
}

static void send_unfinished_handshake(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "0020 0102030405060708");
}

static void send_oversized_handshake(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "ffff");
}

static void drip_largest_handshake(struct siege *s)
{
    uint8_t message[2 + 32 + 4096];

    memset(message, 5, sizeof message);
    store_be16(message, sizeof message - 2);
    drip(s, slice_of(message, sizeof message - 1), SWARM_SECOND / 1000);
}

static void send_low_order_point(struct siege *s)
{
    uint8_t message[34] = {0, 32}; /* the point 0 */

    attacker_raw(&s->attacker, slice_of(message, sizeof message));
}

static void send_low_order_one(struct siege *s)
{
    uint8_t message[34] = {0, 32, 1};

    attacker_raw(&s->attacker, slice_of(message, sizeof message));
}

static void send_random_third_message(struct siege *s)
{
    uint8_t message[2 + 200];

    memset(message, 0x5a, sizeof message);
    store_be16(message, 200);
    attacker_raw(&s->attacker, slice_of(message, sizeof message));
}

static void repeat_first_message(struct siege *s)
{
    uint8_t message[34] = {0, 32, 9};

    attacker_raw(&s->attacker, slice_of(message, sizeof message));
    attacker_raw(&s->attacker, slice_of(message, sizeof message));
}

static void sign_with_another_key(struct siege *s)
{
    struct identity other;
    uint8_t seed[ED25519_SEED_SIZE] = {77}, payload[256];

    identity_from_seed(&other, seed);
    attacker_handshake(
        &s->attacker,
        slice_of(payload, attacker_payload(&s->attacker, &s->attacker.identity, &other, payload)),
        NULL);
}

static void claim_another_identity(struct siege *s)
{
    struct identity other;
    uint8_t seed[ED25519_SEED_SIZE] = {77}, payload[256];

    identity_from_seed(&other, seed);
    attacker_handshake(
        &s->attacker,
        slice_of(payload, attacker_payload(&s->attacker, &other, &s->attacker.identity, payload)),
        NULL);
}

static void send_garbage_payload(struct siege *s)
{
    uint8_t payload[100];

    memset(payload, 0xff, sizeof payload);
    attacker_handshake(&s->attacker, slice_of(payload, sizeof payload), NULL);
}

static void send_empty_payload(struct siege *s)
{
    attacker_handshake(&s->attacker, slice_of(NULL, 0), NULL);
}

static void send_payload_without_signature(struct siege *s)
{
    uint8_t payload[256];

    attacker_payload(&s->attacker, &s->attacker.identity, &s->attacker.identity, payload);
    attacker_handshake(&s->attacker, slice_of(payload, 2 + PUBLIC_KEY_PB_SIZE), NULL);
}

static void send_rsa_key(struct siege *s)
{
    static const uint8_t payload[] = {0x0a, 8, 0x08, 0, 0x12, 4, 1, 2, 3, 4, 0x12, 2, 5, 6};

    attacker_handshake(&s->attacker, slice_of(payload, sizeof payload), NULL);
}

static void send_largest_payload(struct siege *s)
{
    static uint8_t payload[4096];

    memset(payload, 0, sizeof payload);
    payload[0] = 0x7a; /* an unknown field of all that is left */
    payload[1] = 0xfd;
    payload[2] = 0x1f;
    attacker_handshake(&s->attacker, slice_of(payload, sizeof payload), NULL);
}

static void flip_a_bit(uint8_t *message, size_t *size)
{
    message[*size / 2] ^= 1;
}

static void tamper_with_third_message(struct siege *s)
{
    uint8_t payload[256];
    size_t size =
        attacker_payload(&s->attacker, &s->attacker.identity, &s->attacker.identity, payload);

    attacker_handshake(&s->attacker, slice_of(payload, size), flip_a_bit);
}

static void cut(uint8_t *message, size_t *size)
{
    store_be16(message, (uint16_t)(*size - 3));
    *size -= 1;
}

static void truncate_third_message(struct siege *s)
{
    uint8_t payload[256];
    size_t size =
        attacker_payload(&s->attacker, &s->attacker.identity, &s->attacker.identity, payload);

    attacker_handshake(&s->attacker, slice_of(payload, size), cut);
}

/* ---- frames of the session ---- */

static struct span sealed(struct siege *s, const char *words)
{
    struct chain plain, wire;
    struct span frame;

    chain_init(&plain);
    chain_init(&wire);
    chain_append(&plain, slice_text(words));
    noise_seal(&s->attacker.session, &plain, &wire);
    frame = chain_take(&wire, wire.size);
    return frame;
}

static void replay_a_frame(struct siege *s)
{
    struct span frame = sealed(s, HEADER);

    attacker_raw(&s->attacker, span_slice(frame));
    attacker_raw(&s->attacker, span_slice(frame));
    span_unref(frame);
}

static void swap_frames(struct siege *s)
{
    struct span first = sealed(s, HEADER), second = sealed(s, HEADER);

    attacker_raw(&s->attacker, span_slice(second));
    attacker_raw(&s->attacker, span_slice(first));
    span_unref(first);
    span_unref(second);
}

static void send_zero_frame(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "0000");
}

static void send_frame_shorter_than_its_tag(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "000f 000102030405060708090a0b0c0d0e");
}

static void send_empty_frames(struct siege *s)
{
    for (int i = 0; i < 1000; i++) {
        uint8_t frame[2 + AEAD_TAG_SIZE];

        store_be16(frame, AEAD_TAG_SIZE);
        aead_seal(frame + 2, s->attacker.session.send_key, s->attacker.session.send_counter++,
                  slice_of(NULL, 0), slice_of(NULL, 0));
        attacker_raw(&s->attacker, slice_of(frame, sizeof frame));
    }
}

static void send_largest_forged_frame(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "ffff");
    flood(s, 0, 65535);
}

static void drip_a_large_frame(struct siege *s)
{
    attacker_raw_hex(&s->attacker, "ffff");
    for (int i = 0; i < 10000 && !s->attacker.closed; i++) {
        attacker_raw_hex(&s->attacker, "aa");
        if (i % 10 == 0)
            swarm_run(&s->swarm, SWARM_SECOND / 1000);
    }
}

static void send_muxer_nonsense(struct siege *s)
{
    attacker_plain(&s->attacker, slice_text(HEADER "\x81\x08"));
}

static void propose_mplex(struct siege *s)
{
    attacker_plain(&s->attacker, slice_text(HEADER));
    for (int i = 0; i < 64; i++)
        attacker_plain(&s->attacker, slice_text("\x0d/mplex/6.7.0\n"));
}

static const struct attack attacks[] = {
    {"silence_after_connecting_ends_at_the_upgrade_timeout", ATTACKER_TCP, say_nothing, SIEGE_FAILS,
     ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_byte_a_second_does_not_outlast_the_upgrade_timeout", ATTACKER_TCP, drip_multistream,
     SIEGE_FAILS, ERR_TIMEOUT, 1, LITTLE, NULL},
    {"an_endless_varint_is_malformed", ATTACKER_TCP, send_endless_varint, SIEGE_FAILS,
     ERR_TOO_LARGE, 1, LITTLE, NULL},
    {"a_truncated_varint_is_waited_for_and_times_out", ATTACKER_TCP, send_truncated_varint,
     SIEGE_FAILS, ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_varint_that_is_not_minimal_is_malformed", ATTACKER_TCP, send_overlong_varint, SIEGE_FAILS,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_message_of_no_bytes_is_malformed", ATTACKER_TCP, send_zero_length, SIEGE_FAILS,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_message_over_the_limit_is_refused_by_its_length", ATTACKER_TCP, send_oversized_message,
     SIEGE_FAILS, ERR_TOO_LARGE, 1, LITTLE, NULL},
    {"an_unfinished_message_times_out", ATTACKER_TCP, send_unfinished_message, SIEGE_FAILS,
     ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_message_without_newline_is_malformed", ATTACKER_TCP, send_no_newline, SIEGE_FAILS,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"another_multistream_version_is_a_violation", ATTACKER_TCP, send_wrong_header, SIEGE_FAILS,
     ERR_PROTOCOL, 1, LITTLE, NULL},
    {"http_is_malformed", ATTACKER_TCP, send_http, SIEGE_FAILS, ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_flood_of_proposals_ends_after_64", ATTACKER_TCP, propose_for_ever, SIEGE_FAILS,
     ERR_UNSUPPORTED, 1, LITTLE, NULL},
    {"refused_proposals_leave_time_for_others", ATTACKER_TCP, propose_nothing_known, SIEGE_FAILS,
     ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_megabyte_of_nothing_is_refused_at_once", ATTACKER_TCP, send_raw_megabyte, SIEGE_FAILS,
     ERR_MALFORMED, 1, 4 * MIB, NULL},
    {"hanging_up_in_multistream_leaves_nothing", ATTACKER_TCP, hang_up, SIEGE_FAILS, ERR_RESET, 1,
     LITTLE, NULL},
    {"a_listener_that_never_answers_times_out", ATTACKER_AWAY, answer_never, SIEGE_FAILS,
     ERR_TIMEOUT, 16, LITTLE, NULL},
    {"a_listener_that_answers_another_protocol_is_a_violation", ATTACKER_AWAY,
     answer_another_protocol, SIEGE_FAILS, ERR_PROTOCOL, 1, LITTLE, NULL},
    {"a_listener_that_refuses_noise_is_unsupported", ATTACKER_AWAY, answer_refusal, SIEGE_FAILS,
     ERR_UNSUPPORTED, 1, LITTLE, NULL},
    {"a_listener_with_our_own_key_is_a_duplicate", ATTACKER_AWAY, answer_with_the_victims_key,
     SIEGE_FAILS, ERR_DUPLICATE, 1, LITTLE, NULL},
    {"a_listener_who_is_somebody_else_is_refused", ATTACKER_AWAY, answer_as_somebody_else,
     SIEGE_FAILS, ERR_WRONG_PEER, 3, LITTLE, NULL},

    {"silence_in_the_handshake_times_out", ATTACKER_NOISE, say_nothing, SIEGE_FAILS, ERR_TIMEOUT,
     16, LITTLE, NULL},
    {"an_empty_handshake_message_is_truncated", ATTACKER_SECURITY, send_empty_handshake,
     SIEGE_FAILS, ERR_TRUNCATED, 1, LITTLE, NULL},
    {"a_handshake_message_without_room_for_a_key_is_truncated", ATTACKER_SECURITY,
     send_short_handshake, SIEGE_FAILS, ERR_TRUNCATED, 1, LITTLE, NULL},
    {"an_unfinished_handshake_message_times_out", ATTACKER_SECURITY, send_unfinished_handshake,
     SIEGE_FAILS, ERR_TIMEOUT, 16, LITTLE, NULL},
    {"an_oversized_handshake_message_is_refused_by_its_length", ATTACKER_SECURITY,
     send_oversized_handshake, SIEGE_FAILS, ERR_TOO_LARGE, 1, LITTLE, NULL},
    {"a_handshake_byte_by_byte_costs_no_more_than_its_size", ATTACKER_SECURITY,
     drip_largest_handshake, SIEGE_FAILS, ERR_TIMEOUT, 16, 2 * LITTLE, NULL},
    {"the_point_zero_is_refused", ATTACKER_SECURITY, send_low_order_point, SIEGE_FAILS, ERR_AUTH, 1,
     LITTLE, NULL},
    {"a_point_of_low_order_is_refused", ATTACKER_SECURITY, send_low_order_one, SIEGE_FAILS,
     ERR_AUTH, 1, LITTLE, NULL},
    {"a_random_third_message_fails_to_authenticate", ATTACKER_NOISE, send_random_third_message,
     SIEGE_FAILS, ERR_AUTH, 1, LITTLE, NULL},
    {"the_first_message_twice_is_no_third_one", ATTACKER_SECURITY, repeat_first_message,
     SIEGE_FAILS, ERR_TRUNCATED, 1, LITTLE, NULL},
    {"a_static_key_signed_by_another_identity_is_refused", ATTACKER_SECURITY, sign_with_another_key,
     SIEGE_FAILS, ERR_SIGNATURE, 1, LITTLE, NULL},
    {"the_identity_of_somebody_else_is_refused", ATTACKER_SECURITY, claim_another_identity,
     SIEGE_FAILS, ERR_SIGNATURE, 1, LITTLE, NULL},
    {"a_garbage_payload_is_malformed", ATTACKER_SECURITY, send_garbage_payload, SIEGE_FAILS,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"an_empty_payload_is_malformed", ATTACKER_SECURITY, send_empty_payload, SIEGE_FAILS,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_payload_without_signature_is_refused", ATTACKER_SECURITY, send_payload_without_signature,
     SIEGE_FAILS, ERR_SIGNATURE, 1, LITTLE, NULL},
    {"an_rsa_identity_is_unsupported", ATTACKER_SECURITY, send_rsa_key, SIEGE_FAILS,
     ERR_UNSUPPORTED, 1, LITTLE, NULL},
    {"the_largest_payload_without_a_key_is_malformed", ATTACKER_SECURITY, send_largest_payload,
     SIEGE_FAILS, ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_changed_third_message_fails_to_authenticate", ATTACKER_SECURITY, tamper_with_third_message,
     SIEGE_FAILS, ERR_AUTH, 1, LITTLE, NULL},
    {"a_truncated_third_message_fails_to_authenticate", ATTACKER_SECURITY, truncate_third_message,
     SIEGE_FAILS, ERR_AUTH, 1, LITTLE, NULL},

    {"silence_before_the_muxer_times_out", ATTACKER_SECURE, say_nothing, SIEGE_FAILS, ERR_TIMEOUT,
     16, LITTLE, NULL},
    {"a_replayed_frame_fails_to_authenticate", ATTACKER_SECURE, replay_a_frame, SIEGE_FAILS,
     ERR_AUTH, 1, LITTLE, NULL},
    {"frames_out_of_order_fail_to_authenticate", ATTACKER_SECURE, swap_frames, SIEGE_FAILS,
     ERR_AUTH, 1, LITTLE, NULL},
    {"a_frame_of_no_bytes_fails_to_authenticate", ATTACKER_SECURE, send_zero_frame, SIEGE_FAILS,
     ERR_AUTH, 1, LITTLE, NULL},
    {"a_frame_shorter_than_its_tag_fails_to_authenticate", ATTACKER_SECURE,
     send_frame_shorter_than_its_tag, SIEGE_FAILS, ERR_AUTH, 1, LITTLE, NULL},
    {"empty_frames_are_read_and_change_nothing", ATTACKER_SECURE, send_empty_frames, SIEGE_FAILS,
     ERR_TIMEOUT, 16, 1 * MIB, NULL},
    {"the_largest_forged_frame_fails_to_authenticate", ATTACKER_SECURE, send_largest_forged_frame,
     SIEGE_FAILS, ERR_AUTH, 1, 4 * RAW_MAX, NULL},
    {"a_large_frame_byte_by_byte_costs_no_more_than_its_size", ATTACKER_SECURE, drip_a_large_frame,
     SIEGE_FAILS, ERR_TIMEOUT, 16, RAW_MAX, NULL},
    {"nonsense_in_place_of_a_muxer_is_refused", ATTACKER_SECURE, send_muxer_nonsense, SIEGE_FAILS,
     ERR_TOO_LARGE, 1, LITTLE, NULL},
    {"a_peer_without_yamux_is_refused", ATTACKER_SECURE, propose_mplex, SIEGE_FAILS,
     ERR_UNSUPPORTED, 1, LITTLE, NULL},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
