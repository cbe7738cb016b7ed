/* NewReno (RFC 5681, 6582): one segment a round trip, halving on loss. */
#include "sim/tcp/internal.h"

static void newreno_init(struct tcp *t)
{
    (void)t;
}

static uint32_t newreno_ssthresh(struct tcp *t)
{
    return t->cwnd / 2 > 2 ? t->cwnd / 2 : 2;
}

static void newreno_avoid(struct tcp *t, uint64_t now_ns, uint32_t acked)
{
    (void)now_ns;
    if (!window_limited(t))
        return;
    if (in_slow_start(t)) {
        acked = window_slow_start(t, acked);
        if (acked == 0)
            return;
    }
    window_avoid(t, t->cwnd, acked);
}

static void newreno_sample(struct tcp *t, uint64_t now_ns, uint32_t rtt_us)
{
    (void)t;
    (void)now_ns;
    (void)rtt_us;
}

static void newreno_timed_out(struct tcp *t)
{
    (void)t;
}

static void newreno_restarted(struct tcp *t, uint64_t now_ns, uint64_t idle_ns)
{
    (void)t;
    (void)now_ns;
    (void)idle_ns;
}

const struct tcp_cc tcp_cc_newreno = {newreno_init,   newreno_ssthresh,  newreno_avoid,
                                      newreno_sample, newreno_timed_out, newreno_restarted};
