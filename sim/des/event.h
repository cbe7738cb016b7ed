/* The event queue of the simulator.
 *
 * Order is (time, node, source node, sequence number of the source) and nothing else: not the order of insertion, not
 * an address. What two events of one node do to each other therefore never depends on which thread or which queue they came
 * through.
 *
 * A calendar: the events of the near future lie sorted, those of the next ones in days (unsorted, so that adding one is
 * an append), the rest in a heap. A day is a power of two of nanoseconds, chosen anew each year (DAYS of them) so that it
 * holds a few events. What the sorted part buys beside speed is a view of what comes next (event_queue_ahead), which the
 * engine uses to fetch memory before it is needed. */
#ifndef SIM_DES_EVENT_H
#define SIM_DES_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    uint64_t time_ns;
    uint32_t node, source, sequence; /* of the host it happens to, and of the one that caused it */
    uint32_t kind;                   /* the engine's */
    void *object;
};

struct event_list {
    struct event *items;
    uint32_t count, capacity;
};

/* A zeroed list is empty. */
void event_list_append(struct event_list *l, const struct event *e);
void event_list_deinit(struct event_list *l);

struct event_queue {
    struct event_list near; /* sorted; those before near_at are over */
    uint32_t near_at, day_bits;
    uint64_t today;         /* number of the first day that is still unsorted */
    struct event_list late; /* heap: added for days that were sorted already */
    struct event_list far;  /* heap: more than a year ahead */
    struct event_list *days; /* by number modulo their count; NULL before the first event */
    uint64_t in_days, year_ends; /* events; day */
    uint64_t year_events;        /* that were sorted this year */
    uint64_t count;              /* of all */
    size_t size;                 /* bytes that it holds, without what events carry */
};

void event_queue_init(struct event_queue *q);
void event_queue_deinit(struct event_queue *q);
void event_queue_push(struct event_queue *q, const struct event *e);
bool event_queue_pop(struct event_queue *q, struct event *e); /* false when empty */
uint64_t event_queue_next_ns(struct event_queue *q);          /* UINT64_MAX when empty */

/* Probably the event that comes after the next `place` ones; NULL when none is known. */
static inline const struct event *event_queue_ahead(const struct event_queue *q, uint32_t place)
{
    return place < q->near.count - q->near_at ? &q->near.items[q->near_at + place] : NULL;
}

#endif
