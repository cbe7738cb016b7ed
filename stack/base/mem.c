/* The pool for what is small, malloc for the rest, and the out-of-memory case decided once. */
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/pool.h"

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "hearsay: out of memory (%zu bytes wanted)\n", size);
    _Exit(1);
}

void *mem_alloc(size_t size)
{
    void *p = size <= POOL_SIZE_MAX ? pool_take(size) : NULL;

    if (!p)
        p = malloc(size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_zalloc(size_t size)
{
    void *p;

    if (size <= POOL_SIZE_MAX)
        return memset(mem_alloc(size), 0, size);
    p = calloc(1, size);
    if (!p)
        out_of_memory(size);
    return p;
}

/* Out of the pool, into it, or within it: another block, unless this one will do. */
static void *move_block(void *old, size_t old_size, size_t size)
{
    void *p;

    if (size <= old_size && size > old_size / 2)
        return old;
    p = mem_alloc(size);
    memcpy(p, old, size < old_size ? size : old_size);
    pool_give(old);
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p;

    if (!old)
        return mem_alloc(size);
    if (pool_owns(old))
        return move_block(old, pool_block_size(old), size);
    p = realloc(old,
                size ? size : 1); /* once malloc's, always malloc's: its size is not known here */
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_grow(void *old, size_t count, size_t item_size)
{
    size_t size;

    if (__builtin_mul_overflow(count, item_size, &size))
        out_of_memory((size_t)-1);
    return mem_realloc(old, size);
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(mem_alloc(size), text, size);
}

void mem_free(void *p)
{
    if (pool_owns(p))
        pool_give(p);
    else
        free(p);
}
