/* Carried calls: memory. */
#include "sim/posix/memory.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>

static void *carried_malloc(size_t size)
{
    struct program *p = call_enter();
    void *block = memory_take(p, size, false);

    if (!block)
        p->saved_errno = ENOMEM;
    return call_leave_pointer(p, block);
}

static void *carried_calloc(size_t count, size_t size)
{
    struct program *p = call_enter();
    void *block = NULL;
    size_t bytes;

    if (!__builtin_mul_overflow(count, size, &bytes))
        block = memory_take(p, bytes, true);
    if (!block)
        p->saved_errno = ENOMEM;
    return call_leave_pointer(p, block);
}

static void *carried_realloc(void *old, size_t size)
{
    struct program *p = call_enter();
    void *block = memory_resize(p, old, size);

    if (!block)
        p->saved_errno = ENOMEM;
    return call_leave_pointer(p, block);
}

static void *carried_reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(count, size, &bytes) ? NULL : carried_realloc(old, bytes);
}

static void carried_free(void *block)
{
    struct program *p = call_enter();

    memory_give(p, block);
    (void)call_leave(p, 0);
}

static void *carried_aligned_alloc(size_t align, size_t size)
{
    struct program *p = call_enter();
    void *block = memory_take_aligned(p, align, size);

    if (!block)
        p->saved_errno = ENOMEM;
    return call_leave_pointer(p, block);
}

static int carried_posix_memalign(void **out, size_t align, size_t size)
{
    struct program *p = call_enter();
    void *block = memory_take_aligned(p, align, size);

    if (block)
        *out = block;
    return (int)call_leave(p, block ? 0 : ENOMEM);
}

static int carried_mallopt(int parameter, int value)
{
    (void)parameter; /* hints to an allocator that all programs share */
    (void)value;
    return 1;
}

static void *carried_mmap(void *wish, size_t size, int protection, int flags, int fd, off_t offset)
{
    struct program *p = call_enter();
    void *at = memory_map(p, wish, size, protection, flags, fd, offset);

    if (at == MAP_FAILED)
        p->saved_errno = errno;
    return call_leave_pointer(p, at);
}

static int carried_munmap(void *at, size_t size)
{
    struct program *p = call_enter();

    return (int)call_leave(p, memory_unmap(p, at, size));
}

static int carried_mprotect(void *at, size_t size, int protection)
{
    struct program *p = call_enter();

    if (!memory_maps(p, at, size) || protection & PROT_EXEC)
        program_stuck(p, "calls mprotect on memory that it did not map, or to run code in it, which is not carried");
    return (int)call_leave(p, mprotect(at, size, protection) == 0 ? 0 : -errno);
}

/* Huge pages for each of a thousand programs would fill the machine; what is not needed goes back. */
static int carried_madvise(void *at, size_t size, int advice)
{
    struct program *p = call_enter();
    bool gives = advice == MADV_DONTNEED || advice == MADV_FREE;

    if (gives && !memory_maps(p, at, size))
        return (int)call_leave(p, -EINVAL);
    return (int)call_leave(p, gives && madvise(at, size, advice) != 0 ? -errno : 0);
}

const struct symbol calls_memory[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(malloc), CALL(calloc), CALL(realloc), CALL(reallocarray), CALL(free), CALL(aligned_alloc), CALL(posix_memalign), CALL(mallopt),
    CALL(mmap), CALL(munmap), CALL(mprotect), CALL(madvise),
    {"mmap64", (void *)(uintptr_t)carried_mmap}, {"memalign", (void *)(uintptr_t)carried_aligned_alloc},
#undef CALL
    {NULL, NULL}};
