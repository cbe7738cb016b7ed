/* What a packet takes longer than the latency of its path: a random time, never below 0.
 *
 * `uniform` lies between 0 and max. `normal` is a normal deviate where it is above 0, else 0; `lognormal` and `gamma` have a long
 * tail upwards. Draws are integers from a table of quantiles (2 * 2048 cells, finer towards both ends, down to a chance of
 * 2^-33), so each costs one random number; the table is made with the four operations alone, which give the same bits
 * with every compiler and C library. */
#ifndef SIM_TCP_JITTER_H
#define SIM_TCP_JITTER_H

#include "stack/base/rng.h"

enum jitter_kind { JITTER_UNIFORM, JITTER_NORMAL, JITTER_LOGNORMAL, JITTER_GAMMA };

#define JITTER_DEVIATION_PPM_MIN 1000u /* of the mean */
#define JITTER_DEVIATION_PPM_MAX 3000000u
#define JITTER_SIGMA_PPM_MIN 1000u
#define JITTER_SIGMA_PPM_MAX 1600000u
#define JITTER_SHAPE_PPM_MIN 100000u
#define JITTER_SHAPE_PPM_MAX 1000000000u

/* Times are in ns, plus parts of a million of the path's latency. */
struct jitter_config {
    enum jitter_kind kind;
    uint64_t mean_ns;
    uint32_t mean_ppm;      /* uniform: both 0, its mean is half of the maximum */
    uint32_t deviation_ppm; /* standard deviation, of the mean; before anything is cut off */
    uint32_t shape_ppm;     /* gamma: its shape; lognormal: the deviation of the logarithm. In place of deviation_ppm, else 0 */
    uint64_t max_ns;
    uint32_t max_ppm; /* both 0: no limit, but for uniform */
};

struct jitter;

struct jitter *jitter_new(const struct jitter_config *config); /* within the limits above */
void jitter_free(struct jitter *j);                            /* NULL is fine */
uint64_t jitter_draw_ns(const struct jitter *j, struct rng *r, uint64_t latency_ns);

#endif
