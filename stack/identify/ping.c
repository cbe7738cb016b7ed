/* ping (libp2p ping specification). */
#include "stack/identify/ping.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

size_t ping_answer(struct chain *in, struct chain *out)
{
    size_t count = in->size / PING_SIZE;

    chain_move(out, in, count * PING_SIZE);
    return count;
}

void ping_send(struct ping *p, struct rng *r, uint64_t now_ns, struct chain *out)
{
    CHECK(!p->waiting);
    rng_fill(r, p->expected, sizeof p->expected);
    chain_append(out, slice_of(p->expected, sizeof p->expected));
    p->sent_at_ns = now_ns;
    p->waiting = true;
}

int ping_feed(struct ping *p, uint64_t now_ns, struct chain *in, uint64_t *rtt_ns)
{
    uint8_t got[PING_SIZE];

    if (!p->waiting)
        return in->size ? ERR_PROTOCOL : 0;
    if (in->size < PING_SIZE)
        return 0;
    chain_peek(in, 0, got, sizeof got);
    chain_drop(in, sizeof got);
    if (memcmp(got, p->expected, sizeof got) != 0)
        return ERR_PROTOCOL;
    CHECK(now_ns >= p->sent_at_ns);
    *rtt_ns = now_ns - p->sent_at_ns;
    p->waiting = false;
    return 1;
}
