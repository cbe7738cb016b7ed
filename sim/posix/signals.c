/* Signals of a program: sent by the owner, by itself, by a write that nobody reads. A handler runs when the carried call in which the
 * signal came returns. */
#include "sim/posix/internal.h"

#include "stack/base/check.h"

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

void signals_init(struct program *p)
{
    p->signals = (struct saved_signals){0};
}

static bool ignored_by_default(int number)
{
    return number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
}

void signals_raise(struct program *p, int number)
{
    const struct sigaction *a = &p->signals.actions[number];

    CHECK(number >= 1 && number <= 64);
    if (a->sa_handler == SIG_IGN || (a->sa_handler == SIG_DFL && ignored_by_default(number)))
        if (!(p->signals.blocked & bit(number)))
            return;
    p->signals.pending |= bit(number);
    signalfd_changed(p);
}

bool signals_due(const struct program *p)
{
    return (p->signals.pending & ~p->signals.blocked) != 0;
}

bool signals_restart(const struct program *p)
{
    uint64_t due = p->signals.pending & ~p->signals.blocked;

    return due && p->signals.actions[__builtin_ctzll(due) + 1].sa_flags & SA_RESTART;
}

void signals_handle(struct program *p)
{
    while (signals_due(p)) {
        int number = __builtin_ctzll(p->signals.pending & ~p->signals.blocked) + 1;
        struct sigaction *a = &p->signals.actions[number], action = *a;
        uint64_t blocked = p->signals.blocked;
        siginfo_t info = {.si_signo = number};

        p->signals.pending &= ~bit(number);
        if (action.sa_handler == SIG_IGN || (action.sa_handler == SIG_DFL && ignored_by_default(number)))
            continue;
        if (action.sa_handler == SIG_DFL)
            program_end(p, PROGRAM_KILLED, number);
        if (action.sa_flags & (int)SA_RESETHAND)
            a->sa_handler = SIG_DFL;
        p->signals.blocked |= bit(number);
        program_handler(p, action.sa_sigaction, number, &info); /* the plain kind takes the first argument alone */
        p->signals.blocked = blocked;
    }
}
