/* Finding what was lost. By default RACK (RFC 8985): a record is lost when one sent sufficiently
 * later was delivered. Without it: when dupthresh SACKed records lie above (RFC 6675). Without
 * SACK: by duplicate ACKs. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

static bool sent_after(uint64_t a_ns, uint64_t a_end, uint64_t b_ns, uint64_t b_end)
{
    return a_ns > b_ns || (a_ns == b_ns && a_end > b_end);
}

void loss_rack_advance(struct tcp *t, uint64_t now_ns, const struct record *r)
{
    struct flight *f = t->flight;
    uint32_t rtt_us = rtt_of(r->sent_ns, now_ns);

    /* Faster than ever: this is the answer to an earlier transmission. */
    if ((r->flags & RECORD_EVER_RESENT) && rtt_us < rtt_min_us(&t->w))
        return;
    f->rack_advanced = true;
    f->rack_rtt_us = rtt_us;
    if (sent_after(r->sent_ns, r->seq + r->size, f->rack_sent_ns, f->rack_end)) {
        f->rack_sent_ns = r->sent_ns;
        f->rack_end = r->seq + r->size;
    }
}

void loss_mark(struct flight *f, uint32_t number)
{
    struct record *r = flight_record(f, number);

    CHECK(!(r->flags & RECORD_SACKED));
    if (r->flags & RECORD_RESENT) {
        r->flags &= (uint8_t)~RECORD_RESENT;
        f->resent--;
    }
    if (!(r->flags & RECORD_LOST)) {
        r->flags |= RECORD_LOST;
        f->lost++;
    }
    flight_unlink(f, number);
    if (number - f->first < f->resend_hint - f->first)
        f->resend_hint = number;
}

/* How much later than a lost segment one must have been sent. */
static uint64_t reorder_ns(const struct tcp *t)
{
    uint64_t quarter_us = rtt_min_us(&t->w) / 4, srtt_us = t->w.srtt_us / 8;

    if (!t->reordering_seen &&
        (t->w.phase >= TCP_PHASE_RECOVERY || t->flight->sacked >= t->reordering))
        return 0;
    return (quarter_us < srtt_us ? quarter_us : srtt_us) * NS_PER_US;
}

int64_t loss_time_left_ns(const struct tcp *t, const struct record *r, uint64_t wait_ns,
                          uint64_t now_ns)
{
    uint64_t due = r->sent_ns + (uint64_t)t->flight->rack_rtt_us * NS_PER_US + wait_ns;

    return (int64_t)(due - now_ns);
}

static void detect_rack(struct tcp *t, uint64_t now_ns, struct ack_news *news)
{
    struct flight *f = t->flight;
    uint64_t wait_ns = reorder_ns(t);
    int64_t timeout = 0;
    uint32_t number, newer;

    if (!f->rack_advanced)
        return;
    f->rack_advanced = false;
    for (number = f->oldest; number != RECORD_NONE; number = newer) {
        const struct record *r = flight_record(f, number);
        int64_t left;

        newer = r->newer;
        if (!sent_after(f->rack_sent_ns, f->rack_end, r->sent_ns, r->seq + r->size))
            break;
        left = loss_time_left_ns(t, r, wait_ns, now_ns);
        if (left <= 0) {
            loss_mark(f, number);
            news->lost++;
        } else if (left > timeout) {
            timeout = left;
        }
    }
    if (timeout > 0)
        timer_set(t, TIMER_REORDER, now_ns + (uint64_t)timeout + TIMER_SLACK_NS);
}

static void detect_classic(struct tcp *t, struct ack_news *news)
{
    struct flight *f = t->flight;
    uint32_t above = 0;

    if (f->sacked < t->reordering && t->w.phase < TCP_PHASE_RECOVERY)
        return;
    for (uint32_t i = f->count; i-- > 0;) {
        const struct record *r = flight_record(f, f->first + i);

        if (r->flags & RECORD_SACKED) {
            above++;
        } else if (above >= t->reordering && !(r->flags & (RECORD_LOST | RECORD_EVER_RESENT))) {
            loss_mark(f, f->first + i);
            news->lost++;
        }
    }
}

/* NewReno (RFC 6582): the first record, on the third duplicate and on every partial ACK. */
static void detect_newreno(struct tcp *t, struct ack_news *news)
{
    struct flight *f = t->flight;
    bool due = t->w.phase < TCP_PHASE_RECOVERY ? f->sacked >= t->reordering : news->advanced;

    if (!due || f->count == 0 || (flight_record(f, f->first)->flags & RECORD_LOST))
        return;
    loss_mark(f, f->first);
    news->lost++;
    if (f->sacked + f->lost > f->count)
        f->sacked = f->count - f->lost;
}

void loss_detect(struct tcp *t, uint64_t now_ns, struct ack_news *news)
{
    if (!t->sack_ok)
        detect_newreno(t, news);
    else if (t->config->rack)
        detect_rack(t, now_ns, news);
    else
        detect_classic(t, news);
}
