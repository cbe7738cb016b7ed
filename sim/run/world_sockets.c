/* Real TCP on loopback as a world: every node in this process, each with an address of its own in 127.0.0.0/8. */
#include "sim/run/world_sockets.h"

#include "sim/run/demands.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *refuses(const struct scenario *s, char *out)
{
    char name[DEMAND_NAME_SIZE];
    const char *setting;

    if (s->network.present) {
        snprintf(out, 256, "network: the sockets backend cannot shape loopback (leave the section out)");
        return out;
    }
    for (uint32_t i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SCENARIO_PARTITION) {
            snprintf(out, 256, "events.%u.partition: the sockets backend cannot part loopback (des)", i);
            return out;
        }
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].score && s->groups[i].score->ip_colocation_factor_weight != 0) {
            snprintf(out, 256, "nodes.%u.gossipsub.score.IPColocationFactorWeight: the sockets backend is on loopback, whose addresses do not count (des)", i);
            return out;
        }
    setting = demand_beyond(s, 0, name);
    if (setting)
        snprintf(out, 256, "%s: the sockets backend has no such links (des)", setting);
    return setting ? out : NULL;
}

#define ADDRESSES 0x7f100000u /* 127.16.0.0; node i is i + 1 */
#define PORT_FIRST 4001
#define PORT_COUNT 100

static bool claim(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ADDRESSES)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0)
        return true; /* open as long as the process lives */
    close(fd);
    return false;
}

/* The port of all nodes of this process. Another run on this machine has the same addresses and another port: whose it is shows who
 * listens on it at the address that no node has. */
static uint16_t port_of_this_run(void)
{
    static uint16_t port;

    for (uint16_t i = 0; i < PORT_COUNT && !port; i++)
        if (claim((uint16_t)(PORT_FIRST + i)))
            port = (uint16_t)(PORT_FIRST + i);
    return port ? port : PORT_FIRST; /* then the nodes' own listening fails, and tells why */
}

static struct endpoint address(uint32_t node)
{
    return endpoint_ip4(ADDRESSES + 1 + node, port_of_this_run());
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

bool world_sockets_init(struct world_of_sockets *w, const struct world_config *config, void *socket_ctx,
                        int (*make_socket)(void *ctx, uint32_t host, int family), char *error, size_t error_size)
{
    struct sockets_config sockets = {.seed = config->scenario->seed,
                                     .seeded = true,
                                     .trace_ctx = config->trace_ctx,
                                     .trace = config->trace,
                                     .socket_ctx = socket_ctx,
                                     .socket = make_socket};

    raise_descriptor_limit();
    if (sockets_new(&sockets, &w->sockets) != ERR_OK) {
        snprintf(error, error_size, "cannot set up epoll");
        return false;
    }
    w->hosts = mem_grow(NULL, config->scenario->node_count, sizeof(struct sockets_host *));
    for (uint32_t i = 0; i < config->scenario->node_count; i++)
        w->hosts[i] = sockets_host_add(w->sockets, &config->addresses[i]);
    return true;
}

void world_sockets_deinit(struct world_of_sockets *w)
{
    sockets_free(w->sockets);
    mem_free(w->hosts);
}

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    struct world_of_sockets *w = mem_zalloc(sizeof *w);

    if (world_sockets_init(w, config, NULL, NULL, error, error_size))
        return w;
    mem_free(w);
    return NULL;
}

static void close_world(void *world)
{
    world_sockets_deinit(world);
    mem_free(world);
}

void *world_sockets_host(void *world, uint32_t node)
{
    return ((struct world_of_sockets *)world)->hosts[node];
}

void world_sockets_place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    sockets_host_run(((struct world_of_sockets *)world)->hosts[node], app, ctx);
}

void world_sockets_schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns),
                     void *arg)
{
    (void)node; /* one thread: a call is a call */
    sockets_schedule(((struct world_of_sockets *)world)->sockets, at_ns, fn, arg);
}

void world_sockets_schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    sockets_schedule(((struct world_of_sockets *)world)->sockets, at_ns, fn, arg);
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

int world_sockets_advance(void *world, uint64_t until_ns)
{
    return sockets_run(((struct world_of_sockets *)world)->sockets, until_ns);
}

uint64_t world_sockets_now_ns(const void *world)
{
    return sockets_now_ns(((const struct world_of_sockets *)world)->sockets);
}

void world_sockets_counts(const void *world, uint64_t *events, uint64_t *connections)
{
    const struct world_of_sockets *w = world;

    *events = sockets_turns(w->sockets);
    *connections = sockets_connections(w->sockets);
}

const struct world_ops world_sockets = {"sockets",
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
                                        NULL,
                                        NULL};
