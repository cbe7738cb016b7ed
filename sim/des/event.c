/* The calendar. `late` and `far` are 4-ary heaps: shallower than binary ones, and four children are two cache lines. */
#include "sim/des/event.h"

#include <string.h>

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

#define ARITY 4
#define DAYS 8192u
#define DAY_BITS_FIRST 15 /* 33 us */
#define DAY_BITS_MAX 40
#define DAY_EVENTS 16 /* what a day should hold */
#define AHEAD 24      /* sorted events that are kept in view where there are some in days */

static bool before(const struct event *a, const struct event *b)
{
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns;
    if (a->node != b->node)
        return a->node < b->node;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

/* ---- lists and heaps ---- */

static uint32_t grown(const struct event_list *l)
{
    return l->capacity ? l->capacity * 2 : 8;
}

void event_list_append(struct event_list *l, const struct event *e)
{
    if (l->count == l->capacity) {
        CHECK(l->capacity < UINT32_MAX / 2);
        l->capacity = grown(l);
        l->items = mem_grow(l->items, l->capacity, sizeof *l->items);
    }
    l->items[l->count++] = *e;
}

void event_list_deinit(struct event_list *l)
{
    mem_free(l->items);
    *l = (struct event_list){0};
}

static void append(struct event_queue *q, struct event_list *l, const struct event *e)
{
    if (l->count == l->capacity)
        q->size += (grown(l) - l->capacity) * sizeof *l->items;
    event_list_append(l, e);
}

static void list_deinit(struct event_queue *q, struct event_list *l)
{
    q->size -= l->capacity * sizeof *l->items;
    event_list_deinit(l);
}

static void heap_push(struct event_queue *q, struct event_list *h, const struct event *e)
{
    uint32_t at = h->count;

    append(q, h, e);
    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;

        if (!before(e, &h->items[parent]))
            break;
        h->items[at] = h->items[parent];
        at = parent;
    }
    h->items[at] = *e;
}

/* The earliest of the children of `at`. */
static uint32_t first_child(const struct event_list *h, uint32_t at)
{
    uint32_t first = at * ARITY + 1;
    uint32_t end = first + ARITY < h->count ? first + ARITY : h->count;
    uint32_t best = first;

    for (uint32_t child = first + 1; child < end; child++)
        if (before(&h->items[child], &h->items[best]))
            best = child;
    return best;
}

static struct event heap_pop(struct event_list *h)
{
    struct event top = h->items[0], last = h->items[--h->count];
    uint32_t at = 0;

    while (at * ARITY + 1 < h->count) {
        uint32_t child = first_child(h, at);

        if (!before(&h->items[child], &last))
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    if (h->count)
        h->items[at] = last;
    return top;
}

/* ---- days ---- */

void event_queue_init(struct event_queue *q)
{
    *q = (struct event_queue){.day_bits = DAY_BITS_FIRST, .year_ends = DAYS};
}

void event_queue_deinit(struct event_queue *q)
{
    for (uint32_t i = 0; q->days && i < DAYS; i++)
        list_deinit(q, &q->days[i]);
    mem_free(q->days);
    list_deinit(q, &q->near);
    list_deinit(q, &q->late);
    list_deinit(q, &q->far);
    event_queue_init(q);
}

static void make_days(struct event_queue *q)
{
    q->size += DAYS * sizeof *q->days;
    q->days = mem_zalloc(DAYS * sizeof *q->days);
}

static uint64_t day_of(const struct event_queue *q, const struct event *e)
{
    return e->time_ns >> q->day_bits;
}

static void place(struct event_queue *q, const struct event *e)
{
    uint64_t day = day_of(q, e);

    if (day < q->today) {
        heap_push(q, &q->late, e);
    } else if (day - q->today < DAYS) {
        append(q, &q->days[day % DAYS], e);
        q->in_days++;
    } else {
        heap_push(q, &q->far, e);
    }
}

/* Those of the far future that the year now reaches, or has passed: a new day may be longer than the old year was. */
static void take_far(struct event_queue *q)
{
    while (q->far.count && day_of(q, &q->far.items[0]) < q->today + DAYS) {
        struct event e = heap_pop(&q->far);

        place(q, &e);
    }
}

/* Shell's sort: a day is a few dozen events, seldom thousands. No two events are equal, so that every way to sort gives the
 * same. */
static void sort(struct event *items, uint32_t count)
{
    static const uint32_t gaps[] = {19903, 8861, 3938, 1750, 701, 301, 132, 57, 23, 10, 4, 1};

    for (uint32_t k = 0; k < sizeof gaps / sizeof gaps[0]; k++) {
        for (uint32_t i = gaps[k]; i < count; i++) {
            struct event e = items[i];
            uint32_t at = i;

            for (; at >= gaps[k] && before(&e, &items[at - gaps[k]]); at -= gaps[k])
                items[at] = items[at - gaps[k]];
            items[at] = e;
        }
    }
}

/* Another length of day; everything that is not sorted yet finds its place again. */
static void reform(struct event_queue *q, uint32_t day_bits)
{
    uint64_t now_ns = q->today << q->day_bits;
    struct event_list *old = q->days;

    q->day_bits = day_bits;
    q->today = (now_ns + ((uint64_t)1 << day_bits) - 1) >> day_bits;
    q->in_days = 0;
    make_days(q);
    for (uint32_t i = 0; i < DAYS; i++) {
        for (uint32_t k = 0; k < old[i].count; k++)
            place(q, &old[i].items[k]);
        list_deinit(q, &old[i]);
    }
    mem_free(old);
    q->size -= DAYS * sizeof *old;
    take_far(q);
}

/* At the end of a year: were its days too long or too short? */
static void new_year(struct event_queue *q)
{
    uint64_t wanted = (uint64_t)DAYS * DAY_EVENTS;
    uint32_t day_bits = q->day_bits;

    while (day_bits < DAY_BITS_MAX && q->year_events < wanted / 4 && q->year_events) {
        q->year_events *= 2;
        day_bits++;
    }
    while (day_bits > 0 && q->year_events > wanted * 4) {
        q->year_events /= 2;
        day_bits--;
    }
    if (day_bits != q->day_bits)
        reform(q, day_bits);
    q->year_ends = q->today + DAYS;
    q->year_events = 0;
}

/* A day's events were added over a long time: its memory is cold. */
static void fetch_day(const struct event_list *day)
{
    for (uint32_t i = 0; i < day->count && i < 2 * DAY_EVENTS; i += 2)
        fetch_line(&day->items[i]);
}

/* Sorts the next day into the near future. */
static void next_day(struct event_queue *q)
{
    struct event_list *day = &q->days[q->today % DAYS], *near = &q->near;
    uint32_t first;

    fetch_day(&q->days[(q->today + 1) % DAYS]);

    if (q->near_at) {
        near->count -= q->near_at;
        memmove(near->items, near->items + q->near_at, near->count * sizeof *near->items);
        q->near_at = 0;
    }
    first = near->count;
    for (uint32_t i = 0; i < day->count; i++)
        append(q, near, &day->items[i]);
    if (day->count) /* there may be no array yet, and NULL has no offset */
        sort(near->items + first, day->count);
    q->in_days -= day->count;
    q->year_events += day->count;
    list_deinit(q, day); /* an empty day owns no memory: there are many */
    q->today++;
    take_far(q);
    if (q->today >= q->year_ends)
        new_year(q);
}

/* Sees to it that the next event, if there is one, is at the front of `near` or `late`. */
static void look(struct event_queue *q)
{
    while (q->in_days && q->near.count - q->near_at < AHEAD)
        next_day(q);
    if (q->near_at < q->near.count || q->late.count || !q->far.count)
        return;
    q->today = day_of(q, &q->far.items[0]); /* an empty year: straight to its end */
    q->year_ends = q->today + DAYS;
    take_far(q);
    look(q);
}

/* ---- the queue ---- */

void event_queue_push(struct event_queue *q, const struct event *e)
{
    if (!q->days)
        make_days(q);
    q->count++;
    place(q, e);
}

bool event_queue_pop(struct event_queue *q, struct event *e)
{
    const struct event *next;

    look(q);
    if (q->count == 0)
        return false;
    q->count--;
    next = q->near_at < q->near.count ? &q->near.items[q->near_at] : NULL;
    if (q->late.count && (!next || before(&q->late.items[0], next))) {
        *e = heap_pop(&q->late);
        return true;
    }
    CHECK(next);
    *e = *next;
    q->near_at++;
    return true;
}

uint64_t event_queue_next_ns(struct event_queue *q)
{
    uint64_t next_ns = UINT64_MAX;

    look(q);
    if (q->near_at < q->near.count)
        next_ns = q->near.items[q->near_at].time_ns;
    if (q->late.count && q->late.items[0].time_ns < next_ns)
        next_ns = q->late.items[0].time_ns;
    return next_ns;
}
