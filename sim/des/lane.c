/* A lane: the loop over its events, and the mail between lanes.
 *
 * What a lane sends to another lies in a list of its own, (from, to), until the window is over; then the other merges it into its
 * queue. There are two lists a pair, used in turn, so that one window's may be read while the next one's is written. The
 * order of events is that of their keys, however they came. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

struct lane *lane_new(struct des *d, uint32_t index, uint32_t lane_count)
{
    struct lane *l = mem_zalloc(sizeof *l);

    l->des = d;
    l->index = index;
    l->mailed_ns = UINT64_MAX;
    event_queue_init(&l->queue);
    for (int turn = 0; turn < 2; turn++)
        l->mail[turn] = mem_zalloc(lane_count * sizeof *l->mail[turn]);
    return l;
}

void lane_free(struct lane *l, uint32_t lane_count)
{
    struct event e;

    while (event_queue_pop(&l->queue, &e))
        des_drop(l->des, &e);
    event_queue_deinit(&l->queue);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t to = 0; to < lane_count; to++) {
            struct event_list *mail = &l->mail[turn][to];

            for (uint32_t i = 0; i < mail->count; i++)
                des_drop(l->des, &mail->items[i]);
            event_list_deinit(mail);
        }
        mem_free(l->mail[turn]);
    }
    mem_free(l);
}

/* ---- events ---- */

static void wake(struct host *h, uint64_t time_ns)
{
    if (time_ns != h->wake_posted_ns)
        return; /* overtaken by an earlier deadline */
    h->wake_posted_ns = TIME_NEVER;
    if (h->wake_ns > time_ns) {
        if (h->wake_ns != TIME_NEVER) {
            h->wake_posted_ns = h->wake_ns;
            des_post(h, h->index, h->wake_ns, EVENT_WAKE, NULL);
        }
        return;
    }
    h->wake_ns = TIME_NEVER;
    if (h->app)
        h->app->wake(h->app_ctx, time_ns);
}

static void call(struct call *c, uint64_t now_ns)
{
    c->fn(c->arg, now_ns);
    mem_free(c);
}

static void dispatch(struct host *h, const struct event *e)
{
    switch (e->kind) {
    case EVENT_WAKE:
        wake(h, e->time_ns);
        break;
    case EVENT_CALL:
        call(e->object, e->time_ns);
        break;
    case EVENT_LOOP:
        loop_event(h->loop, e->time_ns);
        break;
    default:
        h->des->transport->event(h, e);
        break;
    }
}

/* Fetches what the events to come will touch. Their memory is cold as a rule: a run is far larger than any cache, and what
 * happens next has nothing to do with what happened last. A pointer is followed some events after it was fetched. */
static void look_ahead(const struct lane *l)
{
    enum { FIRST = 19, STRIDE = 3 };
    const struct des *d = l->des;
    const struct event *e = event_queue_ahead(&l->queue, FIRST);

    if (e) {
        fetch_line(e->object);
        fetch_line(d->hosts[e->node]);
        fetch_line((const char *)d->hosts[e->node] + 64);
        fetch_line(transport_state(d->hosts[e->node]));
        if (d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 0);
    }
    for (uint32_t step = 0; step <= BACKEND_EXPECT_STEPS; step++) {
        e = event_queue_ahead(&l->queue, FIRST - STRIDE * (step + 1));
        if (!e || e->kind < EVENT_TRANSPORT)
            continue;
        if (d->transport->ahead)
            d->transport->ahead(d->hosts[e->node], e, step);
        if (step == 1 && d->config.expect)
            d->config.expect(d->config.trace_ctx, e->node, 1);
    }
}

void lane_run(struct lane *l, uint64_t until_ns)
{
    struct host **hosts = l->des->hosts;
    struct event e;

    while (event_queue_next_ns(&l->queue) <= until_ns) {
        event_queue_pop(&l->queue, &e);
        CHECK(e.time_ns >= l->now_ns);
        l->now_ns = e.time_ns;
        l->counts.events++;
        look_ahead(l);
        dispatch(hosts[e.node], &e);
    }
}

/* ---- mail ---- */

void lane_mail(struct lane *from, uint32_t to, const struct event *e)
{
    event_list_append(&from->mail[from->des->turn][to], e);
    if (e->time_ns < from->mailed_ns)
        from->mailed_ns = e->time_ns;
}

void lane_fetch(struct lane *l)
{
    const struct des *d = l->des;

    for (uint32_t i = 0; i < d->lane_count; i++) {
        struct event_list *mail = &d->lanes[i]->mail[!d->turn][l->index];

        for (uint32_t k = 0; k < mail->count; k++)
            event_queue_push(&l->queue, &mail->items[k]);
        mail->count = 0;
    }
}
