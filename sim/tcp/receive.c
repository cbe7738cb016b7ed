/* The receiving side: bytes in order and out of order, what to acknowledge when, how large a window
 * to offer. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define ACK_WAIT_MAX_NS (200ull * NS_PER_MS) /* of an interactive connection */
#define ACK_WAIT_MAX_BULK_NS (500ull * NS_PER_MS)
#define RECEIVE_MSS_FIRST 536

/* ---- out of order ---- */

void early_free(struct early *e)
{
    if (!e)
        return;
    for (uint32_t i = 0; i < e->count; i++)
        chain_deinit(&e->islands[i].bytes);
    mem_free(e->islands);
    mem_free(e);
}

static struct early *early_get(struct tcp *t)
{
    if (!t->early)
        t->early = mem_zalloc(sizeof *t->early);
    return t->early;
}

static uint64_t island_end(const struct island *i)
{
    return i->start + i->bytes.size;
}

static void island_remove(struct early *e, uint32_t at)
{
    e->size -= e->islands[at].bytes.size;
    chain_deinit(&e->islands[at].bytes);
    memmove(e->islands + at, e->islands + at + 1, (e->count - at - 1) * sizeof *e->islands);
    e->count--;
}

static void island_insert(struct early *e, uint32_t at, uint64_t start, struct chain *bytes)
{
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 4;
        e->islands = mem_grow(e->islands, e->capacity, sizeof *e->islands);
    }
    memmove(e->islands + at + 1, e->islands + at, (e->count - at) * sizeof *e->islands);
    e->count++;
    e->islands[at].start = start;
    e->size += bytes->size;
    chain_init(&e->islands[at].bytes);
    chain_move_all(&e->islands[at].bytes, bytes);
}

/* Joins what the island at `at` has grown to touch. */
static void island_join(struct early *e, uint32_t at)
{
    while (at + 1 < e->count && e->islands[at + 1].start <= island_end(&e->islands[at])) {
        struct island *into = &e->islands[at], *next = &e->islands[at + 1];
        uint64_t overlap = island_end(into) - next->start;

        if (overlap < next->bytes.size) {
            chain_drop(&next->bytes, (size_t)overlap);
            e->size -= overlap;
            chain_move_all(&into->bytes, &next->bytes);
        }
        island_remove(e, at + 1);
    }
}

/* How far beyond what came in order anything came. */
static uint64_t early_reach(const struct tcp *t)
{
    const struct early *e = t->early;

    return e && e->count ? island_end(&e->islands[e->count - 1]) - t->received : 0;
}

/* The first island that ends at or after seq. */
static uint32_t island_find(const struct early *e, uint64_t seq)
{
    uint32_t low = 0, high = e->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (island_end(&e->islands[middle]) >= seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Puts the bytes among the islands; false when all of them were there. */
static bool island_add(struct early *e, uint64_t start, struct chain *bytes, struct range *joined)
{
    uint64_t end = start + bytes->size;
    uint32_t at = island_find(e, start);
    struct island *i = at < e->count ? &e->islands[at] : NULL;

    if (!i || i->start > end) {
        island_insert(e, at, start, bytes);
    } else if (i->start <= start) {
        if (end <= island_end(i)) {
            *joined = (struct range){i->start, island_end(i)};
            return false;
        }
        chain_drop(bytes, (size_t)(island_end(i) - start));
        e->size += bytes->size;
        chain_move_all(&i->bytes, bytes);
    } else {
        uint64_t overlap = end - i->start;

        if (overlap > i->bytes.size)
            overlap = i->bytes.size;
        chain_drop(&i->bytes, (size_t)overlap);
        e->size += bytes->size - overlap;
        chain_move_all(bytes, &i->bytes);
        chain_move_all(&i->bytes, bytes);
        i->start = start;
    }
    island_join(e, at);
    *joined = (struct range){e->islands[at].start, island_end(&e->islands[at])};
    return true;
}

/* The block that changed comes first; blocks that became part of it go. */
static void remember_sack(struct early *e, struct range fresh)
{
    struct range kept[TCP_SACKS_MAX];
    uint32_t count = 0;

    kept[count++] = fresh;
    for (uint32_t i = 0; i < e->sack_count && count < TCP_SACKS_MAX; i++)
        if (e->sacks[i].end < fresh.start || e->sacks[i].start > fresh.end)
            kept[count++] = e->sacks[i];
    memcpy(e->sacks, kept, count * sizeof *kept);
    e->sack_count = count;
}

static void forget_sacks(struct early *e, uint64_t received)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < e->sack_count; i++)
        if (e->sacks[i].start > received)
            e->sacks[kept++] = e->sacks[i];
    e->sack_count = kept;
}

static void early_release(struct tcp *t)
{
    struct early *e = t->early;

    if (e && e->count == 0 && !e->fin && e->duplicate.start == e->duplicate.end) {
        early_free(e);
        t->early = NULL;
    }
}

void receive_put_sacks(struct tcp *t, struct tcp_segment *s)
{
    struct early *e = t->early;
    uint32_t most = t->timestamps_ok ? TCP_SACKS_MAX - 1 : TCP_SACKS_MAX;

    if (t->sack_ok) {
        if (e->duplicate.start < e->duplicate.end)
            s->sacks[s->sack_count++] =
                (struct tcp_sack){(int32_t)(int64_t)(e->duplicate.start - s->ack),
                                  (int32_t)(int64_t)(e->duplicate.end - s->ack)};
        for (uint32_t i = 0; i < e->sack_count && s->sack_count < most; i++)
            s->sacks[s->sack_count++] = (struct tcp_sack){(int32_t)(e->sacks[i].start - s->ack),
                                                          (int32_t)(e->sacks[i].end - s->ack)};
    }
    e->duplicate = (struct range){0, 0};
    early_release(t);
}

/* ---- the window ---- */

void receive_start(struct tcp *t)
{
    space_init(t->config, &t->space, t->mss);
    t->receive_mss = RECEIVE_MSS_FIRST < t->mss ? RECEIVE_MSS_FIRST : (uint16_t)t->mss;
}

static uint64_t space_held(const struct tcp *t)
{
    return t->inbox.size + (t->early ? t->early->size : 0);
}

/* The window that could be offered now, before the rule that its right edge never goes back. */
static uint64_t window_now(const struct tcp *t)
{
    return space_window(&t->space, space_held(t), t->receive_mss);
}

uint64_t receive_window(struct tcp *t, uint64_t now_ns)
{
    uint64_t window = window_now(t);
    uint64_t offered = t->offered_end > t->received ? t->offered_end - t->received : 0;

    (void)now_ns;
    if (space_held(t) + t->space.size / 2 > t->space.size)
        t->quick_acks = 0; /* less than half is free */
    if (window < offered)
        window = offered;
    t->offered_end = t->received + window;
    return window;
}

/* The round trip as a receiver sees it: from our ACK to the bytes it let go. The clock of the
 * timestamp option ticks in milliseconds; what takes no tick says nothing, and while the reader lags
 * behind only a shorter one does. */
static void measure_echo(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    uint64_t ticks;

    if (s->echo_ns == TIME_NEVER || s->bytes.size < t->receive_mss ||
        s->echo_ns == t->receive_echo_ns)
        return;
    t->receive_echo_ns = s->echo_ns;
    ticks = now_ns / NS_PER_MS - s->echo_ns / NS_PER_MS;
    if (ticks)
        space_note_rtt(&t->space, rtt_of(0, ticks * NS_PER_MS), t->inbox.size == 0);
}

/* A window's worth takes a round trip at least. */
static void measure_window(struct tcp *t, uint64_t now_ns)
{
    if (t->receive_rtt_seq && t->received < t->receive_rtt_seq)
        return;
    if (t->receive_rtt_seq)
        space_note_rtt(&t->space, rtt_of(t->receive_rtt_ns, now_ns), false);
    t->receive_rtt_seq = t->offered_end;
    t->receive_rtt_ns = now_ns;
}

/* ---- acknowledging ---- */

static void be_quick(struct tcp *t)
{
    uint64_t most = t->space.size / (2u * t->receive_mss);

    if (most == 0)
        most = 2;
    if (most > t->config->quick_acks)
        most = t->config->quick_acks;
    if (t->quick_acks < most)
        t->quick_acks = (uint8_t)most;
}

/* Something is wrong: the sender needs to hear of everything. */
static void be_alert(struct tcp *t)
{
    be_quick(t);
    t->pingpong = false;
    t->ack_wait_us = (uint32_t)(t->config->delayed_ack_ns / NS_PER_US);
    t->ack_now = true;
}

static void learn_rhythm(struct tcp *t, uint64_t now_ns, size_t size, bool pushed)
{
    uint64_t gap_us = (now_ns - t->received_ns) / NS_PER_US, rto_us = rtt_rto_ns(t->config, &t->w) / NS_PER_US;
    uint32_t least_us = (uint32_t)(t->config->delayed_ack_ns / NS_PER_US);

    if (t->ack_wait_us == 0) {
        be_quick(t);
        t->ack_wait_us = least_us;
    } else if (gap_us <= least_us / 2) {
        t->ack_wait_us = t->ack_wait_us / 2 + least_us / 2;
    } else if (gap_us < t->ack_wait_us) {
        t->ack_wait_us = t->ack_wait_us / 2 + (uint32_t)gap_us;
        if (t->ack_wait_us > rto_us)
            t->ack_wait_us = (uint32_t)rto_us;
    } else if (gap_us > rto_us) {
        be_quick(t);
    }
    t->received_ns = now_ns;
    if (size >= t->receive_mss) {
        t->receive_mss = (uint16_t)(size < t->mss ? size : t->mss);
        t->ack_pushed |= pushed && size == t->receive_mss; /* the end of a write may come with it */
        return;
    }
    t->ack_pushed_again = t->ack_pushed;
    t->ack_pushed = true;
}

static void delay_ack(struct tcp *t, uint64_t now_ns)
{
    uint64_t least = t->config->delayed_ack_ns, wait = (uint64_t)t->ack_wait_us * NS_PER_US;
    uint64_t most = t->pingpong || t->ack_pushed ? ACK_WAIT_MAX_NS : ACK_WAIT_MAX_BULK_NS;
    uint64_t rtt_ns = (uint64_t)(t->w.srtt_us >> 3) * NS_PER_US;

    if (rtt_ns && most > (rtt_ns > least ? rtt_ns : least))
        most = rtt_ns > least ? rtt_ns : least;
    if (wait > most)
        wait = most;
    if (!t->ack_later || now_ns + wait < t->ack_deadline_ns)
        t->ack_deadline_ns = now_ns + wait;
    t->ack_later = true;
}

static void decide_ack(struct tcp *t, uint64_t now_ns)
{
    bool gap = t->early && t->early->count > 0;
    uint64_t offered = t->offered_end > t->received ? t->offered_end - t->received : 0;

    if (t->ack_now)
        return;
    if (!t->config->delayed_ack || gap || (t->quick_acks && !t->pingpong) ||
        (t->received - t->acked > t->receive_mss && window_now(t) >= offered))
        t->ack_now = true;
    else
        delay_ack(t, now_ns);
}

void receive_ack_sent(struct tcp *t)
{
    t->acked = t->received;
    t->ack_now = t->ack_later = t->ack_pushed = t->ack_pushed_again = false;
    t->ack_deadline_ns = TIME_NEVER;
    if (t->quick_acks && --t->quick_acks == 0)
        t->ack_wait_us = (uint32_t)(t->config->delayed_ack_ns / NS_PER_US);
}

/* Data that goes out soon after data came in: answers carry the ACKs. */
void receive_data_sent(struct tcp *t, uint64_t now_ns)
{
    if (t->ack_wait_us && now_ns - t->received_ns < (uint64_t)t->ack_wait_us * NS_PER_US)
        t->pingpong = true;
}

void receive_was_read(struct tcp *t, uint64_t now_ns, size_t size)
{
    uint64_t offered = t->offered_end > t->received ? t->offered_end - t->received : 0, window;

    if (size == 0)
        return;
    t->space.early_size = early_reach(t);
    space_tune(t->config, &t->space, now_ns, t->mss, t->received - t->inbox.size);
    if (t->ack_later && (t->received > t->acked + t->receive_mss || t->ack_pushed_again ||
                         (t->ack_pushed && !t->pingpong)))
        t->ack_now = true;
    if (t->ack_now || 2 * offered > t->space.size)
        return;
    window = window_now(t);
    if (window && window >= 2 * offered)
        t->ack_now = true;
}

/* ---- segments ---- */

static void finish(struct tcp *t)
{
    t->received++;
    t->fin_received = true;
    t->ack_now = true;
    t->events |= TCP_FINISHED;
}

static void accept_bytes(struct tcp *t, struct chain *bytes)
{
    t->received += bytes->size;
    if (t->deaf) {
        chain_deinit(bytes);
        return;
    }
    t->events |= TCP_READABLE;
    chain_move_all(&t->inbox, bytes);
}

/* Bytes that waited and now follow on. */
static void catch_up(struct tcp *t)
{
    struct early *e = t->early;

    while (e->count && e->islands[0].start <= t->received) {
        struct island *i = &e->islands[0];
        uint64_t known = t->received - i->start;

        e->size -= i->bytes.size;
        if (known < i->bytes.size) {
            chain_drop(&i->bytes, (size_t)known);
            accept_bytes(t, &i->bytes);
        }
        chain_deinit(&i->bytes);
        island_remove(e, 0);
        if (e->count == 0)
            t->ack_now = true;
    }
    forget_sacks(e, t->received);
    if (e->fin && e->fin_seq == t->received) {
        e->fin = false;
        finish(t);
    }
    early_release(t);
}

static void report_duplicate(struct tcp *t, uint64_t start, uint64_t end)
{
    if (t->sack_ok && start < end)
        early_get(t)->duplicate = (struct range){start, end};
    be_alert(t);
}

static void receive_early(struct tcp *t, struct tcp_segment *s)
{
    struct early *e = early_get(t);
    uint64_t end = s->seq + s->bytes.size;
    struct range joined;

    if (s->flags & TCP_FIN) {
        e->fin = true;
        e->fin_seq = end;
    }
    be_alert(t);
    if (s->bytes.size == 0)
        return;
    if (!island_add(e, s->seq, &s->bytes, &joined))
        e->duplicate = (struct range){s->seq, end};
    chain_deinit(&s->bytes);
    remember_sack(e, joined);
}

void receive_data(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    uint64_t end = s->seq + s->bytes.size, length = s->bytes.size + (s->flags & TCP_FIN ? 1 : 0);
    size_t size = s->bytes.size;

    if (length == 0) {
        if (s->seq < t->acked && !(s->flags & TCP_SYN))
            t->ack_now = true; /* a window probe */
        return;
    }
    if (end + (s->flags & TCP_FIN ? 1 : 0) <= t->received) {
        report_duplicate(t, s->seq, end);
        return;
    }
    if (t->fin_received || end > t->offered_end + t->mss ||
        s->seq >= t->offered_end + (length - size)) {
        be_alert(t); /* beyond the end or outside the window */
        return;
    }
    if (s->seq > t->received) {
        receive_early(t, s);
        return;
    }
    if (s->seq < t->received) {
        uint64_t known = t->received - s->seq;

        report_duplicate(t, s->seq, t->received);
        chain_drop(&s->bytes, (size_t)(known < size ? known : size));
    }
    measure_echo(t, now_ns, s);
    if (space_open(&t->space, space_held(t), t->mss, s->bytes.size))
        t->quick_acks |= 1; /* the sender shall hear of it */
    if (size)
        learn_rhythm(t, now_ns, size, (s->flags & TCP_PUSH) != 0);
    accept_bytes(t, &s->bytes);
    measure_window(t, now_ns);
    if ((s->flags & TCP_FIN) && end == t->received)
        finish(t);
    if (t->early)
        catch_up(t);
    decide_ack(t, now_ns);
}
