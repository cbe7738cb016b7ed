/* Round-trip time: the smoothed estimate and its deviation as Linux keeps them (RFC 6298 with a
 * deviation that rises at once and falls once a round trip, and a floor under it rather than under
 * the timeout), and the least of 300 s. */
#include "sim/tcp/internal.h"

#define MIN_RTT_SPAN_NS (150ull * NS_PER_S)

uint32_t rtt_of(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = (to_ns - from_ns) / NS_PER_US;

    if (us == 0)
        return 1;
    return us < RTT_NONE / 16 ? (uint32_t)us : RTT_NONE / 16;
}

static void first_sample(struct tcp *t, uint32_t rtt_us, uint32_t floor_us)
{
    t->srtt_us = rtt_us * 8;
    t->mdev_us = rtt_us * 2;
    t->rttvar_us = t->mdev_us > floor_us ? t->mdev_us : floor_us;
    t->mdev_max_us = t->rttvar_us;
    t->rtt_end = t->next;
}

void rtt_sample(struct tcp *t, uint32_t rtt_us)
{
    uint32_t floor_us = (uint32_t)(t->config->rto_min_ns / NS_PER_US);
    int64_t error, deviation;

    if (t->srtt_us == 0) {
        first_sample(t, rtt_us, floor_us);
    } else {
        error = (int64_t)rtt_us - (t->srtt_us >> 3);
        t->srtt_us = (uint32_t)((int64_t)t->srtt_us + error);
        deviation = (error < 0 ? -error : error) - (t->mdev_us >> 2);
        /* A falling RTT says little about variation: count it an eighth. */
        if (error < 0 && deviation > 0)
            deviation >>= 3;
        t->mdev_us = (uint32_t)((int64_t)t->mdev_us + deviation);
        if (t->mdev_us > t->mdev_max_us) {
            t->mdev_max_us = t->mdev_us;
            if (t->mdev_max_us > t->rttvar_us)
                t->rttvar_us = t->mdev_max_us;
        }
        if (t->una > t->rtt_end) {
            if (t->mdev_max_us < t->rttvar_us)
                t->rttvar_us -= (t->rttvar_us - t->mdev_max_us) >> 2;
            t->rtt_end = t->next;
            t->mdev_max_us = floor_us;
        }
    }
    if (t->srtt_us == 0)
        t->srtt_us = 1;
    t->rto_ns = ((uint64_t)(t->srtt_us >> 3) + t->rttvar_us) * NS_PER_US;
    if (t->rto_ns > t->config->rto_max_ns)
        t->rto_ns = t->config->rto_max_ns;
    t->backoff = 0;
}

void rtt_update_min(struct tcp *t, uint64_t now_ns, uint32_t rtt_us)
{
    if (now_ns - t->min_rtt_since_ns >= MIN_RTT_SPAN_NS) {
        t->min_rtt_last_us = t->min_rtt_us;
        t->min_rtt_us = RTT_NONE;
        t->min_rtt_since_ns = now_ns;
    }
    if (rtt_us < t->min_rtt_us)
        t->min_rtt_us = rtt_us;
}

uint32_t rtt_min_us(const struct tcp *t)
{
    return t->min_rtt_us < t->min_rtt_last_us ? t->min_rtt_us : t->min_rtt_last_us;
}
