/* Carried calls: the process: its beginning and end, signals, limits, random numbers, arguments. */
#include "sim/posix/internal.h"

#include "stack/base/check.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#define SELF 1000 /* of every program: pid, user, group */

typedef int main_fn(int argc, char **argv, char **environment);

/* ---- beginning and end ---- */

static int carried_cxa_atexit(void (*fn)(void *arg), void *arg, void *library)
{
    struct program *p = call_enter();
    bool room = p->at_exit_count < PROGRAM_ATEXIT_MAX;

    (void)library;
    if (room) {
        p->at_exit[p->at_exit_count].fn = fn;
        p->at_exit[p->at_exit_count++].arg = arg;
    }
    (void)call_leave(p, 0);
    return room ? 0 : -1;
}

static void carried_cxa_finalize(void *library)
{
    (void)library; /* when one is unloaded */
}

_Noreturn static void carried_exit(int status)
{
    program_exit(call_enter(), status);
}

_Noreturn static void carried__exit(int status)
{
    program_end(call_enter(), PROGRAM_EXITED, status & 0xff);
}

_Noreturn static void carried_abort(void)
{
    program_end(call_enter(), PROGRAM_KILLED, SIGABRT);
}

_Noreturn static void carried_assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    struct program *p = call_enter();

    fprintf(stdio_standard(p, 2), "%s:%u: %s: Assertion `%s' failed.\n", file, line, function ? function : "?", what);
    program_end(p, PROGRAM_KILLED, SIGABRT);
}

/* What the linker's start-up code calls. Programs from before glibc 2.34 bring a function that calls their constructors. */
_Noreturn static void carried_libc_start_main(main_fn *main, int argc, char **argv, int (*init)(int, char **, char **), void (*fini)(void),
                                              void (*unload)(void), void *stack_end)
{
    struct program *p = call_enter();

    (void)fini;
    (void)unload;
    (void)stack_end;
    (void)call_leave(p, 0);
    if (init)
        init(argc, argv, argv + argc + 1);
    else
        image_construct(&p->image, argc, argv, argv + argc + 1);
    carried_exit(main(argc, argv, argv + argc + 1));
}

/* ---- signals ---- */

static int carried_sigaction(int number, const struct sigaction *to, struct sigaction *old)
{
    struct program *p = call_enter();

    if (number < 1 || number > 64 || (to && (number == SIGKILL || number == SIGSTOP)))
        return (int)call_leave(p, -EINVAL);
    if (old)
        *old = p->signals.actions[number];
    if (to)
        p->signals.actions[number] = *to;
    return (int)call_leave(p, 0);
}

static sighandler_t carried_signal(int number, sighandler_t handler)
{
    struct sigaction to = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

    return carried_sigaction(number, &to, &old) == 0 ? old.sa_handler : SIG_ERR;
}

static int mask(struct program *p, int how, const sigset_t *set, sigset_t *old)
{
    uint64_t bits, before = p->signals.blocked;

    if (set) {
        memcpy(&bits, set, sizeof bits);
        if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
            return EINVAL;
        p->signals.blocked = how == SIG_BLOCK ? before | bits : how == SIG_UNBLOCK ? before & ~bits : bits;
        p->signals.blocked &= ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1));
    }
    if (old) {
        sigemptyset(old);
        memcpy(old, &before, sizeof before);
    }
    return 0;
}

static int carried_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    struct program *p = call_enter();

    return (int)call_leave(p, -mask(p, how, set, old));
}

static int carried_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    struct program *p = call_enter();

    return (int)call_leave(p, mask(p, how, set, old));
}

static int carried_raise(int number)
{
    struct program *p = call_enter();

    if (number < 1 || number > 64)
        return (int)call_leave(p, -EINVAL);
    signals_raise(p, number);
    return (int)call_leave(p, 0);
}

static int carried_kill(pid_t pid, int number)
{
    struct program *p = call_enter();

    if (pid != SELF || number < 0 || number > 64)
        return (int)call_leave(p, pid != SELF ? -ESRCH : -EINVAL);
    if (number)
        signals_raise(p, number);
    return (int)call_leave(p, 0);
}

static int carried_pause(void)
{
    struct program *p = call_enter();
    int err = 0;

    while (err == 0)
        err = program_wait(p, TIME_NEVER);
    return (int)call_leave(p, err);
}

/* ---- who and how much ---- */

static int carried_self(void)
{
    return SELF;
}

static int carried_getppid(void)
{
    return 1;
}

static char *carried_getenv(const char *name)
{
    (void)name;
    return NULL; /* the environment is empty */
}

static long carried_sysconf(int name)
{
    switch (name) {
    case _SC_NPROCESSORS_ONLN:
    case _SC_NPROCESSORS_CONF:
        return 1;
    case _SC_OPEN_MAX:
        return PROGRAM_FILES_MAX;
    default:
        return sysconf(name);
    }
}

static int carried_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *out)
{
    (void)pid;
    memset(out, 0, size);
    CPU_SET_S(0, size, out);
    return 0;
}

static int carried_sched_yield(void)
{
    return 0;
}

static int carried_getrlimit(int resource, struct rlimit *out)
{
    struct program *p = call_enter();

    *out = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (resource == RLIMIT_NOFILE)
        *out = (struct rlimit){PROGRAM_FILES_MAX, PROGRAM_FILES_MAX};
    else if (resource == RLIMIT_STACK)
        *out = (struct rlimit){PROGRAM_STACK_SIZE, PROGRAM_STACK_SIZE};
    return (int)call_leave(p, 0);
}

/* Limits are what they are; lower ones would change nothing that a program sees. */
static int carried_setrlimit(int resource, const struct rlimit *to)
{
    struct program *p = call_enter();

    return (int)call_leave(p, (resource == RLIMIT_NOFILE && to->rlim_cur > PROGRAM_FILES_MAX) ? -EPERM : 0);
}

static int carried_getrusage(int who, struct rusage *out)
{
    (void)who;
    memset(out, 0, sizeof *out);
    return 0;
}

/* ---- random numbers ---- */

static void fill(void *out, size_t size)
{
    struct program *p = call_enter();

    rng_fill(&p->random, out, size);
    (void)call_leave(p, 0);
}

static ssize_t carried_getrandom(void *out, size_t size, unsigned flags)
{
    (void)flags;
    fill(out, size);
    return (ssize_t)size;
}

static int carried_getentropy(void *out, size_t size)
{
    fill(out, size);
    return 0;
}

static int carried_RAND_bytes(unsigned char *out, int size)
{
    fill(out, size < 0 ? 0 : (size_t)size);
    return size >= 0;
}

static uint32_t carried_arc4random(void)
{
    uint32_t value;

    fill(&value, sizeof value);
    return value;
}

static uint32_t carried_arc4random_uniform(uint32_t bound)
{
    struct program *p = call_enter();
    uint32_t value = bound < 2 ? 0 : (uint32_t)rng_below(&p->random, bound);

    (void)call_leave(p, 0);
    return value;
}

static void carried_srand(unsigned seed)
{
    struct program *p = call_enter();

    memset(&p->libc_random, 0, sizeof p->libc_random);
    initstate_r(seed, p->libc_random_state, sizeof p->libc_random_state, &p->libc_random);
    (void)call_leave(p, 0);
}

static int carried_rand(void)
{
    struct program *p = call_enter();
    int32_t value = 0;

    if (!p->libc_random.state)
        initstate_r(1, p->libc_random_state, sizeof p->libc_random_state, &p->libc_random);
    random_r(&p->libc_random, &value);
    (void)call_leave(p, 0);
    return value;
}

static long carried_random(void)
{
    return carried_rand();
}

/* ---- what the C library keeps between calls ---- */

static char *carried_strtok(char *text, const char *separators)
{
    struct program *p = call_enter();

    return call_leave_pointer(p, strtok_r(text, separators, &p->strtok_at));
}

/* This process is in the locale C, and stays there. */
static char *carried_setlocale(int category, const char *name)
{
    static char c[] = "C";

    (void)category;
    return !name || !*name || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0 ? c : NULL;
}

/* ---- arguments ---- */

/* getopt keeps in static variables how far it is: the C library's serve one program after the other, each from its beginning to its
 * end, and the ones that a program sees are its own. */
static uint64_t getopt_turns;

static void begin_scan(struct program *p, int index)
{
    if (p->getopt_turn == getopt_turns && p->getopt_turn)
        return;
    if (p->getopt_turn || index > 1)
        program_stuck(p, "waits for something between two calls of getopt, which is not carried");
    p->getopt_turn = ++getopt_turns;
    optind = 0; /* from the start */
}

static int scan(struct program *p, int argc, char *const *argv, const char *letters, const struct option *table, int *index)
{
    int *own_index = variable_place(p, "optind", NULL, sizeof(int)), *own_letter = variable_place(p, "optopt", NULL, sizeof(int));
    const int *own_loud = variable_place(p, "opterr", NULL, sizeof(int));
    char **own_value = variable_place(p, "optarg", NULL, sizeof(char *));
    int letter;

    optind = *own_index;
    begin_scan(p, *own_index);
    opterr = 0;
    letter = getopt_long(argc, argv, letters, table, index);
    *own_index = optind;
    *own_letter = optopt;
    *own_value = optarg;
    if (letter == '?' && *own_loud && letters[0] != ':')
        fprintf(stdio_standard(p, 2), "%s: unrecognized option '%s'\n", argv[0], argv[optind > 1 ? optind - 1 : 1]);
    return letter;
}

static int carried_getopt_long(int argc, char *const *argv, const char *letters, const struct option *table, int *index)
{
    struct program *p = call_enter();
    int letter = scan(p, argc, argv, letters, table, index);

    (void)call_leave(p, 0);
    return letter;
}

static int carried_getopt(int argc, char *const *argv, const char *letters)
{
    static const struct option none = {0};

    return carried_getopt_long(argc, argv, letters, &none, NULL);
}

const struct symbol calls_process[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
#define ALIAS(name, of) {name, (void *)(uintptr_t)carried_##of}
    ALIAS("__libc_start_main", libc_start_main), ALIAS("__cxa_atexit", cxa_atexit), ALIAS("__cxa_finalize", cxa_finalize),
    ALIAS("__assert_fail", assert_fail), ALIAS("__stack_chk_fail", abort), ALIAS("__chk_fail", abort), CALL(exit), CALL(_exit),
    ALIAS("_Exit", _exit), CALL(abort), CALL(sigaction), CALL(signal), CALL(sigprocmask), CALL(pthread_sigmask), CALL(raise), CALL(kill),
    CALL(pause), ALIAS("getpid", self), ALIAS("gettid", self), ALIAS("getuid", self), ALIAS("geteuid", self), ALIAS("getgid", self),
    ALIAS("getegid", self), CALL(getppid), CALL(getenv), ALIAS("secure_getenv", getenv), CALL(sysconf), CALL(sched_getaffinity),
    CALL(sched_yield), CALL(getrlimit), ALIAS("getrlimit64", getrlimit), CALL(setrlimit), ALIAS("setrlimit64", setrlimit), CALL(getrusage),
    CALL(getrandom), CALL(getentropy), ALIAS("arc4random_buf", getentropy), ALIAS("randombytes_buf", getentropy), CALL(RAND_bytes),
    ALIAS("randombytes", getentropy), ALIAS("randombytes_random", arc4random), ALIAS("randombytes_uniform", arc4random_uniform),
    CALL(arc4random), CALL(arc4random_uniform), CALL(srand), CALL(rand), ALIAS("srandom", srand), CALL(random), CALL(getopt), CALL(strtok), CALL(setlocale),
    CALL(getopt_long),
#undef ALIAS
#undef CALL
    {NULL, NULL}};
