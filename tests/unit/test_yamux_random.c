/* stack/transport/yamux under chance: cut input, garbage, and two sessions that do random things to
 * each other and are compared with a model of what each stream should have seen. */
#include "tests/lib/test.h"

#include "stack/base/buf.h"
#include "stack/transport/yamux_session.h"

#define SECOND UINT64_C(1000000000)
#define WINDOW YAMUX_WINDOW_INITIAL

/* One session fed by hand. */
struct rig {
    struct yamux *y;
    struct chain in, out;
    struct yamux_event event;
};

static struct rig rig_with(struct yamux_config config, bool client)
{
    static struct yamux_config kept; /* one rig at a time */

    kept = config;
    return (struct rig){.y = yamux_new(&kept, client, SECOND)};
}

static int rig_next(struct rig *r)
{
    return yamux_read(r->y, SECOND, &r->in, &r->event);
}

static void rig_free(struct rig *r)
{
    yamux_free(r->y);
    chain_deinit(&r->in);
    chain_deinit(&r->out);
}

/* What happened, as bytes; pieces of data that follow each other on a stream are one. */
struct journal {
    struct rig rig;
    struct buf text;
    uint32_t data_of; /* the stream of the last DATA event */
};

static void journal_write(struct journal *j, const struct yamux_event *ev)
{
    struct yamux_stream *s = ev->stream;
    uint32_t id = s ? s->id : 0;

    if (ev->kind != YAMUX_EVENT_DATA || j->data_of != id) {
        buf_append_u8(&j->text, (uint8_t)(0xf0 + ev->kind));
        buf_append_be32(&j->text, id);
        buf_append_be32(&j->text, ev->code);
    }
    j->data_of = ev->kind == YAMUX_EVENT_DATA ? id : 0;
    while (s && s->in.size) {
        struct span front = chain_take_front(&s->in);

        buf_append_slice(&j->text, span_slice(front));
        yamux_consumed(j->rig.y, s, front.size, SECOND);
        span_unref(front);
    }
    if (ev->kind == YAMUX_EVENT_RESET)
        yamux_release(j->rig.y, s);
}

static void journal_feed(void *ctx, struct slice piece)
{
    struct journal *j = ctx;

    chain_append(&j->rig.in, piece);
    while (rig_next(&j->rig) > 0)
        journal_write(j, &j->rig.event);
}

static void any_cut_of_the_input_gives_the_same_events(void **state)
{
    struct blob *input = hex_blob("00 02 0001 00000000 00000000"
                                  "00 01 0001 00000001 00000000"
                                  "00 00 0000 00000001 00000005 6162636465"
                                  "00 00 0001 00000003 00000002 7879"
                                  "00 00 0000 00000007 00000004 deadbeef"
                                  "00 00 0004 00000001 00000003 666768"
                                  "00 01 0008 00000003 00001002"
                                  "00 00 0000 00000003 00000003 010203"
                                  "00 00 0005 00000005 00000001 7a"
                                  "00 03 0000 00000000 00000002"
                                  "00 01 0001 00000002 00000000");
    struct journal whole = {.rig = rig_with(yamux_config_default(), false)};
    struct rng r;

    (void)state;
    rng_init(&r, 3, "cut");
    buf_init(&whole.text, 4096);
    journal_feed(&whole, blob_slice(input));
    assert_int_equal(whole.text.size, 11 * 9 + 5 + 2 + 3 + 1);
    for (int round = 0; round < 300; round++) {
        struct journal j = {.rig = rig_with(yamux_config_default(), false)};

        buf_init(&j.text, 4096);
        split_feed(&r, blob_slice(input), journal_feed, &j);
        assert_true(slice_equal(buf_slice(&j.text), buf_slice(&whole.text)));
        assert_int_equal(rig_next(&j.rig), ERR_PROTOCOL);
        buf_deinit(&j.text);
        rig_free(&j.rig);
    }
    buf_deinit(&whole.text);
    rig_free(&whole.rig);
    blob_unref(input);
}

/* Frames that are mostly plausible, so that the session lives for a while. */
static void receive_random_frame(struct rng *r, struct rig *rig)
{
    struct yamux_header h = {YAMUX_DATA, 0, (uint32_t)rng_below(r, 12), 0};
    uint8_t bytes[YAMUX_HEADER_SIZE + 3000] = {0};

    if (rng_chance(r, 1, 2))
        h.flags = (uint16_t)rng_below(r, 16);
    if (rng_chance(r, 1, 50))
        h.flags = (uint16_t)rng_next(r);
    h.type = (enum yamux_type)rng_below(r, rng_chance(r, 1, 2) ? 2 : 4);
    h.length = (uint32_t)rng_below(r, h.type == YAMUX_DATA ? 3000 : UINT64_C(1) << 32);
    yamux_header_write(bytes, &h);
    if (rng_chance(r, 1, 100))
        rng_fill(r, bytes, YAMUX_HEADER_SIZE);
    chain_append(&rig->in, slice_of(bytes, YAMUX_HEADER_SIZE +
                                               (h.type == YAMUX_DATA ? (size_t)h.length : 0)));
}

static void assert_within_limits(const struct rig *rig)
{
    assert_true(rig->y->opened_by_peer <= rig->y->config->streams_in_max);
    assert_true((rig->y->controls ? rig->y->controls->count : 0) <= rig->y->config->control_max + YAMUX_PONGS_MAX + 2);
    for (struct yamux_stream *s = NULL; (s = yamux_stream_next(rig->y, s)) != NULL;)
        assert_true(s->in.size <= WINDOW);
}

static void garbage_stays_within_the_limits(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 4, "garbage");
    for (int round = 0; round < 500; round++) {
        struct yamux_config config = yamux_config_default();
        struct rig rig;
        int status = 0;

        config.streams_in_max = 4;
        config.control_max = 20;
        rig = rig_with(config, round % 2);
        for (int i = 0; i < 5 && round % 3; i++)
            yamux_open(rig.y);
        for (int step = 0; step < 300 && status >= 0; step++) {
            struct yamux_stream *drained;

            receive_random_frame(&r, &rig);
            while ((status = rig_next(&rig)) > 0)
                if (rig.event.kind == YAMUX_EVENT_RESET ||
                    (rig.event.stream && rng_chance(&r, 1, 8)))
                    yamux_release(rig.y, rig.event.stream);
            if (rng_chance(&r, 1, 2))
                yamux_write(rig.y, &rig.out, &drained);
            assert_within_limits(&rig);
        }
        rig_free(&rig);
    }
}

/* Two sessions and a model */

#define IDS_MAX 4000

/* What one side knows of one stream. */
struct end {
    struct yamux_stream *stream; /* NULL before it opens and after its release */
    size_t sent, taken;
    bool opened, finished, reset, released, fin_seen, reset_seen;
    uint32_t code;
};

struct side {
    struct yamux *y;
    struct chain out, in; /* plain bytes towards the other side, and from it */
    struct end ends[IDS_MAX];
};

struct world {
    struct rng rng;
    uint64_t now_ns;
    struct side sides[2];
};

static uint8_t content(const struct side *from, const struct world *w, uint32_t id, size_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8) + id * 7 + (from == &w->sides[1]));
}

static struct side *other(struct world *w, struct side *s)
{
    return s == &w->sides[0] ? &w->sides[1] : &w->sides[0];
}

static struct end *end_of(struct side *side, const struct yamux_stream *s)
{
    assert_true(s->id < IDS_MAX);
    assert_ptr_equal(s->user, &side->ends[s->id]);
    return &side->ends[s->id];
}

static void attach(struct side *side, struct yamux_stream *s)
{
    assert_true(s->id < IDS_MAX);
    assert_false(side->ends[s->id].opened);
    side->ends[s->id].opened = true;
    side->ends[s->id].stream = s;
    s->user = &side->ends[s->id];
}

static void do_open(struct world *w, struct side *side)
{
    struct yamux_stream *s = yamux_stream_count(side->y) < 20 ? yamux_open(side->y) : NULL;

    (void)w;
    if (s)
        attach(side, s);
}

static void do_send(struct world *w, struct side *side, struct yamux_stream *s)
{
    struct end *e = end_of(side, s);
    size_t size = 1 + (size_t)rng_below(&w->rng, rng_chance(&w->rng, 1, 20) ? 400000 : 3000);
    struct chain bytes = {0};
    struct blob *b;

    if (e->finished || s->out.size > 500000)
        return;
    b = blob_new(size);
    for (size_t i = 0; i < size; i++)
        b->data[i] = content(side, w, s->id, e->sent + i);
    e->sent += size;
    chain_give(&bytes, span_give(b));
    yamux_send(side->y, s, &bytes);
    assert_int_equal(bytes.size, 0);
}

static void do_take(struct world *w, struct side *side, struct yamux_stream *s, size_t size)
{
    struct end *e = end_of(side, s);
    struct span got = chain_take(&s->in, size);

    for (size_t i = 0; i < size; i++)
        if (got.data[i] != content(other(w, side), w, s->id, e->taken + i))
            fail();
    span_unref(got);
    e->taken += size;
    yamux_consumed(side->y, s, size, w->now_ns);
}

static void do_release(struct side *side, struct yamux_stream *s)
{
    struct end *e = end_of(side, s);

    e->released = true;
    e->stream = NULL;
    yamux_release(side->y, s);
}

static void do_something(struct world *w, struct side *side, struct yamux_stream *s)
{
    struct end *e = end_of(side, s);

    switch (rng_below(&w->rng, 40)) {
    case 0:
        e->finished = true;
        yamux_finish(side->y, s);
        break;
    case 1:
        if (rng_chance(&w->rng, 1, 2))
            break;
        if (!e->reset_seen && !e->reset) {
            e->reset = true;
            e->code = (uint32_t)rng_next(&w->rng);
        }
        yamux_reset(side->y, s, e->code);
        assert_int_equal(s->in.size + s->out.size, 0);
        break;
    case 2:
        if (e->finished || e->reset || e->reset_seen)
            do_release(side, s);
        break;
    default:
        if (rng_chance(&w->rng, 1, 2))
            do_send(w, side, s);
        else
            do_take(w, side, s, (size_t)rng_below(&w->rng, s->in.size + 1));
    }
}

static void on_event(struct world *w, struct side *side, const struct yamux_event *ev)
{
    struct yamux_stream *s = ev->stream;
    struct end *e, *far;

    if (ev->kind == YAMUX_EVENT_OPENED)
        attach(side, s);
    assert_int_not_equal(ev->kind, YAMUX_EVENT_GOAWAY);
    e = end_of(side, s);
    far = &other(w, side)->ends[s->id];
    assert_true(e->stream == s && !e->released && !e->reset && !e->reset_seen);
    switch (ev->kind) {
    case YAMUX_EVENT_DATA:
        assert_false(e->fin_seen);
        assert_true(s->in.size > 0 && s->in.size <= s->receive_window_size);
        assert_true(e->taken + s->in.size <= far->sent);
        break;
    case YAMUX_EVENT_FIN:
        assert_false(e->fin_seen);
        assert_true(far->finished || far->released);
        assert_int_equal(e->taken + s->in.size, far->sent);
        e->fin_seen = true;
        break;
    case YAMUX_EVENT_RESET:
        assert_true(far->reset);
        assert_int_equal(ev->code, far->code);
        e->reset_seen = true;
        break;
    case YAMUX_EVENT_OPENED:
    case YAMUX_EVENT_GOAWAY:
        break;
    }
}

/* Some frames leave, some bytes arrive, some events are read. */
static void move_bytes(struct world *w, struct side *side, size_t frames, size_t size)
{
    struct side *far = other(w, side);
    struct yamux_stream *drained;
    struct yamux_event ev;
    int status = 0;

    while (frames-- > 0 && yamux_write(side->y, &side->out, &drained))
        if (drained)
            assert_true(drained->out.size == 0 && end_of(side, drained)->stream == drained);
    chain_move(&far->in, &side->out, size < side->out.size ? size : side->out.size);
    while (rng_chance(&w->rng, 9, 10) &&
           (status = yamux_read(far->y, w->now_ns, &far->in, &ev)) > 0)
        on_event(w, far, &ev);
    assert_true(status >= 0);
}

static struct yamux_stream *random_stream(struct world *w, struct side *side)
{
    struct yamux_stream *s = yamux_stream_next(side->y, NULL);
    uint32_t count = yamux_stream_count(side->y);

    if (count == 0)
        return NULL;
    for (uint64_t skip = rng_below(&w->rng, count); skip > 0; skip--)
        s = yamux_stream_next(side->y, s);
    return s;
}

static void step(struct world *w)
{
    struct side *side = &w->sides[rng_below(&w->rng, 2)];
    struct yamux_stream *s = random_stream(w, side);

    w->now_ns += rng_below(&w->rng, 1000000);
    if (rng_chance(&w->rng, 1, 30))
        do_open(w, side);
    if (rng_chance(&w->rng, 1, 100))
        yamux_ping(side->y, w->now_ns);
    if (s)
        do_something(w, side, s);
    move_bytes(w, &w->sides[rng_below(&w->rng, 2)], (size_t)rng_below(&w->rng, 8),
               (size_t)rng_below(&w->rng, rng_chance(&w->rng, 1, 2) ? 100 : 100000));
}

/* Everybody finishes and takes what there is until nothing moves. */
static void settle(struct world *w)
{
    for (int quiet = 0; quiet < 100;) {
        bool moved = false;

        for (int i = 0; i < 2; i++) {
            struct side *side = &w->sides[i];

            for (struct yamux_stream *s = NULL; (s = yamux_stream_next(side->y, s)) != NULL;) {
                struct end *e = end_of(side, s);

                e->finished = true;
                yamux_finish(side->y, s);
                do_take(w, side, s, s->in.size);
            }
            moved = moved || yamux_has_output(side->y) || side->out.size || side->in.size;
            move_bytes(w, side, 1000, SIZE_MAX);
        }
        quiet = moved ? 0 : quiet + 1;
    }
}

static void assert_settled(struct world *w, uint32_t id)
{
    struct end *a = &w->sides[0].ends[id], *b = &w->sides[1].ends[id];

    for (int i = 0; i < 2; i++) {
        struct end *e = i ? a : b, *far = i ? b : a;

        if (e->opened && !e->released && !e->reset && !e->reset_seen && far->opened) {
            assert_true(e->fin_seen);
            assert_int_equal(e->taken, far->sent);
        }
        if (e->stream && (e->reset_seen || e->reset))
            assert_true(!far->stream || far->reset || far->reset_seen);
    }
}

/* A stream that was released with more queued than the peer's window, which the peer released in
 * turn: no credit will come, and it stays until the session ends, as in go. */
static void assert_only_starved_streams_linger(struct world *w, struct side *side)
{
    for (uint32_t i = 0; i < side->y->stream_count; i++) {
        struct yamux_stream *s = side->y->table->items[i];

        assert_true(s->out.size > 0 && s->send_window == 0);
        assert_true(side->ends[s->id].released && other(w, side)->ends[s->id].released);
    }
}

static void run_world(uint64_t seed, struct yamux_config config)
{
    static struct world w; /* large, and the streams point into it */

    w = (struct world){.now_ns = SECOND};
    rng_init(&w.rng, seed, "world");
    for (int i = 0; i < 2; i++)
        w.sides[i].y = yamux_new(&config, i == 0, w.now_ns);
    for (int i = 0; i < 1500; i++)
        step(&w);
    settle(&w);
    for (uint32_t id = 0; id < IDS_MAX; id++)
        assert_settled(&w, id);
    for (int i = 0; i < 2; i++)
        while (yamux_stream_next(w.sides[i].y, NULL))
            do_release(&w.sides[i], yamux_stream_next(w.sides[i].y, NULL));
    settle(&w);
    for (int i = 0; i < 2; i++) {
        assert_only_starved_streams_linger(&w, &w.sides[i]);
        assert_int_equal(w.sides[i].y->unacknowledged, 0);
        assert_false(w.sides[i].y->pinging);
        yamux_free(w.sides[i].y);
    }
}

static void two_sessions_agree_with_the_model(void **state)
{
    struct yamux_config config = yamux_config_default();

    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        config.frame_payload_max = seed % 2 ? 65536 - 12 : 1000;
        config.window_max = seed % 3 ? WINDOW : 16 * 1024 * 1024;
        run_world(seed, config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_of_the_input_gives_the_same_events),
        cmocka_unit_test(garbage_stays_within_the_limits),
        cmocka_unit_test(two_sessions_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
