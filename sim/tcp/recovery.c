/* What to do about losses: the phases Open, Disorder, CWR, Recovery (fast retransmit, proportional
 * rate reduction) and Loss (after a timeout), and taking a reduction back when it turns out that
 * nothing was lost (Eifel, D-SACK, F-RTO). */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

static void begin_undo(struct tcp *t)
{
    struct flight *f = t->flight;

    f->undo_marker = t->w.una;
    f->undo_resent = f->resent ? (int32_t)f->resent : -1;
}

static void begin_reduction(struct tcp *t)
{
    struct flight *f = t->flight;

    f->high_seq = t->w.next;
    f->tail_probe_end = 0;
    t->w.count = 0;
    f->reduction = (struct reduction){.prior_cwnd = t->w.cwnd};
    t->w.ssthresh = window_cc(t->config)->ssthresh(t->config, &t->w);
}

static void end_reduction(struct tcp *t, uint64_t now_ns)
{
    if (t->w.ssthresh < SSTHRESH_INFINITE && (t->w.phase == TCP_PHASE_CWR || t->flight->undo_marker)) {
        t->w.cwnd = t->w.ssthresh;
        t->w.stamp_ns = now_ns;
    }
}

/* Open or Disorder, as the scoreboard says. */
static void keep_open(struct tcp *t)
{
    struct flight *f = t->flight;
    enum tcp_phase phase = TCP_PHASE_OPEN;

    if (f->sacked || f->lost || f->resent || f->undo_marker)
        phase = TCP_PHASE_DISORDER;
    if (t->w.phase != phase) {
        t->w.phase = (uint8_t)phase;
        f->high_seq = t->w.next;
    }
}

static void try_to_open(struct tcp *t)
{
    if (t->flight->resent == 0 && t->flight->lost == 0)
        t->flight->resent_first_ns = TIME_NEVER;
    if (t->w.phase != TCP_PHASE_CWR)
        keep_open(t);
}

/* The far side echoes a time before our first retransmission: the original was only late. */
static bool was_delayed(const struct tcp *t, const struct tcp_segment *s)
{
    return t->timestamps_ok && t->flight->resent_first_ns != TIME_NEVER &&
           s->echo_ns != TIME_NEVER && s->echo_ns < t->flight->resent_first_ns;
}

static bool may_undo(const struct tcp *t, const struct tcp_segment *s)
{
    return t->flight->undo_marker && (t->flight->undo_resent == 0 || was_delayed(t, s));
}

static void unmark_lost(struct flight *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        struct record *r = flight_record(f, f->first + i);

        r->flags &= (uint8_t)~RECORD_LOST;
        if (!(r->flags & RECORD_SACKED) && !record_linked(f, f->first + i))
            flight_link_newest(f, f->first + i);
    }
    f->lost = 0;
}

static void undo(struct tcp *t, uint64_t now_ns, bool unmark)
{
    struct flight *f = t->flight;

    if (unmark)
        unmark_lost(f);
    if (f->prior_ssthresh) {
        if (f->reduction.prior_cwnd > t->w.cwnd)
            t->w.cwnd = f->reduction.prior_cwnd;
        if (f->prior_ssthresh > t->w.ssthresh)
            t->w.ssthresh = f->prior_ssthresh;
    }
    t->w.stamp_ns = now_ns;
    f->undo_marker = 0;
    f->rack_advanced = true;
    t->counts.undone++;
}

static void set_open(struct tcp *t)
{
    t->w.phase = TCP_PHASE_OPEN;
    t->flight->high_seq = t->w.next;
    t->flight->resent_first_ns = TIME_NEVER;
}

static bool undo_loss(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s, bool certain)
{
    if (!certain && !may_undo(t, s))
        return false;
    undo(t, now_ns, true);
    t->retries = 0;
    if (certain || t->sack_ok)
        set_open(t);
    return true;
}

void recovery_enter(struct tcp *t, uint64_t now_ns)
{
    (void)now_ns;
    t->flight->prior_ssthresh = 0;
    begin_undo(t);
    if (t->w.phase != TCP_PHASE_CWR) {
        t->flight->prior_ssthresh = window_current_ssthresh(&t->w);
        begin_reduction(t);
    }
    t->w.phase = TCP_PHASE_RECOVERY;
}

void recovery_reduce(struct tcp *t, const struct ack_news *news)
{
    struct flight *f = t->flight;
    uint32_t in_flight = flight_in_flight(f);

    if (!t->config->prr) {
        t->w.cwnd = t->w.ssthresh;
        if (f->reduction.out == 0 && t->w.cwnd <= in_flight)
            t->w.cwnd = in_flight + 1;
        return;
    }
    if (news->delivered == 0 || f->reduction.prior_cwnd == 0)
        return;
    t->w.cwnd = in_flight + window_reduce(&t->w, &f->reduction, in_flight, news->delivered,
                                          news->advanced && news->lost == 0);
}

static void mark_all_lost(struct tcp *t, uint64_t now_ns)
{
    struct flight *f = t->flight;

    for (uint32_t i = 0; i < f->count; i++) {
        const struct record *r = flight_record(f, f->first + i);

        if (r->flags & RECORD_SACKED)
            continue;
        /* What was sent recently may still arrive. */
        if (i > 0 && t->sack_ok && t->config->rack && f->rack_rtt_us &&
            loss_time_left_ns(t, r, (uint64_t)(t->w.srtt_us / 8) * NS_PER_US / 4, now_ns) > 0)
            continue;
        loss_mark(f, f->first + i);
    }
}

void recovery_enter_loss(struct tcp *t, uint64_t now_ns)
{
    struct flight *f = t->flight;
    bool fresh = t->w.phase < TCP_PHASE_RECOVERY;

    if (!t->sack_ok)
        f->sacked = 0;
    mark_all_lost(t, now_ns);
    if (t->w.phase <= TCP_PHASE_DISORDER || t->w.una >= f->high_seq ||
        (t->w.phase == TCP_PHASE_LOSS && t->retries == 0)) {
        f->prior_ssthresh = window_current_ssthresh(&t->w);
        f->reduction.prior_cwnd = t->w.cwnd;
        t->w.ssthresh = window_cc(t->config)->ssthresh(t->config, &t->w);
        begin_undo(t);
    }
    window_cc(t->config)->timed_out(&t->w);
    t->w.cwnd = flight_in_flight(f) + 1;
    t->w.count = 0;
    t->w.stamp_ns = now_ns;
    if (t->reordering > t->config->dupthresh && f->sacked >= t->config->dupthresh)
        t->reordering = t->config->dupthresh;
    t->w.phase = TCP_PHASE_LOSS;
    f->high_seq = t->w.next;
    f->tail_probe_end = 0;
    f->frto = fresh || t->retries > 0;
}

/* F-RTO: after a timeout new data goes first, to see whether the old was only late. */
static bool probe_timeout(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                          const struct ack_news *news, bool recovered)
{
    struct flight *f = t->flight;

    if (news->original_delivered && undo_loss(t, now_ns, s, true))
        return true;
    if (t->w.next > f->high_seq) {
        if (news->sacked || news->duplicate_ack)
            f->frto = false;
    } else if (news->advanced && !recovered) {
        f->high_seq = t->w.next;
        if (t->w.next < t->end && t->window_end > t->w.next) {
            f->frto_new = true;
            return true;
        }
        f->frto = false;
    }
    return false;
}

static void undo_recovery(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    if (may_undo(t, s))
        undo(t, now_ns, false);
    t->flight->undo_marker = 0;
    set_open(t);
}

static void process_loss(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                         struct ack_news *news)
{
    bool recovered = t->w.una >= t->flight->high_seq;

    t->flight->frto_new = false;
    if (news->advanced && undo_loss(t, now_ns, s, false))
        return;
    if (t->flight->frto && probe_timeout(t, now_ns, s, news, recovered))
        return;
    if (recovered) {
        undo_recovery(t, now_ns, s);
        return;
    }
    loss_detect(t, now_ns, news);
}

/* A partial ACK of something that was only late: if nothing is on its way again, there is nothing
 * to recover. */
static bool undo_partial(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    struct flight *f = t->flight;

    if (!f->undo_marker || !was_delayed(t, s))
        return false;
    t->reordering_seen = true;
    if (f->resent)
        return true;
    undo(t, now_ns, true);
    keep_open(t);
    return true;
}

static void process_recovery(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                             struct ack_news *news)
{
    struct flight *f = t->flight;

    if (news->advanced && undo_partial(t, now_ns, s))
        return;
    if (f->undo_marker &&
        f->undo_resent == 0) { /* every retransmission was reported as a duplicate */
        undo(t, now_ns, false);
        keep_open(t);
    }
    loss_detect(t, now_ns, news);
    if (t->w.phase != TCP_PHASE_RECOVERY && f->lost)
        recovery_enter(t, now_ns);
}

static void process_open(struct tcp *t, uint64_t now_ns, struct ack_news *news)
{
    struct flight *f = t->flight;

    if (t->w.phase <= TCP_PHASE_DISORDER && f->undo_marker && f->undo_resent == 0)
        undo(t, now_ns, false);
    loss_detect(t, now_ns, news);
    if (f->lost == 0) {
        try_to_open(t);
        return;
    }
    recovery_enter(t, now_ns);
}

/* Without SACK a duplicate ACK stands for one record that arrived. */
static void count_duplicate(struct tcp *t, struct ack_news *news)
{
    struct flight *f = t->flight;

    if (t->sack_ok || !news->duplicate_ack)
        return;
    if (f->sacked + f->lost + 1 < f->count) {
        f->sacked++;
        news->delivered++;
    }
}

static void leave_phase(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    if (t->w.una < t->flight->high_seq)
        return;
    if (t->w.phase == TCP_PHASE_CWR) {
        end_reduction(t, now_ns);
        set_open(t);
    } else if (t->w.phase == TCP_PHASE_RECOVERY) {
        if (!t->sack_ok)
            t->flight->sacked = 0;
        if (may_undo(t, s))
            undo(t, now_ns, false);
        else
            end_reduction(t, now_ns);
        t->flight->undo_marker = 0;
        set_open(t);
    }
}

void recovery_alert(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                    struct ack_news *news)
{
    struct flight *f = t->flight;

    count_duplicate(t, news);
    if (t->w.phase == TCP_PHASE_OPEN)
        f->resent_first_ns = f->resent ? f->resent_first_ns : TIME_NEVER;
    else
        leave_phase(t, now_ns, s);
    if (t->w.phase == TCP_PHASE_RECOVERY) {
        process_recovery(t, now_ns, s, news);
        return;
    }
    if (t->w.phase == TCP_PHASE_LOSS) {
        process_loss(t, now_ns, s, news);
        if (t->w.phase != TCP_PHASE_OPEN)
            return;
    }
    process_open(t, now_ns, news);
    CHECK(f->sacked + f->lost <= f->count);
}

/* Whether the tail probe repaired a loss that nobody else noticed: then the far side never saw the
 * original, and says nothing of a duplicate before it acknowledges later bytes. */
void recovery_tail_probe_acked(struct tcp *t, const struct tcp_segment *s,
                               const struct ack_news *news)
{
    struct flight *f = t->flight;

    if (f->tail_probe_end == 0 || s->ack < f->tail_probe_end)
        return;
    if (!f->tail_probe_resent || news->duplicate_reported || news->duplicate_ack) {
        f->tail_probe_end = 0;
    } else if (s->ack > f->tail_probe_end) {
        if (t->w.phase <= TCP_PHASE_DISORDER) {
            begin_reduction(t);
            t->w.phase = TCP_PHASE_CWR;
            f->undo_marker = 0;
            end_reduction(t, t->w.stamp_ns);
            keep_open(t);
        }
        f->tail_probe_end = 0;
    }
}
