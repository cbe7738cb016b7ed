/* Hints that memory will be needed soon.
 *
 * Not __builtin_prefetch by itself: gcc takes a function that only prefetches for one without any effect and leaves calls of it
 * out. The empty asm is an effect, and costs nothing. */
#ifndef STACK_BASE_FETCH_H
#define STACK_BASE_FETCH_H

static inline void fetch_line(const void *p)
{
    __builtin_prefetch(p);
    __asm__ volatile("");
}

static inline void fetch_line_to_write(const void *p)
{
    __builtin_prefetch(p, 1);
    __asm__ volatile("");
}

#endif
