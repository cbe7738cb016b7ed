/* The sending side's timer: retransmission, tail loss probe, reordering, window probe: one at a
 * time. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

void timer_set(struct tcp *t, enum tcp_timer kind, uint64_t deadline_ns)
{
    t->timer = (uint8_t)kind;
    t->timer_ns = kind == TIMER_NONE ? TIME_NEVER : deadline_ns;
}

/* When the first segment's timeout would be, counted from its transmission. */
static uint64_t head_due_ns(const struct tcp *t)
{
    return flight_record(t->flight, t->flight->first)->sent_ns + rtt_timeout_ns(t->config, &t->w);
}

void timer_rearm_rto(struct tcp *t, uint64_t now_ns)
{
    uint64_t due = now_ns + rtt_timeout_ns(t->config, &t->w);

    if (!t->flight || t->flight->count == 0) {
        if (t->timer != TIMER_FIN && t->timer != TIMER_PROBE_WINDOW)
            timer_set(t, TIMER_NONE, 0);
        return;
    }
    if (t->timer == TIMER_REORDER || t->timer == TIMER_PROBE_TAIL) {
        due = head_due_ns(t);
        if (due <= now_ns)
            due = now_ns + NS_PER_MS;
    }
    timer_set(t, TIMER_RTO, due);
}

bool timer_schedule_tail_probe(struct tcp *t, uint64_t now_ns, bool from_now)
{
    uint64_t due, rto_due;

    if (!t->config->tlp || !t->sack_ok || !t->flight || t->flight->count == 0)
        return false;
    if (t->w.phase != TCP_PHASE_OPEN && t->w.phase != TCP_PHASE_CWR)
        return false;
    if (t->w.srtt_us == 0)
        due = now_ns + t->config->rto_initial_ns;
    else
        due = now_ns + (uint64_t)(t->w.srtt_us >> 2) * NS_PER_US +
              (t->flight->count == 1 ? t->config->rto_min_ns : TIMER_SLACK_NS);
    rto_due = from_now ? now_ns + rtt_timeout_ns(t->config, &t->w) : head_due_ns(t);
    if (rto_due > now_ns && rto_due < due)
        due = rto_due;
    timer_set(t, TIMER_PROBE_TAIL, due);
    return true;
}
