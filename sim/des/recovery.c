#include "sim/des/recovery.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

/* ---- holes ---- */

static struct hole *hole_at(const struct recovery *r, uint32_t index)
{
    return &r->holes[r->first + index];
}

static struct recovery *recovery_get(struct sender *s)
{
    struct outbox *o = s->box;
    struct recovery *r;
    uint64_t head_ns;

    if (o->recovery)
        return o->recovery;
    r = o->recovery = mem_zalloc(sizeof *r);
    r->reorder_ns = TIME_NEVER;
    r->high_seq = s->w.next;
    head_ns = o->count ? record_at(o, 0)->sent_ns : 0;
    r->timer_ns = head_ns > o->acked_ns ? head_ns : o->acked_ns;
    return r;
}

void recovery_free(struct outbox *o)
{
    struct recovery *r = o->recovery;

    if (!r)
        return;
    for (uint32_t i = 0; i < r->count; i++)
        chain_deinit(&r->holes[r->first + i].bytes);
    mem_free(r->holes);
    mem_free(r);
    o->recovery = NULL;
}

void recovery_release(struct sender *s)
{
    const struct recovery *r = s->box->recovery;

    if (r && r->count == 0 && !r->ack_lost_ns && s->w.phase == TCP_PHASE_OPEN && r->probe_end == 0)
        recovery_free(s->box);
}

/* Room for a hole at its place; the first one that lies at or after seq. */
static struct hole *hole_insert(struct recovery *r, uint64_t seq)
{
    uint32_t at = r->count;

    if (r->first + r->count == r->capacity) {
        if (r->first > r->capacity / 2) {
            memmove(r->holes, r->holes + r->first, r->count * sizeof *r->holes);
            r->first = 0;
        } else {
            r->capacity = r->capacity ? r->capacity * 2 : 4;
            r->holes = mem_grow(r->holes, r->capacity, sizeof *r->holes);
        }
    }
    while (at > 0 && hole_at(r, at - 1)->seq > seq)
        at--;
    memmove(hole_at(r, at + 1), hole_at(r, at), (r->count - at) * sizeof *r->holes);
    r->count++;
    return hole_at(r, at);
}

static void hole_remove(struct recovery *r, uint32_t at)
{
    chain_deinit(&hole_at(r, at)->bytes);
    if (at == 0) {
        r->first++;
    } else {
        memmove(hole_at(r, at), hole_at(r, at + 1), (r->count - at - 1) * sizeof *r->holes);
    }
    if (--r->count == 0)
        r->first = 0;
}

/* The notice came after its burst had been taken as acknowledged: goes back. */
static void take_back(struct sender *s, uint64_t seq)
{
    struct outbox *o = s->box;

    if (o->count == o->capacity)
        outbox_grow(o);
    o->first--;
    o->count++;
    *record_at(o, 0) = (struct record){.end = s->w.una, .due_ns = TIME_NEVER, .sent_ns = o->acked_ns};
    s->w.una = seq;
}

void sender_lost(struct sender *s, const struct tcp_config *config, uint64_t seq, uint32_t size, bool fin, bool resent,
                 uint64_t sent_ns, struct chain *bytes)
{
    struct outbox *o = outbox_get(s);
    struct recovery *r;
    struct record *record;
    struct hole *hole;

    CHECK(bytes->size == size && (size > 0 || fin));
    outbox_use_cubic(s, config);
    if (seq < s->w.una)
        take_back(s, seq);
    record = outbox_find(o, seq);
    CHECK(record);
    record->due_ns = TIME_NEVER;
    if (!resent && record->left == 0) { /* of what was taken back */
        record->left++;
        record->segments++;
        o->out++;
        o->pipe++;
    }
    r = recovery_get(s);
    hole = hole_insert(r, seq);
    *hole = (struct hole){.seq = seq, .sent_ns = sent_ns, .size = size, .fin = fin, .resent = resent};
    chain_move_all(&hole->bytes, bytes);
}

void sender_ack_lost(struct sender *s, uint64_t said_ns)
{
    struct recovery *r;

    if (!s->box || (s->box->count == 0 && s->box->unsent.size == 0))
        return;
    r = recovery_get(s);
    if (said_ns > r->ack_lost_ns)
        r->ack_lost_ns = said_ns;
}

/* ---- finding and repairing losses ---- */

static bool sent_after(uint64_t a_ns, uint64_t a_end, uint64_t b_ns, uint64_t b_end)
{
    return a_ns > b_ns || (a_ns == b_ns && a_end > b_end);
}

static void hole_notice(struct sender *s, struct hole *hole)
{
    struct outbox *o = s->box;
    struct record *record = outbox_find(o, hole->seq);
    uint16_t *counted;

    if (hole->noticed)
        return;
    CHECK(record);
    counted = hole->resent ? &record->resent : &record->left;
    if (*counted) {
        --*counted;
        o->pipe--;
    }
    hole->noticed = true;
    o->recovery->lost++;
}

/* RACK (RFC 8985): what was sent sufficiently before something that arrived is lost. */
static uint32_t detect(struct sender *s, uint64_t now_ns)
{
    struct outbox *o = s->box;
    struct recovery *r = o->recovery;
    uint64_t wait_ns = rtt_min_us(&s->w) / 4, latest_ns = 0;
    uint32_t found = 0;

    if (wait_ns > s->w.srtt_us / 8)
        wait_ns = s->w.srtt_us / 8;
    wait_ns *= NS_PER_US;
    if (s->w.phase >= TCP_PHASE_RECOVERY || o->sacked >= 3)
        wait_ns = 0;
    r->reorder_ns = TIME_NEVER;
    for (uint32_t i = 0; i < r->count; i++) {
        struct hole *hole = hole_at(r, i);
        uint64_t due_ns;

        if (hole->noticed || !sent_after(r->rack_sent_ns, r->rack_end, hole->sent_ns, hole->seq + hole->size))
            continue;
        due_ns = hole->sent_ns + (uint64_t)r->rack_rtt_us * NS_PER_US + wait_ns;
        if (due_ns <= now_ns) {
            hole_notice(s, hole);
            found++;
        } else if (due_ns > latest_ns) {
            latest_ns = due_ns;
        }
    }
    if (latest_ns)
        r->reorder_ns = latest_ns + PROBE_SLACK_NS;
    return found;
}

static void begin_reduction(struct sender *s, const struct tcp_config *config)
{
    struct recovery *r = s->box->recovery;

    r->high_seq = s->w.next;
    r->probe_end = 0;
    s->w.count = 0;
    outbox_use_cubic(s, config);
    r->reduction = (struct reduction){.prior_cwnd = s->w.cwnd};
    s->w.ssthresh = window_cc(config)->ssthresh(config, &s->w);
}

/* Sends noticed holes again, those that follow each other within a burst together. */
static void resend(struct sender *s, const struct sender_out *out, bool force)
{
    struct outbox *o = s->box;
    struct recovery *r = o->recovery;

    while (r && r->lost && (force || !window_full(s))) {
        struct burst b = {.sent_ns = time_of(o, out), .resent = true, .asks = true};
        struct chain bytes;
        struct record *record;
        uint32_t at = 0;

        while (!hole_at(r, at)->noticed)
            at++;
        b.seq = hole_at(r, at)->seq;
        record = outbox_find(o, b.seq);
        CHECK(record);
        chain_init(&bytes);
        while (at < r->count && b.segments < s->burst_max &&
               (!window_full(s) || (force && b.segments == 0))) {
            struct hole *hole = hole_at(r, at);

            if (!hole->noticed || hole->seq != b.seq + b.size || hole->seq >= record->end)
                break;
            chain_move_all(&bytes, &hole->bytes);
            b.size += hole->size;
            b.fin = hole->fin;
            b.segments++;
            r->lost--;
            o->pipe++;
            record->resent++;
            hole_remove(r, at);
        }
        r->reduction.out += b.segments;
        s->w.sent_ns = b.sent_ns;
        if (b.seq == s->w.una)
            r->timer_ns = b.sent_ns;
        out->emit(out->ctx, &b, &bytes);
        force = false;
    }
}

static void send_all(struct sender *s, const struct sender_out *out)
{
    if (s->box->recovery)
        resend(s, out, false);
    outbox_send(s, out);
}

static void enter_recovery(struct sender *s, const struct sender_out *out)
{
    begin_reduction(s, out->config);
    s->w.phase = TCP_PHASE_RECOVERY;
}

void recovery_leave(struct sender *s, uint64_t now_ns)
{
    struct recovery *r = s->box->recovery;

    if (s->w.una < r->high_seq)
        return;
    if (s->w.phase == TCP_PHASE_RECOVERY) {
        s->w.cwnd = s->w.ssthresh;
        s->w.stamp_ns = now_ns;
    }
    if (s->w.phase == TCP_PHASE_RECOVERY || s->w.phase == TCP_PHASE_LOSS)
        s->w.phase = TCP_PHASE_OPEN;
}

/* The tail probe repaired a loss that nobody else noticed. */
static void judge_probe(struct sender *s, const struct sender_out *out)
{
    struct recovery *r = s->box->recovery;

    if (r->probe_end == 0 || s->w.una < r->probe_end)
        return;
    if (s->w.phase <= TCP_PHASE_DISORDER) {
        begin_reduction(s, out->config);
        s->w.cwnd = s->w.ssthresh;
        s->w.stamp_ns = time_of(s->box, out);
    }
    r->probe_end = 0;
}

/* Each ACK lets go what it allows. */
static void reduce(struct sender *s, const struct sender_out *out, uint32_t packets, uint32_t delivered, bool progress)
{
    struct outbox *o = s->box;

    for (uint32_t i = 1, k = 0; i <= packets && s->w.phase == TCP_PHASE_RECOVERY; i++) {
        uint32_t step = delivered * i / packets - k, in_flight;

        k += step;
        o->arriving = delivered - k;
        in_flight = o->pipe + o->arriving;
        s->w.cwnd = in_flight + window_reduce(&s->w, &o->recovery->reduction, in_flight, step, progress);
        send_all(s, out);
    }
    o->arriving = 0;
}

/* ACKs while something is lost. */
static void recover(struct sender *s, const struct sender_out *out, const struct sender_ack *a, uint32_t delivered,
                    bool advanced)
{
    struct recovery *r = s->box->recovery;
    uint64_t now_ns = time_of(s->box, out);
    uint32_t lost;

    if (a->said_ns > r->ack_lost_ns)
        r->ack_lost_ns = 0;
    if (advanced)
        r->timer_ns = now_ns;
    recovery_leave(s, now_ns);
    judge_probe(s, out);
    lost = detect(s, now_ns);
    if (lost && s->w.phase < TCP_PHASE_RECOVERY)
        enter_recovery(s, out);
    if (s->w.phase == TCP_PHASE_RECOVERY) {
        if (delivered)
            reduce(s, out, ack_packets(a, delivered), delivered, advanced && lost == 0);
    } else if (advanced) {
        window_cc(out->config)->avoid(out->config, &s->w, now_ns, delivered);
    }
}

void recovery_ack(struct sender *s, const struct sender_out *out, const struct sender_ack *a,
                            const struct record *copy, uint32_t delivered, uint32_t extra, bool advanced)
{
    struct recovery *r = s->box->recovery;

    if (delivered && !a->resent) {
        uint32_t rtt_us = rtt_of(copy->sent_ns, s->box->at_ns);

        rtt_update_min(&s->w, s->box->at_ns, rtt_us);
        rtt_sample(out->config, &s->w, rtt_us);
    }
    if (delivered && sent_after(a->sent_ns, copy->end, r->rack_sent_ns, r->rack_end)) {
        r->rack_sent_ns = a->sent_ns;
        r->rack_end = copy->end;
        r->rack_rtt_us = rtt_of(a->sent_ns, s->box->at_ns);
    }
    recover(s, out, a, delivered + extra, advanced);
    send_all(s, out);
}

/* ---- time ---- */

uint64_t recovery_deadline_ns(const struct sender *s, const struct tcp_config *config)
{
    const struct outbox *o = s->box;
    const struct recovery *r = o->recovery;
    uint64_t due_ns = r->timer_ns + rtt_timeout_ns(config, &s->w), probe_ns = o->acked_ns;

    if (config->tlp && s->w.phase == TCP_PHASE_OPEN && r->probe_end == 0 && o->sacked == 0 && s->w.srtt_us && o->count) {
        if (s->w.sent_ns > probe_ns)
            probe_ns = s->w.sent_ns;
        probe_ns += (uint64_t)(s->w.srtt_us >> 2) * NS_PER_US + (o->out == 1 ? config->rto_min_ns : PROBE_SLACK_NS);
        if (probe_ns < due_ns)
            due_ns = probe_ns;
    }
    return r->reorder_ns < due_ns ? r->reorder_ns : due_ns;
}

/* A segment that the far side has: its answer tells what it has. */
static void send_probe(struct sender *s, const struct sender_out *out)
{
    struct burst b = {.seq = s->w.una, .sent_ns = out->now_ns, .segments = 1, .resent = true, .probe = true, .asks = true};
    struct chain none;

    chain_init(&none);
    s->w.sent_ns = out->now_ns;
    out->emit(out->ctx, &b, &none);
}

/* Something new if there is, else the last segment again. */
static void probe_tail(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    struct recovery *r = o->recovery;
    uint32_t size = outbox_next_size(s, out->config);
    struct hole *last = r->count ? hole_at(r, r->count - 1) : NULL;

    r->timer_ns = out->now_ns;
    if (size) {
        outbox_add(s, out, size);
        outbox_close_burst(s, out);
        r->probe_end = s->w.next;
    } else if (last && last->seq + last->size + (last->fin ? 1 : 0) == s->w.next) {
        uint32_t cwnd = s->w.cwnd;

        r->probe_end = s->w.next;
        for (uint32_t i = 0; i + 1 < r->count; i++)
            CHECK(!hole_at(r, i)->noticed);
        hole_notice(s, last);
        s->w.cwnd = o->pipe + 1;
        resend(s, out, false);
        s->w.cwnd = cwnd;
    } else {
        r->probe_end = s->w.next;
        send_probe(s, out);
    }
}

static void time_out(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    struct recovery *r = o->recovery;

    if (s->retries >= out->config->retries) {
        s->failed = true;
        return;
    }
    outbox_use_cubic(s, out->config);
    if (s->w.phase <= TCP_PHASE_DISORDER || s->w.una >= r->high_seq || (s->w.phase == TCP_PHASE_LOSS && s->retries == 0)) {
        r->reduction.prior_cwnd = s->w.cwnd;
        s->w.ssthresh = window_cc(out->config)->ssthresh(out->config, &s->w);
    }
    for (uint32_t i = 0; i < r->count; i++)
        hole_notice(s, hole_at(r, i));
    window_cc(out->config)->timed_out(&s->w);
    s->w.cwnd = o->pipe + 1;
    s->w.count = 0;
    s->w.stamp_ns = out->now_ns;
    s->w.phase = TCP_PHASE_LOSS;
    r->high_seq = s->w.next;
    r->probe_end = 0;
    r->reorder_ns = TIME_NEVER;
    r->timer_ns = out->now_ns;
    s->retries++;
    if (s->w.backoff < 31)
        s->w.backoff++;
    if (r->lost)
        resend(s, out, true);
    else
        send_probe(s, out);
}

void recovery_timeout(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    struct recovery *r = o->recovery;

    if (r->reorder_ns <= out->now_ns) {
        if (detect(s, out->now_ns) && s->w.phase < TCP_PHASE_RECOVERY) {
            enter_recovery(s, out);
            s->w.cwnd = o->pipe + window_reduce(&s->w, &r->reduction, o->pipe, 1, false);
        }
        send_all(s, out);
    } else if (r->timer_ns + rtt_timeout_ns(out->config, &s->w) <= out->now_ns) {
        time_out(s, out);
    } else if (recovery_deadline_ns(s, out->config) <= out->now_ns) {
        probe_tail(s, out);
    }
}
