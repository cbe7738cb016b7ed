/* sim/tcp/jitter and sim/tcp/gilbert against closed forms. */
#include "tests/lib/test.h"

#include "sim/tcp/gilbert.h"
#include "sim/tcp/jitter.h"
#include "stack/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DRAWS 400000u
#define MS 1000000ull
#define MEAN (10 * MS)

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Sorted draws. */
static uint64_t *draws(const struct jitter_config *config, uint64_t latency_ns)
{
    struct jitter *j = jitter_new(config);
    uint64_t *values = mem_grow(NULL, DRAWS, sizeof *values);
    struct rng r;

    rng_init(&r, 7, "test");
    for (uint32_t i = 0; i < DRAWS; i++)
        values[i] = jitter_draw_ns(j, &r, latency_ns);
    qsort(values, DRAWS, sizeof *values, compare);
    jitter_free(j);
    return values;
}

static void assert_near(double value, double wanted, double share)
{
    if (fabs(value - wanted) > share * fabs(wanted))
        fail_msg("%.9g is not %.9g to %g", value, wanted, share);
}

static void assert_moments(const uint64_t *values, double mean, double deviation, double tolerance)
{
    double sum = 0, squares = 0, m;

    for (uint32_t i = 0; i < DRAWS; i++)
        sum += (double)values[i];
    m = sum / DRAWS;
    for (uint32_t i = 0; i < DRAWS; i++)
        squares += ((double)values[i] - m) * ((double)values[i] - m);
    assert_near(m, mean, 0.01); /* five standard errors of the widest */
    assert_near(sqrt(squares / DRAWS), deviation, tolerance);
}

static double quantile(const uint64_t *values, double p)
{
    return (double)values[(uint32_t)(p * DRAWS)];
}

/* Standard normal quantiles. */
static const struct {
    double p, z;
} normals[] = {{0.001, -3.090232306}, {0.05, -1.644853627}, {0.25, -0.674489750}, {0.5, 0},
               {0.75, 0.674489750},   {0.95, 1.644853627},  {0.99, 2.326347874},  {0.999, 3.090232306}};
#define NORMALS (sizeof normals / sizeof *normals)

static void uniform_fills_the_range(void **state)
{
    struct jitter_config config = {.kind = JITTER_UNIFORM, .max_ppm = 100000};
    uint64_t *values = draws(&config, 200 * MS);

    (void)state;
    assert_moments(values, 10.0 * MS, 20.0 * MS / sqrt(12), 0.005);
    assert_true(values[0] < MS / 100 && values[DRAWS - 1] <= 20 * MS && values[DRAWS - 1] > 1999 * MS / 100);
    mem_free(values);
}

static void normal_has_its_mean_deviation_and_quantiles(void **state)
{
    struct jitter_config config = {.kind = JITTER_NORMAL, .mean_ns = MEAN, .deviation_ppm = 200000};
    uint64_t *values = draws(&config, MS);

    (void)state;
    assert_moments(values, MEAN, 0.2 * MEAN, 0.005);
    for (size_t i = 0; i < NORMALS; i++)
        assert_near(quantile(values, normals[i].p), MEAN * (1 + 0.2 * normals[i].z), 0.04);
    mem_free(values);
}

/* With a deviation as large as the mean, a share of Phi(-1) is cut off: mean phi(1) + Phi(1) = 1.083315. */
static void a_wide_normal_is_cut_off_at_zero(void **state)
{
    struct jitter_config config = {.kind = JITTER_NORMAL, .mean_ns = MEAN, .deviation_ppm = 1000000};
    uint64_t *values = draws(&config, MS);
    uint32_t zeros = 0;
    double sum = 0;

    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        zeros += values[i] == 0;
        sum += (double)values[i];
    }
    assert_near((double)zeros / DRAWS, 0.158655254, 0.02);
    assert_near(sum / DRAWS, 1.083315 * MEAN, 0.01);
    mem_free(values);
}

static void lognormal_has_its_mean_deviation_and_quantiles(void **state)
{
    struct jitter_config config = {.kind = JITTER_LOGNORMAL, .mean_ppm = 100000, .deviation_ppm = 500000};
    uint64_t *values = draws(&config, 10 * MEAN);
    double sigma = sqrt(log(1.25));

    (void)state;
    assert_moments(values, MEAN, 0.5 * MEAN, 0.01);
    for (size_t i = 0; i < NORMALS; i++)
        assert_near(quantile(values, normals[i].p), MEAN * exp(sigma * normals[i].z - sigma * sigma / 2), 0.04);
    mem_free(values);
}

static void lognormal_takes_the_deviation_of_the_logarithm(void **state)
{
    struct jitter_config config = {.kind = JITTER_LOGNORMAL, .mean_ns = MEAN, .shape_ppm = 1000000};
    uint64_t *values = draws(&config, MS);

    (void)state;
    assert_near(quantile(values, 0.5), MEAN * exp(-0.5), 0.01);
    assert_near(quantile(values, 0.99), MEAN * exp(2.326347874 - 0.5), 0.02);
    mem_free(values);
}

/* Shape 1 is the exponential distribution, shape 2 has 1 - (1 + x) e^-x, a shape of 1/2 is the square of a normal one. */
static void gamma_has_its_moments_and_quantiles(void **state)
{
    struct jitter_config config = {.kind = JITTER_GAMMA, .mean_ns = MEAN, .shape_ppm = 1000000};
    uint64_t *values = draws(&config, MS);

    (void)state;
    assert_moments(values, MEAN, MEAN, 0.01);
    for (double p = 0.05; p < 1; p += 0.05)
        assert_near(quantile(values, p), -log(1 - p) * MEAN, 0.04);
    mem_free(values);
    config.shape_ppm = 2000000;
    values = draws(&config, MS);
    assert_moments(values, MEAN, MEAN / sqrt(2), 0.01);
    for (double p = 0.1; p < 1; p += 0.1) {
        double x = 2 * quantile(values, p) / MEAN;

        assert_near(1 - (1 + x) * exp(-x), p, 0.02);
    }
    mem_free(values);
    config.shape_ppm = 500000;
    values = draws(&config, MS);
    assert_moments(values, MEAN, MEAN * sqrt(2), 0.01);
    assert_near(quantile(values, 0.5), 0.674489750 * 0.674489750 * MEAN, 0.02);
    mem_free(values);
}

static void gamma_of_a_small_deviation_is_nearly_normal(void **state)
{
    struct jitter_config config = {.kind = JITTER_GAMMA, .mean_ns = MEAN, .deviation_ppm = 10000};
    uint64_t *values = draws(&config, MS);

    (void)state;
    assert_moments(values, MEAN, MEAN / 100.0, 0.01);
    assert_near(quantile(values, 0.5), MEAN, 0.0005);
    mem_free(values);
}

static void no_draw_exceeds_the_maximum(void **state)
{
    struct jitter_config config = {
        .kind = JITTER_GAMMA, .mean_ns = MEAN, .shape_ppm = 100000, .max_ns = 2 * MEAN, .max_ppm = 500000};
    uint64_t *values = draws(&config, MEAN);

    (void)state;
    assert_int_equal(values[DRAWS - 1], 2 * MEAN + MEAN / 2);
    mem_free(values);
}

/* The same bits with every compiler, level of optimisation and C library: checksums made with gcc -O2. */
static void draws_are_the_same_everywhere(void **state)
{
    static const struct {
        struct jitter_config config;
        uint64_t sum;
    } known[] = {
        {{.kind = JITTER_NORMAL, .mean_ns = MEAN, .deviation_ppm = 300000}, 3620934401146307881u},
        {{.kind = JITTER_LOGNORMAL, .mean_ns = MEAN, .deviation_ppm = 800000}, 15095642173831860940u},
        {{.kind = JITTER_GAMMA, .mean_ns = MEAN, .shape_ppm = 250000}, 6501715011733887285u},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t *values = draws(&known[i].config, MS), sum = 0;

        for (uint32_t k = 0; k < DRAWS; k++)
            sum = sum * 31 + values[k];
        if (sum != known[i].sum)
            fail_msg("%zu: %llu", i, (unsigned long long)sum);
        mem_free(values);
    }
}

struct losses {
    uint32_t lost, bursts;
};

static struct losses lose(const struct gilbert *g, uint32_t packets)
{
    struct losses l = {0};
    bool bad = false, before = false;
    struct rng r;

    rng_init(&r, 3, "test");
    for (uint32_t i = 0; i < packets; i++) {
        bool lost = gilbert_loses(g, &bad, &r);

        l.lost += lost;
        l.bursts += lost && !before;
        before = lost;
    }
    return l;
}

static void random_loss_has_its_share_and_no_memory(void **state)
{
    struct gilbert g = {.good_loss_ppm = 50000};
    struct losses l = lose(&g, 1000000);

    (void)state;
    assert_near(l.lost, 50000, 0.02);
    assert_near((double)l.lost / l.bursts, 1 / 0.95, 0.01);
}

/* Good and bad states last 1/p and 1/q packets: a share of p / (p + q) is bad, and with certain loss there, bursts last 1/q. */
static void bursts_have_their_share_and_length(void **state)
{
    struct gilbert g = {.good_to_bad_ppm = 10000, .bad_to_good_ppm = 250000, .bad_loss_ppm = 1000000};
    struct losses l = lose(&g, 2000000);

    (void)state;
    assert_near((double)l.lost / 2000000, 0.01 / 0.26, 0.02);
    assert_near((double)l.lost / l.bursts, 4, 0.02);
    g = (struct gilbert){20000, 80000, 1000, 500000};
    l = lose(&g, 2000000);
    assert_near((double)l.lost / 2000000, (0.02 * 0.5 + 0.08 * 0.001) / 0.1, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_fills_the_range),
        cmocka_unit_test(normal_has_its_mean_deviation_and_quantiles),
        cmocka_unit_test(a_wide_normal_is_cut_off_at_zero),
        cmocka_unit_test(lognormal_has_its_mean_deviation_and_quantiles),
        cmocka_unit_test(lognormal_takes_the_deviation_of_the_logarithm),
        cmocka_unit_test(gamma_has_its_moments_and_quantiles),
        cmocka_unit_test(gamma_of_a_small_deviation_is_nearly_normal),
        cmocka_unit_test(no_draw_exceeds_the_maximum),
        cmocka_unit_test(draws_are_the_same_everywhere),
        cmocka_unit_test(random_loss_has_its_share_and_no_memory),
        cmocka_unit_test(bursts_have_their_share_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
