/* What lies between two hosts: latency, jitter, partitions. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"

#define PARTITIONS_MAX 64

bool path_cut(const struct host *from, const struct host *to)
{
    const struct des *d = from->des;

    if (!(d->cut_out | d->cut_in))
        return false;
    return ((from->sides & ~to->sides & d->cut_out) | (to->sides & ~from->sides & d->cut_in)) != 0;
}

uint64_t path_delay_ns(struct host *from, uint32_t to_region)
{
    const struct des *d = from->des;
    uint64_t base = d->latency_ns[from->region * d->config.region_count + to_region];
    uint64_t most = mul_div(base, d->config.jitter_ppm, 1000000) + d->config.jitter_ns;

    return most ? base + rng_below(&from->jitter, most + 1) : base;
}

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
