/* One actor in the world of sockets. */
#include "sim/suite/participant.h"

#include "sim/live/address.h"
#include "sim/suite/actor.h"
#include "stack/backend/epoll.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

struct participant {
    const struct participant_options *options;
    struct sockets *sockets;
    struct sockets_host *host;
    struct node *node;
    struct actor actor;
};

static bool fail(char *error, const char *what, const char *why)
{
    snprintf(error, PARTICIPANT_ERROR_MAX, "%.200s: %.150s", what, why);
    return false;
}

bool participant_number(const char *host_name, uint32_t *node)
{
    unsigned long value;
    char *end;

    if (strncmp(host_name, "node", 4) != 0 || !isdigit((unsigned char)host_name[4]))
        return false;
    errno = 0;
    value = strtoul(host_name + 4, &end, 10);
    *node = (uint32_t)value;
    return !errno && *end == '\0' && value < SUITE_NODES_MAX;
}

/* ---- the map ---- */

/* One line; NULL, or what is wrong with it. */
static const char *map_line(struct participant_map *m, char *line)
{
    char *number, *text, *rest, *end, *place = NULL;
    unsigned long id;
    struct address at;
    const char *wrong;

    line[strcspn(line, "#\n")] = '\0';
    number = strtok_r(line, " \t\r", &place);
    text = strtok_r(NULL, " \t\r", &place);
    rest = strtok_r(NULL, " \t\r", &place);
    if (!number)
        return NULL;
    id = isdigit((unsigned char)*number) ? strtoul(number, &end, 10) : SUITE_NODES_MAX;
    if (id >= SUITE_NODES_MAX || *end || !text || rest)
        return "is not \"ID HOST:PORT\"";
    wrong = address_parse(text, &at);
    if (wrong)
        return wrong;
    if (at.at.port == 0)
        return "has no port";
    if (id >= m->count) {
        m->items = mem_grow(m->items, id + 1, sizeof *m->items);
        memset(m->items + m->count, 0, (id + 1 - m->count) * sizeof *m->items);
        m->count = (uint32_t)id + 1;
    }
    if (m->items[id].port)
        return "names a node for the second time";
    m->items[id] = at.at;
    return NULL;
}

bool participant_map_load(const char *path, struct participant_map *out,
                          char error[static PARTICIPANT_ERROR_MAX])
{
    FILE *file = fopen(path, "r");
    char line[256], place[300];
    const char *wrong = NULL;
    unsigned number = 0;

    *out = (struct participant_map){0};
    if (!file)
        return fail(error, path, strerror(errno));
    while (!wrong && fgets(line, sizeof line, file)) {
        number++;
        wrong = strlen(line) == sizeof line - 1 ? "is longer than 254 bytes" : map_line(out, line);
    }
    fclose(file);
    snprintf(place, sizeof place, "%.180s:%u", path, number);
    if (wrong) {
        participant_map_free(out);
        return fail(error, place, wrong);
    }
    return true;
}

void participant_map_free(struct participant_map *m)
{
    mem_free(m->items);
    *m = (struct participant_map){0};
}

/* ---- the world of the actor ---- */

/* The resolver may block: so does Go's, and nothing but the script waits meanwhile. */
static bool resolve(uint32_t node, uint16_t port, struct endpoint *out)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct sockaddr_in in;
    char name[24];

    snprintf(name, sizeof name, "node%" PRIu32, node);
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    memcpy(&in, found->ai_addr, sizeof in);
    freeaddrinfo(found);
    *out = endpoint_ip4(ntohl(in.sin_addr.s_addr), port);
    return true;
}

static bool locate(void *ctx, uint32_t node, struct endpoint *out)
{
    const struct participant *p = ctx;
    const struct participant_map *map = p->options->map;

    if (!map)
        return resolve(node, p->options->port, out);
    if (node >= map->count || !map->items[node].port)
        return false;
    *out = map->items[node];
    return true;
}

static void wake(void *arg, uint64_t now_ns)
{
    actor_wake(arg, now_ns);
}

static void call_at(void *ctx, struct actor *a, uint64_t at_ns)
{
    sockets_schedule(((struct participant *)ctx)->sockets, at_ns, wake, a);
}

static void ended(void *ctx, struct actor *a, uint64_t now_ns)
{
    struct participant *p = ctx;

    (void)a;
    node_stop(p->node, now_ns);
    sockets_stop(p->sockets);
}

static void on_trace(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    struct participant *p = ctx;

    (void)host;
    actor_trace(&p->actor, now_ns, e);
    if (p->actor.log.error)
        sockets_stop(p->sockets);
}

/* ---- up and down ---- */

static struct endpoint listen_address(const struct participant_options *o)
{
    if (o->map)
        return o->map->items[o->node];
    return endpoint_ip4(INADDR_ANY, o->port);
}

static void make_node(struct participant *p)
{
    struct node_config config = node_config_default();
    const struct endpoint any = {0};
    struct node_events events = {0};

    actor_configure(&p->actor, &config, &events);
    config.agent = p->options->agent;
    config.listens = true;
    config.listen = listen_address(p->options);
    p->host = sockets_host_add(p->sockets, &any);
    p->node = node_new(&config, &sockets_ops, p->host, &events);
    sockets_host_run(p->host, &node_app, p->node);
}

static bool start(struct participant *p, char *error)
{
    struct endpoint at[NODE_ANNOUNCED_MAX] = {listen_address(p->options)};
    char text[ADDRESS_TEXT_MAX], what[ADDRESS_TEXT_MAX + 32];
    uint32_t count = 1;
    int err = node_start(p->node, 0);

    if (err) {
        snprintf(what, sizeof what, "cannot listen on %s", address_text(&at[0], NULL, text));
        return fail(error, what, err_text(err));
    }
    if (endpoint_unspecified(&at[0])) {
        const struct endpoint unspecified = at[0];

        count = address_interfaces(&unspecified, at, NODE_ANNOUNCED_MAX);
    }
    node_announce(p->node, 0, at, count);
    actor_start(&p->actor, 0, p->node);
    return true;
}

static bool play(struct participant *p, char *error)
{
    int err;

    if (!start(p, error))
        return false;
    err = p->actor.node ? sockets_run(p->sockets, TIME_NEVER)
                        : ERR_OK; /* no node: the script is over already */
    if (err)
        return fail(error, "cannot wait for events", err_text(err));
    return p->actor.player.state != PLAYER_FAILED ||
           fail(error, "the script cannot go on", p->actor.player.error);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static uint64_t unix_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool participant_run(const struct participant_options *options, FILE *out,
                     char error[static PARTICIPANT_ERROR_MAX])
{
    struct participant p = {.options = options};
    const struct actor_world world = {&p, locate, call_at, ended};
    const struct sockets_config config = {.trace_ctx = &p, .trace = on_trace};
    bool ok;

    actor_init(&p.actor, options->script, options->node, &world);
    if (p.actor.player.state == PLAYER_FAILED)
        return fail(error, "cannot begin", p.actor.player.error);
    if (options->map &&
        (options->node >= options->map->count || !options->map->items[options->node].port))
        return fail(error, "cannot begin", "the file of hosts has no line for this node");
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is noticed by the write */
    raise_descriptor_limit();
    if (sockets_new(&config, &p.sockets) != ERR_OK)
        return fail(error, "cannot set up epoll", strerror(errno));
    suite_log_to_stream(&p.actor.log, out, unix_ns());
    make_node(&p);
    ok = play(&p, error);
    sockets_host_run(p.host, NULL, NULL);
    node_free(p.node);
    sockets_free(p.sockets);
    actor_deinit(&p.actor);
    if (!suite_log_close(&p.actor.log) && ok)
        ok = fail(error, "cannot write the log", strerror(errno));
    return ok;
}
