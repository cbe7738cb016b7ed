/* The congestion window while nothing is wrong: it grows only when it was the limit, and shrinks
 * when the application paused or used little of it (RFC 2861, as Linux does it). */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

bool window_limited(const struct tcp *t)
{
    if (t->cwnd_limited)
        return true;
    return in_slow_start(t) && t->cwnd < 2 * t->out_max;
}

uint32_t window_slow_start(struct tcp *t, uint32_t acked)
{
    uint32_t room = t->ssthresh - t->cwnd;
    uint32_t step = acked < room ? acked : room;

    CHECK(in_slow_start(t));
    t->cwnd += step;
    return acked - step;
}

void window_avoid(struct tcp *t, uint32_t w, uint32_t acked)
{
    CHECK(w > 0);
    if (t->cwnd_count >= w) {
        t->cwnd_count = 0;
        t->cwnd++;
    }
    t->cwnd_count += acked;
    t->cwnd += t->cwnd_count / w;
    t->cwnd_count %= w;
}

static uint32_t initial_window(const struct tcp *t)
{
    return t->config->initial_window;
}

/* For a whole timeout less than the window was used: go half way towards what was. */
static void application_limited(struct tcp *t, uint64_t now_ns)
{
    if (t->phase == TCP_PHASE_OPEN && !t->wants_room) {
        uint32_t used = t->cwnd_used > initial_window(t) ? t->cwnd_used : initial_window(t);

        if (used < t->cwnd) {
            t->ssthresh = recovery_current_ssthresh(t);
            t->cwnd = (t->cwnd + used) / 2;
        }
        t->cwnd_used = 0;
    }
    t->cwnd_stamp_ns = now_ns;
}

void window_validate(struct tcp *t, uint64_t now_ns, bool limited)
{
    uint32_t out = t->flight ? t->flight->count : 0;

    /* The strongest sign within a window counts. */
    if (t->una >= t->usage_end || limited || (!t->cwnd_limited && out > t->out_max)) {
        t->cwnd_limited = limited;
        t->out_max = out;
        t->usage_end = t->next;
    }
    if (window_limited(t)) {
        t->cwnd_used = 0;
        t->cwnd_stamp_ns = now_ns;
        return;
    }
    if (out > t->cwnd_used)
        t->cwnd_used = out;
    if (t->config->idle_restart && now_ns - t->cwnd_stamp_ns >= t->rto_ns)
        application_limited(t, now_ns);
}

void window_check_idle(struct tcp *t, uint64_t now_ns)
{
    uint32_t least = initial_window(t) < t->cwnd ? initial_window(t) : t->cwnd;
    uint64_t idle_ns = now_ns - t->sent_ns;

    if (!t->config->idle_restart || (t->flight && t->flight->count) || idle_ns <= t->rto_ns)
        return;
    t->ssthresh = recovery_current_ssthresh(t);
    for (; idle_ns > t->rto_ns && t->cwnd > least; idle_ns -= t->rto_ns)
        t->cwnd /= 2;
    if (t->cwnd < least)
        t->cwnd = least;
    t->cwnd_stamp_ns = now_ns;
    t->cwnd_used = 0;
}
