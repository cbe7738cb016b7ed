#include "sim/des/sender.h"

#include "sim/des/outbox.h"
#include "sim/des/recovery.h"
#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

#define BULK_SEGMENTS 4u /* so many acknowledged at once: congestion control gets a memory */

/* ---- memory ---- */

static void box_free(struct sender *s)
{
    if (!s->box)
        return;
    recovery_free(s->box);
    chain_deinit(&s->box->unsent);
    if (s->box->records != s->box->few)
        mem_free(s->box->records);
    mem_free(s->box);
    s->box = NULL;
}

void sender_init(struct sender *s, const struct tcp_config *config, uint64_t now_ns)
{
    struct space space;

    *s = (struct sender){.burst_max = 1};
    window_init(config, &s->w);
    s->w.una = s->w.next = s->w.usage_end = 1;
    s->w.sent_ns = s->w.stamp_ns = s->w.min_rtt_since_ns = now_ns;
    space_init(config, &space, config->mss);
    s->receive_window = space.limit;
    s->send_buffer = (uint32_t)(config->send_buffer ? config->send_buffer : window_send_buffer(config, &s->w, config->mss));
}

void sender_deinit(struct sender *s)
{
    box_free(s);
    mem_free(s->w.cubic);
    s->w.cubic = NULL;
}

/* ---- records, and the buffer ---- */

static uint32_t record_pop(struct sender *s, struct outbox *o)
{
    struct record *r = record_at(o, 0);
    uint32_t news = (uint32_t)r->left + r->resent;

    CHECK(o->count > 0 && o->pipe >= news && o->out >= r->segments && o->sacked >= r->sacked);
    o->pipe -= news;
    o->out -= r->segments;
    o->sacked -= r->sacked;
    if (s->w.una < r->end)
        s->w.una = r->end;
    o->first++;
    if (--o->count == 0 && s->w.cubic)
        s->w.cubic->round.begun = false;
    return news;
}

/* Bytes in the send buffer. */
static uint64_t held_size(const struct sender *s)
{
    return s->w.next - s->w.una + (s->box ? s->box->unsent.size - s->box->open_size : 0);
}

static uint64_t comfort(const struct sender *s)
{
    return s->send_buffer / 3 * 2;
}

/* The application waits for room, and there is a third of the buffer. */
static bool has_room(const struct sender *s)
{
    return s->wants_room && !s->failed && !s->finishing && held_size(s) <= comfort(s);
}

/* After an ACK: a buffer that was crowded follows the window (sim/tcp/send.c says why). */
static void offer_room(struct sender *s, const struct sender_out *out)
{
    uint64_t want;

    if (!s->wants_room && !s->crowded)
        return;
    want = window_send_buffer(out->config, &s->w, out->config->mss);
    if (out->config->send_buffer == 0 && want > s->send_buffer) {
        s->send_buffer = (uint32_t)want;
        s->w.stamp_ns = time_of(s->box, out);
    }
    if (held_size(s) <= comfort(s))
        s->crowded = false;
}

/* Takes as acknowledged what should have been by now. */
static void settle(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;

    while (o->count) {
        const struct record *r = record_at(o, 0);
        uint64_t due_ns = r->due_ns;
        uint32_t rtt_us, segments;

        if (due_ns > out->now_ns || o->open_segments)
            break;
        rtt_us = rtt_of(r->sent_ns, due_ns - r->slack_ns);
        segments = record_pop(s, o);
        o->acked_ns = due_ns;
        s->retries = 0;
        rtt_update_min(&s->w, due_ns, rtt_us);
        rtt_sample(out->config, &s->w, rtt_us);
        window_cc(out->config)->sample(out->config, &s->w, due_ns, rtt_us);
        window_cc(out->config)->avoid(out->config, &s->w, due_ns, segments);
        offer_room(s, out);
    }
}

/* ---- writing ---- */

size_t sender_write(struct sender *s, const struct sender_out *out, struct chain *bytes)
{
    struct outbox *o = outbox_get(s);
    uint64_t held, room;
    size_t size;

    if (s->finishing || s->failed)
        return 0;
    settle(s, out);
    held = held_size(s);
    room = held < s->send_buffer ? s->send_buffer - held : 0;
    size = bytes->size < room ? bytes->size : (size_t)room;
    if (size < bytes->size)
        s->wants_room = true;
    if (size == 0)
        return 0;
    if (size == bytes->size)
        chain_move_all(&o->unsent, bytes);
    else
        chain_move(&o->unsent, bytes, size);
    s->crowded |= held_size(s) > comfort(s);
    outbox_send(s, out);
    outbox_close_burst(s, out);
    return size;
}

void sender_finish(struct sender *s, const struct sender_out *out)
{
    if (s->finishing)
        return;
    s->finishing = true;
    outbox_get(s);
    settle(s, out);
    outbox_send(s, out);
    outbox_close_burst(s, out);
}

/* ---- ACKs ---- */

static void set_receive_window(struct sender *s, const struct sender_ack *a)
{
    uint64_t end = a->ack + a->window;

    s->receive_window = end > s->w.una ? (uint32_t)(end - s->w.una) : 0;
}

/* Marks what arrived in the records; how many segments were not known to have. */
static uint32_t note_delivered(struct sender *s, struct sender_ack *a, struct record *copy)
{
    struct outbox *o = s->box;
    struct record *found = a->seq >= s->w.una && a->seq < s->w.next ? outbox_find(o, a->seq) : NULL;
    uint16_t *counted;
    uint32_t delivered;

    if (!found)
        return 0;
    counted = a->resent ? &found->resent : &found->left;
    delivered = a->delivered < *counted ? a->delivered : *counted;
    *counted = (uint16_t)(*counted - delivered);
    o->pipe -= delivered;
    found->sacked = (uint16_t)(found->sacked + delivered);
    o->sacked += delivered;
    *copy = *found;
    return delivered;
}

void sender_ack(struct sender *s, const struct sender_out *out, struct sender_ack *a)
{
    struct outbox *o = s->box;
    struct record copy = {0};
    uint32_t delivered, extra = 0;
    bool advanced;

    a->segments = a->done = 0;
    if (!o) {
        set_receive_window(s, a);
        return;
    }
    settle(s, out);
    /* What was done since the ACKs came cannot come after them. */
    if (a->at_ns < o->acked_ns)
        a->at_ns = o->acked_ns;
    if (a->at_ns < s->w.sent_ns)
        a->at_ns = s->w.sent_ns;
    o->at_ns = a->at_ns;
    delivered = note_delivered(s, a, &copy);
    advanced = a->ack > s->w.una;
    while (o->count && record_at(o, 0)->end <= a->ack)
        extra += record_pop(s, o);
    if (advanced) {
        s->w.una = a->ack;
        o->acked_ns = a->at_ns;
        s->retries = 0;
    }
    set_receive_window(s, a);
    if (delivered >= BULK_SEGMENTS || o->unsent.size)
        outbox_use_cubic(s, out->config);
    if (o->recovery) {
        recovery_ack(s, out, a, &copy, delivered, extra, advanced);
    } else {
        if (extra)
            window_cc(out->config)->avoid(out->config, &s->w, a->at_ns, extra);
        if (delivered && advanced && !a->resent) {
            a->segments = delivered;
            a->sent_ns = copy.sent_ns;
            a->burst_spread_ns = copy.spread_ns;
            a->una = s->w.una;
        }
    }
}

/* One ACK of a burst, and what it measures. Segment k of n was sent and acknowledged at its share of the spreads. */
static void one_ack(struct sender *s, const struct sender_out *out, struct sender_ack *a)
{
    const struct tcp_config *config = out->config;
    struct outbox *o = s->box;
    uint32_t packets = ack_packets(a, a->segments), after, step, left, rtt_us;
    uint64_t sent_ns, at_ns;

    for (after = a->done + 1; after < a->segments && after * packets % a->segments >= packets;)
        after++;
    step = after - a->done;
    a->done = after;
    left = a->segments - after;
    at_ns = a->at_ns - (left ? a->spread_ns * left / (a->segments - 1) : 0);
    sent_ns = a->sent_ns - (left ? a->burst_spread_ns * left / (a->segments - 1) : 0);
    if (at_ns > o->at_ns || left == 0)
        o->at_ns = at_ns;
    o->arriving = left;
    rtt_us = rtt_of(sent_ns, at_ns);
    s->w.una = left ? a->seq + (a->una - a->seq) * after / a->segments : a->una;
    rtt_update_min(&s->w, at_ns, rtt_us);
    rtt_sample(config, &s->w, rtt_us);
    window_cc(config)->sample(config, &s->w, at_ns, rtt_us);
    window_cc(config)->avoid(config, &s->w, at_ns, step);
    outbox_send(s, out);
    offer_room(s, out);
}

bool sender_ack_next(struct sender *s, const struct sender_out *out, struct sender_ack *a)
{
    struct outbox *o = s->box;

    if (!o)
        return false;
    while (a->done < a->segments) {
        one_ack(s, out, a);
        if (a->done < a->segments && has_room(s))
            return true;
    }
    outbox_send(s, out);
    outbox_close_burst(s, out);
    offer_room(s, out);
    o->at_ns = 0;
    o->arriving = 0;
    if (o->recovery)
        recovery_release(s);
    return false;
}

/* ---- time ---- */

static bool waits(const struct sender *s)
{
    const struct outbox *o = s->box;

    return o->unsent.size || s->wants_room || (s->finishing && !s->finished);
}

uint64_t sender_deadline_ns(const struct sender *s, const struct tcp_config *config)
{
    const struct outbox *o = s->box;

    if (!o || s->failed)
        return TIME_NEVER;
    if (o->recovery && (o->recovery->count || o->recovery->ack_lost_ns))
        return recovery_deadline_ns(s, config);
    return o->count && waits(s) ? record_at(o, 0)->due_ns : TIME_NEVER;
}

void sender_timeout(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    struct recovery *r;

    if (!o || s->failed)
        return;
    settle(s, out);
    r = o->recovery;
    if (r && o->count == 0 && o->unsent.size == 0)
        r->ack_lost_ns = 0; /* it does not matter any more */
    if (!r || (r->count == 0 && !r->ack_lost_ns))
        outbox_send(s, out);
    else
        recovery_timeout(s, out);
    outbox_close_burst(s, out);
    offer_room(s, out);
    recovery_release(s);
}

/* ---- asking ---- */

uint64_t sender_heard_ns(const struct sender *s)
{
    uint64_t heard_ns = (uint64_t)s->heard_ms * NS_PER_MS;

    return s->box && s->box->acked_ns > heard_ns ? s->box->acked_ns : heard_ns;
}

uint64_t *sender_alarm_ns(struct sender *s)
{
    return &outbox_get(s)->alarm_ns;
}

bool sender_writable(struct sender *s)
{
    bool room = has_room(s);

    s->wants_room &= !room;
    return room;
}

bool sender_done(const struct sender *s)
{
    return s->finished && s->w.una == s->w.next;
}

bool sender_rest(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;

    if (!o)
        return true;
    settle(s, out);
    if (o->count || o->unsent.size || waits(s))
        return false;
    if (o->recovery) {
        o->recovery->ack_lost_ns = 0;
        recovery_leave(s, out->now_ns);
        recovery_release(s);
    }
    if (o->recovery)
        return false;
    box_free(s);
    return true;
}

void sender_expect(const struct sender *s, unsigned step)
{
    const struct outbox *o = s->box;

    if (o && step == 0) {
        fetch_line_to_write(o);
        fetch_line_to_write((const char *)o + 64);
        fetch_line_to_write((const char *)o + 128);
    } else if (o && o->records != o->few) {
        fetch_line_to_write(record_at(o, 0));
        fetch_line_to_write(record_at(o, o->count));
    }
}

struct sender_info sender_info(const struct sender *s)
{
    const struct outbox *o = s->box;

    if (!o)
        return (struct sender_info){0};
    return (struct sender_info){.out = o->out,
                                .pipe = o->pipe,
                                .sacked = o->sacked,
                                .lost = o->recovery ? o->recovery->lost : 0,
                                .unsent = o->unsent.size};
}

size_t sender_memory(const struct sender *s)
{
    const struct outbox *o = s->box;
    size_t size = s->w.cubic ? sizeof *s->w.cubic : 0;

    if (!o)
        return size;
    size += sizeof *o + (o->records == o->few ? 0 : o->capacity * sizeof *o->records) + chain_memory(&o->unsent);
    if (o->recovery)
        size += sizeof *o->recovery + o->recovery->capacity * sizeof *o->recovery->holes;
    return size;
}
