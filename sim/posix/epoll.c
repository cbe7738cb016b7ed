/* An epoll has a list of watches that may have something to tell, in the order in which it came about, as in Linux: a look goes
 * through that list only. A level-triggered watch goes back to its end when it was told. An epoll is a file, so that another one may
 * watch it. */
#include "sim/posix/epoll.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>

struct epoll;

struct watch {
    struct epoll *epoll;
    struct file *file;
    int fd;
    uint32_t events;
    epoll_data_t data;
    bool listed, disabled;
    struct watch *next_of_file, *next_of_epoll; /* all watches of each */
    struct watch *next, **link;                 /* in the list of those to be looked at */
};

struct epoll {
    struct file file;
    struct watch *watches;
    struct watch *first, **end;
};

static struct epoll *epoll_of(struct file *f)
{
    return CONTAINER_OF(f, struct epoll, file);
}

static void unlist(struct watch *w)
{
    if (!w->listed)
        return;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    else
        w->epoll->end = w->link;
    w->listed = false;
}

static void list(struct watch *w)
{
    struct epoll *e = w->epoll;

    if (w->listed)
        return;
    w->next = NULL;
    w->link = e->end;
    *e->end = w;
    e->end = &w->next;
    w->listed = true;
}

void file_changed(struct file *f)
{
    for (struct watch *w = f->watches; w; w = w->next_of_file) {
        list(w); /* one may be there since it was told last, so that whoever watches the epoll hears of it again in any case */
        file_changed(&w->epoll->file);
    }
}

static void watch_free(struct watch *w)
{
    struct watch **at = &w->file->watches;

    while (*at != w)
        at = &(*at)->next_of_file;
    *at = w->next_of_file;
    for (at = &w->epoll->watches; *at != w;)
        at = &(*at)->next_of_epoll;
    *at = w->next_of_epoll;
    unlist(w);
    mem_free(w);
}

void epoll_forget(struct file *f)
{
    while (f->watches)
        watch_free(f->watches);
}

static uint32_t ready(const struct watch *w)
{
    if (w->disabled)
        return 0;
    return w->file->ops->poll(w->file) & (w->events | EPOLLERR | EPOLLHUP);
}

static uint32_t epoll_poll(struct file *f)
{
    for (const struct watch *w = epoll_of(f)->first; w; w = w->next)
        if (ready(w))
            return EPOLLIN;
    return 0;
}

static void epoll_release(struct file *f)
{
    struct epoll *e = epoll_of(f);

    while (e->watches)
        watch_free(e->watches);
    mem_free(e);
}

static const struct file_ops epoll_ops = {"an epoll", NULL, NULL, epoll_poll, epoll_release};

int epoll_open(struct program *p, bool close_on_exec)
{
    struct epoll *e = mem_zalloc(sizeof *e);

    file_init(&e->file, p, &epoll_ops, false);
    e->end = &e->first;
    return file_open(p, &e->file, 0, close_on_exec);
}

static struct watch *find(struct epoll *e, const struct file *f, int fd)
{
    struct watch *w = f->watches;

    while (w && (w->epoll != e || w->fd != fd))
        w = w->next_of_file;
    return w;
}

static struct watch *add(struct epoll *e, struct file *f, int fd)
{
    struct watch *w = mem_zalloc(sizeof *w);

    *w = (struct watch){.epoll = e, .file = f, .fd = fd, .next_of_file = f->watches, .next_of_epoll = e->watches};
    f->watches = w;
    e->watches = w;
    return w;
}

/* Whether `e` would come to watch itself. */
static bool watches(const struct file *f, const struct epoll *e)
{
    if (f->ops != &epoll_ops)
        return false;
    if (f == &e->file)
        return true;
    for (const struct watch *w = epoll_of((struct file *)(uintptr_t)f)->watches; w; w = w->next_of_epoll)
        if (watches(w->file, e))
            return true;
    return false;
}

int epoll_control(struct program *p, int epoll, int operation, int fd, const struct epoll_event *event)
{
    struct file *ef = file_get(p, epoll), *f = file_get(p, fd);
    struct watch *w;

    if (!ef || !f)
        return -EBADF;
    if (ef->ops != &epoll_ops || f == ef)
        return -EINVAL;
    if (!f->ops->poll)
        return -EPERM; /* a regular file: always ready */
    w = find(epoll_of(ef), f, fd);
    if (operation == EPOLL_CTL_DEL) {
        if (w)
            watch_free(w);
        return w ? 0 : -ENOENT;
    }
    if (operation != EPOLL_CTL_ADD && operation != EPOLL_CTL_MOD)
        return -EINVAL;
    if ((operation == EPOLL_CTL_ADD) == (w != NULL))
        return w ? -EEXIST : -ENOENT;
    if (!w && watches(f, epoll_of(ef)))
        return -ELOOP;
    if (!w)
        w = add(epoll_of(ef), f, fd);
    w->events = event->events;
    w->data = event->data;
    w->disabled = false;
    if (ready(w)) {
        list(w);
        file_changed(ef);
    }
    return 0;
}

/* What is to be told now. */
static int collect(struct epoll *e, struct epoll_event *out, int most)
{
    struct watch *w = e->first, *again = NULL, **again_end = &again;
    int count = 0;

    while (w && count < most) {
        struct watch *next = w->next;
        uint32_t events = ready(w);

        unlist(w);
        if (events) {
            out[count].events = events;
            out[count++].data = w->data;
            w->disabled = w->events & EPOLLONESHOT;
            if (!(w->events & (EPOLLET | EPOLLONESHOT))) {
                w->next = NULL; /* not before the others had their turn */
                *again_end = w;
                again_end = &w->next;
            }
        }
        w = next;
    }
    while (again) {
        w = again;
        again = w->next;
        list(w);
    }
    return count;
}

int epoll_await(struct program *p, int epoll, struct epoll_event *out, int most, uint64_t deadline_ns)
{
    struct file *f = file_get(p, epoll);

    if (!f)
        return -EBADF;
    if (f->ops != &epoll_ops || most <= 0)
        return -EINVAL;
    for (;;) {
        int count = collect(epoll_of(f), out, most), err;

        if (count > 0)
            return count;
        err = program_wait(p, deadline_ns);
        if (err == -ETIMEDOUT)
            return 0;
        if (err)
            return err;
    }
}

/* ---- poll ---- */

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP,
               "poll and epoll speak of the same bits");

static int look(struct program *p, struct pollfd *fds, nfds_t count)
{
    int told = 0;

    for (nfds_t i = 0; i < count; i++) {
        struct file *f = fds[i].fd < 0 ? NULL : file_get(p, fds[i].fd);
        uint32_t events;

        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        events = !f ? (uint32_t)POLLNVAL : f->ops->poll ? f->ops->poll(f) : (uint32_t)(POLLIN | POLLOUT);
        fds[i].revents = (short)(events & ((uint32_t)(unsigned short)fds[i].events | POLLERR | POLLHUP | POLLNVAL));
        told += fds[i].revents != 0;
    }
    return told;
}

int poll_await(struct program *p, struct pollfd *fds, nfds_t count, uint64_t deadline_ns)
{
    for (;;) {
        int told = look(p, fds, count), err;

        if (told > 0)
            return told;
        err = program_wait(p, deadline_ns);
        if (err == -ETIMEDOUT)
            return 0;
        if (err)
            return err;
    }
}
