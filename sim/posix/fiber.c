/* Stacks and switches. The System V ABI says which registers a callee keeps: rbx, rbp, r12 to r15, and the control words
 * of SSE and the x87. */
#include "sim/posix/fiber.h"

#include "stack/base/check.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static bool map_stack(struct fiber *f, size_t size)
{
    size_t page = page_size();

    f->size = (size + page - 1) / page * page + page;
    f->memory = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (f->memory == MAP_FAILED) {
        f->memory = NULL;
        return false;
    }
    return mprotect(f->memory, page, PROT_NONE) == 0;
}

void fiber_deinit(struct fiber *f)
{
    if (f->memory)
        munmap(f->memory, f->size);
    f->memory = NULL;
}

bool fiber_guards(const struct fiber *f, const void *address)
{
    return f->memory && (uintptr_t)address - (uintptr_t)f->memory < page_size();
}

void *fiber_top(const struct fiber *f)
{
    return (void *)(((uintptr_t)f->memory + f->size) & ~(uintptr_t)63);
}

#ifdef FIBER_UCONTEXT

static void begin(unsigned high, unsigned low)
{
    struct fiber *f = (struct fiber *)(((uintptr_t)high << 16 << 16) | low);

    f->run(f->arg);
    UNREACHABLE();
}

bool fiber_init(struct fiber *f, size_t size, void (*run)(void *arg), void *arg)
{
    *f = (struct fiber){.run = run, .arg = arg};
    if (!map_stack(f, size) || getcontext(&f->own) != 0) {
        fiber_deinit(f);
        return false;
    }
    f->own.uc_stack.ss_sp = (char *)f->memory + page_size();
    f->own.uc_stack.ss_size = f->size - page_size();
    f->own.uc_link = NULL;
    makecontext(&f->own, (void (*)(void))begin, 2, (unsigned)((uintptr_t)f >> 16 >> 16), (unsigned)(uintptr_t)f);
    return true;
}

void fiber_resume(struct fiber *f)
{
    CHECK(swapcontext(&f->caller, &f->own) == 0);
}

void fiber_yield(struct fiber *f)
{
    CHECK(swapcontext(&f->own, &f->caller) == 0);
}

#else

/* Keeps the registers on the stack in use, leaves the stack pointer in *save, goes on with the stack `load`. */
__attribute__((naked, noinline)) static void switch_stacks(__attribute__((unused)) void **save, __attribute__((unused)) void *load)
{
    __asm__("pushq %rbp\n\t"
            "pushq %rbx\n\t"
            "pushq %r12\n\t"
            "pushq %r13\n\t"
            "pushq %r14\n\t"
            "pushq %r15\n\t"
            "subq $8, %rsp\n\t"
            "stmxcsr (%rsp)\n\t"
            "fnstcw 4(%rsp)\n\t"
            "movq %rsp, (%rdi)\n\t"
            "movq %rsi, %rsp\n\t"
            "ldmxcsr (%rsp)\n\t"
            "fldcw 4(%rsp)\n\t"
            "addq $8, %rsp\n\t"
            "popq %r15\n\t"
            "popq %r14\n\t"
            "popq %r13\n\t"
            "popq %r12\n\t"
            "popq %rbx\n\t"
            "popq %rbp\n\t"
            "ret");
}

/* The first return of a fiber's stack: r12 is the fiber, r13 what it runs. */
__attribute__((naked, noinline)) static void begin(void)
{
    __asm__("movq %r12, %rdi\n\t"
            "xorl %ebp, %ebp\n\t"
            "callq *%r13\n\t"
            "ud2");
}

bool fiber_init(struct fiber *f, size_t size, void (*run)(void *arg), void *arg)
{
    /* as switch_stacks leaves it: control words as they are at the start of a process, registers, the way on */
    const uintptr_t first[] = {UINT64_C(0x1f80) | UINT64_C(0x037f) << 32, 0, 0, (uintptr_t)run, (uintptr_t)arg, 0, 0, (uintptr_t)begin, 0};
    uintptr_t *top;

    *f = (struct fiber){.run = run, .arg = arg};
    if (!map_stack(f, size)) {
        fiber_deinit(f);
        return false;
    }
    top = (uintptr_t *)fiber_top(f) - sizeof first / sizeof *first - 1; /* aligned to 16 where `begin` calls */
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        top[i] = first[i];
    f->own = top;
    return true;
}

void fiber_resume(struct fiber *f)
{
    switch_stacks(&f->caller, f->own);
}

void fiber_yield(struct fiber *f)
{
    switch_stacks(&f->own, f->caller);
}

#endif
