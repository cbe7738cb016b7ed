/* The rules of the seam, upcall by upcall and downcall by downcall. */
#include "tests/swarm/guard.h"

#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"
#include "tests/swarm/oracle.h"
#include "tests/swarm/streams.h"

#include <inttypes.h>
#include <stdatomic.h>

#define SLACK_NS 2000000000ull /* a CPU may be busy for so long when a wake-up is due */

/* A host as its node sees it. Touched by its own events only. */
struct home {
    struct guard *guard;
    uint32_t index;
    void *inner; /* the world's */
    const struct backend_app *app; /* NULL: no node here */
    void *ctx;
    struct end **live; /* by connection index; NULL: no such connection */
    uint32_t *generations; /* the last one at each index */
    uint32_t capacity, live_count, most; /* most: at the same time, so far */
    uint32_t ended; /* closed by the node in good order, so far: the kernel may still be at it */
    uint64_t now_ns, wake_ns;
    uint8_t *sending; /* a copy of what is about to be sent */
    size_t sending_capacity;
    uint64_t upcalls, deliveries;
};

struct guard {
    struct world_config config; /* of the run */
    void *world;
    struct home *homes;
    struct streams streams;
    struct oracle *oracle;
};

static struct {
    struct verdict *verdict;
    enum plant plant;
    atomic_bool planted; /* faults that come once have come */
    struct guard_counts counts;
} current;

static _Thread_local unsigned downcalls; /* under way */

/* True once a trial, for the plant that it names. */
static bool plants_once(enum plant plant)
{
    return current.plant == plant && !atomic_exchange(&current.planted, true);
}

/* ---- homes and their connections ---- */

static void up(struct home *h, uint64_t now_ns, const char *what)
{
    h->upcalls++;
    if (h->now_ns && plants_once(PLANT_BACK))
        now_ns = h->now_ns - 1;
    if (downcalls)
        verdict_broken(current.verdict, "inside", "host %u: %s inside a downcall", h->index, what);
    if (now_ns < h->now_ns)
        verdict_broken(current.verdict, "time", "host %u: %s at %" PRIu64 " ns, after %" PRIu64, h->index, what, now_ns, h->now_ns);
    if (!h->app)
        verdict_broken(current.verdict, "dead-handle", "host %u: %s although no node is there", h->index, what);
    h->now_ns = now_ns > h->now_ns ? now_ns : h->now_ns;
}

/* The connection of the handle; NULL (and a broken rule where it comes from the world) when it is gone or in another state. */
static struct end *end_of(const struct home *h, struct backend_conn c, enum end_state state, const char *event)
{
    struct end *e = c.index < h->capacity ? h->live[c.index] : NULL;

    if (e && e->handle.generation == c.generation && (!event || e->state == state))
        return e;
    if (event)
        verdict_broken(current.verdict, "dead-handle", "host %u: %s for connection %u.%u, which is %s", h->index, event, c.index,
                       c.generation, e && e->handle.generation == c.generation ? "in another state" : "gone");
    return NULL;
}

/* A host may have connections that its node does not: those that a busy one has not heard of yet, and in all models but `packet`
 * those under way, of which each other node may have one, and those that are ending. */
static uint32_t index_limit(const struct home *h)
{
    const struct scenario *s = h->guard->config.scenario;

    return s->cpu.present || s->network.tcp != SCENARIO_TCP_PACKET ? 2 * h->most + s->node_count + h->ended : h->most;
}

static struct end *end_new(struct home *h, struct backend_conn c, const struct endpoint *peer, bool dialled, uint64_t now_ns)
{
    const struct guard *g = h->guard;
    uint32_t peer_host = 0, old = h->capacity;

    while (peer_host + 1 < g->config.scenario->node_count && memcmp(g->config.addresses[peer_host].ip, peer->ip, 16) != 0)
        peer_host++;
    if (c.index >= h->capacity) {
        h->capacity = c.index + 8;
        h->live = mem_grow(h->live, h->capacity, sizeof(struct end *));
        h->generations = mem_grow(h->generations, h->capacity, sizeof *h->generations);
        memset(h->live + old, 0, (h->capacity - old) * sizeof(struct end *));
        memset(h->generations + old, 0, (h->capacity - old) * sizeof *h->generations);
    }
    h->live_count++;
    h->most = h->live_count > h->most ? h->live_count : h->most;
    if (c.index >= index_limit(h) || plants_once(PLANT_INDEX))
        verdict_broken(current.verdict, "index", "host %u: connection %u, of %u at the most", h->index, c.index, h->most);
    if (h->live[c.index] || h->generations[c.index] == c.generation)
        verdict_broken(current.verdict, "dead-handle", "host %u: connection %u.%u is not a new one", h->index, c.index, c.generation);
    h->generations[c.index] = c.generation;
    h->live[c.index] = streams_add(&h->guard->streams, h->index, peer_host, c, dialled, now_ns);
    return h->live[c.index];
}

static void end_gone(struct home *h, struct end *e)
{
    h->live[e->handle.index] = NULL;
    h->live_count--;
}

/* ---- upcalls ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn c, const struct endpoint *from)
{
    struct home *h = app;

    up(h, now_ns, "accepted");
    end_new(h, c, from, false, now_ns);
    h->app->accepted(h->ctx, now_ns, c, from);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn c, int err)
{
    struct home *h = app;
    struct end *e = end_of(h, c, END_DIALLING, "dialled");

    up(h, now_ns, "dialled");
    if (e && err == ERR_OK) {
        streams_open(&h->guard->streams, e, now_ns);
    } else if (e) {
        streams_close(&h->guard->streams, e, false);
        end_gone(h, e);
    }
    h->app->dialled(h->ctx, now_ns, c, err);
}

/* What a broken world would do to bytes. */
static void spoil(struct chain *bytes)
{
    uint8_t *copy = mem_alloc(bytes->size);
    size_t size = bytes->size, i = 1;

    chain_peek(bytes, 0, copy, size);
    while (i < size && copy[i] == copy[0])
        i++;
    if (i < size && !atomic_exchange(&current.planted, true)) {
        uint8_t first = copy[0];

        copy[0] = copy[i];
        copy[i] = first;
    }
    chain_drop(bytes, size);
    chain_append(bytes, slice_of(copy, size));
    mem_free(copy);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn c, struct chain *bytes)
{
    struct home *h = app;
    struct end *e = end_of(h, c, END_OPEN, "data");

    up(h, now_ns, "data");
    if (current.plant == PLANT_SWAP && bytes->size > 1)
        spoil(bytes);
    if (current.plant == PLANT_GAP && bytes->size > 100 && plants_once(PLANT_GAP))
        chain_drop(bytes, 50);
    if (plants_once(PLANT_PAUSED) && e)
        streams_pause(&h->guard->streams, e, true, now_ns);
    if (e && e->paused)
        verdict_broken(current.verdict, "paused", "host %u: data for connection %u.%u, which is paused", h->index, c.index,
                       c.generation);
    if (e)
        streams_receive(&h->guard->streams, e, now_ns, bytes);
    h->app->data(h->ctx, now_ns, c, bytes);
    if (bytes->size)
        verdict_broken(current.verdict, "left", "host %u: the node left %u bytes of connection %u.%u", h->index, bytes->size,
                       c.index, c.generation);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn c)
{
    struct home *h = app;
    struct end *e = end_of(h, c, END_OPEN, "writable");

    up(h, now_ns, "writable");
    if (current.plant == PLANT_UNWRITABLE && now_ns > h->guard->config.scenario->warmup_ns)
        return;
    if (e)
        streams_wait(&h->guard->streams, e, false, now_ns);
    h->app->writable(h->ctx, now_ns, c);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn c, int err)
{
    struct home *h = app;
    struct end *e = end_of(h, c, END_OPEN, "closed");

    up(h, now_ns, "closed");
    if (e && (err == ERR_CLOSED || plants_once(PLANT_CUT))) {
        streams_ended(&h->guard->streams, e);
        end_gone(h, e);
    } else if (e) {
        streams_close(&h->guard->streams, e, false);
        end_gone(h, e);
    }
    h->app->closed(h->ctx, now_ns, c, err);
    if (plants_once(PLANT_LATE))
        on_writable(app, now_ns, c);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct home *h = app;

    up(h, now_ns, "wake");
    if (current.plant == PLANT_ASLEEP && h->index == 0 && now_ns > h->guard->config.scenario->duration_ns / 2)
        return;
    if (now_ns < h->wake_ns + (plants_once(PLANT_EARLY) ? 1 : 0))
        verdict_broken(current.verdict, "wake", "host %u: woken at %" PRIu64 " ns, wanted at %" PRIu64, h->index, now_ns, h->wake_ns);
    h->wake_ns = TIME_NEVER;
    h->app->wake(h->ctx, now_ns);
}

static void on_expect(void *app, struct backend_conn c, const struct chain *bytes, unsigned step)
{
    const struct home *h = app;

    if (h->app && h->app->expect)
        h->app->expect(h->ctx, c, bytes, step);
}

static const struct backend_app guard_app = {on_accepted, on_dialled, on_data, on_writable, on_closed, on_wake, on_expect};

/* ---- downcalls ---- */

static const struct backend_ops *below(void)
{
    return world_des.backend;
}

static int down_listen(void *host, const struct endpoint *at)
{
    struct home *h = host;

    return below()->listen(h->inner, at);
}

static int down_dial(void *host, const struct endpoint *to, struct backend_conn *c)
{
    struct home *h = host;
    int err;

    downcalls++;
    err = below()->dial(h->inner, to, c);
    downcalls--;
    if (err == ERR_OK)
        end_new(h, *c, to, true, h->now_ns);
    return err;
}

static size_t down_send(void *host, struct backend_conn c, struct chain *bytes)
{
    struct home *h = host;
    struct end *e = end_of(h, c, END_OPEN, NULL);
    size_t size = bytes->size, sent;

    if (size > h->sending_capacity) {
        h->sending_capacity = 2 * size;
        h->sending = mem_grow(h->sending, h->sending_capacity, 1);
    }
    chain_peek(bytes, 0, h->sending, size);
    downcalls++;
    sent = below()->send(h->inner, c, bytes);
    if (plants_once(PLANT_INSIDE))
        up(h, h->now_ns, "wake");
    downcalls--;
    if (sent > size || sent + bytes->size != size || (sent && !e))
        verdict_broken(current.verdict, "stream", "host %u: a send to connection %u.%u took %zu of %zu bytes", h->index, c.index,
                       c.generation, sent, size);
    if (e && sent)
        streams_send(&h->guard->streams, e, h->now_ns, h->sending, sent);
    if (e)
        streams_wait(&h->guard->streams, e, bytes->size > 0, h->now_ns);
    return sent;
}

static void down_pause(void *host, struct backend_conn c, bool paused)
{
    struct home *h = host;
    struct end *e = end_of(h, c, END_OPEN, NULL);

    downcalls++;
    below()->pause(h->inner, c, paused);
    downcalls--;
    if (e)
        streams_pause(&h->guard->streams, e, paused, h->now_ns);
}

static void down_expect(const void *host, struct backend_conn c, unsigned step)
{
    const struct home *h = host;

    below()->expect(h->inner, c, step);
}

static void down_close(void *host, struct backend_conn c, enum backend_close how)
{
    struct home *h = host;
    struct end *e = end_of(h, c, END_OPEN, NULL);

    if (e) {
        streams_close(&h->guard->streams, e, how == BACKEND_CLOSE_FIN);
        h->ended += how == BACKEND_CLOSE_FIN;
        end_gone(h, e);
    }
    downcalls++;
    below()->close(h->inner, c, how);
    downcalls--;
}

static void down_wake_at(void *host, uint64_t deadline_ns)
{
    struct home *h = host;

    h->wake_ns = deadline_ns;
    downcalls++;
    below()->wake_at(h->inner, deadline_ns);
    downcalls--;
}

static uint64_t down_charge(void *host, unsigned works, uint64_t bytes)
{
    const struct home *h = host;

    return below()->charge(h->inner, works, bytes);
}

/* A node draws its seed once, when it is made: this is a new life. */
static void down_random(void *host, uint8_t *out, size_t size)
{
    const struct home *h = host;

    oracle_reborn(h->guard->oracle, h->index);
    below()->random(h->inner, out, size);
}

static void down_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    const struct home *h = host;

    below()->trace(h->inner, now_ns, event);
}

static const struct backend_ops guard_ops = {.version = BACKEND_VERSION,
                                             .listen = down_listen,
                                             .dial = down_dial,
                                             .send = down_send,
                                             .pause = down_pause,
                                             .expect = down_expect,
                                             .close = down_close,
                                             .wake_at = down_wake_at,
                                             .charge = down_charge,
                                             .random = down_random,
                                             .trace = down_trace};

/* ---- the world ---- */

static void trace(void *ctx, uint32_t node, uint64_t now_ns, const struct trace_event *event)
{
    struct guard *g = ctx;
    struct home *h = &g->homes[node];
    bool lost = current.plant == PLANT_LOST && node == 0 && event->kind == TRACE_DELIVER && now_ns >= g->config.scenario->warmup_ns;

    if (now_ns < h->now_ns)
        verdict_broken(current.verdict, "time", "host %u: %s traced at %" PRIu64 " ns, after %" PRIu64, node,
                       trace_kind_text(event->kind), now_ns, h->now_ns);
    h->now_ns = now_ns > h->now_ns ? now_ns : h->now_ns;
    h->deliveries += event->kind == TRACE_DELIVER;
    if (!lost)
        oracle_trace(g->oracle, node, now_ns, event);
    if ((event->kind == TRACE_DELIVER && plants_once(PLANT_TWICE)) || (event->kind == TRACE_PRUNE && plants_once(PLANT_MESH)))
        oracle_trace(g->oracle, node, now_ns, event);
    g->config.trace(g->config.trace_ctx, node, now_ns, event);
}

static void expect(void *ctx, uint32_t node, unsigned step)
{
    const struct guard *g = ctx;

    g->config.expect(g->config.trace_ctx, node, step);
}

static void window(void *ctx, bool open)
{
    const struct guard *g = ctx;

    g->config.window(g->config.trace_ctx, open);
}

static void guard_free(struct guard *g)
{
    current.counts.bytes = g->streams.bytes;
    for (uint32_t i = 0; i < g->config.scenario->node_count; i++) {
        current.counts.upcalls += g->homes[i].upcalls;
        current.counts.deliveries += g->homes[i].deliveries;
        mem_free(g->homes[i].live);
        mem_free(g->homes[i].generations);
        mem_free(g->homes[i].sending);
    }
    oracle_free(g->oracle);
    streams_deinit(&g->streams);
    mem_free(g->homes);
    mem_free(g);
}

static const char *refuses(const struct scenario *s, char *out)
{
    return world_des.refuses(s, out);
}

static struct endpoint address(uint32_t node)
{
    return world_des.address(node);
}

static void *open_world(const struct world_config *config, char *error, size_t error_size)
{
    struct guard *g = mem_zalloc(sizeof *g);
    struct world_config below_config = *config;
    uint32_t count = config->scenario->node_count;

    g->config = *config;
    g->homes = mem_zalloc(count * sizeof *g->homes);
    streams_init(&g->streams, count, current.verdict);
    g->oracle = oracle_new(config->scenario, config->nodes, &g->streams, current.verdict);
    below_config.trace_ctx = g;
    below_config.trace = trace;
    below_config.expect = expect;
    below_config.window = window;
    g->world = world_des.open(&below_config, error, error_size);
    if (!g->world) {
        guard_free(g);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        g->homes[i] = (struct home){.guard = g, .index = i, .inner = world_des.host(g->world, i), .wake_ns = TIME_NEVER};
    return g;
}

static void close_world(void *world)
{
    struct guard *g = world;

    world_des.close(g->world);
    guard_free(g);
}

static void *host(void *world, uint32_t node)
{
    const struct guard *g = world;

    return &g->homes[node];
}

static void place(void *world, uint32_t node, const struct backend_app *app, void *ctx)
{
    const struct guard *g = world;
    struct home *h = &g->homes[node];

    h->wake_ns = TIME_NEVER;
    for (uint32_t i = 0; i < h->capacity; i++) {
        if (!h->live[i])
            continue;
        streams_close(&h->guard->streams, h->live[i], false);
        end_gone(h, h->live[i]);
    }
    h->app = app;
    h->ctx = ctx;
    oracle_place(g->oracle, node, h->now_ns, ctx);
    world_des.place(g->world, node, app ? &guard_app : NULL, app ? h : NULL);
}

static void schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    world_des.schedule(((struct guard *)world)->world, node, at_ns, fn, arg);
}

static void schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    world_des.schedule_global(((struct guard *)world)->world, at_ns, fn, arg);
}

static int partition(void *world, const bool *member, enum scenario_direction direction)
{
    const struct guard *g = world;

    oracle_cut(g->oracle, world_des.now_ns(g->world));
    return world_des.partition(g->world, member, direction);
}

static void heal(void *world, int slot)
{
    const struct guard *g = world;

    oracle_cut(g->oracle, world_des.now_ns(g->world));
    world_des.heal(g->world, slot);
}

static void proceed(void *world, const struct timeline *timeline)
{
    world_des.proceed(((struct guard *)world)->world, timeline);
}

static void judge_wakes(const struct guard *g, uint64_t now_ns)
{
    for (uint32_t i = 0; i < g->config.scenario->node_count; i++) {
        const struct home *h = &g->homes[i];

        if (h->app && h->wake_ns != TIME_NEVER && h->wake_ns + SLACK_NS < now_ns)
            verdict_broken(current.verdict, "wake", "host %u: not woken, wanted at %" PRIu64 " ns", i, h->wake_ns);
    }
}

/* A burst lasts for so many packets, which a quiet connection takes minutes to try. */
static bool loses_in_bursts(const struct scenario *s)
{
    return s->network.loss_common.good_to_bad_ppm > 0;
}

static int advance(void *world, uint64_t until_ns)
{
    struct guard *g = world;
    int err = world_des.advance(g->world, until_ns);

    oracle_sample(g->oracle, until_ns);
    if (until_ns >= g->config.scenario->warmup_ns && !loses_in_bursts(g->config.scenario)) /* all faults are over */
        streams_judge(&g->streams, until_ns);
    if (until_ns == g->config.scenario->duration_ns) {
        judge_wakes(g, until_ns);
        oracle_judge(g->oracle, until_ns, &current.counts);
    }
    return err;
}

static uint64_t now_ns_of(const void *world)
{
    return world_des.now_ns(((const struct guard *)world)->world);
}

static void counts_of(const void *world, uint64_t *events, uint64_t *connections)
{
    world_des.counts(((const struct guard *)world)->world, events, connections);
}

static uint32_t lane_count(const void *world)
{
    return world_des.lanes->count(((const struct guard *)world)->world);
}

static uint32_t lane_of(const void *world, uint32_t node)
{
    return world_des.lanes->of(((const struct guard *)world)->world, node);
}

static uint64_t lookahead_ns(const void *world)
{
    return world_des.lanes->lookahead_ns(((const struct guard *)world)->world);
}

static const struct world_lanes lanes = {lane_count, lane_of, lookahead_ns};

const struct world_ops guard_world = {.name = "des",
                                      .backend = &guard_ops,
                                      .virtual_time = true,
                                      .refuses = refuses,
                                      .address = address,
                                      .open = open_world,
                                      .close = close_world,
                                      .host = host,
                                      .place = place,
                                      .schedule = schedule,
                                      .schedule_global = schedule_global,
                                      .partition = partition,
                                      .heal = heal,
                                      .proceed = proceed,
                                      .advance = advance,
                                      .now_ns = now_ns_of,
                                      .counts = counts_of,
                                      .lanes = &lanes};

void guard_begin(struct verdict *v, enum plant plant)
{
    current.verdict = v;
    current.plant = plant;
    atomic_store(&current.planted, false);
    current.counts = (struct guard_counts){0};
}

void guard_end(void)
{
    current.verdict = NULL;
}

struct guard_counts guard_counts(void)
{
    return current.counts;
}
