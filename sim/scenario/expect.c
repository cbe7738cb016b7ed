/* Parses clauses and judges them. */
#include "sim/scenario/expect.h"

#include "sim/scenario/reader.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 160

enum unit { UNIT_RATIO, UNIT_DURATION, UNIT_NUMBER, UNIT_SIZE };
enum statistics { STATISTICS_ONLY, STATISTICS_MAY, STATISTICS_NEVER };

static const struct metric {
    const char *text;
    enum unit unit;
    enum statistics statistics;
    bool topics;
} metrics[] = {
#define EXPECT_ROW(name, text, unit, statistics, topics)                                           \
    {text, UNIT_##unit, STATISTICS_##statistics, topics},
    EXPECT_TABLE(EXPECT_ROW)
#undef EXPECT_ROW
};

static const char *const relations[] = {
    [EXPECT_LE] = "<=", [EXPECT_GE] = ">=", [EXPECT_LT] = "<",  [EXPECT_GT] = ">",
    [EXPECT_EQ] = "==", [EXPECT_NE] = "!=", [EXPECT_IN] = "in",
};
#define RELATION_COUNT (sizeof relations / sizeof *relations)

struct clause {
    struct arena *arena;
    const char *at;
    const char *wrong; /* the first error */
    char word[WORD_MAX];
};

__attribute__((format(printf, 2, 3))) static void fail(struct clause *c, const char *format, ...)
{
    char text[600];
    va_list args;
    int size;

    if (c->wrong)
        return;
    va_start(args, format);
    size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size >= (int)sizeof text)
        size = sizeof text - 1;
    c->wrong = arena_text(c->arena, text, (size_t)size);
}

static void skip_blanks(struct clause *c)
{
    while (*c->at == ' ' || *c->at == '\t')
        c->at++;
}

/* The characters up to one of `stops`, without blanks at the ends. */
static void take_word(struct clause *c, const char *stops)
{
    size_t size;

    skip_blanks(c);
    size = strcspn(c->at, stops);
    if (size >= WORD_MAX) {
        fail(c, "a word is longer than %d characters", WORD_MAX - 1);
        size = WORD_MAX - 1;
    }
    memcpy(c->word, c->at, size);
    c->at += size;
    while (size > 0 && (c->word[size - 1] == ' ' || c->word[size - 1] == '\t'))
        size--;
    c->word[size] = '\0';
    skip_blanks(c);
}

const char *expect_metric_text(enum expect_metric metric)
{
    return metrics[metric].text;
}

static const char *metric_at(const void *names, uint32_t index)
{
    return ((const struct metric *)names)[index].text;
}

static void find_metric(struct clause *c, const char *word, struct expectation *out)
{
    const char *nearest;

    for (int i = 0; i < EXPECT_METRIC_COUNT; i++) {
        if (strcmp(metrics[i].text, word) == 0) {
            out->metric = (enum expect_metric)i;
            return;
        }
    }
    nearest = nearest_name(word, metric_at, metrics, EXPECT_METRIC_COUNT);
    if (nearest)
        fail(c, "\"%.60s\" is not a metric (did you mean %s?)", word, nearest);
    else
        fail(
            c,
            "\"%.60s\" is not a metric (delivery_ratio, propagation, hops, duplicates, duplicate_lag, messages, "
            "deliveries, "
            "rejects, drops, connections, dials_failed, payload_bytes, control_bytes, total_bytes)",
            word);
}

/* "p99" or "p99.9"; false when the word is no statistic at all. */
static bool find_statistic(struct clause *c, const char *word, struct expectation *out)
{
    static const char *const names[] = {
        [EXPECT_MIN] = "min", [EXPECT_MAX] = "max", [EXPECT_MEAN] = "mean"};
    uint64_t ppm = 0;

    for (int i = EXPECT_MIN; i <= EXPECT_MEAN; i++) {
        if (strcmp(names[i], word) == 0) {
            out->statistic = (enum expect_statistic)i;
            return true;
        }
    }
    if (word[0] != 'p' || !isdigit((unsigned char)word[1]))
        return false;
    out->statistic = EXPECT_QUANTILE;
    if (units_ratio(word + 1, 10000, &ppm) != NULL || strchr(word, '%') || ppm == 0 ||
        ppm >= 1000000)
        fail(c, "\"%.60s\" is not a quantile (p1 to p99.99)", word);
    out->quantile_ppm = (uint32_t)ppm;
    return true;
}

/* Inside the brackets: "propagation", "propagation, blobs" or "blobs". */
static void take_arguments(struct clause *c, const char *head, struct expectation *out)
{
    bool statistic = find_statistic(c, head, out);

    c->at++;
    if (statistic) {
        take_word(c, ",)");
        if (*c->at != ',' && *c->at != ')')
            fail(c, "a bracket is not closed");
        find_metric(c, c->word, out);
        if (*c->at == ')' || c->wrong) {
            c->at += *c->at == ')';
            return;
        }
        c->at++;
    } else {
        find_metric(c, head, out);
    }
    take_word(c, ",)");
    if (*c->at != ')')
        fail(c, "a bracket is not closed");
    else if (!*c->word)
        fail(c, "a topic is missing in the brackets");
    else
        c->at++;
    if (!c->wrong)
        out->topic = arena_text(c->arena, c->word, strlen(c->word));
}

static void check_value(struct clause *c, const struct expectation *e)
{
    const struct metric *m = &metrics[e->metric];

    if (e->statistic == EXPECT_VALUE && m->statistics == STATISTICS_ONLY)
        fail(c, "%s needs a statistic, as in p99(%s)", m->text, m->text);
    if (e->statistic != EXPECT_VALUE && m->statistics == STATISTICS_NEVER)
        fail(c, "%s is a single value, it has no statistics", m->text);
    if (e->topic && !m->topics)
        fail(c, "%s is not kept by topic", m->text);
}

static void take_value(struct clause *c, struct expectation *out)
{
    char head[WORD_MAX];

    take_word(c, " \t(<>=!");
    memcpy(head, c->word, sizeof head);
    if (!*head)
        fail(c, "a metric is missing");
    else if (*c->at == '(')
        take_arguments(c, head, out);
    else
        find_metric(c, head, out);
    if (!c->wrong)
        check_value(c, out);
}

static void take_relation(struct clause *c, struct expectation *out)
{
    skip_blanks(c);
    for (size_t i = 0; i < RELATION_COUNT && !c->wrong; i++) { /* "<=" comes before "<" */
        size_t size = strlen(relations[i]);

        if (strncmp(c->at, relations[i], size) != 0)
            continue;
        c->at += size;
        out->relation = (enum expect_relation)i;
        return;
    }
    fail(c, "a relation is missing (<=, >=, <, >, ==, !=, in)");
}

static double parse_quantity(struct clause *c, enum unit unit, const char *word)
{
    uint64_t whole = 0;
    double number = 0;
    const char *wrong;

    switch (unit) {
    case UNIT_DURATION:
        wrong = units_duration(word, &whole);
        number = (double)whole;
        break;
    case UNIT_SIZE:
        wrong = units_size(word, &whole);
        number = (double)whole;
        break;
    case UNIT_RATIO:
        wrong = units_ratio(word, 1000000000, &whole);
        number = (double)whole / 1e9;
        break;
    case UNIT_NUMBER:
    default:
        wrong = units_number(word, &number);
        break;
    }
    if (c->wrong)
        return 0;
    if (!*word)
        fail(c, "a quantity is missing after the relation");
    else if (wrong)
        fail(c, "\"%.60s\" %s", word, wrong);
    return number;
}

static void take_quantity(struct clause *c, struct expectation *out)
{
    enum unit unit = metrics[out->metric].unit;
    char *dots;

    take_word(c, "");
    if (out->relation != EXPECT_IN) {
        out->low = out->high = parse_quantity(c, unit, c->word);
        return;
    }
    dots = strstr(c->word, "..");
    if (!dots) {
        fail(c, "\"%.60s\" is not a range, as in 3..6", c->word);
        return;
    }
    *dots = '\0';
    for (size_t i = strlen(c->word); i > 0 && c->word[i - 1] == ' '; i--)
        c->word[i - 1] = '\0';
    out->low = parse_quantity(c, unit, c->word);
    for (dots += 2; *dots == ' ';)
        dots++;
    out->high = parse_quantity(c, unit, dots);
    if (!c->wrong && out->low > out->high)
        fail(c, "the range begins above its end");
}

const char *expect_parse(struct arena *a, const char *clause, struct expectation *out)
{
    struct clause c = {.arena = a, .at = clause};

    memset(out, 0, sizeof *out);
    take_value(&c, out);
    take_relation(&c, out);
    if (!c.wrong)
        take_quantity(&c, out);
    if (c.wrong)
        return c.wrong;
    out->text = arena_text(a, clause, strlen(clause));
    return NULL;
}

static bool holds(const struct expectation *e, double value)
{
    switch (e->relation) {
    case EXPECT_LE:
        return value <= e->high;
    case EXPECT_GE:
        return value >= e->low;
    case EXPECT_LT:
        return value < e->high;
    case EXPECT_GT:
        return value > e->low;
    case EXPECT_EQ:
        return value >= e->low && value <= e->high;
    case EXPECT_NE:
        return value < e->low || value > e->high;
    case EXPECT_IN:
        return value >= e->low && value <= e->high;
    }
    UNREACHABLE();
}

struct expect_verdict expect_judge(const struct expectation *e, const struct expect_source *source)
{
    struct expect_verdict v = {0};

    v.known = source->value(source->ctx, e, &v.value);
    v.passed = v.known && holds(e, v.value);
    return v;
}

void expect_value_text(const struct expectation *e, const struct expect_verdict *v, char *out,
                       size_t size)
{
    if (!v->known) {
        snprintf(out, size, "no value");
        return;
    }
    switch (metrics[e->metric].unit) {
    case UNIT_DURATION:
        snprintf(out, size, "%.3fms", v->value / 1e6);
        return;
    case UNIT_SIZE:
        snprintf(out, size, "%.0f B", v->value);
        return;
    case UNIT_RATIO:
    case UNIT_NUMBER:
        snprintf(out, size, "%.6g", v->value);
        return;
    }
    UNREACHABLE();
}
