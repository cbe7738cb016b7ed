/* One direction of an access link: pure arithmetic on a FIFO server. */
#ifndef SIM_DES_LINK_H
#define SIM_DES_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_QUEUE_SIZE_DEFAULT (256 * 1024)

struct link {
    uint64_t bps;            /* 0: unlimited */
    uint64_t queue_size_max; /* bytes */
    uint64_t busy_until_ns;
    bool waking; /* the model's: an event for room in the queue is on its way */
};

uint64_t link_time_ns(const struct link *l, size_t size);            /* to serialise size bytes */
uint64_t link_backlog(const struct link *l, uint64_t now_ns);        /* bytes waiting or being sent */
uint64_t link_enqueue(struct link *l, uint64_t now_ns, size_t size); /* when its last bit has left */
/* The same where the bytes trickled in during the last arriving_ns. */
uint64_t link_enqueue_train(struct link *l, uint64_t now_ns, uint64_t arriving_ns, size_t size);
uint64_t link_half_empty_ns(const struct link *l); /* when half of the queue is free */

#endif
