/* A peer's outbound queue: a ring of frames. Up to two are kept in place; an empty queue owns no
 * memory. */
#ifndef STACK_GOSSIPSUB_OUTBOX_H
#define STACK_GOSSIPSUB_OUTBOX_H

#include "stack/gossipsub/post.h"

#define OUTBOX_IN_PLACE 2

struct outbox {
    union {
        struct frame *few[OUTBOX_IN_PLACE];
        struct frame **ring;
    } items;
    uint16_t head, count, capacity; /* capacity 0: in place; else a power of two */
    uint16_t urgent;                /* of them; they are in front */
};

void outbox_push(struct outbox *o, struct frame *f); /* the reference moves in */
void outbox_push_urgent(struct outbox *o, struct frame *f); /* behind the urgent ones, before all others */
struct frame *outbox_pop(struct outbox *o);          /* NULL when empty; the reference moves out */
void outbox_deinit(struct outbox *o);

#endif
