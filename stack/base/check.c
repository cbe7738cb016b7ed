/* The one place where a broken invariant ends the program. */
#include "stack/base/check.h"

#include <stdio.h>
#include <stdlib.h>

static void (*last_words)(void);

void check_set_hook(void (*hook)(void))
{
    last_words = hook;
}

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    void (*hook)(void) = last_words;

    last_words = NULL; /* a hook that fails itself must not recurse */
    fprintf(stderr, "hearsay: invariant broken at %s:%d: %s\n", file, line, condition);
    if (hook)
        hook();
    _Exit(CHECK_EXIT_STATUS);
}
