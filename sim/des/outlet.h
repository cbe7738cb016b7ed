/* A link with a queue discipline: packets wait in a queue of sim/tcp, one by one, where link.h is arithmetic. Its owner posts
 * the event at which the packet on the wire has left. */
#ifndef SIM_DES_OUTLET_H
#define SIM_DES_OUTLET_H

#include "sim/des/link.h"
#include "sim/tcp/element.h"

struct outlet {
    struct queue *queue;
    const struct link *link; /* rate and size of the queue; may change */
    struct element_packet *sending;
};

struct outlet *outlet_new(const struct link *link, const struct queue_config *config, uint64_t seed);
void outlet_free(struct outlet *o, struct element_fifo *dropped); /* gives back what it holds */
/* Queues a packet; what must be dropped for it goes to `dropped`. */
void outlet_push(struct outlet *o, uint64_t now_ns, struct element_packet *p, struct element_fifo *dropped);
/* Puts the next packet on the wire, if it is free and one waits: when it has left, or TIME_NEVER. */
uint64_t outlet_send(struct outlet *o, uint64_t now_ns, struct element_fifo *dropped);
struct element_packet *outlet_take(struct outlet *o); /* the packet that has left */

#endif
