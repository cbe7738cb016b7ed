/* The `flight` model: connections with the windows of sim/tcp, whose segments travel in trains. A train is one event, two
 * where it queues at the far end; an ACK is an event only where the sender could do something with it. README.md tells
 * what is modelled; sender.h, receiver.h and train.h are the machines, this is their place in the engine.
 *
 * A host touches its own state only: of the peer it knows what never changes (region, address, rates). What gets lost
 * becomes a notice to the sender, which is no packet and always arrives. */
#include "sim/des/flight.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"

#define SWEEP_NS (10ull * NS_PER_S)
#define ACK_CARRIED_NS (20ull * NS_PER_MS) /* bytes go back, where the last ones arrived no longer ago than this */

struct emission {
    struct host *h;
    struct conn *c;
};

/* ---- what leaves ---- */

static struct expectation emit(void *ctx, const struct burst *b, struct chain *bytes)
{
    const struct emission *e = ctx;
    struct host *h = e->h;
    struct conn *c = e->c;
    const struct host *peer = h->des->hosts[c->peer_host];
    struct train *t = flight_train(h, c, TRAIN_DATA);
    uint64_t there_ns = path_latency_ns(h, c->peer_host, peer->region), back_ns = path_latency_ns(peer, h->index, h->region);
    uint64_t jitter_ns = 0, through_ns;

    t->segments = (uint8_t)b->segments;
    t->fin = b->fin;
    t->asks = b->asks;
    t->resent = b->resent;
    t->probe = b->probe;
    t->seq = b->seq;
    t->size = b->size;
    t->sent_ns = b->sent_ns;
    t->spread_ns = b->spread_ns;
    t->echo_ns = sender_heard_ns(&c->sender);
    t->echo_ns -= back_ns < t->echo_ns ? back_ns : t->echo_ns;
    chain_move_all(&t->bytes, bytes);
    through_ns = flight_launch(h, t, &c->last_arrival_ns);
    if (!b->asks && h->des->jitters)
        jitter_ns = path_jitter_ns(h, peer->region, there_ns) + path_jitter_ns(peer, h->region, back_ns);
    return (struct expectation){.due_ns = through_ns + there_ns + back_ns + jitter_ns, .slack_ns = jitter_ns / 2};
}

static struct sender_out out_of(struct emission *e)
{
    return (struct sender_out){.emit = emit,
                               .ctx = e,
                               .config = config_of(e->h),
                               .now_ns = e->h->lane->now_ns};
}

static void send_ack(struct host *h, struct conn *c, const struct train *answered, uint32_t packets)
{
    struct train *t = flight_train(h, c, TRAIN_ACK);

    if (answered) {
        t->seq = answered->seq;
        t->delivered = (uint8_t)(answered->probe ? 0 : train_live(answered));
        t->spread_ns = answered->spread_ns;
        t->resent = answered->resent;
    }
    t->segments = (uint8_t)packets;
    if (answered) {
        t->echo_ns = answered->sent_ns;
        t->sent_ns = answered->at_ns;
    }
    t->ack = c->receiver.received;
    t->window = receiver_window(&c->receiver, config_of(h));
    flight_launch(h, t, &c->last_arrival_ns);
}

/* ---- alarms ---- */

static void *number_of(const struct conn *c)
{
    return (void *)(uintptr_t)((uint64_t)c->generation << 32 | c->index);
}

static struct conn *conn_numbered(struct host *h, const void *number)
{
    uint64_t bits = (uintptr_t)number;

    return conn_get(h, (struct backend_conn){(uint32_t)bits, (uint32_t)(bits >> 32)});
}

void flight_alarm_at(struct host *h, struct conn *c, uint64_t due_ns)
{
    uint64_t *posted_ns;

    if (due_ns == TIME_NEVER)
        return;
    posted_ns = sender_alarm_ns(&c->sender);
    if (due_ns >= *posted_ns)
        return; /* the event that is queued comes first and moves the rest on */
    *posted_ns = due_ns > h->lane->now_ns ? due_ns : h->lane->now_ns;
    des_post(h, h->index, *posted_ns, EVENT_ALARM, number_of(c));
}

static void arm(struct host *h, struct conn *c)
{
    struct flight_host *fh = flight_host(h);

    if (!c->sender.box)
        return;
    flight_alarm_at(h, c, sender_deadline_ns(&c->sender, config_of(h)));
    if (!fh->sweeping) {
        fh->sweeping = true;
        des_post(h, h->index, h->lane->now_ns + SWEEP_NS, EVENT_SWEEP, NULL);
    }
}

/* After the sender did something in an event: what the node has to hear, and the next deadline. */
static void attend(struct host *h, struct conn *c)
{
    struct backend_conn handle = handle_of(c);
    uint8_t state = c->state;

    if (c->sender.failed || (state == CONN_CLOSING && sender_done(&c->sender))) {
        flight_conn_free(h, c);
        if (state == CONN_OPEN)
            h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_TIMEOUT);
        return;
    }
    arm(h, c);
    if (state == CONN_OPEN && sender_writable(&c->sender))
        h->app->writable(h->app_ctx, h->lane->now_ns, handle);
}

static void sweep(struct host *h)
{
    struct flight_host *fh = flight_host(h);
    bool busy = false;

    for (uint32_t i = 0; i < fh->conn_count; i++) {
        struct conn *c = conn_at(fh, i);
        struct emission e = {h, c};
        struct sender_out out;

        if (c->state == CONN_FREE || !c->sender.box)
            continue;
        out = out_of(&e);
        busy |= c->state < CONN_OPEN || c->retry || !sender_rest(&c->sender, &out);
    }
    fh->sweeping = busy;
    if (busy)
        des_post(h, h->index, h->lane->now_ns + SWEEP_NS, EVENT_SWEEP, NULL);
}

/* ---- downcalls ---- */

static size_t flight_send(struct host *h, struct backend_conn handle, struct chain *bytes)
{
    struct conn *c = conn_get(h, handle);
    struct emission e = {h, c};
    struct sender_out out;
    size_t sent;

    if (!c || c->state != CONN_OPEN || bytes->size == 0)
        return 0;
    out = out_of(&e);
    sent = sender_write(&c->sender, &out, bytes);
    arm(h, c);
    return sent;
}

static void flight_pause(struct host *h, struct backend_conn handle, bool paused)
{
    struct conn *c = conn_get(h, handle);

    if (!c || c->paused == paused)
        return;
    c->paused = paused;
    if (!paused) /* no upcall inside a downcall: what was held comes as an event of its own */
        des_post(h, h->index, h->lane->now_ns, EVENT_RESUME, number_of(c));
}

static void forget_held(struct host *h, struct conn *c)
{
    struct chain bytes;

    chain_init(&bytes);
    receiver_release(&c->receiver, config_of(h), h->lane->now_ns, &bytes);
    chain_deinit(&bytes);
}

static void flight_close(struct host *h, struct backend_conn handle, enum backend_close how)
{
    struct conn *c = conn_get(h, handle);
    struct emission e = {h, c};
    struct sender_out out;

    if (!c || c->state == CONN_CLOSING)
        return;
    if (c->state != CONN_OPEN || how != BACKEND_CLOSE_FIN) {
        if (c->state == CONN_OPEN)
            flight_send_control(h, c, TRAIN_RST);
        flight_conn_free(h, c);
        return;
    }
    c->state = CONN_CLOSING;
    c->paused = false;
    forget_held(h, c);
    out = out_of(&e);
    sender_finish(&c->sender, &out);
    arm(h, c);
}

static void flight_expect(const struct host *h, struct backend_conn handle, unsigned step)
{
    const struct flight_host *fh = flight_host(h);
    const struct conn *c;

    if (handle.index >= fh->conn_count)
        return;
    c = conn_at(fh, handle.index);
    if (step == 0) {
        fetch_line_to_write(c);
        fetch_line_to_write((const char *)c + 64);
        fetch_line_to_write((const char *)c + 128);
    } else if (step == 1) {
        const char *peer = (const char *)h->des->hosts[c->peer_host];

        fetch_line(peer);
        fetch_line(peer + offsetof(struct host, down));
        sender_expect(&c->sender, 0);
    } else {
        sender_expect(&c->sender, 1);
    }
}

static void flight_reset_all(struct host *h)
{
    struct flight_host *fh = flight_host(h);

    for (uint32_t i = 0; i < fh->conn_count; i++) {
        struct conn *c = conn_at(fh, i);

        if (c->state == CONN_FREE || c->state == CONN_CLOSING)
            continue; /* what the node closed is the kernel's, which ends it in good order */
        if (c->state != CONN_DIALLING)
            flight_send_control(h, c, TRAIN_RST);
        flight_conn_free(h, c);
    }
}

/* ---- what arrives ---- */

static void receive_rst(struct host *h, struct conn *c)
{
    struct backend_conn handle = handle_of(c);
    uint8_t state = c->state;

    flight_conn_free(h, c);
    if (state == CONN_DIALLING)
        h->app->dialled(h->app_ctx, h->lane->now_ns, handle, ERR_REFUSED);
    else if (state == CONN_OPEN)
        h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_RESET);
}

/* Hands over what came in order, and the end once all was. */
static void tell_data(struct host *h, struct conn *c, struct chain *bytes)
{
    struct backend_conn handle = handle_of(c);

    if (bytes->size)
        h->app->data(h->app_ctx, h->lane->now_ns, handle, bytes);
    CHECK(bytes->size == 0);
    c = conn_get(h, handle);
    if (!c || c->state != CONN_OPEN || c->paused || !receiver_finished(&c->receiver) || receiver_held(&c->receiver))
        return;
    flight_conn_free(h, c);
    h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_CLOSED);
}

/* An ACK that no event stands for takes its room on the uplink, unless bytes that go back carry it: they probably do where
 * some went a moment ago. */
static void charge_ack(struct host *h, const struct conn *c)
{
    if (h->lane->now_ns > c->last_arrival_ns + ACK_CARRIED_NS)
        link_enqueue(&h->up, h->lane->now_ns, header_size(h));
}

static void receive_data(struct host *h, struct conn *c, struct train *t)
{
    struct receiver_at at;
    struct chain bytes;
    uint32_t acks;

    if (c->state == CONN_ACCEPTING) {
        struct backend_conn handle = handle_of(c);

        flight_accept(h, c);
        c = conn_get(h, handle);
        if (!c)
            return;
    }
    if (c->state != CONN_OPEN && c->state != CONN_CLOSING)
        return;
    chain_init(&bytes);
    sender_heard(&c->sender, h->lane->now_ns);
    at = (struct receiver_at){.config = config_of(h),
                              .now_ns = h->lane->now_ns,
                              .window = &c->sender.w,
                              .paused = c->paused};
    acks = receiver_take(&c->receiver, &at, t, &bytes);
    if (acks)
        send_ack(h, c, t, acks);
    else
        charge_ack(h, c);
    if (c->state == CONN_OPEN) /* what comes after the node closed is acknowledged, and forgotten */
        tell_data(h, c, &bytes);
    chain_deinit(&bytes);
}

static void receive_ack(struct host *h, struct conn *c, const struct train *t)
{
    struct backend_conn handle = handle_of(c);
    struct emission e = {h, c};
    struct sender_out out = out_of(&e);
    struct sender_ack ack = {.ack = t->ack,
                             .window = t->window,
                             .seq = t->seq,
                             .delivered = t->delivered,
                             .packets = t->segments,
                             .at_ns = t->at_ns,
                             .said_ns = t->sent_ns,
                             .sent_ns = t->echo_ns,
                             .spread_ns = t->spread_ns,
                             .resent = t->resent};

    if (c->state < CONN_OPEN)
        return;
    sender_heard(&c->sender, h->lane->now_ns);
    sender_ack(&c->sender, &out, &ack);
    while (sender_ack_next(&c->sender, &out, &ack)) {
        if (c->state == CONN_OPEN && sender_writable(&c->sender))
            h->app->writable(h->app_ctx, h->lane->now_ns, handle);
        c = conn_get(h, handle);
        if (!c)
            return;
    }
    attend(h, c);
}

void flight_receive(struct host *h, struct train *t)
{
    struct conn *c = t->kind == TRAIN_SYN ? NULL : conn_get(h, t->to);

    if (t->kind == TRAIN_SYN) {
        flight_receive_syn(h, t);
    } else if (!c) {
        flight_refuse(h, t);
    } else if (t->kind == TRAIN_SYN_ACK) {
        flight_receive_syn_ack(h, c, t);
    } else if (t->kind == TRAIN_ESTABLISHED) {
        if (c->state == CONN_ACCEPTING)
            flight_accept(h, c);
    } else if (t->kind == TRAIN_DATA) {
        receive_data(h, c, t);
    } else if (t->kind == TRAIN_ACK) {
        receive_ack(h, c, t);
    } else if (t->kind == TRAIN_RST) {
        receive_rst(h, c);
    }
    train_free(t);
}

/* ---- losses, time ---- */

static void data_lost(struct host *h, struct conn *c, struct train *t)
{
    for (uint32_t i = 0; i < t->segments; i++) {
        uint32_t size = train_segment_size(t, i);
        struct chain bytes;

        if (!(t->lost >> i & 1))
            continue;
        chain_init(&bytes);
        chain_move(&bytes, &t->bytes, size);
        sender_lost(&c->sender, config_of(h), train_segment_seq(t, i), size, t->fin && i + 1u == t->segments, t->resent,
                    t->sent_ns, &bytes);
        chain_deinit(&bytes);
    }
}

void flight_notice(struct host *h, struct train *t)
{
    struct conn *c = conn_get(h, t->refused == TRAIN_ACK ? t->to : t->from);

    if (!c) {
        train_free(t);
        return;
    }
    if (t->refused == TRAIN_ACK || t->probe)
        sender_ack_lost(&c->sender, t->sent_ns);
    else if (t->refused == TRAIN_DATA)
        data_lost(h, c, t);
    else
        flight_control_lost(h, c, t);
    train_free(t);
    arm(h, c);
}

static void alarm_rings(struct host *h, struct conn *c, uint64_t at_ns)
{
    struct emission e = {h, c};
    struct sender_out out;
    uint64_t *posted_ns;

    if (!c->sender.box)
        return;
    posted_ns = sender_alarm_ns(&c->sender);
    if (at_ns != *posted_ns)
        return; /* overtaken by an earlier one */
    *posted_ns = TIME_NEVER;
    if (c->retry && c->sender.w.next == 1) { /* else bytes say as much as the handshake's last word */
        flight_retry_handshake(h, c);
        return;
    }
    c->retry = false;
    out = out_of(&e);
    if (sender_deadline_ns(&c->sender, out.config) <= at_ns)
        sender_timeout(&c->sender, &out);
    attend(h, c);
}

static void resume(struct host *h, struct conn *c)
{
    struct chain bytes;

    if (c->state != CONN_OPEN || c->paused)
        return;
    chain_init(&bytes);
    if (receiver_release(&c->receiver, config_of(h), h->lane->now_ns, &bytes))
        send_ack(h, c, NULL, 1);
    tell_data(h, c, &bytes);
    chain_deinit(&bytes);
}

/* ---- the model ---- */

static void flight_event(struct host *h, const struct event *e)
{
    struct conn *c;

    switch ((enum flight_event)e->kind) {
    case EVENT_TRAIN:
        flight_arrive(h, e->object);
        break;
    case EVENT_THROUGH:
        flight_receive(h, e->object);
        break;
    case EVENT_ALARM:
    case EVENT_RESUME:
        c = conn_numbered(h, e->object);
        if (c && e->kind == EVENT_ALARM)
            alarm_rings(h, c, e->time_ns);
        else if (c)
            resume(h, c);
        break;
    case EVENT_SWEEP:
        sweep(h);
        break;
    }
}

static void flight_drop(const struct event *e)
{
    if (e->kind == EVENT_TRAIN || e->kind == EVENT_THROUGH)
        train_free(e->object);
}

static void fetch(const struct host *h, const struct train *t)
{
    const char *app = h->app_ctx;

    fetch_line(flight_host(h));
    if (!t->bytes.size || !app)
        return;
    fetch_line(t->bytes.spans);
    fetch_line(app);
    fetch_line(app + 64);
    fetch_line(app + 128);
}

static void fetch_conn(const struct host *h, const struct train *t)
{
    const struct flight_host *fh = flight_host(h);
    const char *c;

    if (t->kind == TRAIN_SYN || t->to.index >= fh->conn_count)
        return;
    c = (const char *)conn_at(fh, t->to.index);
    fetch_line_to_write(c);
}

static void fetch_inbox(const struct host *h, const struct train *t)
{
    const struct flight_host *fh = flight_host(h);

    if (t->kind == TRAIN_DATA && t->to.index < fh->conn_count)
        receiver_expect(&conn_at(fh, t->to.index)->receiver);
}

static void flight_ahead(const struct host *h, const struct event *e, unsigned step)
{
    const struct train *t = e->object;

    if (e->kind != EVENT_TRAIN && e->kind != EVENT_THROUGH)
        return;
    if (step == 0)
        fetch(h, t);
    if (step == 1) {
        fetch_conn(h, t);
        if (t->bytes.count)
            fetch_line(chain_front(&t->bytes).data);
    }
    if (step == 2)
        fetch_inbox(h, t);
    if (step > 0 && t->bytes.size && h->app && h->app->expect)
        h->app->expect(h->app_ctx, t->to, &t->bytes, step - 1);
}

const struct des_transport transport_flight = {
    .honours = 1u << DES_LOSS | 1u << DES_BOTTLENECKS,
    .host_size = sizeof(struct flight_host),
    .start = tcp_world_start,
    .stop = tcp_world_stop,
    .host_start = flight_host_start,
    .host_stop = flight_host_stop,
    .dial = flight_dial,
    .send = flight_send,
    .pause = flight_pause,
    .close = flight_close,
    .expect = flight_expect,
    .reset_all = flight_reset_all,
    .event = flight_event,
    .drop = flight_drop,
    .ahead = flight_ahead,
};
