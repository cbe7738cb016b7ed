/* Programs as the linker wrote them, put into this process as often as there are hosts.
 *
 * An image_file is an executable that was looked through once: a position-independent one for x86-64 that asks for libraries known
 * here, and whose every symbol somebody gives. image_map makes a copy of it: text and constants are the file's pages, shared by all
 * copies; the writable segment is the copy's own, so that each program has its globals without any swapping. The dynamic linker
 * has no part in it: symbols are bound to what the caller says, and to nothing else.
 *
 * Thread-local variables of an executable lie at fixed distances below the thread pointer, where this process has its own: whoever
 * runs an image puts `tls` there meanwhile (program.c). */
#ifndef SIM_POSIX_IMAGE_H
#define SIM_POSIX_IMAGE_H

#include "stack/base/slice.h"

#include <link.h>

#define IMAGE_ERROR_MAX 400

struct image_file;

struct image {
    const struct image_file *file;
    uint8_t *base; /* NULL: not mapped */
    void (*entry)(void);
};

/* What a symbol is bound to. */
enum image_binding {
    IMAGE_UNKNOWN,
    IMAGE_FUNCTION, /* the same in all copies */
    IMAGE_DATA      /* of each copy: image_data tells where */
};

struct image_binder {
    bool (*knows_library)(const char *name);
    /* IMAGE_FUNCTION: *address is set. */
    enum image_binding (*bind)(const char *symbol, void **address);
    /* Where the copy's variable is; it keeps to be there. `own` is where the program has it itself and wants its first value (a copy
     * relocation): the variable then lives there. */
    void *(*data)(void *ctx, const char *symbol, void *own, size_t size);
};

/* NULL with a sentence in `error`; the file stays open. */
struct image_file *image_open(const char *path, const struct image_binder *binder, char error[static IMAGE_ERROR_MAX]);
void image_close(struct image_file *f);
size_t image_tls_size(const struct image_file *f); /* below the thread pointer */
void image_tls_init(const struct image *i, uint8_t *out); /* image_tls_size bytes, as they begin */

bool image_map(struct image *i, const struct image_file *f, void *ctx, char error[static IMAGE_ERROR_MAX]);
void image_unmap(struct image *i);
bool image_holds(const struct image *i, const void *address);

/* Calls the constructors, on the stack that is in use. */
void image_construct(const struct image *i, int argc, char **argv, char **environment);
/* For the initial stack: where the program headers are. */
void image_headers(const struct image *i, void **headers, size_t *count);

#endif
