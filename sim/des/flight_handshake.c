/* How connections of the `flight` model open: SYN, SYN-ACK, and the ACK that ends the handshake. */
#include "sim/des/flight.h"

#include "stack/base/err.h"

static enum train_kind control_of(const struct conn *c)
{
    return c->state == CONN_DIALLING ? TRAIN_SYN : c->state == CONN_ACCEPTING ? TRAIN_SYN_ACK : TRAIN_ESTABLISHED;
}

/* Our word of the handshake was lost: again after 1, 2, 4 s. */
void flight_control_lost(struct host *h, struct conn *c, const struct train *notice)
{
    if (control_of(c) != notice->refused)
        return;
    c->retry = true;
    flight_alarm_at(h, c, notice->sent_ns + rtt_timeout_ns(config_of(h), &c->sender.w));
}

void flight_retry_handshake(struct host *h, struct conn *c)
{
    struct sender *s = &c->sender;

    c->retry = false;
    if (s->retries >= config_of(h)->syn_retries) {
        struct backend_conn handle = handle_of(c);
        uint8_t state = c->state;

        if (state == CONN_OPEN)
            return; /* the far side gives up by itself */
        flight_conn_free(h, c);
        if (state == CONN_DIALLING)
            h->app->dialled(h->app_ctx, h->lane->now_ns, handle, ERR_TIMEOUT);
        return;
    }
    s->retries++;
    s->w.backoff++;
    s->w.sent_ns = h->lane->now_ns;
    flight_send_control(h, c, control_of(c));
}

/* The handshake is through on this side. */
static void establish(struct host *h, struct conn *c)
{
    struct window *w = &c->sender.w;
    uint32_t rtt_us = rtt_of(w->sent_ns, h->lane->now_ns);

    c->state = CONN_OPEN;
    rtt_update_min(w, h->lane->now_ns, rtt_us);
    rtt_sample(config_of(h), w, rtt_us);
    if (c->sender.retries > 1)
        w->cwnd = 1; /* the path is bad: begin with care */
    c->sender.retries = 0;
    c->retry = false;
    w->sent_ns = w->stamp_ns = h->lane->now_ns;
    sender_heard(&c->sender, h->lane->now_ns);
}

void flight_receive_syn(struct host *h, const struct train *t)
{
    struct conn *c;

    if (!h->app || h->listen_port != t->to.index) {
        flight_refuse(h, t);
        return;
    }
    c = flight_conn_new(h, CONN_ACCEPTING, h->des->hosts[t->source]);
    c->peer = t->from;
    flight_send_control(h, c, TRAIN_SYN_ACK);
}

void flight_receive_syn_ack(struct host *h, struct conn *c, const struct train *t)
{
    bool dialling = c->state == CONN_DIALLING;

    if (dialling) {
        c->peer = t->from;
        establish(h, c);
    }
    flight_send_control(h, c, TRAIN_ESTABLISHED);
    if (dialling)
        h->app->dialled(h->app_ctx, h->lane->now_ns, handle_of(c), ERR_OK);
}

void flight_accept(struct host *h, struct conn *c)
{
    establish(h, c);
    h->lane->counts.connections++;
    h->app->accepted(h->app_ctx, h->lane->now_ns, handle_of(c), &h->des->hosts[c->peer_host]->address);
}

int flight_dial(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn)
{
    struct conn *c = flight_conn_new(h, CONN_DIALLING, to);

    *conn = handle_of(c);
    c->peer.index = port; /* until the SYN-ACK tells the far handle */
    flight_send_control(h, c, TRAIN_SYN);
    return ERR_OK;
}
