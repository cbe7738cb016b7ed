/* What the files of sim/posix share.
 *
 * A carried call (calls_*.c) is what the program's symbol is bound to. It runs on the program's fiber: between call_enter and
 * call_leave the thread-local variables are this process's own, and everything of the stack may be used. What lies behind it returns
 * 0 or more, or -errno, as the kernel does. */
#ifndef SIM_POSIX_INTERNAL_H
#define SIM_POSIX_INTERNAL_H

#include "sim/posix/fiber.h"
#include "sim/posix/program.h"
#include "stack/base/buf.h"
#include "stack/base/heap.h"
#include "stack/base/rng.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#define PROGRAM_STACK_SIZE ((size_t)1 << 20)
#define PROGRAM_FILES_MAX 65536u /* descriptors */
#define PROGRAM_WORDS_MAX 300
#define PROGRAM_KEYS_MAX 128
#define PROGRAM_ATEXIT_MAX 256
#define PROGRAM_VARIABLES_MAX 16

/* ---- files: what a descriptor stands for ---- */

struct file;
struct watch; /* an epoll's interest in a file (epoll.c) */

struct file_ops {
    const char *name;
    ssize_t (*read)(struct file *f, void *to, size_t size); /* -EAGAIN: not yet; NULL: -EBADF */
    ssize_t (*write)(struct file *f, const void *from, size_t size);
    uint32_t (*poll)(struct file *f); /* EPOLLIN, ...: as it is now; NULL: always ready, and epoll refuses it */
    void (*release)(struct file *f);  /* the last descriptor is closed; frees it */
};

struct file {
    const struct file_ops *ops;
    struct program *program;
    struct watch *watches;
    uint32_t descriptors;
    bool nonblocking;
};

struct descriptor {
    struct file *file; /* NULL: free */
    bool close_on_exec;
};

/* ---- standard input and output ---- */

struct output {
    struct file file;
    char *path;
    struct buf waiting; /* not in the file yet */
    bool told;          /* to the owner, too */
};

struct input {
    struct file file;
    struct buf bytes;
    size_t used;
    bool ended;
};

/* A stream is a FILE of the C library over a descriptor. */
struct stream {
    FILE *file;
    int fd;
    bool dead; /* nothing that the C library still does with it counts */
    struct stream *next;
};

/* A variable of the C library that each program has for itself. */
struct variable {
    const char *name;
    void *at;
    uint64_t own; /* where it lives unless the program has a place */
};

/* ---- the program ---- */

struct saved_signals {
    uint64_t blocked, pending; /* bit n - 1: signal n */
    struct sigaction actions[65];
};

struct program {
    struct image image;
    struct fiber fiber;
    struct program_config config;
    char **argv;
    uint8_t *tls;    /* its thread-local variables while it does not run, ours while it does */
    size_t tls_size;
    unsigned depth;  /* of carried calls; 0: its own code runs */
    bool begun, waiting, timed_out, suspended;
    enum program_state state;
    int status, saved_errno;
    char words[PROGRAM_WORDS_MAX];
    uint64_t now_ns;
    struct rng random;
    struct timers timers; /* all there are: the seam has one wake-up a host */
    struct timer patience; /* of the wait under way */

    struct descriptor *descriptors;
    uint32_t descriptor_count;
    struct file **by_conn; /* sockets, by the index of their connection */
    uint32_t by_conn_count;
    struct file *listener; /* the seam's one */
    uint16_t listening;    /* the port that the seam listens on; 0: none. It cannot be given back */
    uint16_t next_port;
    struct output output, errors;
    struct input input;
    struct stream *streams;
    FILE *standard[3];
    struct variable variables[PROGRAM_VARIABLES_MAX];
    uint32_t variable_count;

    struct heap *heap;
    struct mapping *mappings;
    struct saved_signals signals;
    struct {
        void (*fn)(void *arg);
        void *arg;
    } at_exit[PROGRAM_ATEXIT_MAX];
    uint32_t at_exit_count;
    void *keys[PROGRAM_KEYS_MAX];
    uint32_t key_count;
    uint64_t getopt_turn;
    char *strtok_at;
    struct tm broken_down; /* of gmtime and localtime */
    struct random_data libc_random; /* of rand */
    char libc_random_state[128];
    struct program_counts counts;
};

/* program.c */
struct program *call_enter(void);
bool call_possible(void); /* a program runs; at the end of this process, say, none does */
/* Back to the program: -1 and errno for what is -errno. */
long call_leave(struct program *p, long result);
void *call_leave_pointer(struct program *p, void *result);
/* Returns 0 when something happened, -ETIMEDOUT at `deadline_ns` (TIME_NEVER: none), -EINTR when a signal is to be handled. */
int program_wait(struct program *p, uint64_t deadline_ns);
/* For calls that Linux restarts: 0 as well when the handlers of what came wanted that (SA_RESTART), and have run. */
int program_wait_on(struct program *p);
/* Calls a function of the program, from within a carried call. */
void program_handler(struct program *p, void (*handler)(int, siginfo_t *, void *), int number, siginfo_t *info);
void program_arm(struct program *p); /* timers have changed */
_Noreturn void program_end(struct program *p, enum program_state state, int status);
__attribute__((format(printf, 2, 3))) _Noreturn void program_stuck(struct program *p, const char *format, ...);
_Noreturn void program_exit(struct program *p, int status); /* with its atexit functions and streams */
uint64_t program_clock_ns(const struct program *p, clockid_t clock);

/* files.c */
struct file *file_get(struct program *p, int fd); /* NULL: -EBADF */
int file_open(struct program *p, struct file *f, int least, bool close_on_exec); /* a descriptor or -EMFILE; then it is released */
int file_close(struct program *p, int fd);
int file_duplicate(struct program *p, int fd, int least, bool close_on_exec);
void file_init(struct file *f, struct program *p, const struct file_ops *ops, bool nonblocking);
void file_changed(struct file *f); /* its poll may say something else */
ssize_t file_read(struct program *p, int fd, void *to, size_t size);
ssize_t file_write(struct program *p, int fd, const void *from, size_t size);
ssize_t file_read_waiting(struct program *p, struct file *f, void *to, size_t size, bool wait);
ssize_t file_write_waiting(struct program *p, struct file *f, const void *from, size_t size, bool wait);
void files_release_all(struct program *p);

/* disk.c: regular files, and where paths lead */
int disk_open(struct program *p, const char *path, int flags, mode_t mode);
int disk_path(struct program *p, const char *path, bool writes, char *out, size_t size); /* 0 or -errno */
int disk_fd(struct file *f); /* of this process; -1: it is none of a disk */

/* console.c: standard input, output, errors */
bool console_open(struct program *p, char error[static IMAGE_ERROR_MAX]);
void console_feed(struct program *p, struct slice bytes);
void console_end(struct program *p);
bool console_flush(struct program *p);
void console_free(struct program *p);

/* stdio.c */
void stdio_open(struct program *p);
void stdio_close(struct program *p, bool flush);
FILE *stdio_standard(struct program *p, int fd);

/* sockets.c */
extern const struct file_ops socket_ops;
int socket_open(struct program *p, int domain, int type, int protocol);
void sockets_reset(struct program *p); /* as after an outage: every connection is gone */

/* epoll.c */
int epoll_open(struct program *p, bool close_on_exec);
void epoll_forget(struct file *f); /* it is being released */

/* pipes.c, eventfd, timerfd, signalfd */
void signalfd_changed(struct program *p);

/* signals.c */
void signals_init(struct program *p);
void signals_raise(struct program *p, int number); /* it may be the end of it, or pend; on the fiber or not */
bool signals_due(const struct program *p);
bool signals_restart(const struct program *p); /* the call that a due signal interrupts goes on after its handler */
void signals_handle(struct program *p); /* on the fiber, between calls: runs its handlers */

/* memory.c */
void memory_init(struct program *p);
void memory_free(struct program *p);

/* symbols.c */
struct symbol {
    const char *name;
    void *address;
};
extern const struct symbol calls_files[], calls_sockets[], calls_time[], calls_stdio[], calls_process[], calls_memory[],
    calls_names[], calls_threads[];
void *variable_place(void *ctx, const char *symbol, void *own, size_t size);

#endif
