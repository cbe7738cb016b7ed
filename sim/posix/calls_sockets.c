/* Carried calls: sockets, and waiting for descriptors. */
#include "sim/posix/epoll.h"
#include "sim/posix/kinds.h"
#include "sim/posix/sockets.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <sys/select.h>
#include <sys/uio.h>

#define NEVER TIME_NEVER

/* The socket behind a descriptor, or NULL with *err. */
static struct file *socket_at(struct program *p, int fd, long *err)
{
    struct file *f = file_get(p, fd);

    *err = !f ? -EBADF : !file_is_socket(f) ? -ENOTSOCK : 0;
    return *err ? NULL : f;
}

static int carried_socket(int domain, int type, int protocol)
{
    struct program *p = call_enter();

    return (int)call_leave(p, socket_open(p, domain, type, protocol));
}

static int carried_bind(int fd, const struct sockaddr *at, socklen_t size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_bind(p, f, at, size) : err);
}

static int carried_listen(int fd, int backlog)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_listen(p, f, backlog) : err);
}

static int carried_accept4(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_accept(p, f, from, size, flags) : err);
}

static int carried_accept(int fd, struct sockaddr *from, socklen_t *size)
{
    return carried_accept4(fd, from, size, 0);
}

static int carried_connect(int fd, const struct sockaddr *to, socklen_t size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_connect(p, f, to, size) : err);
}

static int carried_shutdown(int fd, int how)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_shutdown(p, f, how) : err);
}

static int carried_getsockname(int fd, struct sockaddr *out, socklen_t *size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_name(f, false, out, size) : err);
}

static int carried_getpeername(int fd, struct sockaddr *out, socklen_t *size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_name(f, true, out, size) : err);
}

static int carried_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_option_set(p, f, level, option, value, size) : err);
}

static int carried_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return (int)call_leave(p, f ? socket_option_get(p, f, level, option, value, size) : err);
}

/* ---- bytes ---- */

static ssize_t carried_send(int fd, const void *from, size_t size, int flags)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return call_leave(p, f ? socket_send(p, f, from, size, flags) : err);
}

static ssize_t carried_sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
    (void)to; /* of a stream: where it leads is settled */
    (void)to_size;
    return carried_send(fd, from, size, flags);
}

static ssize_t carried_recv(int fd, void *to, size_t size, int flags)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    return call_leave(p, f ? socket_receive(p, f, to, size, flags) : err);
}

static ssize_t carried_recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *from, socklen_t *from_size)
{
    (void)from;
    if (from_size)
        *from_size = 0;
    return carried_recv(fd, to, size, flags);
}

static size_t size_of(const struct iovec *v, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += v[i].iov_len;
    return size;
}

/* In one piece, as the world gets it. */
static ssize_t send_vector(struct program *p, struct file *f, const struct iovec *v, size_t count, int flags)
{
    size_t size = size_of(v, count), at = 0;
    uint8_t *bytes = mem_alloc(size);
    ssize_t n;

    for (size_t i = 0; i < count; at += v[i++].iov_len)
        memcpy(bytes + at, v[i].iov_base, v[i].iov_len);
    n = file_is_socket(f) ? socket_send(p, f, bytes, size, flags) : file_write_waiting(p, f, bytes, size, !f->nonblocking);
    mem_free(bytes);
    return n;
}

static ssize_t receive_vector(struct program *p, struct file *f, const struct iovec *v, size_t count, int flags)
{
    ssize_t done = 0;

    for (size_t i = 0; i < count; i++) {
        ssize_t n;

        if (v[i].iov_len == 0)
            continue;
        if (file_is_socket(f))
            n = socket_receive(p, f, v[i].iov_base, v[i].iov_len, flags | (done ? MSG_DONTWAIT : 0));
        else
            n = file_read_waiting(p, f, v[i].iov_base, v[i].iov_len, !f->nonblocking && !done);
        if (n <= 0)
            return done ? done : n;
        done += n;
        if ((size_t)n < v[i].iov_len)
            break;
    }
    return done;
}

static ssize_t carried_sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    if (f && m->msg_controllen)
        program_stuck(p, "calls sendmsg with control data, which is not carried");
    return call_leave(p, f ? send_vector(p, f, m->msg_iov, m->msg_iovlen, flags) : err);
}

static ssize_t carried_recvmsg(int fd, struct msghdr *m, int flags)
{
    struct program *p = call_enter();
    long err;
    struct file *f = socket_at(p, fd, &err);

    if (f && flags & MSG_PEEK && m->msg_iovlen > 1)
        program_stuck(p, "calls recvmsg with MSG_PEEK and several buffers, which is not carried");
    m->msg_namelen = 0;
    m->msg_controllen = 0;
    m->msg_flags = 0;
    return call_leave(p, f ? receive_vector(p, f, m->msg_iov, m->msg_iovlen, flags) : err);
}

static ssize_t carried_readv(int fd, const struct iovec *v, int count)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);

    return call_leave(p, !f ? -EBADF : count < 0 || count > IOV_MAX ? -EINVAL : receive_vector(p, f, v, (size_t)count, 0));
}

static ssize_t carried_writev(int fd, const struct iovec *v, int count)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);

    return call_leave(p, !f ? -EBADF : count < 0 || count > IOV_MAX ? -EINVAL : send_vector(p, f, v, (size_t)count, 0));
}

/* ---- waiting ---- */

static uint64_t deadline_ms(const struct program *p, int ms)
{
    return ms < 0 ? NEVER : p->now_ns + (uint64_t)ms * 1000000;
}

static uint64_t deadline_of(const struct program *p, const struct timespec *t)
{
    if (!t)
        return NEVER;
    if (t->tv_sec < 0 || (uint64_t)t->tv_sec > UINT64_MAX / 4000000000u)
        return NEVER;
    return p->now_ns + (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static int carried_epoll_create1(int flags)
{
    struct program *p = call_enter();

    return (int)call_leave(p, flags & ~EPOLL_CLOEXEC ? -EINVAL : epoll_open(p, flags & EPOLL_CLOEXEC));
}

static int carried_epoll_create(int size)
{
    struct program *p = call_enter();

    return (int)call_leave(p, size <= 0 ? -EINVAL : epoll_open(p, false));
}

static int carried_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    struct program *p = call_enter();

    return (int)call_leave(p, epoll_control(p, epoll, operation, fd, event));
}

/* With another mask of signals meanwhile. */
static int await(struct program *p, int epoll, struct epoll_event *out, int most, uint64_t deadline_ns, const sigset_t *mask)
{
    uint64_t blocked = p->signals.blocked;
    int n;

    if (mask)
        memcpy(&p->signals.blocked, mask, sizeof p->signals.blocked);
    n = epoll_await(p, epoll, out, most, deadline_ns);
    if (mask && n == -EINTR)
        signals_handle(p);
    p->signals.blocked = blocked;
    return n;
}

static int carried_epoll_pwait(int epoll, struct epoll_event *out, int most, int ms, const sigset_t *mask)
{
    struct program *p = call_enter();

    return (int)call_leave(p, await(p, epoll, out, most, deadline_ms(p, ms), mask));
}

static int carried_epoll_wait(int epoll, struct epoll_event *out, int most, int ms)
{
    return carried_epoll_pwait(epoll, out, most, ms, NULL);
}

static int carried_epoll_pwait2(int epoll, struct epoll_event *out, int most, const struct timespec *timeout, const sigset_t *mask)
{
    struct program *p = call_enter();

    return (int)call_leave(p, await(p, epoll, out, most, deadline_of(p, timeout), mask));
}

static int carried_poll(struct pollfd *fds, nfds_t count, int ms)
{
    struct program *p = call_enter();

    return (int)call_leave(p, poll_await(p, fds, count, deadline_ms(p, ms)));
}

static int carried_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    struct program *p = call_enter();

    if (mask)
        program_stuck(p, "calls ppoll with a mask of signals, which is not carried");
    return (int)call_leave(p, poll_await(p, fds, count, deadline_of(p, timeout)));
}

static int select_await(struct program *p, int count, fd_set *sets[3], uint64_t deadline_ns)
{
    static const short wants[] = {POLLIN, POLLOUT, POLLPRI}, tells[] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};
    struct pollfd fds[FD_SETSIZE];
    nfds_t used = 0;
    int told = 0, err;

    if (count < 0 || count > FD_SETSIZE)
        return -EINVAL;
    for (int fd = 0; fd < count; fd++) {
        struct pollfd f = {.fd = fd};

        for (int k = 0; k < 3; k++)
            if (sets[k] && FD_ISSET(fd, sets[k]))
                f.events = (short)(f.events | wants[k]);
        if (f.events && !file_get(p, fd))
            return -EBADF;
        if (f.events)
            fds[used++] = f;
    }
    err = poll_await(p, fds, used, deadline_ns);
    if (err < 0)
        return err;
    for (int k = 0; k < 3; k++)
        for (nfds_t i = 0; sets[k] && i < used; i++) {
            if (!FD_ISSET(fds[i].fd, sets[k]))
                continue;
            if (fds[i].revents & tells[k])
                told++;
            else
                FD_CLR(fds[i].fd, sets[k]);
        }
    return told;
}

static int carried_select(int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout)
{
    struct program *p = call_enter();
    struct timespec t = {0};

    if (timeout)
        t = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    return (int)call_leave(p, select_await(p, count, (fd_set *[]){reads, writes, others}, deadline_of(p, timeout ? &t : NULL)));
}

static int carried_pselect(int count, fd_set *reads, fd_set *writes, fd_set *others, const struct timespec *timeout, const sigset_t *mask)
{
    struct program *p = call_enter();

    if (mask)
        program_stuck(p, "calls pselect with a mask of signals, which is not carried");
    return (int)call_leave(p, select_await(p, count, (fd_set *[]){reads, writes, others}, deadline_of(p, timeout)));
}

const struct symbol calls_sockets[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(socket), CALL(bind), CALL(listen), CALL(accept), CALL(accept4), CALL(connect), CALL(shutdown), CALL(getsockname),
    CALL(getpeername), CALL(setsockopt), CALL(getsockopt), CALL(send), CALL(sendto), CALL(sendmsg), CALL(recv), CALL(recvfrom),
    CALL(recvmsg), CALL(readv), CALL(writev), CALL(epoll_create), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
    CALL(epoll_pwait), CALL(epoll_pwait2), CALL(poll), CALL(ppoll), CALL(select), CALL(pselect),
#undef CALL
    {NULL, NULL}};
