/* 4-ary heap: shallower than a binary one, and four 32-byte children are two cache lines. */
#include "sim/des/event.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define ARITY 4

void event_queue_init(struct event_queue *q)
{
    *q = (struct event_queue){0};
}

void event_queue_deinit(struct event_queue *q)
{
    mem_free(q->heap);
    *q = (struct event_queue){0};
}

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

void event_queue_push(struct event_queue *q, const struct event *e)
{
    uint32_t at;

    if (q->count == q->capacity) {
        CHECK(q->capacity < UINT32_MAX / 2);
        q->capacity = q->capacity ? q->capacity * 2 : 256;
        q->heap = mem_grow(q->heap, q->capacity, sizeof *q->heap);
    }
    at = q->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;

        if (!before(e, &q->heap[parent]))
            break;
        q->heap[at] = q->heap[parent];
        at = parent;
    }
    q->heap[at] = *e;
}

/* The earliest of the children of `at`. */
static uint32_t first_child(const struct event_queue *q, uint32_t at)
{
    uint32_t first = at * ARITY + 1;
    uint32_t end = first + ARITY < q->count ? first + ARITY : q->count;
    uint32_t best = first;

    for (uint32_t child = first + 1; child < end; child++)
        if (before(&q->heap[child], &q->heap[best]))
            best = child;
    return best;
}

bool event_queue_pop(struct event_queue *q, struct event *e)
{
    struct event last;
    uint32_t at = 0;

    if (q->count == 0)
        return false;
    *e = q->heap[0];
    last = q->heap[--q->count];
    while (at * ARITY + 1 < q->count) {
        uint32_t child = first_child(q, at);

        if (!before(&q->heap[child], &last))
            break;
        q->heap[at] = q->heap[child];
        at = child;
    }
    if (q->count)
        q->heap[at] = last;
    return true;
}
