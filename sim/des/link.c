/* One direction of an access link: a FIFO server that is known by the time at which it falls idle. Integer nanoseconds
 * throughout; a byte count at a rate is rounded up, so that nothing is ever faster than the link. */
#include "sim/des/link.h"

#include "stack/base/int128.h"

#define NS_PER_S 1000000000u

uint64_t link_time_ns(const struct link *l, size_t size)
{
    if (l->bps == 0)
        return 0;
    if (size < 1u << 30 && l->bps < UINT64_MAX / 64) /* 64 bits are enough, and several times as fast */
        return (size * 8 * NS_PER_S + l->bps - 1) / l->bps;
    return (uint64_t)(((uint128)size * 8 * NS_PER_S + l->bps - 1) / l->bps);
}

uint64_t link_backlog(const struct link *l, uint64_t now_ns)
{
    if (l->bps == 0 || l->busy_until_ns <= now_ns)
        return 0;
    return mul_div(l->busy_until_ns - now_ns, l->bps, 8ull * NS_PER_S);
}

uint64_t link_enqueue(struct link *l, uint64_t now_ns, size_t size)
{
    return link_enqueue_train(l, now_ns, 0, size);
}

uint64_t link_enqueue_train(struct link *l, uint64_t now_ns, uint64_t arriving_ns, size_t size)
{
    uint64_t start = now_ns - (arriving_ns < now_ns ? arriving_ns : now_ns);
    uint64_t done;

    if (l->bps == 0) /* nor does it overtake what it held when it still had a limit */
        return now_ns > l->busy_until_ns ? now_ns : l->busy_until_ns;
    if (start < l->busy_until_ns)
        start = l->busy_until_ns;
    done = start + link_time_ns(l, size);
    if (done < now_ns)
        done = now_ns; /* faster than the bytes came in: the last one passes at once */
    l->busy_until_ns = done;
    return done;
}

uint64_t link_half_empty_ns(const struct link *l)
{
    uint64_t half = link_time_ns(l, (size_t)(l->queue_size_max / 2));

    return l->busy_until_ns > half ? l->busy_until_ns - half : 0;
}
