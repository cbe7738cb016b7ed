/* The nodes of a run: how a group's settings become a node, its start, its dials, its messages, its end. */
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>

static const struct scenario_group *group_of(const struct resident *r)
{
    return &r->run->scenario->groups[r->run->nodes[r->index].group];
}

static const struct run_programs *programs_of(const struct resident *r)
{
    return r->run->options->programs;
}

void resident_identity(const struct run *run, uint32_t index, uint8_t seed[static 32])
{
    struct rng r;

    if (run->options->behaviour) {
        run->options->behaviour->identity(run->options->behaviour->ctx, index, seed);
        return;
    }
    rng_init(&r, rng_derive(run->scenario->seed, "node", index), "identity");
    rng_fill(&r, seed, 32);
}

gossipsub_id_fn *resident_message_id(const struct scenario_group *g)
{
    switch (g->message_id) {
    case SCENARIO_ID_DEFAULT:
        return gossipsub_id_default;
    case SCENARIO_ID_SHA256:
        return gossipsub_id_sha256;
    case SCENARIO_ID_BLAKE2B256:
        return gossipsub_id_blake2b256;
    case SCENARIO_ID_FIRST8:
        return gossipsub_id_first8;
    case SCENARIO_ID_ETH2:
        return gossipsub_id_eth2;
    }
    UNREACHABLE();
}

/* Within +- the group's offset and drift. */
static struct clock clock_of(const struct resident *r)
{
    const struct scenario *s = r->run->scenario;
    const struct scenario_group *g = group_of(r);
    struct clock c = {.offset_ns = s->clocks_ahead_ns};
    struct rng rng;

    rng_init(&rng, rng_derive(s->seed, "clock", r->index), "clock");
    c.offset_ns += rng_below(&rng, 2 * g->clock_offset_ns + 1) - g->clock_offset_ns;
    c.drift_ppb = (int64_t)rng_below(&rng, 2 * g->clock_drift_ppb + 1) - (int64_t)g->clock_drift_ppb;
    return c;
}

static struct node_config config_of(const struct resident *r)
{
    const struct scenario_group *g = group_of(r);
    struct node_config c = node_config_default();

    resident_identity(r->run, r->index, c.identity_seed);
    c.encryption = r->run->encryption;
    c.clock = clock_of(r);
    c.charges_work = r->run->scenario->cpu.present;
    c.listens = true;
    c.listen = r->run->addresses[r->index];
    c.yamux.keepalive_ns = g->keepalive_ns;
    c.gossipsub_on = g->gossipsub_on;
    if (g->gossipsub_on) {
        c.gossipsub.params = g->gossipsub;
        c.gossipsub.signing = g->signing;
        c.gossipsub.message_id = resident_message_id(g);
        c.gossipsub.validation_delay_ns = g->validation_ns;
        c.gossipsub_versions = g->versions;
        c.gossipsub.score = g->score;
        c.gossipsub.gater = g->gater;
        c.gossipsub.extensions = g->extensions;
        c.gossipsub.topics_allowed = g->topics_allowed;
        c.gossipsub.topics_allowed_count = g->topics_allowed_count;
        if (r->run->scenario->scores_every_ns && r->index % r->run->scenario->scores_of == 0)
            c.gossipsub.score_report_ns = r->run->scenario->scores_every_ns;
    }
    c.algorand_on = g->algorand_on;
    if (g->algorand_on)
        c.algorand = g->algorand;
    return c;
}

static void dial_next(void *arg, uint64_t now_ns);

/* One call is under way at most; a node that restarts meanwhile takes it over. */
static void schedule_dials(struct resident *r, uint64_t at_ns)
{
    if (r->dialling)
        return;
    r->dialling = true;
    r->run->ops->schedule(r->run->world, r->index, at_ns, dial_next, r);
}

static void dial_next(void *arg, uint64_t now_ns)
{
    struct resident *r = arg;
    const struct topology *t = &r->run->topology;
    uint64_t interval;

    r->dialling = false;
    if (!r->up)
        return;
    interval = group_of(r)->dial_interval_ns;
    while (r->dial_next < t->first[r->index + 1]) {
        uint32_t to = t->dials[r->dial_next++].to;

        if (programs_of(r))
            programs_of(r)->connect(programs_of(r)->ctx, r->index, now_ns, to);
        else
            node_connect(r->node, now_ns, &r->run->addresses[to], &r->run->peers[to]);
        if (interval && r->dial_next < t->first[r->index + 1]) {
            schedule_dials(r, now_ns + interval);
            return;
        }
    }
}

static void report(struct run *run, uint64_t now_ns, const char *kind, uint32_t node, const char *what)
{
    char name[SCENARIO_NODE_NAME_SIZE], detail[160];

    snprintf(detail, sizeof detail, "%s: %s", scenario_node_name(run->scenario, node, name), what);
    report_node_event(run, node, now_ns, kind, detail);
}

static void start_program(struct resident *r, uint64_t now_ns)
{
    if (r->up)
        return;
    r->up = true;
    if (!r->slept)
        r->dial_next = r->run->topology.first[r->index];
    r->slept = false;
    report_node_state(r->run, r->index, now_ns, true);
    programs_of(r)->start(programs_of(r)->ctx, r->index, now_ns);
    if (r->up && r->dial_next < r->run->topology.first[r->index + 1])
        schedule_dials(r, now_ns);
}

static void wake_up(struct resident *r, uint64_t now_ns)
{
    int err;

    r->up = true;
    r->node = r->asleep;
    r->asleep = NULL;
    r->run->ops->place(r->run->world, r->index, &node_app, r->node);
    report_node_state(r->run, r->index, now_ns, true);
    err = node_resume(r->node, now_ns);
    if (err)
        report(r->run, now_ns, "listen-failed", r->index, err_text(err));
    if (r->adversary)
        adversary_wake(r->adversary, now_ns); /* what came due meanwhile */
    if (r->dial_next < r->run->topology.first[r->index + 1])
        schedule_dials(r, now_ns);
}

/* Its part in the network: topics, or what an adversary does; then whom it dials. */
static void settle_in(struct resident *r, uint64_t now_ns)
{
    const struct scenario_group *g = group_of(r);
    const struct topology *t = &r->run->topology;

    for (uint32_t i = t->directs ? t->direct_first[r->index] : 0; t->directs && i < t->direct_first[r->index + 1]; i++)
        node_direct(r->node, now_ns, &r->run->addresses[t->directs[i]], &r->run->peers[t->directs[i]]);
    if (r->adversary)
        adversary_started(r->adversary, now_ns, r->node);
    for (uint32_t i = 0; i < g->topic_count && !r->adversary; i++)
        node_subscribe(r->node, now_ns, slice_text(r->run->scenario->topics[g->topics[i]]));
    if (r->dial_next < r->run->topology.first[r->index + 1])
        schedule_dials(r, now_ns + g->dial_delay_ns);
}

/* P5: what the group's settings say of the peer's group. */
static double app_score(void *ctx, const struct peerid *id)
{
    const struct resident *r = ctx;
    const struct scenario_group *g = group_of(r);
    const uint64_t *index = map_find(&r->run->by_peer, peerid_slice(id));

    for (uint32_t i = 0; index && i < g->app_score_count; i++)
        if (g->app_scores[i].group == r->run->nodes[*index].group)
            return g->app_scores[i].value;
    return 0;
}

void resident_start(struct resident *r, uint64_t now_ns)
{
    const struct scenario_group *g = group_of(r);
    const struct run_behaviour *behaviour = r->run->options->behaviour;
    struct node_events events = {0};
    struct node_config config = config_of(r);
    int err;

    if (programs_of(r)) {
        start_program(r, now_ns);
        return;
    }
    if (r->node)
        return;
    if (r->asleep) {
        wake_up(r, now_ns);
        return;
    }
    if (g->app_score_count) {
        events.ctx = r;
        events.app_score = app_score;
    }
    if (behaviour)
        behaviour->configure(behaviour->ctx, r->index, &config, &events);
    else if (g->behaviour)
        adversary_enter(r, &config, &events);
    capture_listen(r, &events);
    r->dial_next = r->run->topology.first[r->index];
    r->up = true;
    r->node = node_new(&config, r->run->ops->backend, r->run->ops->host(r->run->world, r->index), &events);
    r->run->ops->place(r->run->world, r->index, &node_app, r->node);
    report_node_state(r->run, r->index, now_ns, true);
    err = node_start(r->node, now_ns);
    if (err)
        report(r->run, now_ns, "listen-failed", r->index, err_text(err));
    if (behaviour) {
        behaviour->started(behaviour->ctx, r->index, now_ns, r->node);
        return;
    }
    settle_in(r, now_ns);
}

/* In the way that the call names. */
static void put_program_down(struct resident *r, uint64_t now_ns, void (*how)(void *ctx, uint32_t node, uint64_t now_ns))
{
    if (!r->up)
        return;
    r->up = false;
    how(programs_of(r)->ctx, r->index, now_ns);
    report_node_state(r->run, r->index, now_ns, false);
}

static void put_down(struct resident *r, uint64_t now_ns)
{
    struct node_counts c = node_counts(r->node);

    r->total_sent += c.bytes_sent;
    r->total_received += c.bytes_received;
    r->run->ops->place(r->run->world, r->index, NULL, NULL);
    adversary_leave(r);
    node_free(r->node);
    adversary_end(r);
    r->node = NULL;
    r->up = false;
    report_node_state(r->run, r->index, now_ns, false);
}

void resident_stop(struct resident *r, uint64_t now_ns)
{
    if (programs_of(r))
        put_program_down(r, now_ns, programs_of(r)->stop);
    if (!r->node)
        return;
    node_stop(r->node, now_ns);
    put_down(r, now_ns);
}

void resident_crash(struct resident *r, uint64_t now_ns)
{
    if (programs_of(r))
        put_program_down(r, now_ns, programs_of(r)->crash);
    if (r->node)
        put_down(r, now_ns);
}

void resident_suspend(struct resident *r, uint64_t now_ns)
{
    if (programs_of(r) && r->up) {
        put_program_down(r, now_ns, programs_of(r)->suspend);
        r->slept = true;
    }
    if (!r->node)
        return;
    node_suspend(r->node, now_ns);
    r->run->ops->place(r->run->world, r->index, NULL, NULL);
    r->asleep = r->node;
    r->node = NULL;
    r->up = false;
    report_node_state(r->run, r->index, now_ns, false);
}

static void tell(struct resident *r, uint64_t now_ns, enum scenario_event_kind kind, const char *what)
{
    char name[SCENARIO_NODE_NAME_SIZE], detail[160];

    snprintf(detail, sizeof detail, "%s %s", scenario_node_name(r->run->scenario, r->index, name), what);
    report_node_event(r->run, r->index, now_ns, scenario_event_text(kind), detail);
}

void resident_tell(struct resident *r, uint64_t now_ns, enum scenario_event_kind kind)
{
    tell(r, now_ns, kind, "down");
}

void resident_turn(struct resident *r, uint64_t now_ns, enum scenario_event_kind kind)
{
    if (r->up)
        return;
    tell(r, now_ns, kind, "up");
    resident_start(r, now_ns);
}

void run_schedule(struct run *run, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    run->ops->schedule(run->world, node, at_ns, fn, arg);
}

const struct endpoint *run_address(const struct run *run, uint32_t node)
{
    CHECK(node < run->scenario->node_count);
    return &run->addresses[node];
}

void run_retire(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *what)
{
    CHECK(node < run->scenario->node_count);
    if (what)
        report(run, now_ns, kind, node, what);
    resident_stop(&run->residents[node], now_ns);
}

/* A body is its number and zeros, as in libp2p's gossipsub-interop: unique, and of exactly the size asked for. */
static struct span body(const struct publication *p)
{
    struct blob *b = blob_new(p->size);

    memset(b->data, 0, b->size);
    CHECK(b->size >= 8);
    store_be64(b->data, p->number);
    return span_give(b);
}

static void publish_next(void *arg, uint64_t now_ns);

static void schedule_publication(struct resident *r)
{
    const struct schedule *s = &r->run->schedule;

    if (r->publication_next < s->first[r->index + 1] && s->items[r->publication_next].at_ns < r->run->horizon_ns)
        r->run->ops->schedule(r->run->world, r->index, s->items[r->publication_next].at_ns, publish_next, r);
}

static void publish_next(void *arg, uint64_t now_ns)
{
    struct resident *r = arg;
    const struct publication *p = &r->run->schedule.items[r->publication_next++];
    const struct scenario_traffic *t = &r->run->scenario->traffic[p->traffic];
    int err = ERR_OK;

    if (r->up) {
        struct span data = body(p);

        if (programs_of(r))
            programs_of(r)->publish(programs_of(r)->ctx, r->index, now_ns, t, span_slice(data));
        else if (t->via == TRAFFIC_GOSSIP)
            err = node_publish(r->node, now_ns, slice_text(t->label), data);
        else
            err = node_broadcast(r->node, now_ns, t->label, data);
        span_unref(data);
    } else {
        r->skipped++;
    }
    if (err)
        report(r->run, now_ns, "publish-failed", r->index, err_text(err));
    schedule_publication(r);
}

static void start_at(void *arg, uint64_t now_ns)
{
    resident_start(arg, now_ns);
}

void residents_schedule(struct run *run)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++) {
        struct resident *r = &run->residents[i];

        r->publication_next = run->schedule.first[i];
        schedule_publication(r);
        if (run->nodes[i].start_ns != TIME_NEVER)
            run->ops->schedule(run->world, i, run->nodes[i].start_ns, start_at, r);
    }
}

void residents_proceed(struct run *run)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++)
        schedule_publication(&run->residents[i]);
}

void residents_validate(struct run *run)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++) {
        struct resident *r = &run->residents[i];
        struct node *n = r->node ? r->node : r->asleep;

        if (n)
            node_validation_default(n, group_of(r)->validation_ns);
    }
}

void residents_reschedule(struct run *run, const struct schedule *schedule)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++) {
        uint32_t done = run->residents[i].publication_next - run->schedule.first[i];

        run->residents[i].publication_next = schedule->first[i] + done;
    }
    schedule_free(&run->schedule);
    run->schedule = *schedule;
}

void residents_bytes(struct run *run)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++) {
        struct resident *r = &run->residents[i];
        const struct node *n = r->node ? r->node : r->asleep;
        struct node_counts c = n ? node_counts(n) : (struct node_counts){0};

        if (programs_of(r))
            programs_of(r)->conclude(programs_of(r)->ctx, i, run->scenario->duration_ns, &c.bytes_sent, &c.bytes_received);
        recorder_bytes(run->recorder, i, r->total_sent + c.bytes_sent, r->total_received + c.bytes_received);
    }
}
