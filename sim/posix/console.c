/* Descriptors 0, 1 and 2. Standard input is what the owner feeds, as through a pipe. What is written goes to the owner at once and
 * to a file in pieces, which is open only meanwhile: a thousand programs need no descriptors. */
#include "sim/posix/internal.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <sys/epoll.h>

#define PIECE (64 * 1024)
#define INPUT_MAX ((size_t)256 << 20)

/* ---- output ---- */

static bool write_out(struct output *o)
{
    FILE *file;
    bool ok;

    if (!o->waiting.size)
        return true;
    file = fopen(o->path, "ab");
    ok = file && fwrite(o->waiting.data, 1, o->waiting.size, file) == o->waiting.size;
    if (file && fclose(file) != 0)
        ok = false;
    buf_clear(&o->waiting);
    return ok;
}

static ssize_t output_write(struct file *f, const void *from, size_t size)
{
    struct output *o = CONTAINER_OF(f, struct output, file);
    struct program *p = f->program;

    size = size < PIECE ? size : PIECE; /* the rest comes with the next write */
    if (o->told && p->config.told)
        p->config.told(p->config.ctx, p->now_ns, slice_of(from, size));
    buf_append(&o->waiting, from, size);
    if (o->waiting.size >= PIECE && !write_out(o))
        return -ENOSPC;
    return (ssize_t)size;
}

static uint32_t output_poll(struct file *f)
{
    (void)f;
    return EPOLLOUT;
}

static void release_nothing(struct file *f)
{
    (void)f; /* the program has it */
}

static const struct file_ops output_ops = {"standard output", NULL, output_write, output_poll, release_nothing};

/* ---- input ---- */

static ssize_t input_read(struct file *f, void *to, size_t size)
{
    struct input *in = CONTAINER_OF(f, struct input, file);
    size_t left = in->bytes.size - in->used, n = size < left ? size : left;

    if (!left)
        return in->ended ? 0 : -EAGAIN;
    memcpy(to, in->bytes.data + in->used, n);
    in->used += n;
    if (in->used == in->bytes.size) {
        in->used = 0;
        if (in->bytes.capacity > PIECE) {
            buf_deinit(&in->bytes);
            buf_init(&in->bytes, INPUT_MAX);
        } else {
            buf_clear(&in->bytes);
        }
    }
    return (ssize_t)n;
}

static uint32_t input_poll(struct file *f)
{
    const struct input *in = CONTAINER_OF(f, struct input, file);

    return (in->used < in->bytes.size ? (uint32_t)EPOLLIN : 0u) | (in->ended ? (uint32_t)EPOLLHUP : 0u);
}

static const struct file_ops input_ops = {"standard input", input_read, NULL, input_poll, release_nothing};

void console_feed(struct program *p, struct slice bytes)
{
    if (p->state != PROGRAM_RUNS || !p->input.file.descriptors)
        return; /* nobody reads */
    buf_append_slice(&p->input.bytes, bytes);
    file_changed(&p->input.file);
}

void console_end(struct program *p)
{
    p->input.ended = true;
    file_changed(&p->input.file);
}

/* ---- both ---- */

static void open_output(struct program *p, struct output *o, const char *name, bool told)
{
    size_t size = strlen(p->config.folder) + strlen(name) + 2;

    file_init(&o->file, p, &output_ops, false);
    o->path = mem_alloc(size);
    snprintf(o->path, size, "%s/%s", p->config.folder, name);
    buf_init(&o->waiting, (size_t)4 * PIECE);
    o->told = told;
    file_open(p, &o->file, 1, false);
}

bool console_open(struct program *p, char error[static IMAGE_ERROR_MAX])
{
    FILE *file;

    file_init(&p->input.file, p, &input_ops, false);
    buf_init(&p->input.bytes, INPUT_MAX);
    file_open(p, &p->input.file, 0, false);
    open_output(p, &p->output, p->config.output_name ? p->config.output_name : "stdout", true);
    open_output(p, &p->errors, p->config.errors_name ? p->config.errors_name : "stderr", false);
    file = fopen(p->output.path, "ab"); /* there, also of a program that says nothing */
    if (file && fclose(file) == 0)
        return true;
    snprintf(error, IMAGE_ERROR_MAX, "cannot write %.200s: %s", p->output.path, strerror(errno));
    return false;
}

bool console_flush(struct program *p)
{
    bool ok = write_out(&p->output);

    return write_out(&p->errors) && ok;
}

void console_free(struct program *p)
{
    if (p->output.path)
        console_flush(p);
    buf_deinit(&p->input.bytes);
    buf_deinit(&p->output.waiting);
    buf_deinit(&p->errors.waiting);
    mem_free(p->output.path);
    mem_free(p->errors.path);
}
