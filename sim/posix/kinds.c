/* What the kernel keeps for each kind. */
#include "sim/posix/kinds.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#define PIPE_SIZE 65536
#define SECOND_NS UINT64_C(1000000000)

static void release_plain(struct file *f)
{
    mem_free(f); /* the file comes first in what it is part of */
}

/* ---- pipes ---- */

struct pipe {
    struct file *ends[2]; /* NULL: closed */
    struct buf bytes;
    size_t used;
};

struct pipe_end {
    struct file file;
    struct pipe *pipe;
    bool writes;
};

static struct pipe_end *end_of(struct file *f)
{
    return CONTAINER_OF(f, struct pipe_end, file);
}

static ssize_t pipe_read(struct file *f, void *to, size_t size)
{
    struct pipe *pipe = end_of(f)->pipe;
    size_t left = pipe->bytes.size - pipe->used, n = size < left ? size : left;

    if (!left)
        return pipe->ends[1] ? -EAGAIN : 0;
    memcpy(to, pipe->bytes.data + pipe->used, n);
    pipe->used += n;
    if (pipe->used == pipe->bytes.size) {
        buf_clear(&pipe->bytes);
        pipe->used = 0;
        if (pipe->ends[1])
            file_changed(pipe->ends[1]);
    }
    return (ssize_t)n;
}

static ssize_t pipe_write(struct file *f, const void *from, size_t size)
{
    struct pipe *pipe = end_of(f)->pipe;
    size_t room = PIPE_SIZE - pipe->bytes.size;

    if (!pipe->ends[0]) {
        signals_raise(f->program, SIGPIPE);
        return -EPIPE;
    }
    if (room == 0 || (size <= 4096 && size > room)) /* PIPE_BUF: all or nothing */
        return -EAGAIN;
    size = size < room ? size : room;
    buf_append(&pipe->bytes, from, size);
    file_changed(pipe->ends[0]);
    return (ssize_t)size;
}

static uint32_t read_end_poll(struct file *f)
{
    const struct pipe *pipe = end_of(f)->pipe;

    return (pipe->used < pipe->bytes.size ? (uint32_t)EPOLLIN : 0u) | (pipe->ends[1] ? 0u : (uint32_t)EPOLLHUP);
}

static uint32_t write_end_poll(struct file *f)
{
    const struct pipe *pipe = end_of(f)->pipe;

    return (pipe->bytes.size < PIPE_SIZE ? (uint32_t)EPOLLOUT : 0u) | (pipe->ends[0] ? 0u : (uint32_t)EPOLLERR);
}

static void pipe_release(struct file *f)
{
    struct pipe_end *end = end_of(f);
    struct pipe *pipe = end->pipe;

    pipe->ends[end->writes] = NULL;
    if (pipe->ends[!end->writes]) {
        file_changed(pipe->ends[!end->writes]);
    } else {
        buf_deinit(&pipe->bytes);
        mem_free(pipe);
    }
    mem_free(end);
}

static const struct file_ops pipe_read_ops = {"a pipe", pipe_read, NULL, read_end_poll, pipe_release};
static const struct file_ops pipe_write_ops = {"a pipe", NULL, pipe_write, write_end_poll, pipe_release};

size_t pipe_waiting(struct file *f)
{
    return f->ops == &pipe_read_ops ? end_of(f)->pipe->bytes.size - end_of(f)->pipe->used : 0;
}

int pipe_open(struct program *p, int fds[2], int flags)
{
    struct pipe *pipe;

    if (flags & ~(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    pipe = mem_zalloc(sizeof *pipe);
    buf_init(&pipe->bytes, PIPE_SIZE);
    for (int i = 0; i < 2; i++) {
        struct pipe_end *end = mem_zalloc(sizeof *end);

        file_init(&end->file, p, i ? &pipe_write_ops : &pipe_read_ops, flags & O_NONBLOCK);
        end->pipe = pipe;
        end->writes = i;
        pipe->ends[i] = &end->file;
    }
    fds[0] = file_open(p, pipe->ends[0], 0, flags & O_CLOEXEC);
    if (fds[0] < 0) {
        pipe_release(pipe->ends[1]);
        return fds[0];
    }
    fds[1] = file_open(p, pipe->ends[1], 0, flags & O_CLOEXEC);
    if (fds[1] < 0) {
        file_close(p, fds[0]);
        return fds[1];
    }
    return 0;
}

/* ---- eventfd ---- */

struct event {
    struct file file;
    uint64_t count;
    bool semaphore;
};

static ssize_t event_read(struct file *f, void *to, size_t size)
{
    struct event *e = CONTAINER_OF(f, struct event, file);
    uint64_t value = e->semaphore ? 1 : e->count;

    if (size < sizeof value)
        return -EINVAL;
    if (e->count == 0)
        return -EAGAIN;
    e->count -= value;
    memcpy(to, &value, sizeof value);
    file_changed(f);
    return sizeof value;
}

static ssize_t event_write(struct file *f, const void *from, size_t size)
{
    struct event *e = CONTAINER_OF(f, struct event, file);
    uint64_t value;

    if (size < sizeof value)
        return -EINVAL;
    memcpy(&value, from, sizeof value);
    if (value == UINT64_MAX)
        return -EINVAL;
    if (value > UINT64_MAX - 1 - e->count)
        return -EAGAIN;
    e->count += value;
    file_changed(f);
    return sizeof value;
}

static uint32_t event_poll(struct file *f)
{
    const struct event *e = CONTAINER_OF(f, struct event, file);

    return (e->count > 0 ? (uint32_t)EPOLLIN : 0u) | (e->count < UINT64_MAX - 1 ? (uint32_t)EPOLLOUT : 0u);
}

static const struct file_ops event_ops = {"an eventfd", event_read, event_write, event_poll, release_plain};

int eventfd_open(struct program *p, unsigned first, int flags)
{
    struct event *e;

    if (flags & ~(EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE))
        return -EINVAL;
    e = mem_zalloc(sizeof *e);
    file_init(&e->file, p, &event_ops, flags & EFD_NONBLOCK);
    e->count = first;
    e->semaphore = flags & EFD_SEMAPHORE;
    return file_open(p, &e->file, 0, flags & EFD_CLOEXEC);
}

/* ---- timerfd ---- */

struct alarm {
    struct file file;
    struct timer timer;
    clockid_t clock;
    uint64_t interval_ns, expirations;
};

static void fire_alarm(struct timer *t, uint64_t now_ns)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
    uint64_t due_ns = t->deadline_ns, times = 1;

    if (a->interval_ns)
        times += (now_ns - due_ns) / a->interval_ns;
    a->expirations += times;
    if (a->interval_ns)
        timer_arm(&a->file.program->timers, t, due_ns + times * a->interval_ns);
    file_changed(&a->file);
}

static ssize_t alarm_read(struct file *f, void *to, size_t size)
{
    struct alarm *a = CONTAINER_OF(f, struct alarm, file);

    if (size < sizeof a->expirations)
        return -EINVAL;
    if (a->expirations == 0)
        return -EAGAIN;
    memcpy(to, &a->expirations, sizeof a->expirations);
    a->expirations = 0;
    return sizeof a->expirations;
}

static uint32_t alarm_poll(struct file *f)
{
    return CONTAINER_OF(f, struct alarm, file)->expirations ? EPOLLIN : 0;
}

static void alarm_release(struct file *f)
{
    struct alarm *a = CONTAINER_OF(f, struct alarm, file);

    timer_disarm(&f->program->timers, &a->timer);
    mem_free(a);
}

static const struct file_ops alarm_ops = {"a timerfd", alarm_read, NULL, alarm_poll, alarm_release};

int timerfd_open(struct program *p, int clock, int flags)
{
    struct alarm *a;

    if (flags & ~(TFD_NONBLOCK | TFD_CLOEXEC) || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME))
        return -EINVAL;
    a = mem_zalloc(sizeof *a);
    file_init(&a->file, p, &alarm_ops, flags & TFD_NONBLOCK);
    timer_init(&a->timer, fire_alarm);
    a->clock = clock;
    return file_open(p, &a->file, 0, flags & TFD_CLOEXEC);
}

static bool to_ns(const struct timespec *t, uint64_t *out)
{
    if (t->tv_nsec < 0 || t->tv_nsec >= (long)SECOND_NS || t->tv_sec < 0)
        return false;
    *out = (uint64_t)t->tv_sec > UINT64_MAX / 4 / SECOND_NS ? UINT64_MAX / 4 : (uint64_t)t->tv_sec * SECOND_NS + (uint64_t)t->tv_nsec;
    return true;
}

static struct timespec from_ns(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};
}

static void tell_alarm(const struct alarm *a, struct itimerspec *out)
{
    const struct program *p = a->file.program;
    uint64_t deadline = timer_armed(&a->timer) ? a->timer.deadline_ns : p->now_ns;

    out->it_value = from_ns(deadline > p->now_ns ? deadline - p->now_ns : timer_armed(&a->timer));
    out->it_interval = from_ns(a->interval_ns);
}

static struct alarm *alarm_get(struct program *p, int fd, int *err)
{
    struct file *f = file_get(p, fd);

    *err = !f ? -EBADF : f->ops != &alarm_ops ? -EINVAL : 0;
    return *err ? NULL : CONTAINER_OF(f, struct alarm, file);
}

int timerfd_set(struct program *p, int fd, int flags, const struct itimerspec *to, struct itimerspec *old)
{
    uint64_t value_ns, interval_ns, now_ns;
    struct alarm *a;
    int err;

    a = alarm_get(p, fd, &err);
    if (!a)
        return err;
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || !to_ns(&to->it_value, &value_ns) || !to_ns(&to->it_interval, &interval_ns))
        return -EINVAL;
    if (old)
        tell_alarm(a, old);
    a->expirations = 0;
    a->interval_ns = interval_ns;
    timer_disarm(&p->timers, &a->timer);
    if (value_ns) {
        now_ns = program_clock_ns(p, a->clock);
        if (flags & TFD_TIMER_ABSTIME)
            value_ns = value_ns > now_ns ? value_ns - now_ns : 0;
        timer_arm(&p->timers, &a->timer, p->now_ns + value_ns);
        program_arm(p);
    }
    return 0;
}

int timerfd_get(struct program *p, int fd, struct itimerspec *out)
{
    int err;
    const struct alarm *a = alarm_get(p, fd, &err);

    if (a)
        tell_alarm(a, out);
    return err;
}

/* ---- signalfd ---- */

struct signal_file {
    struct file file;
    uint64_t mask;
};

static uint64_t takes(struct file *f)
{
    return CONTAINER_OF(f, struct signal_file, file)->mask & f->program->signals.pending;
}

static ssize_t signal_read(struct file *f, void *to, size_t size)
{
    struct signalfd_siginfo info = {0};
    uint64_t set = takes(f);

    if (size < sizeof info)
        return -EINVAL;
    if (!set)
        return -EAGAIN;
    info.ssi_signo = (uint32_t)__builtin_ctzll(set) + 1;
    f->program->signals.pending &= ~(UINT64_C(1) << (info.ssi_signo - 1));
    memcpy(to, &info, sizeof info);
    return sizeof info;
}

static uint32_t signal_poll(struct file *f)
{
    return takes(f) ? EPOLLIN : 0;
}

static const struct file_ops signal_ops = {"a signalfd", signal_read, NULL, signal_poll, release_plain};

void signalfd_changed(struct program *p)
{
    for (uint32_t fd = 0; fd < p->descriptor_count; fd++)
        if (p->descriptors[fd].file && p->descriptors[fd].file->ops == &signal_ops)
            file_changed(p->descriptors[fd].file);
}

int signalfd_open(struct program *p, int fd, uint64_t mask, int flags)
{
    struct file *f = fd >= 0 ? file_get(p, fd) : NULL;
    struct signal_file *s;

    if (flags & ~(SFD_NONBLOCK | SFD_CLOEXEC) || (fd >= 0 && f && f->ops != &signal_ops))
        return -EINVAL;
    if (fd >= 0) {
        if (!f)
            return -EBADF;
        CONTAINER_OF(f, struct signal_file, file)->mask = mask;
        file_changed(f);
        return fd;
    }
    s = mem_zalloc(sizeof *s);
    file_init(&s->file, p, &signal_ops, flags & SFD_NONBLOCK);
    s->mask = mask;
    return file_open(p, &s->file, 0, flags & SFD_CLOEXEC);
}
