/* The table of descriptors. */
#include "sim/posix/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>

void file_init(struct file *f, struct program *p, const struct file_ops *ops, bool nonblocking)
{
    *f = (struct file){.ops = ops, .program = p, .nonblocking = nonblocking};
}

struct file *file_get(struct program *p, int fd)
{
    return fd >= 0 && (uint32_t)fd < p->descriptor_count ? p->descriptors[fd].file : NULL;
}

static void release(struct file *f)
{
    epoll_forget(f);
    f->ops->release(f);
}

int file_open(struct program *p, struct file *f, int least, bool close_on_exec)
{
    uint32_t fd = (uint32_t)least;

    while (fd < p->descriptor_count && p->descriptors[fd].file)
        fd++;
    if (fd >= PROGRAM_FILES_MAX) {
        if (f->descriptors == 0)
            release(f);
        return -EMFILE;
    }
    if (fd >= p->descriptor_count) {
        uint32_t count = fd < 8 ? 16 : fd * 2;

        p->descriptors = mem_grow(p->descriptors, count, sizeof *p->descriptors);
        memset(p->descriptors + p->descriptor_count, 0, (count - p->descriptor_count) * sizeof *p->descriptors);
        p->descriptor_count = count;
    }
    p->descriptors[fd] = (struct descriptor){f, close_on_exec};
    f->descriptors++;
    return (int)fd;
}

int file_close(struct program *p, int fd)
{
    struct file *f = file_get(p, fd);

    if (!f)
        return -EBADF;
    p->descriptors[fd] = (struct descriptor){0};
    if (--f->descriptors == 0)
        release(f);
    return 0;
}

int file_duplicate(struct program *p, int fd, int least, bool close_on_exec)
{
    struct file *f = file_get(p, fd);

    return f ? file_open(p, f, least, close_on_exec) : -EBADF;
}

void files_release_all(struct program *p)
{
    for (uint32_t fd = 0; fd < p->descriptor_count; fd++)
        if (p->descriptors[fd].file)
            file_close(p, (int)fd);
}

/* ---- reading and writing, with waiting where the file is a blocking one ---- */

ssize_t file_read_waiting(struct program *p, struct file *f, void *to, size_t size, bool wait)
{
    for (;;) {
        ssize_t n = f->ops->read ? f->ops->read(f, to, size) : -EBADF;
        int err;

        if (n != -EAGAIN || !wait)
            return n;
        err = program_wait_on(p);
        if (err)
            return err;
    }
}

/* A blocking write returns when all of it is written. */
ssize_t file_write_waiting(struct program *p, struct file *f, const void *from, size_t size, bool wait)
{
    size_t done = 0;

    for (;;) {
        ssize_t n = f->ops->write ? f->ops->write(f, (const char *)from + done, size - done) : -EBADF;
        int err;

        if (n < 0 && n != -EAGAIN)
            return done ? (ssize_t)done : n;
        done += n > 0 ? (size_t)n : 0;
        if (done == size || (n < 0 && !wait))
            return done || size == 0 ? (ssize_t)done : n;
        if (n > 0)
            continue; /* there may be room for more */
        err = program_wait_on(p);
        if (err)
            return done ? (ssize_t)done : err;
    }
}

ssize_t file_read(struct program *p, int fd, void *to, size_t size)
{
    struct file *f = file_get(p, fd);

    return f ? file_read_waiting(p, f, to, size, !f->nonblocking) : -EBADF;
}

ssize_t file_write(struct program *p, int fd, const void *from, size_t size)
{
    struct file *f = file_get(p, fd);

    return f ? file_write_waiting(p, f, from, size, !f->nonblocking) : -EBADF;
}
