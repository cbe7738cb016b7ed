/* What lies between two access links, decided for each packet: partitions, losses, latency with jitter, bottlenecks. The same rules
 * and the same streams of random numbers as sim/des/path.c. */
#include "sim/ns3/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define PARTITIONS_MAX 64

static void *pairs_copy(const struct ns3 *n, const void *from, size_t size)
{
    size_t cells = (size_t)n->config.region_count * n->config.region_count;
    void *copy;

    if (!from)
        return NULL;
    copy = mem_grow(NULL, cells, size);
    memcpy(copy, from, cells * size);
    return copy;
}

void ways_init(struct ns3 *n)
{
    const struct ns3_config *c = &n->config;

    n->latency_ns = pairs_copy(n, c->latency_ns, sizeof *n->latency_ns);
    n->jitter_pair_ns = pairs_copy(n, c->jitter_pair_ns, sizeof *n->jitter_pair_ns);
    n->loss = pairs_copy(n, c->loss, sizeof *n->loss);
    n->jitter = c->jitter ? jitter_new(c->jitter) : NULL;
    map_init(&n->latency_pairs, c->seed);
}

void ways_deinit(struct ns3 *n)
{
    for (uint32_t i = 0; i < n->host_count; i++)
        mem_free(n->hosts[i]->bad);
    mem_free(n->latency_ns);
    mem_free(n->jitter_pair_ns);
    mem_free(n->loss);
    mem_free(n->middles);
    mem_free(n->rest_ns);
    jitter_free(n->jitter);
    map_deinit(&n->latency_pairs);
}

void way_host_init(struct ns3_host *h, const struct ns3_host_config *config)
{
    uint64_t seed = rng_derive(h->world->config.seed, "host", h->index);

    rng_init(&h->jitter, seed, "jitter");
    rng_init(&h->loss, seed, "loss");
    h->loss_up = config->loss_up;
    h->loss_down = config->loss_down;
}

/* ---- latency ---- */

static const uint64_t *own_latency_ns(const struct ns3_host *from, uint32_t to)
{
    uint64_t key = (uint64_t)from->index << 32 | to;

    return from->latency_pairs ? map_find(&from->world->latency_pairs, slice_of(&key, sizeof key)) : NULL;
}

static uint64_t jitter_ns(struct ns3_host *from, const struct ns3_host *to, uint64_t base)
{
    const struct ns3 *n = from->world;
    uint64_t most = mul_div(base, n->config.jitter_ppm, 1000000) + n->config.jitter_ns;

    if (n->jitter_pair_ns) {
        uint64_t own = n->jitter_pair_ns[pair_of(n, from->region, to->region)];

        if (own != NS3_JITTER_COMMON)
            return own ? rng_below(&from->jitter, own + 1) : 0;
    }
    if (n->jitter)
        return jitter_draw_ns(n->jitter, &from->jitter, base);
    return most ? rng_below(&from->jitter, most + 1) : 0;
}

void ns3_latency_pair(struct ns3 *n, uint32_t from, uint32_t to, uint64_t latency_ns)
{
    uint64_t key = (uint64_t)from << 32 | to;
    bool fresh;

    CHECK(from < n->host_count && to < n->host_count && latency_ns > 0);
    *map_insert(&n->latency_pairs, slice_of(&key, sizeof key), &fresh) = latency_ns;
    n->hosts[from]->latency_pairs = true;
}

void ns3_latency_set(struct ns3 *n, uint32_t from_region, uint32_t to_region, uint64_t latency_ns)
{
    CHECK(n->config.latencies_change && from_region < n->config.region_count && to_region < n->config.region_count);
    n->latency_ns[pair_of(n, from_region, to_region)] = latency_ns;
}

/* ---- bottlenecks ---- */

void ns3_bottleneck_add(struct ns3 *n, const struct ns3_bottleneck *config, const uint64_t *least_ns)
{
    size_t cells = (size_t)n->config.region_count * n->config.region_count;
    struct ns3c_link link = {config->bps, config->queue_ns ? mul_div(config->queue_ns, config->bps, 8ull * 1000000000u)
                                                           : config->queue_size};
    uint32_t middle = n->api->middle_add(&link);

    if (!n->middles) {
        n->middles = mem_grow(NULL, cells, sizeof *n->middles);
        n->rest_ns = mem_zalloc(cells * sizeof *n->rest_ns);
        for (size_t i = 0; i < cells; i++)
            n->middles[i] = NS3C_NONE;
    }
    for (uint32_t i = 0; i < config->pair_count; i++) {
        size_t pair = pair_of(n, config->pairs[i].from, config->pairs[i].to);

        CHECK(n->middles[pair] == NS3C_NONE);
        n->middles[pair] = middle;
        n->rest_ns[pair] = least_ns[pair] / 2;
    }
}

/* ---- loss ---- */

void ns3_loss_set(struct ns3 *n, uint32_t from_region, uint32_t to_region, const struct gilbert *loss)
{
    size_t cells = (size_t)n->config.region_count * n->config.region_count;

    if (!n->loss)
        n->loss = mem_zalloc(cells * sizeof *n->loss);
    n->loss[pair_of(n, from_region, to_region)] = *loss;
}

static bool lost(struct ns3_host *from, const struct ns3_host *to)
{
    const struct ns3 *n = from->world;
    const struct gilbert *between = n->loss ? &n->loss[pair_of(n, from->region, to->region)] : NULL;

    if (gilbert_loses(&from->loss_up, &from->up_bad, &from->loss))
        return true;
    if (!between || gilbert_loses_nothing(between))
        return false;
    if (!from->bad)
        from->bad = mem_zalloc(n->config.region_count * sizeof *from->bad);
    return gilbert_loses(between, &from->bad[to->region], &from->loss);
}

/* ---- a packet ---- */

static bool cut(const struct ns3_host *from, const struct ns3_host *to)
{
    const struct ns3 *n = from->world;
    uint64_t parted = from->sides ^ to->sides;

    return (parted & from->sides & n->cut_out) || (parted & to->sides & n->cut_in);
}

bool way_of_packet(void *world, const struct ns3c_packet *packet, struct ns3c_way *way)
{
    struct ns3 *n = world;
    struct ns3_host *from = n->hosts[packet->from];
    const struct ns3_host *to = n->hosts[packet->to];
    size_t pair = pair_of(n, from->region, to->region);
    const uint64_t *own;
    uint64_t base;

    if (cut(from, to) || lost(from, to))
        return false;
    own = own_latency_ns(from, packet->to);
    base = own ? *own : n->latency_ns[pair];
    way->delay_ns = base + jitter_ns(from, to, base);
    if (n->middles && n->middles[pair] != NS3C_NONE) {
        way->middle = n->middles[pair];
        way->rest_ns = own ? *own / 2 : n->rest_ns[pair];
        way->delay_ns -= way->rest_ns;
    }
    return true;
}

bool way_arrives(void *world, const struct ns3c_packet *packet)
{
    struct ns3_host *to = ((struct ns3 *)world)->hosts[packet->to];

    return !gilbert_loses(&to->loss_down, &to->down_bad, &to->loss);
}

/* ---- partitions ---- */

int ns3_partition(struct ns3 *n, const bool *member, bool out, bool in)
{
    uint64_t taken = n->cut_out | n->cut_in;
    int slot = 0;

    while (slot < PARTITIONS_MAX && (taken >> slot & 1))
        slot++;
    if (slot == PARTITIONS_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < n->host_count; i++) {
        n->hosts[i]->sides &= ~(1ull << slot);
        n->hosts[i]->sides |= (uint64_t)member[i] << slot;
    }
    n->cut_out |= (uint64_t)out << slot;
    n->cut_in |= (uint64_t)in << slot;
    return slot;
}

void ns3_heal(struct ns3 *n, int slot)
{
    CHECK(slot >= 0 && slot < PARTITIONS_MAX && ((n->cut_out | n->cut_in) >> slot & 1));
    n->cut_out &= ~(1ull << slot);
    n->cut_in &= ~(1ull << slot);
}
