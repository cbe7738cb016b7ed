/* Peers that misbehave in identify, identify-push and ping. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/identify/identify.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define LITTLE (48 * KIB)
#define READER_MAX (IDENTIFY_MESSAGES_MAX * IDENTIFY_MESSAGE_MAX) /* of one stream */

static const struct slice none;

static void finish(struct siege *s)
{
    attacker_frame(&s->attacker,
                   (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_FIN, s->attacker.stream, 0},
                   none);
}

static void say(struct siege *s, struct slice bytes)
{
    attacker_write(&s->attacker, s->attacker.stream, bytes);
}

/* Makes the victim's question the stream that is written to. */
static void be_asked(struct siege *s)
{
    static const char *const ids[] = {IDENTIFY_PROTOCOL};
    struct attacker *a = &s->attacker;

    a->served = (struct protocol_list){ids, 1};
    attacker_reach(a, ATTACKER_READY);
    siege_run(s, SWARM_SECOND / 5);
    for (uint32_t i = 0; i < a->stream_count; i++)
        if (a->streams[i].agreed)
            a->stream = a->streams[i].id;
    assert_true(a->stream > 0);
}

static void say_message(struct siege *s, const struct buf *body)
{
    uint8_t head[VARINT_SIZE_MAX];

    say(s, slice_of(head, varint_write(head, body->size)));
    say(s, buf_slice(body));
}

static void say_field(struct siege *s, uint32_t number, size_t size)
{
    uint8_t *bytes = mem_zalloc(size);
    struct buf b;

    buf_init(&b, size + 16);
    pb_append_bytes(&b, number, slice_of(bytes, size));
    say_message(s, &b);
    buf_deinit(&b);
    mem_free(bytes);
}

/* ---- answers to the victim's question ---- */

static void answer_too_much(struct siege *s)
{
    be_asked(s);
    say(s, slice_of("\x81\x40", 2)); /* 8193 */
}

static void answer_endless_varint(struct siege *s)
{
    be_asked(s);
    say(s, slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
}

static void answer_eleven_times(struct siege *s)
{
    be_asked(s);
    for (int i = 0; i < 11; i++)
        say_field(s, 6, 10);
}

static void answer_as_much_as_allowed(struct siege *s)
{
    be_asked(s);
    for (int i = 0; i < IDENTIFY_MESSAGES_MAX; i++)
        say_field(s, 100, IDENTIFY_MESSAGE_MAX - 10);
    finish(s);
    siege_run(s, SWARM_SECOND);
    assert_false(attacker_find(&s->attacker, s->attacker.stream)->reset);
}

static void answer_slowly(struct siege *s)
{
    be_asked(s);
    for (int i = 0; i < 8 && !attacker_find(&s->attacker, s->attacker.stream)->reset; i++) {
        say(s, slice_of("\x00", 1));
        siege_run(s, SWARM_SECOND);
    }
}

static void answer_nothing(struct siege *s)
{
    be_asked(s);
    finish(s);
}

static void answer_cut_short(struct siege *s)
{
    be_asked(s);
    say(s, slice_of("\x20\x32\x05hello", 8));
    finish(s);
}

static void answer_garbage(struct siege *s)
{
    uint8_t bytes[65];

    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 64;
    be_asked(s);
    say(s, slice_of(bytes, sizeof bytes));
}

static void answer_with_another_key(struct siege *s)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], other[ED25519_PUBLIC_SIZE] = {1};
    struct buf b;

    be_asked(s);
    public_key_pb_write(key, other);
    buf_init(&b, 100);
    pb_append_bytes(&b, 1, slice_of(key, sizeof key));
    say_message(s, &b);
    buf_deinit(&b);
    finish(s);
}

static void answer_with_half_a_key(struct siege *s)
{
    struct buf b;

    be_asked(s);
    buf_init(&b, 100);
    pb_append_bytes(&b, 1, slice_of("\x08\x01\x12\x20", 4));
    say_message(s, &b);
    buf_deinit(&b);
    finish(s);
}

/* Fields in fields, each as long as what is left. */
static void answer_nested(struct siege *s)
{
    uint8_t bytes[8000];
    struct buf b;

    for (size_t i = 0; i + 3 <= sizeof bytes; i += 3) {
        size_t left = sizeof bytes - i - 3;

        bytes[i] = 0x7a;
        bytes[i + 1] = (uint8_t)(0x80 | (left & 0x7f));
        bytes[i + 2] = (uint8_t)(left >> 7);
    }
    be_asked(s);
    buf_init(&b, sizeof bytes);
    buf_append(&b, bytes, sizeof bytes / 3 * 3);
    bytes[0] = 0;
    say(s, slice_of("\xbe\x3e", 2)); /* 7998 */
    say(s, buf_slice(&b));
    buf_deinit(&b);
    finish(s);
}

static void answer_lists(struct siege *s)
{
    static const uint8_t addr[] = {4, 1, 2, 3, 4, 6, 0, 80};
    struct buf b;

    be_asked(s);
    for (int part = 0; part < 9; part++) {
        buf_init(&b, IDENTIFY_MESSAGE_MAX);
        for (int i = 0; i < 300; i++) {
            pb_append_bytes(&b, 2, slice_of(addr, sizeof addr));
            pb_append_bytes(&b, 3, slice_text("/x"));
            pb_append_bytes(&b, 2, slice_of(addr, 3));
        }
        say_message(s, &b);
        buf_deinit(&b);
    }
    finish(s);
}

/* ---- questions ---- */

static void ask_a_thousand_times(struct siege *s)
{
    uint32_t asked = 0;

    attacker_reach(&s->attacker, ATTACKER_READY);
    for (; asked < 1000; asked++) {
        attacker_open_raw(&s->attacker, slice_text("\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n"));
        if (asked % 50 == 0)
            siege_run(s, SWARM_SECOND / 50);
    }
    siege_run(s, SWARM_SECOND);
    assert_true(attacker_find(&s->attacker, s->attacker.stream)->fin);
}

/* The answers, each of a stream that is over, are never taken. */
static void ask_without_reading(struct siege *s)
{
    attacker_reach(&s->attacker, ATTACKER_READY);
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
    for (uint32_t asked = 0; asked < 4000 && !s->attacker.closed; asked++) {
        attacker_open_raw(&s->attacker, slice_text("\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n"));
        finish(s);
        if (asked % 50 == 0)
            siege_run(s, SWARM_SECOND / 50);
    }
}

static void talk_while_asking(struct siege *s)
{
    static uint8_t bytes[MIB];

    attacker_reach(&s->attacker, ATTACKER_READY);
    attacker_open(&s->attacker, IDENTIFY_PROTOCOL);
    say(s, slice_of(bytes, sizeof bytes));
}

/* ---- push ---- */

static void push(struct siege *s)
{
    attacker_reach(&s->attacker, ATTACKER_READY);
    attacker_open(&s->attacker, IDENTIFY_PUSH_PROTOCOL);
}

static void push_too_much(struct siege *s)
{
    push(s);
    say(s, slice_of("\x81\x40", 2));
}

static void push_another_key(struct siege *s)
{
    uint8_t key[PUBLIC_KEY_PB_SIZE], other[ED25519_PUBLIC_SIZE] = {1};
    struct buf b;

    push(s);
    public_key_pb_write(key, other);
    buf_init(&b, 100);
    pb_append_bytes(&b, 1, slice_of(key, sizeof key));
    say_message(s, &b);
    buf_deinit(&b);
    finish(s);
}

static void push_for_ever(struct siege *s)
{
    push(s);
    say(s, slice_of("\x00", 1));
}

/* Hundreds of pushes at once, none of which ends. */
static void flood_pushes(struct siege *s)
{
    static uint8_t bytes[30000];
    const char *hello = "\x13/multistream/1.0.0\n\x14/ipfs/id/push/1.0.0\n";

    attacker_reach(&s->attacker, ATTACKER_READY);
    for (size_t i = 0; i + 8002 <= sizeof bytes; i += 8002) {
        memcpy(bytes + i, "\xc0\x3e", 2); /* 8000: an unknown field */
        memcpy(bytes + i + 2, "\x7a\xbd\x3e", 3);
    }
    for (int i = 0; i < 300; i++) {
        attacker_open_raw(&s->attacker, slice_text(hello));
        attacker_data(&s->attacker, s->attacker.stream, slice_of(bytes, 3 * 8002));
        siege_run(s, SWARM_SECOND / 100);
    }
    siege_run(s, SWARM_SECOND);
}

/* Each push says that pubsub is spoken, and each stream that comes of it is refused. */
static void push_what_is_not_so(struct siege *s)
{
    static const char *const nothing[] = {"/nothing"};
    struct buf b;

    s->attacker.served = (struct protocol_list){nothing, 1};
    attacker_reach(&s->attacker, ATTACKER_READY);
    buf_init(&b, 100);
    pb_append_bytes(&b, 3, slice_text("/meshsub/1.1.0"));
    for (int i = 0; i < 300; i++) {
        attacker_open(&s->attacker, IDENTIFY_PUSH_PROTOCOL);
        say_message(s, &b);
        finish(s);
    }
    buf_deinit(&b);
}

/* ---- ping ---- */

static void ping_by_halves(struct siege *s)
{
    attacker_reach(&s->attacker, ATTACKER_READY);
    attacker_open(&s->attacker, "/ipfs/ping/1.0.0");
    say(s, slice_of("0123456789012345678901234567890", 31));
    finish(s);
    siege_run(s, SWARM_SECOND);
    assert_true(attacker_find(&s->attacker, s->attacker.stream)->fin);
}

static const struct attack attacks[] = {
    {"an_identify_message_over_the_limit_is_refused_by_its_length", ATTACKER_AWAY, answer_too_much,
     SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"an_identify_length_without_end_is_malformed", ATTACKER_AWAY, answer_endless_varint,
     SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"the_eleventh_identify_message_is_refused", ATTACKER_AWAY, answer_eleven_times, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"identify_may_be_as_long_as_its_limit", ATTACKER_AWAY, answer_as_much_as_allowed, SIEGE_STAYS,
     0, 1, LITTLE + 2 * READER_MAX, NULL},
    {"identify_that_takes_too_long_is_reset", ATTACKER_AWAY, answer_slowly, SIEGE_RESET,
     YAMUX_RESET_NEGOTIATION, 1, LITTLE, NULL},
    {"identify_without_a_message_is_a_violation", ATTACKER_AWAY, answer_nothing, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"identify_that_is_cut_short_is_a_violation", ATTACKER_AWAY, answer_cut_short, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"identify_of_garbage_is_a_violation", ATTACKER_AWAY, answer_garbage, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"identify_with_the_key_of_another_is_a_violation", ATTACKER_AWAY, answer_with_another_key,
     SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"identify_with_half_a_key_is_a_violation", ATTACKER_AWAY, answer_with_half_a_key, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"nested_fields_are_not_followed", ATTACKER_AWAY, answer_nested, SIEGE_STAYS, 0, 1, LITTLE,
     NULL},
    {"long_lists_are_cut", ATTACKER_AWAY, answer_lists, SIEGE_STAYS, 0, 1, LITTLE + 2 * READER_MAX,
     NULL},
    {"a_thousand_questions_at_once_cost_their_answers", ATTACKER_AWAY, ask_a_thousand_times,
     SIEGE_STAYS, 0, 1, 3 * MIB, NULL},
    {"answers_that_nobody_reads_are_bounded_by_the_streams", ATTACKER_AWAY, ask_without_reading,
     SIEGE_GONE, ERR_LIMIT, 1, 6 * MIB, NULL},
    {"what_the_asker_says_is_dropped", ATTACKER_AWAY, talk_while_asking, SIEGE_STAYS, 0, 1, MIB,
     NULL},
    {"a_push_over_the_limit_is_refused", ATTACKER_AWAY, push_too_much, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"a_push_with_the_key_of_another_is_a_violation", ATTACKER_AWAY, push_another_key, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, LITTLE, NULL},
    {"a_push_that_does_not_end_is_reset_in_time", ATTACKER_AWAY, push_for_ever, SIEGE_RESET,
     YAMUX_RESET_NEGOTIATION, 6, LITTLE, NULL},
    {"of_many_pushes_at_once_few_are_read", ATTACKER_AWAY, flood_pushes, SIEGE_RESET,
     YAMUX_RESET_VIOLATION, 1, MIB, NULL},
    {"a_push_that_lies_about_pubsub_costs_nothing", ATTACKER_AWAY, push_what_is_not_so, SIEGE_STAYS,
     0, 1, 256 * KIB, NULL},
    {"half_a_ping_is_not_answered", ATTACKER_AWAY, ping_by_halves, SIEGE_STAYS, 0, 1, LITTLE, NULL},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
