/* The `flight` model: connections with the windows of sim/tcp, whose segments travel in trains. A train is one event, two
 * where it queues at the far end; an ACK is an event only where the sender could do something with it. README.md tells
 * what is modelled; sender.h, receiver.h and train.h are the machines, this is their place in the engine.
 *
 * A host touches its own state only: of the peer it knows what never changes (region, address, rates). What gets lost
 * becomes a notice to the sender, which is no packet and always arrives. */
#include "sim/des/internal.h"
#include "sim/des/receiver.h"
#include "sim/des/sender.h"
#include "sim/tcp/tcp.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define CHUNK 8                                  /* connections that are allocated together */
#define CHUNKS_FEW 5
#define TRAIN_TIME_NS (2 * NS_PER_MS)            /* a train takes no longer on the slowest link ... */
#define TRAIN_SEGMENTS_MIN 2                     /* ... unless it is as short as this */
#define NONE UINT32_MAX
#define SWEEP_NS (10ull * NS_PER_S)
#define ACK_CARRIED_NS (20ull * NS_PER_MS)       /* bytes go back, where the last ones arrived no longer ago than this */

enum flight_event {
    EVENT_TRAIN = EVENT_TRANSPORT, /* object: struct train that is through the far end's downlink if nothing was before it */
    EVENT_THROUGH,                 /* object: struct train that left the downlink's queue */
    EVENT_ALARM,                   /* object: a connection's number, as are those of the next */
    EVENT_RESUME,                  /* it was unpaused */
    EVENT_SWEEP                    /* give back what idle connections do not need */
};

enum conn_state {
    CONN_FREE,
    CONN_DIALLING,
    CONN_ACCEPTING, /* the SYN came; known to the node when the handshake is through */
    CONN_OPEN,
    CONN_CLOSING /* given up by its node: sends what is left */
};

struct conn { /* what receiving needs comes first: three cache lines, of which it touches the first only */
    uint32_t generation, index;
    struct receiver receiver;
    uint8_t state; /* enum conn_state */
    bool paused : 1, retry : 1 /* our word of the handshake was lost */;
    uint32_t peer_host; /* of a free one: the next free one, or NONE */
    struct backend_conn peer;
    uint64_t last_arrival_ns; /* of what we sent: later trains never overtake */
    struct sender sender;
    uint64_t spare; /* to a multiple of a cache line */
};

_Static_assert(sizeof(struct conn) == 192, "what an end of a connection costs");

struct flight_host {
    struct conn **chunks; /* of CHUNK connections each: `few`, or an array */
    uint32_t conn_count;
    uint32_t first_free; /* of a list; NONE */
    struct conn *few[CHUNKS_FEW];
    bool sweeping;
};

struct emission {
    struct host *h;
    struct conn *c;
};

static struct flight_host *flight_host(const struct host *h)
{
    return transport_state(h);
}

static const struct tcp_config *config_of(const struct host *h)
{
    return h->des->transport_world;
}

static uint32_t header_size(const struct host *h)
{
    return config_of(h)->timestamps ? 52 : 40;
}

/* ---- connections ---- */

static struct conn *conn_at(const struct flight_host *fh, uint32_t index)
{
    return &fh->chunks[index / CHUNK][index % CHUNK];
}

static struct conn *conn_get(struct host *h, struct backend_conn handle)
{
    struct flight_host *fh = flight_host(h);
    struct conn *c;

    if (handle.index >= fh->conn_count)
        return NULL;
    c = conn_at(fh, handle.index);
    return c->state == CONN_FREE || c->generation != handle.generation ? NULL : c;
}

static struct backend_conn handle_of(const struct conn *c)
{
    return (struct backend_conn){c->index, c->generation};
}

static void add_chunk(struct flight_host *fh, uint32_t index)
{
    if (index == CHUNKS_FEW) {
        fh->chunks = mem_grow(NULL, 2 * CHUNKS_FEW, sizeof(struct conn *));
        memcpy(fh->chunks, fh->few, sizeof fh->few);
    } else if (index > CHUNKS_FEW && index % CHUNKS_FEW == 0) {
        fh->chunks = mem_grow(fh->chunks, index + CHUNKS_FEW, sizeof(struct conn *));
    }
    fh->chunks[index] = mem_zalloc(CHUNK * sizeof(struct conn));
}

static uint32_t take_number(struct flight_host *fh)
{
    uint32_t index = fh->first_free;

    if (index != NONE) {
        fh->first_free = conn_at(fh, index)->peer_host;
        return index;
    }
    if (fh->conn_count % CHUNK == 0)
        add_chunk(fh, fh->conn_count / CHUNK);
    return fh->conn_count++;
}

/* Segments that leave as one: no longer than keeps the clock of the ACKs on the slowest link. */
static uint8_t train_length(const struct host *h, const struct host *peer)
{
    const struct tcp_config *config = config_of(h);
    uint64_t bps = path_bps(h, peer), most = TRAIN_SIZE_MAX / config->mss, fit;

    if (most > TRAIN_SEGMENTS_MAX)
        most = TRAIN_SEGMENTS_MAX;
    if (most == 0)
        most = 1;
    if (bps) {
        fit = TRAIN_TIME_NS * (bps / 8) / NS_PER_S / (config->mss + header_size(h));
        if (fit < TRAIN_SEGMENTS_MIN)
            fit = TRAIN_SEGMENTS_MIN;
        most = most < fit ? most : fit;
    }
    return (uint8_t)most;
}

static struct conn *conn_new(struct host *h, enum conn_state state, const struct host *peer)
{
    struct flight_host *fh = flight_host(h);
    uint32_t index = take_number(fh);
    struct conn *c = conn_at(fh, index);

    *c = (struct conn){.generation = c->generation + 1,
                       .index = index,
                       .state = (uint8_t)state,
                       .peer_host = peer->index};
    sender_init(&c->sender, config_of(h), h->lane->now_ns);
    c->sender.burst_max = train_length(h, peer);
    receiver_init(&c->receiver);
    return c;
}

static void conn_free(struct host *h, struct conn *c)
{
    struct flight_host *fh = flight_host(h);

    CHECK(c->state != CONN_FREE);
    sender_deinit(&c->sender);
    receiver_deinit(&c->receiver);
    c->state = CONN_FREE;
    c->peer_host = fh->first_free;
    fh->first_free = c->index;
}

/* ---- what leaves ---- */

static void handle_notice(struct host *h, struct train *t);

/* Tells who has to know that something was lost: its source, or of an ACK who waits for it. */
static void tell_lost(struct host *h, struct train *notice)
{
    uint32_t who = notice->refused == TRAIN_ACK ? notice->destination : notice->source;

    if (notice->refused == TRAIN_RST)
        train_free(notice);
    else if (who == h->index)
        handle_notice(h, notice);
    else
        des_post(h, who, h->lane->now_ns + path_least_ns(h->des, h->region, h->des->hosts[who]->region), EVENT_TRAIN,
                 notice);
}

/* Takes out the segments that a queue or a partition swallowed. */
static void drop_segments(struct host *h, struct train *t, uint16_t segments)
{
    struct train *notice = train_lose(t, segments);

    h->lane->counts.dropped += (uint64_t)__builtin_popcount(segments);
    if (notice)
        tell_lost(h, notice);
}

/* The same for those that were lost on the way: bit i of `losses` is the i-th of what is left of the train. */
static void lose_segments(struct host *h, struct train *t, uint64_t losses)
{
    struct train *notice;
    uint16_t segments = 0;
    uint32_t place = 0;

    if (losses == 0)
        return;
    for (uint32_t i = 0; i < t->segments; i++)
        if (!(t->lost >> i & 1) && losses >> place++ & 1)
            segments |= (uint16_t)(1u << i);
    notice = train_lose(t, segments);
    h->lane->counts.lost += (uint64_t)__builtin_popcount(segments);
    if (notice)
        tell_lost(h, notice);
}

/* The next hop of the train. Each segment has its own jitter, and none overtakes another. */
static struct path_hop next_hop(struct host *h, struct train *t, uint32_t to_region)
{
    struct path_hop hop = path_hop(h, t->destination, to_region);
    uint64_t first_ns = hop.delay_ns;

    for (uint32_t i = 1, live = train_live(t); h->des->jitters && i < live; i++) {
        uint64_t delay_ns = path_hop(h, t->destination, to_region).delay_ns;

        hop.delay_ns = delay_ns > hop.delay_ns ? delay_ns : hop.delay_ns;
    }
    t->spread_ns += hop.delay_ns - first_ns;
    return hop;
}

/* Posts the arrival of the train, which reaches the next host at t->at_ns: through the downlink of its destination, if nothing
 * is before it there. Where several trains left as one event (sender_ack) that time may lie in the past a little; the
 * event comes no earlier than least_ns from now. */
static void post_arrival(struct host *h, struct train *t, uint32_t to, uint64_t least_ns)
{
    uint64_t event_ns;

    t->last_hop_ns = to == t->destination ? link_time_ns(&h->des->hosts[to]->down, train_last_size(t, header_size(h))) : 0;
    event_ns = t->at_ns + t->last_hop_ns;
    if (event_ns < h->lane->now_ns + least_ns)
        event_ns = h->lane->now_ns + least_ns;
    des_post(h, to, event_ns, EVENT_TRAIN, t);
}

/* Puts the train on its way; when its last bit left the uplink. All of what may lie between two hosts comes in here, in
 * forward and in arrive. */
static uint64_t launch(struct host *h, struct train *t, uint64_t *last_arrival_ns)
{
    const struct host *peer = h->des->hosts[t->destination];
    uint64_t through_ns = h->lane->now_ns;
    struct path_hop hop;

    if (path_cut(h, peer)) {
        drop_segments(h, t, (uint16_t)((1u << t->segments) - 1));
    } else {
        drop_segments(h, t, train_pass(t, &h->up, t->sent_ns, header_size(h), &through_ns));
        if (train_live(t)) {
            h->lane->counts.bytes += train_wire_size(t, header_size(h));
            lose_segments(h, t, path_losses(h, peer->region, train_live(t)));
        }
    }
    if (train_live(t) == 0) {
        train_free(t);
        return through_ns;
    }
    hop = next_hop(h, t, peer->region);
    t->rest_ns = hop.rest_ns;
    t->at_ns = through_ns + hop.delay_ns;
    if (t->at_ns < *last_arrival_ns)
        t->at_ns = *last_arrival_ns;
    *last_arrival_ns = t->at_ns;
    post_arrival(h, t, hop.host, hop.delay_ns);
    return through_ns;
}

/* A train of others at a bottleneck. */
static void forward(struct host *h, struct train *t)
{
    uint64_t through_ns;

    drop_segments(h, t, train_pass(t, &h->up, t->at_ns, header_size(h), &through_ns));
    if (train_live(t) == 0) {
        train_free(t);
        return;
    }
    t->at_ns = through_ns + t->rest_ns;
    post_arrival(h, t, t->destination, t->rest_ns);
}

static struct train *train_new(const struct host *h, const struct conn *c, enum train_kind kind)
{
    struct train *t = mem_zalloc(sizeof *t);

    t->kind = (uint8_t)kind;
    t->segments = 1;
    t->mss = (uint16_t)config_of(h)->mss;
    t->source = h->index;
    t->destination = c->peer_host;
    t->from = handle_of(c);
    t->to = c->peer;
    t->sent_ns = h->lane->now_ns;
    return t;
}

static void send_control(struct host *h, struct conn *c, enum train_kind kind)
{
    launch(h, train_new(h, c, kind), &c->last_arrival_ns);
}

static struct expectation emit(void *ctx, const struct burst *b, struct chain *bytes)
{
    const struct emission *e = ctx;
    struct host *h = e->h;
    struct conn *c = e->c;
    const struct host *peer = h->des->hosts[c->peer_host];
    struct train *t = train_new(h, c, TRAIN_DATA);
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
    through_ns = launch(h, t, &c->last_arrival_ns);
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
    struct train *t = train_new(h, c, TRAIN_ACK);

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
    launch(h, t, &c->last_arrival_ns);
}

/* Answers something for which there is no connection here. */
static void refuse(struct host *h, const struct train *to)
{
    struct train *t;
    uint64_t last_ns = 0;

    if (to->kind == TRAIN_RST || to->kind == TRAIN_ACK || to->kind == TRAIN_NOTICE)
        return;
    t = mem_zalloc(sizeof *t);
    t->kind = TRAIN_RST;
    t->segments = 1;
    t->source = h->index;
    t->destination = to->source;
    t->sent_ns = h->lane->now_ns;
    t->to = to->from;
    launch(h, t, &last_ns);
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

static void alarm_at(struct host *h, struct conn *c, uint64_t due_ns)
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
    alarm_at(h, c, sender_deadline_ns(&c->sender, config_of(h)));
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
        conn_free(h, c);
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

/* ---- the handshake ---- */

static enum train_kind control_of(const struct conn *c)
{
    return c->state == CONN_DIALLING ? TRAIN_SYN : c->state == CONN_ACCEPTING ? TRAIN_SYN_ACK : TRAIN_ESTABLISHED;
}

/* Our word of the handshake was lost: again after 1, 2, 4 s. */
static void retry_later(struct host *h, struct conn *c, uint64_t sent_ns)
{
    c->retry = true;
    alarm_at(h, c, sent_ns + rtt_timeout_ns(config_of(h), &c->sender.w));
}

static void retry_handshake(struct host *h, struct conn *c)
{
    struct sender *s = &c->sender;

    c->retry = false;
    if (s->retries >= config_of(h)->syn_retries) {
        struct backend_conn handle = handle_of(c);
        uint8_t state = c->state;

        if (state == CONN_OPEN)
            return; /* the far side gives up by itself */
        conn_free(h, c);
        if (state == CONN_DIALLING)
            h->app->dialled(h->app_ctx, h->lane->now_ns, handle, ERR_TIMEOUT);
        return;
    }
    s->retries++;
    s->w.backoff++;
    s->w.sent_ns = h->lane->now_ns;
    send_control(h, c, control_of(c));
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

static void receive_syn(struct host *h, const struct train *t)
{
    struct conn *c;

    if (!h->app || h->listen_port != t->to.index) {
        refuse(h, t);
        return;
    }
    c = conn_new(h, CONN_ACCEPTING, h->des->hosts[t->source]);
    c->peer = t->from;
    send_control(h, c, TRAIN_SYN_ACK);
}

static void receive_syn_ack(struct host *h, struct conn *c, const struct train *t)
{
    bool dialling = c->state == CONN_DIALLING;

    if (dialling) {
        c->peer = t->from;
        establish(h, c);
    }
    send_control(h, c, TRAIN_ESTABLISHED);
    if (dialling)
        h->app->dialled(h->app_ctx, h->lane->now_ns, handle_of(c), ERR_OK);
}

static void accept_conn(struct host *h, struct conn *c)
{
    establish(h, c);
    h->lane->counts.connections++;
    h->app->accepted(h->app_ctx, h->lane->now_ns, handle_of(c), &h->des->hosts[c->peer_host]->address);
}

/* ---- downcalls ---- */

static int flight_dial(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn)
{
    struct conn *c = conn_new(h, CONN_DIALLING, to);

    *conn = handle_of(c);
    c->peer.index = port; /* until the SYN-ACK tells the far handle */
    send_control(h, c, TRAIN_SYN);
    return ERR_OK;
}

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

static void flight_close(struct host *h, struct backend_conn handle, enum backend_close how)
{
    struct conn *c = conn_get(h, handle);
    struct emission e = {h, c};
    struct sender_out out;

    if (!c || c->state == CONN_CLOSING)
        return;
    if (c->state != CONN_OPEN || how != BACKEND_CLOSE_FIN) {
        if (c->state == CONN_OPEN)
            send_control(h, c, TRAIN_RST);
        conn_free(h, c);
        return;
    }
    c->state = CONN_CLOSING;
    receiver_deinit(&c->receiver);
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
        __builtin_prefetch(c, 1);
        __builtin_prefetch((const char *)c + 64, 1);
        __builtin_prefetch((const char *)c + 128, 1);
    } else {
        sender_expect(&c->sender);
    }
}

static void flight_reset_all(struct host *h)
{
    struct flight_host *fh = flight_host(h);

    for (uint32_t i = 0; i < fh->conn_count; i++) {
        struct conn *c = conn_at(fh, i);

        if (c->state == CONN_FREE)
            continue;
        if (c->state != CONN_DIALLING)
            send_control(h, c, TRAIN_RST);
        conn_free(h, c);
    }
}

/* ---- what arrives ---- */

static void receive_rst(struct host *h, struct conn *c)
{
    struct backend_conn handle = handle_of(c);
    uint8_t state = c->state;

    conn_free(h, c);
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
    conn_free(h, c);
    h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_CLOSED);
}

/* An ACK that no event stands for takes its room on the uplink, unless bytes that go back carry it: they probably do where
 * some went a moment ago. */
static void charge_ack(struct host *h, const struct conn *c)
{
    if (h->lane->now_ns > c->last_arrival_ns + ACK_CARRIED_NS)
        link_enqueue(&h->up, h->lane->now_ns, header_size(h));
}

/* Bytes for a connection that its node gave up: only their arrival matters. */
static void discard(struct host *h, struct conn *c, struct train *t)
{
    c->receiver.received = t->seq + t->size + (t->fin ? 1 : 0);
    if (t->asks)
        send_ack(h, c, t, 1);
}

static void receive_data(struct host *h, struct conn *c, struct train *t)
{
    struct receiver_at at;
    struct chain bytes;
    uint32_t acks;

    if (c->state == CONN_ACCEPTING) {
        struct backend_conn handle = handle_of(c);

        accept_conn(h, c);
        c = conn_get(h, handle);
        if (!c)
            return;
    }
    if (c->state == CONN_CLOSING) {
        discard(h, c, t);
        return;
    }
    if (c->state != CONN_OPEN)
        return;
    chain_init(&bytes);
    sender_heard(&c->sender, h->lane->now_ns);
    at = (struct receiver_at){.config = config_of(h),
                              .now_ns = h->lane->now_ns,
                              .opened_ns = c->sender.w.min_rtt_since_ns + (c->sender.w.srtt_us >> 3) * (uint64_t)NS_PER_US,
                              .paused = c->paused};
    acks = receiver_take(&c->receiver, &at, t, &bytes);
    if (acks)
        send_ack(h, c, t, acks);
    else
        charge_ack(h, c);
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

static void receive(struct host *h, struct train *t)
{
    struct conn *c = t->kind == TRAIN_SYN ? NULL : conn_get(h, t->to);

    if (t->kind == TRAIN_SYN) {
        receive_syn(h, t);
    } else if (!c) {
        refuse(h, t);
    } else if (t->kind == TRAIN_SYN_ACK) {
        receive_syn_ack(h, c, t);
    } else if (t->kind == TRAIN_ESTABLISHED) {
        if (c->state == CONN_ACCEPTING)
            accept_conn(h, c);
    } else if (t->kind == TRAIN_DATA) {
        receive_data(h, c, t);
    } else if (t->kind == TRAIN_ACK) {
        receive_ack(h, c, t);
    } else if (t->kind == TRAIN_RST) {
        receive_rst(h, c);
    }
    train_free(t);
}

static void arrive(struct host *h, struct train *t)
{
    uint64_t now = h->lane->now_ns, through;

    if (t->kind == TRAIN_NOTICE) {
        handle_notice(h, t);
        return;
    }
    if (h->middle) {
        forward(h, t);
        return;
    }
    drop_segments(h, t, train_pass(t, &h->down, t->at_ns, header_size(h), &through));
    t->at_ns = through;
    if (h->loss && train_live(t))
        lose_segments(h, t, path_losses_down(h, train_live(t)));
    if (t->kind == TRAIN_SYN && h->unreachable)
        drop_segments(h, t, 1);
    if (train_live(t) == 0)
        train_free(t);
    else if (through > now)
        des_post(h, h->index, through, EVENT_THROUGH, t);
    else
        receive(h, t);
}

/* ---- losses ---- */

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

static void handle_notice(struct host *h, struct train *t)
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
    else if (control_of(c) == t->refused)
        retry_later(h, c, t->sent_ns);
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
        retry_handshake(h, c);
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

static void flight_host_start(struct host *h)
{
    flight_host(h)->first_free = NONE;
    flight_host(h)->chunks = flight_host(h)->few;
}

static void flight_host_stop(struct host *h)
{
    struct flight_host *fh = flight_host(h);

    for (uint32_t i = 0; i < fh->conn_count; i++)
        if (conn_at(fh, i)->state != CONN_FREE)
            conn_free(h, conn_at(fh, i));
    for (uint32_t i = 0; i < fh->conn_count; i += CHUNK)
        mem_free(fh->chunks[i / CHUNK]);
    if (fh->chunks != fh->few)
        mem_free(fh->chunks);
}

static void flight_event(struct host *h, const struct event *e)
{
    struct conn *c;

    switch ((enum flight_event)e->kind) {
    case EVENT_TRAIN:
        arrive(h, e->object);
        break;
    case EVENT_THROUGH:
        receive(h, e->object);
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

    __builtin_prefetch(flight_host(h));
    if (!t->bytes.size || !app)
        return;
    __builtin_prefetch(t->bytes.spans);
    __builtin_prefetch((const char *)t->bytes.spans + 64);
    __builtin_prefetch(app);
    __builtin_prefetch(app + 64);
    __builtin_prefetch(app + 128);
}

static void fetch_conn(const struct host *h, const struct train *t)
{
    const struct flight_host *fh = flight_host(h);
    const char *c;

    if (t->kind == TRAIN_SYN || t->to.index >= fh->conn_count)
        return;
    c = (const char *)conn_at(fh, t->to.index);
    __builtin_prefetch(c, 1);
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
            __builtin_prefetch(chain_front(&t->bytes).data);
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
