/* The discrete-event simulator as a world. */
#include "sim/des/des.h"
#include "sim/run/world.h"
#include "sim/tcp/tcp.h"
#include "stack/base/err.h"

#include <stdio.h>

static const enum des_tcp models[] = {[SCENARIO_TCP_IDEAL] = DES_TCP_IDEAL,
                                      [SCENARIO_TCP_FLIGHT] = DES_TCP_FLIGHT,
                                      [SCENARIO_TCP_PACKET] = DES_TCP_PACKET};

static const char *refuses(const struct scenario *s, char *out)
{
    if (s->network.tcp == SCENARIO_TCP_IDEAL && (s->network.send_buffer_size || s->network.receive_buffer_size)) {
        snprintf(out, 256, "network.%s_buffer: the \"ideal\" TCP has no windows (leave it out)",
                 s->network.send_buffer_size ? "send" : "receive");
        return out;
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

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    const struct scenario *s = config->scenario;
    struct tcp_config tcp = tcp_of(&s->network);
    struct des_config des = {.seed = s->seed,
                             .region_count = s->network.region_count,
                             .latency_ns = s->network.latency_ns,
                             .jitter_ppm = s->network.jitter_ppm,
                             .jitter_ns = s->network.jitter_ns,
                             .queue_size = s->network.queue_size,
                             .queue_ns = s->network.queue_ns,
                             .tcp = models[s->network.tcp],
                             .tcp_config = &tcp,
                             .costs = s->cpu.present ? s->cpu.costs : NULL,
                             .trace_ctx = config->trace_ctx,
                             .trace = config->trace,
                             .window = config->window,
                             .expect = config->expect};
    struct des *d = des_new(&des);

    for (uint32_t i = 0; i < s->node_count; i++) {
        struct des_host_config host = {.address = config->addresses[i],
                                       .region = config->nodes[i].region,
                                       .up_bps = config->nodes[i].up_bps,
                                       .down_bps = config->nodes[i].down_bps,
                                       .cores = config->nodes[i].cores,
                                       .speed_ppm = config->nodes[i].speed_ppm};

        des_host_add(d, &host);
    }
    if (des_divide(d, config->threads, config->weights) != ERR_OK) {
        snprintf(error, error_size, "cannot start %u threads", config->threads);
        des_free(d);
        return NULL;
    }
    return d;
}

static void close_world(void *world)
{
    des_free(world);
}

static void *host(void *world, uint32_t node)
{
    return des_host(world, node);
}

static void place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    des_host_run(world, node, app, ctx);
}

static void schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns),
                     void *arg)
{
    des_schedule(world, node, at_ns, fn, arg);
}

static void schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    des_schedule_global(world, at_ns, fn, arg);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    static const enum des_cut cuts[] = {
        [SCENARIO_BOTH] = DES_CUT_BOTH, [SCENARIO_OUT] = DES_CUT_OUT, [SCENARIO_IN] = DES_CUT_IN};

    return des_partition(world, member, cuts[direction]);
}

static void heal(void *world, int slot)
{
    des_heal(world, slot);
}

static int advance(void *world, uint64_t until_ns)
{
    des_run(world, until_ns);
    return ERR_OK;
}

static uint64_t now_ns(const void *world)
{
    return des_now_ns(world);
}

static void counts(const void *world, uint64_t *events, uint64_t *connections)
{
    struct des_counts c = des_counts(world);

    *events = c.events;
    *connections = c.connections;
}

static uint32_t lane_count(const void *world)
{
    return des_lane_count(world);
}

static uint32_t lane_of(const void *world, uint32_t node)
{
    return des_lane(world, node);
}

static uint64_t lookahead_ns(const void *world)
{
    return des_lookahead_ns(world);
}

static const struct world_lanes lanes = {lane_count, lane_of, lookahead_ns};

const struct world_ops world_des = {"des",    &des_ops,        true,      refuses, address, open_world, close_world,
                                    host,     place,           schedule,  schedule_global, partition, heal,
                                    advance,  now_ns,          counts,    &lanes,  NULL};
