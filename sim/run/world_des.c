/* The discrete-event simulator as a world. */
#include "sim/capture/pcap.h"
#include "sim/des/des.h"
#include "sim/run/demands.h"
#include "sim/run/world.h"
#include "sim/tcp/tcp.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>

struct world {
    struct des *des;
    const struct timeline *timeline; /* its steps are applied at their times, one call after the other */
    uint32_t next_step;
    uint64_t horizon_ns; /* steps from here on are not scheduled yet */
    struct pcap **files; /* of captures */
    uint32_t file_count;
};

static const enum des_tcp models[] = {[SCENARIO_TCP_IDEAL] = DES_TCP_IDEAL,
                                      [SCENARIO_TCP_FLIGHT] = DES_TCP_FLIGHT,
                                      [SCENARIO_TCP_PACKET] = DES_TCP_PACKET};

/* What a TCP model may be unable to honour. */
static const struct {
    enum demand demand;
    enum des_feature feature;
    const char *why;
} limits[] = {
    {DEMAND_PATH_LOSS, DES_LOSS, "loses nothing"},
    {DEMAND_LINK_LOSS, DES_LOSS, "loses nothing"},
    {DEMAND_CHANGES_OF_LOSS, DES_LOSS, "loses nothing"},
    {DEMAND_AQM, DES_AQM, "has drop-tail queues only"},
    {DEMAND_BOTTLENECKS, DES_BOTTLENECKS, "has no links in the middle of paths"},
};

static const char *refuses(const struct scenario *s, char *out)
{
    if (s->network.tcp == SCENARIO_TCP_IDEAL && (s->network.send_buffer_size || s->network.receive_buffer_size)) {
        snprintf(out, 256, "network.%s_buffer: the \"ideal\" TCP has no windows (leave it out)",
                 s->network.send_buffer_size ? "send" : "receive");
        return out;
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        char name[DEMAND_NAME_SIZE];
        const char *setting = demand_of(s, limits[i].demand, name);

        if (setting && !des_tcp_honours(models[s->network.tcp], limits[i].feature)) {
            snprintf(out, 256, "%s: the \"%s\" TCP %s (%s)", setting, scenario_tcp_text(s->network.tcp), limits[i].why,
                     des_tcp_honours(DES_TCP_FLIGHT, limits[i].feature) ? "flight, packet" : "packet");
            return out;
        }
    }
    return NULL;
}

/* 10.0.0.1 and up: as long as a loopback address in every message that carries one. */
static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(0x0a000001u + node, 4001);
}

/* Buffers of a given size do not grow. */
static struct tcp_config tcp_of(const struct scenario_network *n)
{
    struct tcp_config tcp = n->tcp_settings;

    tcp.send_buffer = n->send_buffer_size;
    tcp.receive_buffer = n->receive_buffer_size;
    return tcp;
}

static void apply(struct des *d, const struct timeline_step *step)
{
    switch (step->kind) {
    case TIMELINE_LATENCY:
        des_latency_set(d, step->from, step->to, step->latency_ns);
        return;
    case TIMELINE_LOSS:
        des_loss_set(d, step->from, step->to, &step->loss);
        return;
    case TIMELINE_BANDWIDTH:
        des_bandwidth_set(d, step->node, step->up_bps, step->down_bps);
        return;
    }
    UNREACHABLE();
}

static void walk(void *arg, uint64_t now_ns);

static void schedule_step(struct world *w)
{
    const struct timeline *t = w->timeline;

    if (w->next_step < t->step_count && t->steps[w->next_step].at_ns < w->horizon_ns)
        des_schedule_global(w->des, t->steps[w->next_step].at_ns, walk, w);
}

static void walk(void *arg, uint64_t now_ns)
{
    struct world *w = arg;
    const struct timeline *t = w->timeline;

    while (w->next_step < t->step_count && t->steps[w->next_step].at_ns <= now_ns)
        apply(w->des, &t->steps[w->next_step++]);
    schedule_step(w);
}

static void proceed(void *world, const struct timeline *timeline)
{
    struct world *w = world;

    w->timeline = timeline;
    w->horizon_ns = TIME_NEVER;
    schedule_step(w);
}

static void add_host(struct des *d, const struct world_config *config, uint32_t i)
{
    const struct scenario *s = config->scenario;
    const struct scenario_node *node = &config->nodes[i];
    struct des_host_config host = {.address = config->addresses[i],
                                   .shares_address = s->groups[node->group].per_address > 1,
                                   .region = node->region,
                                   .up_bps = node->up_bps,
                                   .down_bps = node->down_bps,
                                   .cores = node->cores,
                                   .speed_ppm = node->speed_ppm,
                                   .aqm = s->network.aqm,
                                   .unreachable = s->groups[node->group].reach == SCENARIO_UNREACHABLE};

    if (node->class != SCENARIO_NONE) {
        const struct scenario_class *c = &s->network.classes[node->class];

        host.queue_size = c->queue_size;
        host.queue_ns = c->queue_ns;
        host.aqm = c->aqm;
        host.loss_up = c->loss_up;
        host.loss_down = c->loss_down;
    }
    des_host_add(d, &host);
}

static void add_bottlenecks(struct des *d, const struct scenario_network *n)
{
    for (uint32_t i = 0; i < n->bottleneck_count; i++) {
        const struct scenario_bottleneck *b = &n->bottlenecks[i];
        struct des_pair *pairs = mem_grow(NULL, b->pair_count, sizeof *pairs);
        struct des_bottleneck config = {.pairs = pairs,
                                        .pair_count = b->pair_count,
                                        .bps = b->rate_bps,
                                        .queue_size = b->queue_size,
                                        .queue_ns = b->queue_ns,
                                        .aqm = b->aqm};

        for (uint32_t k = 0; k < b->pair_count; k++)
            pairs[k] = (struct des_pair){b->pairs[k].from, b->pairs[k].to};
        des_bottleneck_add(d, &config);
        mem_free(pairs);
    }
}

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    const struct scenario *s = config->scenario;
    const struct scenario_network *n = &s->network;
    struct tcp_config tcp = tcp_of(n);
    struct des_config des = {.seed = s->seed,
                             .region_count = n->region_count,
                             .latency_ns = n->latency_ns,
                             .latency_least_ns = config->timeline->latency_least_ns,
                             .jitter_ppm = n->jitter_ppm,
                             .jitter_ns = n->jitter_ns,
                             .jitter = n->jitter.kind == JITTER_UNIFORM ? NULL : &n->jitter,
                             .jitter_pair_ns = n->jitter_pair_ns,
                             .loss = n->loss,
                             .queue_size = n->queue_size,
                             .queue_ns = n->queue_ns,
                             .tcp = models[n->tcp],
                             .tcp_config = &tcp,
                             .costs = s->cpu.present ? s->cpu.costs : NULL,
                             .trace_ctx = config->trace_ctx,
                             .trace = config->trace,
                             .window = config->window,
                             .expect = config->expect};
    struct world *w = mem_zalloc(sizeof *w);
    struct des *d = des_new(&des);

    _Static_assert(SCENARIO_JITTER_COMMON == DES_JITTER_COMMON, "one mark for both");
    for (uint32_t i = 0; i < s->node_count; i++)
        add_host(d, config, i);
    add_bottlenecks(d, n);
    for (uint32_t i = 0; i < n->node_latency_count; i++)
        des_latency_pair(d, n->node_latencies[i].from, n->node_latencies[i].to, n->node_latencies[i].latency_ns);
    if (des_divide(d, config->threads, config->weights) != ERR_OK) {
        snprintf(error, error_size, "cannot start %u threads", config->threads);
        des_free(d);
        mem_free(w);
        return NULL;
    }
    *w = (struct world){.des = d, .timeline = config->timeline, .horizon_ns = config->horizon_ns};
    walk(w, 0);
    return w;
}

static struct des *des_of(const void *world)
{
    return ((const struct world *)world)->des;
}

static bool finish_captures(void *world);

static void close_world(void *world)
{
    struct world *w = world;

    des_free(w->des);
    finish_captures(w);
    mem_free(w);
}

static void *host(void *world, uint32_t node)
{
    return des_host(des_of(world), node);
}

static void place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    des_host_run(des_of(world), node, app, ctx);
}

static void schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns),
                     void *arg)
{
    des_schedule(des_of(world), node, at_ns, fn, arg);
}

static void schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    des_schedule_global(des_of(world), at_ns, fn, arg);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    static const enum des_cut cuts[] = {
        [SCENARIO_BOTH] = DES_CUT_BOTH, [SCENARIO_OUT] = DES_CUT_OUT, [SCENARIO_IN] = DES_CUT_IN};

    return des_partition(des_of(world), member, cuts[direction]);
}

static void heal(void *world, int slot)
{
    des_heal(des_of(world), slot);
}

static int advance(void *world, uint64_t until_ns)
{
    des_run(des_of(world), until_ns);
    return ERR_OK;
}

static uint64_t now_ns(const void *world)
{
    return des_now_ns(des_of(world));
}

static void counts(const void *world, uint64_t *events, uint64_t *connections)
{
    struct des_counts c = des_counts(des_of(world));

    *events = c.events;
    *connections = c.connections;
}

static uint32_t lane_count(const void *world)
{
    return des_lane_count(des_of(world));
}

static uint32_t lane_of(const void *world, uint32_t node)
{
    return des_lane(des_of(world), node);
}

static uint64_t lookahead_ns(const void *world)
{
    return des_lookahead_ns(des_of(world));
}

static const struct world_lanes lanes = {lane_count, lane_of, lookahead_ns};

/* ---- captures ---- */

static const char *refuses_captures(const struct scenario *s)
{
    return des_tcp_honours(models[s->network.tcp], DES_CAPTURE)
               ? NULL
               : s->network.tcp == SCENARIO_TCP_FLIGHT ? "the \"flight\" TCP has trains, not packets (network.tcp: packet)"
                                                       : "the \"ideal\" TCP has no packets (network.tcp: packet)";
}

static bool start_capture(void *world, uint32_t node, const char *path)
{
    struct world *w = world;
    struct pcap *file = mem_zalloc(sizeof *file);

    if (!pcap_create(file, path, 0)) {
        mem_free(file);
        return false;
    }
    w->files = mem_grow(w->files, w->file_count + 1, sizeof *w->files);
    w->files[w->file_count++] = file;
    des_capture(w->des, node, file);
    return true;
}

static bool finish_captures(void *world)
{
    struct world *w = world;
    bool ok = true;

    for (uint32_t i = 0; i < w->file_count; i++) {
        ok = pcap_finish(w->files[i]) && ok;
        mem_free(w->files[i]);
    }
    mem_free(w->files);
    w->files = NULL;
    w->file_count = 0;
    return ok;
}

static bool ends(void *world, uint32_t node, struct backend_conn conn, struct endpoint *local, struct endpoint *remote)
{
    return des_ends(des_of(world), node, conn, local, remote);
}

static const struct world_captures captures = {refuses_captures, start_capture, ends, finish_captures};

const struct world_ops world_des = {"des",    &des_ops,        true,      refuses, address, open_world, close_world,
                                    host,     place,           schedule,  schedule_global, partition, heal,
                                    proceed,  advance,         now_ns,    counts,  &lanes, NULL,     &captures};
