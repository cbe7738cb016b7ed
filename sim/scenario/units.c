/* Exact decimal arithmetic: a mantissa, a number of decimals, a factor. */
#include "sim/scenario/units.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 18 /* 10^18 < 2^62 */

struct unit {
    const char *name;
    uint64_t factor;
};

/* The first of each factor is the one that is printed. */
static const struct unit durations[] = {
    {"d", 86400 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"min", 60 * NS_PER_S},
    {"s", NS_PER_S},
    {"ms", NS_PER_MS},
    {"us", NS_PER_US},
    {"\xc2\xb5s", NS_PER_US},
    {"ns", 1},
    {NULL, 0},
};
static const struct unit sizes[] = {
    {"GiB", UINT64_C(1) << 30}, {"GB", 1000000000}, {"MiB", 1 << 20}, {"MB", 1000000},
    {"KiB", 1 << 10},           {"kB", 1000},       {"B", 1},         {NULL, 0},
};
static const struct unit bandwidths[] = {
    {"Gbit", 1000000000}, {"Mbit", 1000000}, {"kbit", 1000}, {"bit", 1}, {"Gbit/s", 1000000000},
    {"Mbit/s", 1000000},  {"kbit/s", 1000},  {"bit/s", 1},   {NULL, 0},
};

struct number {
    uint64_t mantissa, divisor; /* value = mantissa / divisor */
    const char *rest;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *parse_number(const char *text, struct number *n)
{
    int digits = 0;
    bool point = false;

    *n = (struct number){0, 1, text};
    if (*text == '-')
        return "must not be negative";
    if (!is_digit(*text))
        return "is not a number";
    for (;; text++) {
        if (*text == '.' && !point && is_digit(text[1])) {
            point = true;
            continue;
        }
        if (!is_digit(*text))
            break;
        if (n->mantissa > 0 || *text != '0' || point)
            digits++;
        if (digits > DIGITS_MAX)
            return point ? "has too many digits" : "is too large";
        n->mantissa = n->mantissa * 10 + (uint64_t)(*text - '0');
        if (point)
            n->divisor *= 10;
    }
    n->rest = text;
    return NULL;
}

/* mantissa / divisor * factor, when that is whole and below UNITS_MAX. */
static const char *scale(const struct number *n, uint64_t factor, const char *inexact,
                         uint64_t *out)
{
    uint128 product = (uint128)n->mantissa * factor;

    CHECK(n->divisor > 0);
    if (product / n->divisor >= UNITS_MAX)
        return "is too large";
    if (product % n->divisor != 0)
        return inexact;
    *out = (uint64_t)(product / n->divisor);
    return NULL;
}

struct quantity {
    const struct unit *units;
    const char *missing, *unknown, *inexact;
};

static const char *parse_quantity(const char *text, const struct quantity *q, uint64_t *out)
{
    struct number n;
    const char *wrong = parse_number(text, &n);

    if (wrong)
        return wrong;
    if (*n.rest == ' ')
        n.rest++;
    if (!*n.rest)
        return q->missing;
    for (const struct unit *u = q->units; u->name; u++) {
        if (strcmp(u->name, n.rest) == 0)
            return scale(&n, u->factor, q->inexact, out);
    }
    return q->unknown;
}

#define DURATION_UNITS "(ns, us, ms, s, m, h, d)"
#define SIZE_UNITS "(B, kB, KiB, MB, MiB, GB, GiB)"
#define BANDWIDTH_UNITS "(bit, kbit, Mbit, Gbit)"

const char *units_duration(const char *text, uint64_t *ns)
{
    static const struct quantity q = {durations, "has no unit " DURATION_UNITS,
                                      "is not a duration " DURATION_UNITS, "is finer than 1 ns"};

    return parse_quantity(text, &q, ns);
}

const char *units_size(const char *text, uint64_t *bytes)
{
    static const struct quantity q = {sizes, "has no unit " SIZE_UNITS, "is not a size " SIZE_UNITS,
                                      "is not a whole number of bytes"};

    return parse_quantity(text, &q, bytes);
}

const char *units_bandwidth(const char *text, uint64_t *bits_per_s)
{
    static const struct quantity q = {bandwidths, "has no unit " BANDWIDTH_UNITS,
                                      "is not a bandwidth " BANDWIDTH_UNITS,
                                      "is not a whole number of bits"};

    return parse_quantity(text, &q, bits_per_s);
}

const char *units_count(const char *text, uint64_t *count)
{
    struct number n;
    const char *wrong = parse_number(text, &n);

    if (wrong)
        return wrong;
    if (*n.rest || n.divisor != 1)
        return "is not a whole number";
    *count = n.mantissa;
    return NULL;
}

const char *units_ratio(const char *text, uint64_t scale_to, uint64_t *parts)
{
    struct number n;
    const char *wrong = parse_number(text, &n);

    if (wrong)
        return wrong;
    if (*n.rest == ' ')
        n.rest++;
    if (n.divisor > UINT64_MAX / 100)
        return "has too many digits";
    if (strcmp(n.rest, "%") == 0)
        n.divisor *= 100;
    else if (*n.rest)
        return "is not a ratio (write 25% or 0.25)";
    return scale(&n, scale_to, "has too many digits", parts);
}

const char *units_percent(const char *text, uint64_t scale_to, uint64_t *parts)
{
    size_t size = strlen(text);

    if (size == 0 || text[size - 1] != '%')
        return "is not a percentage (write 10%)";
    return units_ratio(text, scale_to, parts);
}

const char *units_rate(const char *text, uint64_t *interval_ns)
{
    struct number n;
    const char *wrong = parse_number(text, &n);
    uint128 interval;

    if (wrong)
        return wrong;
    if (n.rest[0] != '/')
        return "has no unit (write 120/s, 3/m or 1/h)";
    if (n.mantissa == 0)
        return "must be more than 0";
    for (const struct unit *u = durations; u->name; u++) {
        if (strcmp(u->name, n.rest + 1) != 0)
            continue;
        interval = (uint128)u->factor * n.divisor / n.mantissa;
        if (interval == 0)
            return "is too large (at most one a nanosecond)";
        if (interval >= UNITS_MAX)
            return "is too small";
        *interval_ns = (uint64_t)interval;
        return NULL;
    }
    return "is not a rate (write 120/s, 3/m or 1/h)";
}

const char *units_number(const char *text, double *number)
{
    struct number n;
    const char *wrong = parse_number(text, &n);

    if (wrong)
        return wrong;
    if (*n.rest)
        return "is not a number";
    *number = (double)n.mantissa / (double)n.divisor;
    return NULL;
}

static const char *format(uint64_t value, const struct unit *units, const char *space, char *out)
{
    const struct unit *u = units;

    while (u->factor > 1 && (value == 0 || value % u->factor != 0))
        u++;
    snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s%s", value / u->factor, space, u->name);
    return out;
}

const char *units_format_duration(uint64_t ns, char *out)
{
    return format(ns, durations, "", out);
}

const char *units_format_size(uint64_t bytes, char *out)
{
    return format(bytes, sizes, " ", out);
}

const char *units_format_bandwidth(uint64_t bits_per_s, char *out)
{
    return format(bits_per_s, bandwidths, " ", out);
}
