/* The engine: hosts, virtual time and the loop over events. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define PARTITIONS_MAX 64

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
    event_queue_init(&d->queue);
    map_init(&d->by_address, config->seed);
    if (config->tcp == DES_TCP_PACKET)
        packet_init(d);
    return d;
}

static void drop_event(const struct event *e)
{
    switch ((enum event_kind)e->kind) {
    case EVENT_PACKET:
    case EVENT_DELIVER:
    case EVENT_RESUME:
        packet_free(e->object);
        break;
    case EVENT_CALL:
        mem_free(e->object);
        break;
    case EVENT_SEGMENT:
    case EVENT_SEGMENT_THROUGH:
        packet_drop(e->object);
        break;
    case EVENT_WAKE:
    case EVENT_ROOM:
    case EVENT_DRAINED:
    case EVENT_TIMER:
        break;
    }
}

void des_free(struct des *d)
{
    struct event e;

    while (event_queue_pop(&d->queue, &e))
        drop_event(&e);
    event_queue_deinit(&d->queue);
    if (d->transport)
        d->transport->free(d);
    for (uint32_t i = 0; i < d->host_count; i++) {
        conns_deinit(d->hosts[i]);
        mem_free(d->hosts[i]);
    }
    mem_free(d->hosts);
    mem_free(d->latency_ns);
    mem_free(d->globals);
    map_deinit(&d->by_address);
    mem_free(d);
}

static void link_init(struct link *l, const struct des_config *config, uint64_t bps)
{
    uint64_t size = config->queue_size ? config->queue_size : QUEUE_SIZE_DEFAULT;

    if (config->queue_ns && bps)
        size = mul_div(config->queue_ns, bps, 8ull * 1000000000u);
    *l = (struct link){.bps = bps, .queue_size_max = size < TRAIN_SIZE_MAX ? TRAIN_SIZE_MAX : size};
}

uint32_t des_host_add(struct des *d, const struct des_host_config *config)
{
    struct host *h = mem_zalloc(sizeof *h);
    bool fresh;

    CHECK(config->region < d->config.region_count);
    if (d->host_count == d->host_capacity) {
        d->host_capacity = d->host_capacity ? d->host_capacity * 2 : 64;
        d->hosts = mem_grow(d->hosts, d->host_capacity, sizeof *d->hosts);
    }
    h->des = d;
    h->index = d->host_count++;
    h->region = config->region;
    h->address = config->address;
    h->address.port = 0;
    link_init(&h->up, &d->config, config->up_bps);
    link_init(&h->down, &d->config, config->down_bps);
    h->wake_ns = h->wake_posted_ns = TIME_NEVER;
    rng_init(&h->jitter, rng_derive(d->config.seed, "host", h->index), "jitter");
    rng_init(&h->random, rng_derive(d->config.seed, "host", h->index), "random");
    d->hosts[h->index] = h;
    *map_insert(&d->by_address, slice_of(h->address.ip, sizeof h->address.ip), &fresh) = h->index;
    CHECK(fresh);
    return h->index;
}

void des_host_run(struct des *d, uint32_t host, const struct backend_app *app, void *ctx)
{
    struct host *h = d->hosts[host];

    if (!app && d->transport)
        d->transport->reset_all(h);
    if (!app)
        conn_reset_all(h);
    h->app = app;
    h->app_ctx = ctx;
    h->wake_ns = TIME_NEVER;
}

void *des_host(struct des *d, uint32_t host)
{
    CHECK(host < d->host_count);
    return d->hosts[host];
}

void des_post(struct host *from, uint32_t to, uint64_t at_ns, enum event_kind kind, void *object)
{
    struct event e = {.time_ns = at_ns,
                      .node = to,
                      .source = from->index,
                      .sequence = from->sequence++,
                      .kind = kind,
                      .object = object};

    CHECK(at_ns >= from->des->now_ns);
    event_queue_push(&from->des->queue, &e);
}

void des_schedule(struct des *d, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    struct call *call = mem_zalloc(sizeof *call);

    call->fn = fn;
    call->arg = arg;
    des_post(d->hosts[host], host, at_ns < d->now_ns ? d->now_ns : at_ns, EVENT_CALL, call);
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

bool des_cut(const struct host *a, const struct host *b)
{
    uint64_t partitions = a->des->partitions;

    return partitions && ((a->sides ^ b->sides) & partitions) != 0;
}

uint64_t des_path_ns(struct host *from, uint32_t to_region)
{
    const struct des *d = from->des;
    uint64_t base = d->latency_ns[from->region * d->config.region_count + to_region];
    uint64_t most = mul_div(base, d->config.jitter_ppm, 1000000) + d->config.jitter_ns;

    return most ? base + rng_below(&from->jitter, most + 1) : base;
}

int des_partition(struct des *d, const bool *member)
{
    int slot = 0;

    while (slot < PARTITIONS_MAX && (d->partitions >> slot & 1))
        slot++;
    if (slot == PARTITIONS_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < d->host_count; i++) {
        d->hosts[i]->sides &= ~(1ull << slot);
        d->hosts[i]->sides |= (uint64_t)member[i] << slot;
    }
    d->partitions |= 1ull << slot;
    return slot;
}

void des_heal(struct des *d, int slot)
{
    CHECK(slot >= 0 && slot < PARTITIONS_MAX && (d->partitions >> slot & 1));
    d->partitions &= ~(1ull << slot);
    for (uint32_t i = 0; i < d->host_count; i++)
        conn_healed(d->hosts[i]);
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
    switch ((enum event_kind)e->kind) {
    case EVENT_WAKE:
        wake(h, e->time_ns);
        break;
    case EVENT_CALL:
        call(e->object, e->time_ns);
        break;
    case EVENT_PACKET:
        conn_packet(h, e->object);
        break;
    case EVENT_DELIVER:
        conn_deliver(h, e->object);
        break;
    case EVENT_ROOM:
        conn_room(h);
        break;
    case EVENT_DRAINED:
        conn_drained(h);
        break;
    case EVENT_RESUME:
        conn_resume(h, e->object);
        break;
    case EVENT_SEGMENT:
        packet_arrive(h, e->object);
        break;
    case EVENT_SEGMENT_THROUGH:
        packet_through(h, e->object);
        break;
    case EVENT_TIMER:
        packet_timer(h, e->time_ns);
        break;
    }
}

/* Fetches what the events to come will touch. Their memory is cold as a rule: a run is far larger than any cache, and what
 * happens next has nothing to do with what happened last. A pointer is followed some events after it was fetched. */
static void look_ahead(const struct des *d)
{
    enum { FIRST = 19, STRIDE = 3 };
    const struct event *e = event_queue_ahead(&d->queue, FIRST);
    const struct packet *p;
    const struct host *h;

    if (e) {
        __builtin_prefetch(e->object);
        __builtin_prefetch(d->hosts[e->node]);
        __builtin_prefetch((const char *)d->hosts[e->node] + 64);
        if (d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 0);
    }
    for (uint32_t step = 0; step <= BACKEND_EXPECT_STEPS; step++) {
        e = event_queue_ahead(&d->queue, FIRST - STRIDE * (step + 1));
        if (!e || (e->kind != EVENT_PACKET && e->kind != EVENT_DELIVER))
            continue;
        p = e->object;
        h = d->hosts[e->node];
        if (step == 0)
            conn_fetch(h, p);
        if (step == 1 && d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 1);
        if (step == 1 && p->bytes.count)
            __builtin_prefetch(chain_front(&p->bytes).data);
        if (step > 0 && p->bytes.size && h->app && h->app->expect)
            h->app->expect(h->app_ctx, p->to, &p->bytes, step - 1);
    }
}

/* Runs the global calls that are due before the next event. */
static bool run_global(struct des *d, uint64_t until_ns)
{
    struct call c;

    if (d->global_count == 0)
        return false;
    c = d->globals[d->global_count - 1];
    if (c.at_ns > until_ns || c.at_ns > event_queue_next_ns(&d->queue))
        return false;
    d->global_count--;
    if (c.at_ns > d->now_ns)
        d->now_ns = c.at_ns;
    c.fn(c.arg, d->now_ns);
    return true;
}

bool des_run(struct des *d, uint64_t until_ns)
{
    struct event e;

    for (;;) {
        while (run_global(d, until_ns))
            ;
        if (event_queue_next_ns(&d->queue) > until_ns)
            break;
        event_queue_pop(&d->queue, &e);
        CHECK(e.time_ns >= d->now_ns);
        d->now_ns = e.time_ns;
        d->counts.events++;
        look_ahead(d);
        dispatch(d->hosts[e.node], &e);
    }
    if (until_ns > d->now_ns)
        d->now_ns = until_ns;
    return d->queue.count > 0 || d->global_count > 0;
}

struct des_counts des_counts(const struct des *d)
{
    return d->counts;
}

size_t des_calendar_size(const struct des *d)
{
    return d->queue.size;
}

uint64_t des_now_ns(const struct des *d)
{
    return d->now_ns;
}
