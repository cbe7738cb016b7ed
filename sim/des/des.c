/* The engine: hosts, virtual time and the loop over events. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define QUEUE_SIZE_MIN (16 * 1024) /* what a model may send as one event has to fit */

static const struct des_transport *const transports[] = {
    [DES_TCP_IDEAL] = &transport_ideal, [DES_TCP_FLIGHT] = &transport_flight, [DES_TCP_PACKET] = &transport_packet};

struct des *des_new(const struct des_config *config)
{
    size_t cells = (size_t)config->region_count * config->region_count;
    struct des *d = mem_zalloc(sizeof *d);

    CHECK(config->region_count > 0);
    d->config = *config;
    d->latency_ns = mem_grow(NULL, cells, sizeof *d->latency_ns);
    memcpy(d->latency_ns, config->latency_ns, cells * sizeof *d->latency_ns);
    for (size_t i = 0; i < cells; i++)
        CHECK(d->latency_ns[i] > 0);
    d->lane.des = d;
    event_queue_init(&d->lane.queue);
    map_init(&d->by_address, config->seed);
    d->transport = transports[config->tcp];
    if (d->transport->start)
        d->transport->start(d);
    return d;
}

static void drop_event(struct des *d, const struct event *e)
{
    if (e->kind >= EVENT_TRANSPORT)
        d->transport->drop(e);
    else if (e->kind == EVENT_CALL)
        mem_free(e->object);
}

void des_free(struct des *d)
{
    struct event e;

    while (event_queue_pop(&d->lane.queue, &e))
        drop_event(d, &e);
    event_queue_deinit(&d->lane.queue);
    for (uint32_t i = 0; i < d->host_count; i++) {
        if (d->transport->host_stop)
            d->transport->host_stop(d->hosts[i]);
        mem_free(d->hosts[i]);
    }
    if (d->transport->stop)
        d->transport->stop(d);
    mem_free(d->hosts);
    mem_free(d->latency_ns);
    mem_free(d->globals);
    map_deinit(&d->by_address);
    mem_free(d);
}

static void link_init(struct link *l, const struct des_config *config, uint64_t bps)
{
    uint64_t size = config->queue_size ? config->queue_size : LINK_QUEUE_SIZE_DEFAULT;

    if (config->queue_ns && bps)
        size = mul_div(config->queue_ns, bps, 8ull * 1000000000u);
    *l = (struct link){.bps = bps, .queue_size_max = size < QUEUE_SIZE_MIN ? QUEUE_SIZE_MIN : size};
}

uint32_t des_host_add(struct des *d, const struct des_host_config *config)
{
    struct host *h = mem_zalloc(sizeof *h + d->transport->host_size);
    bool fresh;

    CHECK(config->region < d->config.region_count);
    if (d->host_count == d->host_capacity) {
        d->host_capacity = d->host_capacity ? d->host_capacity * 2 : 64;
        d->hosts = mem_grow(d->hosts, d->host_capacity, sizeof *d->hosts);
    }
    h->des = d;
    h->lane = &d->lane;
    h->index = d->host_count++;
    h->region = config->region;
    h->address = config->address;
    h->address.port = 0;
    link_init(&h->up, &d->config, config->up_bps);
    link_init(&h->down, &d->config, config->down_bps);
    h->wake_ns = h->wake_posted_ns = TIME_NEVER;
    rng_init(&h->jitter, rng_derive(d->config.seed, "host", h->index), "jitter");
    rng_init(&h->random, rng_derive(d->config.seed, "host", h->index), "random");
    if (d->transport->host_start)
        d->transport->host_start(h);
    d->hosts[h->index] = h;
    *map_insert(&d->by_address, slice_of(h->address.ip, sizeof h->address.ip), &fresh) = h->index;
    CHECK(fresh);
    return h->index;
}

void des_host_run(struct des *d, uint32_t host, const struct backend_app *app, void *ctx)
{
    struct host *h = d->hosts[host];

    if (!app) {
        d->transport->reset_all(h);
        h->listen_port = 0;
    }
    h->app = app;
    h->app_ctx = ctx;
    h->wake_ns = TIME_NEVER;
}

void *des_host(struct des *d, uint32_t host)
{
    CHECK(host < d->host_count);
    return d->hosts[host];
}

void des_post(struct host *from, uint32_t to, uint64_t at_ns, uint32_t kind, void *object)
{
    struct event e = {.time_ns = at_ns,
                      .node = to,
                      .source = from->index,
                      .sequence = from->sequence++,
                      .kind = kind,
                      .object = object};

    CHECK(at_ns >= from->lane->now_ns);
    event_queue_push(&from->des->hosts[to]->lane->queue, &e);
}

void des_schedule(struct des *d, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    struct call *call = mem_zalloc(sizeof *call);

    call->fn = fn;
    call->arg = arg;
    des_post(d->hosts[host], host, at_ns < d->lane.now_ns ? d->lane.now_ns : at_ns, EVENT_CALL, call);
}

void des_schedule_global(struct des *d, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    uint32_t at = d->global_count;

    if (d->global_count == d->global_capacity) {
        d->global_capacity = d->global_capacity ? d->global_capacity * 2 : 8;
        d->globals = mem_grow(d->globals, d->global_capacity, sizeof *d->globals);
    }
    while (at > 0 && d->globals[at - 1].at_ns <= at_ns) /* kept with the next one last */
        at--;
    memmove(d->globals + at + 1, d->globals + at, (d->global_count - at) * sizeof *d->globals);
    d->globals[at] = (struct call){fn, arg, at_ns, d->global_sequence++};
    d->global_count++;
}

static void wake(struct host *h, uint64_t time_ns)
{
    if (time_ns != h->wake_posted_ns)
        return; /* overtaken by an earlier deadline */
    h->wake_posted_ns = TIME_NEVER;
    if (h->wake_ns > time_ns) {
        if (h->wake_ns != TIME_NEVER) {
            h->wake_posted_ns = h->wake_ns;
            des_post(h, h->index, h->wake_ns, EVENT_WAKE, NULL);
        }
        return;
    }
    h->wake_ns = TIME_NEVER;
    if (h->app)
        h->app->wake(h->app_ctx, time_ns);
}

static void call(struct call *c, uint64_t now_ns)
{
    c->fn(c->arg, now_ns);
    mem_free(c);
}

static void dispatch(struct host *h, const struct event *e)
{
    switch (e->kind) {
    case EVENT_WAKE:
        wake(h, e->time_ns);
        break;
    case EVENT_CALL:
        call(e->object, e->time_ns);
        break;
    default:
        h->des->transport->event(h, e);
        break;
    }
}

/* Fetches what the events to come will touch. Their memory is cold as a rule: a run is far larger than any cache, and what
 * happens next has nothing to do with what happened last. A pointer is followed some events after it was fetched. */
static void look_ahead(const struct lane *l)
{
    enum { FIRST = 19, STRIDE = 3 };
    const struct des *d = l->des;
    const struct event *e = event_queue_ahead(&l->queue, FIRST);

    if (e) {
        __builtin_prefetch(e->object);
        __builtin_prefetch(d->hosts[e->node]);
        __builtin_prefetch((const char *)d->hosts[e->node] + 64);
        if (d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 0);
    }
    for (uint32_t step = 0; step <= BACKEND_EXPECT_STEPS; step++) {
        e = event_queue_ahead(&l->queue, FIRST - STRIDE * (step + 1));
        if (!e || e->kind < EVENT_TRANSPORT)
            continue;
        if (d->transport->ahead)
            d->transport->ahead(d->hosts[e->node], e, step);
        if (step == 1 && d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 1);
    }
}

/* Runs the global calls that are due before the next event. */
static bool run_global(struct des *d, uint64_t until_ns)
{
    struct call c;

    if (d->global_count == 0)
        return false;
    c = d->globals[d->global_count - 1];
    if (c.at_ns > until_ns || c.at_ns > event_queue_next_ns(&d->lane.queue))
        return false;
    d->global_count--;
    if (c.at_ns > d->lane.now_ns)
        d->lane.now_ns = c.at_ns;
    c.fn(c.arg, d->lane.now_ns);
    return true;
}

bool des_run(struct des *d, uint64_t until_ns)
{
    struct lane *l = &d->lane;
    struct event e;

    for (;;) {
        while (run_global(d, until_ns))
            ;
        if (event_queue_next_ns(&l->queue) > until_ns)
            break;
        event_queue_pop(&l->queue, &e);
        CHECK(e.time_ns >= l->now_ns);
        l->now_ns = e.time_ns;
        l->counts.events++;
        look_ahead(l);
        dispatch(d->hosts[e.node], &e);
    }
    if (until_ns > l->now_ns)
        l->now_ns = until_ns;
    return l->queue.count > 0 || d->global_count > 0;
}

struct des_counts des_counts(const struct des *d)
{
    return d->lane.counts;
}

uint64_t des_now_ns(const struct des *d)
{
    return d->lane.now_ns;
}
