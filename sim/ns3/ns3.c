/* The world of the ns-3 backend: its hosts, and time. */
#include "sim/ns3/internal.h"

#include "sim/ns3/plugin.h"
#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define QUEUE_SIZE_DEFAULT (256u * 1024) /* both as in sim/des */
#define QUEUE_SIZE_MIN (16u * 1024)

struct ns3 *ns3_new(const struct ns3_config *config, char *error, size_t error_size)
{
    const struct ns3c_table *api = ns3_plugin(error, error_size);
    struct ns3 *n;
    struct ns3c_config c = {.region_count = config->region_count,
                            .latency_ns = config->latency_ns,
                            .checksums = config->checksums,
                            .path = way_of_packet,
                            .arrives = way_arrives};

    if (!api)
        return NULL;
    n = mem_zalloc(sizeof *n);
    c.tcp = config->tcp ? *config->tcp : api->tcp_default();
    c.in_order = config->jitter_ppm || config->jitter_ns || config->jitter || config->jitter_pair_ns ||
                 config->latencies_change;
    c.ctx = n;
    if (api->begin(&c, error, error_size) != 0) {
        mem_free(n);
        return NULL;
    }
    n->api = api;
    n->config = *config;
    n->scratch = mem_alloc(CONN_SCRATCH);
    map_init(&n->by_address, config->seed);
    ways_init(n);
    return n;
}

void ns3_free(struct ns3 *n)
{
    n->api->end();
    ways_deinit(n);
    map_deinit(&n->by_address);
    for (uint32_t i = 0; i < n->host_count; i++) {
        conns_drop(n->hosts[i]);
        mem_free(n->hosts[i]->conns);
        mem_free(n->hosts[i]->free_indexes);
        mem_free(n->hosts[i]);
    }
    for (struct ns3_later *l = n->laters, *next; l; l = next) {
        next = l->next;
        mem_free(l);
    }
    mem_free(n->hosts);
    mem_free(n->scratch);
    mem_free(n);
}

/* ---- hosts ---- */

static struct ns3c_link link_of(const struct ns3_host *h, uint64_t bps)
{
    uint64_t size = h->queue_ns && bps ? mul_div(h->queue_ns, bps, 8ull * 1000000000u) : h->queue_size;

    return (struct ns3c_link){bps, size < QUEUE_SIZE_MIN ? QUEUE_SIZE_MIN : size};
}

static void host_init(struct ns3_host *h, const struct ns3_host_config *config)
{
    bool own = config->queue_size || config->queue_ns;
    uint64_t size = own ? config->queue_size : h->world->config.queue_size;

    h->region = config->region;
    h->address = config->address;
    h->address.port = 0;
    h->queue_size = size ? size : QUEUE_SIZE_DEFAULT;
    h->queue_ns = own ? config->queue_ns : h->world->config.queue_ns;
    h->wake_ns = h->wake_posted_ns = TIME_NEVER;
    rng_init(&h->random, rng_derive(h->world->config.seed, "host", h->index), "random");
    way_host_init(h, config);
}

struct slice host_of_port(const struct endpoint *e, uint8_t key[static HOST_KEY_SIZE])
{
    memcpy(key, e->ip, sizeof e->ip);
    store_be16(key + sizeof e->ip, e->port);
    return slice_of(key, HOST_KEY_SIZE);
}

uint32_t ns3_host_add(struct ns3 *n, const struct ns3_host_config *config)
{
    struct ns3_host *h = mem_zalloc(sizeof *h);
    struct ns3c_host host = {.region = config->region, .unreachable = config->unreachable};
    uint8_t key[HOST_KEY_SIZE];
    bool fresh;

    CHECK(config->region < n->config.region_count);
    if (n->host_count == n->host_capacity) {
        n->host_capacity = n->host_capacity ? n->host_capacity * 2 : 64;
        n->hosts = mem_grow(n->hosts, n->host_capacity, sizeof *n->hosts);
    }
    h->world = n;
    h->index = n->host_count;
    host_init(h, config);
    host.up = link_of(h, config->up_bps);
    host.down = link_of(h, config->down_bps);
    CHECK(n->api->host_add(&host) == h->index);
    n->hosts[n->host_count++] = h;
    if (config->shares_address)
        *map_insert(&n->by_address, host_of_port(&config->address, key), &fresh) = h->index;
    else
        *map_insert(&n->by_address, slice_of(h->address.ip, sizeof h->address.ip), &fresh) = h->index;
    CHECK(fresh);
    return h->index;
}

void ns3_host_run(struct ns3 *n, uint32_t host, const struct backend_app *app, void *ctx)
{
    struct ns3_host *h = n->hosts[host];

    if (!app) {
        conns_drop(h);
        h->listener = NULL;
        n->api->reset(host);
    }
    h->app = app;
    h->app_ctx = ctx;
    h->wake_ns = TIME_NEVER;
}

void *ns3_host(struct ns3 *n, uint32_t host)
{
    CHECK(host < n->host_count);
    return n->hosts[host];
}

void ns3_bandwidth_set(struct ns3 *n, uint32_t host, uint64_t up_bps, uint64_t down_bps)
{
    struct ns3c_link up = link_of(n->hosts[host], up_bps), down = link_of(n->hosts[host], down_bps);

    n->api->host_links(host, &up, &down);
}

int ns3_pcap(struct ns3 *n, uint32_t host, const char *path)
{
    CHECK(host < n->host_count);
    return n->api->pcap(host, path);
}

/* ---- time ---- */

static void later_happens(void *arg)
{
    struct ns3_later *l = arg;
    struct ns3 *n = l->world;
    void (*fn)(void *, uint64_t) = l->fn;
    void *fn_arg = l->arg;

    if (l->next)
        l->next->previous = l->previous;
    *(l->previous ? &l->previous->next : &n->laters) = l->next;
    mem_free(l);
    fn(fn_arg, n->api->now());
}

void ns3_schedule(struct ns3 *n, uint32_t host, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    struct ns3_later *l = mem_zalloc(sizeof *l);

    *l = (struct ns3_later){.world = n, .next = n->laters, .fn = fn, .arg = arg};
    if (l->next)
        l->next->previous = l;
    n->laters = l;
    n->api->call(host, at_ns, later_happens, l);
}

void ns3_schedule_global(struct ns3 *n, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    ns3_schedule(n, NS3C_NONE, at_ns, fn, arg);
}

void ns3_run(struct ns3 *n, uint64_t until_ns)
{
    n->api->run(until_ns);
}

uint64_t ns3_now_ns(const struct ns3 *n)
{
    return n->api->now();
}

struct ns3c_counts ns3_counts(const struct ns3 *n)
{
    return n->api->count();
}
