#include "sim/des/outbox.h"

#include "sim/des/recovery.h"
#include "sim/des/train.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#define ASKING_SEGMENTS 4u /* a burst of so many asks for an ACK */
#define RAMP_SEGMENTS 2u   /* the first burst of several */

/* ---- memory ---- */

void outbox_grow(struct outbox *o)
{
    uint32_t capacity = o->capacity * 2;
    struct record *records = mem_grow(NULL, capacity, sizeof *records);

    for (uint32_t i = 0; i < o->count; i++)
        records[(o->first + i) & (capacity - 1)] = *record_at(o, i);
    if (o->records != o->few)
        mem_free(o->records);
    o->records = records;
    o->capacity = capacity;
}

struct outbox *outbox_get(struct sender *s)
{
    if (!s->box) {
        s->box = mem_zalloc(sizeof *s->box);
        s->box->records = s->box->few;
        s->box->capacity = RECORDS_FEW;
        s->box->acked_ns = sender_heard_ns(s);
        s->box->alarm_ns = TIME_NEVER;
    }
    return s->box;
}

void outbox_use_cubic(struct sender *s, const struct tcp_config *config)
{
    if (s->w.cubic || config->congestion != TCP_CUBIC)
        return;
    s->w.cubic = mem_alloc(sizeof *s->w.cubic);
    cubic_reset(s->w.cubic);
    if (rtt_min_us(&s->w) != RTT_NONE)
        s->w.cubic->delay_min_us = rtt_min_us(&s->w);
}

struct record *outbox_find(const struct outbox *o, uint64_t seq)
{
    uint32_t low = 0, high = o->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (record_at(o, middle)->end > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low < o->count ? record_at(o, low) : NULL;
}

/* ---- sending new bytes ---- */

uint32_t outbox_next_size(const struct sender *s, const struct tcp_config *config)
{
    const struct outbox *o = s->box;
    uint32_t left = o->unsent.size - o->open_size, size = left < config->mss ? left : config->mss;
    uint64_t room = s->w.una + s->receive_window;

    return s->w.next + size <= room ? size : 0;
}

static bool fin_is_next(const struct sender *s)
{
    return s->finishing && !s->finished && s->box->unsent.size == s->box->open_size;
}

/* Sends the bytes of the open record. */
void outbox_close_burst(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    struct record *r;
    struct burst b;
    struct chain bytes;
    struct expectation expected;

    if (o->open_segments == 0)
        return;
    r = record_at(o, o->count - 1);
    b = (struct burst){.seq = r->end - o->open_size - (o->open_fin ? 1 : 0),
                       .sent_ns = r->sent_ns,
                       .spread_ns = r->sent_ns - o->open_first_ns,
                       .size = o->open_size,
                       .segments = o->open_segments,
                       .fin = o->open_fin};
    chain_init(&bytes);
    if (o->open_size == o->unsent.size)
        chain_move_all(&bytes, &o->unsent);
    else
        chain_move(&bytes, &o->unsent, o->open_size);
    o->open_size = o->open_segments = 0;
    o->open_fin = false;
    o->ramp = o->ramp * 2 < s->burst_max ? o->ramp * 2 : s->burst_max;
    b.asks = b.segments >= ASKING_SEGMENTS || o->unsent.size || s->wants_room || window_full(s) || o->recovery || b.fin;
    r->spread_ns = (uint32_t)b.spread_ns;
    r->due_ns = TIME_NEVER;
    expected = out->emit(out->ctx, &b, &bytes);
    r = record_at(o, o->count - 1);
    if (!b.asks && !o->recovery) {
        r->due_ns = expected.due_ns;
        r->slack_ns = expected.slack_ns < UINT32_MAX ? (uint32_t)expected.slack_ns : UINT32_MAX;
    }
}

/* Whether a burst that begins now is taken as acknowledged together with the one before, which asked for no ACK: when both
 * began in the same of the 4 to 8 parts of a round trip. */
static bool joins(const struct record *last, uint64_t at_ns)
{
    unsigned shift;

    if (last->due_ns == TIME_NEVER || last->segments > UINT16_MAX / 2)
        return false;
    shift = 61 - (unsigned)__builtin_clzll(last->due_ns - last->sent_ns + 8);
    return at_ns >> shift == last->sent_ns >> shift;
}

static void open_burst(struct sender *s, uint64_t at_ns)
{
    struct outbox *o = s->box;

    o->open_first_ns = at_ns;
    if (o->count && joins(record_at(o, o->count - 1), at_ns))
        return;
    if (o->count == o->capacity)
        outbox_grow(o);
    *record_at(o, o->count++) = (struct record){.end = s->w.next, .due_ns = TIME_NEVER};
}

/* One more segment, into the open record. */
void outbox_add(struct sender *s, const struct sender_out *out, uint32_t size)
{
    struct outbox *o = s->box;
    uint64_t at_ns = time_of(o, out);
    bool fin = s->finishing && !s->finished && o->unsent.size == o->open_size + size;
    struct record *r;

    if (o->out == 0)
        window_check_idle(out->config, &s->w, at_ns);
    if (o->pipe == 0)
        window_cc(out->config)->restarted(&s->w, at_ns, at_ns - s->w.sent_ns);
    if (o->open_segments == 0)
        open_burst(s, at_ns);
    r = record_at(o, o->count - 1);
    r->end += size + (fin ? 1 : 0);
    r->sent_ns = at_ns;
    r->segments++;
    r->left++;
    o->open_size += size;
    o->open_segments++;
    o->out++;
    o->pipe++;
    s->w.next = r->end;
    s->w.sent_ns = at_ns;
    if (fin)
        s->finished = o->open_fin = true;
    if (o->open_segments >= o->ramp || fin || size < out->config->mss) /* only a train's last segment may be short */
        outbox_close_burst(s, out);
}

/* How long the next burst may be. One that begins while nothing is on its way, and that the window will cut off, begins with
 * short ones, so that their ACKs come as early as those of single segments. */
static void begin_ramp(struct sender *s, const struct tcp_config *config)
{
    struct outbox *o = s->box;
    bool cut = o->unsent.size > (uint64_t)s->w.cwnd * config->mss;

    if (o->pipe == 0)
        o->ramp = cut && s->burst_max > RAMP_SEGMENTS ? RAMP_SEGMENTS : s->burst_max;
}

/* Fills the windows. */
void outbox_send(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    bool sent = false;

    begin_ramp(s, out->config);
    for (;;) {
        uint32_t size = outbox_next_size(s, out->config);

        if (window_full(s) || (size == 0 && !fin_is_next(s)))
            break;
        outbox_add(s, out, size);
        sent = true;
        if (o->recovery && s->w.phase == TCP_PHASE_RECOVERY)
            o->recovery->reduction.out++;
    }
    if (sent || (window_full(s) && o->unsent.size > o->open_size))
        window_validate(out->config, &s->w, time_of(o, out), o->out + o->arriving, window_full(s),
                        s->w.phase == TCP_PHASE_OPEN && !s->wants_room && !s->crowded);
}
