#include "sim/des/receiver.h"

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

#define ECHO_SEGMENTS 2 /* of a train share the ACK that let them go, more or less */

/* Bytes that came out of order. */
struct island {
    uint64_t seq, end; /* FIN included */
    struct chain bytes;
    bool fin;
};

struct inbox {
    struct space space;
    uint64_t offered_end;
    uint64_t echo_ns; /* of the latest round trip measured */
    uint64_t window_seq, window_ns;
    uint64_t early_size;
    struct island *islands; /* by seq, not overlapping */
    uint32_t count, capacity;
    uint32_t quick; /* segments to acknowledge at once */
    uint64_t heard_ns;
    bool finished;
    struct chain held;
};

void receiver_init(struct receiver *r)
{
    *r = (struct receiver){.received = 1};
}

void receiver_deinit(struct receiver *r)
{
    if (!r->box)
        return;
    for (uint32_t i = 0; i < r->box->count; i++)
        chain_deinit(&r->box->islands[i].bytes);
    chain_deinit(&r->box->held);
    mem_free(r->box->islands);
    mem_free(r->box);
    r->box = NULL;
}

static struct inbox *box_get(struct receiver *r, const struct tcp_config *config)
{
    if (!r->box) {
        r->box = mem_zalloc(sizeof *r->box);
        space_init(config, &r->box->space, config->mss);
        r->box->space.tune_seq = r->received;
        r->box->offered_end = r->received + r->box->space.limit;
    }
    return r->box;
}

/* Appends to the last island where they touch: segments come in order as a rule. */
static void island_add(struct inbox *b, uint64_t seq, struct chain *bytes, bool fin)
{
    uint32_t at = b->count;
    struct island *i;

    while (at > 0 && b->islands[at - 1].seq > seq)
        at--;
    b->early_size += bytes->size;
    if (at > 0 && b->islands[at - 1].end == seq) {
        i = &b->islands[at - 1];
        i->end += bytes->size + (fin ? 1 : 0);
        i->fin |= fin;
        chain_move_all(&i->bytes, bytes);
        return;
    }
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? b->capacity * 2 : 4;
        b->islands = mem_grow(b->islands, b->capacity, sizeof *b->islands);
    }
    memmove(b->islands + at + 1, b->islands + at, (b->count - at) * sizeof *b->islands);
    b->count++;
    b->islands[at] = (struct island){.seq = seq, .end = seq + bytes->size + (fin ? 1 : 0), .fin = fin};
    chain_move_all(&b->islands[at].bytes, bytes);
}

static void catch_up(struct receiver *r, struct chain *out)
{
    struct inbox *b = r->box;
    uint32_t taken = 0;

    for (; taken < b->count && b->islands[taken].seq <= r->received; taken++) {
        struct island *i = &b->islands[taken];

        CHECK(i->seq == r->received); /* a byte arrives once: only what was lost is sent again */
        r->received = i->end;
        b->early_size -= i->bytes.size;
        b->finished |= i->fin;
        chain_move_all(out, &i->bytes);
        chain_deinit(&i->bytes);
    }
    b->count -= taken;
    memmove(b->islands, b->islands + taken, b->count * sizeof *b->islands);
}

static void take_segments(struct receiver *r, struct train *t, struct chain *out)
{
    struct inbox *b = r->box;

    for (uint32_t i = 0; i < t->segments; i++) {
        uint64_t seq = train_segment_seq(t, i);
        bool fin = t->fin && i + 1u == t->segments;
        struct chain bytes;

        if (t->lost >> i & 1)
            continue;
        chain_init(&bytes);
        chain_move(&bytes, &t->bytes, train_segment_size(t, i));
        CHECK(seq >= r->received);
        if (seq > r->received) {
            island_add(b, seq, &bytes, fin);
        } else {
            r->received += bytes.size + (fin ? 1 : 0);
            b->finished |= fin;
            chain_move_all(out, &bytes);
        }
        chain_deinit(&bytes);
    }
}

/* At first, and after a pause, each segment is acknowledged at once. */
static void be_quick(struct inbox *b, uint64_t now_ns, const struct tcp_config *config)
{
    if (now_ns - b->heard_ns > b->space.rtt_us / 8 * NS_PER_US + config->rto_min_ns)
        b->quick = config->quick_acks;
    b->heard_ns = now_ns;
}

/* The ACKs of segments in order: every second, but each that opens the window further. */
static uint32_t open_window(struct inbox *b, const struct tcp_config *config, const struct train *t)
{
    uint32_t acks = 0, waiting = 0;

    for (uint32_t i = 0; i < t->segments; i++) {
        bool opened = space_open(&b->space, b->held.size + b->early_size, config->mss, train_segment_size(t, i));

        if (opened || b->quick || ++waiting == 2) {
            acks++;
            waiting = 0;
        }
        b->quick -= b->quick ? 1 : 0;
    }
    return acks + waiting;
}

/* The round trip as a receiver sees it, as sim/tcp/receive.c: from its latest word that the sender knew of to what the
 * sender sent then, and from one window's worth to the next. A train that was let go by one ACK event answers several ACKs. */
static void measure_rtt(struct inbox *b, uint64_t now_ns, const struct train *t)
{
    uint64_t ticks = now_ns / NS_PER_MS - t->echo_ns / NS_PER_MS;

    if (t->echo_ns == b->echo_ns || t->size < t->mss || ticks == 0)
        return;
    b->echo_ns = t->echo_ns;
    for (uint32_t i = 0; i < t->segments; i += ECHO_SEGMENTS)
        space_note_rtt(&b->space, rtt_of(0, ticks * NS_PER_MS), b->held.size == 0);
}

static void measure_window(const struct receiver *r, uint64_t now_ns)
{
    struct inbox *b = r->box;

    if (b->window_seq && r->received < b->window_seq)
        return;
    if (b->window_seq)
        space_note_rtt(&b->space, rtt_of(b->window_ns, now_ns), false);
    b->window_seq = b->offered_end;
    b->window_ns = now_ns;
}

/* Roughly: when the handshake began, and a round trip later. */
static uint64_t opened_ns(const struct window *w)
{
    return w->min_rtt_since_ns + (w->srtt_us >> 3) * (uint64_t)NS_PER_US;
}

uint32_t receiver_take(struct receiver *r, const struct receiver_at *at, struct train *t, struct chain *out)
{
    bool alarmed = (r->box && r->box->count) || t->lost || t->seq != r->received || t->fin || t->asks;
    uint32_t acks = train_live(t); /* each at once, while something is out of order */
    struct inbox *b = r->box;

    if (!alarmed && !at->paused && !b) {
        r->received += t->size;
        chain_move_all(out, &t->bytes);
        return 0;
    }
    if (!b) {
        b = box_get(r, at->config);
        b->space.tune_ns = opened_ns(at->window);
    }
    if (t->probe)
        return 1;
    be_quick(b, at->now_ns, at->config);
    measure_rtt(b, at->now_ns, t);
    if (!at->paused && b->held.size == 0 && t->seq == r->received && !(t->lost & 1)) /* the first segment is read */
        space_tune(at->config, &b->space, at->now_ns - t->spread_ns, at->config->mss,
                   r->received + train_segment_size(t, 0));
    if (t->seq == r->received && t->lost == 0) {
        acks = open_window(b, at->config, t);
        r->received += t->size + (t->fin ? 1 : 0);
        b->finished |= t->fin;
        chain_move_all(out, &t->bytes);
    } else {
        take_segments(r, t, out);
    }
    if (b->count)
        catch_up(r, out);
    measure_window(r, at->now_ns);
    b->space.early_size = b->count ? b->islands[b->count - 1].end - r->received : 0;
    if (at->paused || b->held.size)
        chain_move_all(&b->held, out);
    return alarmed || b->held.size ? acks : 0;
}

bool receiver_finished(const struct receiver *r)
{
    return r->box && r->box->finished;
}

uint64_t receiver_held(const struct receiver *r)
{
    return r->box ? r->box->held.size + r->box->early_size : 0;
}

uint32_t receiver_window(struct receiver *r, const struct tcp_config *config)
{
    struct inbox *b = box_get(r, config);
    uint64_t window = space_window(&b->space, b->held.size + b->early_size, config->mss);
    uint64_t offered = b->offered_end > r->received ? b->offered_end - r->received : 0;

    if (window < offered)
        window = offered;
    b->offered_end = r->received + window;
    return (uint32_t)window;
}

bool receiver_release(struct receiver *r, const struct tcp_config *config, uint64_t now_ns, struct chain *out)
{
    struct inbox *b = r->box;
    uint64_t offered;

    if (!b || b->held.size == 0)
        return false;
    chain_move_all(out, &b->held);
    offered = b->offered_end > r->received ? b->offered_end - r->received : 0;
    space_tune(config, &b->space, now_ns, config->mss, r->received);
    return space_window(&b->space, b->early_size, config->mss) > offered;
}

void receiver_expect(const struct receiver *r)
{
    if (!r->box)
        return;
    fetch_line_to_write(r->box);
    fetch_line_to_write((const char *)r->box + 64);
    fetch_line_to_write((const char *)r->box + 128);
}

size_t receiver_memory(const struct receiver *r)
{
    return r->box ? sizeof *r->box + r->box->capacity * sizeof *r->box->islands : 0;
}
