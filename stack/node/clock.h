/* A node's own clock: what it shows when the world's shows a given time. Pure integer arithmetic.
 *
 * It is ahead of the world's by an offset and runs fast or slow by a constant drift. It never goes back. */
#ifndef STACK_NODE_CLOCK_H
#define STACK_NODE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_OFFSET_MAX_NS 31622400000000000ull /* 366 days */
#define CLOCK_DRIFT_MAX_PPB 100000000            /* a tenth */

struct clock { /* all 0: the world's own */
    uint64_t offset_ns; /* at the world's time 0; how far nodes are apart is what matters, so it need not be negative */
    int64_t drift_ppb;  /* above 0: fast */
};

static inline bool clock_is_true(const struct clock *c)
{
    return c->offset_ns == 0 && c->drift_ppb == 0;
}

uint64_t clock_local_ns(const struct clock *c, uint64_t world_ns);
/* The first time of the world at which the clock shows `local_ns` or more; TIME_NEVER stays. */
uint64_t clock_world_ns(const struct clock *c, uint64_t local_ns);

#endif
