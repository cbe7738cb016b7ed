/* Holds the scenario's expectations against the summary of the run. */
#include "sim/run/internal.h"

#include <string.h>

static const struct record_topic *find_topic(const struct record_summary *s, const char *name)
{
    for (uint32_t i = 0; i < s->topic_count; i++)
        if (strcmp(s->topics[i].name, name) == 0)
            return &s->topics[i];
    return NULL;
}

static bool of_histogram(const struct histogram *h, const struct expectation *e, double *value)
{
    if (h->count == 0)
        return false;
    switch (e->statistic) {
    case EXPECT_MIN:
        *value = (double)h->min;
        return true;
    case EXPECT_MAX:
        *value = (double)h->max;
        return true;
    case EXPECT_MEAN:
        *value = histogram_mean(h);
        return true;
    case EXPECT_QUANTILE:
        *value = (double)histogram_quantile(h, e->quantile_ppm);
        return true;
    case EXPECT_VALUE:
        break;
    }
    return false;
}

static bool ratio(uint64_t part, uint64_t whole, double *value)
{
    *value = whole ? (double)part / (double)whole : 0;
    return whole != 0;
}

/* The metrics that exist per topic; `t` is the topic's part or that of all topics. */
static bool of_topic(const struct record_topic *t, const struct expectation *e, double *value)
{
    switch (e->metric) {
    case EXPECT_DELIVERY_RATIO:
        return ratio(t->deliveries, t->expected, value);
    case EXPECT_PROPAGATION:
        return of_histogram(&t->propagation, e, value);
    case EXPECT_HOPS:
        return of_histogram(&t->hops, e, value);
    case EXPECT_DUPLICATES:
        if (e->statistic != EXPECT_VALUE)
            return of_histogram(&t->repeats, e, value);
        return ratio(t->duplicates, t->deliveries, value);
    case EXPECT_DUPLICATE_LAG:
        return of_histogram(&t->repeat_lags, e, value);
    case EXPECT_MESSAGES:
        *value = (double)t->messages;
        return true;
    case EXPECT_DELIVERIES:
        *value = (double)t->deliveries;
        return true;
    case EXPECT_REJECTS:
    case EXPECT_DROPS:
    case EXPECT_CONNECTIONS:
    case EXPECT_DIALS_FAILED:
    case EXPECT_PAYLOAD_BYTES:
    case EXPECT_CONTROL_BYTES:
    case EXPECT_TOTAL_BYTES:
    case EXPECT_METRIC_COUNT:
        break;
    }
    return false;
}

static bool of_run(const struct record_summary *s, const struct expectation *e, double *value)
{
    const struct record_topic all = {.messages = s->messages,
                                     .expected = s->expected,
                                     .deliveries = s->deliveries,
                                     .duplicates = s->duplicates,
                                     .propagation = s->propagation,
                                     .hops = s->hops,
                                     .repeats = s->repeats,
                                     .repeat_lags = s->repeat_lags};
    uint64_t number;

    switch (e->metric) {
    case EXPECT_REJECTS:
        number = s->rejected;
        break;
    case EXPECT_DROPS:
        number = s->dropped;
        break;
    case EXPECT_CONNECTIONS:
        number = s->connections;
        break;
    case EXPECT_DIALS_FAILED:
        number = s->dials_failed;
        break;
    case EXPECT_PAYLOAD_BYTES:
        number = s->payload_bytes;
        break;
    case EXPECT_CONTROL_BYTES:
        number = s->control_bytes;
        break;
    case EXPECT_TOTAL_BYTES:
        number = s->total_bytes;
        break;
    case EXPECT_DELIVERY_RATIO:
    case EXPECT_PROPAGATION:
    case EXPECT_HOPS:
    case EXPECT_DUPLICATES:
    case EXPECT_DUPLICATE_LAG:
    case EXPECT_MESSAGES:
    case EXPECT_DELIVERIES:
    case EXPECT_METRIC_COUNT:
    default:
        return of_topic(&all, e, value);
    }
    *value = (double)number;
    return true;
}

static bool value_of(void *ctx, const struct expectation *e, double *value)
{
    const struct record_summary *s = ctx;
    const struct record_topic *t;

    if (!e->topic)
        return of_run(s, e, value);
    t = find_topic(s, e->topic);
    return t && of_topic(t, e, value);
}

uint32_t judge(struct run *run, struct record_summary *summary,
               void (*each)(void *ctx, const struct run_judgement *j), void *ctx)
{
    const struct expect_source source = {summary, value_of};
    uint32_t failed = 0;

    for (uint32_t i = 0; i < run->scenario->expectation_count; i++) {
        const struct expectation *e = &run->scenario->expectations[i];
        struct expect_verdict v = expect_judge(e, &source);
        struct run_judgement j = {e, NULL, v.passed};
        char text[64];

        expect_value_text(e, &v, text, sizeof text);
        j.value = text;
        failed += !v.passed;
        recorder_expectation(run->recorder, e->text, text, v.passed);
        if (each)
            each(ctx, &j);
    }
    return failed;
}
