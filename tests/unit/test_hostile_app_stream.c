/* Peers that misbehave on the streams of the owner's protocols. */
#include "tests/lib/siege.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/node/app_stream.h"

#define LITTLE (48 * KIB)
#define OWNER "/owner/1.0.0"
#define PIECE_SIZE (16 * KIB)
#define QUEUED_MIN (APP_STREAM_QUEUE_MAX - 64) /* the words of the negotiation are in the queue too */
#define STREAM_SIZE (2 * KIB) /* of one with nothing in it, at both ends */

#define WRITTEN_MAX (16 * MIB) /* by an owner who writes */

static const struct slice none;
static const uint8_t zeros[PIECE_SIZE];

/* The victim's owner, of whom each stream is told apart by nothing but its being there. */
struct owner {
    struct app_protocol protocol;
    bool takes, writes, echoes;
    uint64_t taken, written;
    uint32_t opened, finished, closed;
    int err;                 /* of the last one closed */
    struct app_stream *last; /* opened last; NULL once any was closed */
};

static struct owner owner; /* the protocol outlives the node */

/* As much as there is room for, and not over a size in all: a link of the simulator takes whatever a window allows. */
static void write_on(struct owner *o, uint64_t now_ns, struct app_stream *stream)
{
    size_t sent = sizeof zeros;

    while (sent == sizeof zeros && o->written < WRITTEN_MAX) {
        struct chain out;

        chain_init(&out);
        chain_append(&out, slice_of(zeros, sizeof zeros)); /* a copy: what waits costs memory */
        sent = app_stream_write(stream, now_ns, &out);
        chain_deinit(&out);
        o->written += sent;
    }
}

static void on_opened(void *ctx, uint64_t now_ns, struct app_stream *stream)
{
    struct owner *o = ctx;

    o->opened++;
    o->last = stream;
    if (o->writes)
        write_on(o, now_ns, stream);
}

static void on_data(void *ctx, uint64_t now_ns, struct app_stream *stream, struct chain *in)
{
    struct owner *o = ctx;
    size_t before = in->size;

    if (o->takes)
        chain_drop(in, in->size);
    else if (o->echoes)
        app_stream_write(stream, now_ns, in);
    o->taken += before - in->size;
}

static void on_writable(void *ctx, uint64_t now_ns, struct app_stream *stream)
{
    struct owner *o = ctx;

    if (o->writes)
        write_on(o, now_ns, stream);
    if (o->echoes)
        app_stream_resume(stream, now_ns);
}

static void on_finished(void *ctx, uint64_t now_ns, struct app_stream *stream)
{
    struct owner *o = ctx;

    o->finished++;
    app_stream_finish(stream, now_ns);
}

static void on_closed(void *ctx, uint64_t now_ns, struct app_stream *stream, int err)
{
    struct owner *o = ctx;

    (void)now_ns;
    (void)stream;
    o->closed++;
    o->err = err;
    o->last = NULL;
}

static void serve(struct siege *s, struct owner how)
{
    owner = how;
    owner.protocol = (struct app_protocol){.id = OWNER,
                                           .ctx = &owner,
                                           .opened = on_opened,
                                           .data = on_data,
                                           .writable = on_writable,
                                           .finished = on_finished,
                                           .closed = on_closed};
    assert_int_equal(app_stream_serve(s->swarm.nodes[0].node, des_now_ns(s->swarm.des), &owner.protocol), ERR_OK);
}

static uint32_t open_one(struct siege *s)
{
    return attacker_open(&s->attacker, OWNER);
}

static void flag(struct siege *s, uint16_t flags, uint32_t id)
{
    attacker_frame(&s->attacker, (struct yamux_header){YAMUX_WINDOW_UPDATE, flags, id, 0}, none);
}

/* Everything that the window has room for. */
static void fill_window(struct siege *s, uint32_t id)
{
    const struct attacker_stream *stream = attacker_find(&s->attacker, id);

    while (stream->window > 0) {
        size_t size = stream->window < PIECE_SIZE ? stream->window : PIECE_SIZE;

        attacker_data(&s->attacker, id, slice_of(zeros, size));
    }
    siege_run(s, SWARM_SECOND / 2);
}

static void resume(struct siege *s)
{
    owner.takes = true;
    app_stream_resume(owner.last, des_now_ns(s->swarm.des));
    siege_run(s, SWARM_SECOND / 2);
}

/* ---- owners that read nothing ---- */

static void fill_a_stalled_stream(struct siege *s)
{
    uint32_t id, sent;

    serve(s, (struct owner){.writes = false});
    id = open_one(s);
    sent = attacker_find(&s->attacker, id)->window;
    fill_window(s, id);
    assert_int_equal(owner.taken, 0);
    assert_int_equal(attacker_find(&s->attacker, id)->window, 0); /* no credit for what nobody took */
    resume(s);
    assert_int_equal(owner.taken, sent);
    assert_true(attacker_find(&s->attacker, id)->window > 0);
}

static void overfill_a_stalled_stream(struct siege *s)
{
    uint32_t id;

    serve(s, (struct owner){.writes = false});
    id = open_one(s);
    fill_window(s, id);
    attacker_data(&s->attacker, id, slice_of(zeros, 1));
    siege_run(s, SWARM_SECOND / 2);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.err, ERR_WINDOW);
}

/* A frame each; what is held must be bytes, not frames. */
static void fill_a_stalled_stream_by_bytes(struct siege *s)
{
    uint32_t id;

    serve(s, (struct owner){.writes = false});
    id = open_one(s);
    for (uint32_t i = 0; i < 20000; i++) {
        attacker_data(&s->attacker, id, slice_of(zeros, 1));
        if (i % 500 == 0)
            siege_run(s, SWARM_SECOND / 100);
    }
    siege_run(s, SWARM_SECOND / 2);
    resume(s);
    assert_int_equal(owner.taken, 20000);
}

static void finish_before_it_was_taken(struct siege *s)
{
    uint32_t id;

    serve(s, (struct owner){.writes = false});
    id = open_one(s);
    attacker_data(&s->attacker, id, slice_of(zeros, 1000));
    flag(s, YAMUX_FIN, id);
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.finished + owner.closed, 0);
    attacker_data(&s->attacker, id, slice_of(zeros, 1000)); /* it has said that there is no more */
    flag(s, YAMUX_FIN, id);
    siege_run(s, SWARM_SECOND);
    resume(s);
    assert_int_equal(owner.taken, 1000);
    assert_int_equal(owner.finished, 1);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.err, ERR_OK);
}

/* ---- peers that read nothing ---- */

static void read_no_answer(struct siege *s)
{
    serve(s, (struct owner){.writes = true, .takes = true});
    s->attacker.stingy = true;
    open_one(s);
    siege_run(s, 2 * SWARM_SECOND);
    assert_int_equal(owner.opened, 1);
    assert_in_range(owner.written, QUEUED_MIN, APP_STREAM_QUEUE_MAX + YAMUX_WINDOW_INITIAL);
}

static void read_no_answers_of_many(struct siege *s)
{
    serve(s, (struct owner){.writes = true, .takes = true});
    s->attacker.stingy = true;
    for (uint32_t i = 0; i < 30; i++)
        open_one(s);
    siege_run(s, 2 * SWARM_SECOND);
    assert_in_range(owner.written, 30 * QUEUED_MIN, 30 * (APP_STREAM_QUEUE_MAX + YAMUX_WINDOW_INITIAL));
}

static void read_no_echo(struct siege *s)
{
    uint32_t id;

    serve(s, (struct owner){.echoes = true});
    s->attacker.stingy = true;
    id = open_one(s);
    for (int i = 0; i < 50; i++)
        fill_window(s, id);
    assert_in_range(owner.taken, YAMUX_WINDOW_INITIAL, APP_STREAM_QUEUE_MAX + YAMUX_WINDOW_INITIAL);
    assert_int_equal(attacker_find(&s->attacker, id)->window, 0);
}

static void open_vast_windows(struct siege *s)
{
    uint32_t id;

    serve(s, (struct owner){.takes = true});
    id = open_one(s);
    for (int i = 0; i < 100; i++)
        attacker_frame(&s->attacker, (struct yamux_header){YAMUX_WINDOW_UPDATE, 0, id, UINT32_MAX}, none);
    siege_run(s, SWARM_SECOND / 10);
    write_on(&owner, des_now_ns(s->swarm.des), owner.last);
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.written, WRITTEN_MAX);
    assert_true(attacker_find(&s->attacker, id)->received >= WRITTEN_MAX);
}

/* ---- endings ---- */

/* Streams with bytes on both sides, reset while the owner stalls, writes or echoes. */
static void reset_in_every_state(struct siege *s)
{
    const struct owner how[] = {{.writes = false}, {.writes = true}, {.echoes = true}, {.takes = true, .writes = true}};
    size_t before;

    serve(s, how[0]);
    before = meter_live();
    for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
        owner.writes = how[i].writes;
        owner.echoes = how[i].echoes;
        owner.takes = how[i].takes;
        for (int round = 0; round < 10; round++) {
            uint32_t id = open_one(s);

            attacker_data(&s->attacker, id, slice_of(zeros, 1000));
            siege_run(s, SWARM_SECOND / (uint64_t)(round + 20));
            flag(s, YAMUX_RST, id);
            attacker_data(&s->attacker, id, slice_of(zeros, 1000));
            flag(s, YAMUX_FIN | YAMUX_RST, id);
            siege_run(s, SWARM_SECOND / 10);
            assert_int_equal(owner.err, ERR_RESET);
        }
    }
    assert_int_equal(owner.opened, 40);
    assert_int_equal(owner.closed, 40);
    assert_int_equal(owner.finished, 0);
    assert_true(meter_live() < before + LITTLE);
}

static void open_and_reset_in_one_frame(struct siege *s)
{
    struct attacker *a = &s->attacker;
    static const char hello[] = "\x13/multistream/1.0.0\n\x0d" OWNER "\n";
    const size_t size = sizeof hello - 1;

    serve(s, (struct owner){.writes = true});
    for (uint32_t i = 0; i < 500; i++) {
        uint8_t bytes[3 * YAMUX_HEADER_SIZE + sizeof hello];
        uint32_t id = 1001 + 2 * i;

        yamux_header_write(bytes, &(struct yamux_header){YAMUX_DATA, YAMUX_SYN, id, (uint32_t)size});
        memcpy(bytes + YAMUX_HEADER_SIZE, hello, size);
        yamux_header_write(bytes + YAMUX_HEADER_SIZE + size, &(struct yamux_header){YAMUX_WINDOW_UPDATE, YAMUX_RST, id, 0});
        attacker_plain(a, slice_of(bytes, 2 * YAMUX_HEADER_SIZE + size));
        if (i % 50 == 0)
            siege_run(s, SWARM_SECOND / 50);
    }
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.opened, 500);
    assert_int_equal(owner.closed, 500);
}

static void crash_with_many(struct siege *s)
{
    serve(s, (struct owner){.writes = true});
    for (uint32_t i = 0; i < 30; i++)
        open_one(s);
    attacker_crash(&s->attacker);
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.opened, 30);
    assert_int_equal(owner.closed, 30);
    assert_int_equal(owner.err, ERR_RESET);
}

/* ---- streams that the owner opened ---- */

static void ask(struct siege *s, struct owner how)
{
    serve(s, how);
    assert_int_equal(app_stream_open(s->swarm.nodes[0].node, des_now_ns(s->swarm.des), &s->attacker.identity.id,
                                     &owner.protocol, NULL), ERR_OK);
}

static void never_agree(struct siege *s)
{
    s->attacker.mute = true;
    ask(s, (struct owner){.writes = true});
    siege_run(s, 11 * SWARM_SECOND);
    assert_int_equal(owner.opened, 0);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.err, ERR_TIMEOUT);
}

static void refuse(struct siege *s)
{
    ask(s, (struct owner){.writes = true});
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.opened, 0);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.err, ERR_UNSUPPORTED);
}

static void agree_and_reset(struct siege *s)
{
    static const char *const ids[] = {OWNER};
    uint32_t id = 0;

    s->attacker.served = (struct protocol_list){ids, 1};
    s->attacker.stingy = true;
    ask(s, (struct owner){.writes = true});
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.opened, 1);
    for (uint32_t i = 0; i < s->attacker.stream_count; i++)
        if (s->attacker.streams[i].agreed && s->attacker.streams[i].protocol == ids[0])
            id = s->attacker.streams[i].id;
    flag(s, YAMUX_RST, id);
    attacker_data(&s->attacker, id, slice_of(zeros, 1000));
    siege_run(s, SWARM_SECOND);
    assert_int_equal(owner.closed, 1);
    assert_int_equal(owner.err, ERR_RESET);
}

static const struct attack attacks[] = {
    {"what_the_owner_does_not_take_stops_at_the_window", ATTACKER_READY, fill_a_stalled_stream, SIEGE_STAYS, 0, 1,
     LITTLE + YAMUX_WINDOW_INITIAL, NULL},
    {"a_byte_beyond_the_window_of_a_stalled_owner_ends_the_session", ATTACKER_READY, overfill_a_stalled_stream,
     SIEGE_GONE, ERR_WINDOW, 1, LITTLE + YAMUX_WINDOW_INITIAL, NULL},
    {"bytes_that_wait_for_the_owner_cost_no_frames", ATTACKER_READY, fill_a_stalled_stream_by_bytes, SIEGE_STAYS, 0, 1,
     LITTLE + 128 * KIB, NULL},
    {"the_owner_hears_of_the_end_when_all_was_taken", ATTACKER_READY, finish_before_it_was_taken, SIEGE_STAYS, 0, 1,
     LITTLE, NULL},
    {"an_answer_that_nobody_reads_stops_at_the_queue", ATTACKER_READY, read_no_answer, SIEGE_STAYS, 0, 1,
     LITTLE + APP_STREAM_QUEUE_MAX + 80 * KIB, NULL},
    {"of_many_answers_that_nobody_reads_each_stops_at_its_queue", ATTACKER_READY, read_no_answers_of_many, SIEGE_STAYS, 0,
     1, 30 * STREAM_SIZE + MIB, NULL},
    {"an_echo_that_nobody_reads_stops_reading", ATTACKER_READY, read_no_echo, SIEGE_STAYS, 0, 1,
     LITTLE + APP_STREAM_QUEUE_MAX + 2 * YAMUX_WINDOW_INITIAL, NULL},
    {"an_owner_writes_into_windows_of_4_gib", ATTACKER_READY, open_vast_windows, SIEGE_STAYS, 0, 1,
     WRITTEN_MAX + MIB, NULL},
    {"a_reset_in_any_state_closes_once", ATTACKER_READY, reset_in_every_state, SIEGE_STAYS, 0, 1,
     LITTLE + APP_STREAM_QUEUE_MAX + 80 * KIB, NULL},
    {"streams_opened_and_reset_in_one_frame_close_as_often", ATTACKER_READY, open_and_reset_in_one_frame, SIEGE_STAYS, 0,
     1, LITTLE + APP_STREAM_QUEUE_MAX, NULL},
    {"a_crash_closes_every_stream_of_the_owner", ATTACKER_READY, crash_with_many, SIEGE_GONE, ERR_RESET, 1,
     30 * STREAM_SIZE + 3 * MIB, NULL},
    {"a_peer_that_never_agrees_is_given_up", ATTACKER_READY, never_agree, SIEGE_STAYS, 0, 1, LITTLE, NULL},
    {"a_peer_that_refuses_closes_the_stream_before_it_opened", ATTACKER_READY, refuse, SIEGE_STAYS, 0, 1, LITTLE, NULL},
    {"a_peer_that_agrees_and_resets_closes_it_once", ATTACKER_READY, agree_and_reset, SIEGE_STAYS, 0, 1,
     LITTLE + APP_STREAM_QUEUE_MAX + 80 * KIB, NULL},
};

int main(void)
{
    struct CMUnitTest tests[sizeof attacks / sizeof attacks[0]];

    assert_int_equal(crypto_init(), 0);
    siege_tests(tests, attacks, sizeof attacks / sizeof attacks[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
