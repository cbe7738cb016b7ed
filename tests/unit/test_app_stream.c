/* stack/node/app_stream: protocols of the owner, between nodes in the simulator. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/node/app_stream.h"
#include "tests/lib/swarm.h"

#define PROTOCOL "/test/1.0.0"

/* One end: what it does with a stream, and what it saw of it. */
struct end {
    struct app_protocol protocol;
    struct app_stream *stream; /* the last one; NULL once closed */
    uint64_t to_write, written, taken, wrong;
    uint32_t opened, finished, closed;
    int err;
    bool echoes, stalls, finishes_after, resets_at_data, finish_wanted;
    struct rng *rng; /* takes random parts only */
    uint64_t resume_due;
};

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 31 + (position >> 8));
}

/* Inbound streams have no user: the protocol's own end is theirs. */
static struct end *of_stream(void *ctx, const struct app_stream *s)
{
    return app_stream_user(s) ? app_stream_user(s) : ctx;
}

static void pump(struct end *e, uint64_t now_ns, struct app_stream *s)
{
    while (e->written < e->to_write) {
        size_t size = e->to_write - e->written < 5000 ? (size_t)(e->to_write - e->written) : 5000,
               sent;
        struct blob *b = blob_new(size);
        struct chain out;

        for (size_t i = 0; i < size; i++)
            b->data[i] = byte_at(e->written + i);
        chain_init(&out);
        chain_give(&out, span_give(b));
        sent = app_stream_write(s, now_ns, &out);
        chain_deinit(&out);
        e->written += sent;
        if (sent < size)
            return;
    }
    if (e->finish_wanted) {
        e->finish_wanted = false;
        app_stream_finish(s, now_ns);
    }
}

static void opened(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct end *e = of_stream(ctx, s);

    e->opened++;
    e->stream = s;
    app_stream_set_user(s, e);
    pump(e, now_ns, s);
}

static void data(void *ctx, uint64_t now_ns, struct app_stream *s, struct chain *in)
{
    struct end *e = of_stream(ctx, s);
    size_t size = in->size;
    uint8_t byte;

    assert_ptr_equal(app_stream_user(s), e);
    if (e->stalls)
        return;
    if (e->resets_at_data) {
        app_stream_reset(s, now_ns);
        return;
    }
    if (e->echoes) {
        app_stream_write(s, now_ns, in);
        return;
    }
    if (e->rng)
        size = rng_below(e->rng, in->size + 1);
    for (size_t i = 0; i < size; i++) {
        chain_peek(in, i, &byte, 1);
        e->wrong += byte != byte_at(e->taken + i);
    }
    e->taken += size;
    chain_drop(in, size);
    if (in->size)
        e->resume_due++;
}

static void finished(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct end *e = of_stream(ctx, s);

    e->finished++;
    if (e->finishes_after || e->echoes)
        app_stream_finish(s, now_ns);
}

static void writable(void *ctx, uint64_t now_ns, struct app_stream *s)
{
    struct end *e = of_stream(ctx, s);

    if (e->echoes)
        app_stream_resume(s, now_ns);
    else
        pump(e, now_ns, s);
}

static void closed(void *ctx, uint64_t now_ns, struct app_stream *s, int err)
{
    struct end *e = of_stream(ctx, s);

    (void)now_ns;
    (void)s;
    e->closed++;
    e->err = err;
    e->stream = NULL;
}

static void end_init(struct end *e)
{
    *e = (struct end){.err = 1};
    e->protocol = (struct app_protocol){.id = PROTOCOL,
                                        .ctx = e,
                                        .opened = opened,
                                        .data = data,
                                        .finished = finished,
                                        .writable = writable,
                                        .closed = closed};
}

struct pair {
    struct swarm swarm;
    struct end a, b; /* a opens, b answers */
};

/* Two connected nodes; node 1 serves b's protocol. */
static void pair_init(struct pair *p)
{
    struct node_config c = node_config_default();

    c.encryption = NOISE_MODELLED;
    swarm_init(&p->swarm, 2, &c);
    end_init(&p->a);
    end_init(&p->b);
    app_stream_serve(p->swarm.nodes[1].node, 0, &p->b.protocol);
    swarm_connect(&p->swarm, 0, 1);
    swarm_run(&p->swarm, SWARM_SECOND);
}

static int pair_open(struct pair *p)
{
    uint64_t now_ns = des_now_ns(p->swarm.des);

    return app_stream_open(p->swarm.nodes[0].node, now_ns, node_peerid(p->swarm.nodes[1].node),
                           &p->a.protocol, &p->a);
}

static void both_ends_are_closed(const struct pair *p, int a_err, int b_err)
{
    assert_int_equal(p->a.closed, 1);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->a.err, a_err);
    assert_int_equal(p->b.err, b_err);
}

static void bytes_go_one_way_and_the_ends_follow(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.to_write = 1000000;
    p.a.finish_wanted = true;
    p.b.finishes_after = true;
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, 10 * SWARM_SECOND);
    assert_int_equal(p.b.taken, 1000000);
    assert_int_equal(p.b.wrong, 0);
    assert_int_equal(p.b.finished, 1);
    assert_int_equal(p.a.finished, 1);
    both_ends_are_closed(&p, ERR_OK, ERR_OK);
    swarm_free(&p.swarm);
}

static void an_echo_gives_everything_back(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.to_write = 3000000;
    p.a.finish_wanted = true;
    p.b.echoes = true;
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, 20 * SWARM_SECOND);
    assert_int_equal(p.a.taken, 3000000);
    assert_int_equal(p.a.wrong, 0);
    both_ends_are_closed(&p, ERR_OK, ERR_OK);
    swarm_free(&p.swarm);
}

static void the_answer_may_come_after_the_question_ended(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.finish_wanted = true; /* at once */
    p.b.to_write = 100000;
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.b.finished, 1);
    assert_int_equal(p.a.taken, 100000);
    assert_int_equal(p.a.closed + p.b.closed, 0);
    app_stream_finish(p.b.stream, des_now_ns(p.swarm.des));
    swarm_run(&p.swarm, SWARM_SECOND);
    both_ends_are_closed(&p, ERR_OK, ERR_OK);
    swarm_free(&p.swarm);
}

static void a_reader_that_stalls_holds_the_writer_back(void **state)
{
    struct pair p;
    uint64_t now_ns, written;

    (void)state;
    pair_init(&p);
    p.a.to_write = 50000000;
    p.a.finish_wanted = true;
    p.b.stalls = true;
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, 5 * SWARM_SECOND);
    written = p.a.written;
    assert_true(written <= YAMUX_WINDOW_INITIAL + APP_STREAM_QUEUE_MAX + 5000);
    swarm_run(&p.swarm, 5 * SWARM_SECOND);
    assert_int_equal(p.a.written, written);
    p.b.stalls = false;
    p.a.to_write = 2000000;
    now_ns = des_now_ns(p.swarm.des);
    app_stream_resume(p.b.stream, now_ns);
    swarm_run(&p.swarm, 10 * SWARM_SECOND);
    assert_int_equal(p.b.taken, 2000000);
    assert_int_equal(p.b.wrong, 0);
    assert_int_equal(p.b.finished, 1);
    swarm_free(&p.swarm);
}

static void parts_that_are_taken_in_any_sizes_are_whole_in_the_end(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 7, "test");
    for (int round = 0; round < 20; round++) {
        struct pair p;

        pair_init(&p);
        p.a.to_write = rng_below(&r, 600000);
        p.a.finish_wanted = true;
        p.b.rng = &r;
        p.b.finishes_after = true;
        assert_int_equal(pair_open(&p), 0);
        for (int i = 0; i < 400 && !p.b.closed; i++) {
            swarm_run(&p.swarm, SWARM_SECOND / 20);
            if (p.b.stream)
                app_stream_resume(p.b.stream, des_now_ns(p.swarm.des));
        }
        assert_int_equal(p.b.taken, p.a.to_write);
        assert_int_equal(p.b.wrong, 0);
        assert_int_equal(p.b.finished, 1);
        swarm_run(&p.swarm, SWARM_SECOND);
        both_ends_are_closed(&p, ERR_OK, ERR_OK);
        swarm_free(&p.swarm);
    }
}

static void a_reset_reaches_both_ends(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.to_write = 10000000;
    p.b.resets_at_data = true; /* from inside a callback */
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, SWARM_SECOND);
    both_ends_are_closed(&p, ERR_RESET, ERR_RESET);
    end_init(&p.a);
    end_init(&p.b);
    p.b.protocol.id = PROTOCOL;
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, SWARM_SECOND);
    app_stream_reset(p.a.stream,
                     des_now_ns(p.swarm.des)); /* from outside: `closed` comes at once */
    assert_int_equal(p.a.closed, 1);
    assert_null(p.a.stream);
    swarm_run(&p.swarm, SWARM_SECOND);
    both_ends_are_closed(&p, ERR_RESET, ERR_RESET);
    assert_int_equal(node_counts(p.swarm.nodes[0].node).connections, 1);
    swarm_free(&p.swarm);
}

static void a_protocol_that_is_not_spoken_is_unsupported(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    p.a.protocol.id = "/other/1.0.0";
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.a.opened, 0);
    assert_int_equal(p.a.closed, 1);
    assert_int_equal(p.a.err, ERR_UNSUPPORTED);
    assert_int_equal(p.b.opened, 0);
    swarm_free(&p.swarm);
}

static void streams_end_with_their_connection(void **state)
{
    struct pair p;

    (void)state;
    pair_init(&p);
    assert_int_equal(pair_open(&p), 0);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.b.opened, 1);
    swarm_crash(&p.swarm, 1);
    assert_int_equal(p.b.closed, 1);
    assert_int_equal(p.b.err, ERR_SHUTDOWN);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.a.closed, 1);
    assert_true(p.a.err == ERR_RESET || p.a.err == ERR_CLOSED);
    swarm_free(&p.swarm);
}

static void there_is_no_stream_without_a_connection(void **state)
{
    struct node_config c = node_config_default();
    struct swarm swarm;
    struct end e;

    (void)state;
    c.encryption = NOISE_MODELLED;
    end_init(&e);
    swarm_init(&swarm, 2, &c);
    assert_int_equal(
        app_stream_open(swarm.nodes[0].node, 0, node_peerid(swarm.nodes[1].node), &e.protocol, &e),
        ERR_UNREACHABLE);
    swarm_free(&swarm);
}

static void many_streams_live_side_by_side(void **state)
{
    static struct end ends[100];
    struct pair p;

    (void)state;
    pair_init(&p);
    p.b.echoes = true;
    for (int i = 0; i < 100; i++) {
        end_init(&ends[i]);
        ends[i].to_write = 20000;
        ends[i].finish_wanted = true;
        assert_int_equal(app_stream_open(p.swarm.nodes[0].node, des_now_ns(p.swarm.des),
                                         node_peerid(p.swarm.nodes[1].node), &p.a.protocol,
                                         &ends[i]),
                         0);
    }
    swarm_run(&p.swarm, 2 * SWARM_SECOND);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ends[i].taken, 20000);
        assert_int_equal(ends[i].wrong, 0);
        assert_int_equal(ends[i].closed, 1);
        assert_int_equal(ends[i].err, ERR_OK);
    }
    assert_int_equal(p.b.opened, 100);
    assert_int_equal(p.b.closed, 100);
    swarm_free(&p.swarm);
}

static void news_of_protocols_and_addresses_is_pushed(void **state)
{
    struct endpoint addresses[2] = {swarm_address(7), swarm_address(8)};
    struct pair p;
    uint32_t before;

    (void)state;
    pair_init(&p);
    assert_int_equal(p.swarm.nodes[0].identified, 1);
    assert_int_equal(p.swarm.nodes[0].last_addresses, 1);
    before = p.swarm.nodes[0].last_protocols;
    node_announce(p.swarm.nodes[1].node, des_now_ns(p.swarm.des), addresses, 2);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.swarm.nodes[0].pushed, 1);
    assert_int_equal(p.swarm.nodes[0].last_addresses, 2);
    p.a.protocol.id = "/new/1.0.0";
    app_stream_serve(p.swarm.nodes[1].node, des_now_ns(p.swarm.des), &p.a.protocol);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(p.swarm.nodes[0].pushed, 2);
    assert_int_equal(p.swarm.nodes[0].last_protocols, before + 1);
    assert_int_equal(p.swarm.nodes[1].pushed, 0);
    swarm_free(&p.swarm);
}

static void news_before_identify_is_through_is_not_lost(void **state)
{
    struct endpoint address = swarm_address(9);
    struct pair p;

    (void)state;
    pair_init(&p);
    for (uint64_t at = 0; at < 12;
         at++) { /* somewhere in this second a new connection is being set up */
        struct node *a = p.swarm.nodes[0].node, *b = p.swarm.nodes[1].node;

        node_disconnect(a, des_now_ns(p.swarm.des), node_peerid(b));
        swarm_run(&p.swarm, SWARM_SECOND);
        assert_int_equal(node_counts(a).connections, 0);
        swarm_connect(&p.swarm, 0, 1);
        swarm_run(&p.swarm, at * SWARM_SECOND / 100);
        node_announce(b, des_now_ns(p.swarm.des), &address, at % 2);
        swarm_run(&p.swarm, SWARM_SECOND);
        assert_int_equal(p.swarm.nodes[0].last_addresses, at % 2);
    }
    swarm_free(&p.swarm);
}

static void disconnecting_forgets_the_target(void **state)
{
    struct pair p;
    struct node *a;

    (void)state;
    pair_init(&p);
    a = p.swarm.nodes[0].node;
    assert_true(node_disconnect(a, des_now_ns(p.swarm.des), node_peerid(p.swarm.nodes[1].node)));
    swarm_run(&p.swarm, 100 * SWARM_SECOND);
    assert_int_equal(node_counts(a).connections, 0);
    assert_int_equal(p.swarm.nodes[1].last_error, ERR_CLOSED);
    assert_int_equal(p.swarm.nodes[0].ready, 1);
    assert_false(node_disconnect(a, des_now_ns(p.swarm.des), node_peerid(p.swarm.nodes[1].node)));
    swarm_connect(&p.swarm, 0, 1);
    swarm_run(&p.swarm, SWARM_SECOND);
    assert_int_equal(node_counts(a).connections, 1);
    swarm_free(&p.swarm);
}

static void the_owner_hears_of_keys_topics_and_peers(void **state)
{
    struct node_config c = node_config_default();
    struct node_peer peer;
    struct endpoint at = swarm_address(1);
    struct swarm s;
    uint32_t slot;

    (void)state;
    c.encryption = NOISE_REAL;
    c.gossipsub_on = true;
    swarm_init(&s, 2, &c);
    swarm_connect(&s, 0, 1);
    swarm_subscribe_all(&s, "t");
    swarm_run(&s, SWARM_SECOND);
    assert_int_equal(s.nodes[0].secured, 1);
    assert_int_equal(s.nodes[0].topics_joined, 1);
    node_unsubscribe(s.nodes[1].node, des_now_ns(s.des), slice_text("t"));
    swarm_run(&s, SWARM_SECOND);
    assert_int_equal(s.nodes[0].topics_left, 1);
    assert_true(node_peer_find(s.nodes[0].node, node_peerid(s.nodes[1].node), &slot));
    assert_true(node_peer(s.nodes[0].node, slot, &peer));
    assert_true(peer.dialled && peerid_equal(&peer.id, node_peerid(s.nodes[1].node)));
    assert_true(endpoint_equal(&peer.remote, &at));
    assert_true(peer.rtt_ns >= SWARM_SECOND / 50 && peer.rtt_ns < SWARM_SECOND / 40);
    assert_false(node_peer(s.nodes[0].node, slot + 1, &peer));
    swarm_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_one_way_and_the_ends_follow),
        cmocka_unit_test(an_echo_gives_everything_back),
        cmocka_unit_test(the_answer_may_come_after_the_question_ended),
        cmocka_unit_test(a_reader_that_stalls_holds_the_writer_back),
        cmocka_unit_test(parts_that_are_taken_in_any_sizes_are_whole_in_the_end),
        cmocka_unit_test(a_reset_reaches_both_ends),
        cmocka_unit_test(a_protocol_that_is_not_spoken_is_unsupported),
        cmocka_unit_test(streams_end_with_their_connection),
        cmocka_unit_test(there_is_no_stream_without_a_connection),
        cmocka_unit_test(many_streams_live_side_by_side),
        cmocka_unit_test(news_of_protocols_and_addresses_is_pushed),
        cmocka_unit_test(news_before_identify_is_through_is_not_lost),
        cmocka_unit_test(disconnecting_forgets_the_target),
        cmocka_unit_test(the_owner_hears_of_keys_topics_and_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
