/* Faults come on a stack of their own. A clock that counts this process's CPU time looks now and then whether the same program
 * still runs, and asks the owner whether that is too long. */
#include "sim/posix/watchdog.h"

#include "sim/posix/guard.h"
#include "sim/posix/program.h"
#include "stack/base/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define STACK_SIZE (64 * 1024)
#define TICK_US 50000

static struct watchdog_fault last;
static volatile sig_atomic_t condemned;
static bool (*limit)(void);
static uint64_t turn_seen;

void program_watch(bool (*l)(void))
{
    limit = l;
}

bool watchdog_condemns(void)
{
    bool was = condemned;

    condemned = 0;
    return was;
}

struct watchdog_fault watchdog_fault(void)
{
    struct watchdog_fault f = last;

    condemned = 0;
    return f;
}

#if defined(__x86_64__)
static bool redirect(ucontext_t *context, bool fault)
{
    void *stack, *to = program_rescue((void *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP], fault, &stack);

    if (!to)
        return false;
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)to;
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)stack;
    return true;
}
#else
static bool redirect(ucontext_t *context, bool fault)
{
    (void)context;
    (void)fault;
    return false;
}
#endif

static void on_fault(int number, siginfo_t *info, void *context)
{
    guard_set(false);
    last = (struct watchdog_fault){.number = number, .address = info->si_addr, .system_call = number == SIGSYS ? info->si_syscall : 0};
    if (!redirect(context, true))
        signal(number, SIG_DFL); /* our own mistake: it happens again, and ends the process */
}

static void on_tick(int number, siginfo_t *info, void *context)
{
    uint64_t turn = program_turn();
    bool guarded = guard_set(false);

    (void)number;
    (void)info;
    if (turn && turn == turn_seen && limit && limit()) {
        condemned = 1;
        last = (struct watchdog_fault){.condemned = true};
        (void)redirect(context, false); /* else at its next call, or at the next tick */
    }
    turn_seen = turn;
    guard_set(guarded);
}

static void start_clock(void)
{
    const struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    stack_t stack = {.ss_size = STACK_SIZE};

    stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack.ss_sp != MAP_FAILED && sigaltstack(&stack, NULL) == 0);
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &tick, NULL);
}

void watchdog_start(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
    static bool started;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
        sigaction(faults[i], &action, NULL); /* each time: others may have set theirs meanwhile */
    if (!started)
        start_clock();
    started = true;
}
