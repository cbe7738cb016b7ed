/* NewReno (RFC 5681, 6582): one segment a round trip, halving on loss. */
#include "sim/tcp/window.h"

static uint32_t newreno_ssthresh(const struct tcp_config *config, struct window *w)
{
    (void)config;
    return w->cwnd / 2 > 2 ? w->cwnd / 2 : 2;
}

static void newreno_avoid(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t acked)
{
    (void)config;
    (void)now_ns;
    if (!window_is_limit(w))
        return;
    if (in_slow_start(w)) {
        acked = window_slow_start(w, acked);
        if (acked == 0)
            return;
    }
    window_avoid(w, w->cwnd, acked);
}

static void newreno_sample(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t rtt_us)
{
    (void)config;
    (void)w;
    (void)now_ns;
    (void)rtt_us;
}

static void newreno_timed_out(struct window *w)
{
    (void)w;
}

static void newreno_restarted(struct window *w, uint64_t now_ns, uint64_t idle_ns)
{
    (void)w;
    (void)now_ns;
    (void)idle_ns;
}

const struct tcp_cc tcp_cc_newreno = {newreno_ssthresh, newreno_avoid, newreno_sample, newreno_timed_out,
                                      newreno_restarted};
