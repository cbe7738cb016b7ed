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
    struct des *d = mem_zalloc(sizeof *d);

    CHECK(config->region_count > 0);
    d->config = *config;
    if (config->costs)
        memcpy(d->costs, config->costs, sizeof d->costs);
    path_init(d);
    d->lanes = mem_zalloc(sizeof *d->lanes);
    d->lanes[0] = lane_new(d, 0, 1);
    d->lane_count = 1;
    map_init(&d->by_address, config->seed);
    d->transport = transports[config->tcp];
    CHECK(!config->loss || des_tcp_honours(config->tcp, DES_LOSS));
    if (d->transport->start)
        d->transport->start(d);
    return d;
}

void des_drop(struct des *d, const struct event *e)
{
    if (e->kind >= EVENT_TRANSPORT)
        d->transport->drop(e);
    else if (e->kind == EVENT_CALL)
        mem_free(e->object);
}

void des_free(struct des *d)
{
    crew_free(d->crew);
    for (uint32_t i = 0; i < d->lane_count; i++)
        lane_free(d->lanes[i], d->lane_count);
    mem_free(d->lanes);
    for (uint32_t i = 0; i < d->host_count + d->middle_count; i++) {
        loop_free(d->hosts[i]->loop);
        if (d->transport->host_stop)
            d->transport->host_stop(d->hosts[i]);
        path_host_deinit(d->hosts[i]);
        mem_free(d->hosts[i]);
    }
    if (d->transport->stop)
        d->transport->stop(d);
    mem_free(d->hosts);
    mem_free(d->globals);
    map_deinit(&d->by_address);
    path_deinit(d);
    mem_free(d);
}

/* What is waiting already keeps its time: it leaves at the old rate. */
static void link_set(struct link *l, const struct host *h, uint64_t bps)
{
    l->bps = bps;
    if (h->queue_ns && bps)
        l->queue_size_max = mul_div(h->queue_ns, bps, 8ull * 1000000000u);
    if (l->queue_size_max < QUEUE_SIZE_MIN)
        l->queue_size_max = QUEUE_SIZE_MIN;
}

static void links_init(struct host *h, const struct des_host_config *config)
{
    bool own = config->queue_size || config->queue_ns;
    uint64_t size = own ? config->queue_size : h->des->config.queue_size;

    h->queue_ns = own ? config->queue_ns : h->des->config.queue_ns;
    h->up.queue_size_max = h->down.queue_size_max = size ? size : LINK_QUEUE_SIZE_DEFAULT;
    link_set(&h->up, h, config->up_bps);
    link_set(&h->down, h, config->down_bps);
}

struct host *host_new(struct des *d, const struct des_host_config *config)
{
    struct host *h = mem_zalloc(sizeof *h + d->transport->host_size);

    CHECK(config->region < d->config.region_count && (!config->cores || d->config.costs));
    CHECK(config->aqm.kind == QUEUE_DROP_TAIL || des_tcp_honours(d->config.tcp, DES_AQM));
    if (d->host_count + d->middle_count == d->host_capacity) {
        d->host_capacity = d->host_capacity ? d->host_capacity * 2 : 64;
        d->hosts = mem_grow(d->hosts, d->host_capacity, sizeof *d->hosts);
    }
    h->des = d;
    CHECK(d->lane_count == 1); /* des_divide comes after the last one */
    h->lane = d->lanes[0];
    h->index = d->host_count + d->middle_count;
    h->region = config->region;
    h->address = config->address;
    h->address.port = 0;
    h->aqm = config->aqm;
    h->unreachable = config->unreachable;
    links_init(h, config);
    if (config->cores)
        h->loop = loop_new(h, d->costs, config->cores, config->speed_ppm);
    h->wake_ns = h->wake_posted_ns = TIME_NEVER;
    rng_init(&h->jitter, rng_derive(d->config.seed, "host", h->index), "jitter");
    rng_init(&h->random, rng_derive(d->config.seed, "host", h->index), "random");
    path_host_init(h, config);
    CHECK(!h->loss || des_tcp_honours(d->config.tcp, DES_LOSS));
    if (d->transport->host_start)
        d->transport->host_start(h);
    d->hosts[h->index] = h;
    return h;
}

struct slice host_key(const struct endpoint *e, uint8_t key[static HOST_KEY_SIZE])
{
    memcpy(key, e->ip, sizeof e->ip);
    store_be16(key + sizeof e->ip, e->port);
    return slice_of(key, HOST_KEY_SIZE);
}

uint32_t des_host_add(struct des *d, const struct des_host_config *config)
{
    struct host *h;
    uint8_t key[HOST_KEY_SIZE];
    bool fresh;

    CHECK(d->middle_count == 0);
    h = host_new(d, config);
    d->host_count++;
    if (config->shares_address)
        *map_insert(&d->by_address, host_key(&config->address, key), &fresh) = h->index;
    else
        *map_insert(&d->by_address, slice_of(h->address.ip, sizeof h->address.ip), &fresh) = h->index;
    CHECK(fresh);
    return h->index;
}

void des_bandwidth_set(struct des *d, uint32_t host, uint64_t up_bps, uint64_t down_bps)
{
    struct host *h = d->hosts[host];

    CHECK(host < d->host_count);
    link_set(&h->up, h, up_bps);
    link_set(&h->down, h, down_bps);
}

bool des_tcp_honours(enum des_tcp tcp, enum des_feature feature)
{
    return transports[tcp]->honours >> feature & 1;
}

void des_host_run(struct des *d, uint32_t host, const struct backend_app *app, void *ctx)
{
    struct host *h = d->hosts[host];

    if (!app) {
        d->transport->reset_all(h);
        h->listen_port = 0;
    }
    h->app = app && h->loop ? &loop_app : app;
    h->app_ctx = h->loop ? h->loop : ctx;
    if (h->loop)
        loop_place(h->loop, app, ctx);
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
    struct lane *lane;

    CHECK(at_ns >= from->lane->now_ns);
    lane = from->des->hosts[to]->lane;
    if (lane == from->lane || !from->des->running) {
        event_queue_push(&lane->queue, &e);
    } else {
        CHECK(at_ns >= from->des->window_ends_ns);
        lane_mail(from->lane, lane->index, &e);
    }
}

void des_schedule(struct des *d, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    struct call *call = mem_zalloc(sizeof *call);
    struct host *h = d->hosts[host];

    call->fn = fn;
    call->arg = arg;
    des_post(h, host, at_ns < h->lane->now_ns ? h->lane->now_ns : at_ns, EVENT_CALL, call);
}

void des_schedule_global(struct des *d, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    uint32_t at = d->global_count;

    CHECK(!d->running);
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

/* Every lane's clock stands where the world's does while none of them runs. */
static void set_now(struct des *d, uint64_t now_ns)
{
    d->now_ns = now_ns;
    for (uint32_t i = 0; i < d->lane_count; i++)
        d->lanes[i]->now_ns = now_ns;
}

/* Runs the global calls that are due by then and before any event: those of their time come after them. */
static void run_globals(struct des *d, uint64_t until_ns)
{
    while (d->global_count && d->globals[d->global_count - 1].at_ns <= until_ns) {
        struct call c = d->globals[d->global_count - 1];

        if (c.at_ns > d->now_ns && windows_next_ns(d) < c.at_ns)
            return;
        d->global_count--;
        if (c.at_ns > d->now_ns)
            set_now(d, c.at_ns);
        c.fn(c.arg, d->now_ns);
    }
}

bool des_run(struct des *d, uint64_t until_ns)
{
    uint64_t bound_ns;

    CHECK(!d->running);
    do {
        run_globals(d, until_ns);
        bound_ns = until_ns;
        if (d->global_count && d->globals[d->global_count - 1].at_ns <= until_ns)
            bound_ns = d->globals[d->global_count - 1].at_ns - 1;
        d->running = true;
        windows_run(d, bound_ns);
        d->running = false;
    } while (bound_ns < until_ns);
    if (until_ns > d->now_ns)
        set_now(d, until_ns);
    return windows_next_ns(d) < UINT64_MAX || d->global_count > 0;
}

struct des_counts des_counts(const struct des *d)
{
    struct des_counts sum = {0};

    for (uint32_t i = 0; i < d->lane_count; i++) {
        const struct des_counts *c = &d->lanes[i]->counts;

        sum.events += c->events;
        sum.connections += c->connections;
        sum.bytes += c->bytes;
        sum.dropped += c->dropped;
        sum.lost += c->lost;
        sum.windows += c->windows;
    }
    return sum;
}

size_t des_calendar_size(const struct des *d)
{
    size_t size = 0;

    for (uint32_t i = 0; i < d->lane_count; i++)
        size += d->lanes[i]->queue.size;
    return size;
}

uint64_t des_now_ns(const struct des *d)
{
    return d->now_ns;
}
