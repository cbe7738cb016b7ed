/* The kernel's TCP over the scenario's links as a world: every node in this process, its sockets in a namespace of its own. */
#include "sim/run/world_sockets.h"

#include "sim/netns/netns.h"
#include "sim/record/histogram.h"
#include "sim/run/demands.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#include <stdio.h>

#define PORT 4001
#define QUEUE_SIZE_MIN (16 * 1024) /* as in sim/des */
/* How late 99 packets of 100 may be before the run is in doubt: a twentieth of the shortest path, and this. */
#define LATE_NS 500000u
#define LATE_SHARE 20u
/* And how late 99 calls of 100 to the nodes may be, which share a thread: their work is done one after the other. */
#define NODES_LATE_NS 5000000u
#define PULSE_NS 10000000u

struct world {
    struct world_of_sockets sockets; /* first: see world_sockets.h */
    struct netns *netns;
    const struct scenario *scenario;
    const struct scenario_node *nodes;
    uint64_t pulse_ns;         /* when the next call is due that only looks how late it is */
    struct histogram lateness; /* of those calls */
};

/* A node is a device with an address of its own. */
static const char *shared_address(const struct scenario *s, char *out)
{
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].per_address > 1) {
            snprintf(out, 256, "nodes.%u.per_address: the netns backend gives each node an address of its own (des, sockets)", i);
            return out;
        }
    return NULL;
}

static const char *refuses(const struct scenario *s, char *out)
{
    static const uint32_t honoured = 1u << DEMAND_PATH_LOSS | 1u << DEMAND_AQM;
    const struct scenario_network *n = &s->network;
    char name[DEMAND_NAME_SIZE];
    const char *setting = demand_beyond(s, honoured, name);

    if (s->node_count > NETNS_HOSTS_MAX)
        snprintf(out, 256, "nodes: the netns backend has room for %u (%u wanted)", NETNS_HOSTS_MAX, s->node_count);
    else if (n->tcp_set)
        snprintf(out, 256, "network.tcp: the netns backend leaves TCP to the kernel (leave its settings out)");
    else if (n->send_buffer_size || n->receive_buffer_size)
        snprintf(out, 256, "network.%s_buffer: the netns backend leaves buffers to the kernel (leave it out)",
                 n->send_buffer_size ? "send" : "receive");
    else if (setting)
        snprintf(out, 256, "%s: the netns backend's links cannot do this (des)", setting);
    else
        return shared_address(s, out);
    return out;
}

static struct endpoint address(uint32_t node)
{
    return netns_address(node, PORT);
}

/* ---- from the scenario to elements ---- */

static struct carrier_access access_of(const struct scenario_network *n, const struct scenario_node *node, uint64_t bps)
{
    const struct scenario_class *c = node->class == SCENARIO_NONE ? NULL : &n->classes[node->class];
    bool own = c && (c->queue_size || c->queue_ns);
    uint64_t queue_ns = own ? c->queue_ns : n->queue_ns, size = own ? c->queue_size : n->queue_size;
    struct carrier_access access = {bps, c ? c->aqm : n->aqm};

    if (queue_ns)
        size = mul_div(queue_ns, bps, 8ull * 1000000000u);
    access.queue.size_max = size < QUEUE_SIZE_MIN ? QUEUE_SIZE_MIN : size;
    return access;
}

static void path_of(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out)
{
    const struct world *w = ctx;
    const struct scenario_network *n = &w->scenario->network;
    size_t pair = (size_t)w->nodes[from].region * n->region_count + w->nodes[to].region;

    out->delay_ns = scenario_node_latency_ns(w->scenario, &w->nodes[from], &w->nodes[to]);
    out->jitter_ns = mul_div(out->delay_ns, n->jitter_ppm, 1000000) + n->jitter_ns;
    if (n->jitter_pair_ns && n->jitter_pair_ns[pair] != SCENARIO_JITTER_COMMON)
        out->jitter_ns = n->jitter_pair_ns[pair];
    if (n->loss && !gilbert_loses_nothing(&n->loss[pair])) {
        const struct gilbert *g = &n->loss[pair];

        out->lossy = true;
        out->loss = (struct loss_config){.kind = LOSS_BURST,
                                         .seed = rng_derive(rng_derive(w->scenario->seed, "loss", from), "to", to),
                                         .good_to_bad_ppm = g->good_to_bad_ppm,
                                         .bad_to_good_ppm = g->bad_to_good_ppm,
                                         .good_loss_ppm = g->good_loss_ppm,
                                         .bad_loss_ppm = g->bad_loss_ppm};
    }
}

/* ---- the world ---- */

static void pulse(void *arg, uint64_t now_ns)
{
    struct world *w = arg;

    histogram_add(&w->lateness, now_ns - w->pulse_ns);
    w->pulse_ns = now_ns + PULSE_NS;
    sockets_schedule(w->sockets.sockets, w->pulse_ns, pulse, w);
}

static bool build(struct world *w, char *error, size_t error_size)
{
    const struct scenario *s = w->scenario;
    struct netns_config config = {.seed = rng_derive(s->seed, "netns", 0), .path_ctx = w, .path = path_of};

    w->netns = netns_new(&config, error, error_size);
    if (!w->netns)
        return false;
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct carrier_access up = access_of(&s->network, &w->nodes[i], w->nodes[i].up_bps);
        struct carrier_access down = access_of(&s->network, &w->nodes[i], w->nodes[i].down_bps);

        if (!netns_host_add(w->netns, &up, &down, error, error_size))
            return false;
    }
    return netns_start(w->netns, error, error_size);
}

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    struct world *w = mem_zalloc(sizeof *w);

    w->scenario = config->scenario;
    w->nodes = config->nodes;
    histogram_init(&w->lateness);
    if (build(w, error, error_size) &&
        world_sockets_init(&w->sockets, config, w->netns, netns_socket, error, error_size)) {
        w->pulse_ns = PULSE_NS;
        sockets_schedule(w->sockets.sockets, w->pulse_ns, pulse, w);
        return w;
    }
    if (w->netns)
        netns_free(w->netns);
    mem_free(w);
    return NULL;
}

static void close_world(void *world)
{
    struct world *w = world;

    world_sockets_deinit(&w->sockets);
    netns_free(w->netns);
    histogram_deinit(&w->lateness);
    mem_free(w);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    return carrier_cut(netns_carrier(((struct world *)world)->netns), member, direction != SCENARIO_IN,
                       direction != SCENARIO_OUT);
}

static void heal(void *world, int slot)
{
    carrier_heal(netns_carrier(((struct world *)world)->netns), slot);
}

static double quantile_ms(const struct histogram *h, uint32_t ppm)
{
    return h->count ? (double)histogram_quantile(h, ppm) / 1e6 : 0;
}

static bool finish(void *world, char *out)
{
    const struct world *w = world;
    struct carrier *carrier = netns_carrier(w->netns);
    double nodes_ms = quantile_ms(&w->lateness, 990000);
    struct carrier_counts c;
    bool late, lagging;

    carrier_stop(carrier);
    c = carrier_counts(carrier);
    late = c.late_p99_ns > LATE_NS + w->scenario->network.latency_min_ns / LATE_SHARE;
    lagging = nodes_ms * 1e6 > NODES_LATE_NS;
    snprintf(out, 256,
             "%sthe carrier took %llu packets, dropped %llu, cut %llu; it was late by %.3f ms (median), %.3f ms (99%%), "
             "%.3f ms (at most)%s; nodes were late by %.3f ms (99%%)",
             late || lagging ? "this run is in doubt: " : "", (unsigned long long)c.packets, (unsigned long long)c.dropped,
             (unsigned long long)c.cut, (double)c.late_p50_ns / 1e6, (double)c.late_p99_ns / 1e6,
             (double)c.late_max_ns / 1e6, carrier_prompt(carrier) ? "" : " and went after other programs", nodes_ms);
    return late || lagging;
}

const struct world_ops world_netns = {"netns",
                                      &sockets_ops,
                                      false,
                                      refuses,
                                      address,
                                      open_world,
                                      close_world,
                                      world_sockets_host,
                                      world_sockets_place,
                                      world_sockets_schedule,
                                      world_sockets_schedule_global,
                                      partition,
                                      heal,
                                      NULL,
                                      world_sockets_advance,
                                      world_sockets_now_ns,
                                      world_sockets_counts,
                                      NULL,
                                      finish,
                                      NULL};
