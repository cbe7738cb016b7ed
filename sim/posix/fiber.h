/* Fibers: a stack each, of which one runs at a time, until it yields.
 *
 * On x86-64 a switch is 20 instructions (the registers that a callee keeps, nothing else); elsewhere, or with
 * -DFIBER_UCONTEXT, it is swapcontext. Below each stack lies a page that cannot be touched. */
#ifndef SIM_POSIX_FIBER_H
#define SIM_POSIX_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(__x86_64__) && !defined(FIBER_UCONTEXT)
#define FIBER_UCONTEXT
#endif

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
#endif

struct fiber {
    void *memory; /* the guard page, and the stack above it; NULL: none */
    size_t size;
    void (*run)(void *arg);
    void *arg;
#ifdef FIBER_UCONTEXT
    ucontext_t own, caller;
#else
    void *own, *caller; /* stack pointers of whoever does not run */
#endif
};

/* Nothing runs yet. False with errno set. `size` is rounded up to pages; memory is taken as the stack is touched. */
bool fiber_init(struct fiber *f, size_t size, void (*run)(void *arg), void *arg);
void fiber_deinit(struct fiber *f); /* fine when it was never or is half way through */

void fiber_resume(struct fiber *f); /* returns when it yields; `run` must not return */
void fiber_yield(struct fiber *f);  /* from the fiber itself */

bool fiber_guards(const struct fiber *f, const void *address); /* whether it lies in the page below the stack */
void *fiber_top(const struct fiber *f);                        /* the end of the stack, aligned to 64 bytes */

#endif
