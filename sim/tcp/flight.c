/* Segments on their way: a ring of records in sequence order, with a list through those that may
 * still be found lost, in order of their latest transmission (RACK looks at the oldest first and
 * stops early). */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 8

struct flight *flight_get(struct tcp *t)
{
    struct flight *f = t->flight;

    if (f)
        return f;
    f = mem_zalloc(sizeof *f);
    f->oldest = f->newest = RECORD_NONE;
    f->resent_first_ns = TIME_NEVER;
    f->high_seq = t->w.una;
    f->capacity = CAPACITY_MIN;
    f->records = mem_grow(NULL, f->capacity, sizeof *f->records);
    t->flight = f;
    return f;
}

void flight_free(struct flight *f)
{
    if (!f)
        return;
    mem_free(f->records);
    mem_free(f);
}

void flight_release(struct tcp *t)
{
    if (!t->flight || t->flight->count || t->w.phase != TCP_PHASE_OPEN || t->flight->tail_probe_end)
        return;
    CHECK(t->flight->sacked == 0 && t->flight->lost == 0 && t->flight->resent == 0);
    flight_free(t->flight);
    t->flight = NULL;
    t->cubic.round.begun = false;
}

static void grow(struct flight *f)
{
    uint32_t capacity = f->capacity * 2;
    struct record *records = mem_grow(NULL, capacity, sizeof *records);

    for (uint32_t i = 0; i < f->count; i++)
        records[(f->first + i) & (capacity - 1)] = *flight_record(f, f->first + i);
    mem_free(f->records);
    f->records = records;
    f->capacity = capacity;
}

void flight_link_newest(struct flight *f, uint32_t number)
{
    struct record *r = flight_record(f, number);

    r->newer = RECORD_NONE;
    r->older = f->newest;
    if (f->newest != RECORD_NONE)
        flight_record(f, f->newest)->newer = number;
    else
        f->oldest = number;
    f->newest = number;
}

void flight_unlink(struct flight *f, uint32_t number)
{
    struct record *r = flight_record(f, number);

    if (!record_linked(f, number))
        return;
    if (r->older != RECORD_NONE)
        flight_record(f, r->older)->newer = r->newer;
    else
        f->oldest = r->newer;
    if (r->newer != RECORD_NONE)
        flight_record(f, r->newer)->older = r->older;
    else
        f->newest = r->older;
    r->older = r->newer = RECORD_NONE;
}

uint32_t flight_push(struct flight *f, uint64_t seq, uint32_t size, uint64_t now_ns)
{
    uint32_t number;

    if (f->count == f->capacity)
        grow(f);
    if (f->first + f->count == RECORD_NONE) { /* that number means none: begin again from 0 */
        uint32_t count = f->count;

        CHECK(count == 0);
        f->first = f->resend_hint = 0;
    }
    number = f->first + f->count++;
    *flight_record(f, number) = (struct record){
        .seq = seq, .sent_ns = now_ns, .older = RECORD_NONE, .newer = RECORD_NONE, .size = size};
    flight_link_newest(f, number);
    return number;
}

void flight_pop(struct flight *f)
{
    CHECK(f->count > 0);
    flight_unlink(f, f->first);
    if (f->resend_hint == f->first)
        f->resend_hint++;
    f->first++;
    f->count--;
}

uint32_t flight_find(const struct flight *f, uint64_t seq)
{
    uint32_t low = 0, high = f->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct record *r = flight_record(f, f->first + middle);

        if (r->seq + r->size > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
