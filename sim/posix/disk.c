/* Regular files. Relative paths are in the program's folder and stay there. Absolute ones may be read when they lead to a regular
 * file outside of /proc, /sys and /dev; of /dev there are null, random, urandom. */
#include "sim/posix/internal.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk {
    struct file file;
    int fd; /* of this process */
};

enum device { DEVICE_NULL, DEVICE_RANDOM };

static ssize_t disk_read(struct file *f, void *to, size_t size)
{
    ssize_t n = read(CONTAINER_OF(f, struct disk, file)->fd, to, size);

    return n < 0 ? -errno : n;
}

static ssize_t disk_write(struct file *f, const void *from, size_t size)
{
    ssize_t n = write(CONTAINER_OF(f, struct disk, file)->fd, from, size);

    return n < 0 ? -errno : n;
}

static void disk_release(struct file *f)
{
    struct disk *d = CONTAINER_OF(f, struct disk, file);

    close(d->fd);
    mem_free(d);
}

static const struct file_ops disk_ops = {"a file", disk_read, disk_write, NULL, disk_release};

static ssize_t null_read(struct file *f, void *to, size_t size)
{
    (void)f;
    (void)to;
    (void)size;
    return 0;
}

static ssize_t null_write(struct file *f, const void *from, size_t size)
{
    (void)f;
    (void)from;
    return (ssize_t)size;
}

static ssize_t random_read(struct file *f, void *to, size_t size)
{
    rng_fill(&f->program->random, to, size);
    return (ssize_t)size;
}

static void device_release(struct file *f)
{
    mem_free(f);
}

static const struct file_ops null_ops = {"/dev/null", null_read, null_write, NULL, device_release};
static const struct file_ops random_ops = {"/dev/urandom", random_read, null_write, NULL, device_release};

int disk_fd(struct file *f)
{
    return f->ops == &disk_ops ? CONTAINER_OF(f, struct disk, file)->fd : -1;
}

/* Without a way out: no .. among its parts. */
static bool stays(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == '\0'))
            return false;
    }
    return true;
}

static bool is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

int disk_path(struct program *p, const char *path, bool writes, char *out, size_t size)
{
    if (!*path)
        return -ENOENT;
    if (*path != '/') {
        if (!stays(path))
            return -EACCES;
        return (size_t)snprintf(out, size, "%s/%s", p->config.folder, path) < size ? 0 : -ENAMETOOLONG;
    }
    if (writes)
        return -EACCES;
    if (is_below(path, "/proc") || is_below(path, "/sys") || is_below(path, "/dev"))
        return -ENOENT;
    return (size_t)snprintf(out, size, "%s", path) < size ? 0 : -ENAMETOOLONG;
}

static int open_device(struct program *p, enum device device, bool close_on_exec)
{
    struct file *f = mem_zalloc(sizeof *f);

    file_init(f, p, device == DEVICE_NULL ? &null_ops : &random_ops, false);
    return file_open(p, f, 0, close_on_exec);
}

int disk_open(struct program *p, const char *path, int flags, mode_t mode)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    char where[4096];
    struct stat st;
    struct disk *d;
    int err, fd;

    if (strcmp(path, "/dev/null") == 0)
        return open_device(p, DEVICE_NULL, flags & O_CLOEXEC);
    if (strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0)
        return open_device(p, DEVICE_RANDOM, flags & O_CLOEXEC);
    err = disk_path(p, path, writes, where, sizeof where);
    if (err)
        return err;
    fd = open(where, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode); /* not to wait for a pipe's other end */
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        close(fd);
        return -EACCES;
    }
    d = mem_zalloc(sizeof *d);
    file_init(&d->file, p, &disk_ops, false);
    d->fd = fd;
    return file_open(p, &d->file, 0, flags & O_CLOEXEC);
}
