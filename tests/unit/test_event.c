/* The event queue against its rule: events come in the order of (time, node, source, sequence). */
#include "sim/des/event.h"
#include "stack/base/rng.h"
#include "tests/lib/meter.h"
#include "tests/lib/test.h"

static bool in_order(const struct event *a, const struct event *b)
{
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns;
    if (a->node != b->node)
        return a->node < b->node;
    return a->source != b->source ? a->source < b->source : a->sequence < b->sequence;
}

/* Runs `count` events, each of which adds up to two more, at most `spread_ns` later. What the queue says that it holds is
 * what was allocated. */
static void run(uint64_t seed, uint32_t count, uint64_t spread_ns)
{
    struct event last = {0}, e;
    uint32_t sequence = 0, popped = 0, known = 0; /* known: those that were there before `last` came out */
    size_t before = meter_live();
    struct event_queue q;
    struct rng r;

    event_queue_init(&q);
    rng_init(&r, seed, "events");
    for (uint32_t i = 0; i < 100; i++) {
        e = (struct event){.time_ns = rng_below(&r, spread_ns + 1), .node = i % 7, .sequence = sequence++};
        event_queue_push(&q, &e);
    }
    while (q.count) {
        uint64_t next_ns = event_queue_next_ns(&q);

        assert_true(event_queue_pop(&q, &e));
        assert_int_equal(e.time_ns, next_ns);
        assert_int_equal(q.size, meter_live() - before);
        assert_true(popped == 0 || in_order(&last, &e) || e.sequence >= known);
        assert_true(e.time_ns >= last.time_ns);
        last = e;
        known = sequence;
        popped++;
        for (uint64_t more = sequence < count ? rng_below(&r, 4) : 0; more > 1; more--) {
            struct event next = {.time_ns = e.time_ns + rng_below(&r, spread_ns + 1) * rng_below(&r, 3),
                                 .node = (uint32_t)rng_below(&r, 7),
                                 .source = (uint32_t)rng_below(&r, 7),
                                 .sequence = sequence++};

            event_queue_push(&q, &next);
        }
    }
    assert_int_equal(popped, sequence);
    assert_false(event_queue_pop(&q, &e));
    assert_int_equal(event_queue_next_ns(&q), UINT64_MAX);
    assert_true(q.size > 0);
    event_queue_deinit(&q);
    assert_int_equal(q.size, 0);
    assert_int_equal(meter_live(), before);
}

static void events_come_in_order_whatever_their_distance(void **state)
{
    (void)state;
    for (uint64_t spread_ns = 1; spread_ns < 1ull << 50; spread_ns *= 37)
        for (uint64_t seed = 1; seed <= 3; seed++)
            run(seed, 3000, spread_ns);
}

/* So few that a year holds one or none: its days then grow so long that one is longer than the year before was. */
static void few_events_come_in_order_over_years_of_any_length(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct event_queue q;
        struct event e;
        uint64_t last_ns = 0;
        struct rng r;

        event_queue_init(&q);
        rng_init(&r, seed, "events");
        for (uint32_t i = 0; i < 6; i++) {
            e = (struct event){.time_ns = rng_below(&r, 2000000000), .sequence = i};
            event_queue_push(&q, &e);
        }
        while (event_queue_pop(&q, &e)) {
            assert_true(e.time_ns >= last_ns);
            last_ns = e.time_ns;
            if (e.sequence < 6) { /* each brings another one */
                e = (struct event){.time_ns = last_ns + rng_below(&r, 2000000000), .sequence = e.sequence + 6};
                event_queue_push(&q, &e);
            }
        }
        event_queue_deinit(&q);
    }
}

static void events_of_one_time_come_by_node_source_and_sequence(void **state)
{
    struct event last = {0}, e;
    struct event_queue q;
    struct rng r;

    (void)state;
    event_queue_init(&q);
    rng_init(&r, 1, "events");
    for (uint32_t i = 0; i < 5000; i++) {
        e = (struct event){.time_ns = 5 + rng_below(&r, 2),
                           .node = (uint32_t)rng_below(&r, 9),
                           .source = (uint32_t)rng_below(&r, 9),
                           .sequence = i};
        event_queue_push(&q, &e);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(event_queue_pop(&q, &e));
        assert_true(i == 0 || in_order(&last, &e));
        last = e;
    }
    event_queue_deinit(&q);
}

static void what_is_ahead_is_what_comes(void **state)
{
    struct event_queue q;
    struct event e;

    (void)state;
    event_queue_init(&q);
    for (uint32_t i = 0; i < 1000; i++) {
        e = (struct event){.time_ns = i * 1000, .sequence = i};
        event_queue_push(&q, &e);
    }
    for (uint32_t i = 0; i < 900; i++) {
        assert_true(event_queue_pop(&q, &e));
        assert_non_null(event_queue_ahead(&q, 20));
        assert_int_equal(event_queue_ahead(&q, 20)->sequence, i + 21);
    }
    event_queue_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_whatever_their_distance),
        cmocka_unit_test(few_events_come_in_order_over_years_of_any_length),
        cmocka_unit_test(events_of_one_time_come_by_node_source_and_sequence),
        cmocka_unit_test(what_is_ahead_is_what_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
