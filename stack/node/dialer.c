/* Whom to connect to and when: a list of dials, a limit on how many are under way, back-off between attempts.
 *
 * Targets are kept connected for as long as the node runs; peers that were only heard of (peer exchange) get a few
 * attempts. */
#include "stack/node/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

/* The place of one that we heard of and are done with. */
static struct dial *done_heard(struct node *n)
{
    for (uint32_t i = 0; n->heard_count && i < n->dial_count; i++)
        if (!n->dials[i].target && n->dials[i].heard && n->dials[i].state == DIAL_DONE)
            return &n->dials[i];
    return NULL;
}

static struct dial *new_dial(struct node *n, bool target)
{
    n->heard_count += !target;
    if (n->dial_count == n->dial_capacity) {
        n->dial_capacity = n->dial_capacity ? n->dial_capacity + n->dial_capacity / 2 : 4;
        n->dials = mem_grow(n->dials, n->dial_capacity, sizeof *n->dials);
    }
    return &n->dials[n->dial_count++];
}

void dialer_add(struct node *n, const struct endpoint *to, const struct peerid *peer, bool target)
{
    bool renewed = false;
    struct dial *d;

    for (uint32_t i = 0; i < n->dial_count; i++) {
        d = &n->dials[i];
        if (endpoint_equal(&d->to, to)) {
            d->target |= target;
            /* The owner's last word says who is expected there. */
            if (target && peer && !(d->has_peer && peerid_equal(&d->peer, peer))) {
                d->peer = *peer;
                d->has_peer = true;
                renewed = d->state == DIAL_WAITING;
            }
            if (d->state == DIAL_DONE || renewed) {
                n->dials_waiting = true;
                d->state = DIAL_WAITING;
                d->next_ns = n->now_ns;
                d->attempts = 0;
            }
            return;
        }
    }
    d = target ? NULL : done_heard(n);
    if (!d && !target && n->heard_count >= NODE_HEARD_MAX)
        return;
    if (!d)
        d = new_dial(n, target);
    n->dials_waiting = true;
    *d = (struct dial){.to = *to, .target = target, .heard = !target, .state = DIAL_WAITING, .next_ns = n->now_ns};
    if (peer) {
        d->peer = *peer;
        d->has_peer = true;
    }
}

bool dialer_forget(struct node *n, const struct peerid *peer)
{
    bool wanted = false;

    for (uint32_t i = 0; i < n->dial_count; i++) {
        struct dial *d = &n->dials[i];

        if (!d->has_peer || !peerid_equal(&d->peer, peer) || d->state == DIAL_DONE)
            continue;
        wanted = true;
        d->target = false;
        if (d->state == DIAL_UNDER_WAY)
            d->attempts = NODE_DIAL_ATTEMPTS_MAX; /* its failure is the last one */
        else
            d->state = DIAL_DONE;
    }
    return wanted;
}

/* Doubling from NODE_BACKOFF_MIN_NS, drawn from the upper half so that nodes do not march in step. */
static uint64_t backoff_ns(struct node *n, uint32_t attempts)
{
    uint64_t full = NODE_BACKOFF_MIN_NS;

    while (attempts-- > 1 && full < NODE_BACKOFF_MAX_NS)
        full *= 2;
    if (full > NODE_BACKOFF_MAX_NS)
        full = NODE_BACKOFF_MAX_NS;
    return full / 2 + rng_below(&n->dial_rng, full / 2 + 1);
}

static void retry_later(struct node *n, struct dial *d)
{
    if (d->attempts < UINT8_MAX)
        d->attempts++;
    if (!d->target && d->attempts >= NODE_DIAL_ATTEMPTS_MAX) {
        d->state = DIAL_DONE;
        return;
    }
    d->state = DIAL_WAITING;
    d->next_ns = n->now_ns + backoff_ns(n, d->attempts);
    n->dials_waiting = true;
}

static bool connected_to(const struct node *n, const struct peerid *peer)
{
    for (uint32_t i = 0; i < n->conn_capacity; i++)
        if (n->conns[i] && n->conns[i]->state == CONN_READY && peerid_equal(&n->conns[i]->peer, peer))
            return true;
    return false;
}

static void start(struct node *n, struct dial *d)
{
    struct backend_conn handle;
    int err;

    if (d->has_peer && connected_to(n, &d->peer)) {
        d->state = DIAL_CONNECTED; /* it reached us meanwhile */
        return;
    }
    err = n->ops->dial(n->host, &d->to, &handle);
    if (err) {
        struct trace_event failed = {.kind = TRACE_DIAL_FAILED, .peer = TRACE_NO_PEER, .code = err};

        node_trace(n, &failed);
        retry_later(n, d);
        return;
    }
    d->state = DIAL_UNDER_WAY;
    d->conn = handle;
    n->dials_under_way++;
    conn_new(n, handle, &d->to, true);
}

void dialer_run(struct node *n)
{
    uint64_t next = TIME_NEVER;

    if (!n->dials_waiting)
        return;
    n->dials_waiting = false;
    for (uint32_t i = 0; i < n->dial_count; i++) {
        struct dial *d = &n->dials[i];
        bool room = n->dials_under_way < n->config.dials_max && n->open_count < n->config.connections_max;

        if (d->state == DIAL_WAITING && d->next_ns <= n->now_ns && room)
            start(n, d);
        n->dials_waiting |= d->state == DIAL_WAITING;
        if (d->state == DIAL_WAITING && d->next_ns > n->now_ns && d->next_ns < next)
            next = d->next_ns;
    }
    /* One that waits for room needs no timer: room comes with an event of its own. */
    if (next == TIME_NEVER)
        timer_disarm(&n->timers, &n->dial_timer);
    else if (!timer_armed(&n->dial_timer) || n->dial_timer.deadline_ns != next)
        timer_arm(&n->timers, &n->dial_timer, next);
}

void dialer_fire(struct timer *t, uint64_t now_ns)
{
    (void)t; /* dialer_run follows at the end of every upcall */
    (void)now_ns;
}

static struct dial *dial_of(struct node *n, const struct conn *c)
{
    for (uint32_t i = 0; c->dialled && i < n->dial_count; i++)
        if ((n->dials[i].state == DIAL_UNDER_WAY || n->dials[i].state == DIAL_CONNECTED) &&
            backend_conn_equal(n->dials[i].conn, c->handle))
            return &n->dials[i];
    return NULL;
}

void dialer_ready(struct node *n, const struct conn *c)
{
    struct dial *d = dial_of(n, c);

    if (!d)
        return;
    CHECK(d->state == DIAL_UNDER_WAY);
    n->dials_under_way--;
    d->state = DIAL_CONNECTED;
    d->attempts = 0;
    d->peer = c->peer;
    d->has_peer = true;
}

/* A lost peer may be the one that a dial was satisfied with although it had come to us. */
static void reopen_satisfied(struct node *n, const struct conn *c)
{
    for (uint32_t i = 0; i < n->dial_count; i++) {
        struct dial *d = &n->dials[i];

        if (d->state == DIAL_CONNECTED && d->has_peer && peerid_equal(&d->peer, &c->peer) &&
            !connected_to(n, &d->peer))
            retry_later(n, d);
    }
}

void dialer_lost(struct node *n, const struct conn *c, int err)
{
    struct dial *d = dial_of(n, c);

    if (n->stopped)
        return;
    if (d && d->state == DIAL_UNDER_WAY) {
        n->dials_under_way--;
        if (err == ERR_DUPLICATE && c->peer.size) {
            d->peer = c->peer;
            d->has_peer = true;
            d->state = peerid_equal(&c->peer, &n->identity.id) ? DIAL_DONE : DIAL_CONNECTED;
        } else {
            retry_later(n, d);
        }
        return;
    }
    if (c->peer.size)
        reopen_satisfied(n, c);
}
