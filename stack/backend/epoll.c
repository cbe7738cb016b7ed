/* Real TCP behind the seam: non-blocking sockets, level-triggered epoll.
 *
 * Nothing is buffered here: send takes what the kernel takes, so back-pressure is the kernel's own. In a turn of several
 * events the kernel is asked to wait for more (MSG_MORE) and told to go on at its end, so that what many of them cause for one
 * peer leaves in few packets. Work that would be an upcall inside a downcall (a dial that fails at once) is put off to the
 * next loop turn. */
#include "stack/backend/epoll.h"

#include "stack/backend/epoll_address.h"
#include "stack/backend/epoll_block.h"
#include "stack/backend/epoll_socket.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"
#include "stack/base/rng.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define IOVECS_A_SEND 64
#define READS_A_TURN 4 /* of one connection, before others have their turn */
#define ACCEPTS_A_TURN 64
#define ACCEPT_REST_NS 100000000ull
#define WAIT_MAX_NS (60ull * 1000000000u)

enum source_kind { SOURCE_LISTENER, SOURCE_CONN, SOURCE_WATCH };

/* What an epoll event points to. Freed only between turns, so that a stale event finds `fd` at -1. */
struct source {
    enum source_kind kind;
    int fd;
    struct sockets_host *host;
    uint32_t index; /* of a connection in its host's table */
    struct source *next_dead;
};

struct socket_conn {
    struct source *source; /* NULL: the slot is free */
    uint32_t generation;
    int failed; /* a dial that failed at once: the err to report */
    bool dialling, paused, wants_write, corked;
};

struct sockets_host {
    struct sockets *world;
    struct endpoint address;
    const struct backend_app *app;
    void *app_ctx;
    struct source *listener;
    struct socket_conn *conns;
    uint32_t conn_count, conn_capacity, index;
    struct timer wake, rest; /* rest: accepts nothing until it fires */
    struct rng random;
    bool failed_dials;
};

/* A connection with bytes in the kernel that wait for the end of the turn. */
struct corked {
    struct sockets_host *host;
    struct backend_conn conn;
};

struct call {
    struct timer timer;
    struct sockets *world;
    void (*fn)(void *arg, uint64_t now_ns);
    void *arg;
    struct call *next, **link;
};

struct sockets {
    struct sockets_config config;
    int epoll_fd;
    uint64_t start_ns, now_ns, turns, connections;
    struct timers timers;
    struct sockets_host **hosts;
    uint32_t host_count, host_capacity;
    struct source *dead, *watch;
    struct call *calls;
    void (*watch_ready)(void *arg, uint64_t now_ns);
    void *watch_arg;
    bool stopping, failed_dials;
    struct epoll_block block;
    bool corking; /* more may be sent in this turn: what is sent waits for its end */
    struct corked *corked;
    uint32_t corked_count, corked_capacity;
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int sockets_new(const struct sockets_config *config, struct sockets **out)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct sockets *s;

    if (fd < 0)
        return ERR_SYSTEM;
    s = mem_zalloc(sizeof *s);
    s->config = *config;
    s->epoll_fd = fd;
    s->start_ns = clock_ns();
    epoll_block_init(&s->block);
    timers_init(&s->timers);
    *out = s;
    return ERR_OK;
}

static struct source *source_new(struct sockets *s, enum source_kind kind, int fd, uint32_t events)
{
    struct source *src = mem_zalloc(sizeof *src);
    struct epoll_event ev = {.events = events, .data.ptr = src};

    src->kind = kind;
    src->fd = fd;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
        return src;
    mem_free(src);
    return NULL;
}

static void source_close(struct sockets *s, struct source *src)
{
    close(src->fd); /* leaves the epoll set by itself */
    src->fd = -1;
    src->next_dead = s->dead;
    s->dead = src;
}

static void bury(struct sockets *s)
{
    while (s->dead) {
        struct source *next = s->dead->next_dead;

        mem_free(s->dead);
        s->dead = next;
    }
}

static void watch_events(struct sockets_host *h, struct socket_conn *c)
{
    uint32_t events = (c->paused || c->dialling ? 0u : (uint32_t)EPOLLIN) |
                      (c->wants_write || c->dialling ? (uint32_t)EPOLLOUT : 0u);
    struct epoll_event ev = {.events = events, .data.ptr = c->source};

    epoll_ctl(h->world->epoll_fd, EPOLL_CTL_MOD, c->source->fd, &ev);
}

static struct backend_conn handle_of(const struct sockets_host *h, const struct socket_conn *c)
{
    return (struct backend_conn){(uint32_t)(c - h->conns), c->generation};
}

static struct socket_conn *conn_get(struct sockets_host *h, struct backend_conn handle)
{
    struct socket_conn *c;

    if (handle.index >= h->conn_count)
        return NULL;
    c = &h->conns[handle.index];
    return (c->source || c->failed) && c->generation == handle.generation ? c : NULL;
}

static struct socket_conn *conn_new(struct sockets_host *h)
{
    uint32_t index = 0;

    while (index < h->conn_count && (h->conns[index].source || h->conns[index].failed))
        index++;
    if (index == h->conn_count) {
        if (h->conn_count == h->conn_capacity) {
            h->conn_capacity = h->conn_capacity ? h->conn_capacity * 2 : 8;
            h->conns = mem_grow(h->conns, h->conn_capacity, sizeof *h->conns);
        }
        h->conns[h->conn_count++] = (struct socket_conn){0};
    }
    h->conns[index] = (struct socket_conn){.generation = h->conns[index].generation + 1};
    return &h->conns[index];
}

static void conn_free(struct sockets_host *h, struct socket_conn *c)
{
    if (c->source)
        source_close(h->world, c->source);
    c->source = NULL;
    c->failed = 0;
}

static bool conn_attach(struct sockets_host *h, struct socket_conn *c, int fd, uint32_t events)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* frames must not wait for ACKs */
    c->source = source_new(h->world, SOURCE_CONN, fd, events);
    if (!c->source)
        return false;
    c->source->host = h;
    c->source->index = (uint32_t)(c - h->conns);
    return true;
}

/* ---- downcalls ---- */

static int open_socket(const struct sockets_host *h, int family)
{
    const struct sockets_config *c = &h->world->config;

    return c->socket ? c->socket(c->socket_ctx, h->index, family)
                     : socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int ops_listen(void *host, const struct endpoint *at)
{
    struct sockets_host *h = host;
    int fd;

    if (h->listener)
        return ERR_IN_USE;
    fd = epoll_listener(open_socket(h, at->is_ip6 ? AF_INET6 : AF_INET), at);
    if (fd < 0)
        return fd;
    h->listener = source_new(h->world, SOURCE_LISTENER, fd, EPOLLIN);
    if (!h->listener) {
        close(fd);
        return ERR_SYSTEM;
    }
    h->listener->host = h;
    return ERR_OK;
}

static int ops_dial(void *host, const struct endpoint *to, struct backend_conn *conn)
{
    struct sockets_host *h = host;
    struct socket_conn *c = conn_new(h);
    int fd = epoll_connect(open_socket(h, to->is_ip6 ? AF_INET6 : AF_INET), &h->address, to);

    c->dialling = true;
    *conn = handle_of(h, c);
    if (fd >= 0 && !conn_attach(h, c, fd, EPOLLOUT)) {
        close(fd);
        fd = ERR_SYSTEM;
    }
    if (fd < 0) {
        c->failed = fd;
        h->failed_dials = h->world->failed_dials = true;
    }
    return ERR_OK;
}

static void cork(struct sockets_host *h, struct socket_conn *c)
{
    struct sockets *s = h->world;

    if (s->corked_count == s->corked_capacity) {
        s->corked_capacity = s->corked_capacity ? s->corked_capacity * 2 : 16;
        s->corked = mem_grow(s->corked, s->corked_capacity, sizeof *s->corked);
    }
    s->corked[s->corked_count++] = (struct corked){h, handle_of(h, c)};
    c->corked = true;
}

/* Lets everything go that was sent in this turn: setting TCP_NODELAY, set or not, pushes what waits. */
static void uncork_all(struct sockets *s)
{
    int on = 1;

    s->corking = false;
    for (uint32_t i = 0; i < s->corked_count; i++) {
        struct socket_conn *c = conn_get(s->corked[i].host, s->corked[i].conn);

        if (!c || !c->source)
            continue;
        c->corked = false;
        setsockopt(c->source->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    s->corked_count = 0;
}

static size_t ops_send(void *host, struct backend_conn handle, struct chain *bytes)
{
    struct sockets_host *h = host;
    struct socket_conn *c = conn_get(h, handle);
    size_t sent = 0;

    if (!c || !c->source || c->dialling)
        return 0;
    while (bytes->size > 0) {
        struct iovec iov[IOVECS_A_SEND];
        struct msghdr msg = {.msg_iov = iov};
        size_t offered = 0;
        ssize_t n;

        for (; msg.msg_iovlen < IOVECS_A_SEND && msg.msg_iovlen < bytes->count; msg.msg_iovlen++) {
            struct slice s = chain_at(bytes, (uint32_t)msg.msg_iovlen);

            iov[msg.msg_iovlen].iov_base = (void *)(uintptr_t)s.data;
            iov[msg.msg_iovlen].iov_len = s.size;
            offered += s.size;
        }
        n = sendmsg(c->source->fd, &msg, MSG_NOSIGNAL | (h->world->corking ? MSG_MORE : 0));
        if (n > 0) {
            chain_drop(bytes, (size_t)n);
            sent += (size_t)n;
        }
        if (n < (ssize_t)offered)
            break; /* full, or broken: then the read side reports it */
    }
    if (sent > 0 && h->world->corking && !c->corked)
        cork(h, c);
    if (bytes->size > 0 && !c->wants_write) {
        c->wants_write = true;
        watch_events(h, c);
    }
    return sent;
}

static void ops_pause(void *host, struct backend_conn handle, bool paused)
{
    struct sockets_host *h = host;
    struct socket_conn *c = conn_get(h, handle);

    if (!c || !c->source || c->paused == paused)
        return;
    c->paused = paused;
    watch_events(h, c);
}

static void ops_close(void *host, struct backend_conn handle, enum backend_close how)
{
    struct sockets_host *h = host;
    struct socket_conn *c = conn_get(h, handle);
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (!c)
        return;
    if (c->source && how == BACKEND_CLOSE_RST)
        setsockopt(c->source->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    conn_free(h, c);
}

static void fire_wake(struct timer *t, uint64_t now_ns)
{
    struct sockets_host *h = CONTAINER_OF(t, struct sockets_host, wake);

    if (h->app)
        h->app->wake(h->app_ctx, now_ns);
}

static void ops_wake_at(void *host, uint64_t deadline_ns)
{
    struct sockets_host *h = host;

    timer_arm(&h->world->timers, &h->wake, deadline_ns);
}

static void ops_random(void *host, uint8_t *out, size_t size)
{
    struct sockets_host *h = host;

    if (h->world->config.seeded) {
        rng_fill(&h->random, out, size);
        return;
    }
    while (size > 0) {
        ssize_t n = getrandom(out, size, 0);

        CHECK(n > 0 || errno == EINTR);
        if (n > 0) {
            out += n;
            size -= (size_t)n;
        }
    }
}

static void ops_trace(void *host, uint64_t now_ns, const struct trace_event *event)
{
    struct sockets_host *h = host;

    if (h->world->config.trace)
        h->world->config.trace(h->world->config.trace_ctx, h->index, now_ns, event);
}

const struct backend_ops sockets_ops = {
    .version = BACKEND_VERSION,
    .listen = ops_listen,
    .dial = ops_dial,
    .send = ops_send,
    .pause = ops_pause,
    .close = ops_close,
    .wake_at = ops_wake_at,
    .random = ops_random,
    .trace = ops_trace,
};

/* ---- upcalls ---- */

static void listen_events(struct sockets_host *h, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = h->listener};

    if (h->listener)
        epoll_ctl(h->world->epoll_fd, EPOLL_CTL_MOD, h->listener->fd, &ev);
}

static void fire_rest(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    listen_events(CONTAINER_OF(t, struct sockets_host, rest), EPOLLIN);
}

/* Out of descriptors: who waits keeps waiting in the backlog, and the loop does not spin on it. */
static void rest(struct sockets_host *h)
{
    listen_events(h, 0);
    timer_arm(&h->world->timers, &h->rest, h->world->now_ns + ACCEPT_REST_NS);
}

static void accept_all(struct sockets_host *h)
{
    for (int i = 0; i < ACCEPTS_A_TURN && h->listener; i++) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof sa;
        int fd = accept4(h->listener->fd, (struct sockaddr *)&sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct endpoint from;
        struct socket_conn *c;

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            rest(h);
        if (fd < 0)
            return;
        c = conn_new(h);
        if (!conn_attach(h, c, fd, EPOLLIN)) {
            close(fd);
            return;
        }
        from = epoll_from_sockaddr(&sa);
        h->world->connections++;
        h->app->accepted(h->app_ctx, h->world->now_ns, handle_of(h, c), &from);
    }
}

static void finish_dial(struct sockets_host *h, struct backend_conn handle)
{
    struct socket_conn *c = conn_get(h, handle);
    int number = 0;
    socklen_t size = sizeof number;

    getsockopt(c->source->fd, SOL_SOCKET, SO_ERROR, &number, &size);
    if (number) {
        conn_free(h, c);
        h->app->dialled(h->app_ctx, h->world->now_ns, handle, epoll_err_of_errno(number));
        return;
    }
    c->dialling = false;
    watch_events(h, c);
    h->app->dialled(h->app_ctx, h->world->now_ns, handle, ERR_OK);
}

/* True when there may be more. */
static bool read_some(struct sockets_host *h, struct socket_conn *c)
{
    struct sockets *s = h->world;
    struct backend_conn handle = handle_of(h, c);
    ssize_t n = recv(c->source->fd, epoll_block_room(&s->block), EPOLL_READ_SIZE, 0);
    struct chain bytes;
    int number = errno;

    if (n < 0 && (number == EAGAIN || number == EINTR))
        return false;
    if (n <= 0) {
        conn_free(h, c);
        h->app->closed(h->app_ctx, s->now_ns, handle, n == 0 ? ERR_CLOSED : epoll_err_of_errno(number));
        return false;
    }
    chain_init(&bytes);
    chain_give(&bytes, epoll_block_take(&s->block, (size_t)n));
    h->app->data(h->app_ctx, s->now_ns, handle, &bytes);
    CHECK(bytes.size == 0);
    return n == EPOLL_READ_SIZE;
}

static void read_conn(struct sockets_host *h, struct backend_conn handle)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        struct socket_conn *c = conn_get(h, handle);

        if (!c || c->paused || !read_some(h, c))
            return;
    }
}

static void serve_conn(struct source *src, uint32_t events)
{
    struct sockets_host *h = src->host;
    struct socket_conn *c = &h->conns[src->index];
    struct backend_conn handle = handle_of(h, c);

    CHECK(c->source == src);
    if (c->dialling) {
        finish_dial(h, handle);
        return;
    }
    if (c->wants_write && (events & EPOLLOUT)) {
        c->wants_write = false;
        watch_events(h, c);
        h->app->writable(h->app_ctx, h->world->now_ns, handle);
        c = conn_get(h, handle);
    }
    if (c && !c->paused && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        read_conn(h, handle);
    else if (c && (events & (EPOLLHUP | EPOLLERR))) {
        conn_free(h, c); /* paused, but broken: do not spin on it */
        h->app->closed(h->app_ctx, h->world->now_ns, handle, ERR_RESET);
    }
}

static void serve(struct sockets *s, struct source *src, uint32_t events)
{
    if (src->fd < 0)
        return; /* closed earlier in this turn */
    switch (src->kind) {
    case SOURCE_LISTENER:
        accept_all(src->host);
        break;
    case SOURCE_CONN:
        serve_conn(src, events);
        break;
    case SOURCE_WATCH:
        s->watch_ready(s->watch_arg, s->now_ns);
        break;
    }
}

static void report_failed_dials(struct sockets *s)
{
    s->failed_dials = false;
    for (uint32_t i = 0; i < s->host_count; i++) {
        struct sockets_host *h = s->hosts[i];

        if (!h->failed_dials)
            continue;
        h->failed_dials = false;
        for (uint32_t j = 0; j < h->conn_count; j++) {
            int err = h->conns[j].failed;
            struct backend_conn handle = handle_of(h, &h->conns[j]);

            if (!err)
                continue;
            h->conns[j].failed = 0;
            h->app->dialled(h->app_ctx, s->now_ns, handle, err);
        }
    }
}

/* ---- the world ---- */

struct sockets_host *sockets_host_add(struct sockets *s, const struct endpoint *address)
{
    struct sockets_host *h = mem_zalloc(sizeof *h);

    if (s->host_count == s->host_capacity) {
        s->host_capacity = s->host_capacity ? s->host_capacity * 2 : 8;
        s->hosts = mem_grow(s->hosts, s->host_capacity, sizeof *s->hosts);
    }
    h->world = s;
    h->address = *address;
    h->index = s->host_count++;
    timer_init(&h->wake, fire_wake);
    timer_init(&h->rest, fire_rest);
    rng_init(&h->random, rng_derive(s->config.seed, "host", h->index), "random");
    s->hosts[h->index] = h;
    return h;
}

static void host_close(struct sockets_host *h)
{
    for (uint32_t i = 0; i < h->conn_count; i++)
        ops_close(h, handle_of(h, &h->conns[i]), BACKEND_CLOSE_RST);
    if (h->listener)
        source_close(h->world, h->listener);
    h->listener = NULL;
    timer_disarm(&h->world->timers, &h->wake);
    timer_disarm(&h->world->timers, &h->rest);
}

void sockets_host_run(struct sockets_host *h, const struct backend_app *app, void *ctx)
{
    if (!app)
        host_close(h);
    h->app = app;
    h->app_ctx = ctx;
}

uint16_t sockets_host_port(const struct sockets_host *h)
{
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;

    if (!h->listener || getsockname(h->listener->fd, (struct sockaddr *)&sa, &size) < 0)
        return 0;
    return epoll_from_sockaddr(&sa).port;
}

bool sockets_conn_local(const struct sockets_host *h, struct backend_conn conn, struct endpoint *out)
{
    const struct socket_conn *c = conn.index < h->conn_count ? &h->conns[conn.index] : NULL;
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;

    if (!c || !c->source || c->dialling || c->generation != conn.generation ||
        getsockname(c->source->fd, (struct sockaddr *)&sa, &size) < 0)
        return false;
    *out = epoll_from_sockaddr(&sa);
    return true;
}

static void call_unlink(struct call *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
}

static void fire_call(struct timer *t, uint64_t now_ns)
{
    struct call *c = CONTAINER_OF(t, struct call, timer);

    call_unlink(c);
    c->fn(c->arg, now_ns);
    mem_free(c);
}

void sockets_schedule(struct sockets *s, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    struct call *c = mem_zalloc(sizeof *c);

    timer_init(&c->timer, fire_call);
    c->world = s;
    c->fn = fn;
    c->arg = arg;
    c->next = s->calls;
    c->link = &s->calls;
    if (c->next)
        c->next->link = &c->next;
    s->calls = c;
    timer_arm(&s->timers, &c->timer, at_ns);
}

int sockets_watch(struct sockets *s, int fd, void (*ready)(void *arg, uint64_t now_ns), void *arg)
{
    CHECK(!s->watch);
    s->watch = source_new(s, SOURCE_WATCH, fd, EPOLLIN);
    s->watch_ready = ready;
    s->watch_arg = arg;
    return s->watch ? ERR_OK : ERR_SYSTEM;
}

void sockets_unwatch(struct sockets *s)
{
    struct epoll_event none = {0};

    if (!s->watch)
        return;
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->watch->fd, &none);
    s->watch->fd = -1;
    s->watch->next_dead = s->dead;
    s->dead = s->watch;
    s->watch = NULL;
}

/* How long the kernel may sleep: exact to the nanosecond, since a validation of 5 ms shall not take 6. */
static struct timespec patience(const struct sockets *s, uint64_t until_ns)
{
    uint64_t deadline = timers_deadline(&s->timers);
    uint64_t now = clock_ns() - s->start_ns;
    uint64_t wait;

    if (deadline > until_ns)
        deadline = until_ns;
    wait = s->failed_dials || deadline <= now ? 0 : deadline - now;
    if (wait > WAIT_MAX_NS)
        wait = WAIT_MAX_NS;
    return (struct timespec){(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
}

int sockets_run(struct sockets *s, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_A_TURN];

    s->stopping = false;
    while (!s->stopping && s->now_ns < until_ns) {
        struct timespec wait = patience(s, until_ns);
        int n = epoll_pwait2(s->epoll_fd, events, EVENTS_A_TURN, &wait, NULL);

        if (n < 0 && errno != EINTR)
            return ERR_SYSTEM;
        s->now_ns = clock_ns() - s->start_ns;
        s->corking = n > 1; /* one event's answer goes at once */
        for (int i = 0; i < n; i++)
            serve(s, events[i].data.ptr, events[i].events);
        s->turns += n > 0 ? (uint64_t)n : 0;
        if (s->failed_dials)
            report_failed_dials(s);
        s->corking = true;
        timers_run(&s->timers, s->now_ns);
        uncork_all(s);
        bury(s);
    }
    return ERR_OK;
}

void sockets_stop(struct sockets *s)
{
    s->stopping = true;
}

uint64_t sockets_now_ns(const struct sockets *s)
{
    return s->now_ns;
}

uint64_t sockets_turns(const struct sockets *s)
{
    return s->turns;
}

uint64_t sockets_connections(const struct sockets *s)
{
    return s->connections;
}

void sockets_free(struct sockets *s)
{
    for (uint32_t i = 0; i < s->host_count; i++) {
        host_close(s->hosts[i]);
        mem_free(s->hosts[i]->conns);
        mem_free(s->hosts[i]);
    }
    sockets_unwatch(s);
    bury(s);
    timers_deinit(&s->timers);
    while (s->calls) {
        struct call *c = s->calls;

        call_unlink(c);
        mem_free(c);
    }
    close(s->epoll_fd);
    mem_free(s->hosts);
    epoll_block_deinit(&s->block);
    mem_free(s->corked);
    mem_free(s);
}
