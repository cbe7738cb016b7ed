/* Connections of the `ideal` model: an in-order byte stream with latency, jitter and two FIFO links; no loss, no window.
 *
 * Back-pressure is lossless. A sender finds no room while its uplink's queue is full, while the far side has stopped it (its
 * node paused, or its downlink's queue is full), or while a partition lies between them. A host that wants a sender to
 * stop tells it with XOFF, which takes a path delay to arrive, so up to one delay's worth of bytes more is on the way. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

/* Bytes that travel as one event. Small enough that a large message does not hold up a small one behind it for
 * long (16 KiB are 2.6 ms at 50 Mbit/s), large enough that a large message is few events. */
#define TRAIN_SIZE_MAX (16 * 1024)
#define RECEIVED_SIZE_MAX (256 * 1024) /* held for a node that paused, before its sender is stopped */

enum ideal_event {
    EVENT_PACKET = EVENT_TRANSPORT, /* object: struct packet that reached the far end of the path */
    EVENT_DELIVER, /* object: struct packet that left the downlink's queue */
    EVENT_ROOM,    /* the uplink's queue has room again */
    EVENT_DRAINED, /* the downlink's queue has */
    EVENT_RESUME   /* object: struct packet naming a connection of our own that was unpaused */
};

enum packet_kind { PACKET_SYN, PACKET_SYN_ACK, PACKET_DATA, PACKET_FIN, PACKET_RST, PACKET_XOFF, PACKET_XON };

struct packet {
    enum packet_kind kind;
    bool again;                   /* a SYN that was sent before */
    uint32_t source;              /* host */
    struct backend_conn from, to; /* handles at the source and at the destination */
    uint64_t serialising_ns;      /* how long the bytes took to leave the sender */
    struct chain bytes;
};

enum conn_state {
    CONN_FREE,
    CONN_DIALLING,
    CONN_OPEN,
    CONN_CLOSING /* closed by its node; the end could not be told yet (partition) */
};

struct conn {
    uint32_t generation;
    uint8_t state; /* enum conn_state */
    bool paused : 1, stopped : 1 /* by the far side */, stopping : 1 /* we stopped it */, waiting : 1, wants_write : 1,
        ended : 1;
    uint32_t peer_host, peer_region;
    struct backend_conn peer;
    uint64_t last_arrival_ns; /* of what we sent: later bytes never overtake */
    struct chain received;    /* while paused */
};

struct ideal_host {
    struct conn *conns;
    uint32_t conn_count, conn_capacity;
    uint32_t *free_conns; /* stack of indexes */
    uint32_t free_count;
    uint32_t *waiting; /* connections that wait for uplink room, in order; [waiting_head, +waiting_count) */
    uint32_t waiting_head, waiting_count, waiting_capacity;
};

static struct ideal_host *ideal_host(const struct host *h)
{
    return transport_state(h);
}

static void packet_free(struct packet *p)
{
    chain_deinit(&p->bytes);
    mem_free(p);
}

static struct conn *conn_get(struct host *h, struct backend_conn handle)
{
    struct ideal_host *ih = ideal_host(h);
    struct conn *c;

    if (handle.index >= ih->conn_count)
        return NULL;
    c = &ih->conns[handle.index];
    if (c->state == CONN_FREE || c->generation != handle.generation)
        return NULL;
    return c;
}

static struct backend_conn handle_of(const struct host *h, const struct conn *c)
{
    return (struct backend_conn){(uint32_t)(c - ideal_host(h)->conns), c->generation};
}

static struct conn *conn_new(struct host *h, enum conn_state state, uint32_t peer_host)
{
    struct ideal_host *ih = ideal_host(h);
    uint32_t index, generation;
    struct conn *c;

    if (ih->free_count) {
        index = ih->free_conns[--ih->free_count];
        generation = ih->conns[index].generation;
    } else {
        if (ih->conn_count == ih->conn_capacity) {
            ih->conn_capacity = ih->conn_capacity ? ih->conn_capacity * 2 : 8;
            ih->conns = mem_grow(ih->conns, ih->conn_capacity, sizeof *ih->conns);
            ih->free_conns = mem_grow(ih->free_conns, ih->conn_capacity, sizeof *ih->free_conns);
        }
        index = ih->conn_count++;
        generation = 1;
    }
    c = &ih->conns[index];
    *c = (struct conn){.generation = generation,
                       .state = (uint8_t)state,
                       .peer_host = peer_host,
                       .peer_region = h->des->hosts[peer_host]->region};
    return c;
}

static void conn_free(struct host *h, struct conn *c)
{
    struct ideal_host *ih = ideal_host(h);

    CHECK(c->state != CONN_FREE);
    chain_deinit(&c->received);
    c->state = CONN_FREE;
    c->generation++;
    ih->free_conns[ih->free_count++] = (uint32_t)(c - ih->conns);
}

static void ideal_host_stop(struct host *h)
{
    struct ideal_host *ih = ideal_host(h);

    for (uint32_t i = 0; i < ih->conn_count; i++)
        chain_deinit(&ih->conns[i].received);
    mem_free(ih->conns);
    mem_free(ih->free_conns);
    mem_free(ih->waiting);
}

static struct packet *packet_new(const struct host *h, const struct conn *c, enum packet_kind kind)
{
    struct packet *p = mem_zalloc(sizeof *p);

    p->kind = kind;
    p->source = h->index;
    p->to = c->peer;
    p->from = handle_of(h, c);
    return p;
}

/* Puts the packet on the path after what this connection sent before. */
static void transmit(struct host *h, struct conn *c, struct packet *p)
{
    uint64_t now = h->lane->now_ns, arrival = now;

    if (p->bytes.size) {
        p->serialising_ns = link_time_ns(&h->up, p->bytes.size);
        arrival = link_enqueue(&h->up, now, p->bytes.size);
        h->lane->counts.bytes += p->bytes.size;
    }
    arrival += path_delay_ns(h, c->peer_host, c->peer_region);
    if (arrival < c->last_arrival_ns)
        arrival = c->last_arrival_ns;
    c->last_arrival_ns = arrival;
    des_post(h, c->peer_host, arrival, EVENT_PACKET, p);
}

static void send_control(struct host *h, struct conn *c, enum packet_kind kind)
{
    transmit(h, c, packet_new(h, c, kind));
}

/* Answers a packet for which there is no connection here. */
static void refuse(struct host *h, const struct packet *p)
{
    struct packet *rst;

    if (path_cut(h, h->des->hosts[p->source]))
        return;
    rst = mem_zalloc(sizeof *rst);
    rst->kind = PACKET_RST;
    rst->source = h->index;
    rst->to = p->from;
    des_post(h, p->source, h->lane->now_ns + path_delay_ns(h, p->source, h->des->hosts[p->source]->region), EVENT_PACKET, rst);
}

static bool cut_off(const struct host *h, const struct conn *c)
{
    return path_cut(h, h->des->hosts[c->peer_host]);
}

/* ---- downcalls ---- */

static int ideal_dial(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn)
{
    struct conn *c = conn_new(h, CONN_DIALLING, to->index);

    *conn = handle_of(h, c);
    c->peer.index = port; /* until the SYN_ACK tells the far handle */
    if (!cut_off(h, c))
        send_control(h, c, PACKET_SYN);
    return ERR_OK;
}

static void wait_for_room(struct host *h, struct conn *c)
{
    struct ideal_host *ih = ideal_host(h);

    if (c->waiting)
        return;
    c->waiting = true;
    if (ih->waiting_head + ih->waiting_count == ih->waiting_capacity) {
        if (ih->waiting_head) {
            memmove(ih->waiting, ih->waiting + ih->waiting_head, ih->waiting_count * sizeof *ih->waiting);
            ih->waiting_head = 0;
        } else {
            ih->waiting_capacity = ih->waiting_capacity ? ih->waiting_capacity * 2 : 8;
            ih->waiting = mem_grow(ih->waiting, ih->waiting_capacity, sizeof *ih->waiting);
        }
    }
    ih->waiting[ih->waiting_head + ih->waiting_count++] = (uint32_t)(c - ih->conns);
    if (!h->up.waking) {
        uint64_t at = link_half_empty_ns(&h->up);

        h->up.waking = true;
        des_post(h, h->index, at > h->lane->now_ns ? at : h->lane->now_ns, EVENT_ROOM, NULL);
    }
}

/* Bytes this connection may put on the uplink now. While others wait it gets one train at a time, in its turn. */
static size_t room_for(struct host *h, struct conn *c, bool first)
{
    struct ideal_host *ih = ideal_host(h);
    uint64_t backlog = link_backlog(&h->up, h->lane->now_ns);

    if (c->stopped || cut_off(h, c))
        return 0;
    if (h->up.bps == 0)
        return TRAIN_SIZE_MAX;
    if (backlog >= h->up.queue_size_max || (ih->waiting_count && !first))
        return 0;
    return TRAIN_SIZE_MAX;
}

static size_t ideal_send(struct host *h, struct backend_conn handle, struct chain *bytes)
{
    struct conn *c = conn_get(h, handle);
    size_t sent = 0;
    bool first;

    if (!c || c->state != CONN_OPEN)
        return 0;
    first = !c->waiting;
    while (bytes->size > 0) {
        size_t room = room_for(h, c, first && (sent == 0));
        size_t size = bytes->size < room ? bytes->size : room;
        struct packet *p;

        if (room == 0) {
            c->wants_write = true;
            if (!c->stopped && !cut_off(h, c))
                wait_for_room(h, c);
            break;
        }
        p = packet_new(h, c, PACKET_DATA);
        if (size == bytes->size)
            chain_move_all(&p->bytes, bytes);
        else
            chain_move(&p->bytes, bytes, size);
        transmit(h, c, p);
        sent += size;
    }
    return sent;
}

static void ideal_pause(struct host *h, struct backend_conn handle, bool paused)
{
    struct conn *c = conn_get(h, handle);

    if (!c || c->paused == paused)
        return;
    c->paused = paused;
    if (!paused) /* no upcall inside a downcall: what was held comes as an event of its own */
        des_post(h, h->index, h->lane->now_ns, EVENT_RESUME, packet_new(h, c, PACKET_DATA));
}

static void ideal_close(struct host *h, struct backend_conn handle, enum backend_close how)
{
    struct conn *c = conn_get(h, handle);

    if (!c || c->state == CONN_CLOSING)
        return;
    if (c->state == CONN_OPEN && how == BACKEND_CLOSE_FIN && cut_off(h, c)) {
        c->state = CONN_CLOSING;
        return;
    }
    if (c->state == CONN_OPEN && !cut_off(h, c))
        send_control(h, c, how == BACKEND_CLOSE_FIN ? PACKET_FIN : PACKET_RST);
    conn_free(h, c);
}

static void ideal_expect(const struct host *h, struct backend_conn handle, unsigned step)
{
    const struct ideal_host *ih = ideal_host(h);

    if (step == 0 && handle.index < ih->conn_count)
        fetch_line_to_write(&ih->conns[handle.index]);
}

/* ---- what arrives ---- */

/* A connection here is that of the packet's sender. */
static bool has_partner(const struct host *h, const struct packet *p)
{
    const struct ideal_host *ih = ideal_host(h);

    for (uint32_t i = 0; i < ih->conn_count; i++) {
        const struct conn *c = &ih->conns[i];

        if (c->state != CONN_FREE && c->peer_host == p->source && backend_conn_equal(c->peer, p->from))
            return true;
    }
    return false;
}

/* The open connection that the packet belongs to. A handle alone would not do: what a dial made twice over there (its SYN
 * was sent again) has the same one, until its SYN_ACK is refused. */
static struct conn *conn_with(struct host *h, const struct packet *p)
{
    struct conn *c = conn_get(h, p->to);

    return c && c->state == CONN_OPEN && backend_conn_equal(c->peer, p->from) ? c : NULL;
}

static void receive_syn(struct host *h, const struct packet *p)
{
    uint16_t port = (uint16_t)p->to.index;
    struct conn *c;

    if (path_cut(h, h->des->hosts[p->source]) || h->unreachable)
        return; /* our answer would not get there; the dialler tries again after the heal */
    if (p->again && has_partner(h, p))
        return; /* the first got through after all */
    if (!h->app || h->listen_port != port) {
        refuse(h, p);
        return;
    }
    c = conn_new(h, CONN_OPEN, p->source);
    c->peer = p->from;
    h->lane->counts.connections++;
    send_control(h, c, PACKET_SYN_ACK);
    h->app->accepted(h->app_ctx, h->lane->now_ns, handle_of(h, c), &h->des->hosts[p->source]->address);
}

static void receive_syn_ack(struct host *h, const struct packet *p)
{
    struct conn *c = conn_get(h, p->to);

    if (!c || c->state != CONN_DIALLING) {
        refuse(h, p); /* the dial was given up meanwhile */
        return;
    }
    c->state = CONN_OPEN;
    c->peer = p->from;
    h->app->dialled(h->app_ctx, h->lane->now_ns, p->to, ERR_OK);
}

static void receive_rst(struct host *h, const struct packet *p)
{
    struct conn *c = conn_get(h, p->to);
    uint8_t state;

    if (!c || (p->from.generation && c->state == CONN_OPEN && !backend_conn_equal(c->peer, p->from)))
        return; /* it names its connection, unless there is none */
    state = c->state;
    conn_free(h, c);
    if (state == CONN_DIALLING)
        h->app->dialled(h->app_ctx, h->lane->now_ns, p->to, ERR_REFUSED);
    else if (state == CONN_OPEN)
        h->app->closed(h->app_ctx, h->lane->now_ns, p->to, ERR_RESET);
}

/* The far side's FIN, once everything before it was handed over. */
static void end_conn(struct host *h, struct backend_conn handle)
{
    struct conn *c = conn_get(h, handle);
    uint8_t state = c->state;

    conn_free(h, c);
    if (state == CONN_OPEN)
        h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_CLOSED);
}

static void deliver_bytes(struct host *h, struct packet *p)
{
    struct conn *c = conn_get(h, p->to);

    if (!conn_with(h, p)) {
        if (!c && p->kind == PACKET_DATA)
            refuse(h, p);
        return;
    }
    if (p->kind == PACKET_FIN) {
        if (c->paused)
            c->ended = true;
        else
            end_conn(h, p->to);
        return;
    }
    if (!c->paused) {
        h->app->data(h->app_ctx, h->lane->now_ns, p->to, &p->bytes);
        CHECK(p->bytes.size == 0);
        return;
    }
    chain_move_all(&c->received, &p->bytes);
    if (c->received.size > RECEIVED_SIZE_MAX && !c->stopping && !cut_off(h, c)) {
        c->stopping = true;
        send_control(h, c, PACKET_XOFF);
    }
}

/* Lets every connection that waits on something other than the uplink try again. */
static void tell_writable(struct host *h, struct conn *c)
{
    if (c->state == CONN_OPEN && c->wants_write && !c->stopped && !c->waiting && !cut_off(h, c)) {
        c->wants_write = false;
        h->app->writable(h->app_ctx, h->lane->now_ns, handle_of(h, c));
    }
}

/* A full downlink stops the sender whose bytes filled it. */
static void limit_downlink(struct host *h, const struct packet *p)
{
    struct conn *c = conn_with(h, p);

    if (!c || c->stopping || cut_off(h, c))
        return;
    if (link_backlog(&h->down, h->lane->now_ns) <= h->down.queue_size_max)
        return;
    c->stopping = true;
    send_control(h, c, PACKET_XOFF);
    if (!h->down.waking) {
        h->down.waking = true;
        des_post(h, h->index, link_half_empty_ns(&h->down), EVENT_DRAINED, NULL);
    }
}

static void arrive(struct host *h, struct packet *p)
{
    struct conn *c;
    uint64_t through;

    switch (p->kind) {
    case PACKET_SYN:
        receive_syn(h, p);
        break;
    case PACKET_SYN_ACK:
        receive_syn_ack(h, p);
        break;
    case PACKET_RST:
        receive_rst(h, p);
        break;
    case PACKET_XOFF:
    case PACKET_XON:
        c = conn_with(h, p);
        if (c) {
            c->stopped = p->kind == PACKET_XOFF;
            tell_writable(h, c);
        }
        break;
    case PACKET_DATA:
    case PACKET_FIN:
        through = link_enqueue_train(&h->down, h->lane->now_ns, p->serialising_ns, p->bytes.size);
        if (through > h->lane->now_ns) {
            limit_downlink(h, p);
            des_post(h, h->index, through, EVENT_DELIVER, p);
            return;
        }
        deliver_bytes(h, p);
        break;
    }
    packet_free(p);
}

static void deliver(struct host *h, struct packet *p)
{
    deliver_bytes(h, p);
    packet_free(p);
}

static void room(struct host *h)
{
    struct ideal_host *ih = ideal_host(h);
    uint32_t turns = ih->waiting_count;

    h->up.waking = false;
    while (turns-- > 0 && ih->waiting_count) {
        uint32_t index = ih->waiting[ih->waiting_head];
        struct conn *c = &ih->conns[index];

        if (link_backlog(&h->up, h->lane->now_ns) >= h->up.queue_size_max)
            break;
        ih->waiting_head++;
        if (--ih->waiting_count == 0)
            ih->waiting_head = 0;
        c->waiting = false;
        tell_writable(h, c);
    }
    if (ih->waiting_count && !h->up.waking) {
        uint64_t at = link_half_empty_ns(&h->up);

        h->up.waking = true;
        des_post(h, h->index, at > h->lane->now_ns ? at : h->lane->now_ns + 1, EVENT_ROOM, NULL);
    }
}

/* Lets the far side send again. */
static void restart_sender(struct host *h, struct conn *c)
{
    if (!c->stopping || c->paused || cut_off(h, c))
        return;
    c->stopping = false;
    send_control(h, c, PACKET_XON);
}

static void drained(struct host *h)
{
    struct ideal_host *ih = ideal_host(h);
    h->down.waking = false;
    for (uint32_t i = 0; i < ih->conn_count; i++)
        if (ih->conns[i].state == CONN_OPEN)
            restart_sender(h, &ih->conns[i]);
}

static void resume(struct host *h, struct packet *p)
{
    struct conn *c = conn_get(h, p->from);

    if (c && c->state == CONN_OPEN && !c->paused) {
        struct chain bytes = c->received;

        chain_init(&c->received);
        restart_sender(h, c);
        if (bytes.size)
            h->app->data(h->app_ctx, h->lane->now_ns, p->from, &bytes);
        chain_deinit(&bytes);
        c = conn_get(h, p->from);
        if (c && c->ended && !c->paused)
            end_conn(h, p->from);
    }
    packet_free(p);
}

static void ideal_reset_all(struct host *h)
{
    struct ideal_host *ih = ideal_host(h);

    for (uint32_t i = 0; i < ih->conn_count; i++) {
        struct conn *c = &ih->conns[i];

        if (c->state == CONN_OPEN && !cut_off(h, c))
            send_control(h, c, PACKET_RST);
        if (c->state != CONN_FREE)
            conn_free(h, c);
    }
    ih->waiting_head = ih->waiting_count = 0;
}

static void ideal_healed(struct host *h)
{
    struct ideal_host *ih = ideal_host(h);

    for (uint32_t i = 0; i < ih->conn_count; i++) {
        struct conn *c = &ih->conns[i];

        if (c->state == CONN_FREE || cut_off(h, c))
            continue;
        if (c->state == CONN_DIALLING) {
            struct packet *syn = packet_new(h, c, PACKET_SYN);

            syn->again = true;
            transmit(h, c, syn);
        } else if (c->state == CONN_CLOSING) {
            send_control(h, c, PACKET_FIN);
            conn_free(h, c);
        } else if (c->state == CONN_OPEN) {
            if (!h->down.waking)
                restart_sender(h, c); /* what stopped it may have passed while nobody could say so */
            tell_writable(h, c);
        }
    }
}

static void ideal_event(struct host *h, const struct event *e)
{
    switch ((enum ideal_event)e->kind) {
    case EVENT_PACKET:
        arrive(h, e->object);
        break;
    case EVENT_DELIVER:
        deliver(h, e->object);
        break;
    case EVENT_ROOM:
        room(h);
        break;
    case EVENT_DRAINED:
        drained(h);
        break;
    case EVENT_RESUME:
        resume(h, e->object);
        break;
    }
}

static void ideal_drop(const struct event *e)
{
    if (e->object)
        packet_free(e->object);
}

static void fetch(const struct host *h, const struct packet *p)
{
    const struct ideal_host *ih = ideal_host(h);
    const char *app = h->app_ctx;

    if (p->to.index < ih->conn_count)
        fetch_line(&ih->conns[p->to.index]);
    if (!p->bytes.size || !app)
        return;
    fetch_line(p->bytes.spans);
    fetch_line(app);
    fetch_line(app + 64);
    fetch_line(app + 128);
}

static void ideal_ahead(const struct host *h, const struct event *e, unsigned step)
{
    const struct packet *p = e->object;

    if (e->kind != EVENT_PACKET && e->kind != EVENT_DELIVER)
        return;
    if (step == 0)
        fetch(h, p);
    if (step == 1 && p->bytes.count)
        fetch_line(chain_front(&p->bytes).data);
    if (step > 0 && p->bytes.size && h->app && h->app->expect)
        h->app->expect(h->app_ctx, p->to, &p->bytes, step - 1);
}

const struct des_transport transport_ideal = {
    .host_size = sizeof(struct ideal_host),
    .host_stop = ideal_host_stop,
    .dial = ideal_dial,
    .send = ideal_send,
    .pause = ideal_pause,
    .close = ideal_close,
    .expect = ideal_expect,
    .reset_all = ideal_reset_all,
    .healed = ideal_healed,
    .event = ideal_event,
    .drop = ideal_drop,
    .ahead = ideal_ahead,
};
