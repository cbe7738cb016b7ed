/* Intrusive binary heap of timers. */
#include "stack/base/heap.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

void timers_init(struct timers *ts)
{
    *ts = (struct timers){0};
}

void timers_deinit(struct timers *ts)
{
    for (uint32_t i = 0; i < ts->count; i++)
        ts->items[i]->position = 0;
    mem_free(ts->items);
    *ts = (struct timers){0};
}

void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now_ns))
{
    *t = (struct timer){.fire = fire};
}

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->sequence < b->sequence;
}

static void place(struct timers *ts, uint32_t index, struct timer *t)
{
    ts->items[index] = t;
    t->position = index + 1;
    if (index == 0)
        ts->first_ns = t->deadline_ns;
}

static void sift_up(struct timers *ts, uint32_t index)
{
    struct timer *t = ts->items[index];

    while (index > 0) {
        uint32_t parent = (index - 1) / 2;

        if (!before(t, ts->items[parent]))
            break;
        place(ts, index, ts->items[parent]);
        index = parent;
    }
    place(ts, index, t);
}

static void sift_down(struct timers *ts, uint32_t index)
{
    struct timer *t = ts->items[index];

    for (;;) {
        uint32_t child = 2 * index + 1;

        if (child >= ts->count)
            break;
        if (child + 1 < ts->count && before(ts->items[child + 1], ts->items[child]))
            child++;
        if (!before(ts->items[child], t))
            break;
        place(ts, index, ts->items[child]);
        index = child;
    }
    place(ts, index, t);
}

void timer_arm(struct timers *ts, struct timer *t, uint64_t deadline_ns)
{
    timer_disarm(ts, t);
    if (deadline_ns == TIME_NEVER)
        return;
    if (ts->count == ts->capacity) {
        ts->capacity = ts->capacity ? ts->capacity * 2 : 4;
        ts->items = mem_grow(ts->items, ts->capacity, sizeof *ts->items);
    }
    t->deadline_ns = deadline_ns;
    t->sequence = ts->sequence_next++;
    place(ts, ts->count++, t);
    sift_up(ts, t->position - 1);
}

void timer_disarm(struct timers *ts, struct timer *t)
{
    uint32_t index;
    struct timer *last;

    if (!t->position)
        return;
    index = t->position - 1;
    CHECK(index < ts->count && ts->items[index] == t);
    last = ts->items[--ts->count];
    t->position = 0;
    if (last == t)
        return;
    place(ts, index, last);
    sift_up(ts, index);
    sift_down(ts, last->position - 1);
}

void timers_run(struct timers *ts, uint64_t now_ns)
{
    while (ts->count && ts->items[0]->deadline_ns <= now_ns) {
        struct timer *t = ts->items[0];

        timer_disarm(ts, t);
        t->fire(t, now_ns);
    }
}
