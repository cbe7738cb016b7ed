/* Timers of one owner: an intrusive binary heap ordered by (deadline, sequence of arming).
 *
 * Embed a struct timer, give it its function once, arm and disarm it as often as needed. Timers that
 * are due at the same time fire in the order in which they were armed. */
#ifndef STACK_BASE_HEAP_H
#define STACK_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_NEVER UINT64_MAX

struct timer {
    uint64_t deadline_ns, sequence;
    uint32_t position; /* 1-based place in the heap; 0 when not armed */
    void (*fire)(struct timer *t, uint64_t now_ns);
};

struct timers {
    struct timer **items; /* items[0] is position 1 */
    uint32_t count, capacity;
    uint64_t sequence_next;
    uint64_t first_ns; /* deadline of the first one */
};

void timers_init(struct timers *ts);
void timers_deinit(struct timers *ts); /* disarms all */
void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now_ns));
void timer_arm(struct timers *ts, struct timer *t, uint64_t deadline_ns); /* re-arms when armed */
void timer_disarm(struct timers *ts, struct timer *t);                    /* fine when not armed */
void timers_run(struct timers *ts, uint64_t now_ns); /* fires all that are due, earliest first */

static inline uint64_t timers_deadline(const struct timers *ts) /* TIME_NEVER when none */
{
    return ts->count ? ts->first_ns : TIME_NEVER;
}

static inline bool timer_armed(const struct timer *t)
{
    return t->position != 0;
}

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
