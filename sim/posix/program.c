/* The life of a program: its fiber, the way in and out of it, its end. */
#include "sim/posix/internal.h"

#include "sim/posix/guard.h"
#include "sim/posix/sockets.h"
#include "sim/posix/watchdog.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <time.h>

static struct program *current; /* whose fiber runs */

/* ---- what this build can do ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

const char *program_unsupported(void)
{
#if !defined(__x86_64__)
    return "programs can be run in simulated time on x86-64 only";
#elif defined(SANITIZED)
    return "this build has a sanitizer that takes fibers for mistakes (build it without)";
#else
    return NULL;
#endif
}

/* ---- thread-local variables ---- */

/* Those of an executable lie right below the thread pointer. This process is an executable itself, so a program may have as many
 * bytes as it: those of libraries lie below. */
static int own_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            *(size_t *)arg = info->dlpi_phdr[i].p_memsz;
    return 1; /* the first object is the executable */
}

static size_t tls_room(void)
{
    static size_t room = SIZE_MAX;

    if (room == SIZE_MAX) {
        room = 0;
        dl_iterate_phdr(own_tls, &room);
    }
    return room;
}

static uint8_t *thread_pointer(void)
{
#if defined(__x86_64__)
    uint8_t *at;

    __asm__ volatile("movq %%fs:0, %0" : "=r"(at));
    return at;
#else
    return NULL;
#endif
}

static inline void exchange(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t kept[64];

    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

__attribute__((noinline)) static void swap_tls(struct program *p)
{
    uint8_t *mine = thread_pointer() - p->tls_size, *theirs = p->tls;
    size_t i = 0;

    __asm__ volatile("" ::: "memory");
    for (; i + 64 <= p->tls_size; i += 64)
        exchange(mine + i, theirs + i, 64);
    for (; i < p->tls_size; i += 8)
        exchange(mine + i, theirs + i, 8);
    __asm__ volatile("" ::: "memory");
}

/* ---- in and out of carried calls ---- */

static void to_stack(struct program *p)
{
    if (p->depth++ > 0)
        return;
    guard_set(false);
    if (p->tls_size)
        swap_tls(p);
}

static void to_program(struct program *p)
{
    if (--p->depth > 0)
        return;
    if (p->tls_size)
        swap_tls(p);
    guard_set(true);
}

bool call_possible(void)
{
    return current && current->state == PROGRAM_RUNS;
}

struct program *call_enter(void)
{
    struct program *p = current;
    int number = errno;

    CHECK(p && p->state == PROGRAM_RUNS);
    to_stack(p);
    if (p->depth == 1) {
        p->saved_errno = number;
        p->counts.calls++;
        if (watchdog_condemns())
            program_stuck(p, "runs and runs without waiting for anything");
    }
    return p;
}

static void settle(struct program *p)
{
    int number = p->saved_errno;

    if (p->depth == 1 && signals_due(p))
        signals_handle(p);
    to_program(p);
    if (p->depth == 0)
        errno = number;
}

long call_leave(struct program *p, long result)
{
    settle(p);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

void *call_leave_pointer(struct program *p, void *result)
{
    settle(p);
    return result;
}

void program_handler(struct program *p, void (*handler)(int, siginfo_t *, void *), int number, siginfo_t *info)
{
    unsigned depth = p->depth;
    int saved = p->saved_errno;

    p->depth = 1;
    to_program(p);
    handler(number, info, NULL);
    to_stack(p);
    p->depth = depth;
    p->saved_errno = saved;
}

/* ---- waiting ---- */

static void fire_patience(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    CONTAINER_OF(t, struct program, patience)->timed_out = true;
}

void program_arm(struct program *p)
{
    if (!p->suspended)
        p->config.ops->wake_at(p->config.host, timers_deadline(&p->timers));
}

int program_wait(struct program *p, uint64_t deadline_ns)
{
    if (signals_due(p))
        return -EINTR;
    if (deadline_ns <= p->now_ns)
        return -ETIMEDOUT;
    p->timed_out = false;
    if (deadline_ns != TIME_NEVER) {
        timer_arm(&p->timers, &p->patience, deadline_ns);
        program_arm(p);
    }
    p->waiting = true;
    fiber_yield(&p->fiber);
    p->waiting = false;
    if (timer_armed(&p->patience))
        timer_disarm(&p->timers, &p->patience);
    if (signals_due(p))
        return -EINTR;
    return p->timed_out ? -ETIMEDOUT : 0;
}

int program_wait_on(struct program *p)
{
    int err = program_wait(p, TIME_NEVER);

    if (err != -EINTR || !signals_restart(p))
        return err;
    signals_handle(p);
    return 0;
}

uint64_t program_clock_ns(const struct program *p, clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI ? PROGRAM_EPOCH_NS + p->now_ns : p->now_ns;
}

/* ---- the end ---- */

_Noreturn void program_end(struct program *p, enum program_state state, int status)
{
    CHECK(p == current && p->state == PROGRAM_RUNS && state != PROGRAM_RUNS);
    p->state = state;
    p->status = status;
    if (state == PROGRAM_EXITED)
        snprintf(p->words, sizeof p->words, "ended with status %d", status);
    else if (state == PROGRAM_KILLED && !p->words[0])
        snprintf(p->words, sizeof p->words, "was ended by signal %d (%s)", status, sigabbrev_np(status) ? sigabbrev_np(status) : "?");
    fiber_yield(&p->fiber);
    UNREACHABLE();
}

_Noreturn void program_stuck(struct program *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->words, sizeof p->words, format, args);
    va_end(args);
    program_end(p, PROGRAM_STUCK, 0);
}

_Noreturn void program_exit(struct program *p, int status)
{
    while (p->at_exit_count > 0) {
        uint32_t i = --p->at_exit_count;
        unsigned depth = p->depth;

        p->depth = 1;
        to_program(p);
        p->at_exit[i].fn(p->at_exit[i].arg);
        to_stack(p);
        p->depth = depth;
    }
    stdio_close(p, true);
    program_end(p, PROGRAM_EXITED, status & 0xff);
}

/* The kernel tidies up. */
static void over(struct program *p)
{
    stdio_close(p, false);
    files_release_all(p);
    console_flush(p);
    if (p->config.ended)
        p->config.ended(p->config.ctx, p->now_ns);
}

/* What it did was a signal: the handler of this process brings the fiber here, on its stack from the top. */
static void faulted(void)
{
    struct program *p = current;
    struct watchdog_fault fault = watchdog_fault();

    if (p->depth == 0)
        to_stack(p);
    if (fault.condemned)
        program_stuck(p, "runs and runs without waiting for anything");
    if (fault.number == SIGSYS)
        program_stuck(p, "makes system call %d by itself, past the C library, which is not carried", fault.system_call);
    if (fiber_guards(&p->fiber, fault.address))
        snprintf(p->words, sizeof p->words, "ran over the end of its stack, which has %zu KiB", PROGRAM_STACK_SIZE / 1024);
    program_end(p, PROGRAM_KILLED, fault.number);
}

/* ---- running ---- */

void *program_rescue(const void *instruction, bool fault, void **stack)
{
    struct program *p = current;

    if (!p || p->depth > 0 || (!fault && !image_holds(&p->image, instruction)))
        return NULL;
    *stack = (char *)fiber_top(&p->fiber) - 4096 - 8;
    return (void *)(uintptr_t)faulted;
}

uint64_t program_turn(void)
{
    return current ? (uintptr_t)current ^ current->counts.switches << 32 : 0;
}

static void run(struct program *p, uint64_t now_ns)
{
    p->now_ns = now_ns;
    if (p->state != PROGRAM_RUNS || p->suspended || !p->begun)
        return;
    CHECK(!current);
    current = p;
    p->counts.switches++;
    fiber_resume(&p->fiber);
    current = NULL;
    if (p->state != PROGRAM_RUNS)
        over(p);
}

static size_t text_room(char *const *list)
{
    size_t size = 0;

    for (size_t i = 0; list[i]; i++)
        size += strlen(list[i]) + 1;
    return size;
}

#if defined(__x86_64__)
__attribute__((naked, noinline, noreturn)) static void jump(__attribute__((unused)) void *stack, __attribute__((unused)) void (*entry)(void))
{
    __asm__("movq %rdi, %rsp\n\t"
            "xorl %edx, %edx\n\t"
            "xorl %ebp, %ebp\n\t"
            "jmpq *%rsi");
}
#else
static _Noreturn void jump(void *stack, void (*entry)(void))
{
    (void)stack;
    (void)entry;
    UNREACHABLE();
}
#endif

/* The stack as the kernel hands it to a program: the arguments, no environment, the auxiliary vector. */
static void begin(void *arg)
{
    struct program *p = arg;
    size_t argc = (size_t)p->config.argc, texts = text_room(p->argv), words = 1 + argc + 1 + 1 + 2 * 5;
    uint64_t *stack = (uint64_t *)((((uintptr_t)fiber_top(&p->fiber) - 8192 - texts - 8 * words)) & ~(uintptr_t)63), *at = stack;
    char *text = (char *)(stack + words);
    void *headers;
    size_t header_count;

    if (words * 8 + texts > PROGRAM_STACK_SIZE / 4)
        program_stuck(p, "has more arguments than its stack takes");
    *at++ = argc;
    for (size_t i = 0; i < argc; i++) {
        *at++ = (uintptr_t)text;
        text = stpcpy(text, p->argv[i]) + 1;
    }
    *at++ = 0;
    *at++ = 0;
    image_headers(&p->image, &headers, &header_count);
    memcpy(at, (uint64_t[]){AT_PHDR, (uintptr_t)headers, AT_PHNUM, header_count, AT_PAGESZ, 4096, AT_ENTRY, (uintptr_t)p->image.entry, AT_NULL, 0}, 80);
    to_program(p);
    jump(stack, p->image.entry);
}

/* ---- the owner's calls ---- */

static char **copy_arguments(const struct program_config *c)
{
    char **argv = mem_zalloc(((size_t)c->argc + 1) * sizeof *argv);

    for (int i = 0; i < c->argc; i++)
        argv[i] = mem_strdup(c->argv[i]);
    return argv;
}

static bool map_program(struct program *p, const struct image_file *file, char *error)
{
    if (image_tls_size(file) > tls_room() || image_tls_size(file) % 8) {
        snprintf(error, IMAGE_ERROR_MAX, "has %zu bytes of thread-local variables, of which there is room for %zu", image_tls_size(file), tls_room());
        return false;
    }
    if (!image_map(&p->image, file, p, error))
        return false;
    p->tls_size = image_tls_size(file);
    p->tls = mem_alloc(p->tls_size);
    image_tls_init(&p->image, p->tls);
    if (fiber_init(&p->fiber, PROGRAM_STACK_SIZE, begin, p))
        return true;
    snprintf(error, IMAGE_ERROR_MAX, "there is no room for one more stack: %s", strerror(errno));
    return false;
}

struct program *program_new(const struct image_file *file, const struct program_config *config, char error[static IMAGE_ERROR_MAX])
{
    struct program *p = mem_zalloc(sizeof *p);
    const char *why = program_unsupported();

    CHECK(config->argc > 0);
    p->config = *config;
    p->config.host_name = mem_strdup(config->host_name);
    p->config.folder = mem_strdup(config->folder);
    p->argv = copy_arguments(config);
    p->config.argv = NULL;
    p->next_port = 49152;
    rng_init(&p->random, config->seed, "program");
    timers_init(&p->timers);
    timer_init(&p->patience, fire_patience);
    memory_init(p);
    signals_init(p);
    if (why)
        snprintf(error, IMAGE_ERROR_MAX, "%s", why);
    stdio_open(p);
    if (why || !console_open(p, error) || !map_program(p, file, error)) {
        program_free(p);
        return NULL;
    }
    watchdog_start();
    guard_start();
    return p;
}

void program_free(struct program *p)
{
    CHECK(p != current);
    p->suspended = true; /* the seam has no place for it any more */
    stdio_close(p, false);
    files_release_all(p);
    console_free(p);
    memory_free(p);
    image_unmap(&p->image);
    fiber_deinit(&p->fiber);
    timers_deinit(&p->timers);
    for (char **a = p->argv; *a; a++)
        mem_free(*a);
    mem_free(p->argv);
    mem_free(p->tls);
    mem_free(p->descriptors);
    mem_free(p->by_conn);
    mem_free((char *)(uintptr_t)p->config.host_name);
    mem_free((char *)(uintptr_t)p->config.folder);
    mem_free(p);
}

void program_start(struct program *p, uint64_t now_ns)
{
    CHECK(!p->begun);
    p->begun = true;
    p->depth = 1;
    run(p, now_ns);
}

void program_input(struct program *p, uint64_t now_ns, struct slice bytes)
{
    console_feed(p, bytes);
    run(p, now_ns);
}

void program_input_end(struct program *p, uint64_t now_ns)
{
    console_end(p);
    run(p, now_ns);
}

void program_signal(struct program *p, uint64_t now_ns, int number)
{
    if (p->state != PROGRAM_RUNS)
        return;
    signals_raise(p, number);
    run(p, now_ns);
}

void program_suspend(struct program *p)
{
    p->suspended = true;
    sockets_reset(p);
}

void program_resume(struct program *p, uint64_t now_ns)
{
    CHECK(p->suspended);
    p->suspended = false;
    p->now_ns = now_ns;
    if (p->listening)
        (void)p->config.ops->listen(p->config.host, &(struct endpoint){.port = p->listening});
    timers_run(&p->timers, now_ns);
    program_arm(p);
    run(p, now_ns);
}

enum program_state program_state(const struct program *p)
{
    return p->state;
}

int program_status(const struct program *p)
{
    return p->status;
}

const char *program_words(const struct program *p)
{
    return p->words;
}

struct program_counts program_counts(const struct program *p)
{
    return p->counts;
}

/* ---- upcalls ---- */

static void on_accepted(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from)
{
    struct program *p = app;

    p->now_ns = now_ns;
    if (sockets_accepted(p, conn, from))
        run(p, now_ns);
}

static void on_dialled(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    if (sockets_dialled(app, conn, err))
        run(app, now_ns);
}

static void on_data(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes)
{
    if (sockets_data(app, conn, bytes))
        run(app, now_ns);
}

static void on_writable(void *app, uint64_t now_ns, struct backend_conn conn)
{
    if (sockets_writable(app, conn))
        run(app, now_ns);
}

static void on_closed(void *app, uint64_t now_ns, struct backend_conn conn, int err)
{
    if (sockets_closed(app, conn, err))
        run(app, now_ns);
}

static void on_wake(void *app, uint64_t now_ns)
{
    struct program *p = app;

    if (p->state != PROGRAM_RUNS || p->suspended)
        return;
    p->now_ns = now_ns;
    timers_run(&p->timers, now_ns);
    run(p, now_ns);
    if (p->state == PROGRAM_RUNS && timers_deadline(&p->timers) != TIME_NEVER)
        program_arm(p);
}

const struct backend_app program_app = {.accepted = on_accepted,
                                        .dialled = on_dialled,
                                        .data = on_data,
                                        .writable = on_writable,
                                        .closed = on_closed,
                                        .wake = on_wake};
