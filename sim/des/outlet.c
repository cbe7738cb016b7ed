/* The queue decides who is next, the link how long it takes. */
#include "sim/des/outlet.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

struct outlet *outlet_new(const struct link *link, const struct queue_config *config, uint64_t seed)
{
    struct queue_config queue = *config;
    struct outlet *o = mem_zalloc(sizeof *o);

    queue.size_max = link->queue_size_max;
    queue.seed = seed;
    o->queue = queue_new(&queue);
    o->link = link;
    return o;
}

void outlet_free(struct outlet *o, struct element_fifo *dropped)
{
    struct element_packet *p;

    if (o->sending)
        element_fifo_push(dropped, o->sending);
    while ((p = queue_pop(o->queue, 0, dropped)) != NULL)
        element_fifo_push(dropped, p);
    queue_free(o->queue);
    mem_free(o);
}

void outlet_push(struct outlet *o, uint64_t now_ns, struct element_packet *p, struct element_fifo *dropped)
{
    struct element_packet *victim;

    queue_limit(o->queue, o->link->queue_size_max);
    victim = queue_push(o->queue, now_ns, p);
    if (victim)
        element_fifo_push(dropped, victim);
}

uint64_t outlet_send(struct outlet *o, uint64_t now_ns, struct element_fifo *dropped)
{
    if (o->sending)
        return TIME_NEVER;
    o->sending = queue_pop(o->queue, now_ns, dropped);
    return o->sending ? now_ns + link_time_ns(o->link, o->sending->size) : TIME_NEVER;
}

struct element_packet *outlet_take(struct outlet *o)
{
    struct element_packet *p = o->sending;

    CHECK(p);
    o->sending = NULL;
    return p;
}
