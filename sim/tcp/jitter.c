/* Quantiles by integration: the density on a fine grid, its sums from both ends, the places where they reach a chance. With
 * them an inverse distribution function of integers, linear in each cell. */
#include "sim/tcp/jitter.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define PPM 1000000u
#define OCTAVES 32u /* chances from 2^-33 to 2^-1, each halved ... */
#define CELLS 64u   /* ... and divided into so many */
#define POINTS (OCTAVES * CELLS + 1)
#define STEPS 32768u
#define ONE_BITS 32 /* a quantile of 1 << ONE_BITS is the mean */

struct jitter {
    struct jitter_config config;
    uint64_t low[POINTS], high[POINTS]; /* quantiles at chances of so much below, above; rising chance */
};

/* ---- arithmetic without a library ---- */

static double power_of_two(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double result;

    memcpy(&result, &bits, sizeof result);
    return result;
}

/* e^x for x below 700, to the last digits: a Taylor series around the nearest multiple of ln 2. */
static double exponential(double x)
{
    const double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10; /* 33 bits; the rest */
    double n = x / ln2_high, r, sum = 1;
    int whole = (int)(n < 0 ? n - 0.5 : n + 0.5);

    if (whole < -1000)
        return 0;
    r = x - whole * ln2_high - whole * ln2_low;
    for (int i = 14; i > 0; i--)
        sum = 1 + sum * r / i;
    return sum * power_of_two(whole);
}

/* By Halley's steps on the exponential, each at most 2 long: x from e^-100 to e^100. */
static double logarithm(double x)
{
    double y = 0;

    for (int i = 0; i < 60; i++) {
        double e = exponential(y);

        y += 2 * (x - e) / (x + e);
    }
    return y;
}

static double square_root(double x)
{
    double root = x > 1 ? x : 1;

    for (int i = 0; i < 60; i++)
        root = (root + x / root) / 2;
    return root;
}

/* ---- quantiles ---- */

struct density {
    double shape; /* of a gamma distribution of e^t; 0: normal distribution of t */
    double mode_log;
    double from, to; /* what lies outside is less than the smallest chance by far */
};

static double density_at(const struct density *d, double t)
{
    if (d->shape == 0)
        return exponential(-t * t / 2);
    return exponential(d->shape * t - exponential(t) - d->mode_log);
}

static struct density normal_density(void)
{
    return (struct density){.from = -8.5, .to = 8.5};
}

static struct density gamma_density(double shape)
{
    double ln = logarithm(shape), spread = square_root(shape);

    return (struct density){.shape = shape,
                            .mode_log = shape * ln - shape,
                            .from = ln - 10 / spread - 36 / shape,
                            .to = logarithm(shape + 12 * spread + 60)};
}

/* The chance that point i of a table stands for. */
static double chance_at(uint32_t i)
{
    return (1 + (double)(i % CELLS) / CELLS) * power_of_two((int)(i / CELLS) - (int)OCTAVES - 1);
}

/* Where the sum of the weights, from one end, reaches each chance. */
static void invert(const double *weights, double total, double start, double step, double *out)
{
    double sum = 0;
    uint32_t at = 0;

    for (uint32_t i = 0; i < POINTS; i++) {
        double wanted = chance_at(i) * total;

        while (at + 1 < STEPS && sum + weights[at] < wanted)
            sum += weights[at++];
        out[i] = start + step * (at + (wanted - sum) / weights[at]);
    }
}

/* The quantiles of t at each chance below, and at each chance above. */
static void quantiles(const struct density *d, double *low, double *high)
{
    double *weights = mem_grow(NULL, STEPS, sizeof *weights), step = (d->to - d->from) / STEPS, total = 0;
    double before = density_at(d, d->from);

    for (uint32_t i = 0; i < STEPS; i++) {
        double after = density_at(d, d->from + step * (i + 1));

        weights[i] = (before + after) / 2;
        total += weights[i];
        before = after;
    }
    invert(weights, total, d->from, step, low);
    for (uint32_t i = 0; i < STEPS / 2; i++) {
        double swap = weights[i];

        weights[i] = weights[STEPS - 1 - i];
        weights[STEPS - 1 - i] = swap;
    }
    invert(weights, total, d->to, -step, high);
    mem_free(weights);
}

/* The quantity of mean 1 for a quantile of t. */
struct scale {
    enum jitter_kind kind;
    double deviation, sigma, shape;
};

static uint64_t scaled(const struct scale *s, double t)
{
    double y = 1 + s->deviation * t;

    if (s->kind == JITTER_LOGNORMAL)
        y = exponential(s->sigma * t - s->sigma * s->sigma / 2);
    else if (s->kind == JITTER_GAMMA)
        y = exponential(t) / s->shape;
    return y > 0 ? (uint64_t)(y * ((uint64_t)1 << ONE_BITS) + 0.5) : 0;
}

static void fill(struct jitter *j)
{
    const struct jitter_config *c = &j->config;
    double deviation = (double)c->deviation_ppm / PPM, shape = (double)c->shape_ppm / PPM;
    struct scale s = {.kind = c->kind, .deviation = deviation, .sigma = shape, .shape = shape};
    double *t = mem_grow(NULL, 2 * (size_t)POINTS, sizeof *t);
    struct density d = normal_density();

    if (c->kind == JITTER_LOGNORMAL && !c->shape_ppm)
        s.sigma = square_root(logarithm(1 + deviation * deviation));
    if (c->kind == JITTER_GAMMA) {
        s.shape = c->shape_ppm ? shape : 1 / (deviation * deviation);
        d = gamma_density(s.shape);
    }
    quantiles(&d, t, t + POINTS);
    for (uint32_t i = 0; i < POINTS; i++) {
        j->low[i] = scaled(&s, t[i]);
        j->high[i] = scaled(&s, t[POINTS + i]);
    }
    mem_free(t);
}

struct jitter *jitter_new(const struct jitter_config *config)
{
    const struct jitter_config *c = config;
    struct jitter *j = mem_zalloc(sizeof *j);
    bool log = c->kind == JITTER_LOGNORMAL;

    CHECK(c->kind <= JITTER_GAMMA);
    j->config = *c;
    if (c->kind == JITTER_UNIFORM)
        return j;
    if (c->shape_ppm) {
        CHECK(c->kind != JITTER_NORMAL && !c->deviation_ppm);
        CHECK(c->shape_ppm >= (log ? JITTER_SIGMA_PPM_MIN : JITTER_SHAPE_PPM_MIN));
        CHECK(c->shape_ppm <= (log ? JITTER_SIGMA_PPM_MAX : JITTER_SHAPE_PPM_MAX));
    } else {
        CHECK(c->deviation_ppm >= JITTER_DEVIATION_PPM_MIN && c->deviation_ppm <= JITTER_DEVIATION_PPM_MAX);
    }
    fill(j);
    return j;
}

void jitter_free(struct jitter *j)
{
    mem_free(j);
}

/* The value for a chance of v / 2^64, below a half. */
static uint64_t interpolate(const uint64_t *table, uint64_t v)
{
    uint64_t fraction;
    uint32_t octave, at;

    if (v < (uint64_t)1 << (63 - OCTAVES))
        v = (uint64_t)1 << (63 - OCTAVES);
    octave = (uint32_t)__builtin_clzll(v); /* v = 2^(63 - octave) * (1 + cell / 64 + ...) */
    at = (OCTAVES - octave) * CELLS + (uint32_t)(v >> (57 - octave) & (CELLS - 1));
    fraction = v << (octave + 7) >> 32;
    return (uint64_t)(((uint128)table[at] * ((1ull << 32) - fraction) + (uint128)table[at + 1] * fraction) >> 32);
}

uint64_t jitter_draw_ns(const struct jitter *j, struct rng *r, uint64_t latency_ns)
{
    const struct jitter_config *c = &j->config;
    uint64_t most = mul_div(latency_ns, c->max_ppm, PPM) + c->max_ns;
    uint64_t mean = mul_div(latency_ns, c->mean_ppm, PPM) + c->mean_ns, u, value;

    if (c->kind == JITTER_UNIFORM)
        return most ? rng_below(r, most + 1) : 0;
    u = rng_next(r);
    value = u >> 63 ? interpolate(j->high, ~u) : interpolate(j->low, u);
    value = (uint64_t)((uint128)value * mean >> ONE_BITS);
    return (c->max_ns || c->max_ppm) && value > most ? most : value;
}
