#include "sim/des/sender.h"

#include "sim/des/train.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#define PROBE_SLACK_NS (2 * NS_PER_MS) /* as sim/tcp: least time of a probe or reordering timer */
#define ASKING_SEGMENTS 4u             /* a burst of so many asks for an ACK */
#define RECORDS_FEW 2u                   /* a power of two */
#define RAMP_SEGMENTS 2u               /* the first burst of several */
#define BULK_SEGMENTS 4u               /* so many acknowledged at once: congestion control gets a memory */

/* A burst that was sent and not acknowledged as a whole. */
struct record {
    uint64_t end;       /* of its bytes; its start is the end of the one before */
    uint64_t sent_ns;   /* its last segment */
    uint64_t due_ns;    /* taken as acknowledged then; TIME_NEVER: it asked */
    uint32_t slack_ns;  /* of due_ns, which is no part of the usual round trip */
    uint32_t spread_ns; /* its first segment was sent so much earlier */
    uint16_t segments;
    uint16_t left, resent; /* not known to have arrived, nor found lost: of the first transmission, of later ones */
    uint16_t sacked;       /* arrived, as far as told */
};

/* A lost segment. */
struct hole {
    uint64_t seq, sent_ns;
    uint32_t size;
    bool fin, resent;
    bool noticed; /* found lost: it waits to be sent again */
    struct chain bytes;
};

struct recovery {
    struct hole *holes; /* by seq: [first, first + count) */
    uint32_t first, count, capacity;
    uint32_t lost; /* noticed */
    struct reduction reduction;
    uint32_t rack_rtt_us;
    uint64_t rack_sent_ns, rack_end; /* the latest sent segment that arrived */
    uint64_t high_seq;               /* the phase ends when this is acknowledged */
    uint64_t probe_end;              /* 0: no tail probe is out */
    uint64_t timer_ns;               /* the timeout counts from here */
    uint64_t reorder_ns;             /* look for losses again then */
    uint64_t ack_lost_ns; /* an ACK or a probe of that time was lost; 0: none since the last one that came */
};

struct outbox { /* the hot part comes first, and with it the records of few bursts */
    struct record *records; /* [first, first + count) modulo capacity, a power of two */
    uint32_t first, count, capacity;
    uint32_t out, pipe, sacked; /* segments */
    uint64_t acked_ns;          /* w.una advanced */
    uint64_t at_ns;             /* while the ACKs of a burst are gone through: the time of the present one, ... */
    uint32_t arriving;          /* ... and segments whose ACK follows */
    uint32_t ramp;              /* how long the next burst may be */
    struct record few[RECORDS_FEW];
    struct recovery *recovery; /* NULL: nothing was lost lately */
    struct chain unsent;
    uint32_t open_size;        /* of the last record: decided, still in `unsent` */
    uint16_t open_segments;
    bool open_fin;
    uint64_t open_first_ns;
    uint64_t alarm_ns; /* the owner's */
};

_Static_assert(sizeof(struct outbox) <= 192, "what a sender costs while it is busy");

/* ---- memory ---- */

static struct record *record_at(const struct outbox *o, uint32_t index)
{
    return &o->records[(o->first + index) & (o->capacity - 1)];
}

static void records_grow(struct outbox *o)
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

static struct outbox *box_get(struct sender *s)
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

static void recovery_free(struct outbox *o)
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

static void cubic_get(struct sender *s, const struct tcp_config *config)
{
    if (s->w.cubic || config->congestion != TCP_CUBIC)
        return;
    s->w.cubic = mem_alloc(sizeof *s->w.cubic);
    cubic_reset(s->w.cubic);
    if (rtt_min_us(&s->w) != RTT_NONE)
        s->w.cubic->delay_min_us = rtt_min_us(&s->w);
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

/* The time of what is being done; it never goes back. */
static uint64_t time_of(const struct outbox *o, const struct sender_out *out)
{
    return o->at_ns ? o->at_ns : out->now_ns;
}

static bool window_full(const struct sender *s)
{
    return s->box->pipe + s->box->arriving >= s->w.cwnd;
}

/* ---- records ---- */

/* The record that holds byte seq, which lies in [una, next). */
static struct record *record_find(const struct outbox *o, uint64_t seq)
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

/* ---- sending new bytes ---- */

/* Payload of the next new segment, 0: there is none, or the far side has no room. */
static uint32_t next_size(const struct sender *s, const struct tcp_config *config)
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
static void close_burst(struct sender *s, const struct sender_out *out)
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
        records_grow(o);
    *record_at(o, o->count++) = (struct record){.end = s->w.next, .due_ns = TIME_NEVER};
}

/* One more segment, into the open record. */
static void add_segment(struct sender *s, const struct sender_out *out, uint32_t size)
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
        close_burst(s, out);
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
static void send_new(struct sender *s, const struct sender_out *out)
{
    struct outbox *o = s->box;
    bool sent = false;

    begin_ramp(s, out->config);
    for (;;) {
        uint32_t size = next_size(s, out->config);

        if (window_full(s) || (size == 0 && !fin_is_next(s)))
            break;
        add_segment(s, out, size);
        sent = true;
        if (o->recovery && s->w.phase == TCP_PHASE_RECOVERY)
            o->recovery->reduction.out++;
    }
    if (sent || (window_full(s) && o->unsent.size > o->open_size))
        window_validate(out->config, &s->w, time_of(o, out), o->out + o->arriving, window_full(s),
                        s->w.phase == TCP_PHASE_OPEN && !s->wants_room && !s->crowded);
}

size_t sender_write(struct sender *s, const struct sender_out *out, struct chain *bytes)
{
    struct outbox *o = box_get(s);
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
    send_new(s, out);
    close_burst(s, out);
    return size;
}

void sender_finish(struct sender *s, const struct sender_out *out)
{
    if (s->finishing)
        return;
    s->finishing = true;
    box_get(s);
    settle(s, out);
    send_new(s, out);
    close_burst(s, out);
}

/* ---- losses ---- */

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

static void recovery_release(struct sender *s)
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
        records_grow(o);
    o->first--;
    o->count++;
    *record_at(o, 0) = (struct record){.end = s->w.una, .due_ns = TIME_NEVER, .sent_ns = o->acked_ns};
    s->w.una = seq;
}

void sender_lost(struct sender *s, const struct tcp_config *config, uint64_t seq, uint32_t size, bool fin, bool resent,
                 uint64_t sent_ns, struct chain *bytes)
{
    struct outbox *o = box_get(s);
    struct recovery *r;
    struct record *record;
    struct hole *hole;

    CHECK(bytes->size == size && (size > 0 || fin));
    cubic_get(s, config);
    if (seq < s->w.una)
        take_back(s, seq);
    record = record_find(o, seq);
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

static bool sent_after(uint64_t a_ns, uint64_t a_end, uint64_t b_ns, uint64_t b_end)
{
    return a_ns > b_ns || (a_ns == b_ns && a_end > b_end);
}

static void hole_notice(struct sender *s, struct hole *hole)
{
    struct outbox *o = s->box;
    struct record *record = record_find(o, hole->seq);
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
    cubic_get(s, config);
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
        record = record_find(o, b.seq);
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
    send_new(s, out);
}

static void enter_recovery(struct sender *s, const struct sender_out *out)
{
    begin_reduction(s, out->config);
    s->w.phase = TCP_PHASE_RECOVERY;
}

static void leave_recovery(struct sender *s, uint64_t now_ns)
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

static uint32_t packets_of(const struct sender_ack *a, uint32_t segments)
{
    return a->packets == 0 ? 1 : a->packets < segments ? a->packets : segments ? segments : 1;
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
    leave_recovery(s, now_ns);
    judge_probe(s, out);
    lost = detect(s, now_ns);
    if (lost && s->w.phase < TCP_PHASE_RECOVERY)
        enter_recovery(s, out);
    if (s->w.phase == TCP_PHASE_RECOVERY) {
        if (delivered)
            reduce(s, out, packets_of(a, delivered), delivered, advanced && lost == 0);
    } else if (advanced) {
        window_cc(out->config)->avoid(out->config, &s->w, now_ns, delivered);
    }
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
    struct record *found = a->seq >= s->w.una && a->seq < s->w.next ? record_find(o, a->seq) : NULL;
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

static void ack_with_losses(struct sender *s, const struct sender_out *out, const struct sender_ack *a,
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
        cubic_get(s, out->config);
    if (o->recovery) {
        ack_with_losses(s, out, a, &copy, delivered, extra, advanced);
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
    uint32_t packets = packets_of(a, a->segments), after, step, left, rtt_us;
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
    send_new(s, out);
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
    send_new(s, out);
    close_burst(s, out);
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

static uint64_t recovery_deadline_ns(const struct sender *s, const struct tcp_config *config)
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

uint64_t sender_deadline_ns(const struct sender *s, const struct tcp_config *config)
{
    const struct outbox *o = s->box;

    if (!o || s->failed)
        return TIME_NEVER;
    if (o->recovery && (o->recovery->count || o->recovery->ack_lost_ns))
        return recovery_deadline_ns(s, config);
    return o->count && waits(s) ? record_at(o, 0)->due_ns : TIME_NEVER;
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
    uint32_t size = next_size(s, out->config);
    struct hole *last = r->count ? hole_at(r, r->count - 1) : NULL;

    r->timer_ns = out->now_ns;
    if (size) {
        add_segment(s, out, size);
        close_burst(s, out);
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
    cubic_get(s, out->config);
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
    if (!r || (r->count == 0 && !r->ack_lost_ns)) {
        send_new(s, out);
    } else if (r->reorder_ns <= out->now_ns) {
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
    close_burst(s, out);
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
    return &box_get(s)->alarm_ns;
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
        leave_recovery(s, out->now_ns);
        recovery_release(s);
    }
    if (o->recovery)
        return false;
    box_free(s);
    return true;
}

void sender_expect(const struct sender *s)
{
    if (!s->box)
        return;
    __builtin_prefetch(s->box, 1);
    __builtin_prefetch((const char *)s->box + 64, 1);
    __builtin_prefetch((const char *)s->box + 128, 1);
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
