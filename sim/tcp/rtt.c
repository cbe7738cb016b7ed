/* Round-trip time: the smoothed estimate and its deviation as Linux keeps them (RFC 6298 with a
 * deviation that rises at once and falls once a round trip, and a floor under it rather than under
 * the timeout), and the least of 300 s. */
#include "sim/tcp/window.h"

#include "stack/base/check.h"

#define MIN_RTT_SPAN_NS (150ull * NS_PER_S)

uint32_t rtt_of(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = (to_ns - from_ns) / NS_PER_US;

    if (us == 0)
        return 1;
    return us < RTT_NONE / 16 ? (uint32_t)us : RTT_NONE / 16;
}

static void first_sample(struct window *w, uint32_t rtt_us, uint32_t floor_us)
{
    w->srtt_us = rtt_us * 8;
    w->mdev_us = rtt_us * 2;
    w->rttvar_us = w->mdev_us > floor_us ? w->mdev_us : floor_us;
    w->mdev_max_us = w->rttvar_us;
    w->rtt_end = w->next;
}

void rtt_sample(const struct tcp_config *config, struct window *w, uint32_t rtt_us)
{
    uint32_t floor_us = (uint32_t)(config->rto_min_ns / NS_PER_US);
    int64_t error, deviation;

    if (w->srtt_us == 0) {
        first_sample(w, rtt_us, floor_us);
    } else {
        error = (int64_t)rtt_us - (w->srtt_us >> 3);
        w->srtt_us = (uint32_t)((int64_t)w->srtt_us + error);
        deviation = (error < 0 ? -error : error) - (w->mdev_us >> 2);
        /* A falling RTT says little about variation: count it an eighth. */
        if (error < 0 && deviation > 0)
            deviation >>= 3;
        w->mdev_us = (uint32_t)((int64_t)w->mdev_us + deviation);
        if (w->mdev_us > w->mdev_max_us) {
            w->mdev_max_us = w->mdev_us;
            if (w->mdev_max_us > w->rttvar_us)
                w->rttvar_us = w->mdev_max_us;
        }
        if (w->una > w->rtt_end) {
            if (w->mdev_max_us < w->rttvar_us)
                w->rttvar_us -= (w->rttvar_us - w->mdev_max_us) >> 2;
            w->rtt_end = w->next;
            w->mdev_max_us = floor_us;
        }
    }
    if (w->srtt_us == 0)
        w->srtt_us = 1;
    w->backoff = 0;
}

void rtt_update_min(struct window *w, uint64_t now_ns, uint32_t rtt_us)
{
    if (now_ns - w->min_rtt_since_ns >= MIN_RTT_SPAN_NS) {
        w->min_rtt_last_us = w->min_rtt_us;
        w->min_rtt_us = RTT_NONE;
        w->min_rtt_since_ns = now_ns;
    }
    if (rtt_us < w->min_rtt_us)
        w->min_rtt_us = rtt_us;
}

uint32_t rtt_min_us(const struct window *w)
{
    return w->min_rtt_us < w->min_rtt_last_us ? w->min_rtt_us : w->min_rtt_last_us;
}

uint64_t rtt_rto_ns(const struct tcp_config *config, const struct window *w)
{
    uint64_t rto_ns = ((uint64_t)(w->srtt_us >> 3) + w->rttvar_us) * NS_PER_US;

    if (w->srtt_us == 0)
        return config->rto_initial_ns;
    return rto_ns < config->rto_max_ns ? rto_ns : config->rto_max_ns;
}

uint64_t rtt_timeout_ns(const struct tcp_config *config, const struct window *w)
{
    uint64_t most = config->rto_max_ns, rto_ns = rtt_rto_ns(config, w);

    CHECK(w->backoff < 64);
    return rto_ns >= most >> w->backoff ? most : rto_ns << w->backoff;
}
