/* Prints a summary as JSON or for people. Decimals are made of integers: the same text on every
 * machine. */
#include "sim/record/summary.h"

#include <string.h>

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define BAR_WIDTH 40
#define BINS_MAX 16

void summary_deinit(struct record_summary *s)
{
    for (uint32_t i = 0; i < s->topic_count; i++) {
        histogram_deinit(&s->topics[i].propagation);
        histogram_deinit(&s->topics[i].hops);
        histogram_deinit(&s->topics[i].repeats);
        histogram_deinit(&s->topics[i].repeat_lags);
        mem_free(s->topics[i].name);
    }
    mem_free(s->topics);
    mem_free(s->scenario);
    mem_free(s->backend);
    histogram_deinit(&s->propagation);
    histogram_deinit(&s->hops);
    histogram_deinit(&s->repeats);
    histogram_deinit(&s->repeat_lags);
    *s = (struct record_summary){0};
}

const char *summary_decimal(uint64_t millionths, int digits, char out[static SUMMARY_NUMBER_MAX])
{
    uint64_t unit = 1, whole;

    CHECK(digits >= 0 && digits <= 6);
    for (int i = digits; i < 6; i++)
        unit *= 10;
    millionths = millionths / unit + (millionths % unit >= (unit + 1) / 2 && unit > 1);
    for (whole = 1; digits > 0 && unit < 1000000; unit *= 10)
        whole *= 10;
    if (digits == 0)
        snprintf(out, SUMMARY_NUMBER_MAX, "%llu", (unsigned long long)millionths);
    else
        snprintf(out, SUMMARY_NUMBER_MAX, "%llu.%0*llu", (unsigned long long)(millionths / whole),
                 digits, (unsigned long long)(millionths % whole));
    return out;
}

const char *summary_grouped(uint64_t n, char out[static SUMMARY_NUMBER_MAX])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), used = 0;

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}

const char *summary_bytes(uint64_t n, char out[static SUMMARY_NUMBER_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t unit = 1;
    char number[SUMMARY_NUMBER_MAX];
    int i = 0;

    while (i < 6 && n / unit >= 1024) {
        unit *= 1024;
        i++;
    }
    if (i == 0)
        snprintf(number, sizeof number, "%llu", (unsigned long long)n);
    else
        summary_decimal(mul_div(n, 1000000, unit), 1, number);
    snprintf(out, SUMMARY_NUMBER_MAX, "%.24s %s", number, units[i]);
    return out;
}

/* `a` per `b` in millionths, rounded down: 0.999999 is not yet 1. */
static uint64_t ratio(uint64_t a, uint64_t b)
{
    return mul_div(a, 1000000, b);
}

void summary_json_text(FILE *out, const char *text)
{
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void json_ratio(FILE *out, const char *key, uint64_t a, uint64_t b)
{
    char number[SUMMARY_NUMBER_MAX];

    fprintf(out, ",\"%s\":%s", key, b ? summary_decimal(ratio(a, b), 6, number) : "null");
}

static void json_number(FILE *out, const char *key, uint64_t n)
{
    fprintf(out, ",\"%s\":%llu", key, (unsigned long long)n);
}

static void json_propagation(FILE *out, const struct histogram *h)
{
    static const char *const keys[] = {"p50", "p90", "p99", "max"};
    static const uint32_t quantiles[] = {500000, 900000, 990000, 1000000};
    char number[SUMMARY_NUMBER_MAX];

    fputs(",\"propagation_ms\":{", out);
    for (int i = 0; i < 4; i++)
        fprintf(out, "%s\"%s\":%s", i ? "," : "", keys[i],
                h->count ? summary_decimal(histogram_quantile(h, quantiles[i]), 3, number)
                         : "null");
    fputc('}', out);
}

static void hex(FILE *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%02x", bytes[i]);
}

void summary_print_json(const struct record_summary *s, FILE *out)
{
    char number[SUMMARY_NUMBER_MAX];

    fputc('{', out);
    if (s->variant) {
        fputs("\"variant\":", out);
        summary_json_text(out, s->variant);
        fputc(',', out);
    }
    fputs("\"scenario\":", out);
    summary_json_text(out, s->scenario);
    fputs(",\"backend\":", out);
    summary_json_text(out, s->backend);
    json_number(out, "seed", s->seed);
    fputs(",\"digest\":\"", out);
    hex(out, s->digest, sizeof s->digest);
    fputc('"', out);
    json_number(out, "nodes", s->nodes);
    json_number(out, "connections", s->connections);
    json_number(out, "messages", s->messages);
    json_number(out, "deliveries", s->deliveries);
    json_ratio(out, "delivery_ratio", s->deliveries, s->expected);
    json_propagation(out, &s->propagation);
    json_ratio(out, "duplicates_per_delivery", s->duplicates, s->deliveries);
    fprintf(out, ",\"bytes\":{\"payload\":%llu", (unsigned long long)s->payload_bytes);
    json_number(out, "control", s->control_bytes);
    json_number(out, "total", s->total_bytes);
    json_number(out, "withheld", s->withheld_bytes);
    fputc('}', out);
    json_number(out, "events", s->events);
    fprintf(out, ",\"sim_s\":%s", summary_decimal(s->sim_ns / 1000, 6, number));
    fprintf(out, ",\"wall_s\":%.3f,\"setup_wall_s\":%.3f", s->wall_s, s->setup_wall_s);
    json_number(out, "peak_rss_bytes", s->peak_rss_bytes);
    json_number(out, "threads", s->threads);
    fputs("}\n", out);
}

static void row(FILE *out, const char *name, const char *value)
{
    fprintf(out, "  %-22s %s\n", name, value);
}

static void count_row(FILE *out, const char *name, uint64_t n)
{
    char number[SUMMARY_NUMBER_MAX];

    row(out, name, summary_grouped(n, number));
}

static void ratio_row(FILE *out, const char *name, uint64_t a, uint64_t b)
{
    char number[SUMMARY_NUMBER_MAX];

    row(out, name, b ? summary_decimal(ratio(a, b), 4, number) : "-");
}

static void quantiles_line(FILE *out, const char *name, uint64_t messages,
                           const struct histogram *h)
{
    static const uint32_t quantiles[] = {500000, 900000, 990000, 1000000};
    char number[SUMMARY_NUMBER_MAX];

    fprintf(out, "  %-22.40s %10s", name, summary_grouped(messages, number));
    for (int i = 0; i < 4; i++)
        fprintf(out, " %10s",
                h->count ? summary_decimal(histogram_quantile(h, quantiles[i]), 1, number) : "-");
    fputc('\n', out);
}

/* Bins of a factor each, so that at most BINS_MAX cover the range: bounds[i] <= bin i < bounds[i +
 * 1]. */
static int bins_of(const struct histogram *h, uint64_t bounds[BINS_MAX + 1])
{
    static const uint32_t percents[] = {105, 110, 115, 120, 130, 150, 200, 400, 1000, 10000};
    uint64_t low = h->min ? h->min : 1;
    size_t k = 0;
    int count = 0;

    for (k = 0; k < sizeof percents / sizeof percents[0]; k++) {
        uint64_t at = low;

        for (count = 0; count < BINS_MAX && at <= h->max && at < UINT64_MAX / 200; count++) {
            bounds[count] = at;
            at = at / 100 * percents[k] + at % 100 * percents[k] / 100 + 1;
        }
        bounds[count] = at;
        if (at > h->max)
            break;
    }
    bounds[0] = 0;
    bounds[count] = UINT64_MAX;
    return count;
}

void summary_print_histogram(const struct histogram *h, FILE *out)
{
    uint64_t bounds[BINS_MAX + 1], counts[BINS_MAX] = {0}, largest = 1, value, count;
    uint32_t position = 0;
    int bins, bin = 0;

    if (h->count == 0)
        return;
    bins = bins_of(h, bounds);
    if (bins == 0)
        return;
    while (histogram_next(h, &position, &value, &count)) {
        while (bin < bins - 1 && value >= bounds[bin + 1])
            bin++;
        counts[bin] += count;
    }
    for (int i = 0; i < bins; i++)
        if (counts[i] > largest)
            largest = counts[i];
    for (int i = 0; i < bins; i++) {
        char to[SUMMARY_NUMBER_MAX], number[SUMMARY_NUMBER_MAX];
        int width = (int)mul_div(counts[i], BAR_WIDTH, largest);

        fprintf(out, "  %10s ms |%-*.*s %s\n",
                summary_decimal(i == bins - 1 ? h->max : bounds[i + 1], 1, to), BAR_WIDTH, width,
                "########################################", summary_grouped(counts[i], number));
    }
}

static void print_head(const struct record_summary *s, FILE *out)
{
    char number[SUMMARY_NUMBER_MAX], line[160];

    fprintf(out, "%s on %s, seed %llu\n", s->scenario ? s->scenario : "run",
            s->backend ? s->backend : "?", (unsigned long long)s->seed);
    count_row(out, "nodes", s->nodes);
    count_row(out, "connections", s->connections);
    count_row(out, "messages", s->messages);
    count_row(out, "deliveries", s->deliveries);
    ratio_row(out, "delivery ratio", s->deliveries, s->expected);
    ratio_row(out, "duplicates/delivery", s->duplicates, s->deliveries);
    if (s->unexpected)
        count_row(out, "late joiners' copies", s->unexpected);
    if (s->rejected)
        count_row(out, "rejected", s->rejected);
    if (s->dials_failed)
        count_row(out, "dials failed", s->dials_failed);
    if (s->dropped)
        count_row(out, "dropped (queue full)", s->dropped);
    count_row(out, "hops, at most", s->hops_max);
    row(out, "bytes sent", summary_bytes(s->total_bytes, number));
    row(out, "  payload", summary_bytes(s->payload_bytes, number));
    row(out, "  control", summary_bytes(s->control_bytes, number));
    if (s->withheld_bytes)
        row(out, "not sent (IDONTWANT)", summary_bytes(s->withheld_bytes, number));
    snprintf(line, sizeof line, "%s s in %.2f s wall (+ %.2f s setup)",
             summary_decimal(s->sim_ns / 1000, 3, number), s->wall_s, s->setup_wall_s);
    row(out, "simulated", line);
    if (s->threads > 1) {
        snprintf(line, sizeof line, "%u, lookahead %s ms", s->threads,
                 summary_decimal(s->lookahead_ns < UINT64_MAX ? s->lookahead_ns : 0, 3, number));
        row(out, "threads", line);
    }
    count_row(out, "events", s->events);
    row(out, "memory, peak", summary_bytes(s->peak_rss_bytes, number));
    if (s->with_hops < s->recorded_messages || s->with_deliveries < s->recorded_messages) {
        snprintf(line, sizeof line, "hops of %u, deliveries of %u of %u messages", s->with_hops, s->with_deliveries,
                 s->recorded_messages);
        row(out, "rows recorded", line);
    }
}

void summary_print_text(const struct record_summary *s, FILE *out)
{
    print_head(s, out);
    if (s->topic_count > 0) {
        fprintf(out, "\n  %-22s %10s %10s %10s %10s %10s\n", "propagation (ms)", "messages", "p50",
                "p90", "p99", "max");
        for (uint32_t i = 0; i < s->topic_count; i++)
            quantiles_line(out, s->topics[i].name, s->topics[i].messages,
                           &s->topics[i].propagation);
        if (s->topic_count > 1)
            quantiles_line(out, "all", s->messages, &s->propagation);
        fputc('\n', out);
        summary_print_histogram(&s->propagation, out);
    }
    if (s->expectations)
        fprintf(out, "\n  expectations: %u met, %u not met\n",
                s->expectations - s->expectations_failed, s->expectations_failed);
    fputs("\n  digest ", out);
    hex(out, s->digest, sizeof s->digest);
    fputc('\n', out);
}
