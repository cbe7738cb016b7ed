/* A variant of a warm run: whether it could have had the same warm-up, and what comes after it. */
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <stdio.h>
#include <string.h>

struct check {
    const struct run *base;
    const struct scenario *scenario;
    const struct run_course *course;
    char *error;
    size_t error_size;
};

/* The messages of a node before the warm-up is over come first. */
static uint32_t early(const struct schedule *s, uint32_t node, uint64_t horizon_ns)
{
    uint32_t count = 0;

    while (s->first[node] + count < s->first[node + 1] && s->items[s->first[node] + count].at_ns < horizon_ns)
        count++;
    return count;
}

static bool same_message(const struct check *c, const struct publication *a, const struct publication *b)
{
    const struct scenario_traffic *x = &c->base->scenario->traffic[a->traffic], *y = &c->scenario->traffic[b->traffic];

    return a->at_ns == b->at_ns && a->number == b->number && a->size == b->size && x->via == y->via &&
           strcmp(x->label, y->label) == 0;
}

/* Of two lists of messages, the first that is not in both; NULL: they are the same. */
static const struct publication *first_difference(const struct check *c, uint32_t node, bool *is_new)
{
    const struct schedule *a = &c->base->schedule, *b = &c->course->schedule;
    uint32_t wanted = early(a, node, c->base->horizon_ns), given = early(b, node, c->base->horizon_ns);

    for (uint32_t i = 0; i < wanted || i < given; i++) {
        const struct publication *x = &a->items[a->first[node] + i], *y = &b->items[b->first[node] + i];

        *is_new = i >= wanted;
        if (i >= wanted || i >= given)
            return *is_new ? y : x;
        if (!same_message(c, x, y)) {
            *is_new = true;
            return y;
        }
    }
    return NULL;
}

static bool check_traffic(const struct check *c)
{
    const struct publication *first = NULL;
    bool first_is_new = false;
    char name[SCENARIO_NODE_NAME_SIZE];

    for (uint32_t node = 0; node < c->scenario->node_count; node++) {
        bool is_new;
        const struct publication *p = first_difference(c, node, &is_new);

        if (p && (!first || p->at_ns < first->at_ns)) {
            first = p;
            first_is_new = is_new;
        }
    }
    if (!first)
        return true;
    snprintf(c->error, c->error_size, "traffic.%u: the message of %s at %.9g s, before the warm-up is over, %s (let it start later)",
             first->traffic, scenario_node_name(c->scenario, first->node, name), (double)first->at_ns / 1e9,
             first_is_new ? "is another one than without the change" : "would be missing");
    return false;
}

static bool publishes_early(const struct run *run)
{
    for (uint32_t node = 0; node < run->scenario->node_count; node++)
        if (early(&run->schedule, node, run->horizon_ns))
            return true;
    return false;
}

static bool check_validation(const struct check *c)
{
    for (uint32_t i = 0; i < c->scenario->group_count; i++)
        if (c->scenario->groups[i].validation_ns != c->base->scenario->groups[i].validation_ns && publishes_early(c->base)) {
            snprintf(c->error, c->error_size,
                     "nodes.%u.validation: messages are validated before the warm-up is over (let the traffic start later)", i);
            return false;
        }
    return true;
}

/* The least latency between two regions, over the whole run: links count on it from the start. */
static uint64_t least_ns(const struct scenario *s, const struct timeline *t, uint32_t pair)
{
    return t->latency_least_ns ? t->latency_least_ns[pair] : s->network.latency_ns[pair];
}

static bool check_latencies(const struct check *c)
{
    const struct scenario *a = c->base->scenario, *b = c->scenario;
    uint32_t regions = a->network.region_count;

    for (uint32_t pair = 0; pair < regions * regions; pair++) {
        uint64_t wanted = least_ns(a, &c->base->timeline, pair), given = least_ns(b, &c->course->timeline, pair);

        if (wanted == given)
            continue;
        snprintf(c->error, c->error_size,
                 "events: the least latency from %s to %s over the whole run is %.9g ms in place of %.9g ms, and links reckon "
                 "with it before the warm-up is over (let no event go below what the scenario has)",
                 a->network.regions[pair / regions].name, a->network.regions[pair % regions].name, (double)given / 1e6,
                 (double)wanted / 1e6);
        return false;
    }
    return true;
}

/* A consequence of the same network and the same early events. */
static void check_steps(const struct check *c)
{
    const struct timeline *a = &c->base->timeline, *b = &c->course->timeline;
    uint32_t i = 0;

    while (i < a->step_count && a->steps[i].at_ns < c->base->horizon_ns) {
        CHECK(i < b->step_count && a->steps[i].at_ns == b->steps[i].at_ns && a->steps[i].kind == b->steps[i].kind);
        i++;
    }
    CHECK(i == b->step_count || b->steps[i].at_ns >= c->base->horizon_ns);
}

enum run_status course_prepare(const struct run *base, const struct scenario_reading *base_reading,
                               const struct scenario_reading *variant, struct run_course *out, char *error, size_t error_size)
{
    struct check c = {base, variant->scenario, out, error, error_size};
    struct scenario_error err;
    char refusal[256];
    const char *refused = base->ops->refuses(variant->scenario, refusal);

    *out = (struct run_course){.scenario = variant->scenario};
    if (refused || scenario_compare(base_reading, variant, &err) != ERR_OK) {
        snprintf(error, error_size, "%s", refused ? refused : err.text);
        return RUN_USAGE;
    }
    if (schedule_build(variant->scenario, &out->schedule, error, error_size) != ERR_OK)
        return RUN_USAGE;
    timeline_build(variant->scenario, base->nodes, &out->timeline);
    if (!check_traffic(&c) || !check_validation(&c) || !check_latencies(&c)) {
        course_free(out);
        return RUN_USAGE;
    }
    check_steps(&c);
    return RUN_OK;
}

void course_free(struct run_course *course)
{
    schedule_free(&course->schedule);
    timeline_free(&course->timeline);
}
