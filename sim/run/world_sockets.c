/* Real TCP on loopback as a world: every node in this process, each with an address of its own in 127.0.0.0/8. */
#include "sim/run/world.h"
#include "stack/backend/epoll.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <sys/resource.h>

struct world {
    struct sockets *sockets;
    struct sockets_host **hosts;
};

static const char *refuses(const struct scenario *s, char *out)
{
    if (s->network.present) {
        snprintf(out, 256, "network: the sockets backend cannot shape loopback (leave the section out)");
        return out;
    }
    for (uint32_t i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SCENARIO_PARTITION) {
            snprintf(out, 256, "events.%u.partition: the sockets backend cannot part loopback (des)", i);
            return out;
        }
    return NULL;
}

static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(0x7f100001u + node, 4001);
}

/* Each connection takes two descriptors, since both ends live here. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    struct sockets_config sockets = {.seed = config->scenario->seed,
                                     .seeded = true,
                                     .trace_ctx = config->trace_ctx,
                                     .trace = config->trace};
    struct world *w = mem_zalloc(sizeof *w);

    raise_descriptor_limit();
    if (sockets_new(&sockets, &w->sockets) != ERR_OK) {
        snprintf(error, error_size, "cannot set up epoll");
        mem_free(w);
        return NULL;
    }
    w->hosts = mem_grow(NULL, config->scenario->node_count, sizeof(struct sockets_host *));
    for (uint32_t i = 0; i < config->scenario->node_count; i++)
        w->hosts[i] = sockets_host_add(w->sockets, &config->addresses[i]);
    return w;
}

static void close_world(void *world)
{
    struct world *w = world;

    sockets_free(w->sockets);
    mem_free(w->hosts);
    mem_free(w);
}

static void *host(void *world, uint32_t node)
{
    return ((struct world *)world)->hosts[node];
}

static void place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    sockets_host_run(((struct world *)world)->hosts[node], app, ctx);
}

static void schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns),
                     void *arg)
{
    (void)node; /* one thread: a call is a call */
    sockets_schedule(((struct world *)world)->sockets, at_ns, fn, arg);
}

static void schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    sockets_schedule(((struct world *)world)->sockets, at_ns, fn, arg);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    (void)world;
    (void)member;
    (void)direction;
    UNREACHABLE(); /* refused before the run */
}

static void heal(void *world, int slot)
{
    (void)world;
    (void)slot;
    UNREACHABLE();
}

static int advance(void *world, uint64_t until_ns)
{
    return sockets_run(((struct world *)world)->sockets, until_ns);
}

static uint64_t now_ns(const void *world)
{
    return sockets_now_ns(((const struct world *)world)->sockets);
}

static void counts(const void *world, uint64_t *events, uint64_t *connections)
{
    const struct world *w = world;

    *events = sockets_turns(w->sockets);
    *connections = sockets_connections(w->sockets);
}

const struct world_ops world_sockets = {
    "sockets", &sockets_ops, false,     refuses, address, open_world, close_world, host,
    place,     schedule,     schedule_global, partition, heal,  advance,    now_ns,      counts,
    NULL};
