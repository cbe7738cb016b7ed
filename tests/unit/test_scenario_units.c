/* sim/scenario: quantities with units, random draws, clauses. */
#include "tests/lib/test.h"

#include "sim/scenario/expect.h"
#include "sim/scenario/sample.h"
#include "sim/scenario/units.h"

#include <math.h>
#include <string.h>

static void assert_near(double got, double wanted, double distance)
{
    assert_true(got >= wanted - distance && got <= wanted + distance);
}

static void quantities_are_read_exactly(void **state)
{
    static const struct {
        const char *(*read)(const char *text, uint64_t *out);
        const char *text;
        uint64_t value;
    } cases[] = {
        {units_duration, "5ms", 5000000},
        {units_duration, "2.8s", 2800000000},
        {units_duration, "1.5 us", 1500},
        {units_duration, "0.000000001s", 1},
        {units_duration, "007m", 7 * 60 * NS_PER_S},
        {units_duration, "3\xc2\xb5s", 3000},
        {units_duration, "0s", 0},
        {units_duration, "53375d", UINT64_C(4611600000) * NS_PER_S},
        {units_size, "96 KiB", 98304},
        {units_size, "1.5 KiB", 1536},
        {units_size, "250kB", 250000},
        {units_size, "0.5GiB", 536870912},
        {units_bandwidth, "50 Mbit", 50000000},
        {units_bandwidth, "19.2 Mbit/s", 19200000},
        {units_bandwidth, "1 Gbit", 1000000000},
        {units_rate, "120/s", 8333333},
        {units_rate, "0.5/m", 120 * NS_PER_S},
        {units_count, "18", 18},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t got = 1234567;

        assert_null(cases[i].read(cases[i].text, &got));
        assert_int_equal(got, cases[i].value);
    }
}

static void quantities_that_are_not_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *(*read)(const char *text, uint64_t *out);
        const char *text, *wrong;
    } cases[] = {
        {units_duration, "", "is not a number"},
        {units_duration, "5", "has no unit (ns, us, ms, s, m, h, d)"},
        {units_duration, "5 ", "has no unit (ns, us, ms, s, m, h, d)"},
        {units_duration, "5  s", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "5S", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "-5s", "must not be negative"},
        {units_duration, "+5s", "is not a number"},
        {units_duration, ".5s", "is not a number"},
        {units_duration, "5.s", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "5.5.5s", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "1e9s", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "0x10s", "is not a duration (ns, us, ms, s, m, h, d)"},
        {units_duration, "nan", "is not a number"},
        {units_duration, "inf", "is not a number"},
        {units_duration, "1.5ns", "is finer than 1 ns"},
        {units_duration, "4611686018427387904ns", "is too large"},
        {units_duration, "999999999999999999d", "is too large"},
        {units_duration, "99999999999999999999999999d", "is too large"},
        {units_duration, "0.1234567890123456789s", "has too many digits"},
        {units_size, "0.5 B", "is not a whole number of bytes"},
        {units_size, "1 kb", "is not a size (B, kB, KiB, MB, MiB, GB, GiB)"},
        {units_bandwidth, "50 Mbps", "is not a bandwidth (bit, kbit, Mbit, Gbit)"},
        {units_count, "1.5", "is not a whole number"},
        {units_count, "12a", "is not a whole number"},
        {units_rate, "120", "has no unit (write 120/s, 3/m or 1/h)"},
        {units_rate, "0/s", "must be more than 0"},
        {units_rate, "3/x", "is not a rate (write 120/s, 3/m or 1/h)"},
        {units_rate, "3000000000/s", "is too large (at most one a nanosecond)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t got;
        const char *wrong = cases[i].read(cases[i].text, &got);

        assert_non_null(wrong);
        assert_string_equal(wrong, cases[i].wrong);
    }
}

static void ratios_are_parts_of_their_scale(void **state)
{
    uint64_t got;

    (void)state;
    assert_null(units_ratio("25%", 1000000, &got));
    assert_int_equal(got, 250000);
    assert_null(units_ratio("0.25", 1000000, &got));
    assert_int_equal(got, 250000);
    assert_null(units_ratio("0.0001 %", 1000000, &got));
    assert_int_equal(got, 1);
    assert_string_equal(units_ratio("0.0000001", 1000000, &got), "has too many digits");
    assert_string_equal(units_ratio("0.00000000000000001%", 1000000, &got), "has too many digits");
    assert_string_equal(units_ratio("3 apples", 1000000, &got),
                        "is not a ratio (write 25% or 0.25)");
    assert_string_equal(units_percent("0.25", 1000000, &got), "is not a percentage (write 10%)");
}

static void what_is_formatted_reads_as_the_same(void **state)
{
    struct rng r;
    char text[UNITS_TEXT_MAX];

    (void)state;
    rng_init(&r, 1, "units");
    for (int i = 0; i < 20000; i++) {
        uint64_t value = rng_next(&r) >> rng_below(&r, 64), got;

        value = rng_chance(&r, 1, 2) ? value % 100000 * NS_PER_MS : value;
        if (value >= (uint64_t)1 << 59) /* 18 digits are read */
            continue;
        assert_null(units_duration(units_format_duration(value, text), &got));
        assert_int_equal(got, value);
        assert_null(units_size(units_format_size(value, text), &got));
        assert_int_equal(got, value);
        assert_null(units_bandwidth(units_format_bandwidth(value, text), &got));
        assert_int_equal(got, value);
    }
    assert_string_equal(units_format_duration(90 * NS_PER_S, text), "90s");
    assert_string_equal(units_format_size(98304, text), "96 KiB");
    assert_string_equal(units_format_duration(0, text), "0ns");
}

#define DRAWS 200000

static void exponential_draws_have_their_mean_and_tail(void **state)
{
    struct rng r;
    double sum = 0;
    int above_mean = 0, above_three = 0;

    (void)state;
    rng_init(&r, 7, "exponential");
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x = sample_exponential(&r, 1000000);

        sum += (double)x;
        above_mean += x > 1000000;
        above_three += x > 3000000;
    }
    assert_near(sum / DRAWS, 1e6, 1e4);
    assert_near((double)above_mean / DRAWS, 0.36788, 0.004);
    assert_near((double)above_three / DRAWS, 0.04979, 0.002);
}

/* The same stream gives the same exponential: its powers are known to the last digits of a double. */
static void weibull_draws_are_powers_of_exponential_ones(void **state)
{
    static const uint32_t shapes_ppm[] = {100000, 333333, 600000, 1000000, 2000000, 20000000};

    (void)state;
    for (size_t i = 0; i < sizeof shapes_ppm / sizeof *shapes_ppm; i++) {
        struct rng r, same;

        rng_init(&r, 7, "weibull");
        rng_init(&same, 7, "weibull");
        for (int k = 0; k < 20000; k++) {
            double e = (double)sample_exponential(&same, (uint64_t)1 << 40) / 0x1p40;
            double wanted = 1e9 * pow(e, 1e6 / shapes_ppm[i]), got;

            got = (double)sample_weibull(&r, 1000000000, shapes_ppm[i]);
            wanted = wanted > 0x1p62 ? 0x1p62 : wanted;
            assert_near(got, wanted, 1 + wanted * 1e-9);
        }
    }
}

static void normal_draws_have_their_deviation_and_tail(void **state)
{
    struct rng r;
    double squares = 0, sum = 0;
    int within_one = 0, beyond_two = 0;

    (void)state;
    rng_init(&r, 8, "normal");
    for (int i = 0; i < DRAWS; i++) {
        bool negative;
        double x = (double)sample_half_normal(&r, 1000000, &negative);

        squares += x * x;
        sum += negative ? -x : x;
        within_one += x < 1e6;
        beyond_two += x > 2e6;
    }
    assert_near(squares / DRAWS, 1e12, 1e10);
    assert_near(sum / DRAWS, 0, 1e4);
    assert_near((double)within_one / DRAWS, 0.68269, 0.004);
    assert_near((double)beyond_two / DRAWS, 0.04550, 0.002);
}

static void draws_are_the_same_with_every_compiler(void **state)
{
    struct sample exponential = {.kind = SAMPLE_EXPONENTIAL, .mean = 1000, .max = 100000};
    struct sample normal = {.kind = SAMPLE_NORMAL, .mean = 1000, .deviation = 300, .max = 100000};
    struct sample uniform = {.kind = SAMPLE_UNIFORM, .min = 10, .max = 20};
    static const uint64_t wanted[] = {1678, 758, 11, 588, 599, 15, 106, 1329, 14};
    struct rng r;

    (void)state;
    rng_init(&r, 1, "golden");
    for (int i = 0; i < 9; i += 3) {
        assert_int_equal(sample_draw(&exponential, &r), wanted[i]);
        assert_int_equal(sample_draw(&normal, &r), wanted[i + 1]);
        assert_int_equal(sample_draw(&uniform, &r), wanted[i + 2]);
    }
}

static void draws_keep_their_bounds_and_weights(void **state)
{
    uint64_t values[] = {200, 500, 900}, weights[] = {6, 0, 2};
    struct sample choice = {.kind = SAMPLE_CHOICE, .min = 200, .max = 900};
    struct sample normal = {
        .kind = SAMPLE_NORMAL, .mean = 100, .deviation = 500, .min = 50, .max = 300};
    struct sample wide = {.kind = SAMPLE_UNIFORM, .min = 0, .max = UINT64_MAX / 2};
    int counts[3] = {0};
    struct rng r;

    (void)state;
    choice.values = values;
    choice.weights = weights;
    choice.value_count = 3;
    rng_init(&r, 3, "bounds");
    for (int i = 0; i < 20000; i++) {
        uint64_t x = sample_draw(&normal, &r);

        assert_true(x >= 50 && x <= 300);
        x = sample_draw(&choice, &r);
        counts[x == 200 ? 0 : x == 500 ? 1 : 2]++;
        assert_true(sample_draw(&wide, &r) <= UINT64_MAX / 2);
    }
    assert_int_equal(counts[1], 0);
    assert_near(counts[0] / 20000.0, 0.75, 0.02);
}

static bool source_value(void *ctx, const struct expectation *e, double *value)
{
    (void)e;
    *value = *(double *)ctx;
    return *value >= 0;
}

static bool judge(const char *text, double value)
{
    struct arena a = {0};
    struct expectation e;
    struct expect_source source = {&value, source_value};
    bool passed;

    assert_null(expect_parse(&a, text, &e));
    passed = expect_judge(&e, &source).passed;
    arena_free(&a);
    return passed;
}

static void clauses_hold_or_not(void **state)
{
    (void)state;
    assert_true(judge("delivery_ratio >= 0.999", 0.999));
    assert_false(judge("delivery_ratio >= 0.999", 0.9989));
    assert_true(judge("delivery_ratio>=99.9%", 0.9995));
    assert_true(judge("p99(propagation) <= 1500ms", 1.5e9));
    assert_false(judge("p99(propagation) < 1500ms", 1.5e9));
    assert_true(judge("duplicates in 3..6", 3));
    assert_true(judge("duplicates in 3 .. 6", 6));
    assert_false(judge("duplicates in 3..6", 6.001));
    assert_true(judge("messages == 16", 16));
    assert_false(judge("messages != 16", 16));
    assert_true(judge("total_bytes > 1 MB", 1000001));
    assert_false(judge("messages >= 0", -1)); /* no value */
}

static void a_clause_says_what_it_asks_for(void **state)
{
    struct arena a = {0};
    struct expectation e;
    struct expect_verdict v = {.known = true, .value = 1234567.0};
    char text[40];

    (void)state;
    assert_null(expect_parse(&a, " p99.9( propagation , my-topic/1 ) <= 400ms", &e));
    assert_int_equal(e.metric, EXPECT_PROPAGATION);
    assert_int_equal(e.statistic, EXPECT_QUANTILE);
    assert_int_equal(e.quantile_ppm, 999000);
    assert_string_equal(e.topic, "my-topic/1");
    assert_int_equal(e.relation, EXPECT_LE);
    assert_near(e.high, 4e8, 0);
    expect_value_text(&e, &v, text, sizeof text);
    assert_string_equal(text, "1.235ms");
    v.known = false;
    expect_value_text(&e, &v, text, sizeof text);
    assert_string_equal(text, "no value");
    assert_null(expect_parse(&a, "messages(AV) >= 1", &e));
    assert_string_equal(e.topic, "AV");
    assert_int_equal(e.statistic, EXPECT_VALUE);
    arena_free(&a);
}

static void garbage_is_no_clause(void **state)
{
    static const char letters[] = "p99(propagation,)<=>!. in 0123%ms";
    struct rng r;

    (void)state;
    rng_init(&r, 5, "clauses");
    for (int i = 0; i < 20000; i++) {
        struct arena a = {0};
        struct expectation e;
        char text[300];
        size_t size = (size_t)rng_below(&r, rng_chance(&r, 1, 20) ? sizeof text : 30);

        for (size_t k = 0; k < size; k++)
            text[k] = letters[rng_below(&r, sizeof letters - 1)];
        text[size] = '\0';
        expect_parse(&a, text, &e);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read_exactly),
        cmocka_unit_test(quantities_that_are_not_are_refused_with_the_reason),
        cmocka_unit_test(ratios_are_parts_of_their_scale),
        cmocka_unit_test(what_is_formatted_reads_as_the_same),
        cmocka_unit_test(exponential_draws_have_their_mean_and_tail),
        cmocka_unit_test(weibull_draws_are_powers_of_exponential_ones),
        cmocka_unit_test(normal_draws_have_their_deviation_and_tail),
        cmocka_unit_test(draws_are_the_same_with_every_compiler),
        cmocka_unit_test(draws_keep_their_bounds_and_weights),
        cmocka_unit_test(clauses_hold_or_not),
        cmocka_unit_test(a_clause_says_what_it_asks_for),
        cmocka_unit_test(garbage_is_no_clause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
