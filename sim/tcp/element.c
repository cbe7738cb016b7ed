/* Delay and loss, and what all elements share. */
#include "sim/tcp/element.h"
#include "sim/tcp/gilbert.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define PPM 1000000u

void element_fifo_push(struct element_fifo *f, struct element_packet *p)
{
    p->next = NULL;
    if (f->tail)
        f->tail->next = p;
    else
        f->head = p;
    f->tail = p;
    f->size += p->size;
    f->count++;
}

struct element_packet *element_fifo_pop(struct element_fifo *f)
{
    struct element_packet *p = f->head;

    if (!p)
        return NULL;
    f->head = p->next;
    if (!f->head)
        f->tail = NULL;
    p->next = NULL;
    f->size -= p->size;
    f->count--;
    return p;
}

void element_pass(struct element *e, uint64_t now_ns, struct element_packet *p)
{
    e->counts.packets++;
    e->counts.bytes += p->size;
    e->after->accept(e->after, now_ns, p);
}

void element_drop(struct element *e, struct element_packet *p)
{
    e->counts.dropped++;
    e->drop(e->drop_ctx, p);
}

static uint64_t never(struct element *e)
{
    (void)e;
    return TIME_NEVER;
}

static void run_nothing(struct element *e, uint64_t now_ns)
{
    (void)e;
    (void)now_ns;
}

/* ---- loss ---- */

struct loss {
    struct element base;
    struct loss_config config;
    struct gilbert chance;
    struct rng rng;
    uint64_t *list, seen;
    uint32_t list_at;
    bool bad;
};

static bool loses(struct loss *l)
{
    const struct loss_config *c = &l->config;

    switch (c->kind) {
    case LOSS_RANDOM:
    case LOSS_BURST:
        return gilbert_loses(&l->chance, &l->bad, &l->rng);
    case LOSS_LIST:
        if (l->list_at == c->list_count || l->list[l->list_at] != l->seen)
            return false;
        l->list_at++;
        return true;
    }
    UNREACHABLE();
}

static void loss_accept(struct element *e, uint64_t now_ns, struct element_packet *p)
{
    struct loss *l = CONTAINER_OF(e, struct loss, base);
    bool lost = loses(l);

    l->seen++;
    if (lost)
        element_drop(e, p);
    else
        element_pass(e, now_ns, p);
}

static void loss_free(struct element *e)
{
    struct loss *l = CONTAINER_OF(e, struct loss, base);

    mem_free(l->list);
    mem_free(l);
}

struct element *element_loss_new(const struct loss_config *config)
{
    struct loss *l = mem_zalloc(sizeof *l);

    CHECK(config->ppm <= PPM && config->good_loss_ppm <= PPM && config->bad_loss_ppm <= PPM);
    CHECK(config->good_to_bad_ppm <= PPM && config->bad_to_good_ppm <= PPM);
    l->base = (struct element){
        .accept = loss_accept, .next_ns = never, .run = run_nothing, .free = loss_free};
    l->config = *config;
    l->chance = (struct gilbert){.good_loss_ppm = config->ppm};
    if (config->kind == LOSS_BURST)
        l->chance = (struct gilbert){config->good_to_bad_ppm, config->bad_to_good_ppm, config->good_loss_ppm,
                                     config->bad_loss_ppm};
    rng_init(&l->rng, config->seed, "loss");
    if (config->list_count) {
        l->list = mem_grow(NULL, config->list_count, sizeof *l->list);
        memcpy(l->list, config->list, config->list_count * sizeof *l->list);
    }
    return &l->base;
}

/* ---- delay ---- */

struct delay {
    struct element base;
    uint64_t delay_ns, jitter_ns, last_ns;
    struct rng rng;
    bool reorder;
    struct element_packet *waiting, *last; /* by stamp_ns */
};

static void delay_accept(struct element *e, uint64_t now_ns, struct element_packet *p)
{
    struct delay *d = CONTAINER_OF(e, struct delay, base);
    struct element_packet **at;

    p->stamp_ns = now_ns + d->delay_ns + (d->jitter_ns ? rng_below(&d->rng, d->jitter_ns + 1) : 0);
    if (!d->reorder && p->stamp_ns < d->last_ns)
        p->stamp_ns = d->last_ns;
    d->last_ns = p->stamp_ns;
    /* Mostly the last: with a long path, a walk over all of them would cost more than the packet. */
    at = d->waiting && d->last->stamp_ns <= p->stamp_ns ? &d->last->next : &d->waiting;
    while (*at && (*at)->stamp_ns <= p->stamp_ns)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!p->next)
        d->last = p;
}

static uint64_t delay_next_ns(struct element *e)
{
    struct delay *d = CONTAINER_OF(e, struct delay, base);

    return d->waiting ? d->waiting->stamp_ns : TIME_NEVER;
}

static void delay_run(struct element *e, uint64_t now_ns)
{
    struct delay *d = CONTAINER_OF(e, struct delay, base);

    while (d->waiting && d->waiting->stamp_ns <= now_ns) {
        struct element_packet *p = d->waiting;

        d->waiting = p->next;
        p->next = NULL;
        element_pass(e, now_ns, p);
    }
}

static void delay_free(struct element *e)
{
    struct delay *d = CONTAINER_OF(e, struct delay, base);

    while (d->waiting) {
        struct element_packet *p = d->waiting;

        d->waiting = p->next;
        element_drop(e, p);
    }
    mem_free(d);
}

struct element *element_delay_new(uint64_t seed, uint64_t delay_ns, uint64_t jitter_ns,
                                  bool reorder)
{
    struct delay *d = mem_zalloc(sizeof *d);

    d->base = (struct element){
        .accept = delay_accept, .next_ns = delay_next_ns, .run = delay_run, .free = delay_free};
    d->delay_ns = delay_ns;
    d->jitter_ns = jitter_ns;
    d->reorder = reorder;
    rng_init(&d->rng, seed, "delay");
    return &d->base;
}
