/* local = offset + floor(world * rate), and the ceiling of its inverse: with integers both are exact. */
#include "stack/node/clock.h"

#include "stack/base/check.h"
#include "stack/base/heap.h"
#include "stack/base/int128.h"

#define UNIT_PPB 1000000000

/* How far the clock goes in UNIT_PPB of the world's. */
static uint64_t rate_ppb(const struct clock *c)
{
    CHECK(c->drift_ppb >= -CLOCK_DRIFT_MAX_PPB && c->drift_ppb <= CLOCK_DRIFT_MAX_PPB);
    return (uint64_t)(UNIT_PPB + c->drift_ppb);
}

uint64_t clock_local_ns(const struct clock *c, uint64_t world_ns)
{
    CHECK(c->offset_ns <= CLOCK_OFFSET_MAX_NS && world_ns < (uint64_t)1 << 62);
    return c->offset_ns + mul_div(world_ns, rate_ppb(c), UNIT_PPB);
}

uint64_t clock_world_ns(const struct clock *c, uint64_t local_ns)
{
    uint64_t rate = rate_ppb(c);

    if (local_ns == TIME_NEVER)
        return TIME_NEVER;
    if (local_ns <= c->offset_ns)
        return 0;
    CHECK(local_ns < (uint64_t)1 << 63);
    return (uint64_t)(((uint128)(local_ns - c->offset_ns) * UNIT_PPB + rate - 1) / rate);
}
