/* The C library makes calls for those of its functions that the program may use by themselves (more memory, say): its own text is
 * the range that the kernel lets pass. */
#include "sim/posix/guard.h"

#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif
#define ALLOW 0
#define BLOCK 1

static volatile char selector = ALLOW; /* the kernel reads it at each system call */
static bool works;

struct range {
    uintptr_t from, size;
};

/* The executable segment with `free` in it. */
static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t inside = (uintptr_t)free;
    struct range *r = arg;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type == PT_LOAD && p->p_flags & PF_X && inside - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
            *r = (struct range){info->dlpi_addr + p->p_vaddr, p->p_memsz};
    }
    return r->size != 0;
}

void guard_start(void)
{
    static bool tried;
    struct range text = {0};

    if (tried)
        return;
    tried = true;
    dl_iterate_phdr(find_text, &text);
    works = text.size > 0 && prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, text.from, text.size, &selector) == 0;
}

bool guard_works(void)
{
    return works;
}

bool guard_set(bool guarded)
{
    bool before = selector == BLOCK;

    selector = guarded ? BLOCK : ALLOW;
    return before;
}
