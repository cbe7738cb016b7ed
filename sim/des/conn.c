/* Connections of the `ideal` model: an in-order byte stream with latency, jitter and two FIFO links; no loss, no window.
 *
 * Back-pressure is lossless. A sender finds no room while its uplink's queue is full, while the far side has stopped it (its
 * node paused, or its downlink's queue is full), or while a partition lies between them. A host that wants a sender to
 * stop tells it with XOFF, which takes a path delay to arrive, so up to one delay's worth of bytes more is on the way. */
#include "sim/des/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

void packet_free(struct packet *p)
{
    chain_deinit(&p->bytes);
    mem_free(p);
}

struct conn *conn_get(struct host *h, struct backend_conn handle)
{
    struct conn *c;

    if (handle.index >= h->conn_count)
        return NULL;
    c = &h->conns[handle.index];
    if (c->state == CONN_FREE || c->generation != handle.generation)
        return NULL;
    return c;
}

static struct backend_conn handle_of(const struct host *h, const struct conn *c)
{
    return (struct backend_conn){(uint32_t)(c - h->conns), c->generation};
}

static struct conn *conn_new(struct host *h, enum conn_state state, uint32_t peer_host)
{
    uint32_t index, generation;
    struct conn *c;

    if (h->free_count) {
        index = h->free_conns[--h->free_count];
        generation = h->conns[index].generation;
    } else {
        if (h->conn_count == h->conn_capacity) {
            h->conn_capacity = h->conn_capacity ? h->conn_capacity * 2 : 8;
            h->conns = mem_grow(h->conns, h->conn_capacity, sizeof *h->conns);
            h->free_conns = mem_grow(h->free_conns, h->conn_capacity, sizeof *h->free_conns);
        }
        index = h->conn_count++;
        generation = 1;
    }
    c = &h->conns[index];
    *c = (struct conn){.generation = generation,
                       .state = (uint8_t)state,
                       .peer_host = peer_host,
                       .peer_region = h->des->hosts[peer_host]->region};
    return c;
}

static void conn_free(struct host *h, struct conn *c)
{
    CHECK(c->state != CONN_FREE);
    chain_deinit(&c->received);
    c->state = CONN_FREE;
    c->generation++;
    h->free_conns[h->free_count++] = (uint32_t)(c - h->conns);
}

void conns_deinit(struct host *h)
{
    for (uint32_t i = 0; i < h->conn_count; i++)
        chain_deinit(&h->conns[i].received);
    mem_free(h->conns);
    mem_free(h->free_conns);
    mem_free(h->waiting);
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
    uint64_t now = h->des->now_ns, arrival = now;

    if (p->bytes.size) {
        p->serialising_ns = link_time_ns(&h->up, p->bytes.size);
        arrival = link_enqueue(&h->up, now, p->bytes.size);
        h->des->counts.bytes += p->bytes.size;
    }
    arrival += des_path_ns(h, c->peer_region);
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

    if (des_cut(h, h->des->hosts[p->source]))
        return;
    rst = mem_zalloc(sizeof *rst);
    rst->kind = PACKET_RST;
    rst->source = h->index;
    rst->to = p->from;
    des_post(h, p->source, h->des->now_ns + des_path_ns(h, h->des->hosts[p->source]->region), EVENT_PACKET, rst);
}

static bool cut_off(const struct host *h, const struct conn *c)
{
    return des_cut(h, h->des->hosts[c->peer_host]);
}

/* ---- downcalls ---- */

static int ops_listen(void *host, const struct endpoint *at)
{
    struct host *h = host;

    if (h->listen_port)
        return ERR_IN_USE;
    if (at->port == 0)
        return ERR_INVALID;
    h->listen_port = at->port;
    return ERR_OK;
}

static int ops_dial(void *host, const struct endpoint *to, struct backend_conn *conn)
{
    struct host *h = host;
    struct endpoint key = *to;
    uint64_t *found;
    struct conn *c;

    key.port = 0;
    found = map_find(&h->des->by_address, slice_of(&key.ip, sizeof key.ip));
    if (!found)
        return ERR_UNREACHABLE;
    if (h->des->transport)
        return h->des->transport->dial(h, (uint32_t)*found, to->port, conn);
    c = conn_new(h, CONN_DIALLING, (uint32_t)*found);
    *conn = handle_of(h, c);
    c->peer.index = to->port; /* until the SYN_ACK tells the far handle */
    if (!cut_off(h, c))
        send_control(h, c, PACKET_SYN);
    return ERR_OK;
}

static void wait_for_room(struct host *h, struct conn *c)
{
    if (c->waiting)
        return;
    c->waiting = true;
    if (h->waiting_head + h->waiting_count == h->waiting_capacity) {
        if (h->waiting_head) {
            memmove(h->waiting, h->waiting + h->waiting_head, h->waiting_count * sizeof *h->waiting);
            h->waiting_head = 0;
        } else {
            h->waiting_capacity = h->waiting_capacity ? h->waiting_capacity * 2 : 8;
            h->waiting = mem_grow(h->waiting, h->waiting_capacity, sizeof *h->waiting);
        }
    }
    h->waiting[h->waiting_head + h->waiting_count++] = (uint32_t)(c - h->conns);
    if (!h->up.waking) {
        uint64_t at = link_half_empty_ns(&h->up);

        h->up.waking = true;
        des_post(h, h->index, at > h->des->now_ns ? at : h->des->now_ns, EVENT_ROOM, NULL);
    }
}

/* Bytes this connection may put on the uplink now. While others wait it gets one train at a time, in its turn. */
static size_t room_for(struct host *h, struct conn *c, bool first)
{
    uint64_t backlog = link_backlog(&h->up, h->des->now_ns);

    if (c->stopped || cut_off(h, c))
        return 0;
    if (h->up.bps == 0)
        return TRAIN_SIZE_MAX;
    if (backlog >= h->up.queue_size_max || (h->waiting_count && !first))
        return 0;
    return TRAIN_SIZE_MAX;
}

static size_t ops_send(void *host, struct backend_conn handle, struct chain *bytes)
{
    struct host *h = host;
    struct conn *c = conn_get(h, handle);
    size_t sent = 0;
    bool first;

    if (h->des->transport)
        return h->des->transport->send(h, handle, bytes);
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

static void ops_pause(void *host, struct backend_conn handle, bool paused)
{
    struct host *h = host;
    struct conn *c = conn_get(h, handle);

    if (h->des->transport) {
        h->des->transport->pause(h, handle, paused);
        return;
    }
    if (!c || c->paused == paused)
        return;
    c->paused = paused;
    if (!paused) /* no upcall inside a downcall: what was held comes as an event of its own */
        des_post(h, h->index, h->des->now_ns, EVENT_RESUME, packet_new(h, c, PACKET_DATA));
}

static void ops_close(void *host, struct backend_conn handle, enum backend_close how)
{
    struct host *h = host;
    struct conn *c = conn_get(h, handle);

    if (h->des->transport) {
        h->des->transport->close(h, handle, how);
        return;
    }
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

static void ops_expect(const void *host, struct backend_conn handle)
{
    const struct host *h = host;

    if (handle.index < h->conn_count)
        __builtin_prefetch(&h->conns[handle.index], 1);
}

static void ops_wake_at(void *host, uint64_t deadline_ns)
{
    struct host *h = host;

    if (deadline_ns < h->des->now_ns)
        deadline_ns = h->des->now_ns;
    h->wake_ns = deadline_ns;
    if (deadline_ns >= h->wake_posted_ns)
        return; /* the event that is queued comes first and moves the rest on */
    h->wake_posted_ns = deadline_ns;
    des_post(h, h->index, deadline_ns, EVENT_WAKE, NULL);
}

static void ops_random(void *host, uint8_t *out, size_t size)
{
    rng_fill(&((struct host *)host)->random, out, size);
}

static void ops_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    struct host *h = host;

    if (h->des->config.trace)
        h->des->config.trace(h->des->config.trace_ctx, h->index, now_ns, event);
}

const struct backend_ops des_ops = {
    .version = BACKEND_VERSION,
    .listen = ops_listen,
    .dial = ops_dial,
    .send = ops_send,
    .pause = ops_pause,
    .close = ops_close,
    .expect = ops_expect,
    .wake_at = ops_wake_at,
    .random = ops_random,
    .trace = ops_trace,
};

/* ---- what arrives ---- */

static void receive_syn(struct host *h, const struct packet *p)
{
    uint16_t port = (uint16_t)p->to.index;
    struct conn *c;

    if (des_cut(h, h->des->hosts[p->source]))
        return; /* our answer would not get there; the dialler tries again after the heal */
    if (!h->app || h->listen_port != port) {
        refuse(h, p);
        return;
    }
    c = conn_new(h, CONN_OPEN, p->source);
    c->peer = p->from;
    h->des->counts.connections++;
    send_control(h, c, PACKET_SYN_ACK);
    h->app->accepted(h->app_ctx, h->des->now_ns, handle_of(h, c), &h->des->hosts[p->source]->address);
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
    h->app->dialled(h->app_ctx, h->des->now_ns, p->to, ERR_OK);
}

static void receive_rst(struct host *h, const struct packet *p)
{
    struct conn *c = conn_get(h, p->to);
    uint8_t state;

    if (!c)
        return;
    state = c->state;
    conn_free(h, c);
    if (state == CONN_DIALLING)
        h->app->dialled(h->app_ctx, h->des->now_ns, p->to, ERR_REFUSED);
    else if (state == CONN_OPEN)
        h->app->closed(h->app_ctx, h->des->now_ns, p->to, ERR_RESET);
}

/* The far side's FIN, once everything before it was handed over. */
static void end_conn(struct host *h, struct backend_conn handle)
{
    struct conn *c = conn_get(h, handle);
    uint8_t state = c->state;

    conn_free(h, c);
    if (state == CONN_OPEN)
        h->app->closed(h->app_ctx, h->des->now_ns, handle, ERR_CLOSED);
}

static void deliver_bytes(struct host *h, struct packet *p)
{
    struct conn *c = conn_get(h, p->to);

    if (!c || c->state == CONN_CLOSING) {
        if (!c && p->kind == PACKET_DATA)
            refuse(h, p);
        return;
    }
    CHECK(c->state == CONN_OPEN);
    if (p->kind == PACKET_FIN) {
        if (c->paused)
            c->ended = true;
        else
            end_conn(h, p->to);
        return;
    }
    if (!c->paused) {
        h->app->data(h->app_ctx, h->des->now_ns, p->to, &p->bytes);
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
        h->app->writable(h->app_ctx, h->des->now_ns, handle_of(h, c));
    }
}

/* A full downlink stops the sender whose bytes filled it. */
static void limit_downlink(struct host *h, const struct packet *p)
{
    struct conn *c = conn_get(h, p->to);

    if (!c || c->state != CONN_OPEN || c->stopping || cut_off(h, c))
        return;
    if (link_backlog(&h->down, h->des->now_ns) <= h->down.queue_size_max)
        return;
    c->stopping = true;
    send_control(h, c, PACKET_XOFF);
    if (!h->down.waking) {
        h->down.waking = true;
        des_post(h, h->index, link_half_empty_ns(&h->down), EVENT_DRAINED, NULL);
    }
}

void conn_packet(struct host *h, struct packet *p)
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
        c = conn_get(h, p->to);
        if (c) {
            c->stopped = p->kind == PACKET_XOFF;
            tell_writable(h, c);
        }
        break;
    case PACKET_DATA:
    case PACKET_FIN:
        through = link_enqueue_train(&h->down, h->des->now_ns, p->serialising_ns, p->bytes.size);
        if (through > h->des->now_ns) {
            limit_downlink(h, p);
            des_post(h, h->index, through, EVENT_DELIVER, p);
            return;
        }
        deliver_bytes(h, p);
        break;
    }
    packet_free(p);
}

void conn_deliver(struct host *h, struct packet *p)
{
    deliver_bytes(h, p);
    packet_free(p);
}

void conn_fetch(const struct host *h, const struct packet *p)
{
    const char *app = h->app_ctx;

    if (p->to.index < h->conn_count)
        __builtin_prefetch(&h->conns[p->to.index]);
    if (!p->bytes.size || !app)
        return;
    __builtin_prefetch(p->bytes.spans);
    __builtin_prefetch((const char *)p->bytes.spans + 64);
    __builtin_prefetch(app);
    __builtin_prefetch(app + 64);
    __builtin_prefetch(app + 128);
}

void conn_room(struct host *h)
{
    uint32_t turns = h->waiting_count;

    h->up.waking = false;
    while (turns-- > 0 && h->waiting_count) {
        uint32_t index = h->waiting[h->waiting_head];
        struct conn *c = &h->conns[index];

        if (link_backlog(&h->up, h->des->now_ns) >= h->up.queue_size_max)
            break;
        h->waiting_head++;
        if (--h->waiting_count == 0)
            h->waiting_head = 0;
        c->waiting = false;
        tell_writable(h, c);
    }
    if (h->waiting_count && !h->up.waking) {
        uint64_t at = link_half_empty_ns(&h->up);

        h->up.waking = true;
        des_post(h, h->index, at > h->des->now_ns ? at : h->des->now_ns + 1, EVENT_ROOM, NULL);
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

void conn_drained(struct host *h)
{
    h->down.waking = false;
    for (uint32_t i = 0; i < h->conn_count; i++)
        if (h->conns[i].state == CONN_OPEN)
            restart_sender(h, &h->conns[i]);
}

void conn_resume(struct host *h, struct packet *p)
{
    struct conn *c = conn_get(h, p->from);

    if (c && c->state == CONN_OPEN && !c->paused) {
        struct chain bytes = c->received;

        chain_init(&c->received);
        restart_sender(h, c);
        if (bytes.size)
            h->app->data(h->app_ctx, h->des->now_ns, p->from, &bytes);
        chain_deinit(&bytes);
        c = conn_get(h, p->from);
        if (c && c->ended && !c->paused)
            end_conn(h, p->from);
    }
    packet_free(p);
}

void conn_reset_all(struct host *h)
{
    for (uint32_t i = 0; i < h->conn_count; i++) {
        struct conn *c = &h->conns[i];

        if (c->state == CONN_OPEN && !cut_off(h, c))
            send_control(h, c, PACKET_RST);
        if (c->state != CONN_FREE)
            conn_free(h, c);
    }
    h->listen_port = 0;
    h->waiting_head = h->waiting_count = 0;
}

void conn_healed(struct host *h)
{
    for (uint32_t i = 0; i < h->conn_count; i++) {
        struct conn *c = &h->conns[i];

        if (c->state == CONN_FREE || cut_off(h, c))
            continue;
        if (c->state == CONN_DIALLING) {
            send_control(h, c, PACKET_SYN); /* should the first have got through, its twin is refused */
        } else if (c->state == CONN_CLOSING) {
            send_control(h, c, PACKET_FIN);
            conn_free(h, c);
        } else if (c->state == CONN_OPEN) {
            tell_writable(h, c);
        }
    }
}
