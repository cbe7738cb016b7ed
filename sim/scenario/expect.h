/* What a scenario expects of its run: one clause each, "p99(propagation, blobs) <= 1500ms".
 *
 *   clause:    value (<= | >= | < | > | == | !=) quantity,  or  value in quantity..quantity (both
 * ends included) value:     metric, metric(topic), statistic(metric) or statistic(metric, topic)
 *   statistic: min, max, mean, p50, p99, p99.9, ...
 *
 * Quantities carry the unit of their metric; see expect.c's table and README.md. Values come from
 * whoever ran the scenario, through struct expect_source. */
#ifndef SIM_SCENARIO_EXPECT_H
#define SIM_SCENARIO_EXPECT_H

#include "sim/scenario/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* name, text, unit, statistics (only: needs one; may: plain value or one; never), per topic or tag
 */
#define EXPECT_TABLE(X)                                                                            \
    X(EXPECT_DELIVERY_RATIO, "delivery_ratio", RATIO, NEVER, true)                                 \
    X(EXPECT_PROPAGATION, "propagation", DURATION, ONLY, true)                                     \
    X(EXPECT_HOPS, "hops", NUMBER, ONLY, true)                                                     \
    X(EXPECT_DUPLICATES, "duplicates", NUMBER, MAY, true)                                          \
    X(EXPECT_DUPLICATE_LAG, "duplicate_lag", DURATION, ONLY, true)                                 \
    X(EXPECT_MESSAGES, "messages", NUMBER, NEVER, true)                                            \
    X(EXPECT_DELIVERIES, "deliveries", NUMBER, NEVER, true)                                        \
    X(EXPECT_REJECTS, "rejects", NUMBER, NEVER, true)                                              \
    X(EXPECT_DROPS, "drops", NUMBER, NEVER, false)                                                 \
    X(EXPECT_CONNECTIONS, "connections", NUMBER, NEVER, false)                                     \
    X(EXPECT_DIALS_FAILED, "dials_failed", NUMBER, NEVER, false)                                   \
    X(EXPECT_PAYLOAD_BYTES, "payload_bytes", SIZE, NEVER, false)                                   \
    X(EXPECT_CONTROL_BYTES, "control_bytes", SIZE, NEVER, false)                                   \
    X(EXPECT_TOTAL_BYTES, "total_bytes", SIZE, NEVER, false)

#define EXPECT_ENUM(name, text, unit, statistics, topics) name,
enum expect_metric { EXPECT_TABLE(EXPECT_ENUM) EXPECT_METRIC_COUNT };
#undef EXPECT_ENUM

enum expect_statistic { EXPECT_VALUE, EXPECT_MIN, EXPECT_MAX, EXPECT_MEAN, EXPECT_QUANTILE };
enum expect_relation {
    EXPECT_LE,
    EXPECT_GE,
    EXPECT_LT,
    EXPECT_GT,
    EXPECT_EQ,
    EXPECT_NE,
    EXPECT_IN
};

struct expectation {
    char *name;  /* the clause when the scenario gives none */
    char *text;  /* the clause as written */
    char *topic; /* topic or tag; NULL: all */
    enum expect_metric metric;
    enum expect_statistic statistic;
    uint32_t quantile_ppm; /* 990000 for p99 */
    enum expect_relation relation;
    double low, high; /* ns, bytes, ratios or plain numbers; low == high but for EXPECT_IN */
};

/* Supplies the value of (metric, statistic, quantile, topic); false when there is none (nothing was
 * delivered). */
struct expect_source {
    void *ctx;
    bool (*value)(void *ctx, const struct expectation *e, double *value);
};

struct expect_verdict {
    bool passed, known; /* a clause without a value does not pass */
    double value;
};

/* NULL, or what is wrong with the clause: a text in the arena. `out` is filled in but for its name.
 */
const char *expect_parse(struct arena *a, const char *clause, struct expectation *out);

struct expect_verdict expect_judge(const struct expectation *e, const struct expect_source *source);

const char *expect_metric_text(enum expect_metric metric);
/* The verdict's value with the metric's unit ("412ms", "0.998"), or "no value"; `out` has `size`
 * bytes. */
void expect_value_text(const struct expectation *e, const struct expect_verdict *v, char *out,
                       size_t size);

#endif
