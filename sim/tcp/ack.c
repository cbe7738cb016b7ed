/* An arriving ACK: what it acknowledges, the round trip it measures, what the congestion window
 * does. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

/* Drops acknowledged bytes from the queue, keeping the cursor on byte `next`. */
static void drop_acknowledged(struct tcp *t, uint64_t ack)
{
    uint64_t bytes_end = ack > t->end ? t->end : ack; /* a FIN is no byte */
    uint32_t before = t->queue.count, dropped;

    if (bytes_end > t->w.una)
        chain_drop(&t->queue, (size_t)(bytes_end - t->w.una));
    t->w.una = ack;
    dropped = before - t->queue.count;
    if (t->queue.count == 0 || dropped > t->cursor_index) {
        t->cursor_index = 0;
        t->cursor_start = t->w.una;
        return;
    }
    t->cursor_index -= dropped;
    if (t->cursor_index == 0)
        t->cursor_start = t->w.una;
}

static void measure(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                    const struct ack_news *news)
{
    uint32_t rtt_us = RTT_NONE, last_us = RTT_NONE;

    if (news->first_sent_ns != TIME_NEVER && !news->resent_acked) {
        rtt_us = rtt_of(news->first_sent_ns, now_ns);
        last_us = rtt_of(news->last_sent_ns, now_ns);
    }
    if (news->first_sack_ns != TIME_NEVER) {
        last_us = rtt_of(news->last_sack_ns, now_ns);
        if (rtt_us == RTT_NONE)
            rtt_us = rtt_of(news->first_sack_ns, now_ns);
    }
    if (rtt_us == RTT_NONE && t->timestamps_ok && s->echo_ns != TIME_NEVER && news->advanced)
        rtt_us = last_us = rtt_of(s->echo_ns, now_ns);
    if (rtt_us == RTT_NONE)
        return;
    rtt_update_min(&t->w, now_ns, last_us);
    rtt_sample(t->config, &t->w, rtt_us);
    window_cc(t->config)->sample(t->config, &t->w, now_ns, last_us);
}

static bool extends_timer(const struct tcp *t, uint64_t now_ns, const struct ack_news *news)
{
    if (news->advanced)
        return true;
    /* A SACK of something sent after the head must not put its timeout off. */
    return news->first_sack_ns != TIME_NEVER && t->flight->count &&
           now_ns - news->first_sack_ns >
               now_ns - flight_record(t->flight, t->flight->first)->sent_ns;
}

static void control_window(struct tcp *t, uint64_t now_ns, const struct ack_news *news)
{
    if (t->w.phase == TCP_PHASE_CWR || t->w.phase == TCP_PHASE_RECOVERY)
        recovery_reduce(t, news);
    else if (news->advanced || (t->reordering > t->config->dupthresh && news->delivered))
        window_cc(t->config)->avoid(t->config, &t->w, now_ns, news->delivered);
}

static void judge(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                  struct ack_news *news)
{
    struct flight *f = t->flight;
    enum tcp_timer timer = t->timer;
    uint64_t timer_ns = t->timer_ns;

    if (f->tail_probe_end)
        recovery_tail_probe_acked(t, s, news);
    if (t->w.phase != TCP_PHASE_OPEN || news->duplicate_ack || news->sacked ||
        news->duplicate_reported || f->sacked)
        recovery_alert(t, now_ns, s, news);
    control_window(t, now_ns, news);
    if (t->timer == TIMER_REORDER && (timer != TIMER_REORDER || timer_ns != t->timer_ns))
        return; /* just armed */
    if (extends_timer(t, now_ns, news) && !timer_schedule_tail_probe(t, now_ns, true))
        timer_rearm_rto(t, now_ns);
}

static bool update_window(struct tcp *t, const struct tcp_segment *s)
{
    if (s->ack + s->window <= t->window_end)
        return false;
    t->window_end = s->ack + s->window;
    if (s->window > t->max_window)
        t->max_window = s->window;
    return true;
}

/* Nothing is on its way: at most the window changes. */
static void answer_probe(struct tcp *t)
{
    if (t->timer == TIMER_PROBE_WINDOW && send_new_size(t) > 0) {
        timer_set(t, TIMER_NONE, 0);
        t->w.backoff = 0;
    }
    t->retries = 0;
}

void ack_process(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    struct ack_news news = {.first_sent_ns = TIME_NEVER,
                            .last_sent_ns = TIME_NEVER,
                            .first_sack_ns = TIME_NEVER,
                            .last_sack_ns = TIME_NEVER,
                            .prior_una = t->w.una};
    bool opened;

    if (s->ack > t->w.next)
        return; /* of what was never sent */
    opened = update_window(t, s);
    if (!t->flight || t->flight->count == 0) {
        if (t->flight && t->flight->tail_probe_end && s->ack >= t->w.una) {
            news.duplicate_ack = s->bytes.size == 0 && !opened;
            sack_apply(t, now_ns, s, &news);
            recovery_tail_probe_acked(t, s, &news);
            flight_release(t);
        }
        answer_probe(t);
        return;
    }
    news.prior_in_flight = flight_in_flight(t->flight);
    news.advanced = s->ack > t->w.una;
    news.duplicate_ack = s->ack == t->w.una && s->bytes.size == 0 && !opened && !(s->flags & TCP_FIN);
    if (t->sack_ok)
        sack_apply(t, now_ns, s, &news);
    if (news.advanced) {
        sack_clean(t, now_ns, s->ack, &news);
        drop_acknowledged(t, s->ack);
        t->retries = 0;
    }
    if (news.sacked)
        news.duplicate_ack = false;
    measure(t, now_ns, s, &news);
    judge(t, now_ns, s, &news);
    flight_release(t);
    t->room_due = true;
}
