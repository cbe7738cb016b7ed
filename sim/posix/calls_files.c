/* Carried calls: descriptors and the disk. */
#include "sim/posix/kinds.h"
#include "sim/posix/sockets.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096

static ssize_t carried_read(int fd, void *to, size_t size)
{
    struct program *p = call_enter();

    return call_leave(p, file_read(p, fd, to, size));
}

static ssize_t carried_read_chk(int fd, void *to, size_t size, size_t room)
{
    struct program *p = call_enter();

    if (size > room)
        program_stuck(p, "reads %zu bytes into a buffer of %zu", size, room);
    return call_leave(p, file_read(p, fd, to, size));
}

static ssize_t carried_write(int fd, const void *from, size_t size)
{
    struct program *p = call_enter();

    return call_leave(p, file_write(p, fd, from, size));
}

static int carried_close(int fd)
{
    struct program *p = call_enter();

    return (int)call_leave(p, file_close(p, fd));
}

static int carried_dup(int fd)
{
    struct program *p = call_enter();

    return (int)call_leave(p, file_duplicate(p, fd, 0, false));
}

static int carried_dup3(int fd, int to, int flags)
{
    struct program *p = call_enter();

    if (!file_get(p, fd) || to < 0 || (uint32_t)to >= PROGRAM_FILES_MAX)
        return (int)call_leave(p, -EBADF);
    if (fd == to)
        return (int)call_leave(p, flags < 0 ? to : -EINVAL);
    if (file_get(p, to))
        file_close(p, to);
    return (int)call_leave(p, file_duplicate(p, fd, to, flags > 0));
}

static int carried_dup2(int fd, int to)
{
    return carried_dup3(fd, to, -1);
}

static int control(struct program *p, int fd, int command, long arg)
{
    struct file *f = file_get(p, fd);

    if (!f)
        return -EBADF;
    switch (command) {
    case F_GETFL:
        return O_RDWR | (f->nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
        f->nonblocking = arg & O_NONBLOCK;
        return 0;
    case F_GETFD:
        return p->descriptors[fd].close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
        p->descriptors[fd].close_on_exec = arg & FD_CLOEXEC;
        return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return (int)arg < 0 || (uint32_t)arg >= PROGRAM_FILES_MAX ? -EINVAL : file_duplicate(p, fd, (int)arg, command == F_DUPFD_CLOEXEC);
    default:
        program_stuck(p, "calls fcntl with command %d, which is not carried", command);
    }
}

static int carried_fcntl(int fd, int command, ...)
{
    struct program *p = call_enter();
    va_list args;
    long arg;

    va_start(args, command);
    arg = va_arg(args, long);
    va_end(args);
    return (int)call_leave(p, control(p, fd, command, arg));
}

static int device_control(struct program *p, int fd, unsigned long request, int *arg)
{
    struct file *f = file_get(p, fd);

    if (!f)
        return -EBADF;
    switch (request) {
    case FIONBIO:
        f->nonblocking = *arg != 0;
        return 0;
    case FIONREAD:
        *arg = (int)(file_is_socket(f) ? socket_waiting(f) : f == &p->input.file ? p->input.bytes.size - p->input.used : pipe_waiting(f));
        return 0;
    case TCGETS:
    case TIOCGWINSZ:
        return -ENOTTY;
    default:
        program_stuck(p, "calls ioctl with request %#lx, which is not carried", request);
    }
}

static int carried_ioctl(int fd, unsigned long request, ...)
{
    struct program *p = call_enter();
    va_list args;
    int *arg;

    va_start(args, request);
    arg = va_arg(args, int *);
    va_end(args);
    return (int)call_leave(p, device_control(p, fd, request, arg));
}

static int carried_isatty(int fd)
{
    struct program *p = call_enter();

    (void)call_leave(p, file_get(p, fd) ? -ENOTTY : -EBADF);
    return 0;
}

/* ---- kinds of descriptors ---- */

static int carried_pipe2(int fds[2], int flags)
{
    struct program *p = call_enter();

    return (int)call_leave(p, pipe_open(p, fds, flags));
}

static int carried_pipe(int fds[2])
{
    return carried_pipe2(fds, 0);
}

static int carried_eventfd(unsigned first, int flags)
{
    struct program *p = call_enter();

    return (int)call_leave(p, eventfd_open(p, first, flags));
}

static int carried_eventfd_read(int fd, eventfd_t *out)
{
    struct program *p = call_enter();
    ssize_t n = file_read(p, fd, out, sizeof *out);

    return (int)call_leave(p, n < 0 ? n : 0);
}

static int carried_eventfd_write(int fd, eventfd_t value)
{
    struct program *p = call_enter();
    ssize_t n = file_write(p, fd, &value, sizeof value);

    return (int)call_leave(p, n < 0 ? n : 0);
}

static int carried_timerfd_create(int clock, int flags)
{
    struct program *p = call_enter();

    return (int)call_leave(p, timerfd_open(p, clock, flags));
}

static int carried_timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *old)
{
    struct program *p = call_enter();

    return (int)call_leave(p, timerfd_set(p, fd, flags, to, old));
}

static int carried_timerfd_gettime(int fd, struct itimerspec *out)
{
    struct program *p = call_enter();

    return (int)call_leave(p, timerfd_get(p, fd, out));
}

static int carried_signalfd(int fd, const sigset_t *mask, int flags)
{
    struct program *p = call_enter();
    uint64_t bits;

    memcpy(&bits, mask, sizeof bits);
    return (int)call_leave(p, signalfd_open(p, fd, bits, flags));
}

/* ---- the disk ---- */

static int carried_open(const char *path, int flags, ...)
{
    struct program *p = call_enter();
    va_list args;
    mode_t mode = 0;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    return (int)call_leave(p, disk_open(p, path, flags, mode));
}

static off_t carried_lseek(int fd, off_t offset, int whence)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);
    off_t at = f && disk_fd(f) >= 0 ? lseek(disk_fd(f), offset, whence) : -1;

    return call_leave(p, !f ? -EBADF : disk_fd(f) < 0 ? -ESPIPE : at < 0 ? -errno : at);
}

static int result_of(int n)
{
    return n < 0 ? -errno : n;
}

static int carried_fstat(int fd, struct stat *out)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);

    if (f && disk_fd(f) >= 0)
        return (int)call_leave(p, result_of(fstat(disk_fd(f), out)));
    if (f) {
        *out = (struct stat){.st_mode = (file_is_socket(f) ? S_IFSOCK : S_IFIFO) | 0600, .st_blksize = 4096};
    }
    return (int)call_leave(p, f ? 0 : -EBADF);
}

static int carried_stat(const char *path, struct stat *out)
{
    struct program *p = call_enter();
    char where[PATH_ROOM];
    int err = disk_path(p, path, false, where, sizeof where);

    return (int)call_leave(p, err ? err : result_of(stat(where, out)));
}

static int carried_access(const char *path, int mode)
{
    struct program *p = call_enter();
    char where[PATH_ROOM];
    int err = disk_path(p, path, mode & W_OK, where, sizeof where);

    return (int)call_leave(p, err ? err : result_of(access(where, mode)));
}

static int carried_unlink(const char *path)
{
    struct program *p = call_enter();
    char where[PATH_ROOM];
    int err = disk_path(p, path, true, where, sizeof where);

    return (int)call_leave(p, err ? err : result_of(unlink(where)));
}

static int carried_mkdir(const char *path, mode_t mode)
{
    struct program *p = call_enter();
    char where[PATH_ROOM];
    int err = disk_path(p, path, true, where, sizeof where);

    return (int)call_leave(p, err ? err : result_of(mkdir(where, mode)));
}

static int carried_rename(const char *from, const char *to)
{
    struct program *p = call_enter();
    char old[PATH_ROOM], new[PATH_ROOM];
    int err = disk_path(p, from, true, old, sizeof old);

    if (!err)
        err = disk_path(p, to, true, new, sizeof new);
    return (int)call_leave(p, err ? err : result_of(rename(old, new)));
}

static int carried_ftruncate(int fd, off_t size)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);

    return (int)call_leave(p, !f ? -EBADF : disk_fd(f) < 0 ? -EINVAL : result_of(ftruncate(disk_fd(f), size)));
}

/* Nothing is lost when a simulated host fails: there is nothing to wait for. */
static int carried_fsync(int fd)
{
    struct program *p = call_enter();
    struct file *f = file_get(p, fd);

    return (int)call_leave(p, !f ? -EBADF : disk_fd(f) < 0 ? -EINVAL : 0);
}

const struct symbol calls_files[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(read), CALL(write), CALL(close), CALL(dup), CALL(dup2), CALL(dup3), CALL(fcntl), CALL(ioctl), CALL(isatty), CALL(pipe), CALL(pipe2),
    CALL(eventfd), CALL(eventfd_read), CALL(eventfd_write), CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
    CALL(signalfd), CALL(open), CALL(lseek), CALL(fstat), CALL(stat), CALL(access), CALL(unlink), CALL(mkdir), CALL(rename),
    CALL(ftruncate), CALL(fsync),
    {"__read_chk", (void *)(uintptr_t)carried_read_chk}, {"fcntl64", (void *)(uintptr_t)carried_fcntl},
    {"open64", (void *)(uintptr_t)carried_open}, {"lseek64", (void *)(uintptr_t)carried_lseek},
    {"fstat64", (void *)(uintptr_t)carried_fstat}, {"stat64", (void *)(uintptr_t)carried_stat},
    {"ftruncate64", (void *)(uintptr_t)carried_ftruncate}, {"fdatasync", (void *)(uintptr_t)carried_fsync},
#undef CALL
    {NULL, NULL}};
