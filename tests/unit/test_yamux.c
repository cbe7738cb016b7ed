/* stack/transport/yamux: frames as real peers send them, windows, limits, and every violation with
 * its outcome. */
#include "tests/lib/test.h"

#include "stack/transport/chain_pack.h"
#include "stack/transport/yamux_session.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define WINDOW YAMUX_WINDOW_INITIAL

/* Frames of the peer's first stream when we are the server: type, flags, id, length. */
#define SYN_1 "00 01 0001 00000001 00000000 "
#define ACK_1 "00 01 0002 00000001 00000000 "
#define FIN_1 "00 01 0004 00000001 00000000 "
#define RST_1 "00 01 0008 00000001 00000000 "
#define GOAWAY_PROTOCOL "00 03 0000 00000000 00000001 "
#define GOAWAY_INTERNAL "00 03 0000 00000000 00000002 "

struct rig {
    struct yamux *y;
    struct chain in, out;
    struct yamux_event event;
    struct yamux_stream *drained;
    uint64_t now_ns;
};

static struct rig rig_with(struct yamux_config config, bool client)
{
    static struct yamux_config kept; /* one rig at a time */
    struct rig r = {.now_ns = SECOND};

    kept = config;
    r.y = yamux_new(&kept, client, r.now_ns);
    return r;
}

static struct rig rig_new(bool client)
{
    return rig_with(yamux_config_default(), client);
}

static void rig_free(struct rig *r)
{
    yamux_free(r->y);
    chain_deinit(&r->in);
    chain_deinit(&r->out);
}

static int rig_next(struct rig *r)
{
    return yamux_read(r->y, r->now_ns, &r->in, &r->event);
}

static void rig_receive(struct rig *r, const char *hex)
{
    if (*hex)
        chain_append_hex(&r->in, hex);
}

static void rig_receive_frame(struct rig *r, struct yamux_header h)
{
    uint8_t bytes[YAMUX_HEADER_SIZE];

    yamux_header_write(bytes, &h);
    chain_append(&r->in, slice_of(bytes, sizeof bytes));
    if (h.type == YAMUX_DATA && h.length) {
        struct blob *b = blob_new(h.length);

        memset(b->data, 'd', b->size);
        chain_give(&r->in, span_give(b));
    }
}

static struct yamux_stream *expect_event(struct rig *r, enum yamux_event_kind kind)
{
    assert_int_equal(rig_next(r), 1);
    assert_int_equal(r->event.kind, kind);
    return r->event.stream;
}

static void expect_quiet(struct rig *r)
{
    assert_int_equal(rig_next(r), 0);
}

/* All that is to be written, as hex. */
static void expect_output(struct rig *r, const char *hex)
{
    assert_int_equal(yamux_has_output(r->y), *hex != 0);
    while (yamux_write(r->y, &r->out, &r->drained))
        ;
    assert_chain_hex(&r->out, hex);
    chain_drop(&r->out, r->out.size);
    assert_false(yamux_has_output(r->y));
}

static void rig_discard_output(struct rig *r)
{
    while (yamux_write(r->y, &r->out, &r->drained))
        chain_drop(&r->out, r->out.size);
}

static void rig_send(struct rig *r, struct yamux_stream *s, size_t size)
{
    struct chain bytes = {0};
    struct blob *b = blob_new(size);

    memset(b->data, 's', size);
    chain_give(&bytes, span_give(b));
    yamux_send(r->y, s, &bytes);
}

static void rig_take(struct rig *r, struct yamux_stream *s, size_t size)
{
    chain_drop(&s->in, size);
    yamux_consumed(r->y, s, size, r->now_ns);
}

static void a_client_opens_with_a_syn_and_sends_plain_data_behind_it(void **state)
{
    struct rig r = rig_new(true);
    struct yamux_stream *a = yamux_open(r.y), *b = yamux_open(r.y);
    struct chain bytes = {0};

    (void)state;
    assert_int_equal(a->id, 1);
    assert_int_equal(b->id, 3);
    chain_append(&bytes, slice_text("hey"));
    yamux_send(r.y, a, &bytes);
    yamux_finish(r.y, a);
    expect_output(&r, SYN_1 "00 01 0001 00000003 00000000"
                            "00 00 0000 00000001 00000003 686579" FIN_1);
    rig_receive(&r, ACK_1);
    expect_quiet(&r);
    rig_free(&r);
}

static void a_server_acknowledges_at_once_and_has_even_ids(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s, *ours;

    (void)state;
    rig_receive(&r, SYN_1);
    s = expect_event(&r, YAMUX_EVENT_OPENED);
    assert_int_equal(s->id, 1);
    expect_quiet(&r);
    expect_output(&r, ACK_1);
    ours = yamux_open(r.y);
    assert_int_equal(ours->id, 2);
    assert_int_equal(yamux_stream_count(r.y), 2);
    assert_ptr_equal(yamux_stream_next(r.y, NULL), s);
    assert_ptr_equal(yamux_stream_next(r.y, s), ours);
    assert_null(yamux_stream_next(r.y, ours));
    rig_free(&r);
}

/* SYN with data, SYN with FIN, ACK with FIN: all legal, all on either type of frame. */
static void flags_may_ride_on_any_frame(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s;

    (void)state;
    rig_receive(&r, "00 00 0005 00000001 00000003 616263");
    s = expect_event(&r, YAMUX_EVENT_OPENED);
    assert_ptr_equal(expect_event(&r, YAMUX_EVENT_DATA), s);
    assert_chain_hex(&s->in, "616263");
    assert_ptr_equal(expect_event(&r, YAMUX_EVENT_FIN), s);
    expect_quiet(&r);
    yamux_finish(r.y, s);
    expect_output(&r, "00 01 0006 00000001 00000000");
    rig_free(&r);

    r = rig_new(true);
    s = yamux_open(r.y);
    yamux_finish(r.y, s);
    expect_output(&r, "00 01 0005 00000001 00000000");
    rig_receive(&r, "00 00 0006 00000001 00000000");
    assert_ptr_equal(expect_event(&r, YAMUX_EVENT_FIN), s);
    expect_quiet(&r);
    assert_true(s->acknowledged);
    rig_free(&r);
}

static void a_window_update_may_carry_credit_with_its_syn(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s;

    (void)state;
    rig_receive(&r, "00 01 0001 00000001 00000100");
    s = expect_event(&r, YAMUX_EVENT_OPENED);
    assert_int_equal(s->send_window, WINDOW + 256);
    rig_free(&r);
}

static void a_reset_carries_its_code_in_the_length_and_grants_nothing(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s;

    (void)state;
    rig_receive(&r, SYN_1 "00 00 0000 00000001 00000001 61"
                          "00 01 0008 00000001 00001001");
    s = expect_event(&r, YAMUX_EVENT_OPENED);
    rig_send(&r, s, 100);
    expect_event(&r, YAMUX_EVENT_DATA);
    assert_ptr_equal(expect_event(&r, YAMUX_EVENT_RESET), s);
    assert_int_equal(r.event.code, YAMUX_RESET_NEGOTIATION);
    assert_int_equal(s->in.size + s->out.size, 0);
    rig_send(&r, s, 100); /* an application that has not heard of it yet */
    yamux_consumed(r.y, s, 1, r.now_ns);
    yamux_reset(r.y, s, YAMUX_RESET_NONE);
    yamux_release(r.y, s);
    expect_output(&r, "");
    assert_int_equal(r.y->stream_count, 0);
    rig_receive(&r, "00 00 0001 00000003 00000000 00 00 0008 00000003 00000002 6161 "
                    "00 00 0000 00000003 00000001 61");
    expect_event(&r, YAMUX_EVENT_OPENED);
    expect_event(&r, YAMUX_EVENT_RESET);
    assert_int_equal(r.event.code, 0);
    expect_quiet(&r);
    assert_int_equal(r.in.size, 0);
    rig_free(&r);
}

static void our_reset_drops_what_is_queued_and_says_why(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s, *early;

    (void)state;
    rig_receive(&r, SYN_1 "00 00 0000 00000001 00000004 6162");
    s = expect_event(&r, YAMUX_EVENT_OPENED);
    expect_event(&r, YAMUX_EVENT_DATA);
    rig_send(&r, s, 1000);
    yamux_reset(r.y, s, YAMUX_RESET_LIMIT);
    yamux_release(r.y, s);
    assert_int_equal(yamux_stream_count(r.y), 0);
    rig_receive(&r, "6364" FIN_1); /* the rest of the frame that was under way */
    expect_quiet(&r);
    expect_output(&r, "00 01 0008 00000001 00001002");
    assert_int_equal(r.y->stream_count, 0);
    early = yamux_open(r.y); /* reset before the peer heard of it: it never does */
    yamux_reset(r.y, early, YAMUX_RESET_LIMIT);
    yamux_release(r.y, early);
    expect_output(&r, "");
    assert_int_equal(r.y->stream_count, 0);
    assert_int_equal(r.y->unacknowledged, 0);
    rig_free(&r);
}

static void a_released_stream_finishes_by_itself(void **state)
{
    struct rig r = rig_new(true);
    struct yamux_stream *s = yamux_open(r.y);
    struct chain bytes = {0};

    (void)state;
    chain_append(&bytes, slice_text("bye"));
    yamux_send(r.y, s, &bytes);
    yamux_release(r.y, s);
    assert_null(yamux_stream_next(r.y, NULL));
    rig_receive(&r, "00 00 0002 00000001 00000002 6161"); /* late data: dropped */
    expect_quiet(&r);
    expect_output(&r, SYN_1 "00 00 0000 00000001 00000003 627965" FIN_1);
    assert_null(r.drained);
    assert_int_equal(r.y->stream_count, 0);
    rig_receive(&r, "00 00 0000 00000001 00000002 6161" FIN_1 RST_1);
    expect_quiet(&r);
    assert_int_equal(r.in.size, 0);
    rig_free(&r);
}

static void data_stops_at_the_window_and_goes_on_with_credit(void **state)
{
    struct rig r = rig_new(true);
    struct yamux_stream *s = yamux_open(r.y);
    size_t sent = 0;

    (void)state;
    rig_send(&r, s, WINDOW + 5);
    assert_int_equal(yamux_write(r.y, &r.out, &r.drained), 1);
    chain_drop(&r.out, r.out.size);
    while (yamux_write(r.y, &r.out, &r.drained)) {
        assert_true(r.out.size <= 65536);
        assert_null(r.drained);
        sent += r.out.size - YAMUX_HEADER_SIZE;
        chain_drop(&r.out, r.out.size);
    }
    assert_int_equal(sent, WINDOW);
    assert_false(yamux_has_output(r.y));
    rig_receive(&r, "00 01 0000 00000001 00000003");
    expect_quiet(&r);
    expect_output(&r, "00 00 0000 00000001 00000003 737373");
    rig_receive(&r, "00 01 0000 00000001 fffffffe");
    expect_quiet(&r);
    assert_int_equal(yamux_write(r.y, &r.out, &r.drained), 1);
    assert_ptr_equal(r.drained, s);
    rig_receive(&r, "00 01 0000 00000001 ffffffff");
    expect_quiet(&r);
    assert_int_equal(s->send_window, UINT32_MAX); /* does not wrap */
    rig_free(&r);
}

static void streams_take_turns_and_small_things_go_first(void **state)
{
    struct yamux_config config = yamux_config_default();
    struct rig r;
    struct yamux_stream *a, *b;

    (void)state;
    config.frame_payload_max = 2;
    r = rig_with(config, true);
    a = yamux_open(r.y);
    b = yamux_open(r.y);
    rig_discard_output(&r);
    rig_send(&r, a, 3);
    rig_send(&r, b, 3);
    assert_int_equal(yamux_write(r.y, &r.out, &r.drained), 1);
    yamux_ping(r.y, r.now_ns);
    yamux_open(r.y);
    expect_output(&r, "00 00 0000 00000001 00000002 7373"
                      "00 02 0001 00000000 00000000"
                      "00 01 0001 00000005 00000000"
                      "00 00 0000 00000003 00000002 7373"
                      "00 00 0000 00000001 00000001 73"
                      "00 00 0000 00000003 00000001 73");
    rig_free(&r);
}

static struct yamux_stream *open_by_peer(struct rig *r)
{
    struct yamux_stream *s;

    rig_receive(r, SYN_1);
    s = expect_event(r, YAMUX_EVENT_OPENED);
    rig_discard_output(r);
    return s;
}

static void data_beyond_the_window_ends_the_session(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s = open_by_peer(&r);

    (void)state;
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 0, 1, WINDOW});
    expect_event(&r, YAMUX_EVENT_DATA);
    rig_send(&r, s, 10);
    yamux_ping(r.y, r.now_ns);
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 0, 1, 1});
    assert_int_equal(rig_next(&r), ERR_WINDOW);
    assert_int_equal(rig_next(&r), ERR_WINDOW);
    assert_int_equal(yamux_deadline(r.y), TIME_NEVER);
    assert_int_equal(yamux_tick(r.y, 100 * SECOND), ERR_OK);
    assert_null(yamux_open(r.y));
    expect_output(&r, GOAWAY_PROTOCOL); /* and nothing else any more */
    rig_free(&r);
}

static void credit_returns_when_half_the_window_is_consumed(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s = open_by_peer(&r);

    (void)state;
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 0, 1, WINDOW});
    expect_event(&r, YAMUX_EVENT_DATA);
    rig_take(&r, s, WINDOW / 2 - 1);
    expect_output(&r, "");
    rig_take(&r, s, 1);
    rig_take(&r, s, 7);
    expect_output(&r, "00 01 0000 00000001 00020000");
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 4, 1, WINDOW / 2});
    expect_event(&r, YAMUX_EVENT_DATA);
    expect_event(&r, YAMUX_EVENT_FIN);
    rig_take(&r, s, s->in.size); /* nothing more can come: no credit either */
    expect_output(&r, "");
    rig_free(&r);
}

/* Consumes the window's half after `took_ns`; returns the window that results. */
static uint32_t window_after(struct rig *r, struct yamux_stream *s, uint64_t took_ns)
{
    uint32_t half = s->receive_window_size / 2;

    rig_receive_frame(r, (struct yamux_header){YAMUX_DATA, 0, 1, half});
    r->now_ns += took_ns;
    expect_event(r, YAMUX_EVENT_DATA);
    rig_take(r, s, half);
    assert_int_equal(s->receive_window, s->receive_window_size);
    rig_discard_output(r);
    return s->receive_window_size;
}

static void a_window_that_is_used_up_within_four_round_trips_doubles(void **state)
{
    struct yamux_config config = yamux_config_default();
    struct rig r;
    struct yamux_stream *s;

    (void)state;
    config.window_max = WINDOW * 3;
    r = rig_with(config, false);
    s = open_by_peer(&r);
    assert_int_equal(window_after(&r, s, 1 * MS), WINDOW); /* no round trip measured */
    yamux_ping(r.y, r.now_ns);
    r.now_ns += 10 * MS;
    rig_receive(&r, "00 02 0002 00000000 00000000");
    expect_quiet(&r);
    assert_int_equal(yamux_rtt_ns(r.y), 10 * MS);
    assert_int_equal(window_after(&r, s, 40 * MS), WINDOW);
    assert_int_equal(window_after(&r, s, 39 * MS), WINDOW * 2);
    assert_int_equal(window_after(&r, s, 0), WINDOW * 3);
    assert_int_equal(window_after(&r, s, 0), WINDOW * 3);
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 0, 1, WINDOW * 3});
    expect_event(&r, YAMUX_EVENT_DATA); /* the peer may use all of it */
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, 0, 1, 1});
    assert_int_equal(rig_next(&r), ERR_WINDOW);
    rig_free(&r);
}

static void assert_ends(const char *hex, bool client, int err)
{
    struct rig r = rig_new(client);
    int got;

    rig_receive(&r, hex);
    while ((got = rig_next(&r)) > 0)
        ;
    assert_int_equal(got, err);
    if (err < 0)
        expect_output(&r, GOAWAY_PROTOCOL);
    rig_free(&r);
}

static void violations_end_the_session(void **state)
{
    (void)state;
    assert_ends("01 00 0000 00000000 00000000", false, ERR_MALFORMED); /* version */
    assert_ends("00 04 0000 00000000 00000000", false, ERR_MALFORMED); /* type */
    assert_ends("00 01 0001 00000002 00000000", false, ERR_PROTOCOL);  /* parity */
    assert_ends("00 01 0001 00000001 00000000", true, ERR_PROTOCOL);
    assert_ends("00 01 0001 00000000 00000000", true, ERR_PROTOCOL); /* a stream of id 0 */
    assert_ends("00 01 0001 00000000 00000000", false, ERR_PROTOCOL);
    assert_ends(SYN_1 SYN_1, false, ERR_PROTOCOL); /* open twice */
    assert_ends("00 00 0001 00000001 00040001", false, ERR_WINDOW);
}

static void what_go_tolerates_is_tolerated(void **state)
{
    (void)state;
    assert_ends("00 00 0000 00000000 00000002 6161 00 01 0000 00000000 00000009", false, 0);
    assert_ends("00 00 0000 00000009 00000002 6161 00 01 000e 00000009 00000009", false, 0);
    assert_ends("00 02 0002 00000000 00000007", false, 0); /* an answer to nothing */
    assert_ends("00 02 0000 00000000 00000007", false, 0);
    assert_ends("00 02 0001 00000005 00000007", false, 0); /* a ping with an id */
    assert_ends("00 01 0009 00000001 00000000 00 00 0009 00000003 00000001 61", false, 0);
    assert_ends(SYN_1 FIN_1 FIN_1 "00 00 0000 00000001 00000001 61", false, 0);
    assert_ends("00 01 fff1 00000001 00000000", false, 0); /* unknown flags beside SYN */
    assert_ends("00 00 0000 00000005 ffffffff 6161", false, 0);
}

static void a_stream_opened_and_reset_in_one_frame_never_was(void **state)
{
    struct rig r = rig_new(false);

    (void)state;
    rig_receive(&r, "00 01 0009 00000001 00000000");
    expect_quiet(&r);
    expect_output(&r, "");
    assert_int_equal(yamux_stream_count(r.y), 0);
    rig_free(&r);
}

static void pings_are_answered_with_their_value_up_to_a_bound(void **state)
{
    struct rig r = rig_new(true);
    int answered = 0;

    (void)state;
    rig_receive(&r, "00 02 0001 00000000 0000abcd");
    expect_quiet(&r);
    expect_output(&r, "00 02 0002 00000000 0000abcd");
    for (int i = 0; i < 1000; i++)
        rig_receive(&r, "00 02 0001 00000000 00000007");
    expect_quiet(&r);
    while (yamux_write(r.y, &r.out, &r.drained))
        answered++;
    assert_int_equal(answered, YAMUX_PONGS_MAX);
    rig_receive(&r, "00 02 0001 00000000 00000008");
    expect_quiet(&r);
    assert_true(yamux_has_output(r.y));
    rig_free(&r);
}

static void streams_beyond_the_limit_are_reset_and_a_flood_ends_the_session(void **state)
{
    struct yamux_config config = yamux_config_default();
    struct rig r;
    uint32_t id = 1;

    (void)state;
    config.streams_in_max = 3;
    config.control_max = 5;
    r = rig_with(config, false);
    for (; id <= 5; id += 2) {
        rig_receive_frame(&r, (struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_SYN, id, 0});
        expect_event(&r, YAMUX_EVENT_OPENED);
    }
    rig_discard_output(&r);
    rig_receive(&r, "00 00 0001 00000007 00000002 6161");
    expect_quiet(&r);
    expect_output(&r, "00 01 0008 00000007 00001002");
    yamux_release(r.y, yamux_stream_next(r.y, NULL));
    rig_discard_output(&r); /* its FIN is out: there is room again */
    rig_receive(&r, "00 01 0001 00000009 00000000");
    expect_event(&r, YAMUX_EVENT_OPENED);
    for (id = 11; id < 11 + 2 * 5; id += 2)
        rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, YAMUX_SYN, id, 1});
    expect_quiet(&r);
    rig_receive_frame(&r, (struct yamux_header){YAMUX_DATA, YAMUX_SYN, id, 1});
    assert_int_equal(rig_next(&r), ERR_LIMIT);
    expect_output(&r, GOAWAY_INTERNAL);
    rig_free(&r);
}

static void opening_stops_at_the_backlog_and_at_the_last_id(void **state)
{
    struct yamux_config config = yamux_config_default();
    struct rig r;

    (void)state;
    config.backlog_max = 2;
    r = rig_with(config, true);
    assert_non_null(yamux_open(r.y));
    assert_non_null(yamux_open(r.y));
    assert_null(yamux_open(r.y));
    rig_discard_output(&r);
    rig_receive(&r, ACK_1 ACK_1); /* the second is ignored */
    expect_quiet(&r);
    assert_non_null(yamux_open(r.y));
    assert_null(yamux_open(r.y));
    rig_discard_output(&r);
    rig_receive(&r, "00 01 0008 00000003 00001002"); /* refused is answered, too */
    expect_event(&r, YAMUX_EVENT_RESET);
    assert_non_null(yamux_open(r.y));
    rig_discard_output(&r);
    rig_receive(&r, "00 01 0002 00000005 00000000");
    expect_quiet(&r);
    r.y->next_id = UINT32_MAX - 4;
    assert_non_null(yamux_open(r.y));
    rig_discard_output(&r);
    rig_receive(&r, "00 01 0002 00000007 00000000");
    expect_quiet(&r);
    assert_null(yamux_open(r.y));
    rig_free(&r);
}

static void after_a_goaway_no_stream_is_opened(void **state)
{
    struct rig r = rig_new(false);

    (void)state;
    rig_receive(&r, "00 03 0000 00000000 00000000");
    expect_event(&r, YAMUX_EVENT_GOAWAY);
    assert_int_equal(r.event.code, YAMUX_GOAWAY_NORMAL);
    assert_null(yamux_open(r.y));
    rig_free(&r);

    r = rig_new(false);
    yamux_goaway(r.y, YAMUX_GOAWAY_NORMAL);
    expect_output(&r, "00 03 0000 00000000 00000000");
    assert_null(yamux_open(r.y));
    rig_receive(&r, SYN_1);
    expect_quiet(&r);
    expect_output(&r, RST_1);
    rig_free(&r);
}

static void silence_is_pinged_and_no_answer_ends_the_session(void **state)
{
    struct rig r = rig_new(true);

    (void)state;
    assert_int_equal(yamux_deadline(r.y), 31 * SECOND);
    assert_int_equal(yamux_tick(r.y, 31 * SECOND - 1), ERR_OK);
    expect_output(&r, "");
    r.now_ns = 20 * SECOND;
    rig_receive(&r, "00 02 0002 00000000 00000000"); /* any frame is a sign of life */
    r.y->now_ns = 0;
    expect_quiet(&r);
    assert_int_equal(yamux_deadline(r.y), 50 * SECOND);
    assert_int_equal(yamux_tick(r.y, 50 * SECOND), ERR_OK);
    expect_output(&r, "00 02 0001 00000000 00000000");
    assert_int_equal(yamux_deadline(r.y), 60 * SECOND);
    yamux_ping(r.y, 51 * SECOND); /* one at a time */
    expect_output(&r, "");
    r.now_ns = 51 * SECOND;
    rig_receive(&r, "00 02 0002 00000000 00000001 00 02 0002 00000000 00000000");
    expect_quiet(&r);
    assert_int_equal(yamux_rtt_ns(r.y), SECOND);
    assert_int_equal(yamux_deadline(r.y), 81 * SECOND);
    yamux_ping(r.y, 60 * SECOND);
    expect_output(&r, "00 02 0001 00000000 00000001");
    r.now_ns = 63 * SECOND;
    rig_receive(&r, "00 02 0002 00000000 00000001");
    expect_quiet(&r);
    assert_int_equal(yamux_rtt_ns(r.y), 2 * SECOND); /* smoothed: half old, half new */
    yamux_ping(r.y, 70 * SECOND);
    assert_int_equal(yamux_tick(r.y, 80 * SECOND - 1), ERR_OK);
    assert_int_equal(yamux_tick(r.y, 80 * SECOND), ERR_TIMEOUT);
    rig_free(&r);
}

static void without_a_keepalive_there_is_no_deadline(void **state)
{
    struct yamux_config config = yamux_config_default();
    struct rig r;

    (void)state;
    config.keepalive_ns = 0;
    r = rig_with(config, true);
    assert_int_equal(yamux_deadline(r.y), TIME_NEVER);
    assert_int_equal(yamux_tick(r.y, 1000 * SECOND), ERR_OK);
    expect_output(&r, "");
    rig_free(&r);
}

static void received_bytes_that_stay_cost_memory_in_proportion(void **state)
{
    struct rig r = rig_new(false);
    struct yamux_stream *s = open_by_peer(&r);
    uint32_t most = 0;

    (void)state;
    for (int i = 0; i < 30000; i++) {
        rig_receive(&r, "00 00 0000 00000001 00000001 61");
        expect_event(&r, YAMUX_EVENT_DATA);
        most = s->in.count > most ? s->in.count : most;
    }
    assert_int_equal(s->in.size, 30000);
    assert_true(most <= CHAIN_PACK_SPANS + 30000 / CHAIN_PACK_MEAN);
    rig_free(&r);
}

static void headers_are_written_and_read_alike(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "headers");
    for (int i = 0; i < 1000; i++) {
        uint8_t bytes[YAMUX_HEADER_SIZE];
        struct yamux_header h = {(enum yamux_type)rng_below(&r, 4), (uint16_t)rng_next(&r),
                                 (uint32_t)rng_next(&r), (uint32_t)rng_next(&r)};
        struct yamux_header back;

        yamux_header_write(bytes, &h);
        assert_int_equal(yamux_header_read(bytes, &back), ERR_OK);
        assert_memory_equal(&h, &back, sizeof h);
        bytes[1] = (uint8_t)(4 + rng_below(&r, 252));
        assert_int_equal(yamux_header_read(bytes, &back), ERR_MALFORMED);
    }
}

static void a_session_and_a_stream_are_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct yamux) <= 128);
    assert_true(sizeof(struct yamux_stream) <= 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_opens_with_a_syn_and_sends_plain_data_behind_it),
        cmocka_unit_test(a_server_acknowledges_at_once_and_has_even_ids),
        cmocka_unit_test(flags_may_ride_on_any_frame),
        cmocka_unit_test(a_window_update_may_carry_credit_with_its_syn),
        cmocka_unit_test(a_reset_carries_its_code_in_the_length_and_grants_nothing),
        cmocka_unit_test(our_reset_drops_what_is_queued_and_says_why),
        cmocka_unit_test(a_released_stream_finishes_by_itself),
        cmocka_unit_test(data_stops_at_the_window_and_goes_on_with_credit),
        cmocka_unit_test(streams_take_turns_and_small_things_go_first),
        cmocka_unit_test(data_beyond_the_window_ends_the_session),
        cmocka_unit_test(credit_returns_when_half_the_window_is_consumed),
        cmocka_unit_test(a_window_that_is_used_up_within_four_round_trips_doubles),
        cmocka_unit_test(violations_end_the_session),
        cmocka_unit_test(what_go_tolerates_is_tolerated),
        cmocka_unit_test(a_stream_opened_and_reset_in_one_frame_never_was),
        cmocka_unit_test(pings_are_answered_with_their_value_up_to_a_bound),
        cmocka_unit_test(streams_beyond_the_limit_are_reset_and_a_flood_ends_the_session),
        cmocka_unit_test(opening_stops_at_the_backlog_and_at_the_last_id),
        cmocka_unit_test(after_a_goaway_no_stream_is_opened),
        cmocka_unit_test(silence_is_pinged_and_no_answer_ends_the_session),
        cmocka_unit_test(without_a_keepalive_there_is_no_deadline),
        cmocka_unit_test(received_bytes_that_stay_cost_memory_in_proportion),
        cmocka_unit_test(headers_are_written_and_read_alike),
        cmocka_unit_test(a_session_and_a_stream_are_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
