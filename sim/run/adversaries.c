/* Residents that are not honest: what sim/adversary needs of the run. */
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

static void identity_of(void *ctx, uint32_t node, struct identity *out)
{
    uint8_t seed[32];

    resident_identity(ctx, node, seed);
    identity_from_seed(out, seed);
}

static struct endpoint address_of(void *ctx, uint32_t node)
{
    return *run_address(ctx, node);
}

void adversaries_plan(struct run *run)
{
    const struct scenario *s = run->scenario;
    const struct adversary_census census = {run, identity_of, address_of};

    run->plans = mem_zalloc(s->group_count * sizeof *run->plans);
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].behaviour)
            adversary_plan_init(&run->plans[i], s, &s->groups[i], resident_message_id(&s->groups[i]), &census);
}

void adversaries_free(struct run *run)
{
    for (uint32_t i = 0; run->plans && i < run->scenario->group_count; i++)
        if (run->plans[i].group)
            adversary_plan_deinit(&run->plans[i]);
    mem_free(run->plans);
}

static void trace(void *ctx, uint64_t now_ns, const struct trace_event *event)
{
    const struct resident *r = ctx;

    report_trace(r->run, r->index, now_ns, event);
}

static void wake(void *arg, uint64_t now_ns)
{
    struct resident *r = arg;

    if (r->node && r->adversary)
        adversary_wake(r->adversary, now_ns);
}

static void wake_at(void *ctx, uint64_t at_ns)
{
    struct resident *r = ctx;

    run_schedule(r->run, r->index, at_ns, wake, r);
}

void adversary_enter(struct resident *r, struct node_config *config, struct node_events *events)
{
    const struct adversary_world world = {r, trace, wake_at};
    const struct run *run = r->run;

    CHECK(!r->adversary);
    r->adversary = adversary_new(&run->plans[run->nodes[r->index].group], &world,
                                 rng_derive(run->scenario->seed, "adversary", r->index));
    adversary_configure(r->adversary, config, events);
}

void adversary_leave(struct resident *r)
{
    if (r->adversary)
        adversary_retire(r->adversary);
}

void adversary_end(struct resident *r)
{
    if (r->adversary)
        adversary_free(r->adversary);
    r->adversary = NULL;
}
