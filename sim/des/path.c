/* What lies between two hosts: latency, jitter, loss, bottlenecks, partitions. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define PARTITIONS_MAX 64

/* Of what a host sends, and of its downlink. */
struct host_loss {
    struct gilbert up, down;
    struct rng rng;
    bool up_bad, down_bad;
    bool *bad; /* by region of the receivers; NULL: not needed yet */
};

bool path_cut(const struct host *from, const struct host *to)
{
    const struct des *d = from->des;

    if (!(d->cut_out | d->cut_in))
        return false;
    return ((from->sides & ~to->sides & d->cut_out) | (to->sides & ~from->sides & d->cut_in)) != 0;
}

static size_t pair_of(const struct des *d, uint32_t from_region, uint32_t to_region)
{
    return (size_t)from_region * d->config.region_count + to_region;
}

/* A copy of a value for each pair of regions; NULL for NULL. */
static void *pairs_copy(const struct des *d, const void *from, size_t size)
{
    size_t cells = (size_t)d->config.region_count * d->config.region_count;
    void *copy;

    if (!from)
        return NULL;
    copy = mem_grow(NULL, cells, size);
    memcpy(copy, from, cells * size);
    return copy;
}

void path_init(struct des *d)
{
    const struct des_config *c = &d->config;

    d->latency_ns = pairs_copy(d, c->latency_ns, sizeof *d->latency_ns);
    d->least_ns = pairs_copy(d, c->latency_least_ns ? c->latency_least_ns : c->latency_ns, sizeof *d->least_ns);
    d->jitter_pair_ns = pairs_copy(d, c->jitter_pair_ns, sizeof *d->jitter_pair_ns);
    d->loss = pairs_copy(d, c->loss, sizeof *d->loss);
    d->jitter = c->jitter ? jitter_new(c->jitter) : NULL;
    d->jitters = c->jitter || c->jitter_pair_ns || c->jitter_ppm || c->jitter_ns;
    map_init(&d->latency_pairs, c->seed);
    for (size_t i = 0; i < (size_t)c->region_count * c->region_count; i++)
        CHECK(d->least_ns[i] > 0 && d->latency_ns[i] >= d->least_ns[i]);
}

void path_deinit(struct des *d)
{
    mem_free(d->latency_ns);
    mem_free(d->least_ns);
    mem_free(d->jitter_pair_ns);
    mem_free(d->loss);
    mem_free(d->middles);
    mem_free(d->pair_least_ns);
    jitter_free(d->jitter);
    map_deinit(&d->latency_pairs);
}

/* ---- latency ---- */

static const uint64_t *own_latency_ns(const struct host *from, uint32_t to)
{
    uint64_t key = (uint64_t)from->index << 32 | to;

    return from->latency_pairs ? map_find(&from->des->latency_pairs, slice_of(&key, sizeof key)) : NULL;
}

uint64_t path_latency_ns(const struct host *from, uint32_t to, uint32_t to_region)
{
    const uint64_t *own = own_latency_ns(from, to);

    return own ? *own : from->des->latency_ns[pair_of(from->des, from->region, to_region)];
}

uint64_t path_least_ns(const struct des *d, uint32_t from_region, uint32_t to_region)
{
    return d->least_ns[pair_of(d, from_region, to_region)];
}

static void lower(struct des *d, uint32_t from_region, uint32_t to_region, uint64_t ns)
{
    uint64_t *least = &d->least_ns[pair_of(d, from_region, to_region)];

    CHECK(ns > 0);
    *least = ns < *least ? ns : *least;
}

/* Some path between these regions is as short as this. Through a bottleneck it is two steps. */
static void lower_least(struct des *d, uint32_t from_region, uint32_t to_region, uint64_t ns)
{
    uint32_t middle = d->middles ? d->middles[pair_of(d, from_region, to_region)] : 0;

    lower(d, from_region, to_region, ns);
    if (middle) {
        lower(d, from_region, d->hosts[middle]->region, ns - ns / 2);
        lower(d, d->hosts[middle]->region, to_region, ns / 2);
    }
}

void des_latency_pair(struct des *d, uint32_t from, uint32_t to, uint64_t latency_ns)
{
    uint64_t key = (uint64_t)from << 32 | to;
    bool fresh;

    CHECK(from < d->host_count && to < d->host_count);
    *map_insert(&d->latency_pairs, slice_of(&key, sizeof key), &fresh) = latency_ns;
    d->hosts[from]->latency_pairs = true;
    lower_least(d, d->hosts[from]->region, d->hosts[to]->region, latency_ns);
}

void des_latency_set(struct des *d, uint32_t from_region, uint32_t to_region, uint64_t latency_ns)
{
    CHECK(from_region < d->config.region_count && to_region < d->config.region_count);
    CHECK(latency_ns >= path_least_ns(d, from_region, to_region));
    d->latency_ns[pair_of(d, from_region, to_region)] = latency_ns;
}

static uint64_t jitter_ns(struct host *from, uint32_t to_region, uint64_t base)
{
    const struct des *d = from->des;
    uint64_t most = mul_div(base, d->config.jitter_ppm, 1000000) + d->config.jitter_ns;

    if (d->jitter_pair_ns) {
        uint64_t own = d->jitter_pair_ns[pair_of(d, from->region, to_region)];

        if (own != DES_JITTER_COMMON)
            return own ? rng_below(&from->jitter, own + 1) : 0;
    }
    if (d->jitter)
        return jitter_draw_ns(d->jitter, &from->jitter, base);
    return most ? rng_below(&from->jitter, most + 1) : 0;
}

uint64_t path_jitter_ns(const struct host *from, uint32_t to_region, uint64_t latency_ns)
{
    const struct des *d = from->des;

    if (d->jitter_pair_ns) {
        uint64_t own = d->jitter_pair_ns[pair_of(d, from->region, to_region)];

        if (own != DES_JITTER_COMMON)
            return own;
    }
    if (d->jitter)
        return latency_ns / 2;
    return mul_div(latency_ns, d->config.jitter_ppm, 1000000) + d->config.jitter_ns;
}

uint64_t path_delay_ns(struct host *from, uint32_t to, uint32_t to_region)
{
    uint64_t base = path_latency_ns(from, to, to_region);

    return from->des->jitters ? base + jitter_ns(from, to_region, base) : base;
}

/* ---- bottlenecks ---- */

struct path_hop path_hop(struct host *from, uint32_t to, uint32_t to_region)
{
    const struct des *d = from->des;
    uint32_t middle = d->middles ? d->middles[pair_of(d, from->region, to_region)] : 0;
    struct path_hop hop = {.host = to, .delay_ns = path_delay_ns(from, to, to_region)};
    const uint64_t *own;

    if (!middle)
        return hop;
    /* What lies behind it never changes, so packets leave it in the order in which they arrive. */
    own = own_latency_ns(from, to);
    hop.host = middle;
    hop.rest_ns = (own ? *own : d->pair_least_ns[pair_of(d, from->region, to_region)]) / 2;
    hop.delay_ns -= hop.rest_ns;
    return hop;
}

uint64_t path_bps(const struct host *from, const struct host *to)
{
    const struct des *d = from->des;
    uint32_t middle = d->middles ? d->middles[pair_of(d, from->region, to->region)] : 0;
    uint64_t rates[] = {from->up.bps, middle ? d->hosts[middle]->up.bps : 0, to->down.bps}, least = 0;

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rates[i] && (least == 0 || rates[i] < least))
            least = rates[i];
    return least;
}

void des_bottleneck_add(struct des *d, const struct des_bottleneck *config)
{
    struct des_host_config host = {.region = config->pairs[0].from,
                                   .up_bps = config->bps,
                                   .queue_size = config->queue_size,
                                   .queue_ns = config->queue_ns,
                                   .aqm = config->aqm};
    struct host *h;

    CHECK(config->pair_count > 0 && config->bps > 0 && map_count(&d->latency_pairs) == 0);
    CHECK(des_tcp_honours(d->config.tcp, DES_BOTTLENECKS));
    if (!d->middles) {
        size_t cells = (size_t)d->config.region_count * d->config.region_count;

        d->middles = mem_zalloc(cells * sizeof *d->middles);
        d->pair_least_ns = pairs_copy(d, d->least_ns, sizeof *d->pair_least_ns);
    }
    h = host_new(d, &host);
    h->middle = true;
    d->middle_count++;
    for (uint32_t i = 0; i < config->pair_count; i++) {
        size_t pair = pair_of(d, config->pairs[i].from, config->pairs[i].to);

        CHECK(d->middles[pair] == 0);
        d->middles[pair] = h->index;
        lower_least(d, config->pairs[i].from, config->pairs[i].to, d->pair_least_ns[pair]);
    }
}

/* ---- loss ---- */

static struct host_loss *host_loss(struct host *h)
{
    if (!h->loss) {
        h->loss = mem_zalloc(sizeof *h->loss);
        rng_init(&h->loss->rng, rng_derive(h->des->config.seed, "host", h->index), "loss");
    }
    return h->loss;
}

void path_host_init(struct host *h, const struct des_host_config *config)
{
    if (!gilbert_loses_nothing(&config->loss_up) || !gilbert_loses_nothing(&config->loss_down)) {
        host_loss(h)->up = config->loss_up;
        h->loss->down = config->loss_down;
    }
}

void path_host_deinit(struct host *h)
{
    if (h->loss)
        mem_free(h->loss->bad);
    mem_free(h->loss);
}

void des_loss_set(struct des *d, uint32_t from_region, uint32_t to_region, const struct gilbert *loss)
{
    size_t cells = (size_t)d->config.region_count * d->config.region_count;

    CHECK(des_tcp_honours(d->config.tcp, DES_LOSS));
    if (!d->loss)
        d->loss = mem_zalloc(cells * sizeof *d->loss);
    d->loss[pair_of(d, from_region, to_region)] = *loss;
}

uint64_t path_losses(struct host *from, uint32_t to_region, unsigned count)
{
    const struct des *d = from->des;
    const struct gilbert *between = d->loss ? &d->loss[pair_of(d, from->region, to_region)] : NULL;
    struct host_loss *l = from->loss;
    uint64_t lost = 0;

    if (between && gilbert_loses_nothing(between))
        between = NULL;
    if (!l && !between)
        return 0;
    CHECK(count > 0 && count <= 64);
    l = host_loss(from);
    if (between && !l->bad)
        l->bad = mem_zalloc(d->config.region_count * sizeof *l->bad);
    for (unsigned i = 0; i < count; i++)
        if (gilbert_loses(&l->up, &l->up_bad, &l->rng) ||
            (between && gilbert_loses(between, &l->bad[to_region], &l->rng)))
            lost |= 1ull << i;
    return lost;
}

uint64_t path_losses_down(struct host *to, unsigned count)
{
    struct host_loss *l = to->loss;
    uint64_t lost = 0;

    CHECK(count > 0 && count <= 64);
    for (unsigned i = 0; l && i < count; i++)
        if (gilbert_loses(&l->down, &l->down_bad, &l->rng))
            lost |= 1ull << i;
    return lost;
}

/* ---- partitions ---- */

int des_partition(struct des *d, const bool *member, enum des_cut cut)
{
    uint64_t taken = d->cut_out | d->cut_in;
    int slot = 0;

    while (slot < PARTITIONS_MAX && (taken >> slot & 1))
        slot++;
    if (slot == PARTITIONS_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < d->host_count; i++) {
        d->hosts[i]->sides &= ~(1ull << slot);
        d->hosts[i]->sides |= (uint64_t)member[i] << slot;
    }
    d->cut_out |= (uint64_t)((cut & DES_CUT_OUT) != 0) << slot;
    d->cut_in |= (uint64_t)((cut & DES_CUT_IN) != 0) << slot;
    return slot;
}

void des_heal(struct des *d, int slot)
{
    CHECK(slot >= 0 && slot < PARTITIONS_MAX && ((d->cut_out | d->cut_in) >> slot & 1));
    d->cut_out &= ~(1ull << slot);
    d->cut_in &= ~(1ull << slot);
    for (uint32_t i = 0; d->transport->healed && i < d->host_count; i++)
        d->transport->healed(d->hosts[i]);
}
