/* Network elements: what a packet passes on its way. Each is a small machine with an `accept`, a
 * next time and a `run`; chains of them make a network. Packets are the owner's: an element knows
 * only the header below, so the same elements carry the simulator's segments and a real kernel's
 * datagrams.
 *
 * An element hands a packet on by calling accept of the one after it, or gives it to `drop`.
 * Randomness comes from a generator of its own. Times are integer nanoseconds; sizes are bytes on
 * the wire. */
#ifndef SIM_TCP_ELEMENT_H
#define SIM_TCP_ELEMENT_H

#include "stack/base/heap.h" /* TIME_NEVER */
#include "stack/base/rng.h"

/* Embedded in the owner's packet. */
struct element_packet {
    struct element_packet *next;
    uint64_t stamp_ns; /* for the element that holds it */
    uint32_t size;     /* set by the owner */
    uint32_t flow;     /* set by the owner: which packets belong together (fair queueing) */
};

struct element_counts {
    uint64_t packets, bytes; /* handed on */
    uint64_t dropped;
};

struct element {
    void (*accept)(struct element *e, uint64_t now_ns, struct element_packet *p);
    uint64_t (*next_ns)(struct element *e); /* TIME_NEVER: nothing to do */
    void (*run)(struct element *e, uint64_t now_ns);
    void (*free)(struct element *e); /* drops what it holds, then itself */
    struct element *after;
    void *drop_ctx;
    void (*drop)(void *ctx, struct element_packet *p); /* the packet is the owner's again */
    struct element_counts counts;
};

/* A FIFO of packets. */
struct element_fifo {
    struct element_packet *head, *tail;
    uint64_t size; /* bytes */
    uint32_t count;
};

void element_fifo_push(struct element_fifo *f, struct element_packet *p);
struct element_packet *element_fifo_pop(struct element_fifo *f); /* NULL when empty */
void element_pass(struct element *e, uint64_t now_ns, struct element_packet *p);
void element_drop(struct element *e, struct element_packet *p);

/* ---- what waits in front of a link ---- */

enum queue_kind { QUEUE_DROP_TAIL, QUEUE_CODEL, QUEUE_FQ_CODEL };

struct queue_config {
    enum queue_kind kind;
    uint64_t size_max;       /* bytes; a packet that finds more than this with itself is dropped */
    uint64_t target_ns;      /* CoDel: 0 is 5 ms */
    uint64_t interval_ns;    /* CoDel: 0 is 100 ms */
    uint32_t flows, quantum; /* FQ-CoDel: 0 is 1024 and 1514 bytes */
    uint64_t seed;           /* FQ-CoDel: of the hash that spreads flows */
};

struct queue;

struct queue *queue_new(const struct queue_config *config);
void queue_free(struct queue *q); /* which must be empty */
/* Takes the packet, and gives back what must be dropped for it (perhaps itself), or NULL. */
struct element_packet *queue_push(struct queue *q, uint64_t now_ns, struct element_packet *p);
/* The next to be sent, or NULL; packets to be dropped instead go to the end of `dropped`. */
struct element_packet *queue_pop(struct queue *q, uint64_t now_ns, struct element_fifo *dropped);
uint64_t queue_size(const struct queue *q);
void queue_limit(struct queue *q, uint64_t size_max); /* from now on */

/* ---- elements ---- */

/* A link: a queue, a rate (bits per second; 0: unlimited, then nothing queues), a delay. */
struct element *element_link_new(uint64_t rate_bps, uint64_t delay_ns,
                                 const struct queue_config *queue);
uint64_t element_link_backlog(struct element *e); /* bytes in its queue */

enum loss_kind { LOSS_RANDOM, LOSS_BURST, LOSS_LIST };

struct loss_config {
    enum loss_kind kind;
    uint64_t seed;
    uint32_t ppm; /* random: lost in a million */
    uint32_t good_to_bad_ppm,
        bad_to_good_ppm; /* burst (Gilbert-Elliott): chance to change, per packet */
    uint32_t good_loss_ppm, bad_loss_ppm;
    const uint64_t *list; /* list: numbers of the packets to lose, rising, from 0; copied */
    uint32_t list_count;
};

struct element *element_loss_new(const struct loss_config *config);

/* Each packet takes delay_ns and uniformly up to jitter_ns more; without `reorder` none overtakes.
 */
struct element *element_delay_new(uint64_t seed, uint64_t delay_ns, uint64_t jitter_ns,
                                  bool reorder);

#endif
