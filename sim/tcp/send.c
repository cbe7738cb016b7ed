/* What goes out next: what was found lost, then new bytes, as far as both windows allow. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

void send_fill_header(struct tcp *t, uint64_t now_ns, struct tcp_segment *s, uint64_t seq,
                      uint8_t flags)
{
    *s = (struct tcp_segment){
        .seq = seq, .ack = t->received, .sent_ns = now_ns, .echo_ns = TIME_NEVER};
    s->flags = flags;
    if (t->timestamps_ok) {
        s->flags |= TCP_TIMESTAMP;
        s->echo_ns = t->echo_ns;
    }
    s->window = (uint32_t)receive_window(t, now_ns);
    if (t->early)
        receive_put_sacks(t, s);
    receive_ack_sent(t);
    t->counts.sent++;
}

/* Appends views of [at, at + size) where span `index` begins at `start`; moves both on to the end.
 */
static void append_views(const struct tcp *t, struct chain *out, uint32_t *index, uint64_t *start,
                         uint64_t at, size_t size)
{
    while (size > 0) {
        const struct span *span = chain_span(&t->queue, *index);
        size_t offset = (size_t)(at - *start);
        size_t part = span->size - offset < size ? span->size - offset : size;

        if (part)
            chain_give(out, span_part(*span, offset, part));
        at += part;
        size -= part;
        if (at == *start + span->size && *index + 1 < t->queue.count) {
            *start = at;
            ++*index;
        }
    }
}

static void view_again(const struct tcp *t, struct chain *out, uint64_t seq, size_t size)
{
    uint64_t start = t->w.una;
    uint32_t index = 0;

    while (size && start + chain_span(&t->queue, index)->size <= seq)
        start += chain_span(&t->queue, index++)->size;
    append_views(t, out, &index, &start, seq, size);
}

static void note_sent(struct tcp *t, uint64_t now_ns)
{
    t->w.sent_ns = now_ns;
    t->sent_something = true;
    receive_data_sent(t, now_ns);
    if (t->w.phase == TCP_PHASE_CWR || t->w.phase == TCP_PHASE_RECOVERY)
        t->flight->reduction.out++;
}

static void resend(struct tcp *t, uint64_t now_ns, struct tcp_segment *s, uint32_t number)
{
    struct flight *f = t->flight;
    struct record *r = flight_record(f, number);
    uint32_t bytes = r->size - (r->flags & RECORD_FIN ? 1 : 0);

    send_fill_header(t, now_ns, s, r->seq,
                     (uint8_t)(r->flags & RECORD_FIN ? TCP_ACK | TCP_FIN : TCP_ACK));
    view_again(t, &s->bytes, r->seq, bytes);
    CHECK(s->bytes.size == bytes);
    if (!(r->flags & RECORD_RESENT))
        f->resent++;
    r->flags |= RECORD_RESENT | RECORD_EVER_RESENT;
    r->sent_ns = now_ns;
    flight_unlink(f, number);
    flight_link_newest(f, number);
    if (f->resent_first_ns == TIME_NEVER)
        f->resent_first_ns = now_ns;
    f->undo_resent = f->undo_resent < 0 ? 1 : f->undo_resent + 1;
    t->counts.resent++;
    note_sent(t, now_ns);
    if (number == f->first && t->timer != TIMER_REORDER)
        timer_set(t, TIMER_RTO, now_ns + rtt_timeout_ns(t->config, &t->w));
}

static bool resend_lost(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    struct flight *f = t->flight;

    if (f->lost == 0 || flight_in_flight(f) >= t->w.cwnd || (f->frto_new && t->w.next < t->end))
        return false;
    for (; f->resend_hint - f->first < f->count; f->resend_hint++) {
        const struct record *r = flight_record(f, f->resend_hint);

        if ((r->flags & RECORD_LOST) && !(r->flags & (RECORD_RESENT | RECORD_SACKED))) {
            resend(t, now_ns, s, f->resend_hint++);
            return true;
        }
    }
    return false;
}

uint32_t send_new_size(const struct tcp *t)
{
    uint64_t left = t->end - t->w.next;
    uint32_t size = left < t->mss ? (uint32_t)left : t->mss;

    if (t->w.next + size <= t->window_end)
        return size;
    /* A window smaller than a segment is not filled bit by bit, unless it never was larger or as a
     * probe. */
    if (t->window_end <= t->w.next || (t->max_window / 2 >= t->mss && !t->force_new))
        return 0;
    return (uint32_t)(t->window_end - t->w.next);
}

static void wait_for_window(struct tcp *t, uint64_t now_ns)
{
    if (t->flight && t->flight->count)
        return;
    if (t->timer == TIMER_NONE)
        timer_set(t, TIMER_PROBE_WINDOW, now_ns + rtt_timeout_ns(t->config, &t->w));
}

static void send_new(struct tcp *t, uint64_t now_ns, struct tcp_segment *s, uint32_t size)
{
    bool none_out = !t->flight || t->flight->count == 0;
    bool fin = t->fin_queued && t->w.next + size == t->end && !t->fin_sent, probing = t->force_new;
    struct flight *f;
    uint32_t number;

    if (none_out)
        window_check_idle(t->config, &t->w, now_ns);
    if (flight_in_flight(t->flight) == 0)
        window_cc(t->config)->restarted(&t->w, now_ns, now_ns - t->w.sent_ns);
    f = flight_get(t);
    send_fill_header(t, now_ns, s, t->w.next, (uint8_t)(fin ? TCP_ACK | TCP_FIN : TCP_ACK));
    append_views(t, &s->bytes, &t->cursor_index, &t->cursor_start, t->w.next, size);
    CHECK(s->bytes.size == size);
    if (size && t->w.next + size == t->end)
        s->flags |= TCP_PUSH;
    number = flight_push(f, t->w.next, size + (fin ? 1 : 0), now_ns);
    if (fin) {
        flight_record(f, number)->flags |= RECORD_FIN;
        t->fin_sent = true;
    }
    t->w.next += size + (fin ? 1 : 0);
    note_sent(t, now_ns);
    if (none_out || t->timer == TIMER_PROBE_TAIL || t->timer == TIMER_NONE)
        timer_rearm_rto(t, now_ns);
    if (!probing)
        timer_schedule_tail_probe(t, now_ns, false);
}

static bool send_fresh(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    bool fin_left = t->fin_queued && !t->fin_sent;
    uint32_t size;

    if (t->w.next >= t->end && !fin_left)
        return false;
    if (flight_in_flight(t->flight) >= t->w.cwnd && !t->force_new)
        return false;
    size = send_new_size(t);
    if (size == 0 && t->w.next < t->end) {
        t->force_new = false;
        wait_for_window(t, now_ns);
        return false;
    }
    send_new(t, now_ns, s, size);
    t->force_new = false;
    return true;
}

uint64_t send_comfort(const struct tcp *t)
{
    return t->send_buffer / 3 * 2;
}

/* Room that the application waits for, or would: whoever polls a crowded socket, and be it for reading, makes Linux note that
 * it lacks space. The buffer then follows the window. (Linux asks first whether the window is filled; it hardly ever
 * is, since segments wait for each other to leave together.) */
static void offer_room(struct tcp *t, uint64_t now_ns)
{
    uint64_t want = window_send_buffer(t->config, &t->w, t->mss);

    t->room_due = false;
    if (!t->wants_room && !t->crowded)
        return;
    if (t->config->send_buffer == 0 && want > t->send_buffer) {
        t->send_buffer = (uint32_t)want;
        t->w.stamp_ns = now_ns;
    }
    if (t->queue.size > send_comfort(t))
        return;
    if (t->wants_room)
        t->events |= TCP_WRITABLE;
    t->wants_room = t->crowded = false;
}

static bool may_send(const struct tcp *t)
{
    return t->state != STATE_CLOSED && t->state != STATE_SYN_SENT &&
           t->state != STATE_SYN_RECEIVED && t->state != STATE_DONE;
}

bool send_next(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    uint32_t in_flight;
    bool limited;

    if (!may_send(t))
        return false;
    if (t->force_resend != RECORD_NONE) {
        uint32_t number = t->force_resend;

        t->force_resend = RECORD_NONE;
        resend(t, now_ns, s, number);
        return true;
    }
    if (t->flight && resend_lost(t, now_ns, s))
        return true;
    if (send_fresh(t, now_ns, s))
        return true;
    in_flight = flight_in_flight(t->flight);
    limited = in_flight >= t->w.cwnd;
    if (t->sent_something || (limited && t->w.next < t->end))
        window_validate(t->config, &t->w, now_ns, t->flight ? t->flight->count : 0, limited,
                        t->w.phase == TCP_PHASE_OPEN && !t->wants_room && !t->crowded);
    t->sent_something = false;
    if (t->room_due)
        offer_room(t, now_ns);
    return false;
}
