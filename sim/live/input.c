/* An epoll of its own holds the input and the signals; the loop watches that one. */
#include "sim/live/input.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)
#define FILE_PAUSE_NS                                                                              \
    UINT64_C(1000000) /* between two reads of a file, so that the network gets its turn */

void input_feed(struct input *in, uint64_t now_ns, struct slice bytes)
{
    while (bytes.size > 0) {
        const uint8_t *newline = memchr(bytes.data, '\n', bytes.size);
        size_t size = newline ? (size_t)(newline - bytes.data) : bytes.size;

        in->overlong |= size > INPUT_LINE_MAX - in->line.size;
        if (!in->overlong)
            buf_append(&in->line, bytes.data, size);
        if (newline)
            input_feed_end(in, now_ns);
        size += newline != NULL;
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
}

void input_feed_end(struct input *in, uint64_t now_ns)
{
    struct slice line = buf_slice(&in->line);

    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    if (in->overlong)
        in->events.overlong(in->events.ctx, now_ns);
    else if (line.size)
        in->events.line(in->events.ctx, now_ns, line);
    in->overlong = false;
    buf_deinit(&in->line); /* lines are rare and may be large */
    buf_init(&in->line, INPUT_LINE_MAX);
}

static void read_input(struct input *in, uint64_t now_ns)
{
    uint8_t bytes[READ_SIZE];
    ssize_t n = read(in->fd, bytes, sizeof bytes);

    if (n > 0) {
        input_feed(in, now_ns, slice_of(bytes, (size_t)n));
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    in->ended = true; /* the node goes on without */
    input_feed_end(in, now_ns);
    epoll_ctl(in->epoll_fd, EPOLL_CTL_DEL, in->fd, NULL);
}

static void on_ready(void *arg, uint64_t now_ns)
{
    struct input *in = arg;
    struct epoll_event events[2];
    int n = epoll_wait(in->epoll_fd, events, 2, 0);

    for (int i = 0; i < n; i++) {
        struct signalfd_siginfo info;

        if (events[i].data.fd == in->fd)
            read_input(in, now_ns);
        else if (read(in->signal_fd, &info, sizeof info) == sizeof info)
            in->events.stop(in->events.ctx, now_ns);
    }
}

/* Files are always ready and cannot be watched. */
static void read_file(void *arg, uint64_t now_ns)
{
    struct input *in = arg;

    read_input(in, now_ns);
    if (!in->ended)
        sockets_schedule(in->sockets, now_ns + FILE_PAUSE_NS, read_file, in);
}

static int watch(struct input *in, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int input_open(struct input *in, struct sockets *sockets, int fd, const struct input_events *events)
{
    sigset_t set;

    *in = (struct input){.events = *events, .sockets = sockets, .fd = fd};
    buf_init(&in->line, INPUT_LINE_MAX);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    in->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    in->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (in->epoll_fd < 0 || in->signal_fd < 0 || watch(in, in->signal_fd) < 0 ||
        sockets_watch(sockets, in->epoll_fd, on_ready, in) != ERR_OK)
        return ERR_SYSTEM;
    if (watch(in, fd) == 0)
        return ERR_OK;
    if (errno == EPERM)
        sockets_schedule(sockets, 0, read_file, in);
    else
        in->ended = true; /* a descriptor that was closed before we started: nothing to read */
    return ERR_OK;
}

void input_close(struct input *in)
{
    sockets_unwatch(in->sockets);
    if (in->signal_fd >= 0)
        close(in->signal_fd);
    if (in->epoll_fd >= 0)
        close(in->epoll_fd);
    buf_deinit(&in->line);
}
