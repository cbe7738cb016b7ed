/* Streams. Each is a FILE of the C library whose bytes go through a descriptor of the program, so that the functions that are told a
 * FILE need no carrying; here are those that open, close, or mean one that they are not told. */
#include "sim/posix/stdio.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The C library calls these, in a carried call or in one of its own functions that the program called. */

static ssize_t cookie_read(void *cookie, char *to, size_t size)
{
    struct stream *s = cookie;
    struct program *p;

    if (s->dead || !call_possible())
        return 0;
    p = call_enter();
    return call_leave(p, file_read(p, s->fd, to, size));
}

static ssize_t cookie_write(void *cookie, const char *from, size_t size)
{
    struct stream *s = cookie;
    struct program *p;
    long n;

    if (s->dead || !call_possible())
        return (ssize_t)size;
    p = call_enter();
    n = call_leave(p, file_write(p, s->fd, from, size));
    return n < 0 ? 0 : n; /* as fopencookie wants errors told */
}

static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
    struct stream *s = cookie;
    struct program *p;
    struct file *f;
    off64_t at;
    int fd;

    if (s->dead || !call_possible())
        return -1;
    p = call_enter();
    f = file_get(p, s->fd);
    fd = f ? disk_fd(f) : -1;
    at = fd < 0 ? -1 : lseek64(fd, *offset, whence);
    if (at >= 0)
        *offset = at;
    return (int)call_leave(p, at >= 0 ? 0 : fd < 0 ? -ESPIPE : -errno);
}

static const cookie_io_functions_t cookie = {cookie_read, cookie_write, cookie_seek, NULL};

FILE *stdio_over(struct program *p, int fd, const char *mode)
{
    struct stream *s = mem_zalloc(sizeof *s);

    s->file = fopencookie(s, mode, cookie);
    if (!s->file) {
        mem_free(s);
        return NULL;
    }
    *s = (struct stream){.file = s->file, .fd = fd, .next = p->streams};
    p->streams = s;
    return s->file;
}

static int flags_of(const char *mode)
{
    bool plus = strchr(mode, '+') != NULL;
    int flags = strchr(mode, 'e') ? O_CLOEXEC : 0;

    if (strchr(mode, 'x'))
        flags |= O_EXCL;
    switch (mode[0]) {
    case 'r':
        return flags | (plus ? O_RDWR : O_RDONLY);
    case 'w':
        return flags | (plus ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
    case 'a':
        return flags | (plus ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
    default:
        return -EINVAL;
    }
}

FILE *stdio_fopen(struct program *p, const char *path, const char *mode, int *err)
{
    int flags = flags_of(mode), fd = flags < 0 ? flags : disk_open(p, path, flags, 0666);
    FILE *file = fd < 0 ? NULL : stdio_over(p, fd, mode);

    *err = fd < 0 ? fd : file ? 0 : -ENOMEM;
    if (fd >= 0 && !file)
        file_close(p, fd);
    return file;
}

static struct stream *find(struct program *p, const FILE *file)
{
    struct stream *s = p->streams;

    while (s && s->file != file)
        s = s->next;
    return s;
}

int stdio_fileno(struct program *p, FILE *file)
{
    const struct stream *s = find(p, file);

    return s ? s->fd : -EBADF;
}

int stdio_fclose(struct program *p, FILE *file)
{
    struct stream *s = find(p, file), **link = &p->streams;
    int err, fd;

    if (!s)
        program_stuck(p, "closes a stream that is not open");
    fd = s->fd;
    err = fclose(file) == 0 ? 0 : -errno;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    mem_free(s);
    for (int i = 0; i < 3; i++)
        if (p->standard[i] == file)
            p->standard[i] = NULL;
    fd = file_close(p, fd);
    return err ? err : fd;
}

int stdio_flush_all(struct program *p)
{
    int err = 0;

    for (struct stream *s = p->streams; s; s = s->next)
        if (__fwritable(s->file) && fflush(s->file) != 0)
            err = -errno;
    return err;
}

FILE *stdio_standard(struct program *p, int fd)
{
    if (!p->standard[fd])
        program_stuck(p, "uses standard %s, which it has closed", fd == 0 ? "input" : fd == 1 ? "output" : "errors");
    return p->standard[fd];
}

void stdio_open(struct program *p)
{
    static const char *const modes[] = {"r", "w", "w"};

    for (int i = 0; i < 3; i++)
        p->standard[i] = stdio_over(p, i, modes[i]);
    setvbuf(p->standard[2], NULL, _IONBF, 0);
}

/* `flush`: on the program's fiber; else what is still in buffers is lost, as in a crash. */
void stdio_close(struct program *p, bool flush)
{
    if (flush)
        stdio_flush_all(p);
    while (p->streams) {
        struct stream *s = p->streams;

        p->streams = s->next;
        s->dead = !flush;
        if (!flush)
            __fpurge(s->file);
        fclose(s->file);
        mem_free(s);
    }
    memset(p->standard, 0, sizeof p->standard);
}
