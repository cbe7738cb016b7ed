/* TCP sockets of a program, each over a connection of the seam.
 *
 * Reading: bytes that came are kept up to the size of the receive buffer; beyond it the seam is asked to pause, which the sender
 * feels in time. Writing: the seam takes what it has room for, so that the send buffer is the world's own. The seam has no half-closed
 * connections: an end from the other side ends both ways, once what came before is read. */
#include "sim/posix/sockets.h"

#include "stack/base/check.h"
#include "stack/base/chain.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#define RECEIVE_BUFFER 262144 /* unless SO_RCVBUF says otherwise */
#define SEND_BUFFER 2626560   /* told, never changed: the world's own buffer counts */
#define BACKLOG_MAX 4096
#define SEND_PIECE 262144

enum socket_state {
    SOCKET_FRESH,
    SOCKET_BOUND,
    SOCKET_LISTENING,
    SOCKET_DIALLING,
    SOCKET_OPEN,
    SOCKET_ENDED /* by either side, or never came to be */
};

struct sock {
    struct file file;
    enum socket_state state;
    struct backend_conn conn; /* DIALLING, OPEN */
    struct endpoint local, remote;
    struct chain in;
    bool paused, full, read_shut, write_shut;
    int error; /* for SO_ERROR, or the next call */
    struct sock **queue; /* LISTENING: to be accepted */
    uint32_t queue_count, queue_max;
    size_t receive_max;
    bool lingers;
    int linger_s, reuse, nodelay, keepalive;
};

static struct sock *sock_of(struct file *f)
{
    return CONTAINER_OF(f, struct sock, file);
}

/* ---- addresses ---- */

static int from_sockaddr(const struct sockaddr *sa, socklen_t size, struct endpoint *out)
{
    struct sockaddr_in in;

    if (!sa || size < sizeof in)
        return -EINVAL;
    memcpy(&in, sa, sizeof in);
    if (in.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    *out = endpoint_ip4(ntohl(in.sin_addr.s_addr), ntohs(in.sin_port));
    return 0;
}

static void to_sockaddr(const struct endpoint *e, struct sockaddr *out, socklen_t *size)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};

    if (!out || !size)
        return;
    memcpy(&in.sin_addr, e->ip, 4);
    memcpy(out, &in, *size < sizeof in ? *size : sizeof in);
    *size = sizeof in;
}

static bool is_ours(const struct program *p, const struct endpoint *e)
{
    return endpoint_unspecified(e) || memcmp(e->ip, p->config.address.ip, 4) == 0;
}

static uint16_t port_take(struct program *p)
{
    uint16_t port = p->next_port;

    p->next_port = port == 65535 ? 32768 : (uint16_t)(port + 1);
    return port;
}

/* ---- making and ending ---- */

static struct sock *sock_new(struct program *p, bool nonblocking)
{
    struct sock *s = mem_zalloc(sizeof *s);

    file_init(&s->file, p, &socket_ops, nonblocking);
    chain_init(&s->in);
    s->receive_max = RECEIVE_BUFFER;
    return s;
}

int socket_open(struct program *p, int domain, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (domain == AF_INET6)
        return -EAFNOSUPPORT; /* as on a host without IPv6 */
    if (domain != AF_INET || kind != SOCK_STREAM || (protocol != 0 && protocol != IPPROTO_TCP))
        program_stuck(p, "calls socket(%d, %d, %d): only TCP over IPv4 is carried", domain, kind, protocol);
    return file_open(p, &sock_new(p, type & SOCK_NONBLOCK)->file, 0, type & SOCK_CLOEXEC);
}

static void bind_conn(struct program *p, struct sock *s, struct backend_conn conn)
{
    if (conn.index >= p->by_conn_count) {
        uint32_t count = conn.index < 8 ? 16 : conn.index * 2;

        p->by_conn = mem_grow(p->by_conn, count, sizeof *p->by_conn);
        memset(p->by_conn + p->by_conn_count, 0, (count - p->by_conn_count) * sizeof *p->by_conn);
        p->by_conn_count = count;
    }
    s->conn = conn;
    p->by_conn[conn.index] = &s->file;
}

static struct sock *by_conn(struct program *p, struct backend_conn conn)
{
    struct file *f = conn.index < p->by_conn_count ? p->by_conn[conn.index] : NULL;

    return f && backend_conn_equal(sock_of(f)->conn, conn) ? sock_of(f) : NULL;
}

/* The handle is no more. */
static void detach(struct sock *s)
{
    s->file.program->by_conn[s->conn.index] = NULL;
    s->state = SOCKET_ENDED;
}

static void hang_up(struct sock *s, enum backend_close how)
{
    struct program *p = s->file.program;

    if (!p->suspended)
        p->config.ops->close(p->config.host, s->conn, how);
    detach(s);
}

static void sock_free(struct sock *s)
{
    chain_deinit(&s->in);
    mem_free(s->queue);
    mem_free(s);
}

/* As Linux does: what nobody read, or a linger of 0, resets. */
static void sock_release(struct file *f)
{
    struct sock *s = sock_of(f);

    if (s->state == SOCKET_DIALLING || s->state == SOCKET_OPEN)
        hang_up(s, s->in.size > 0 || (s->lingers && s->linger_s == 0) ? BACKEND_CLOSE_RST : BACKEND_CLOSE_FIN);
    for (uint32_t i = 0; i < s->queue_count; i++)
        sock_release(&s->queue[i]->file);
    if (f->program->listener == f)
        f->program->listener = NULL;
    sock_free(s);
}

/* ---- upcalls ---- */

bool sockets_accepted(struct program *p, struct backend_conn conn, const struct endpoint *from)
{
    struct sock *listener = p->listener ? sock_of(p->listener) : NULL, *s;

    if (!listener || p->state != PROGRAM_RUNS || listener->queue_count >= listener->queue_max) {
        p->config.ops->close(p->config.host, conn, BACKEND_CLOSE_RST);
        return false;
    }
    s = sock_new(p, false);
    s->state = SOCKET_OPEN;
    s->remote = *from;
    s->local = p->config.address;
    s->local.port = listener->local.port;
    s->receive_max = listener->receive_max;
    bind_conn(p, s, conn);
    listener->queue = mem_grow(listener->queue, listener->queue_count + 1, sizeof(struct sock *));
    listener->queue[listener->queue_count++] = s;
    file_changed(p->listener);
    return true;
}

static int errno_of(int err)
{
    switch (err) {
    case ERR_REFUSED:
        return ECONNREFUSED;
    case ERR_TIMEOUT:
        return ETIMEDOUT;
    case ERR_UNREACHABLE:
        return EHOSTUNREACH;
    case ERR_LIMIT:
        return ENOBUFS;
    default:
        return ECONNRESET;
    }
}

bool sockets_dialled(struct program *p, struct backend_conn conn, int err)
{
    struct sock *s = by_conn(p, conn);

    if (!s)
        return false;
    CHECK(s->state == SOCKET_DIALLING);
    if (err) {
        detach(s);
        s->error = errno_of(err);
    } else {
        s->state = SOCKET_OPEN;
    }
    file_changed(&s->file);
    return true;
}

bool sockets_data(struct program *p, struct backend_conn conn, struct chain *bytes)
{
    struct sock *s = by_conn(p, conn);

    p->counts.bytes_received += bytes->size;
    if (!s || s->read_shut) {
        chain_drop(bytes, bytes->size);
        return false;
    }
    chain_move_all(&s->in, bytes);
    if (s->in.size >= s->receive_max && !s->paused) {
        s->paused = true;
        p->config.ops->pause(p->config.host, s->conn, true);
    }
    file_changed(&s->file);
    return true;
}

bool sockets_writable(struct program *p, struct backend_conn conn)
{
    struct sock *s = by_conn(p, conn);

    if (!s)
        return false;
    s->full = false;
    file_changed(&s->file);
    return true;
}

bool sockets_closed(struct program *p, struct backend_conn conn, int err)
{
    struct sock *s = by_conn(p, conn);

    if (!s)
        return false;
    detach(s);
    s->error = err == ERR_CLOSED ? 0 : errno_of(err);
    file_changed(&s->file);
    return true;
}

void sockets_reset(struct program *p)
{
    for (uint32_t i = 0; i < p->by_conn_count; i++)
        if (p->by_conn[i]) {
            struct sock *s = sock_of(p->by_conn[i]);

            detach(s);
            s->error = ECONNRESET;
            file_changed(&s->file);
        }
}

/* ---- calls ---- */

int socket_bind(struct program *p, struct file *f, const struct sockaddr *at, socklen_t size)
{
    struct sock *s = sock_of(f);
    struct endpoint e;
    int err = from_sockaddr(at, size, &e);

    if (err)
        return err;
    if (s->state != SOCKET_FRESH)
        return -EINVAL;
    if (!is_ours(p, &e))
        return -EADDRNOTAVAIL;
    if (e.port && p->listener && sock_of(p->listener)->local.port == e.port)
        return -EADDRINUSE;
    s->local = e;
    s->state = SOCKET_BOUND;
    return 0;
}

/* The seam listens on one port a host and cannot stop: after a close, who dials is reset. */
int socket_listen(struct program *p, struct file *f, int backlog)
{
    struct sock *s = sock_of(f);
    uint32_t most = backlog < 1 ? 1 : backlog > BACKLOG_MAX ? BACKLOG_MAX : (uint32_t)backlog;

    if (s->state == SOCKET_LISTENING) {
        s->queue_max = most;
        return 0;
    }
    if (s->state != SOCKET_FRESH && s->state != SOCKET_BOUND)
        return -EINVAL;
    if (!s->local.port)
        s->local.port = p->listening && !p->listener ? p->listening : port_take(p);
    if (p->listener || (p->listening && p->listening != s->local.port))
        program_stuck(p, "calls listen on port %u: a host listens on one port here, and this one does on %u", s->local.port, p->listening);
    if (!p->listening) {
        struct endpoint at = p->config.address;

        at.port = s->local.port;
        if (p->config.ops->listen(p->config.host, &at) != ERR_OK)
            return -EADDRINUSE;
        p->listening = at.port;
    }
    p->listener = f;
    s->state = SOCKET_LISTENING;
    s->queue_max = most;
    return 0;
}

static int dial(struct program *p, struct sock *s)
{
    struct backend_conn conn;
    int err = p->config.ops->dial(p->config.host, &s->remote, &conn);

    if (err)
        return -errno_of(err);
    if (!s->local.port)
        s->local.port = port_take(p);
    memcpy(s->local.ip, p->config.address.ip, 4);
    s->state = SOCKET_DIALLING;
    bind_conn(p, s, conn);
    return 0;
}

int socket_connect(struct program *p, struct file *f, const struct sockaddr *to, socklen_t size)
{
    struct sock *s = sock_of(f);
    int err = from_sockaddr(to, size, &s->remote);

    if (err)
        return err;
    switch (s->state) {
    case SOCKET_FRESH:
    case SOCKET_BOUND:
        break;
    case SOCKET_DIALLING:
        return -EALREADY;
    case SOCKET_OPEN:
        return -EISCONN;
    case SOCKET_LISTENING:
    case SOCKET_ENDED:
        return -EINVAL;
    }
    err = dial(p, s);
    if (err || f->nonblocking)
        return err ? err : -EINPROGRESS;
    while (s->state == SOCKET_DIALLING) {
        err = program_wait_on(p);
        if (err)
            return err;
    }
    err = -s->error;
    s->error = 0;
    return err;
}

int socket_accept(struct program *p, struct file *f, struct sockaddr *from, socklen_t *size, int flags)
{
    struct sock *s = sock_of(f), *got;

    if (s->state != SOCKET_LISTENING || flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    while (s->queue_count == 0) {
        int err = f->nonblocking ? -EAGAIN : program_wait_on(p);

        if (err)
            return err;
    }
    got = s->queue[0];
    memmove(s->queue, s->queue + 1, --s->queue_count * sizeof(struct sock *));
    got->file.nonblocking = flags & SOCK_NONBLOCK;
    to_sockaddr(&got->remote, from, size);
    return file_open(p, &got->file, 0, flags & SOCK_CLOEXEC);
}

int socket_shutdown(struct program *p, struct file *f, int how)
{
    struct sock *s = sock_of(f);

    if (s->state != SOCKET_OPEN)
        return -ENOTCONN;
    if (how == SHUT_WR)
        program_stuck(p, "calls shutdown(SHUT_WR): connections here are closed both ways at once");
    if (how == SHUT_RD) {
        s->read_shut = true;
        chain_drop(&s->in, s->in.size);
    } else {
        s->write_shut = s->read_shut = true;
        hang_up(s, BACKEND_CLOSE_FIN);
    }
    file_changed(f);
    return 0;
}

int socket_name(const struct file *f, bool remote, struct sockaddr *out, socklen_t *size)
{
    const struct sock *s = CONTAINER_OF((struct file *)(uintptr_t)f, struct sock, file);

    if (remote && s->state != SOCKET_OPEN)
        return -ENOTCONN;
    to_sockaddr(remote ? &s->remote : &s->local, out, size);
    return 0;
}

static int pending_error(struct sock *s)
{
    int error = s->error;

    s->error = 0;
    return -error;
}

size_t socket_waiting(const struct file *f)
{
    return CONTAINER_OF((struct file *)(uintptr_t)f, struct sock, file)->in.size;
}

static ssize_t receive(struct sock *s, void *to, size_t size, bool peek)
{
    struct program *p = s->file.program;
    size_t n = size < s->in.size ? size : s->in.size;

    if (n == 0 && size > 0) {
        if (s->state == SOCKET_OPEN)
            return s->read_shut ? 0 : -EAGAIN;
        if (s->error)
            return pending_error(s);
        return s->state == SOCKET_ENDED ? 0 : -ENOTCONN;
    }
    chain_peek(&s->in, 0, to, n);
    if (peek)
        return (ssize_t)n;
    chain_drop(&s->in, n);
    if (s->paused && s->in.size < s->receive_max / 2 && s->state == SOCKET_OPEN) {
        s->paused = false;
        p->config.ops->pause(p->config.host, s->conn, false);
    }
    return (ssize_t)n;
}

ssize_t socket_receive(struct program *p, struct file *f, void *to, size_t size, int flags)
{
    bool wait = !f->nonblocking && !(flags & MSG_DONTWAIT);
    size_t done = 0;

    if (flags & ~(MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC))
        program_stuck(p, "calls recv with flags %#x, which are not carried", (unsigned)flags);
    for (;;) {
        ssize_t n = receive(sock_of(f), (char *)to + done, size - done, flags & MSG_PEEK);
        int err;

        if (n > 0)
            done += (size_t)n;
        if (n == 0 || (n < 0 && n != -EAGAIN) || (done > 0 && !(flags & MSG_WAITALL)) || done == size)
            return done ? (ssize_t)done : n;
        if (!wait)
            return done ? (ssize_t)done : -EAGAIN;
        err = program_wait_on(p);
        if (err)
            return done ? (ssize_t)done : err;
    }
}

static ssize_t transmit(struct sock *s, const void *from, size_t size)
{
    struct program *p = s->file.program;
    struct chain chain;
    size_t sent;

    if (s->error)
        return pending_error(s);
    if (s->state == SOCKET_ENDED || s->write_shut)
        return -EPIPE;
    if (s->state == SOCKET_DIALLING || s->full)
        return -EAGAIN;
    if (s->state != SOCKET_OPEN)
        return -ENOTCONN;
    if (size == 0)
        return 0;
    if (size > SEND_PIECE)
        size = SEND_PIECE;
    chain_init(&chain);
    chain_append(&chain, slice_of(from, size));
    sent = p->config.ops->send(p->config.host, s->conn, &chain);
    s->full = chain.size > 0;
    chain_deinit(&chain);
    p->counts.bytes_sent += sent;
    return sent ? (ssize_t)sent : -EAGAIN;
}

ssize_t socket_send(struct program *p, struct file *f, const void *from, size_t size, int flags)
{
    bool wait = !f->nonblocking && !(flags & MSG_DONTWAIT);
    size_t done = 0;

    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE))
        program_stuck(p, "calls send with flags %#x, which are not carried", (unsigned)flags);
    for (;;) {
        ssize_t n = transmit(sock_of(f), (const char *)from + done, size - done);

        if (n == -EPIPE && !done && !(flags & MSG_NOSIGNAL))
            signals_raise(p, SIGPIPE);
        if (n < 0 && n != -EAGAIN)
            return done ? (ssize_t)done : n;
        done += n > 0 ? (size_t)n : 0;
        if (done == size)
            return (ssize_t)done;
        if (sock_of(f)->full && !wait)
            return done ? (ssize_t)done : -EAGAIN;
        if (n == -EAGAIN && !wait)
            return done ? (ssize_t)done : -EAGAIN;
        if (n == -EAGAIN) {
            int err = program_wait_on(p);

            if (err)
                return done ? (ssize_t)done : err;
        }
    }
}

/* ---- as files ---- */

static ssize_t sock_read(struct file *f, void *to, size_t size)
{
    return receive(sock_of(f), to, size, false);
}

static ssize_t sock_write(struct file *f, const void *from, size_t size)
{
    return socket_send(f->program, f, from, size, MSG_DONTWAIT);
}

static uint32_t sock_poll(struct file *f)
{
    struct sock *s = sock_of(f);
    uint32_t events = 0;

    switch (s->state) {
    case SOCKET_FRESH:
    case SOCKET_BOUND:
        return EPOLLOUT | EPOLLHUP;
    case SOCKET_LISTENING:
        return s->queue_count ? EPOLLIN | EPOLLRDNORM : 0;
    case SOCKET_DIALLING:
        return 0;
    case SOCKET_OPEN:
        events = (s->in.size || s->read_shut ? (uint32_t)(EPOLLIN | EPOLLRDNORM) : 0u) | (s->full ? 0u : (uint32_t)(EPOLLOUT | EPOLLWRNORM));
        return events | (s->read_shut ? (uint32_t)EPOLLRDHUP : 0u);
    case SOCKET_ENDED:
        return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLRDHUP | EPOLLHUP | (s->error ? (uint32_t)EPOLLERR : 0u);
    }
    UNREACHABLE();
}

const struct file_ops socket_ops = {"a socket", sock_read, sock_write, sock_poll, sock_release};

/* ---- options ---- */

static int *flag_of(struct sock *s, int level, int option)
{
    if (level == SOL_SOCKET && (option == SO_REUSEADDR || option == SO_REUSEPORT))
        return &s->reuse;
    if (level == SOL_SOCKET && option == SO_KEEPALIVE)
        return &s->keepalive;
    if (level == IPPROTO_TCP && option == TCP_NODELAY)
        return &s->nodelay;
    return NULL;
}

/* Hints to a kernel that change nothing here: there is no Nagle, no keepalive, no priority. */
static bool is_hint(int level, int option)
{
    if (level == SOL_SOCKET)
        return option == SO_SNDBUF || option == SO_PRIORITY;
    if (level == IPPROTO_IP)
        return option == IP_TOS || option == IP_BIND_ADDRESS_NO_PORT;
    return level == IPPROTO_TCP && (option == TCP_QUICKACK || option == TCP_KEEPIDLE || option == TCP_KEEPINTVL || option == TCP_KEEPCNT ||
                                    option == TCP_USER_TIMEOUT || option == TCP_CORK || option == TCP_DEFER_ACCEPT);
}

int socket_option_set(struct program *p, struct file *f, int level, int option, const void *value, socklen_t size)
{
    struct sock *s = sock_of(f);
    int *flag = flag_of(s, level, option), number = 0;
    struct linger linger;

    if (level == SOL_SOCKET && option == SO_LINGER) {
        if (size < sizeof linger)
            return -EINVAL;
        memcpy(&linger, value, sizeof linger);
        s->lingers = linger.l_onoff != 0;
        s->linger_s = linger.l_linger;
        return 0;
    }
    if (size < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    if (flag) {
        *flag = number != 0;
    } else if (level == SOL_SOCKET && option == SO_RCVBUF) {
        s->receive_max = number < 2304 / 2 ? 2304 : (size_t)number * 2; /* doubled, as Linux does */
    } else if (!is_hint(level, option)) {
        program_stuck(p, "calls setsockopt(%d, %d), an option that is not carried", level, option);
    }
    return 0;
}

static int option_value(struct program *p, struct sock *s, int level, int option)
{
    const int *flag = flag_of(s, level, option);

    if (flag)
        return *flag;
    if (level == SOL_SOCKET)
        switch (option) {
        case SO_ERROR:
            return -pending_error(s);
        case SO_TYPE:
            return SOCK_STREAM;
        case SO_DOMAIN:
            return AF_INET;
        case SO_PROTOCOL:
            return IPPROTO_TCP;
        case SO_ACCEPTCONN:
            return s->state == SOCKET_LISTENING;
        case SO_RCVBUF:
            return (int)s->receive_max;
        case SO_SNDBUF:
            return SEND_BUFFER;
        default:
            break;
        }
    program_stuck(p, "calls getsockopt(%d, %d), an option that is not carried", level, option);
}

int socket_option_get(struct program *p, struct file *f, int level, int option, void *value, socklen_t *size)
{
    struct sock *s = sock_of(f);
    struct linger linger = {s->lingers, s->linger_s};
    bool is_linger = level == SOL_SOCKET && option == SO_LINGER;
    int number = is_linger ? 0 : option_value(p, s, level, option);
    socklen_t most = is_linger ? sizeof linger : sizeof number;

    if (*size > most)
        *size = most;
    memcpy(value, is_linger ? (const void *)&linger : &number, *size);
    return 0;
}
