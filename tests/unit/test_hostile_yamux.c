/* Peers that misbehave in the session and in the negotiation of its streams. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

#define HEADER "\x13/multistream/1.0.0\n"
#define PING "/ipfs/ping/1.0.0"
#define LITTLE (48 * KIB)     /* a connection with its streams at both ends, and honest talk */
#define STREAMS_MAX 1024      /* that a peer may open */
#define STREAM_SIZE (2 * KIB) /* of one that waits for its protocol, at both ends */

static const struct slice none;

static void frame(struct siege *s, enum yamux_type type, uint16_t flags, uint32_t id,
                  uint32_t length)
{
    attacker_frame(&s->attacker, (struct yamux_header){type, flags, id, length}, none);
}

static void window(struct siege *s, uint16_t flags, uint32_t id, uint32_t length)
{
    frame(s, YAMUX_WINDOW_UPDATE, flags, id, length);
}

/* Many frames in few writes: the same header with ids that go up by `step`. */
static void repeat(struct siege *s, struct yamux_header h, uint32_t count, uint32_t step)
{
    enum { BATCH = 1000 };
    uint8_t bytes[BATCH * YAMUX_HEADER_SIZE];

    for (uint32_t sent = 0; sent < count && !s->attacker.closed; sent += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++, h.id += step)
            yamux_header_write(bytes + i * YAMUX_HEADER_SIZE, &h);
        attacker_plain(&s->attacker, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
}

static void say_nothing(struct siege *s)
{
    (void)s;
}

static void answer_no_ping(struct siege *s)
{
    attacker_crash(&s->attacker);
    siege_run(s, SWARM_SECOND);
    s->swarm.nodes[0].gone = 0;
    s->attacker.deaf = true;
    attacker_reach(&s->attacker, ATTACKER_READY);
}

static void send_bad_version(struct siege *s)
{
    attacker_plain_hex(&s->attacker, "01 00 0000 00000001 00000000");
}

static void send_bad_type(struct siege *s)
{
    attacker_plain_hex(&s->attacker, "00 04 0000 00000001 00000000");
}

static void send_garbage(struct siege *s)
{
    uint8_t bytes[1000];

    memset(bytes, 0xff, sizeof bytes);
    attacker_plain(&s->attacker, slice_of(bytes, sizeof bytes));
}

static void open_with_wrong_parity(struct siege *s)
{
    window(s, YAMUX_SYN, 100, 0);
}

static void open_the_session(struct siege *s)
{
    window(s, YAMUX_SYN, 0, 0);
}

static void open_twice(struct siege *s)
{
    window(s, YAMUX_SYN, 101, 0);
    window(s, YAMUX_SYN, 101, 0);
}

static void send_data_beyond_the_window(struct siege *s)
{
    uint32_t id = attacker_open(&s->attacker, PING);

    frame(s, YAMUX_DATA, 0, id, YAMUX_WINDOW_INITIAL + 1);
}

static void declare_4_gib(struct siege *s)
{
    uint32_t id = attacker_open(&s->attacker, PING);

    frame(s, YAMUX_DATA, 0, id, UINT32_MAX);
}

static void open_with_4_gib(struct siege *s)
{
    frame(s, YAMUX_DATA, YAMUX_SYN, 101, UINT32_MAX);
}

static void open_vast_windows(struct siege *s)
{
    uint32_t id = attacker_open(&s->attacker, PING);

    for (int i = 0; i < 100; i++)
        window(s, 0, id, UINT32_MAX);
    window(s, YAMUX_SYN, 1001, UINT32_MAX);
    window(s, 0, 1001, UINT32_MAX);
    window(s, 0, 2, UINT32_MAX); /* the victim's own streams */
    window(s, 0, 4, UINT32_MAX);
}

static void flood_empty_data(struct siege *s)
{
    uint32_t id = attacker_open(&s->attacker, PING);

    repeat(s, (struct yamux_header){YAMUX_DATA, 0, id, 0}, 20000, 0);
}

static void flood_syn(struct siege *s)
{
    repeat(s, (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN, 1001, 0}, 5000, 2);
    assert_int_equal(s->attacker.reset_code, YAMUX_RESET_LIMIT);
    assert_int_equal(s->attacker.resets, 5000 - STREAMS_MAX + 1); /* and identify, of its own */
}

/* Refusals pile up where nobody takes them. */
static void flood_syn_unread(struct siege *s)
{
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
    repeat(s, (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN, 1001, 0}, 20000, 2);
}

static void churn_in_one_frame(struct siege *s)
{
    repeat(s, (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN | YAMUX_RST, 1001, 0}, 20000, 2);
}

static void churn(struct siege *s)
{
    uint8_t bytes[2000 * YAMUX_HEADER_SIZE];

    for (uint32_t batch = 0; batch < 10; batch++) {
        for (uint32_t i = 0; i < 2000; i++)
            yamux_header_write(bytes + i * YAMUX_HEADER_SIZE,
                               &(struct yamux_header){YAMUX_WINDOW_UPDATE,
                                                      i % 2 ? YAMUX_RST : YAMUX_SYN,
                                                      1001 + batch * 2000 + i / 2 * 2, 0});
        attacker_plain(&s->attacker, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
}

static void flood_pings(struct siege *s)
{
    repeat(s, (struct yamux_header){YAMUX_PING, YAMUX_SYN, 0, 7}, 20000, 0);
    assert_in_range(s->attacker.pongs, 20, 20 * 32); /* a batch is answered 32 times */
}

static void flood_pings_unread(struct siege *s)
{
    des_ops.pause(s->attacker.host, s->attacker.conn, true);
    repeat(s, (struct yamux_header){YAMUX_PING, YAMUX_SYN, 0, 7}, 100000, 0);
}

static void flood_pongs(struct siege *s)
{
    repeat(s, (struct yamux_header){YAMUX_PING, YAMUX_ACK, 0, 0}, 10000, 0);
}

static void say_goodbye_and_go_on(struct siege *s)
{
    frame(s, YAMUX_GO_AWAY, 0, 0, 0);
    window(s, YAMUX_SYN, 101, 0);
    frame(s, YAMUX_DATA, 0, 101, 0);
}

static void send_to_unknown_streams(struct siege *s)
{
    static uint8_t bytes[60000];

    for (uint32_t i = 0; i < 100; i++) {
        attacker_data(&s->attacker, 5001 + 2 * i, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
    window(s, YAMUX_RST, 9001, 0);
    window(s, YAMUX_FIN, 9001, 0);
    window(s, YAMUX_ACK, 9001, 0);
}

static void declare_4_gib_for_nobody(struct siege *s)
{
    static uint8_t bytes[60000];

    frame(s, YAMUX_DATA, 0, 7001, UINT32_MAX);
    for (uint32_t i = 0; i < 20; i++) {
        attacker_plain(&s->attacker, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
}

static void send_after_fin(struct siege *s)
{
    static uint8_t bytes[32];
    uint32_t id = attacker_open(&s->attacker, PING);

    s->attacker.keeps = true;
    window(s, YAMUX_FIN, id, 0);
    for (int i = 0; i < 1000; i++)
        attacker_data(&s->attacker, id, slice_of(bytes, sizeof bytes));
    siege_run(s, SWARM_SECOND);
    assert_true(attacker_find(&s->attacker, id)->fin);
    assert_int_equal(attacker_find(&s->attacker, id)->in.size, 0);
}

static void send_every_flag(struct siege *s)
{
    frame(s, YAMUX_DATA, 0xffff, 101, 0);
    window(s, 0xfff0, 103, 1);
    window(s, YAMUX_SYN | YAMUX_FIN, 105, 0);
    frame(s, YAMUX_PING, 0xffff, 1, 0);
}

static void finish_before_choosing(struct siege *s)
{
    attacker_open_raw(&s->attacker, slice_text(HEADER));
    window(s, YAMUX_FIN, s->attacker.stream, 0);
}

static void propose_for_ever(struct siege *s)
{
    attacker_open_raw(&s->attacker, slice_text(HEADER));
    for (int i = 0; i < 200; i++)
        attacker_data(&s->attacker, s->attacker.stream, slice_text("\x08/nobody\n"));
}

static void send_oversized_proposal(struct siege *s)
{
    attacker_open_raw(&s->attacker, slice_text(HEADER "\xff\x7f"));
}

static void leave_streams_undecided(struct siege *s)
{
    uint8_t almost[20 + 2 + 1023];

    memset(almost, 'a', sizeof almost);
    memcpy(almost, HEADER "\x80\x08", 22);
    for (int i = 0; i < 1000; i++) {
        attacker_open_raw(&s->attacker, slice_of(almost, sizeof almost));
        if (i % 50 == 0)
            siege_run(s, SWARM_SECOND / 50);
    }
}

/* A byte of a message that is never complete rides in each frame, and the frame must not be kept
 * for its sake. */
static void pin_frames(struct siege *s)
{
    static uint8_t bytes[2 * YAMUX_HEADER_SIZE + 1 + 60000];
    struct attacker *a = &s->attacker;
    uint32_t first = a->next_id;

    for (int i = 0; i < 60; i++)
        attacker_open(a, PING);
    for (uint32_t i = 0; i < 600; i++) {
        uint32_t id = first + 2 * (i % 60);

        yamux_header_write(bytes, &(struct yamux_header){YAMUX_DATA, 0, id, 1});
        yamux_header_write(bytes + YAMUX_HEADER_SIZE + 1,
                           &(struct yamux_header){YAMUX_DATA, 0, 9001, 60000});
        attacker_plain(a, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 200);
    }
}

static void refuse_to_choose(struct siege *s)
{
    attacker_crash(&s->attacker);
    siege_run(s, SWARM_SECOND);
    s->swarm.nodes[0].gone = 0;
    s->attacker.mute = true;
    attacker_reach(&s->attacker, ATTACKER_READY);
    siege_run(s, 11 * SWARM_SECOND);
    assert_true(s->attacker.resets >= 2); /* identify and pubsub are given up */
}

static void reset_all_streams_of_the_victim(struct siege *s)
{
    for (uint32_t id = 2; id < 100; id += 2)
        window(s, YAMUX_RST, id, 0);
    siege_run(s, SWARM_SECOND);
    for (uint32_t id = 2; id < 100; id += 2)
        window(s, YAMUX_RST, id, 0);
}

static void drip_a_header(struct siege *s)
{
    static const uint8_t header[] = {0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0};

    for (size_t i = 0; i < sizeof header; i++) {
        attacker_plain(&s->attacker, slice_of(header + i, 1));
        siege_run(s, SWARM_SECOND);
    }
}

static void crash(struct siege *s)
{
    attacker_open(&s->attacker, PING);
    attacker_crash(&s->attacker);
}

static void ping_without_reading(struct siege *s)
{
    static uint8_t bytes[32 * 1024];

    s->attacker.stingy = true;
    attacker_open(&s->attacker, PING);
    window(s, 0, s->attacker.stream, 0);
    for (int i = 0; i < 40; i++) {
        attacker_write(&s->attacker, s->attacker.stream, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
}

/* One burst on each of many streams, whose answers nobody takes. */
static void burst_of_pings(struct siege *s)
{
    static uint8_t bytes[60000];
    struct attacker *a = &s->attacker;
    uint32_t first = a->next_id;

    for (int i = 0; i < 100; i++)
        attacker_open(a, PING);
    des_ops.pause(a->host, a->conn, true);
    for (uint32_t i = 0; i < 100; i++) {
        attacker_data(a, first + 2 * i, slice_of(bytes, sizeof bytes));
        siege_run(s, SWARM_SECOND / 50);
    }
}

static const struct attack attacks[] = {
    {"a_peer_that_says_nothing_is_kept", ATTACKER_READY, say_nothing, SIEGE_STAYS, 0, 35, LITTLE,
     NULL},
    {"a_peer_that_answers_no_ping_is_dead", ATTACKER_READY, answer_no_ping, SIEGE_GONE, ERR_TIMEOUT,
     11, LITTLE, NULL},
    {"a_wrong_version_ends_the_session", ATTACKER_READY, send_bad_version, SIEGE_GONE,
     ERR_MALFORMED, 1, LITTLE, NULL},
    {"a_wrong_type_ends_the_session", ATTACKER_READY, send_bad_type, SIEGE_GONE, ERR_MALFORMED, 1,
     LITTLE, NULL},
    {"garbage_ends_the_session", ATTACKER_READY, send_garbage, SIEGE_GONE, ERR_MALFORMED, 1, LITTLE,
     NULL},
    {"a_stream_with_our_parity_ends_the_session", ATTACKER_READY, open_with_wrong_parity,
     SIEGE_GONE, ERR_PROTOCOL, 1, LITTLE, NULL},
    {"stream_0_cannot_be_opened", ATTACKER_READY, open_the_session, SIEGE_GONE, ERR_PROTOCOL, 1,
     LITTLE, NULL},
    {"a_stream_opened_twice_ends_the_session", ATTACKER_READY, open_twice, SIEGE_GONE, ERR_PROTOCOL,
     1, LITTLE, NULL},
    {"data_beyond_the_window_ends_the_session", ATTACKER_READY, send_data_beyond_the_window,
     SIEGE_GONE, ERR_WINDOW, 1, LITTLE, NULL},
    {"a_frame_of_4_gib_ends_the_session", ATTACKER_READY, declare_4_gib, SIEGE_GONE, ERR_WINDOW, 1,
     LITTLE, NULL},
    {"a_stream_opened_with_4_gib_ends_the_session", ATTACKER_READY, open_with_4_gib, SIEGE_GONE,
     ERR_WINDOW, 1, LITTLE, NULL},
    {"windows_of_4_gib_overflow_nothing", ATTACKER_READY, open_vast_windows, SIEGE_STAYS, 0, 2,
     LITTLE, NULL},
    {"a_flood_of_empty_data_costs_nothing", ATTACKER_READY, flood_empty_data, SIEGE_STAYS, 0, 1,
     LITTLE + 32 * KIB, NULL},
    {"streams_beyond_the_limit_are_reset", ATTACKER_READY, flood_syn, SIEGE_STAYS, 0, 1,
     STREAMS_MAX *STREAM_SIZE, NULL},
    {"refusals_that_nobody_reads_end_the_session", ATTACKER_READY, flood_syn_unread, SIEGE_GONE,
     ERR_LIMIT, 1, STREAMS_MAX *STREAM_SIZE + MIB, NULL},
    {"streams_opened_and_reset_in_one_frame_leave_nothing", ATTACKER_READY, churn_in_one_frame,
     SIEGE_STAYS, 0, 1, LITTLE + 32 * KIB, NULL},
    {"streams_opened_and_reset_leave_nothing", ATTACKER_READY, churn, SIEGE_STAYS, 0, 1, MIB, NULL},
    {"of_a_flood_of_pings_few_are_answered", ATTACKER_READY, flood_pings, SIEGE_STAYS, 0, 1,
     LITTLE + 32 * KIB, NULL},
    {"answers_to_pings_that_nobody_reads_are_bounded", ATTACKER_READY, flood_pings_unread,
     SIEGE_STAYS, 0, 1, MIB, NULL},
    {"answers_to_no_ping_are_ignored", ATTACKER_READY, flood_pongs, SIEGE_STAYS, 0, 1,
     LITTLE + 32 * KIB, NULL},
    {"after_its_goodbye_a_peer_is_gone", ATTACKER_READY, say_goodbye_and_go_on, SIEGE_GONE,
     ERR_CLOSED, 1, LITTLE, NULL},
    {"data_for_unknown_streams_is_dropped", ATTACKER_READY, send_to_unknown_streams, SIEGE_STAYS, 0,
     1, LITTLE + 256 * KIB, NULL},
    {"data_for_nobody_is_dropped_however_much", ATTACKER_READY, declare_4_gib_for_nobody,
     SIEGE_STAYS, 0, 1, LITTLE + 256 * KIB, NULL},
    {"data_after_fin_is_dropped", ATTACKER_READY, send_after_fin, SIEGE_STAYS, 0, 1,
     LITTLE + 512 * KIB, NULL},
    {"every_flag_at_once_is_survived", ATTACKER_READY, send_every_flag, SIEGE_STAYS, 0, 11, LITTLE,
     NULL},
    {"a_stream_finished_before_its_protocol_is_reset", ATTACKER_READY, finish_before_choosing,
     SIEGE_RESET, YAMUX_RESET_NEGOTIATION, 1, LITTLE, NULL},
    {"proposals_on_a_stream_end_after_64", ATTACKER_READY, propose_for_ever, SIEGE_RESET,
     YAMUX_RESET_NEGOTIATION, 1, 2 * LITTLE, NULL},
    {"an_oversized_proposal_resets_its_stream", ATTACKER_READY, send_oversized_proposal,
     SIEGE_RESET, YAMUX_RESET_NEGOTIATION, 1, LITTLE, NULL},
    {"a_thousand_undecided_streams_are_reset_in_time", ATTACKER_READY, leave_streams_undecided,
     SIEGE_RESET, YAMUX_RESET_NEGOTIATION, 11, STREAMS_MAX *(STREAM_SIZE + 2 * KIB), NULL},
    {"a_kept_byte_keeps_no_frame", ATTACKER_READY, pin_frames, SIEGE_STAYS, 0, 1, 2 * MIB, NULL},
    {"a_peer_that_chooses_no_protocol_is_kept_without_streams", ATTACKER_READY, refuse_to_choose,
     SIEGE_STAYS, 0, 1, LITTLE, NULL},
    {"resetting_our_streams_again_and_again_is_survived", ATTACKER_READY,
     reset_all_streams_of_the_victim, SIEGE_STAYS, 0, 2, LITTLE, NULL},
    {"a_header_may_take_its_time", ATTACKER_READY, drip_a_header, SIEGE_STAYS, 0, 1, LITTLE, NULL},
    {"a_crash_with_open_streams_leaves_nothing", ATTACKER_READY, crash, SIEGE_GONE, ERR_RESET, 1,
     LITTLE, NULL},
    {"pings_without_reading_the_answers_end_their_stream", ATTACKER_READY, ping_without_reading,
     SIEGE_RESET, YAMUX_RESET_VIOLATION, 1, MIB, NULL},
    {"bursts_of_pings_are_not_held", ATTACKER_READY, burst_of_pings, SIEGE_STAYS, 0, 1, 2 * MIB,
     NULL},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
