/* What lies between two hosts: latency, jitter, partitions. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"

#define PARTITIONS_MAX 64

bool path_cut(const struct host *a, const struct host *b)
{
    uint64_t partitions = a->des->partitions;

    return partitions && ((a->sides ^ b->sides) & partitions) != 0;
}

static size_t pair_of(const struct des *d, uint32_t from_region, uint32_t to_region)
{
    return (size_t)from_region * d->config.region_count + to_region;
}

static uint64_t base_ns(const struct host *from, uint32_t to, uint32_t to_region)
{
    const struct des *d = from->des;

    if (from->latency_pairs) {
        uint64_t key = (uint64_t)from->index << 32 | to;
        const uint64_t *found = map_find(&d->latency_pairs, slice_of(&key, sizeof key));

        if (found)
            return *found;
    }
    return d->latency_ns[pair_of(d, from->region, to_region)];
}

uint64_t path_least_ns(const struct des *d, uint32_t from_region, uint32_t to_region)
{
    return d->least_ns[pair_of(d, from_region, to_region)];
}

void des_latency_pair(struct des *d, uint32_t from, uint32_t to, uint64_t latency_ns)
{
    uint64_t key = (uint64_t)from << 32 | to, *least;
    bool fresh;

    CHECK(from < d->host_count && to < d->host_count && latency_ns > 0);
    *map_insert(&d->latency_pairs, slice_of(&key, sizeof key), &fresh) = latency_ns;
    d->hosts[from]->latency_pairs = true;
    least = &d->least_ns[pair_of(d, d->hosts[from]->region, d->hosts[to]->region)];
    *least = latency_ns < *least ? latency_ns : *least;
}

void des_latency_set(struct des *d, uint32_t from_region, uint32_t to_region, uint64_t latency_ns)
{
    CHECK(from_region < d->config.region_count && to_region < d->config.region_count);
    CHECK(latency_ns >= path_least_ns(d, from_region, to_region));
    d->latency_ns[pair_of(d, from_region, to_region)] = latency_ns;
}

uint64_t path_delay_ns(struct host *from, uint32_t to, uint32_t to_region)
{
    const struct des *d = from->des;
    uint64_t base = base_ns(from, to, to_region);
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
    for (uint32_t i = 0; d->transport->healed && i < d->host_count; i++)
        d->transport->healed(d->hosts[i]);
}
