/* The congestion window while nothing is wrong: it grows only when it was the limit, and shrinks
 * when the application paused or used little of it (RFC 2861, as Linux does it). */
#include "sim/tcp/window.h"

#include "stack/base/check.h"

void window_init(const struct tcp_config *config, struct window *w)
{
    *w = (struct window){.cwnd = config->initial_window,
                         .ssthresh = SSTHRESH_INFINITE,
                         .min_rtt_us = RTT_NONE,
                         .min_rtt_last_us = RTT_NONE};
}

bool window_is_limit(const struct window *w)
{
    if (w->limited)
        return true;
    return in_slow_start(w) && w->cwnd < 2 * w->out_max;
}

uint32_t window_current_ssthresh(const struct window *w)
{
    uint32_t most = w->cwnd / 2 + w->cwnd / 4;

    if (w->phase == TCP_PHASE_CWR || w->phase == TCP_PHASE_RECOVERY)
        return w->ssthresh;
    return w->ssthresh > most ? w->ssthresh : most;
}

uint32_t window_slow_start(struct window *w, uint32_t acked)
{
    uint32_t room = w->ssthresh - w->cwnd;
    uint32_t step = acked < room ? acked : room;

    CHECK(in_slow_start(w));
    w->cwnd += step;
    return acked - step;
}

void window_avoid(struct window *w, uint32_t per, uint32_t acked)
{
    CHECK(per > 0);
    if (w->count >= per) {
        w->count = 0;
        w->cwnd++;
    }
    w->count += acked;
    w->cwnd += w->count / per;
    w->count %= per;
}

/* For a whole timeout less than the window was used: go half way towards what was. */
static void application_limited(const struct tcp_config *config, struct window *w, uint64_t now_ns, bool may_shrink)
{
    if (may_shrink) {
        uint32_t used = w->used > config->initial_window ? w->used : config->initial_window;

        if (used < w->cwnd) {
            w->ssthresh = window_current_ssthresh(w);
            w->cwnd = (w->cwnd + used) / 2;
        }
        w->used = 0;
    }
    w->stamp_ns = now_ns;
}

void window_validate(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t out, bool limited,
                     bool may_shrink)
{
    /* The strongest sign within a window counts. */
    if (w->una >= w->usage_end || limited || (!w->limited && out > w->out_max)) {
        w->limited = limited;
        w->out_max = out;
        w->usage_end = w->next;
    }
    if (window_is_limit(w)) {
        w->used = 0;
        w->stamp_ns = now_ns;
        return;
    }
    if (out > w->used)
        w->used = out;
    if (config->idle_restart && now_ns - w->stamp_ns >= rtt_rto_ns(config, w))
        application_limited(config, w, now_ns, may_shrink);
}

void window_check_idle(const struct tcp_config *config, struct window *w, uint64_t now_ns)
{
    uint32_t least = config->initial_window < w->cwnd ? config->initial_window : w->cwnd;
    uint64_t idle_ns = now_ns - w->sent_ns, rto_ns = rtt_rto_ns(config, w);

    if (!config->idle_restart || idle_ns <= rto_ns)
        return;
    w->ssthresh = window_current_ssthresh(w);
    for (; idle_ns > rto_ns && w->cwnd > least; idle_ns -= rto_ns)
        w->cwnd /= 2;
    if (w->cwnd < least)
        w->cwnd = least;
    w->stamp_ns = now_ns;
    w->used = 0;
}

uint32_t window_reduce(struct window *w, struct reduction *r, uint32_t in_flight, uint32_t delivered, bool progress)
{
    int64_t delta = (int64_t)w->ssthresh - in_flight, send;

    r->delivered += delivered;
    if (delta < 0) {
        uint64_t share = (uint64_t)w->ssthresh * r->delivered + r->prior_cwnd - 1;

        send = (int64_t)(share / r->prior_cwnd) - r->out;
    } else {
        send = (int64_t)r->delivered - r->out;
        if (send < (int64_t)delivered)
            send = delivered;
        if (progress)
            send++;
        if (send > delta)
            send = delta;
    }
    if (send < (r->out ? 0 : 1)) /* the first retransmission goes at once */
        send = r->out ? 0 : 1;
    return (uint32_t)send;
}

uint64_t window_send_buffer(const struct tcp_config *config, const struct window *w, uint32_t mss)
{
    uint64_t segments = w->cwnd > config->initial_window ? w->cwnd : config->initial_window;
    uint64_t want = 2 * segments * (mss + SEGMENT_OVERHEAD);

    return want < config->send_buffer_max ? want : config->send_buffer_max;
}
