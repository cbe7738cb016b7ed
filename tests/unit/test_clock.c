/* stack/node/clock: a clock of a node's own. */
#include "tests/lib/test.h"

#include "stack/base/heap.h"
#include "stack/base/rng.h"
#include "stack/node/clock.h"

#define CASES 200000
#define S UINT64_C(1000000000)

static struct clock draw(struct rng *r)
{
    return (struct clock){rng_below(r, 3600 * S), (int64_t)rng_below(r, 2 * CLOCK_DRIFT_MAX_PPB + 1) - CLOCK_DRIFT_MAX_PPB};
}

static void a_clock_that_is_true_shows_the_worlds_time(void **state)
{
    struct clock c = {0};

    (void)state;
    assert_true(clock_is_true(&c));
    assert_int_equal(clock_local_ns(&c, 123456789), 123456789);
    assert_int_equal(clock_world_ns(&c, 123456789), 123456789);
}

static void offset_and_drift_are_what_they_say(void **state)
{
    struct clock fast = {50000000, 20000}, slow = {0, -20000}; /* 50 ms ahead, 20 ppm */

    (void)state;
    assert_int_equal(clock_local_ns(&fast, 0), 50000000);
    assert_int_equal(clock_local_ns(&fast, 1000 * S), 1000 * S + 50000000 + 20000000);
    assert_int_equal(clock_local_ns(&slow, 1000 * S), 1000 * S - 20000000);
    assert_int_equal(clock_world_ns(&slow, 1000 * S - 20000000), 1000 * S);
}

static void it_never_goes_back(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 1, "clock");
    for (int i = 0; i < CASES; i++) {
        struct clock c = draw(&r);
        uint64_t a = rng_next(&r) >> (3 + rng_below(&r, 40)), b = a + rng_below(&r, 3);

        assert_true(clock_local_ns(&c, a) <= clock_local_ns(&c, b));
    }
}

/* A timer set for a local time fires when the clock shows it, and not a nanosecond of the world's too early. */
static void a_deadline_comes_at_the_first_moment_that_shows_it(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 2, "clock");
    for (int i = 0; i < CASES; i++) {
        struct clock c = draw(&r);
        uint64_t local = rng_next(&r) >> (3 + rng_below(&r, 40)), world = clock_world_ns(&c, local);

        assert_true(clock_local_ns(&c, world) >= local);
        assert_true(world == 0 || clock_local_ns(&c, world - 1) < local);
    }
}

static void never_stays_never(void **state)
{
    struct clock c = {5, -300};

    (void)state;
    assert_true(clock_world_ns(&c, TIME_NEVER) == TIME_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_true_shows_the_worlds_time),
        cmocka_unit_test(offset_and_drift_are_what_they_say),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(a_deadline_comes_at_the_first_moment_that_shows_it),
        cmocka_unit_test(never_stays_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
