/* Quantities written out with their unit: "250ms", "96 KiB", "50 Mbit", "10%", "120/s".
 *
 * Decimal digits, at most one point, an optional space, the unit. The arithmetic is exact: what is
 * not a whole number of the base unit is refused, as are signs, exponents, infinities and values of
 * 2^62 and more. Each parser returns NULL and sets *out, or says what is wrong ("has no unit (ns,
 * us, ms, s, m, h, d)"). */
#ifndef SIM_SCENARIO_UNITS_H
#define SIM_SCENARIO_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_MAX ((uint64_t)1 << 62)
#define UNITS_TEXT_MAX 32

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

const char *units_duration(const char *text, uint64_t *ns);
const char *units_size(const char *text, uint64_t *bytes);
const char *units_bandwidth(const char *text, uint64_t *bits_per_s);
const char *units_count(const char *text, uint64_t *count); /* a bare whole number */
/* "25%" or "0.25", as parts of `scale` (a million, say). May be over 1; the caller knows its limit.
 */
const char *units_ratio(const char *text, uint64_t scale, uint64_t *parts);
const char *units_percent(const char *text, uint64_t scale, uint64_t *parts); /* "25%" only */
const char *units_rate(const char *text,
                       uint64_t *interval_ns); /* "120/s": the mean time between two */
/* A number with or without a fraction, for limits of statistics ("2.5"). */
const char *units_number(const char *text, double *number);

/* The shortest exact form ("90s" is "90s", not "1.5m"); `out` has UNITS_TEXT_MAX bytes. Returns
 * `out`. */
const char *units_format_duration(uint64_t ns, char *out);
const char *units_format_size(uint64_t bytes, char *out);
const char *units_format_bandwidth(uint64_t bits_per_s, char *out);

#endif
