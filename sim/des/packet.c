/* The `packet` model: every connection is two endpoints of sim/tcp, every segment an event. Access
 * links are queues of packets, drop-tail by arithmetic or an outlet with a discipline; a packet takes the latency of its path with jitter, and
 * none overtakes another of its connection. What a partition or a full queue swallows is TCP's
 * business.
 *
 * A node's handles and the sockets behind them are numbered apart: a socket lives on after its
 * handle is gone, until the far side has acknowledged the end. Upcalls happen only in serve(),
 * which runs for an event of the host. */
#include "sim/des/internal.h"
#include "sim/des/outlet.h"
#include "sim/tcp/tcp.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define NO_HANDLE UINT32_MAX
/* Ports of who dials, for captures alone: as Linux's. A socket number that is used again has another one. */
#define PORT_FIRST 32768u
#define PORT_COUNT 28232u
#define PORT_STEP 977u

enum packet_event {
    EVENT_SEGMENT = EVENT_TRANSPORT, /* object: struct segment_packet that reached the far end of the path */
    EVENT_SEGMENT_THROUGH,           /* object: struct segment_packet that left the downlink's queue */
    EVENT_TIMER,                     /* of the host's TCP endpoints */
    EVENT_UP_SENT,                   /* the packet on the wire of the uplink's outlet has left */
    EVENT_DOWN_SENT                  /* the same of the downlink's */
};

struct socket_id {
    uint32_t index, generation; /* of a SYN: the port, 0 */
};

struct segment_packet {
    uint32_t source, destination; /* hosts */
    struct element_packet queued; /* its size is that on the wire */
    uint64_t rest_ns;             /* from a bottleneck to the destination */
    struct socket_id from, to;
    uint16_t from_port, to_port;
    struct tcp_segment segment;
};

struct socket {
    struct tcp *tcp;
    struct host *host;
    struct socket_id self, peer;
    uint32_t peer_host;
    uint32_t handle; /* NO_HANDLE: not known to the node, or no longer */
    uint16_t port, peer_port;
    bool dialled, connected, paused, resuming, finished, over, serving;
    uint64_t last_arrival_ns; /* of what we sent: later segments never overtake */
    struct timer timer;       /* no later than what tcp asks for */
};

struct handle {
    uint32_t generation, socket;
};

/* Numbers that are given out lowest-used first and come back. */
struct numbers {
    uint32_t *free;
    uint32_t free_count, count, capacity;
};

struct packet_host {
    struct socket **sockets; /* by index; NULL: free */
    uint32_t *generations;
    struct handle *handles;
    struct numbers socket_numbers, handle_numbers;
    struct timers timers;
    uint64_t posted_ns; /* of the earliest timer event on its way */
    struct outlet *up, *down; /* NULL: drop-tail, link.h's arithmetic */
};

static struct packet_host *packet_host(const struct host *h)
{
    return transport_state(h);
}

/* ---- numbers, sockets, handles ---- */

/* A number below the count of those in use at the same time; true when it is a new one. */
static bool number_take(struct numbers *n, uint32_t *number)
{
    if (n->free_count) {
        *number = n->free[--n->free_count];
        return false;
    }
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? n->capacity * 2 : 8;
        n->free = mem_grow(n->free, n->capacity, sizeof *n->free);
    }
    *number = n->count++;
    return true;
}

static void socket_fire(struct timer *t, uint64_t now_ns);

static struct socket *socket_new(struct host *h, uint32_t peer_host)
{
    struct packet_host *ph = packet_host(h);
    struct socket *k = mem_zalloc(sizeof *k);
    uint32_t capacity = ph->socket_numbers.capacity, index;
    bool fresh = number_take(&ph->socket_numbers, &index);

    if (capacity != ph->socket_numbers.capacity) {
        ph->sockets = mem_grow(ph->sockets, ph->socket_numbers.capacity, sizeof(struct socket *));
        ph->generations =
            mem_grow(ph->generations, ph->socket_numbers.capacity, sizeof *ph->generations);
    }
    if (fresh)
        ph->generations[index] = 1;
    ph->sockets[index] = k;
    k->tcp = tcp_new(h->des->transport_world);
    k->host = h;
    k->self = (struct socket_id){index, ph->generations[index]};
    k->peer_host = peer_host;
    k->handle = NO_HANDLE;
    timer_init(&k->timer, socket_fire);
    return k;
}

static void socket_free(struct socket *k)
{
    struct packet_host *ph = packet_host(k->host);

    CHECK(ph->sockets[k->self.index] == k && k->handle == NO_HANDLE);
    ph->sockets[k->self.index] = NULL;
    ph->generations[k->self.index]++;
    ph->socket_numbers.free[ph->socket_numbers.free_count++] = k->self.index;
    timer_disarm(&ph->timers, &k->timer);
    tcp_free(k->tcp);
    mem_free(k);
}

static struct socket *socket_get(struct host *h, struct socket_id id)
{
    struct packet_host *ph = packet_host(h);

    if (id.index >= ph->socket_numbers.count || !ph->sockets[id.index] ||
        ph->generations[id.index] != id.generation)
        return NULL;
    return ph->sockets[id.index];
}

static void handle_take(struct socket *k)
{
    struct packet_host *ph = packet_host(k->host);
    uint32_t capacity = ph->handle_numbers.capacity;

    if (number_take(&ph->handle_numbers, &k->handle)) {
        if (capacity != ph->handle_numbers.capacity)
            ph->handles = mem_grow(ph->handles, ph->handle_numbers.capacity, sizeof *ph->handles);
        ph->handles[k->handle].generation = 1;
    }
    ph->handles[k->handle].socket = k->self.index;
}

static void handle_release(struct socket *k)
{
    struct packet_host *ph = packet_host(k->host);

    CHECK(k->handle != NO_HANDLE);
    ph->handles[k->handle].generation++;
    ph->handle_numbers.free[ph->handle_numbers.free_count++] = k->handle;
    k->handle = NO_HANDLE;
}

static struct backend_conn handle_of(const struct socket *k)
{
    return (struct backend_conn){k->handle, packet_host(k->host)->handles[k->handle].generation};
}

static struct socket *handle_get(struct host *h, struct backend_conn handle)
{
    struct packet_host *ph = packet_host(h);
    struct socket *k;

    if (handle.index >= ph->handle_numbers.count ||
        ph->handles[handle.index].generation != handle.generation)
        return NULL;
    k = ph->sockets[ph->handles[handle.index].socket];
    return k && k->handle == handle.index ? k : NULL;
}

/* ---- packets ---- */

static void lose(struct segment_packet *p)
{
    tcp_segment_free(&p->segment);
    mem_free(p);
}

static struct segment_packet *packet_of(struct element_packet *queued)
{
    return CONTAINER_OF(queued, struct segment_packet, queued);
}

/* Whether the queue in front of the link has room; when, then it is through at *through_ns. */
static bool pass_link(struct link *l, uint64_t now_ns, uint32_t size, uint64_t *through_ns)
{
    if (l->bps && link_backlog(l, now_ns) + size > l->queue_size_max)
        return false;
    *through_ns = link_enqueue(l, now_ns, size);
    return true;
}

static void drop(struct host *h, struct segment_packet *p)
{
    h->lane->counts.dropped++;
    lose(p);
}

/* Keeps the outlet's wire busy; `kind` is the event that ends what is on it. */
static void keep_sending(struct host *h, struct outlet *o, uint32_t kind, struct element_fifo *dropped)
{
    uint64_t left = outlet_send(o, h->lane->now_ns, dropped);
    struct element_packet *victim;

    if (left != TIME_NEVER)
        des_post(h, h->index, left, kind, NULL);
    while ((victim = element_fifo_pop(dropped)) != NULL)
        drop(h, packet_of(victim));
}

static void wait_in(struct host *h, struct outlet *o, uint32_t kind, struct segment_packet *p)
{
    struct element_fifo dropped = {0};

    outlet_push(o, h->lane->now_ns, &p->queued, &dropped);
    keep_sending(h, o, kind, &dropped);
}

/* The packet leaves the uplink at `at_ns`; `last_ns` is the arrival of the one before, and becomes this one's. */
static void leave(struct host *h, struct segment_packet *p, uint64_t at_ns, uint64_t *last_ns)
{
    uint32_t region = h->des->hosts[p->destination]->region;
    struct path_hop hop;

    h->lane->counts.bytes += p->queued.size;
    if (path_may_lose(h) && path_losses(h, region, 1)) {
        h->lane->counts.lost++;
        lose(p);
        return;
    }
    hop = path_hop(h, p->destination, region);
    p->rest_ns = hop.rest_ns;
    at_ns += hop.delay_ns;
    if (at_ns < *last_ns)
        at_ns = *last_ns;
    *last_ns = at_ns;
    des_post(h, hop.host, at_ns, EVENT_SEGMENT, p);
}

static void watch(struct host *h, const struct segment_packet *p)
{
    const struct capture_ends ends = {h->des->hosts[p->source], h->des->hosts[p->destination], p->from_port, p->to_port};

    capture_segment(h, &ends, &p->segment);
}

/* Puts a segment on its way. */
static void transmit(struct host *h, struct segment_packet *p, uint32_t to, uint64_t *last_ns)
{
    struct packet_host *ph = packet_host(h);
    uint64_t through;

    p->source = h->index;
    p->destination = to;
    p->queued.flow = h->index * 0x9e3779b1u ^ p->from.index * 0x85ebca6bu ^ p->from.generation; /* queues hash it */
    p->queued.size = tcp_segment_size(&p->segment);
    if (path_cut(h, h->des->hosts[to])) {
        drop(h, p);
    } else if (ph->up) {
        wait_in(h, ph->up, EVENT_UP_SENT, p);
    } else if (pass_link(&h->up, h->lane->now_ns, p->queued.size, &through)) {
        if (h->capture)
            watch(h, p);
        leave(h, p, through, last_ns);
    } else {
        drop(h, p);
    }
}

static void up_sent(struct host *h)
{
    struct packet_host *ph = packet_host(h);
    struct segment_packet *p = packet_of(outlet_take(ph->up));
    struct element_fifo dropped = {0};
    uint64_t alone = 0;
    struct socket *k;

    keep_sending(h, ph->up, EVENT_UP_SENT, &dropped);
    if (h->middle) {
        des_post(h, p->destination, h->lane->now_ns + p->rest_ns, EVENT_SEGMENT, p);
        return;
    }
    if (h->capture)
        watch(h, p);
    k = socket_get(h, p->from);
    leave(h, p, h->lane->now_ns, k ? &k->last_arrival_ns : &alone);
}

/* A packet of others at a bottleneck. */
static void forward(struct host *h, struct segment_packet *p)
{
    struct packet_host *ph = packet_host(h);
    uint64_t through;

    if (ph->up)
        wait_in(h, ph->up, EVENT_UP_SENT, p);
    else if (pass_link(&h->up, h->lane->now_ns, p->queued.size, &through))
        des_post(h, p->destination, through + p->rest_ns, EVENT_SEGMENT, p);
    else
        drop(h, p);
}

/* Answers a segment for which there is no socket here. */
static void refuse(struct host *h, const struct segment_packet *p)
{
    struct tcp_segment answer;
    struct segment_packet *out;
    uint64_t last_ns = 0;

    if (!tcp_segment_refuse(&p->segment, &answer))
        return;
    out = mem_zalloc(sizeof *out);
    out->segment = answer;
    out->from = p->to;
    out->to = p->from;
    out->from_port = p->to_port;
    out->to_port = p->from_port;
    transmit(h, out, p->source, &last_ns);
}

/* ---- serving a socket ---- */

static void post_timer(struct host *h)
{
    struct packet_host *ph = packet_host(h);
    uint64_t next = timers_deadline(&ph->timers);

    if (next >= ph->posted_ns)
        return; /* the event that is queued comes first and moves the rest on */
    ph->posted_ns = next;
    des_post(h, h->index, next > h->lane->now_ns ? next : h->lane->now_ns, EVENT_TIMER, NULL);
}

/* Deadlines mostly move away: the timer stays where it is and is moved on when it fires. */
static void arm(struct socket *k)
{
    uint64_t due = tcp_deadline_ns(k->tcp);

    if (k->resuming)
        due = k->host->lane->now_ns;
    if (due == TIME_NEVER || (timer_armed(&k->timer) && k->timer.deadline_ns <= due))
        return;
    timer_arm(&packet_host(k->host)->timers, &k->timer, due);
    post_timer(k->host);
}

static void flush(struct socket *k)
{
    struct host *h = k->host;
    struct tcp_segment s;

    while (tcp_output(k->tcp, h->lane->now_ns, &s)) {
        struct segment_packet *p = mem_alloc(sizeof *p);

        p->segment = s;
        p->from = k->self;
        p->to = k->peer;
        p->from_port = k->port;
        p->to_port = k->peer_port;
        transmit(h, p, k->peer_host, &k->last_arrival_ns);
    }
}

static void tell_connected(struct socket *k)
{
    struct host *h = k->host;

    k->connected = true;
    if (k->dialled) {
        if (k->handle != NO_HANDLE)
            h->app->dialled(h->app_ctx, h->lane->now_ns, handle_of(k), ERR_OK);
        return;
    }
    h->lane->counts.connections++;
    handle_take(k);
    h->app->accepted(h->app_ctx, h->lane->now_ns, handle_of(k),
                     &h->des->hosts[k->peer_host]->address);
}

static void tell_data(struct socket *k)
{
    struct host *h = k->host;
    struct chain bytes;

    if (k->handle == NO_HANDLE || k->paused)
        return;
    chain_init(&bytes);
    tcp_read(k->tcp, h->lane->now_ns, &bytes);
    if (bytes.size)
        h->app->data(h->app_ctx, h->lane->now_ns, handle_of(k), &bytes);
    CHECK(bytes.size == 0);
    chain_deinit(&bytes);
    if (k->finished && k->handle != NO_HANDLE && !k->paused) {
        struct backend_conn handle = handle_of(k);

        handle_release(k);
        tcp_finish(k->tcp, h->lane->now_ns, true);
        h->app->closed(h->app_ctx, h->lane->now_ns, handle, ERR_CLOSED);
    }
}

static void tell_failed(struct socket *k)
{
    struct host *h = k->host;
    struct backend_conn handle;

    k->over = true;
    if (k->handle == NO_HANDLE)
        return;
    handle = handle_of(k);
    handle_release(k);
    if (k->connected)
        h->app->closed(h->app_ctx, h->lane->now_ns, handle, tcp_error(k->tcp));
    else
        h->app->dialled(h->app_ctx, h->lane->now_ns, handle, tcp_error(k->tcp));
}

/* Tells the node what happened, sends what follows from it, until nothing more does. */
static void serve(struct socket *k)
{
    struct host *h = k->host;
    uint32_t events;

    CHECK(!k->serving);
    k->serving = true;
    flush(k);
    while ((events = tcp_events(k->tcp)) != 0 || k->resuming) {
        k->resuming = false;
        if (events & TCP_CONNECTED)
            tell_connected(k);
        k->finished |= (events & TCP_FINISHED) != 0;
        tell_data(k);
        if (events & TCP_FAILED)
            tell_failed(k);
        if ((events & TCP_WRITABLE) && k->handle != NO_HANDLE)
            h->app->writable(h->app_ctx, h->lane->now_ns, handle_of(k));
        if (events & TCP_DONE)
            k->over = true;
        flush(k);
    }
    k->serving = false;
    if (k->over)
        socket_free(k);
    else
        arm(k);
}

static void socket_fire(struct timer *t, uint64_t now_ns)
{
    struct socket *k = CONTAINER_OF(t, struct socket, timer);

    tcp_timeout(k->tcp, now_ns);
    serve(k);
}

/* ---- events ---- */

static void fire(struct host *h, uint64_t now_ns)
{
    struct packet_host *ph = packet_host(h);

    if (now_ns < ph->posted_ns)
        return; /* overtaken by an earlier one */
    ph->posted_ns = TIME_NEVER;
    while (timers_deadline(&ph->timers) <= now_ns) {
        struct timer *t = ph->timers.items[0];

        timer_disarm(&ph->timers, t);
        t->fire(t, now_ns);
    }
    post_timer(h);
}

/* The socket that this very SYN made already. */
static struct socket *find_twin(struct host *h, const struct segment_packet *p)
{
    struct packet_host *ph = packet_host(h);

    for (uint32_t i = 0; i < ph->socket_numbers.count; i++) {
        struct socket *k = ph->sockets[i];

        if (k && !k->dialled && k->peer_host == p->source && k->peer.index == p->from.index &&
            k->peer.generation == p->from.generation)
            return k;
    }
    return NULL;
}

static struct socket *receive_syn(struct host *h, const struct segment_packet *p)
{
    struct socket *k = find_twin(h, p);

    if (k || !h->app || h->listen_port != p->to.index)
        return k;
    k = socket_new(h, p->source);
    k->peer = p->from;
    k->port = p->to_port;
    k->peer_port = p->from_port;
    tcp_accept(k->tcp, h->lane->now_ns, &p->segment);
    return k;
}

static void receive(struct host *h, struct segment_packet *p)
{
    bool opening = (p->segment.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    struct socket *k;

    if (opening && h->unreachable) {
        drop(h, p);
        return;
    }
    if (h->capture)
        watch(h, p);
    k = opening ? receive_syn(h, p) : socket_get(h, p->to);
    if (k) {
        if (k->dialled && (p->segment.flags & TCP_SYN))
            k->peer = p->from;
        tcp_input(k->tcp, h->lane->now_ns, &p->segment);
        serve(k);
    } else {
        refuse(h, p);
    }
    lose(p);
}

/* The packet has left the downlink. */
static void come_in(struct host *h, struct segment_packet *p)
{
    if (h->loss && path_losses_down(h, 1)) {
        h->lane->counts.lost++;
        lose(p);
    } else {
        receive(h, p);
    }
}

static void down_sent(struct host *h)
{
    struct packet_host *ph = packet_host(h);
    struct segment_packet *p = packet_of(outlet_take(ph->down));
    struct element_fifo dropped = {0};

    keep_sending(h, ph->down, EVENT_DOWN_SENT, &dropped);
    come_in(h, p);
}

static void arrive(struct host *h, struct segment_packet *p)
{
    uint64_t now = h->lane->now_ns, through;

    if (h->middle) {
        forward(h, p);
    } else if (packet_host(h)->down) {
        wait_in(h, packet_host(h)->down, EVENT_DOWN_SENT, p);
    } else if (!pass_link(&h->down, now, p->queued.size, &through)) {
        drop(h, p);
    } else if (through > now) {
        des_post(h, h->index, through, EVENT_SEGMENT_THROUGH, p);
    } else {
        come_in(h, p);
    }
}

/* ---- downcalls ---- */

static int packet_dial(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn)
{
    struct socket *k = socket_new(h, to->index);

    k->dialled = true;
    k->peer.index = port; /* until the SYN-ACK tells the far socket */
    k->port = (uint16_t)(PORT_FIRST + (k->self.index + k->self.generation * PORT_STEP) % PORT_COUNT);
    k->peer_port = port;
    handle_take(k);
    *conn = handle_of(k);
    tcp_connect(k->tcp, h->lane->now_ns);
    flush(k);
    arm(k);
    return ERR_OK;
}

static bool packet_ends(struct host *h, struct backend_conn handle, struct capture_ends *out)
{
    const struct socket *k = handle_get(h, handle);

    if (k)
        *out = (struct capture_ends){h, h->des->hosts[k->peer_host], k->port, k->peer_port};
    return k != NULL;
}

static size_t packet_send(struct host *h, struct backend_conn handle, struct chain *bytes)
{
    struct socket *k = handle_get(h, handle);
    size_t sent;

    if (!k)
        return 0;
    sent = tcp_write(k->tcp, h->lane->now_ns, bytes);
    flush(k);
    arm(k);
    return sent;
}

static void packet_pause(struct host *h, struct backend_conn handle, bool paused)
{
    struct socket *k = handle_get(h, handle);

    if (!k || k->paused == paused)
        return;
    k->paused = paused;
    k->resuming = !paused; /* no upcall inside a downcall: what waits comes with the timer */
    arm(k);
}

static void packet_close(struct host *h, struct backend_conn handle, enum backend_close how)
{
    struct socket *k = handle_get(h, handle);

    if (!k)
        return;
    handle_release(k);
    k->resuming = false;
    if (how == BACKEND_CLOSE_FIN)
        tcp_finish(k->tcp, h->lane->now_ns, true);
    else
        tcp_abort(k->tcp, h->lane->now_ns);
    if (!k->serving)
        serve(k); /* without a handle there is nobody to call */
}

static void packet_reset_all(struct host *h)
{
    struct packet_host *ph = packet_host(h);

    for (uint32_t i = 0; i < ph->socket_numbers.count; i++) {
        struct socket *k = ph->sockets[i];

        if (!k || (k->handle == NO_HANDLE && k->connected))
            continue; /* what the node closed is the kernel's, which ends it in good order */
        CHECK(!k->serving);
        if (k->handle != NO_HANDLE)
            handle_release(k);
        tcp_abort(k->tcp, h->lane->now_ns);
        flush(k);
        socket_free(k);
    }
}

static void packet_host_start(struct host *h)
{
    struct packet_host *ph = packet_host(h);

    ph->posted_ns = TIME_NEVER;
    timers_init(&ph->timers);
    if (h->aqm.kind != QUEUE_DROP_TAIL) {
        ph->up = outlet_new(&h->up, &h->aqm, rng_derive(h->des->config.seed, "outlet", 2ull * h->index));
        ph->down = outlet_new(&h->down, &h->aqm, rng_derive(h->des->config.seed, "outlet", 2ull * h->index + 1));
    }
}

static void outlet_stop(struct outlet *o)
{
    struct element_fifo rest = {0};
    struct element_packet *p;

    if (o)
        outlet_free(o, &rest);
    while ((p = element_fifo_pop(&rest)) != NULL)
        lose(packet_of(p));
}

static void packet_host_stop(struct host *h)
{
    struct packet_host *ph = packet_host(h);

    outlet_stop(ph->up);
    outlet_stop(ph->down);
    timers_deinit(&ph->timers);
    for (uint32_t i = 0; i < ph->socket_numbers.count; i++)
        if (ph->sockets[i]) {
            tcp_free(ph->sockets[i]->tcp);
            mem_free(ph->sockets[i]);
        }
    mem_free(ph->sockets);
    mem_free(ph->generations);
    mem_free(ph->handles);
    mem_free(ph->socket_numbers.free);
    mem_free(ph->handle_numbers.free);
}

void tcp_world_start(struct des *d)
{
    struct tcp_config *config = mem_alloc(sizeof *config);

    *config = d->config.tcp_config ? *d->config.tcp_config : tcp_config_default();
    CHECK(tcp_config_problem(config) == NULL);
    d->transport_world = config;
}

void tcp_world_stop(struct des *d)
{
    mem_free(d->transport_world);
}

static void packet_event(struct host *h, const struct event *e)
{
    switch ((enum packet_event)e->kind) {
    case EVENT_SEGMENT:
        arrive(h, e->object);
        break;
    case EVENT_SEGMENT_THROUGH:
        come_in(h, e->object);
        break;
    case EVENT_UP_SENT:
        up_sent(h);
        break;
    case EVENT_DOWN_SENT:
        down_sent(h);
        break;
    case EVENT_TIMER:
        fire(h, e->time_ns);
        break;
    }
}

static void packet_drop(const struct event *e)
{
    if (e->object)
        lose(e->object);
}

const struct des_transport transport_packet = {
    .honours = 1u << DES_LOSS | 1u << DES_AQM | 1u << DES_BOTTLENECKS | 1u << DES_CAPTURE,
    .host_size = sizeof(struct packet_host),
    .start = tcp_world_start,
    .stop = tcp_world_stop,
    .host_start = packet_host_start,
    .host_stop = packet_host_stop,
    .dial = packet_dial,
    .send = packet_send,
    .pause = packet_pause,
    .close = packet_close,
    .ends = packet_ends,
    .reset_all = packet_reset_all,
    .event = packet_event,
    .drop = packet_drop,
};
