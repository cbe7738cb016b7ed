/* The carrier's thread: packets in, elements, packets out. */
#include "sim/netns/carrier.h"

#include "sim/record/histogram.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define READS_A_TURN 16      /* of a host, so that what is due need not wait for a long burst */
#define SPIN_NS 60000        /* a sleep ends late by some tens of microseconds: the end of a wait is spent awake */
/* But only while the thread sleeps a quarter of the time: one that goes before all others and never sleeps is stopped by the
 * kernel for 50 ms each second. */
#define SPAN_NS 50000000ull
#define SLEEP_SHARE 4
#define SLEEP_MAX_NS 100000000ull
#define PRIORITY 20
#define CUTS_MAX 64
#define STOP_MARK UINT32_MAX /* epoll's name for the descriptor that ends the thread */

struct packet {
    struct element_packet header;
    uint32_t from, to; /* hosts */
    uint8_t bytes[CARRIER_PACKET_SIZE_MAX];
};

/* An element in its place: packets come in by `entry`, the timer makes it run. */
struct stage {
    struct element entry, *body;
    struct timer timer;
    struct carrier *carrier;
};

struct path {
    struct stage loss, delay;
    bool lossy;
};

struct host {
    struct carrier *carrier;
    int fd;
    struct stage up, down;
    struct element exit;  /* after the downlink: writes */
    struct path **paths;  /* by the number of the far host; NULL until the first packet */
    atomic_uint_fast64_t sides; /* bit i: a member of cut i */
    atomic_uint_fast64_t late_max_ns;
};

struct carrier {
    struct carrier_config config;
    struct host **hosts;
    uint32_t host_count, host_capacity;
    struct timers timers;
    struct element fork; /* after the uplinks: finds the path */
    struct carrier_counts counts;
    struct histogram lateness;
    uint64_t cuts;       /* slots in use */
    atomic_uint_fast64_t cuts_out, cuts_in; /* what members send, what they are sent */
    uint64_t span_ns, slept_ns, slept_before_ns; /* start of this span; slept in it, and in the one before */
    int epoll_fd, stop_fd;
    pthread_t thread;
    bool running, prompt;
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- stages ---- */

static void stage_rearm(struct stage *s)
{
    struct timers *ts = &s->carrier->timers;
    uint64_t next = s->body->next_ns(s->body);

    if (next == TIME_NEVER)
        timer_disarm(ts, &s->timer);
    else if (!timer_armed(&s->timer) || s->timer.deadline_ns != next)
        timer_arm(ts, &s->timer, next);
}

static void stage_accept(struct element *e, uint64_t now_ns, struct element_packet *p)
{
    struct stage *s = CONTAINER_OF(e, struct stage, entry);

    s->body->accept(s->body, now_ns, p);
    stage_rearm(s);
}

static void stage_fire(struct timer *t, uint64_t now_ns)
{
    struct stage *s = CONTAINER_OF(t, struct stage, timer);

    s->body->run(s->body, now_ns);
    stage_rearm(s);
}

static void drop(void *ctx, struct element_packet *header)
{
    ((struct carrier *)ctx)->counts.dropped++;
    mem_free(CONTAINER_OF(header, struct packet, header));
}

static void stage_init(struct stage *s, struct carrier *c, struct element *body, struct element *after)
{
    *s = (struct stage){.entry = {.accept = stage_accept}, .body = body, .carrier = c};
    body->after = after;
    body->drop = drop;
    body->drop_ctx = c;
    timer_init(&s->timer, stage_fire);
}

static void stage_deinit(struct stage *s)
{
    timer_disarm(&s->carrier->timers, &s->timer);
    s->body->free(s->body);
}

static void path_init(struct path *p, struct carrier *c, uint32_t from, uint32_t to)
{
    uint64_t seed = rng_derive(rng_derive(c->config.seed, "from", from), "to", to);
    struct carrier_path wanted = {0};

    c->config.path(c->config.path_ctx, from, to, &wanted);
    stage_init(&p->delay, c, element_delay_new(seed, wanted.delay_ns, wanted.jitter_ns, false),
               &c->hosts[to]->down.entry);
    p->lossy = wanted.lossy;
    if (p->lossy)
        stage_init(&p->loss, c, element_loss_new(&wanted.loss), &p->delay.entry);
}

static void fork_accept(struct element *e, uint64_t now_ns, struct element_packet *header)
{
    struct carrier *c = CONTAINER_OF(e, struct carrier, fork);
    struct packet *packet = CONTAINER_OF(header, struct packet, header);
    struct host *h = c->hosts[packet->from];
    struct path *p = h->paths[packet->to];
    struct stage *first;

    if (!p) {
        p = h->paths[packet->to] = mem_zalloc(sizeof *p);
        path_init(p, c, packet->from, packet->to);
    }
    first = p->lossy ? &p->loss : &p->delay;
    first->entry.accept(&first->entry, now_ns, header);
}

static void exit_accept(struct element *e, uint64_t now_ns, struct element_packet *header)
{
    struct host *h = CONTAINER_OF(e, struct host, exit);
    struct packet *p = CONTAINER_OF(header, struct packet, header);
    uint64_t late_ns = clock_ns() - now_ns;

    if (write(h->fd, p->bytes, header->size) == (ssize_t)header->size)
        h->carrier->counts.delivered++;
    else
        h->carrier->counts.refused++;
    histogram_add(&h->carrier->lateness, late_ns);
    if (late_ns > atomic_load_explicit(&h->late_max_ns, memory_order_relaxed))
        atomic_store_explicit(&h->late_max_ns, late_ns, memory_order_relaxed);
    mem_free(p);
}

/* ---- packets ---- */

/* What a queue that is fair to flows tells apart. */
static uint32_t flow_of(const uint8_t *ip)
{
    uint32_t ports = 0;

    if (ip[0] == 0x45 && (ip[9] == 6 || ip[9] == 17))
        ports = load_be32(ip + 20);
    return (load_be32(ip + 12) * 2654435761u ^ load_be32(ip + 16)) * 2246822519u ^ ports;
}

/* Fills in where an IPv4 packet goes; false when it cannot go anywhere. */
static bool address_packet(const struct carrier *c, struct packet *p)
{
    uint32_t to;

    if (p->header.size < 20 || p->bytes[0] >> 4 != 4)
        return false;
    to = load_be32(p->bytes + 16) - c->config.first_ip;
    if (to >= c->host_count)
        return false;
    p->to = to;
    p->header.flow = flow_of(p->bytes);
    return true;
}

static bool is_cut(const struct carrier *c, const struct packet *p)
{
    uint64_t from = atomic_load_explicit(&c->hosts[p->from]->sides, memory_order_relaxed);
    uint64_t to = atomic_load_explicit(&c->hosts[p->to]->sides, memory_order_relaxed);

    return (from & ~to & atomic_load_explicit(&c->cuts_out, memory_order_relaxed)) ||
           (to & ~from & atomic_load_explicit(&c->cuts_in, memory_order_relaxed));
}

static void take_packet(struct carrier *c, struct packet *p, uint64_t now_ns)
{
    struct stage *up = &c->hosts[p->from]->up;

    c->counts.packets++;
    c->counts.bytes += p->header.size;
    if (!address_packet(c, p))
        c->counts.strays++;
    else if (is_cut(c, p))
        c->counts.cut++;
    else {
        up->entry.accept(&up->entry, now_ns, &p->header);
        return;
    }
    mem_free(p);
}

static void run_due(struct carrier *c, uint64_t now_ns)
{
    while (timers_deadline(&c->timers) <= now_ns) {
        struct timer *t = c->timers.items[0];
        uint64_t due_ns = t->deadline_ns;

        timer_disarm(&c->timers, t);
        t->fire(t, due_ns);
    }
}

static void read_host(struct carrier *c, uint32_t index)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        struct packet *p = mem_alloc(sizeof *p);
        ssize_t n = read(c->hosts[index]->fd, p->bytes, sizeof p->bytes);
        uint64_t now_ns = clock_ns();

        if (n <= 0) {
            mem_free(p);
            return;
        }
        p->header = (struct element_packet){.size = (uint32_t)n};
        p->from = index;
        run_due(c, now_ns); /* time does not go back in the elements */
        take_packet(c, p, now_ns);
    }
}

/* ---- the thread ---- */

/* How long to sleep, at most. */
static uint64_t patience_ns(struct carrier *c, uint64_t now_ns)
{
    uint64_t deadline = timers_deadline(&c->timers), spin_ns = SPIN_NS;

    if (now_ns - c->span_ns >= SPAN_NS) {
        c->slept_before_ns = c->slept_ns;
        c->span_ns = now_ns;
        c->slept_ns = 0;
    }
    if (c->slept_before_ns < SPAN_NS / SLEEP_SHARE)
        spin_ns = 0;
    if (deadline <= now_ns + spin_ns)
        return 0;
    return deadline - now_ns - spin_ns < SLEEP_MAX_NS ? deadline - now_ns - spin_ns : SLEEP_MAX_NS;
}

static void *carry(void *arg)
{
    struct carrier *c = arg;
    struct epoll_event events[EVENTS_A_TURN];

    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    for (;;) {
        uint64_t start_ns = clock_ns(), wait_ns = patience_ns(c, start_ns);
        struct timespec wait = {0, (long)wait_ns};
        int n = epoll_pwait2(c->epoll_fd, events, EVENTS_A_TURN, &wait, NULL);
        uint64_t now_ns = clock_ns();

        if (wait_ns)
            c->slept_ns += now_ns - start_ns;
        run_due(c, now_ns);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == STOP_MARK)
                return NULL;
            read_host(c, events[i].data.u32);
        }
    }
}

static bool watch(struct carrier *c, int fd, uint32_t mark)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = mark};

    return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* Before all others on its processor where we may ask for that, and deaf to signals. */
static int start_thread(struct carrier *c)
{
    struct sched_param priority = {.sched_priority = PRIORITY};
    pthread_attr_t attributes;
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &priority);
    err = pthread_create(&c->thread, &attributes, carry, c);
    c->prompt = err == 0;
    if (err == EPERM)
        err = pthread_create(&c->thread, NULL, carry, c);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

/* ---- API ---- */

struct carrier *carrier_new(const struct carrier_config *config)
{
    struct carrier *c = mem_zalloc(sizeof *c);

    c->config = *config;
    c->fork.accept = fork_accept;
    c->epoll_fd = c->stop_fd = -1;
    timers_init(&c->timers);
    histogram_init(&c->lateness);
    return c;
}

uint32_t carrier_host_add(struct carrier *c, int fd, const struct carrier_access *up, const struct carrier_access *down)
{
    struct host *h = mem_zalloc(sizeof *h);

    CHECK(!c->running);
    if (c->host_count == c->host_capacity) {
        c->host_capacity = c->host_capacity ? c->host_capacity * 2 : 8;
        c->hosts = mem_grow(c->hosts, c->host_capacity, sizeof(struct host *));
    }
    h->carrier = c;
    h->fd = fd;
    h->exit.accept = exit_accept;
    stage_init(&h->up, c, element_link_new(up->rate_bps, 0, &up->queue), &c->fork);
    stage_init(&h->down, c, element_link_new(down->rate_bps, 0, &down->queue), &h->exit);
    c->hosts[c->host_count] = h;
    return c->host_count++;
}

bool carrier_start(struct carrier *c)
{
    bool ready;

    CHECK(!c->running);
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    ready = c->epoll_fd >= 0 && c->stop_fd >= 0 && watch(c, c->stop_fd, STOP_MARK);
    for (uint32_t i = 0; i < c->host_count; i++) {
        c->hosts[i]->paths = mem_zalloc(c->host_count * sizeof(struct path *));
        ready = ready && watch(c, c->hosts[i]->fd, i);
    }
    if (ready) {
        errno = start_thread(c);
        c->running = errno == 0;
    }
    return c->running;
}

void carrier_stop(struct carrier *c)
{
    uint64_t one = 1;
    ssize_t written;

    if (!c->running)
        return;
    written = write(c->stop_fd, &one, sizeof one);
    CHECK(written == sizeof one);
    pthread_join(c->thread, NULL);
    c->running = false;
}

static void host_free(struct host *h, uint32_t host_count)
{
    for (uint32_t i = 0; h->paths && i < host_count; i++)
        if (h->paths[i]) {
            stage_deinit(&h->paths[i]->delay);
            if (h->paths[i]->lossy)
                stage_deinit(&h->paths[i]->loss);
            mem_free(h->paths[i]);
        }
    stage_deinit(&h->up);
    stage_deinit(&h->down);
    mem_free(h->paths);
    mem_free(h);
}

void carrier_free(struct carrier *c)
{
    carrier_stop(c);
    for (uint32_t i = 0; i < c->host_count; i++)
        host_free(c->hosts[i], c->host_count);
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    timers_deinit(&c->timers);
    histogram_deinit(&c->lateness);
    mem_free(c->hosts);
    mem_free(c);
}

int carrier_cut(struct carrier *c, const bool *member, bool out, bool in)
{
    int slot = 0;

    while (slot < CUTS_MAX && (c->cuts >> slot & 1))
        slot++;
    if (slot == CUTS_MAX)
        return ERR_LIMIT;
    c->cuts |= 1ull << slot;
    for (uint32_t i = 0; i < c->host_count; i++)
        if (member[i])
            atomic_fetch_or(&c->hosts[i]->sides, 1ull << slot);
    atomic_fetch_or(&c->cuts_out, (uint64_t)out << slot);
    atomic_fetch_or(&c->cuts_in, (uint64_t)in << slot);
    return slot;
}

void carrier_heal(struct carrier *c, int slot)
{
    c->cuts &= ~(1ull << slot);
    atomic_fetch_and(&c->cuts_out, ~(1ull << slot));
    atomic_fetch_and(&c->cuts_in, ~(1ull << slot));
    for (uint32_t i = 0; i < c->host_count; i++)
        atomic_fetch_and(&c->hosts[i]->sides, ~(1ull << slot));
}

uint64_t carrier_lateness_ns(struct carrier *c, uint32_t host)
{
    return atomic_exchange(&c->hosts[host]->late_max_ns, 0);
}

bool carrier_prompt(const struct carrier *c)
{
    return c->prompt;
}

struct carrier_counts carrier_counts(const struct carrier *c)
{
    struct carrier_counts counts = c->counts;

    if (c->lateness.count) {
        counts.late_p50_ns = histogram_quantile(&c->lateness, 500000);
        counts.late_p99_ns = histogram_quantile(&c->lateness, 990000);
        counts.late_max_ns = c->lateness.max;
    }
    return counts;
}
