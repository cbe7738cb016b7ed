/* Extensions (gossipsub v1.3): the first RPC of a stream declares them, once. One is in use when both sides declared it and both
 * first RPCs were exchanged. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define REPEATED_PENALTY 10 /* P7 for a second declaration, as in go */

_Static_assert((GOSSIPSUB_EXTENSION_TEST | GOSSIPSUB_EXTENSION_PARTIAL) < PEER_EXTENSIONS_HEARD, "bits of one byte");

bool extensions_shared(const struct gossipsub *g, uint32_t slot, unsigned extension)
{
    const struct peer *p = peer_at(g, slot);

    return p && (g->config.extensions & p->extensions & extension) && (p->extensions & PEER_EXTENSIONS_HEARD) &&
           (p->extensions & PEER_EXTENSIONS_SAID);
}

static void send_test(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    uint8_t bytes[2 * VARINT_SIZE_MAX];
    struct buf b;

    buf_init(&b, sizeof bytes);
    pb_append_bytes(&b, RPC_FIELD_TEST, slice_of(bytes, 0));
    send_item(g, now_ns, slot, TRACE_CONTROL_TEST, buf_slice(&b), 1, SEND_NORMAL);
    buf_deinit(&b);
}

/* Both first RPCs were exchanged. */
static void agreed(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    if (extensions_shared(g, slot, GOSSIPSUB_EXTENSION_TEST))
        send_test(g, now_ns, slot);
}

void extensions_said(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    g->peers[slot].extensions |= PEER_EXTENSIONS_SAID;
    if (g->peers[slot].extensions & PEER_EXTENSIONS_HEARD)
        agreed(g, now_ns, slot);
}

void extensions_heard(struct gossipsub *g, uint64_t now_ns, uint32_t slot, unsigned declared)
{
    struct peer *p = peer_at(g, slot);

    if (p->extensions & PEER_EXTENSIONS_HEARD)
        return;
    p->extensions |= PEER_EXTENSIONS_HEARD;
    p->extensions = (uint8_t)(p->extensions | (declared & (PEER_EXTENSIONS_HEARD - 1u)));
    if (p->extensions & PEER_EXTENSIONS_SAID)
        agreed(g, now_ns, slot);
}

void extensions_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc,
                        const struct rpc_summary *s)
{
    struct peer *p = peer_at(g, slot);

    if (!(p->extensions & PEER_EXTENSIONS_HEARD))
        extensions_heard(g, now_ns, slot, s->extensions);
    else if (s->control[TRACE_CONTROL_EXTENSIONS].size)
        watch_penalty(g, slot, REPEATED_PENALTY);
    if (s->control[TRACE_CONTROL_TEST].size && g->env.test_extension &&
        g->config.extensions & p->extensions & GOSSIPSUB_EXTENSION_TEST)
        g->env.test_extension(g->env.ctx, slot);
    if (s->control[TRACE_CONTROL_PARTIAL].size)
        partial_receive(g, now_ns, slot, rpc);
}
