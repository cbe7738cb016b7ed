/* Random quantities of a scenario: sizes of messages, times between them.
 *
 * Integers only, so that a seed gives the same draws with every compiler and C library: exponential
 * and normal deviates come from von Neumann's comparison method and Karney's extension of it (ACM
 * TOMS 42:3, 2016), not from log(). */
#ifndef SIM_SCENARIO_SAMPLE_H
#define SIM_SCENARIO_SAMPLE_H

#include "stack/base/rng.h"

enum sample_kind { SAMPLE_FIXED, SAMPLE_UNIFORM, SAMPLE_NORMAL, SAMPLE_EXPONENTIAL, SAMPLE_CHOICE, SAMPLE_WEIBULL };

struct sample {
    enum sample_kind kind;
    uint64_t mean;              /* fixed: the value; normal and exponential: before clamping; Weibull: the scale */
    uint64_t deviation;         /* normal */
    uint64_t min, max;          /* bounds of every draw, both included; uniform: the range */
    uint64_t *values, *weights; /* choice */
    uint32_t value_count;
    uint32_t shape_ppm;         /* Weibull: below 1 a heavy tail, 1 the exponential, above 1 ageing */
};

uint64_t sample_draw(const struct sample *s, struct rng *r);
uint64_t sample_exponential(struct rng *r, uint64_t mean); /* mean < 2^56; capped at 2^62 */
/* scale * E^(1/shape) for a standard exponential E: the Weibull distribution. scale < 2^56; capped at 2^62. */
uint64_t sample_weibull(struct rng *r, uint64_t scale, uint32_t shape_ppm);
/* |z| * deviation for a standard normal z, and the sign of z. */
uint64_t sample_half_normal(struct rng *r, uint64_t deviation, bool *negative);
/* An index drawn with the given weights, whose sum is not 0 and below 2^63. */
uint32_t sample_weighted(struct rng *r, const uint64_t *weights, uint32_t count);

#endif
