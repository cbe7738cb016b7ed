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

uint64_t path_delay_ns(struct host *from, uint32_t to_region)
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
    for (uint32_t i = 0; d->transport->healed && i < d->host_count; i++)
        d->transport->healed(d->hosts[i]);
}
