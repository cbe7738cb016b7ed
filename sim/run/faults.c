/* The events of a scenario: partitions, stops, crashes, restarts, joins, churn, changes of the network. Each begins with a call between the events of
 * the nodes; whom it hits is drawn from a stream of its own, and so are the times of those that it hits one by one. */
#include "sim/run/churn.h"
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <stdio.h>

/* What a scheduled call needs; all live until the end of the run. */
struct fault {
    struct run *run;
    uint32_t event;
    int slot;              /* of the partition in force; -1 */
    uint32_t *hit;         /* nodes; of a restart, those that come back */
    uint32_t hit_count;
    struct victim *victims; /* of `over`, once begun */
    struct churn *churn;    /* once begun */
};

static void tell(struct run *run, uint64_t now_ns, uint32_t event, uint32_t nodes)
{
    char detail[64];

    snprintf(detail, sizeof detail, "%u node%s", nodes, nodes == 1 ? "" : "s");
    report_event(run, now_ns, scenario_event_text(run->scenario->events[event].kind), detail);
}

static void end_partition(struct fault *f, uint64_t now_ns)
{
    if (f->slot < 0)
        return;
    f->run->ops->heal(f->run->world, f->slot);
    f->slot = -1;
    report_event(f->run, now_ns, scenario_event_text(SCENARIO_HEAL), "");
}

static void heal_one(void *arg, uint64_t now_ns)
{
    end_partition(arg, now_ns);
}

static void begin_partition(struct fault *f, uint64_t now_ns)
{
    struct run *run = f->run;
    const struct scenario_event *e = &run->scenario->events[f->event];
    bool *member = mem_zalloc(run->scenario->node_count * sizeof *member);

    for (uint32_t i = 0; i < f->hit_count; i++)
        member[f->hit[i]] = true;
    f->slot = run->ops->partition(run->world, member, e->direction);
    mem_free(member);
    if (f->slot < 0) {
        report_event(run, now_ns, "partition-failed", "too many at the same time");
        return;
    }
    tell(run, now_ns, f->event, f->hit_count);
    if (e->for_ns)
        run->ops->schedule_global(run->world, now_ns + e->for_ns, heal_one, f);
}

static void come_back(void *arg, uint64_t now_ns)
{
    struct fault *f = arg;

    for (uint32_t i = 0; i < f->hit_count; i++)
        resident_start(&f->run->residents[f->hit[i]], now_ns);
}

static void strike_one(const struct scenario_event *e, struct resident *r, uint64_t now_ns)
{
    if (e->kind == SCENARIO_STOP)
        resident_stop(r, now_ns);
    else if (e->keeps_memory)
        resident_suspend(r, now_ns);
    else
        resident_crash(r, now_ns);
}

static void strike(struct fault *f, uint64_t now_ns)
{
    struct run *run = f->run;
    const struct scenario_event *e = &run->scenario->events[f->event];
    uint32_t up = 0;

    for (uint32_t i = 0; i < f->hit_count; i++) {
        struct resident *r = &run->residents[f->hit[i]];

        if (!r->up)
            continue; /* it was down already, and stays so */
        strike_one(e, r, now_ns);
        f->hit[up++] = r->index;
    }
    f->hit_count = up;
    tell(run, now_ns, f->event, up);
    if (e->kind == SCENARIO_RESTART)
        run->ops->schedule_global(run->world, now_ns + e->after_ns, come_back, f);
}

static void join(struct fault *f, uint64_t now_ns)
{
    for (uint32_t i = 0; i < f->hit_count; i++)
        resident_start(&f->run->residents[f->hit[i]], now_ns);
    tell(f->run, now_ns, f->event, f->hit_count);
}

/* What it does to the network is in the timeline; here it is recorded. */
static void tell_change(const struct fault *f, uint64_t now_ns, bool over)
{
    const struct scenario_event *e = &f->run->scenario->events[f->event];
    uint32_t count = e->kind == SCENARIO_BANDWIDTH ? f->hit_count : e->pair_count;
    char kind[32], detail[64];

    snprintf(kind, sizeof kind, "%s%s", scenario_event_text(e->kind), over ? "-over" : "");
    if (e->kind == SCENARIO_BANDWIDTH)
        snprintf(detail, sizeof detail, "%u node%s", count, count == 1 ? "" : "s");
    else
        snprintf(detail, sizeof detail, "%u pair%s of regions", count, count == 1 ? "" : "s");
    report_event(f->run, now_ns, kind, detail);
}

static void end_change(void *arg, uint64_t now_ns)
{
    tell_change(arg, now_ns, true);
}

static void begin_change(struct fault *f, uint64_t now_ns)
{
    const struct scenario_event *e = &f->run->scenario->events[f->event];

    tell_change(f, now_ns, false);
    if (e->for_ns)
        f->run->ops->schedule_global(f->run->world, now_ns + e->for_ns, end_change, f);
}

/* ---- `over`: the nodes one by one, each as an event of its own ---- */

struct victim {
    const struct scenario_event *event;
    struct resident *resident;
};

static void start_one(void *arg, uint64_t now_ns)
{
    struct victim *v = arg;

    resident_turn(v->resident, now_ns, v->event->kind);
}

static void hit_one(void *arg, uint64_t now_ns)
{
    struct victim *v = arg;
    const struct run *run = v->resident->run;

    if (v->event->kind == SCENARIO_JOIN) {
        start_one(v, now_ns);
        return;
    }
    if (!v->resident->up)
        return;
    resident_tell(v->resident, now_ns, v->event->kind);
    strike_one(v->event, v->resident, now_ns);
    if (v->event->kind == SCENARIO_RESTART)
        run->ops->schedule(run->world, v->resident->index, now_ns + v->event->after_ns, start_one, v);
}

static void spread(struct fault *f, uint64_t now_ns)
{
    struct run *run = f->run;
    const struct scenario_event *e = &run->scenario->events[f->event];

    tell(run, now_ns, f->event, f->hit_count);
    f->victims = mem_grow(NULL, f->hit_count, sizeof *f->victims);
    for (uint32_t i = 0; i < f->hit_count; i++) {
        struct victim *v = &f->victims[i];
        struct rng r;

        *v = (struct victim){e, &run->residents[f->hit[i]]};
        rng_init(&r, rng_derive(run->scenario->seed, "over", (uint64_t)f->event << 32 | f->hit[i]), "time");
        run->ops->schedule(run->world, f->hit[i], now_ns + rng_below(&r, e->over_ns), hit_one, v);
    }
}

static void happen(void *arg, uint64_t now_ns)
{
    struct fault *f = arg;
    const struct scenario_event *e = &f->run->scenario->events[f->event];

    if (e->over_ns) {
        spread(f, now_ns);
        return;
    }
    switch (e->kind) {
    case SCENARIO_PARTITION:
        begin_partition(f, now_ns);
        break;
    case SCENARIO_HEAL:
        for (uint32_t i = 0; i < f->run->fault_count; i++)
            end_partition(f->run->faults[i], now_ns);
        break;
    case SCENARIO_STOP:
    case SCENARIO_CRASH:
    case SCENARIO_RESTART:
        strike(f, now_ns);
        break;
    case SCENARIO_JOIN:
        join(f, now_ns);
        break;
    case SCENARIO_LATENCY:
    case SCENARIO_LOSS:
    case SCENARIO_BANDWIDTH:
        begin_change(f, now_ns);
        break;
    case SCENARIO_CHURN:
        f->churn = churn_begin(f->run, e, f->hit, f->hit_count, f->event);
        tell(f->run, now_ns, f->event, churn_node_count(f->churn));
        break;
    case SCENARIO_EVENT_KIND_COUNT:
        UNREACHABLE();
    }
}

void faults_schedule(struct run *run, uint64_t until_ns)
{
    const struct scenario *s = run->scenario;

    run->faults = mem_grow(run->faults, s->event_count, sizeof *run->faults);
    while (run->fault_count < s->event_count && s->events[run->fault_count].at_ns < until_ns) {
        struct fault *f = mem_zalloc(sizeof *f);

        *f = (struct fault){.run = run, .event = run->fault_count, .slot = -1};
        f->hit_count = scenario_select(s, run->nodes, f->event, &f->hit);
        run->ops->schedule_global(run->world, s->events[f->event].at_ns, happen, f);
        run->faults[run->fault_count++] = f;
    }
}

void faults_free(struct run *run)
{
    for (uint32_t i = 0; i < run->fault_count; i++) {
        mem_free(run->faults[i]->hit);
        mem_free(run->faults[i]->victims);
        churn_free(run->faults[i]->churn);
        mem_free(run->faults[i]);
    }
    mem_free(run->faults);
}
