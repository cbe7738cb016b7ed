/* Jitter, loss, queues and what lies between pairs of regions. */
#include "sim/scenario/links.h"

#include "sim/scenario/latency.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"
#include "stack/base/int128.h"

#include <string.h>

#define PPM 1000000u
#define BETWEEN_MAX 10000u /* items of loss_between and bottlenecks */
#define BOTTLENECK_LATENCY_MIN_NS NS_PER_US

static const char *const distribution_names[] = {"uniform", "normal", "lognormal", "gamma", NULL};
static const char *const loss_names[] = {"gilbert-elliott", NULL};
static const char *const aqm_names[] = {"drop-tail", "codel", "fq-codel", NULL};

/* ---- jitter ---- */

/* A duration, or a share of the latency. */
static void amount_read(struct reader *r, const struct tree *t, uint64_t percent_max, uint64_t *ns, uint32_t *ppm)
{
    static const struct field duration = {"amount", FIELD_DURATION, false, 0, 0, LATENCY_NS_MAX, NULL};
    uint64_t parts = 0;
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    if (!strchr(t->text, '%')) {
        reader_value(r, t, &duration, ns);
        return;
    }
    wrong = units_percent(t->text, PPM, &parts);
    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    else if (parts > percent_max * (PPM / 100))
        reader_fail(r, t, "\"%.60s\" is out of range (0%% to %u%%)", t->text, (unsigned)percent_max);
    *ppm = (uint32_t)parts;
}

/* The deviation in parts of the mean; both must be of one kind. */
static void deviation_read(struct reader *r, const struct tree *t, struct jitter_config *j)
{
    uint64_t ns = 0, deviation = 0, mean = j->mean_ns ? j->mean_ns : j->mean_ppm;
    uint32_t ppm = 0;

    amount_read(r, t, 10000, &ns, &ppm);
    if (r->failed)
        return;
    if ((ns && j->mean_ppm) || (ppm && j->mean_ns)) {
        reader_fail(r, t, "must be a %s, as the mean", j->mean_ppm ? "share of the latency" : "duration");
        return;
    }
    deviation = mul_div(ns ? ns : ppm, PPM, mean);
    if (deviation < JITTER_DEVIATION_PPM_MIN || deviation > JITTER_DEVIATION_PPM_MAX)
        reader_fail(r, t, "\"%.60s\" is out of range (0.1%% to 300%% of the mean)", t->text);
    j->deviation_ppm = (uint32_t)deviation;
}

static void shape_read(struct reader *r, const struct tree *t, struct jitter_config *j)
{
    bool log = j->kind == JITTER_LOGNORMAL;
    uint64_t parts = 0;
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    wrong = units_ratio(t->text, PPM, &parts);
    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    else if (parts < (log ? JITTER_SIGMA_PPM_MIN : JITTER_SHAPE_PPM_MIN) ||
             parts > (log ? JITTER_SIGMA_PPM_MAX : JITTER_SHAPE_PPM_MAX))
        reader_fail(r, t, "\"%.60s\" is out of range (%s)", t->text, log ? "0.001 to 1.6" : "0.1 to 1000");
    j->shape_ppm = (uint32_t)parts;
}

/* Which keys belong to the distribution. */
static void check_distribution(struct reader *r, const struct tree *t, enum jitter_kind kind)
{
    const struct tree *mean = tree_find(t, "mean"), *deviation = tree_find(t, "deviation"),
                      *shape = tree_find(t, "shape");

    if (kind == JITTER_UNIFORM) {
        const struct tree *stray = mean ? mean : deviation ? deviation : shape;

        if (stray)
            reader_fail_key(r, stray, "does not belong to uniform (it lies between 0 and max)");
        else if (!tree_find(t, "max"))
            reader_fail(r, t, "max is missing");
        return;
    }
    if (!mean)
        reader_fail(r, t, "mean is missing");
    else if (shape && kind == JITTER_NORMAL)
        reader_fail_key(r, shape, "does not belong to normal (deviation)");
    else if (!deviation && !shape)
        reader_fail(r, t, kind == JITTER_NORMAL ? "deviation is missing" : "deviation is missing (or shape)");
    else if (deviation && shape)
        reader_fail_key(r, shape, "excludes deviation");
}

static void jitter_map_read(struct reader *r, const struct tree *t, struct jitter_config *j)
{
    static const struct field fields[] = {
        {"distribution", FIELD_CHOICE, true, FIELD(jitter_config, kind), 0, 0, distribution_names},
        {"mean", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"deviation", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"shape", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"max", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    const struct tree *at;

    reader_fields(r, t, FIELDS(fields), j);
    if (!r->failed)
        check_distribution(r, t, j->kind);
    if (r->failed)
        return;
    if ((at = tree_find(t, "max"))) {
        amount_read(r, at, 1000, &j->max_ns, &j->max_ppm);
        if (!r->failed && j->max_ns + j->max_ppm == 0)
            reader_fail(r, at, "\"%.60s\" leaves no jitter", at->text);
    }
    if ((at = tree_find(t, "mean"))) {
        amount_read(r, at, 1000, &j->mean_ns, &j->mean_ppm);
        if (!r->failed && j->mean_ns + j->mean_ppm == 0)
            reader_fail(r, at, "\"%.60s\" leaves no jitter", at->text);
    }
    if (!r->failed && (at = tree_find(t, "deviation")))
        deviation_read(r, at, j);
    if (!r->failed && (at = tree_find(t, "shape")))
        shape_read(r, at, j);
}

void jitter_read(struct reader *r, const struct tree *t, struct scenario_network *n)
{
    struct jitter_config *j = &n->jitter;

    if (t->kind != TREE_MAP) {
        amount_read(r, t, 100, &n->jitter_ns, &n->jitter_ppm);
        return;
    }
    jitter_map_read(r, t, j);
    if (j->kind == JITTER_UNIFORM) {
        n->jitter_ns = j->max_ns;
        n->jitter_ppm = j->max_ppm;
    }
}

uint64_t *links_jitters(struct reader *r, struct scenario_network *n)
{
    size_t cells = (size_t)n->region_count * n->region_count;

    if (!n->jitter_pair_ns) {
        n->jitter_pair_ns = arena_alloc(r->arena, cells, sizeof *n->jitter_pair_ns);
        for (size_t i = 0; i < cells; i++)
            n->jitter_pair_ns[i] = SCENARIO_JITTER_COMMON;
    }
    return n->jitter_pair_ns;
}

/* ---- loss ---- */

static void burst_read(struct reader *r, const struct tree *t, struct gilbert *out)
{
    static const struct field fields[] = {
        {"kind", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"good_to_bad", FIELD_PPM, true, FIELD(gilbert, good_to_bad_ppm), 1, PPM, NULL},
        {"bad_to_good", FIELD_PPM, true, FIELD(gilbert, bad_to_good_ppm), 1, PPM, NULL},
        {"loss_good", FIELD_PPM, false, FIELD(gilbert, good_loss_ppm), 0, PPM, NULL},
        {"loss_bad", FIELD_PPM, false, FIELD(gilbert, bad_loss_ppm), 0, PPM, NULL},
    };
    static const struct field kind = {"kind", FIELD_CHOICE, true, 0, 0, 0, loss_names};
    enum { GILBERT_ELLIOTT } which = GILBERT_ELLIOTT;

    *out = (struct gilbert){.bad_loss_ppm = PPM};
    reader_fields(r, t, FIELDS(fields), out);
    if (!r->failed)
        reader_value(r, tree_find(t, "kind"), &kind, &which);
    if (!r->failed && gilbert_loses_nothing(out))
        reader_fail(r, t, "loses nothing (loss_good and loss_bad are 0)");
}

void loss_read(struct reader *r, const struct tree *t, struct gilbert *out)
{
    static const struct field ratio = {"loss", FIELD_PPM, false, FIELD(gilbert, good_loss_ppm), 0, PPM, NULL};

    *out = (struct gilbert){0};
    if (t->kind == TREE_MAP)
        burst_read(r, t, out);
    else
        reader_value(r, t, &ratio, out);
}

struct gilbert *links_losses(struct reader *r, struct scenario_network *n)
{
    size_t cells = (size_t)n->region_count * n->region_count;

    if (!n->loss) {
        n->loss = arena_alloc(r->arena, cells, sizeof *n->loss);
        for (size_t i = 0; i < cells; i++)
            n->loss[i] = n->loss_common;
    }
    return n->loss;
}

void links_prune(struct scenario_network *n)
{
    bool common = n->jitter_ns || n->jitter_ppm || n->jitter.kind != JITTER_UNIFORM, loses = false, own = false;

    for (size_t i = 0; i < (size_t)n->region_count * n->region_count; i++) {
        loses |= n->loss && !gilbert_loses_nothing(&n->loss[i]);
        if (n->jitter_pair_ns && n->jitter_pair_ns[i] != SCENARIO_JITTER_COMMON)
            own |= common || n->jitter_pair_ns[i] > 0;
    }
    n->loss = loses ? n->loss : NULL;
    n->jitter_pair_ns = own ? n->jitter_pair_ns : NULL;
}

/* ---- queues ---- */

void queue_read(struct reader *r, const struct tree *t, uint64_t *size, uint64_t *ns)
{
    static const struct field duration = {"queue",   FIELD_DURATION,  false, 0,
                                          NS_PER_US, 3600 * NS_PER_S, NULL};
    static const struct field bytes = {"queue", FIELD_SIZE, false, 0, 1500, UINT64_C(1) << 40, NULL};

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    *size = *ns = 0;
    if (strchr(t->text, 'B'))
        reader_value(r, t, &bytes, size);
    else
        reader_value(r, t, &duration, ns);
}

void aqm_read(struct reader *r, const struct tree *t, struct queue_config *out)
{
    static const struct field fields[] = {
        {"kind", FIELD_CHOICE, true, FIELD(queue_config, kind), 0, 0, aqm_names},
        {"target", FIELD_DURATION, false, FIELD(queue_config, target_ns), NS_PER_US, NS_PER_S, NULL},
        {"interval", FIELD_DURATION, false, FIELD(queue_config, interval_ns), NS_PER_US, 4 * NS_PER_S, NULL},
        {"flows", FIELD_U32, false, FIELD(queue_config, flows), 1, 65536, NULL},
    };
    const struct tree *at;

    *out = (struct queue_config){.kind = QUEUE_DROP_TAIL};
    if (t->kind != TREE_MAP) {
        reader_value(r, t, &fields[0], out);
        return;
    }
    reader_fields(r, t, FIELDS(fields), out);
    if (r->failed)
        return;
    if (out->kind == QUEUE_DROP_TAIL && ((at = tree_find(t, "target")) || (at = tree_find(t, "interval"))))
        reader_fail_key(r, at, "does not belong to drop-tail (codel, fq-codel)");
    if (out->kind != QUEUE_FQ_CODEL && (at = tree_find(t, "flows")))
        reader_fail_key(r, at, "belongs to fq-codel");
}

/* ---- pairs of regions ---- */

/* The regions of a key, or all. */
static uint32_t *ends_read(struct reader *r, const struct tree *t, const char *key, const struct scenario *s,
                           uint32_t *count)
{
    const struct tree *at = tree_find(t, key);
    uint32_t *all;

    if (at)
        return region_list_read(r, s, at, count);
    *count = s->network.region_count;
    all = arena_alloc(r->scratch, *count, sizeof *all);
    for (uint32_t i = 0; i < *count; i++)
        all[i] = i;
    return all;
}

/* Each of `from` with each of `to`. */
static struct scenario_pair *product_read(struct reader *r, const struct tree *t, const struct scenario *s,
                                          uint32_t *count)
{
    uint32_t from_count = 0, to_count = 0;
    const uint32_t *from = ends_read(r, t, "from", s, &from_count), *to = ends_read(r, t, "to", s, &to_count);
    struct scenario_pair *pairs;

    *count = 0;
    if (r->failed)
        return NULL;
    pairs = arena_alloc(r->arena, (size_t)from_count * to_count, sizeof *pairs);
    for (uint32_t i = 0; i < from_count; i++)
        for (uint32_t k = 0; k < to_count; k++)
            pairs[(*count)++] = (struct scenario_pair){from[i], to[k]};
    return pairs;
}

static bool both_ways_read(struct reader *r, const struct tree *t)
{
    static const struct field both_ways = {"both_ways", FIELD_BOOL, false, 0, 0, 0, NULL};
    const struct tree *at = tree_find(t, "both_ways");
    bool both = false;

    if (at)
        reader_value(r, at, &both_ways, &both);
    return both && !r->failed;
}

static struct scenario_pair *pairs_turned(struct reader *r, const struct scenario_pair *pairs, uint32_t count)
{
    struct scenario_pair *turned = arena_alloc(r->arena, count, sizeof *turned);

    for (uint32_t i = 0; i < count; i++)
        turned[i] = (struct scenario_pair){pairs[i].to, pairs[i].from};
    return turned;
}

struct scenario_pair *pairs_read(struct reader *r, const struct tree *t, const struct scenario *s, uint32_t *count)
{
    struct scenario_pair *there = product_read(r, t, s, count), *all;
    uint32_t regions = s->network.region_count, there_count = *count;
    bool *seen;

    if (!both_ways_read(r, t))
        return there;
    seen = arena_alloc(r->scratch, (size_t)regions * regions, sizeof *seen);
    all = arena_alloc(r->arena, 2 * (size_t)there_count, sizeof *all);
    memcpy(all, there, there_count * sizeof *all);
    for (uint32_t i = 0; i < there_count; i++)
        seen[(size_t)there[i].from * regions + there[i].to] = true;
    for (uint32_t i = 0; i < there_count; i++)
        if (!seen[(size_t)there[i].to * regions + there[i].from])
            all[(*count)++] = (struct scenario_pair){there[i].to, there[i].from};
    return all;
}

void losses_between_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const struct field fields[] = {
        {"from", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"to", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"both_ways", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"loss", FIELD_OTHER, true, 0, 0, 0, NULL},
    };
    struct scenario_network *n = &s->network;

    if (!reader_is(r, t, TREE_LIST, BETWEEN_MAX))
        return;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        struct scenario_pair *pairs;
        struct gilbert loss;
        uint32_t count;

        reader_fields(r, c, FIELDS(fields), &loss);
        if (r->failed)
            return;
        loss_read(r, tree_find(c, "loss"), &loss);
        pairs = pairs_read(r, c, s, &count);
        for (uint32_t i = 0; i < count; i++)
            links_losses(r, n)[(size_t)pairs[i].from * n->region_count + pairs[i].to] = loss;
    }
}

static void check_bottleneck(struct reader *r, const struct tree *t, const struct scenario *s,
                             const struct scenario_bottleneck *b, bool *taken)
{
    const struct scenario_network *n = &s->network;

    for (uint32_t i = 0; i < b->pair_count; i++) {
        const struct scenario_pair *p = &b->pairs[i];
        const char *from = n->regions[p->from].name, *to = n->regions[p->to].name;

        if (taken[(size_t)p->from * n->region_count + p->to])
            reader_fail(r, t, "%s to %s has a bottleneck already", from, to);
        if (scenario_latency_ns(s, p->from, p->to) < BOTTLENECK_LATENCY_MIN_NS)
            reader_fail(r, t, "%s to %s is too near for a bottleneck in the middle (1us at least)", from, to);
        taken[(size_t)p->from * n->region_count + p->to] = true;
    }
}

/* With both_ways: one for each direction. */
static void bottleneck_read(struct reader *r, const struct tree *t, struct scenario *s, bool *taken)
{
    static const struct field fields[] = {
        {"from", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"to", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"both_ways", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"rate", FIELD_BANDWIDTH, true, FIELD(scenario_bottleneck, rate_bps), 1000, SCENARIO_BPS_MAX, NULL},
        {"queue", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"aqm", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    struct scenario_network *n = &s->network;
    struct scenario_bottleneck b = {.queue_size = n->queue_size, .queue_ns = n->queue_ns};
    const struct tree *at;

    reader_fields(r, t, FIELDS(fields), &b);
    if (r->failed)
        return;
    if ((at = tree_find(t, "queue")))
        queue_read(r, at, &b.queue_size, &b.queue_ns);
    if ((at = tree_find(t, "aqm")))
        aqm_read(r, at, &b.aqm);
    b.pairs = product_read(r, t, s, &b.pair_count);
    check_bottleneck(r, t, s, &b, taken);
    n->bottlenecks[n->bottleneck_count++] = b;
    if (!both_ways_read(r, t))
        return;
    b.pairs = pairs_turned(r, b.pairs, b.pair_count);
    check_bottleneck(r, t, s, &b, taken);
    n->bottlenecks[n->bottleneck_count++] = b;
}

void bottlenecks_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    size_t cells = (size_t)s->network.region_count * s->network.region_count;
    bool *taken = arena_alloc(r->scratch, cells, sizeof *taken);

    if (!reader_is(r, t, TREE_LIST, BETWEEN_MAX))
        return;
    s->network.bottlenecks = arena_alloc(r->arena, 2 * (size_t)t->count, sizeof *s->network.bottlenecks);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        bottleneck_read(r, c, s, taken);
}
