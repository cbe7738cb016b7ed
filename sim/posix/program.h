/* A program on a host of a simulated world: unmodified, with sockets, files and a clock of its own.
 *
 * It is a user of the seam (stack/backend/backend.h), as a node is: `program_app` hears the upcalls, and what the program does with
 * its sockets becomes downcalls. It runs on a fiber, within an upcall or one of the calls below, until it waits for something; no time
 * passes meanwhile. README.md says which calls are carried and how. One thread runs all programs of a process. */
#ifndef SIM_POSIX_PROGRAM_H
#define SIM_POSIX_PROGRAM_H

#include "sim/posix/image.h"
#include "stack/backend/backend.h"

#define PROGRAM_EPOCH_NS (UINT64_C(946684800) * 1000000000) /* unix time of the world's time 0: 2000-01-01, as in Shadow */

struct program;

enum program_state {
    PROGRAM_RUNS,
    PROGRAM_EXITED, /* status: its exit status */
    PROGRAM_KILLED, /* status: a signal */
    PROGRAM_STUCK   /* it did what is not carried; program_words says what */
};

/* Texts are copied. */
struct program_config {
    const char *host_name;
    int argc;
    const char *const *argv;
    const char *folder;      /* of its own: its relative paths are in there, and these files */
    const char *output_name, *errors_name; /* NULL: stdout, stderr */
    struct endpoint address; /* of the host; the port does not matter */
    uint64_t seed;           /* of its random numbers */
    const struct backend_ops *ops;
    void *host; /* of ops */
    void *ctx;
    /* What it writes on standard output, as it is written. It may start, stop or free no program. NULL: only the file has it. */
    void (*told)(void *ctx, uint64_t now_ns, struct slice bytes);
    /* Its end, once; from within an upcall or a call. It may be freed later only. */
    void (*ended)(void *ctx, uint64_t now_ns);
    bool (*resolve)(void *ctx, const char *name, struct endpoint *out); /* host names; NULL: there are none */
};

/* Why programs cannot run in this build or process, or NULL. */
const char *program_unsupported(void);
extern const struct image_binder program_binder; /* for image_open */

/* NULL with a sentence in `error`. */
struct program *program_new(const struct image_file *file, const struct program_config *config, char error[static IMAGE_ERROR_MAX]);
/* At once and silently: its sockets, files, memory. Its host must have been taken off its app, and the program must not be running. */
void program_free(struct program *p);

extern const struct backend_app program_app; /* its app is the program */

void program_start(struct program *p, uint64_t now_ns);
void program_input(struct program *p, uint64_t now_ns, struct slice bytes); /* on its standard input */
void program_input_end(struct program *p, uint64_t now_ns);
/* SIGTERM, SIGINT, ...: to its signalfd or handler, or its end. */
void program_signal(struct program *p, uint64_t now_ns, int number);

/* The process stands still: its host was taken off its app, which reset its connections. Until program_resume. */
void program_suspend(struct program *p);
void program_resume(struct program *p, uint64_t now_ns); /* it is on its host again */

enum program_state program_state(const struct program *p);
int program_status(const struct program *p);
const char *program_words(const struct program *p); /* "ended with status 2", ... */
struct program_counts {
    uint64_t bytes_sent, bytes_received; /* of its connections */
    uint64_t switches, calls;            /* of fibers; carried calls */
    size_t heap_bytes;                   /* that it has from malloc now */
};
struct program_counts program_counts(const struct program *p);

/* A program that runs for long without waiting is stopped as stuck when `limit` says so; asked every so often. */
void program_watch(bool (*limit)(void));

#endif
