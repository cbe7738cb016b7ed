/* One run from scenario to summary. */
#include "sim/run/internal.h"

#include "sim/run/version.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define SLICES 1000u             /* the run is driven in so many pieces, */
#define SLICE_MIN_NS 10000000ull /* but not smaller than this */

static volatile sig_atomic_t interrupted;

void run_interrupt(void)
{
    interrupted = 1;
}

void run_listen(void)
{
    interrupted = 0;
}

bool run_interrupted(void)
{
    return interrupted;
}

double run_clock_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t peak_rss_bytes(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)u.ru_maxrss * 1024;
}

static void trace(void *ctx, uint32_t node, uint64_t now_ns, const struct trace_event *event)
{
    struct run *run = ctx;
    const struct run_behaviour *behaviour = run->options->behaviour;

    report_trace(run, node, now_ns, event);
    if (behaviour)
        behaviour->traced(behaviour->ctx, node, now_ns, event);
}

static void expect(void *ctx, uint32_t node, unsigned step)
{
    const struct run *run = ctx;

    if (run->recorder)
        recorder_expect(run->recorder, node, step);
}

static void window(void *ctx, bool open)
{
    recorder_window(((struct run *)ctx)->recorder, open);
}

static void address_text(const struct endpoint *e, char out[static 32])
{
    snprintf(out, 32, "%u.%u.%u.%u:%u", e->ip[0], e->ip[1], e->ip[2], e->ip[3], e->port);
}

static void record_nodes(struct run *run)
{
    const struct scenario *s = run->scenario;

    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct scenario_node *n = &run->nodes[i];
        char name[SCENARIO_NODE_NAME_SIZE], peer[PEERID_TEXT_MAX], address[32];
        struct record_node row = {.index = i,
                                  .name = scenario_node_name(s, i, name),
                                  .group = s->groups[n->group].name,
                                  .region = s->network.regions[n->region].name,
                                  .class_name = n->class == SCENARIO_NONE ? NULL : s->network.classes[n->class].name,
                                  .peer_id = peer,
                                  .address = address,
                                  .peer_id_bytes = peerid_slice(&run->peers[i]),
                                  .up_bps = n->up_bps,
                                  .down_bps = n->down_bps,
                                  .behaviour = s->groups[n->group].behaviour
                                                   ? behaviour_text(s->groups[n->group].behaviour->kind)
                                                   : NULL,
                                  .algorand = s->groups[n->group].algorand_on,
                                  .down = true};

        peerid_text(&run->peers[i], peer);
        address_text(&run->addresses[i], address);
        recorder_node(run->recorder, &row);
    }
}

static void record_links(struct run *run)
{
    for (uint32_t i = 0; i < run->topology.dial_count; i++) {
        const struct scenario_edge *e = &run->topology.dials[i];

        recorder_link(run->recorder, e->from, e->to,
                      scenario_node_latency_ns(run->scenario, &run->nodes[e->from], &run->nodes[e->to]));
    }
}

/* Nodes that share an address have that of the first of them, and ports of their own. */
static struct endpoint address_of(const struct run *run, uint32_t node)
{
    const struct scenario_group *g = &run->scenario->groups[run->nodes[node].group];
    uint32_t place = (node - g->node_first) % g->per_address;
    struct endpoint e = run->ops->address(node - place);

    e.port = (uint16_t)(e.port + place);
    return e;
}

static bool groups_score_each_other(const struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].app_score_count)
            return true;
    return false;
}

static void name_nodes(struct run *run)
{
    uint32_t count = run->scenario->node_count;

    run->addresses = mem_grow(NULL, count, sizeof *run->addresses);
    run->peers = mem_grow(NULL, count, sizeof *run->peers);
    run->residents = mem_zalloc(count * sizeof *run->residents);
    for (uint32_t i = 0; i < count; i++) {
        struct identity id;
        uint8_t seed[32];

        resident_identity(run, i, seed);
        identity_from_seed(&id, seed);
        run->peers[i] = id.id;
        run->addresses[i] = address_of(run, i);
        run->residents[i].run = run;
        run->residents[i].index = i;
    }
    map_init(&run->by_peer, run->scenario->seed);
    for (uint32_t i = 0; i < count && groups_score_each_other(run->scenario); i++) {
        bool fresh;

        *map_insert(&run->by_peer, peerid_slice(&run->peers[i]), &fresh) = i;
    }
}

static enum run_status fail(struct run_result *result, enum run_status status, const char *text)
{
    snprintf(result->error, sizeof result->error, "%s", text);
    return status;
}

static enum run_status choose_encryption(struct run *run, struct run_result *result)
{
    enum scenario_encryption e = run->options->encryption;

    if (e == SCENARIO_ENCRYPTION_DEFAULT)
        e = run->scenario->network.encryption;
    if (e == SCENARIO_ENCRYPTION_DEFAULT)
        e = run->ops->virtual_time ? SCENARIO_ENCRYPTION_MODELLED : SCENARIO_ENCRYPTION_NOISE;
    if (e == SCENARIO_ENCRYPTION_MODELLED && !run->ops->virtual_time)
        return fail(result, RUN_USAGE,
                    "network.encryption: \"modelled\" protects nothing and is for simulated networks (noise)");
    run->encryption = e == SCENARIO_ENCRYPTION_NOISE ? NOISE_REAL : NOISE_MODELLED;
    return RUN_OK;
}

/* Everything that is drawn from the scenario and its seed before anything runs. */
enum run_status run_plan(struct run *run, struct run_result *result)
{
    const struct scenario *s = run->scenario;
    struct scenario_error err;
    char refusal[256];
    const char *refused = run->ops->refuses(s, refusal);

    if (refused)
        return fail(result, RUN_USAGE, refused);
    if (s->cpu.present && !run->ops->backend->charge) {
        snprintf(result->error, sizeof result->error, "cpu: the %s backend runs on a real CPU (des)", run->ops->name);
        return RUN_USAGE;
    }
    if (run->options->threads > 1 && !run->ops->lanes) {
        snprintf(result->error, sizeof result->error, "--threads: the %s backend runs on one thread (1)", run->ops->name);
        return RUN_USAGE;
    }
    if (run->options->programs) {
        refused = run->options->programs->refuses(run->options->programs->ctx, s, refusal);
        if (refused)
            return fail(result, RUN_USAGE, refused);
    }
    if (choose_encryption(run, result) != RUN_OK)
        return RUN_USAGE;
    run->horizon_ns = run->ops->virtual_time && s->warmup_ns ? s->warmup_ns : TIME_NEVER;
    run->nodes = scenario_expand(s);
    timeline_build(s, run->nodes, &run->timeline);
    if (run->options->behaviour)
        run->options->behaviour->place(run->options->behaviour->ctx, run->nodes);
    if (topology_build(s, &run->topology, &err) != ERR_OK)
        return fail(result, RUN_USAGE, err.text);
    run->planned = true;
    if (run->topology.warning)
        snprintf(result->warning, sizeof result->warning, "%s", run->topology.warning);
    name_nodes(run);
    adversaries_plan(run);
    if (captures_plan(run, result) != RUN_OK)
        return RUN_USAGE;
    if (schedule_build(s, &run->schedule, result->error, sizeof result->error) != ERR_OK)
        return RUN_USAGE;
    return RUN_OK;
}

static uint32_t threads_of(const struct run *run)
{
    return run->options->threads ? run->options->threads : 1;
}

static uint32_t record_every(enum record_extent extent, uint32_t sample)
{
    switch (extent) {
    case RECORD_AUTO:
        return RECORD_AUTOMATIC;
    case RECORD_ALL:
        return 1;
    case RECORD_SAMPLED:
        return sample;
    case RECORD_OFF:
        return RECORD_NONE;
    }
    UNREACHABLE();
}

enum run_status run_open_recorder(struct run *run, struct run_result *result)
{
    const struct scenario *s = run->scenario;
    struct record_run info = {.scenario_name = s->name,
                              .scenario_text = s->text,
                              .question = s->question,
                              .backend = run->ops->name,
                              .tcp_model = run->ops->virtual_time ? scenario_tcp_text(s->network.tcp) : "kernel",
                              .encryption = run->encryption == NOISE_REAL ? "noise" : "modelled",
                              .replay = run->options->replay,
                              .version = hearsay_version,
                              .seed = s->seed,
                              .threads = threads_of(run),
                              .node_count = s->node_count,
                              .duration_ns = s->duration_ns,
                              .warmup_ns = s->warmup_ns,
                              .cooldown_ns = s->cooldown_ns};

    info.hop_every = record_every(s->hops, s->record_sample);
    info.delivery_every = record_every(s->deliveries, s->record_sample);
    info.peer_every = record_every(s->peers, 1);
    info.message_histograms = s->message_histograms;
    for (uint32_t i = 0; i < s->expectation_count; i++)
        info.repeat_lags |= s->expectations[i].metric == EXPECT_DUPLICATE_LAG;
    if (recorder_open(run->options->database, &info, &run->recorder, result->error, sizeof result->error) != ERR_OK)
        return RUN_FAILED;
    record_nodes(run);
    record_links(run);
    return RUN_OK;
}

/* The events of a second at each node, roughly: some of its own, more for every connection. */
static uint32_t *weigh_nodes(const struct run *run)
{
    enum { OWN = 12, CONNECTION = 3 };
    uint32_t *weights = mem_grow(NULL, run->scenario->node_count, sizeof *weights);

    for (uint32_t i = 0; i < run->scenario->node_count; i++)
        weights[i] = OWN;
    for (uint32_t i = 0; i < run->topology.dial_count; i++) {
        weights[run->topology.dials[i].from] += CONNECTION;
        weights[run->topology.dials[i].to] += CONNECTION;
    }
    return weights;
}

/* The recorder hears from as many lanes as the world has. */
static enum run_status divide_recorder(struct run *run, struct run_result *result)
{
    uint32_t count = run->scenario->node_count, *lane_of;
    int err;

    if (!run->ops->lanes || run->ops->lanes->count(run->world) == 1)
        return RUN_OK;
    lane_of = mem_grow(NULL, count, sizeof *lane_of);
    for (uint32_t i = 0; i < count; i++)
        lane_of[i] = run->ops->lanes->of(run->world, i);
    err = recorder_divide(run->recorder, run->ops->lanes->count(run->world), lane_of);
    mem_free(lane_of);
    return err ? fail(result, RUN_FAILED, "cannot start the recorder's thread") : RUN_OK;
}

static enum run_status open_residences(struct run *run, struct run_result *result)
{
    const struct run_programs *programs = run->options->programs;

    if (run->options->behaviour)
        run->options->behaviour->begin(run->options->behaviour->ctx, run);
    if (programs && !programs->open(programs->ctx, run, result->error, sizeof result->error))
        return RUN_FAILED;
    residents_schedule(run);
    faults_schedule(run, run->horizon_ns);
    return RUN_OK;
}

enum run_status run_open_world(struct run *run, struct run_result *result)
{
    uint32_t *weights = weigh_nodes(run);
    struct world_config world = {.scenario = run->scenario,
                                 .nodes = run->nodes,
                                 .addresses = run->addresses,
                                 .timeline = &run->timeline,
                                 .horizon_ns = run->horizon_ns,
                                 .captures = run->capture_count > 0,
                                 .trace_ctx = run,
                                 .trace = trace,
                                 .expect = expect,
                                 .threads = threads_of(run),
                                 .weights = weights,
                                 .window = window};

    run->world = run->ops->open(&world, result->error, sizeof result->error);
    mem_free(weights);
    if (!run->world || divide_recorder(run, result) != RUN_OK || captures_open(run, result) != RUN_OK)
        return RUN_FAILED;
    if (open_residences(run, result) != RUN_OK)
        return RUN_FAILED;
    run->running_s = run_clock_s();
    return RUN_OK;
}

/* Between two slices: whether the run may go on. */
static enum run_status look_around(struct run *run, double elapsed_s, struct run_result *result)
{
    const struct run_programs *programs = run->options->programs;
    uint64_t limit_ns = run->scenario->wall_limit_ns;
    const char *failed = programs ? programs->failure(programs->ctx, false) : NULL;

    if (run->recorder && recorder_failed(run->recorder))
        return fail(result, RUN_FAILED, recorder_failed(run->recorder));
    if (interrupted)
        return fail(result, RUN_FAILED, "interrupted");
    if (limit_ns && elapsed_s > (double)limit_ns / 1e9) {
        snprintf(result->error, sizeof result->error, "the time limit (run.wall) is over%s%.900s", failed ? ": " : "", failed ? failed : "");
        return RUN_TIME_LIMIT;
    }
    if (failed)
        return fail(result, RUN_FAILED, failed);
    return RUN_OK;
}

enum run_status run_advance(struct run *run, uint64_t until_ns, struct run_result *result)
{
    uint64_t duration_ns = run->scenario->duration_ns;
    uint64_t slice_ns = duration_ns / SLICES > SLICE_MIN_NS ? duration_ns / SLICES : SLICE_MIN_NS;
    double flushed_s = run_clock_s();
    enum run_status status = RUN_OK;

    while (run->at_ns < until_ns && status == RUN_OK) {
        double now_s;

        run->at_ns = until_ns - run->at_ns > slice_ns ? run->at_ns + slice_ns : until_ns;
        if (run->ops->advance(run->world, run->at_ns) != ERR_OK)
            return fail(result, RUN_FAILED, "the backend failed");
        now_s = run_clock_s();
        progress_update(&run->progress, &(struct progress_state){
            run->at_ns, (uint64_t)((now_s - run->start_s) * 1e9),
            run->recorder ? recorder_deliveries(run->recorder) : tape_deliveries(run->tape)});
        status = look_around(run, now_s - run->start_s, result);
        if (run->recorder && now_s - flushed_s > 1) {
            recorder_flush(run->recorder);
            flushed_s = now_s;
        }
    }
    return status;
}

/* Nothing of the horizon's own time has happened yet. */
void run_proceed(struct run *run, const struct run_course *next)
{
    if (next) {
        run->scenario = next->scenario;
        residents_validate(run);
        residents_reschedule(run, &next->schedule);
        timeline_free(&run->timeline);
        run->timeline = next->timeline;
    }
    run->horizon_ns = TIME_NEVER;
    run->ops->proceed(run->world, &run->timeline);
    residents_proceed(run);
    faults_schedule(run, TIME_NEVER);
}

/* Nodes go before their world, and silently: the run is over. */
void run_dismantle(struct run *run)
{
    for (uint32_t i = 0; run->residents && i < run->scenario->node_count; i++) {
        struct resident *r = &run->residents[i];

        adversary_leave(r);
        if (r->node)
            node_free(r->node);
        if (r->asleep)
            node_free(r->asleep);
        adversary_end(r);
        r->node = r->asleep = NULL;
    }
    if (run->options->programs)
        run->options->programs->close(run->options->programs->ctx);
    captures_free(run);
    if (run->world)
        run->ops->close(run->world);
    faults_free(run);
    adversaries_free(run);
    schedule_free(&run->schedule);
    recorder_free(run->recorder);
    tape_free(run->tape);
    mem_free(run->nodes);
    timeline_free(&run->timeline);
    mem_free(run->addresses);
    map_deinit(&run->by_peer);
    mem_free(run->peers);
    if (run->planned)
        topology_free(&run->topology);
    mem_free(run->residents);
}

static void finish_world(struct run *run, struct run_result *result)
{
    char text[256];

    if (!run->ops->finish)
        return;
    if (run->ops->finish(run->world, text))
        snprintf(result->warning, sizeof result->warning, "%s", text);
    recorder_event(run->recorder, run->scenario->duration_ns, run->ops->name, text);
}

/* What a finished run comes to: totals, judgement, the last rows. */
static enum run_status conclude(struct run *run, void (*each)(void *ctx, const struct run_judgement *j), void *ctx,
                                struct run_result *result)
{
    struct record_totals totals = {.sim_ns = run->scenario->duration_ns,
                                   .peak_rss_bytes = peak_rss_bytes(),
                                   .threads = 1,
                                   .lookahead_ns = UINT64_MAX};
    const struct run_behaviour *behaviour = run->options->behaviour;
    const struct run_programs *programs = run->options->programs;
    struct record_summary summary;

    finish_world(run, result);
    residents_bytes(run);
    run->ops->counts(run->world, &totals.events, &totals.connections);
    if (run->ops->lanes) {
        totals.threads = run->ops->lanes->count(run->world);
        totals.lookahead_ns = run->ops->lanes->lookahead_ns(run->world);
    }
    totals.setup_wall_s = run->running_s - run->start_s;
    totals.wall_s = run_clock_s() - run->start_s;
    recorder_summarize(run->recorder, &totals, &summary);
    result->expectations = run->scenario->expectation_count;
    result->expectations_failed = judge(run, &summary, each, ctx);
    summary_deinit(&summary);
    result->has_summary = true;
    if (recorder_finish(run->recorder, &totals, &result->summary, result->error,
                        sizeof result->error) != ERR_OK)
        return RUN_FAILED;
    if (!captures_finish(run))
        return fail(result, RUN_FAILED, "a capture could not be written whole");
    if (behaviour && behaviour->failure(behaviour->ctx))
        return fail(result, RUN_FAILED, behaviour->failure(behaviour->ctx));
    if (programs && programs->failure(programs->ctx, true))
        return fail(result, RUN_FAILED, programs->failure(programs->ctx, true));
    return result->expectations_failed ? RUN_FAILED : RUN_OK;
}

enum run_status run_to_end(struct run *run, void (*each)(void *ctx, const struct run_judgement *j), void *ctx,
                           struct run_result *result)
{
    enum run_status status = RUN_OK;

    if (run->horizon_ns != TIME_NEVER) {
        status = run_advance(run, run->horizon_ns - 1, result);
        if (status == RUN_OK)
            run_proceed(run, NULL);
    }
    if (status == RUN_OK)
        status = run_advance(run, run->scenario->duration_ns, result);
    progress_finish(&run->progress);
    if (status == RUN_OK)
        status = conclude(run, each, ctx, result);
    else
        recorder_abort(run->recorder, result->error);
    for (uint32_t i = 0; i < run->scenario->node_count; i++)
        result->skipped += run->residents[i].skipped;
    return status;
}

enum run_status run_scenario(const struct scenario *s, const struct run_options *options,
                             void (*each)(void *ctx, const struct run_judgement *j), void *ctx,
                             struct run_result *result)
{
    struct run run = {.scenario = s, .options = options, .ops = options->world, .start_s = run_clock_s()};
    enum run_status status;

    *result = (struct run_result){0};
    run_listen();
    status = run_plan(&run, result);
    if (status == RUN_OK)
        status = run_open_recorder(&run, result);
    if (status == RUN_OK)
        status = run_open_world(&run, result);
    if (status == RUN_OK) {
        progress_init(&run.progress, stderr, options->progress, s->duration_ns);
        status = run_to_end(&run, each, ctx, result);
    }
    run_dismantle(&run);
    return status;
}
