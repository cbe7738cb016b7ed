/* Queues in front of a link: drop-tail, CoDel (RFC 8289), FQ-CoDel (RFC 8290: flows in turn by
 * bytes, those with little to send first, CoDel in each). */
#include "sim/tcp/element.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define TARGET_NS_DEFAULT 5000000u
#define INTERVAL_NS_DEFAULT 100000000u
#define FLOWS_DEFAULT 1024u
#define QUANTUM_DEFAULT 1514u
#define MTU 1514u
#define NO_FLOW UINT32_MAX

struct codel {
    struct element_fifo fifo;
    uint64_t first_above_ns, drop_next_ns; /* first_above_ns 0: below the target */
    uint32_t count, last_count;
    bool dropping;
};

struct bucket {
    struct codel codel;
    int64_t credit;
    uint32_t next; /* in its list */
    bool listed;
};

struct bucket_list {
    uint32_t head, tail;
};

struct queue {
    struct queue_config config;
    uint64_t size;
    struct codel codel; /* drop-tail and CoDel */
    struct bucket *buckets;
    struct bucket_list fresh, old;
};

struct queue *queue_new(const struct queue_config *config)
{
    struct queue *q = mem_zalloc(sizeof *q);

    q->config = *config;
    q->config.target_ns = config->target_ns ? config->target_ns : TARGET_NS_DEFAULT;
    q->config.interval_ns = config->interval_ns ? config->interval_ns : INTERVAL_NS_DEFAULT;
    q->config.flows = config->flows ? config->flows : FLOWS_DEFAULT;
    q->config.quantum = config->quantum ? config->quantum : QUANTUM_DEFAULT;
    q->fresh = q->old = (struct bucket_list){NO_FLOW, NO_FLOW};
    CHECK(q->config.interval_ns < UINT32_MAX);
    if (config->kind == QUEUE_FQ_CODEL) {
        q->buckets = mem_grow(NULL, q->config.flows, sizeof *q->buckets);
        memset(q->buckets, 0, q->config.flows * sizeof *q->buckets);
    }
    return q;
}

void queue_free(struct queue *q)
{
    CHECK(q->size == 0);
    mem_free(q->buckets);
    mem_free(q);
}

uint64_t queue_size(const struct queue *q)
{
    return q->size;
}

void queue_limit(struct queue *q, uint64_t size_max)
{
    q->config.size_max = size_max;
}

/* ---- CoDel ---- */

static uint64_t square_root(uint64_t x)
{
    uint64_t root = 0;

    for (uint64_t bit = 1ull << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= x)
            root += bit;
    return root;
}

/* The time between drops falls with the square root of their number. */
static uint64_t control_law_ns(const struct queue *q, uint64_t from_ns, uint32_t count)
{
    return from_ns + square_root(q->config.interval_ns * q->config.interval_ns / count);
}

static struct element_packet *take(struct queue *q, struct codel *c)
{
    struct element_packet *p = element_fifo_pop(&c->fifo);

    if (p)
        q->size -= p->size;
    return p;
}

/* Has the delay been above the target for an interval? */
static bool may_drop(const struct queue *q, struct codel *c, const struct element_packet *p,
                     uint64_t now_ns)
{
    if (!p || now_ns - p->stamp_ns < q->config.target_ns || c->fifo.size <= MTU) {
        c->first_above_ns = 0;
        return false;
    }
    if (c->first_above_ns == 0) {
        c->first_above_ns = now_ns + q->config.interval_ns;
        return false;
    }
    return now_ns >= c->first_above_ns;
}

static struct element_packet *go_on_dropping(struct queue *q, struct codel *c, uint64_t now_ns,
                                             struct element_packet *p, struct element_fifo *dropped)
{
    while (c->dropping && now_ns >= c->drop_next_ns) {
        element_fifo_push(dropped, p);
        c->count++;
        p = take(q, c);
        if (!may_drop(q, c, p, now_ns))
            c->dropping = false;
        else
            c->drop_next_ns = control_law_ns(q, c->drop_next_ns, c->count);
    }
    return p;
}

static struct element_packet *codel_pop(struct queue *q, struct codel *c, uint64_t now_ns,
                                        struct element_fifo *dropped)
{
    struct element_packet *p = take(q, c);
    bool drop = may_drop(q, c, p, now_ns);

    if (c->dropping) {
        if (!drop)
            c->dropping = false;
        return go_on_dropping(q, c, now_ns, p, dropped);
    }
    if (!drop)
        return p;
    element_fifo_push(dropped, p);
    p = take(q, c);
    may_drop(q, c, p, now_ns);
    c->dropping = true;
    /* Soon after the last time: start near the rate that was right then. */
    if (c->count - c->last_count > 1 && now_ns < c->drop_next_ns + 16 * q->config.interval_ns)
        c->count = c->count - c->last_count;
    else
        c->count = 1;
    c->last_count = c->count;
    c->drop_next_ns = control_law_ns(q, now_ns, c->count);
    return p;
}

/* ---- flows ---- */

static void list_append(struct queue *q, struct bucket_list *l, uint32_t index)
{
    q->buckets[index].next = NO_FLOW;
    if (l->tail != NO_FLOW)
        q->buckets[l->tail].next = index;
    else
        l->head = index;
    l->tail = index;
}

static void list_pop(struct queue *q, struct bucket_list *l)
{
    l->head = q->buckets[l->head].next;
    if (l->head == NO_FLOW)
        l->tail = NO_FLOW;
}

static uint32_t bucket_of(const struct queue *q, uint32_t flow)
{
    return (uint32_t)(rng_derive(q->config.seed, "flow", flow) % q->config.flows);
}

static struct element_packet *fq_pop(struct queue *q, uint64_t now_ns, struct element_fifo *dropped)
{
    for (;;) {
        bool fresh = q->fresh.head != NO_FLOW;
        struct bucket_list *l = fresh ? &q->fresh : &q->old;
        uint32_t index = l->head;
        struct element_packet *p;
        struct bucket *b;

        if (index == NO_FLOW)
            return NULL;
        b = &q->buckets[index];
        if (b->credit <= 0) {
            b->credit += q->config.quantum;
            list_pop(q, l);
            list_append(q, &q->old, index);
            continue;
        }
        p = codel_pop(q, &b->codel, now_ns, dropped);
        if (p) {
            b->credit -= p->size;
            return p;
        }
        list_pop(q, l);
        if (fresh && q->old.head != NO_FLOW)
            list_append(q, &q->old,
                        index); /* a flow may not stay new by sending one packet at a time */
        else
            b->listed = false;
    }
}

/* The head of the flow that holds most. */
static struct element_packet *fq_victim(struct queue *q)
{
    struct bucket *most = &q->buckets[0];

    for (uint32_t i = 1; i < q->config.flows; i++)
        if (q->buckets[i].codel.fifo.size > most->codel.fifo.size)
            most = &q->buckets[i];
    return take(q, &most->codel);
}

static struct element_packet *fq_push(struct queue *q, struct element_packet *p)
{
    uint32_t index = bucket_of(q, p->flow);
    struct bucket *b = &q->buckets[index];

    element_fifo_push(&b->codel.fifo, p);
    q->size += p->size;
    if (!b->listed) {
        b->listed = true;
        b->credit = q->config.quantum;
        list_append(q, &q->fresh, index);
    }
    return q->size > q->config.size_max ? fq_victim(q) : NULL;
}

/* ---- all kinds ---- */

struct element_packet *queue_push(struct queue *q, uint64_t now_ns, struct element_packet *p)
{
    p->stamp_ns = now_ns;
    if (q->config.kind == QUEUE_FQ_CODEL)
        return fq_push(q, p);
    if (p->size > q->config.size_max || q->size > q->config.size_max - p->size)
        return p;
    element_fifo_push(&q->codel.fifo, p);
    q->size += p->size;
    return NULL;
}

struct element_packet *queue_pop(struct queue *q, uint64_t now_ns, struct element_fifo *dropped)
{
    switch (q->config.kind) {
    case QUEUE_DROP_TAIL:
        return take(q, &q->codel);
    case QUEUE_CODEL:
        return codel_pop(q, &q->codel, now_ns, dropped);
    case QUEUE_FQ_CODEL:
        return fq_pop(q, now_ns, dropped);
    }
    UNREACHABLE();
}
