/* 128-bit products. gcc and clang have the type on every 64-bit machine; ISO C has no name for it. */
#ifndef STACK_BASE_INT128_H
#define STACK_BASE_INT128_H

#include <stdint.h>

__extension__ typedef unsigned __int128 uint128;

/* a * b / c, rounded down, without overflow in between; c > 0, and the result must fit. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((uint128)a * b / c);
}

#endif
