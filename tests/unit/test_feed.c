/* The recorder's feed: whatever lanes report at the same time comes out in the order of (time, node), complete and unchanged. */
#include "tests/lib/test.h"

#include "sim/des/crew.h"
#include "sim/record/feed.h"
#include "stack/base/mem.h"

#include <string.h>

#define NODES 50
#define LANES 4

/* What was taken, against what was put: each node's reports are numbered. */
struct sink {
    uint64_t now_ns, taken, next[NODES];
    uint32_t node;
    bool any;
};

/* The k-th report of a node. */
static void make(struct feed_report *r, uint32_t node, uint64_t k, uint64_t now_ns, uint8_t bytes[static 64])
{
    size_t id = (node + k) % 30, topic = k % 34;

    for (size_t i = 0; i < 64; i++)
        bytes[i] = (uint8_t)(k * 31 + node + i);
    *r = (struct feed_report){.now_ns = now_ns, .node = node, .kind = (enum feed_kind)(k % 3), .remote = node ^ 5, .up = k & 1};
    r->id_hash = (struct digest_hash){k, node};
    r->trace = (struct trace_event){.kind = (enum trace_kind)(k % TRACE_KIND_COUNT),
                                    .protocol = k % 2 ? TRACE_ALGORAND : TRACE_GOSSIPSUB,
                                    .size = (uint32_t)k,
                                    .count = (uint32_t)(k * 3),
                                    .code = -(int)(k % 100),
                                    .id = slice_of(bytes, id),
                                    .topic = slice_of(bytes + id, topic)};
}

static void take(void *ctx, const struct feed_report *r)
{
    struct sink *s = ctx;
    struct feed_report wanted;
    uint8_t bytes[64];
    uint64_t k = s->next[r->node]++;

    if (s->any)
        assert_true(r->now_ns > s->now_ns || (r->now_ns == s->now_ns && r->node >= s->node));
    s->any = true;
    s->now_ns = r->now_ns;
    s->node = r->node;
    s->taken++;
    make(&wanted, r->node, k, r->now_ns, bytes);
    assert_int_equal(r->id_hash.a, k);
    assert_int_equal(r->id_hash.b, r->node);
    assert_int_equal(r->kind, wanted.kind);
    assert_int_equal(r->remote, wanted.remote);
    assert_int_equal(r->up, wanted.up);
    assert_int_equal(r->trace.kind, wanted.trace.kind);
    assert_int_equal(r->trace.protocol, wanted.trace.protocol);
    assert_int_equal(r->trace.size, wanted.trace.size);
    assert_int_equal(r->trace.count, wanted.trace.count);
    assert_int_equal(r->trace.code, wanted.trace.code);
    assert_true(slice_equal(r->trace.id, wanted.trace.id));
    assert_true(slice_equal(r->trace.topic, wanted.trace.topic));
}

struct source {
    struct feed *feed;
    uint64_t window, per_window, put[NODES];
    uint32_t lane_of[NODES];
};

/* A lane's window: at every time each of its nodes reports a few things, or none. */
static void report(void *ctx, uint32_t lane)
{
    struct source *s = ctx;
    struct rng r;

    rng_init(&r, s->window << 8 | lane, "lane");
    for (uint64_t step = 0; step < s->per_window; step++)
        for (uint32_t node = 0; node < NODES; node++)
            for (uint64_t n = s->lane_of[node] == lane ? rng_below(&r, 4) : 0; n > 1; n--) {
                struct feed_report one;
                uint8_t bytes[64];

                make(&one, node, s->put[node]++, s->window * 1000 + step, bytes);
                feed_put(s->feed, &one);
            }
}

static void run_feed(uint64_t windows, uint64_t per_window, uint64_t settle_every)
{
    struct source s = {.per_window = per_window};
    struct sink sink = {0};
    struct crew *crew = crew_new(LANES, "test");
    uint64_t put = 0;
    struct rng r;

    rng_init(&r, windows, "lanes");
    for (uint32_t i = 0; i < NODES; i++)
        s.lane_of[i] = (uint32_t)rng_below(&r, LANES);
    s.feed = feed_new(LANES, s.lane_of, NODES, take, &sink);
    assert_non_null(s.feed);
    for (s.window = 0; s.window < windows; s.window++) {
        feed_window(s.feed, true);
        assert_true(feed_is_open(s.feed));
        crew_run(crew, report, &s);
        feed_window(s.feed, false);
        if (s.window % settle_every)
            continue;
        feed_settle(s.feed);
        put = 0;
        for (uint32_t i = 0; i < NODES; i++)
            put += s.put[i];
        assert_int_equal(sink.taken, put);
    }
    feed_settle(s.feed);
    for (uint32_t i = 0; i < NODES; i++)
        assert_int_equal(sink.next[i], s.put[i]);
    assert_true(sink.taken > windows);
    feed_free(s.feed);
    crew_free(crew);
}

static void reports_come_in_order_complete_and_unchanged(void **state)
{
    (void)state;
    run_feed(300, 1, 7);
    run_feed(100, 20, 1000);
    run_feed(12, 700, 1000); /* more in a window than is handed over at once */
}

static void a_feed_that_is_given_up_drops_what_it_holds(void **state)
{
    const uint32_t lane_of[NODES] = {0};
    struct sink sink = {0};
    struct feed *f = feed_new(2, lane_of, NODES, take, &sink);
    struct feed_report one;
    uint8_t bytes[64];

    (void)state;
    make(&one, 3, 0, 5, bytes);
    feed_window(f, true);
    feed_put(f, &one);
    feed_window(f, false);
    feed_free(f);
    assert_int_equal(sink.taken, 0);
    feed_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_in_order_complete_and_unchanged),
        cmocka_unit_test(a_feed_that_is_given_up_drops_what_it_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
