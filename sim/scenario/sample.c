/* Deviates by comparison of uniform ones. Fractions are 64-bit: x stands for x / 2^64. */
#include "sim/scenario/sample.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"

#define RESULT_MAX ((uint64_t)1 << 62)

/* True with probability exp(-x): the longest run x > u1 > u2 > ... of uniform draws has an even
 * length. */
static bool chance_exp(struct rng *r, uint64_t x)
{
    bool even = true;

    for (;;) {
        uint64_t u = rng_next(r);

        if (u >= x)
            return even;
        x = u;
        even = !even;
    }
}

/* (whole + fraction / 2^64) * scale */
static uint64_t multiply(uint64_t whole, uint64_t fraction, uint64_t scale)
{
    uint128 product = (uint128)whole * scale + (uint64_t)(((uint128)fraction * scale) >> 64);

    return product > RESULT_MAX ? RESULT_MAX : (uint64_t)product;
}

uint64_t sample_exponential(struct rng *r, uint64_t mean)
{
    uint64_t whole = 0;

    CHECK(mean < (uint64_t)1 << 56);
    for (;;) { /* the fraction has density exp(-x) on [0, 1); each refusal adds one, as memory is
                  lost */
        uint64_t x = rng_next(r);

        if (chance_exp(r, x))
            return multiply(whole, x, mean);
        whole++;
    }
}

#define EXPONENT_BITS 48 /* of a binary logarithm's fraction */
#define ONE_BITS 40      /* of the exponential's */

/* log2(x / 2^ONE_BITS) * 2^EXPONENT_BITS, x > 0: squaring doubles a logarithm, so each carry is its next bit. */
static int64_t log2_of(uint64_t x)
{
    int whole = 63 - __builtin_clzll(x);
    uint128 m = (uint128)(x << (63 - whole));
    int64_t log = whole - ONE_BITS;

    for (int i = 0; i < EXPONENT_BITS; i++) {
        m = m * m >> 63;
        log *= 2;
        if (m >> 64) {
            m >>= 1;
            log++;
        }
    }
    return log;
}

/* 2^(fraction / 2^EXPONENT_BITS) * 2^62, by the series of exp. */
static uint64_t exp2_of(uint64_t fraction)
{
    const uint64_t ln2 = UINT64_C(0x2c5c85fdf473de6b); /* * 2^62 */
    uint64_t z = (uint64_t)((uint128)fraction * ln2 >> EXPONENT_BITS);
    uint64_t term = (uint64_t)1 << 62, sum = term;

    for (uint64_t n = 1; term > 0; n++) {
        term = (uint64_t)((uint128)term * z >> 62) / n;
        sum += term;
    }
    return sum;
}

uint64_t sample_weibull(struct rng *r, uint64_t scale, uint32_t shape_ppm)
{
    uint64_t e = sample_exponential(r, (uint64_t)1 << ONE_BITS), root;
    int64_t log, whole;
    uint128 product;

    CHECK(scale < (uint64_t)1 << 56 && shape_ppm >= 100000);
    if (e == 0)
        return 0;
    log = log2_of(e);
    log = log / shape_ppm * 1000000 + log % shape_ppm * 1000000 / shape_ppm;
    whole = log >> EXPONENT_BITS;
    root = exp2_of((uint64_t)log & (((uint64_t)1 << EXPONENT_BITS) - 1));
    product = (uint128)scale * root >> 62;
    if (whole < 0)
        return whole < -63 ? 0 : (uint64_t)product >> -whole;
    if (whole > 62 || product > RESULT_MAX >> whole)
        return RESULT_MAX;
    return (uint64_t)product << whole;
}

static bool chance_exp_half(struct rng *r)
{
    return chance_exp(r, (uint64_t)1 << 63);
}

/* True with probability exp(-n / 2). */
static bool chance_exp_halves(struct rng *r, uint64_t n)
{
    while (n > 0 && chance_exp_half(r))
        n--;
    return n == 0;
}

/* True with probability exp(-x * (2k + x) / 2), as k + 1 trials with exponents below 1. */
static bool chance_tail(struct rng *r, uint64_t k, uint64_t x)
{
    uint64_t part, low;

    /* x * (2k + x) / (2k + 2), with 2k + x = 2k + fraction */
    low = (uint64_t)(((uint128)x * x) >> 64) / (2 * k + 2);
    part = (uint64_t)((uint128)x * (2 * k) / (2 * k + 2)) + low;
    for (uint64_t i = 0; i <= k; i++) {
        if (!chance_exp(r, part))
            return false;
    }
    return true;
}

uint64_t sample_half_normal(struct rng *r, uint64_t deviation, bool *negative)
{
    for (;;) {
        uint64_t k = 0, x;

        while (chance_exp_half(r))
            k++;
        if (!chance_exp_halves(r, k > 0 ? k * (k - 1) : 0))
            continue;
        x = rng_next(r);
        if (!chance_tail(r, k, x))
            continue;
        *negative = rng_chance(r, 1, 2);
        return multiply(k, x, deviation);
    }
}

uint32_t sample_weighted(struct rng *r, const uint64_t *weights, uint32_t count)
{
    uint64_t sum = 0, at;

    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    at = rng_below(r, sum);
    for (uint32_t i = 0; i < count; i++) {
        if (at < weights[i])
            return i;
        at -= weights[i];
    }
    UNREACHABLE();
}

static uint64_t draw_normal(const struct sample *s, struct rng *r)
{
    bool negative;
    uint64_t distance = sample_half_normal(r, s->deviation, &negative);

    if (!negative)
        return s->mean + distance;
    return distance < s->mean ? s->mean - distance : 0;
}

uint64_t sample_draw(const struct sample *s, struct rng *r)
{
    uint64_t value = s->mean;

    CHECK(s->min <= s->max);
    switch (s->kind) {
    case SAMPLE_FIXED:
        break;
    case SAMPLE_UNIFORM:
        return s->min + rng_below(r, s->max - s->min + 1);
    case SAMPLE_NORMAL:
        value = draw_normal(s, r);
        break;
    case SAMPLE_EXPONENTIAL:
        value = sample_exponential(r, s->mean);
        break;
    case SAMPLE_WEIBULL:
        value = sample_weibull(r, s->mean, s->shape_ppm);
        break;
    case SAMPLE_CHOICE:
        return s->values[sample_weighted(r, s->weights, s->value_count)];
    }
    return value < s->min ? s->min : value > s->max ? s->max : value;
}
