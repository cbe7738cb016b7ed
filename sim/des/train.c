#include "sim/des/train.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"


void train_free(struct train *t)
{
    chain_deinit(&t->bytes);
    mem_free(t);
}

/* Also of the notice that some was lost. */
static bool carries_bytes(const struct train *t)
{
    return (t->kind == TRAIN_NOTICE ? t->refused : t->kind) == TRAIN_DATA && !t->probe;
}

uint32_t train_segment_size(const struct train *t, uint32_t segment)
{
    if (!carries_bytes(t))
        return t->probe ? t->mss : 0;
    return segment + 1 < t->segments ? t->mss : t->size - (t->segments - 1u) * t->mss;
}

uint64_t train_segment_seq(const struct train *t, uint32_t segment)
{
    return t->seq + (uint64_t)segment * t->mss;
}

uint32_t train_live(const struct train *t)
{
    return t->lost ? t->segments - (uint32_t)__builtin_popcount(t->lost) : t->segments; /* a call, on the oldest processors */
}

uint32_t train_wire_size(const struct train *t, uint32_t header_size)
{
    uint32_t size = 0;

    if (!carries_bytes(t))
        return t->segments * (header_size + train_segment_size(t, 0));
    if (t->lost == 0)
        return t->size + t->segments * header_size;
    for (uint32_t i = 0; i < t->segments; i++)
        if (!(t->lost >> i & 1))
            size += train_segment_size(t, i) + header_size;
    return size;
}

uint32_t train_last_size(const struct train *t, uint32_t header_size)
{
    return train_segment_size(t, t->segments - 1u) + header_size;
}

/* Segment by segment, for a queue that may overflow. */
static uint16_t pass_one_by_one(struct train *t, struct link *l, uint64_t start_ns, uint64_t now_ns,
                                uint32_t header_size, uint64_t *through_ns)
{
    uint32_t live = train_live(t), place = 0;
    uint64_t first_ns = 0;
    uint16_t lost = 0;

    *through_ns = now_ns;
    for (uint32_t i = 0; i < t->segments; i++) {
        uint32_t size = train_segment_size(t, i) + header_size;
        uint64_t at_ns;

        if (t->lost >> i & 1)
            continue;
        at_ns = live > 1 ? start_ns + (now_ns - start_ns) * place / (live - 1) : now_ns;
        place++;
        if (link_backlog(l, at_ns) + size > l->queue_size_max) {
            lost |= (uint16_t)(1u << i);
            continue;
        }
        l->busy_until_ns = (l->busy_until_ns > at_ns ? l->busy_until_ns : at_ns) + link_time_ns(l, size);
        *through_ns = l->busy_until_ns;
        if (first_ns == 0)
            first_ns = *through_ns;
    }
    if (*through_ns < now_ns)
        *through_ns = now_ns; /* the last ones were lost; nothing happens before its event */
    t->spread_ns = first_ns ? *through_ns - first_ns : 0;
    return lost;
}

uint16_t train_pass(struct train *t, struct link *l, uint64_t now_ns, uint32_t header_size, uint64_t *through_ns)
{
    uint64_t start_ns = now_ns - (t->spread_ns < now_ns ? t->spread_ns : now_ns), begin_ns, done_ns, last_ns, first_ns;
    uint32_t size, last_size;

    *through_ns = now_ns;
    if (l->bps == 0)
        return 0;
    size = train_wire_size(t, header_size);
    if (link_backlog(l, start_ns) + size > l->queue_size_max)
        return pass_one_by_one(t, l, start_ns, now_ns, header_size, through_ns);
    begin_ns = start_ns > l->busy_until_ns ? start_ns : l->busy_until_ns;
    last_size = train_last_size(t, header_size);
    last_ns = link_time_ns(l, last_size);
    done_ns = begin_ns + (last_size == size ? last_ns : link_time_ns(l, size));
    if (done_ns < now_ns + last_ns)
        done_ns = now_ns + last_ns;
    first_ns = t->segments == 1 ? done_ns : begin_ns + link_time_ns(l, train_segment_size(t, 0) + header_size);
    t->spread_ns = done_ns - first_ns;
    l->busy_until_ns = *through_ns = done_ns;
    return 0;
}

struct train *train_lose(struct train *t, uint16_t segments)
{
    struct train *notice;
    struct chain all = t->bytes;

    if (segments == 0)
        return NULL;
    CHECK((t->lost & segments) == 0);
    notice = mem_alloc(sizeof *notice);
    *notice = *t;
    notice->kind = TRAIN_NOTICE;
    notice->refused = t->kind;
    notice->lost = segments;
    chain_init(&notice->bytes);
    chain_init(&t->bytes);
    for (uint32_t i = 0; i < t->segments && carries_bytes(t); i++) {
        struct chain *to = segments >> i & 1 ? &notice->bytes : &t->bytes;

        if (!(t->lost >> i & 1))
            chain_move(to, &all, train_segment_size(t, i));
    }
    CHECK(all.size == 0);
    chain_deinit(&all);
    t->lost |= segments;
    return notice;
}
