/* ns-3 as a world: its TCP over the scenario's links, in virtual time. */
#include "sim/ns3/ns3.h"
#include "sim/ns3/plugin.h"
#include "sim/run/demands.h"
#include "sim/run/world.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <stdio.h>

#define SEGMENT_OVERHEAD 904u /* what the kernel charges a buffer for a segment besides its payload */

struct world {
    struct ns3 *ns3;
    const struct timeline *timeline; /* its steps are applied at their times, one call after the other */
    uint32_t next_step;
    uint64_t horizon_ns; /* steps from here on are not scheduled yet */
    uint32_t *captured, captured_count; /* nodes */
};

/* ---- what it cannot do ---- */

/* Settings of TCP that ns-3 3.37 has nothing for. Those that are switches may be given as what ns-3 does. */
static const char *tcp_beyond(const struct scenario_network *n)
{
    const struct tcp_config *t = &n->tcp_settings;
    const struct {
        const char *key;
        bool fits;
    } settings[] = {{"rack", !t->rack},
                    {"tail_loss_probe", !t->tlp},
                    {"tcp_friendly", !t->tcp_friendly},
                    {"quick_acks", t->quick_acks == 0},
                    {"rto_max", t->rto_max_ns == 60 * UINT64_C(1000000000)}};

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!settings[i].fits && scenario_tcp_given(n, settings[i].key))
            return settings[i].key;
    return NULL;
}

static const char *refuses(const struct scenario *s, char *out)
{
    static const uint32_t honoured = 1u << DEMAND_JITTER_DISTRIBUTION | 1u << DEMAND_PATH_LOSS | 1u << DEMAND_LINK_LOSS |
                                     1u << DEMAND_BOTTLENECKS | 1u << DEMAND_CHANGES_OF_LATENCY |
                                     1u << DEMAND_CHANGES_OF_LOSS | 1u << DEMAND_CHANGES_OF_BANDWIDTH |
                                     1u << DEMAND_UNREACHABLE_NODES;
    char name[DEMAND_NAME_SIZE], error[192];
    const char *setting = demand_beyond(s, honoured, name), *tcp = tcp_beyond(&s->network);

    if (!ns3_plugin(error, sizeof error))
        snprintf(out, 256, "the ns3 backend: %s", error);
    else if (s->cpu.present)
        snprintf(out, 256, "cpu: in the ns3 backend work takes no time (des)");
    else if (s->network.tcp == SCENARIO_TCP_IDEAL)
        snprintf(out, 256, "network.tcp: the ns3 backend has no \"ideal\" TCP, only ns-3's (leave it out)");
    else if (tcp)
        snprintf(out, 256, "network.tcp.%s: the TCP of ns-3 3.37 cannot do this (des)", tcp);
    else if (setting)
        snprintf(out, 256, "%s: the ns3 backend has drop-tail queues only (des)", setting);
    else
        return NULL;
    return out;
}

/* 10.0.0.1 and up, as ns-3 numbers its hosts. */
static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(0x0a000001u + node, 4001);
}

/* ---- from the scenario to ns-3 ---- */

/* What is payload of a buffer that is counted as the kernel does; else ns-3's count as it is. */
static uint32_t buffer_of(uint64_t fixed, uint64_t most, uint32_t mss)
{
    uint64_t size = fixed ? fixed : most * mss / (mss + SEGMENT_OVERHEAD);

    return (uint32_t)(size < mss ? mss : size);
}

static struct ns3c_tcp tcp_of(const struct scenario_network *n)
{
    const struct tcp_config *t = &n->tcp_settings;
    struct ns3c_tcp tcp = {.congestion = t->congestion == TCP_CUBIC ? NS3C_CUBIC : NS3C_NEWRENO,
                           .hystart = t->hystart,
                           .fast_convergence = t->fast_convergence,
                           .sack = t->sack,
                           .timestamps = t->timestamps,
                           .limited_transmit = true,
                           .prr = t->prr,
                           .idle_restart = t->idle_restart,
                           .mss = t->mss,
                           .initial_window = t->initial_window,
                           .dupthresh = t->dupthresh,
                           .delayed_acks = t->delayed_ack ? 2 : 1,
                           .delayed_ack_ns = t->delayed_ack_ns,
                           .rto_initial_ns = t->rto_initial_ns,
                           .rto_min_ns = t->rto_min_ns,
                           .syn_retries = t->syn_retries,
                           .retries = t->retries,
                           .time_wait_ns = t->fin_timeout_ns};

    tcp.send_buffer = buffer_of(n->send_buffer_size, t->send_buffer_max, t->mss);
    tcp.send_buffer_initial = n->send_buffer_size ? tcp.send_buffer : (uint32_t)t->send_buffer_initial;
    tcp.receive_buffer = buffer_of(n->receive_buffer_size, t->receive_buffer_max, t->mss);
    return tcp;
}

static void add_host(struct ns3 *n, const struct world_config *config, uint32_t i)
{
    const struct scenario *s = config->scenario;
    const struct scenario_node *node = &config->nodes[i];
    struct ns3_host_config host = {.address = config->addresses[i],
                                   .region = node->region,
                                   .shares_address = s->groups[node->group].per_address > 1,
                                   .up_bps = node->up_bps,
                                   .down_bps = node->down_bps,
                                   .unreachable = s->groups[node->group].reach == SCENARIO_UNREACHABLE};

    if (node->class != SCENARIO_NONE) {
        const struct scenario_class *c = &s->network.classes[node->class];

        host.queue_size = c->queue_size;
        host.queue_ns = c->queue_ns;
        host.loss_up = c->loss_up;
        host.loss_down = c->loss_down;
    }
    ns3_host_add(n, &host);
}

static void add_bottlenecks(struct ns3 *n, const struct scenario_network *network, const uint64_t *least_ns)
{
    for (uint32_t i = 0; i < network->bottleneck_count; i++) {
        const struct scenario_bottleneck *b = &network->bottlenecks[i];
        struct ns3_pair *pairs = mem_grow(NULL, b->pair_count, sizeof *pairs);
        struct ns3_bottleneck config = {pairs, b->pair_count, b->rate_bps, b->queue_size, b->queue_ns};

        for (uint32_t k = 0; k < b->pair_count; k++)
            pairs[k] = (struct ns3_pair){b->pairs[k].from, b->pairs[k].to};
        ns3_bottleneck_add(n, &config, least_ns ? least_ns : network->latency_ns);
        mem_free(pairs);
    }
}

/* ---- what of the network changes ---- */

static void apply(struct ns3 *n, const struct timeline_step *step)
{
    switch (step->kind) {
    case TIMELINE_LATENCY:
        ns3_latency_set(n, step->from, step->to, step->latency_ns);
        return;
    case TIMELINE_LOSS:
        ns3_loss_set(n, step->from, step->to, &step->loss);
        return;
    case TIMELINE_BANDWIDTH:
        ns3_bandwidth_set(n, step->node, step->up_bps, step->down_bps);
        return;
    }
    UNREACHABLE();
}

static void walk(void *arg, uint64_t now_ns);

static void schedule_step(struct world *w)
{
    const struct timeline *t = w->timeline;

    if (w->next_step < t->step_count && t->steps[w->next_step].at_ns < w->horizon_ns)
        ns3_schedule_global(w->ns3, t->steps[w->next_step].at_ns, walk, w);
}

static void walk(void *arg, uint64_t now_ns)
{
    struct world *w = arg;
    const struct timeline *t = w->timeline;

    while (w->next_step < t->step_count && t->steps[w->next_step].at_ns <= now_ns)
        apply(w->ns3, &t->steps[w->next_step++]);
    schedule_step(w);
}

static void proceed(void *world, const struct timeline *timeline)
{
    struct world *w = world;

    w->timeline = timeline;
    w->horizon_ns = TIME_NEVER;
    schedule_step(w);
}

/* ---- the world ---- */

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    const struct scenario *s = config->scenario;
    const struct scenario_network *n = &s->network;
    struct ns3c_tcp tcp = tcp_of(n);
    struct ns3_config ns3 = {.seed = s->seed,
                             .region_count = n->region_count,
                             .latency_ns = n->latency_ns,
                             .jitter_ppm = n->jitter_ppm,
                             .jitter_ns = n->jitter_ns,
                             .jitter = n->jitter.kind == JITTER_UNIFORM ? NULL : &n->jitter,
                             .jitter_pair_ns = n->jitter_pair_ns,
                             .loss = n->loss,
                             /* What comes after the horizon may have events that this timeline has not. */
                             .latencies_change = config->timeline->latency_least_ns || config->horizon_ns != TIME_NEVER,
                             .queue_size = n->queue_size,
                             .queue_ns = n->queue_ns,
                             .tcp = &tcp,
                             .checksums = config->captures,
                             .trace_ctx = config->trace_ctx,
                             .trace = config->trace};
    struct world *w = mem_zalloc(sizeof *w);

    _Static_assert(SCENARIO_JITTER_COMMON == NS3_JITTER_COMMON, "one mark for both");
    w->ns3 = ns3_new(&ns3, error, error_size);
    if (!w->ns3) {
        mem_free(w);
        return NULL;
    }
    w->timeline = config->timeline;
    w->horizon_ns = config->horizon_ns;
    for (uint32_t i = 0; i < s->node_count; i++)
        add_host(w->ns3, config, i);
    add_bottlenecks(w->ns3, n, config->timeline->latency_least_ns);
    for (uint32_t i = 0; i < n->node_latency_count; i++)
        ns3_latency_pair(w->ns3, n->node_latencies[i].from, n->node_latencies[i].to, n->node_latencies[i].latency_ns);
    walk(w, 0);
    return w;
}

static struct ns3 *ns3_of(const void *world)
{
    return ((const struct world *)world)->ns3;
}

static void close_world(void *world)
{
    struct world *w = world;

    ns3_free(w->ns3);
    mem_free(w->captured);
    mem_free(w);
}

static void *host(void *world, uint32_t node)
{
    return ns3_host(ns3_of(world), node);
}

static void place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    ns3_host_run(ns3_of(world), node, app, ctx);
}

static void schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    ns3_schedule(ns3_of(world), node, at_ns, fn, arg);
}

static void schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    ns3_schedule_global(ns3_of(world), at_ns, fn, arg);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    return ns3_partition(ns3_of(world), member, direction != SCENARIO_IN, direction != SCENARIO_OUT);
}

static void heal(void *world, int slot)
{
    ns3_heal(ns3_of(world), slot);
}

static int advance(void *world, uint64_t until_ns)
{
    ns3_run(ns3_of(world), until_ns);
    return ERR_OK;
}

static uint64_t now_ns(const void *world)
{
    return ns3_now_ns(ns3_of(world));
}

static void counts(const void *world, uint64_t *events, uint64_t *connections)
{
    struct ns3c_counts c = ns3_counts(ns3_of(world));

    *events = c.events;
    *connections = c.connections;
}

static bool finish(void *world, char *out)
{
    struct ns3c_counts c = ns3_counts(ns3_of(world));

    snprintf(out, 256, "%llu packets (%llu bytes); full queues dropped %llu, %llu were lost on the way",
             (unsigned long long)c.packets, (unsigned long long)c.bytes, (unsigned long long)c.dropped,
             (unsigned long long)c.lost);
    return false;
}

/* ---- captures ---- */

static const char *refuses_captures(const struct scenario *s)
{
    (void)s;
    return NULL;
}

static bool start_capture(void *world, uint32_t node, const char *path)
{
    struct world *w = world;

    errno = ns3_pcap(w->ns3, node, path);
    if (errno)
        return false;
    w->captured = mem_grow(w->captured, w->captured_count + 1, sizeof *w->captured);
    w->captured[w->captured_count++] = node;
    return true;
}

static bool finish_captures(void *world)
{
    struct world *w = world;
    bool ok = true;

    for (uint32_t i = 0; i < w->captured_count; i++)
        ok = ns3_pcap(w->ns3, w->captured[i], NULL) == 0 && ok;
    return ok;
}

static bool ends(void *world, uint32_t node, struct backend_conn conn, struct endpoint *local, struct endpoint *remote)
{
    return ns3_ends(ns3_of(world), node, conn, local, remote);
}

static const struct world_captures captures = {refuses_captures, start_capture, ends, finish_captures};

const struct world_ops world_ns3 = {"ns3", &ns3_ops, true,     refuses,         address,   open_world, close_world,
                                    host,  place,    schedule, schedule_global, partition, heal,       proceed,
                                    advance, now_ns, counts,   NULL,            finish,    &captures};
