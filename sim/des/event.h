/* The event queue of the simulator.
 *
 * Order is (time, node, source node, sequence number of the source) and nothing else: not the order of insertion, not
 * an address. What two events of one node do to each other therefore never depends on which thread or which queue they came
 * through. A 4-ary heap of 32-byte entries. */
#ifndef SIM_DES_EVENT_H
#define SIM_DES_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct event {
    uint64_t time_ns;
    uint32_t node, source, sequence; /* of the host it happens to, and of the one that caused it */
    uint32_t kind;                   /* the engine's */
    void *object;
};

struct event_queue {
    struct event *heap;
    uint32_t count, capacity;
};

void event_queue_init(struct event_queue *q);
void event_queue_deinit(struct event_queue *q);
void event_queue_push(struct event_queue *q, const struct event *e);
bool event_queue_pop(struct event_queue *q, struct event *e); /* false when empty */

static inline uint64_t event_queue_next_ns(const struct event_queue *q)
{
    return q->count ? q->heap[0].time_ns : UINT64_MAX;
}

#endif
