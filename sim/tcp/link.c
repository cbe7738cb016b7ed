/* A link: packets wait in its queue, leave at its rate, arrive a delay later. */
#include "sim/tcp/element.h"

#include "stack/base/check.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#define BIT_NS (8ull * 1000000000u)

struct link_element {
    struct element base;
    uint64_t rate_bps, delay_ns, free_ns; /* free_ns: the packet being sent has left */
    struct queue *queue;
    struct element_packet *sending;
    struct element_fifo flying; /* by stamp_ns: when they arrive */
};

static uint64_t time_ns(const struct link_element *l, uint32_t size)
{
    return ((uint64_t)size * BIT_NS + l->rate_bps - 1) / l->rate_bps;
}

static void fly(struct link_element *l, uint64_t now_ns, struct element_packet *p)
{
    p->stamp_ns = now_ns + l->delay_ns;
    element_fifo_push(&l->flying, p);
}

/* Takes packets from the queue until one is on the wire. */
static void send_some(struct link_element *l, uint64_t now_ns)
{
    struct element_fifo dropped = {0};
    struct element_packet *p;

    if (l->sending)
        return;
    l->sending = queue_pop(l->queue, now_ns, &dropped);
    if (l->sending)
        l->free_ns = now_ns + time_ns(l, l->sending->size);
    while ((p = element_fifo_pop(&dropped)) != NULL)
        element_drop(&l->base, p);
}

static void link_accept(struct element *e, uint64_t now_ns, struct element_packet *p)
{
    struct link_element *l = CONTAINER_OF(e, struct link_element, base);
    struct element_packet *victim;

    if (l->rate_bps == 0) {
        fly(l, now_ns, p);
        return;
    }
    victim = queue_push(l->queue, now_ns, p);
    if (victim)
        element_drop(e, victim);
    send_some(l, now_ns);
}

static uint64_t link_next_ns(struct element *e)
{
    struct link_element *l = CONTAINER_OF(e, struct link_element, base);
    uint64_t next = l->flying.head ? l->flying.head->stamp_ns : TIME_NEVER;

    return l->sending && l->free_ns < next ? l->free_ns : next;
}

static void link_run(struct element *e, uint64_t now_ns)
{
    struct link_element *l = CONTAINER_OF(e, struct link_element, base);

    while (l->sending && l->free_ns <= now_ns) {
        struct element_packet *p = l->sending;

        l->sending = NULL;
        fly(l, l->free_ns, p);
        send_some(l, l->free_ns);
    }
    while (l->flying.head && l->flying.head->stamp_ns <= now_ns)
        element_pass(e, now_ns, element_fifo_pop(&l->flying));
}

static void link_free(struct element *e)
{
    struct link_element *l = CONTAINER_OF(e, struct link_element, base);
    struct element_fifo dropped = {0};
    struct element_packet *p;

    if (l->sending)
        element_drop(e, l->sending);
    while ((p = queue_pop(l->queue, l->free_ns, &dropped)) != NULL)
        element_drop(e, p);
    while ((p = element_fifo_pop(&dropped)) != NULL)
        element_drop(e, p);
    while ((p = element_fifo_pop(&l->flying)) != NULL)
        element_drop(e, p);
    queue_free(l->queue);
    mem_free(l);
}

uint64_t element_link_backlog(struct element *e)
{
    struct link_element *l = CONTAINER_OF(e, struct link_element, base);

    return queue_size(l->queue);
}

struct element *element_link_new(uint64_t rate_bps, uint64_t delay_ns,
                                 const struct queue_config *queue)
{
    struct link_element *l = mem_zalloc(sizeof *l);

    l->base = (struct element){
        .accept = link_accept, .next_ns = link_next_ns, .run = link_run, .free = link_free};
    l->rate_bps = rate_bps;
    l->delay_ns = delay_ns;
    l->queue = queue_new(queue);
    return &l->base;
}
