/* Log-linear histogram of nanoseconds: integers only, at most 0.05 % error, exact minimum and
 * maximum.
 *
 * Values below 2048 have a bucket each; above, every power of two is cut into 1024 buckets and a
 * value is reported as the middle of its bucket (the largest ones as the maximum). Memory: 8 KiB a
 * power of two that occurs. */
#ifndef SIM_RECORD_HISTOGRAM_H
#define SIM_RECORD_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 10
#define HISTOGRAM_PAGES 55 /* (64 - HISTOGRAM_SUB_BITS) powers of two, and the first page */

struct histogram {
    uint64_t *pages[HISTOGRAM_PAGES]; /* 1024 counts each; NULL while all zero */
    uint64_t count, sum, min, max;         /* min, max: of an empty histogram UINT64_MAX, 0 */
};

void histogram_init(struct histogram *h);
void histogram_deinit(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
void histogram_add_many(struct histogram *h, uint64_t value, uint64_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest value that at least q/1,000,000 of all values do not exceed (nearest rank); q is in
 * (0, 1000000]. The histogram must not be empty. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t q_ppm);

double histogram_mean(const struct histogram *h); /* exact as long as the sum is below 2^64 */

/* Iterates over the buckets that are not empty, upwards: start with *position = 0; false at the
 * end. */
bool histogram_next(const struct histogram *h, uint32_t *position, uint64_t *value,
                    uint64_t *count);

#endif
