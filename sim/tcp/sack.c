/* The scoreboard: which records an ACK says were delivered. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"

#define REORDERING_MAX 300

/* A record that was never sent again is delivered after a later one: the network reorders. */
static void note_reordering(struct tcp *t, uint64_t low_seq)
{
    const struct flight *f = t->flight;
    uint64_t distance;

    if (low_seq >= f->highest_sacked)
        return;
    distance = f->highest_sacked - low_seq;
    if (distance > (uint64_t)t->reordering * t->mss) {
        uint64_t segments = (distance + t->mss - 1) / t->mss;

        t->reordering = (uint32_t)(segments < REORDERING_MAX ? segments : REORDERING_MAX);
    }
    t->reordering_seen = true;
}

/* The record is known to have arrived: it is neither lost nor on its way again. */
static void clear_pending(struct flight *f, uint32_t number)
{
    struct record *r = flight_record(f, number);

    if (r->flags & RECORD_RESENT)
        f->resent--;
    if (r->flags & RECORD_LOST)
        f->lost--;
    r->flags &= (uint8_t) ~(RECORD_RESENT | RECORD_LOST);
    flight_unlink(f, number);
}

static void mark_sacked(struct tcp *t, uint64_t now_ns, uint32_t number, struct ack_news *news)
{
    struct flight *f = t->flight;
    struct record *r = flight_record(f, number);

    if (r->flags & RECORD_SACKED)
        return;
    loss_rack_advance(t, now_ns, r);
    if (!(r->flags & RECORD_EVER_RESENT)) {
        if (r->seq + r->size <= f->high_seq)
            news->original_delivered = true;
        if (t->w.phase != TCP_PHASE_LOSS || f->undo_marker)
            note_reordering(t, r->seq);
        if (news->first_sack_ns == TIME_NEVER)
            news->first_sack_ns = r->sent_ns;
        news->last_sack_ns = r->sent_ns;
    }
    clear_pending(f, number);
    r->flags |= RECORD_SACKED;
    f->sacked++;
    news->delivered++;
    news->sacked = true;
    if (r->seq > f->highest_sacked)
        f->highest_sacked = r->seq;
}

static void mark_range(struct tcp *t, uint64_t now_ns, struct range block, struct ack_news *news)
{
    struct flight *f = t->flight;

    for (uint32_t i = flight_find(f, block.start); i < f->count; i++) {
        const struct record *r = flight_record(f, f->first + i);

        if (r->seq + r->size > block.end)
            return;
        if (r->seq >= block.start)
            mark_sacked(t, now_ns, f->first + i, news);
    }
}

/* Leaves out what an earlier ACK said already. */
static struct range unseen(const struct flight *f, struct range block)
{
    bool again = true;

    while (again) {
        again = false;
        for (int i = 0; i < TCP_SACKS_MAX; i++) {
            const struct range *seen = &f->sack_seen[i];

            if (seen->start <= block.start && block.start < seen->end) {
                block.start = seen->end;
                again = true;
            }
        }
    }
    return block;
}

static bool is_duplicate(const struct tcp_segment *s)
{
    const struct tcp_sack *b = s->sacks;

    if (s->sack_count == 0)
        return false;
    return b[0].start < 0 ||
           (s->sack_count > 1 && b[0].start >= b[1].start && b[0].end <= b[1].end);
}

static void note_duplicate(struct flight *f, const struct tcp_segment *s, struct ack_news *news)
{
    uint64_t end = s->ack + (uint64_t)(int64_t)s->sacks[0].end;

    news->duplicate_reported = true;
    if (f->undo_marker && f->undo_resent > 0 && end > f->undo_marker && end <= news->prior_una)
        f->undo_resent--;
}

void sack_apply(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s, struct ack_news *news)
{
    struct flight *f = t->flight;
    struct range blocks[TCP_SACKS_MAX] = {{0, 0}};
    uint32_t first = is_duplicate(s) ? 1 : 0, count = 0;

    if (first)
        note_duplicate(f, s, news);
    for (uint32_t i = first; i < s->sack_count && i < TCP_SACKS_MAX; i++) {
        struct range block;

        if (s->sacks[i].start <= 0 || s->sacks[i].end <= s->sacks[i].start)
            continue;
        block = (struct range){s->ack + (uint64_t)s->sacks[i].start,
                               s->ack + (uint64_t)s->sacks[i].end};
        if (block.end > t->w.next)
            continue;
        blocks[count++] = block;
        block = unseen(f, block);
        if (block.start < block.end)
            mark_range(t, now_ns, block, news);
    }
    if (count)
        memcpy(f->sack_seen, blocks, sizeof blocks);
}

static void clean_record(struct tcp *t, uint64_t now_ns, struct ack_news *news)
{
    struct flight *f = t->flight;
    struct record *r = flight_record(f, f->first);

    if (r->flags & RECORD_EVER_RESENT) {
        news->resent_acked = true;
    } else if (!(r->flags & RECORD_SACKED)) {
        if (news->first_sent_ns == TIME_NEVER)
            news->first_sent_ns = r->sent_ns;
        news->last_sent_ns = r->sent_ns;
        if (r->seq + r->size <= f->high_seq)
            news->original_delivered = true;
        if (f->highest_sacked && t->sack_ok)
            note_reordering(t, r->seq);
    }
    if (r->flags & RECORD_SACKED) {
        f->sacked--;
    } else {
        news->delivered++;
        loss_rack_advance(t, now_ns, r);
    }
    clear_pending(f, f->first);
    flight_pop(f);
}

/* Without SACK the count of SACKed records is one of duplicate ACKs; those stand for records, too.
 */
static void forget_duplicates(struct flight *f, uint32_t popped)
{
    f->sacked = popped > 1 && f->sacked > popped - 1 ? f->sacked - (popped - 1)
                : popped > 1                         ? 0
                                                     : f->sacked;
    if (f->sacked + f->lost > f->count)
        f->sacked = f->count - f->lost;
}

void sack_clean(struct tcp *t, uint64_t now_ns, uint64_t ack, struct ack_news *news)
{
    struct flight *f = t->flight;
    uint32_t popped = 0;

    while (f->count) {
        struct record *r = flight_record(f, f->first);

        if (r->seq >= ack)
            break;
        if (r->seq + r->size > ack) { /* part of it: the rest stays as it is */
            r->size -= (uint32_t)(ack - r->seq);
            r->seq = ack;
            break;
        }
        clean_record(t, now_ns, news);
        popped++;
    }
    if (!t->sack_ok)
        forget_duplicates(f, popped);
    CHECK(f->sacked + f->lost <= f->count);
}
