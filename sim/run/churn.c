/* A renewal process a node: up, down, up, ...; or the turns of a trace. */
#include "sim/run/churn.h"

#include "stack/base/mem.h"

/* A node that churns. */
struct churner {
    struct churn *churn;
    struct resident *resident;
    struct rng rng;
    bool away; /* it is down because of us */
};

/* A turn of a trace. */
struct turn {
    struct churn *churn;
    const struct scenario_turn *turn;
};

struct churn {
    struct run *run;
    const struct scenario_event *event;
    struct churner *churners;
    struct turn *turns;
    uint32_t node_count;
};

static void leave(const struct churn *c, struct resident *r, uint64_t now_ns)
{
    resident_tell(r, now_ns, SCENARIO_CHURN);
    if (c->event->churn->orderly)
        resident_stop(r, now_ns);
    else if (c->event->keeps_memory)
        resident_suspend(r, now_ns);
    else
        resident_crash(r, now_ns);
}

/* At least 1 ns, so that time goes on. */
static uint64_t draw(struct churner *w, const struct sample *s)
{
    uint64_t ns = sample_draw(s, &w->rng);

    return ns ? ns : 1;
}

static void turn_churner(void *arg, uint64_t now_ns);

static void schedule_turn(struct churner *w, uint64_t at_ns)
{
    const struct run *run = w->churn->run;

    run->ops->schedule(run->world, w->resident->index, at_ns, turn_churner, w);
}

static void schedule_leave(struct churner *w, uint64_t now_ns)
{
    const struct scenario_event *e = w->churn->event;
    uint64_t at_ns = now_ns + draw(w, &e->churn->up);

    if (!e->for_ns || at_ns < e->at_ns + e->for_ns)
        schedule_turn(w, at_ns);
}

static void turn_churner(void *arg, uint64_t now_ns)
{
    struct churner *w = arg;

    if (w->away) {
        w->away = false;
        resident_turn(w->resident, now_ns, SCENARIO_CHURN);
        schedule_leave(w, now_ns);
    } else if (w->resident->up) {
        leave(w->churn, w->resident, now_ns);
        w->away = true;
        schedule_turn(w, now_ns + draw(w, &w->churn->event->churn->down));
    } else {
        schedule_leave(w, now_ns);
    }
}

static void follow_turn(void *arg, uint64_t now_ns)
{
    const struct turn *t = arg;
    struct resident *r = &t->churn->run->residents[t->turn->node];

    if (t->turn->up)
        resident_turn(r, now_ns, SCENARIO_CHURN);
    else if (r->up)
        leave(t->churn, r, now_ns);
}

static void begin_trace(struct churn *c)
{
    const struct scenario_churn *trace = c->event->churn;
    bool *seen = mem_zalloc(c->run->scenario->node_count * sizeof *seen);

    c->turns = mem_grow(NULL, trace->turn_count, sizeof *c->turns);
    for (uint32_t i = 0; i < trace->turn_count; i++) {
        c->turns[i] = (struct turn){c, &trace->turns[i]};
        c->node_count += !seen[trace->turns[i].node];
        seen[trace->turns[i].node] = true;
        c->run->ops->schedule(c->run->world, trace->turns[i].node, trace->turns[i].at_ns, follow_turn, &c->turns[i]);
    }
    mem_free(seen);
}

struct churn *churn_begin(struct run *run, const struct scenario_event *e, const uint32_t *nodes, uint32_t count,
                          uint32_t event)
{
    struct churn *c = mem_zalloc(sizeof *c);

    c->run = run;
    c->event = e;
    if (e->churn->turns) {
        begin_trace(c);
        return c;
    }
    c->node_count = count;
    c->churners = mem_grow(NULL, count, sizeof *c->churners);
    for (uint32_t i = 0; i < count; i++) {
        struct churner *w = &c->churners[i];

        *w = (struct churner){.churn = c, .resident = &run->residents[nodes[i]]};
        rng_init(&w->rng, rng_derive(run->scenario->seed, "churn", (uint64_t)event << 32 | nodes[i]), "spans");
        schedule_leave(w, e->at_ns);
    }
    return c;
}

uint32_t churn_node_count(const struct churn *c)
{
    return c->node_count;
}

void churn_free(struct churn *c)
{
    if (!c)
        return;
    mem_free(c->churners);
    mem_free(c->turns);
    mem_free(c);
}
