/* Distributions: of sizes of messages, of times that nodes are up or down. */
#include "sim/scenario/sections.h"

#include <string.h>

#define VALUES_MAX 1000u
#define SHAPE_MIN_PPM 100000u /* 0.1: tails so heavy that a mean says nothing */
#define SHAPE_MAX_PPM 20000000u

static struct field value_field(const struct quantity *q, const char *key)
{
    return (struct field){key, q->kind, false, 0, q->min, q->max, NULL};
}

/* [1 KiB, 2 KiB] */
static void read_uniform(struct reader *r, const struct tree *t, const struct quantity *q, struct sample *out)
{
    const struct field value = value_field(q, "uniform");

    if (!reader_is(r, t, TREE_LIST, 2))
        return;
    reader_value(r, t->first, &value, &out->min);
    reader_value(r, t->last, &value, &out->max);
    if (!r->failed && (t->count != 2 || out->min > out->max))
        reader_fail(r, t, "must be two %s, the smaller first: %s", q->plural, q->range);
    out->kind = SAMPLE_UNIFORM;
}

struct curve {
    uint64_t mean, deviation, min, max;
};

/* {mean: 1 KiB, deviation: 200 B, min: 100 B, max: 4 KiB}; an exponential has no deviation. */
static void read_curve(struct reader *r, const struct tree *t, const struct quantity *q, enum sample_kind kind,
                       struct sample *out)
{
    const struct field fields[] = {
        {"mean", q->kind, true, offsetof(struct curve, mean), q->min, q->max, NULL},
        {"min", q->kind, false, offsetof(struct curve, min), q->min, q->max, NULL},
        {"max", q->kind, q->bounded, offsetof(struct curve, max), q->min, q->max, NULL},
        {"deviation", q->kind, true, offsetof(struct curve, deviation), 0, q->max, NULL},
    };
    struct curve c = {.min = q->min, .max = q->max};

    reader_fields(r, t, fields, kind == SAMPLE_NORMAL ? 4 : 3, &c);
    if (!r->failed && (c.min > c.mean || c.mean > c.max))
        reader_fail(r, t, "the mean must lie between min and max");
    out->kind = kind;
    out->mean = c.mean;
    out->deviation = c.deviation;
    out->min = c.min;
    out->max = c.max;
}

/* {scale: 10m, shape: 0.6} */
static void read_weibull(struct reader *r, const struct tree *t, const struct quantity *q, struct sample *out)
{
    const struct field fields[] = {
        {"scale", q->kind, true, offsetof(struct sample, mean), q->min, q->max, NULL},
        {"shape", FIELD_PPM, true, offsetof(struct sample, shape_ppm), SHAPE_MIN_PPM, SHAPE_MAX_PPM, NULL},
        {"min", q->kind, false, offsetof(struct sample, min), q->min, q->max, NULL},
        {"max", q->kind, q->bounded, offsetof(struct sample, max), q->min, q->max, NULL},
    };

    out->kind = SAMPLE_WEIBULL;
    out->min = q->min;
    out->max = q->max;
    reader_fields(r, t, FIELDS(fields), out);
    if (!r->failed && out->min > out->max)
        reader_fail(r, t, "min is more than max");
}

/* {200 B: 9, 100 KiB: 1}: values with their weights. */
static void read_choice(struct reader *r, const struct tree *t, const struct quantity *q, struct sample *out)
{
    static const struct field weight = {"weight", FIELD_U64, false, 0, 1, UINT32_MAX, NULL};
    const struct field field = value_field(q, "choice");

    if (!reader_is(r, t, TREE_MAP, VALUES_MAX))
        return;
    out->kind = SAMPLE_CHOICE;
    out->values = arena_alloc(r->arena, t->count, sizeof *out->values);
    out->weights = arena_alloc(r->arena, t->count, sizeof *out->weights);
    out->min = UINT64_MAX;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        uint64_t *value = &out->values[out->value_count];
        struct tree name = *c;

        name.kind = TREE_SCALAR;
        name.text = c->key;
        name.line = c->key_line;
        name.column = c->key_column;
        reader_value(r, &name, &field, value);
        reader_value(r, c, &weight, &out->weights[out->value_count++]);
        out->min = *value < out->min ? *value : out->min;
        out->max = *value > out->max ? *value : out->max;
    }
}

void distribution_read(struct reader *r, const struct tree *t, const struct quantity *q, struct sample *out)
{
    static const struct field fields[] = {
        {"uniform", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"normal", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"exponential", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"choice", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"weibull", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    const struct field value = value_field(q, "value");

    if (t->kind == TREE_SCALAR) {
        reader_value(r, t, &value, &out->mean);
        out->min = out->max = out->mean;
        return;
    }
    reader_fields(r, t, FIELDS(fields), out);
    if (!r->failed && t->count != 1)
        reader_fail(r, t, "must have one key (uniform, normal, exponential, choice, weibull)");
    if (r->failed)
        return;
    if (strcmp(t->first->key, "uniform") == 0)
        read_uniform(r, t->first, q, out);
    else if (strcmp(t->first->key, "choice") == 0)
        read_choice(r, t->first, q, out);
    else if (strcmp(t->first->key, "weibull") == 0)
        read_weibull(r, t->first, q, out);
    else
        read_curve(r, t->first, q, *t->first->key == 'n' ? SAMPLE_NORMAL : SAMPLE_EXPONENTIAL, out);
}
