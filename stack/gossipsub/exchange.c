/* Peer exchange (gossipsub v1.1): a PRUNE may tell of other peers of the topic, with their signed records where they are known. */
#include "stack/gossipsub/router.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define HEAD_MAX 32 /* tags and lengths of a PeerInfo, or of all of the item that is no peer and no topic */

/* Tells the owner of a random prune_peers of the peers in a PRUNE, but of none that is connected.
 */
void exchange_receive(struct gossipsub *g, struct slice item)
{
    uint32_t most = g->config.params.prune_peers, count = 0, met = 0;
    struct slice info, id, record, *chosen;
    struct cursor c = cursor_of(item);

    if (!g->env.peer_exchange || most == 0 || !rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info))
        return;
    chosen = mem_grow(NULL, most, sizeof *chosen);
    do { /* reservoir sampling: the list may be long */
        uint64_t place = met++;

        if (place >= most)
            place = rng_below(&g->rng_exchange, met);
        else
            count++;
        if (place < most)
            chosen[place] = info;
    } while (rpc_next_bytes(&c, RPC_PRUNE_PEERS, &info));
    for (uint32_t i = 0; i < count; i++) {
        struct peerid peer;

        rpc_peer_read(chosen[i], &id, &record);
        if (peerid_from_bytes(&peer, id) != ERR_OK || peer_known(g, peer_key_of(g, id)))
            continue;
        if (!slice_equal(id, peerid_slice(&g->config.identity->id)))
            g->env.peer_exchange(g->env.ctx, id, record);
    }
    mem_free(chosen);
}

static void append_peer(struct buf *b, struct slice id, struct slice record)
{
    varint_append(b, RPC_PRUNE_PEERS << 3 | PB_BYTES);
    varint_append(b, pb_bytes_size(1, id.size) + (record.size ? pb_bytes_size(2, record.size) : 0));
    pb_append_bytes(b, 1, id);
    if (record.size)
        pb_append_bytes(b, 2, record);
}

/* As many of the peers as an RPC can take. */
static struct span encode(struct gossipsub *g, struct slice topic, uint32_t backoff_s, const uint32_t *slots,
                          uint32_t count)
{
    size_t size_max = g->config.params.rpc_size_max - HEAD_MAX;
    struct buf b;
    struct blob *item;
    size_t head;

    buf_init(&b, size_max);
    pb_append_bytes(&b, 1, topic);
    for (uint32_t i = 0; i < count; i++) {
        const struct peerid *id = g->env.peer_id ? g->env.peer_id(g->env.ctx, slots[i]) : NULL;
        struct slice record = {NULL, 0};

        if (!id)
            continue;
        if (g->env.peer_record)
            record = g->env.peer_record(g->env.ctx, slots[i]);
        if (id->size + record.size + 2 * HEAD_MAX > size_max - b.size)
            break;
        append_peer(&b, peerid_slice(id), record);
    }
    if (backoff_s)
        pb_append_varint(&b, 3, backoff_s);
    item = blob_new(pb_bytes_size(TRACE_CONTROL_PRUNE, b.size));
    head = pb_write_bytes_head(item->data, TRACE_CONTROL_PRUNE, b.size);
    memcpy(item->data + head, b.data, b.size);
    buf_deinit(&b);
    return span_give(item);
}

/* A PRUNE with peers of the topic that the pruned one may turn to. */
struct span exchange_prune(struct gossipsub *g, uint32_t slot, const struct topic *t, uint32_t backoff_s)
{
    struct slotset except = {0};
    struct choice choice = {.except = &except};
    uint32_t count, *slots;
    struct span item;

    slotset_add(&except, slot);
    slots = mesh_candidates(g, t, &choice, &count);
    count = router_choose(&g->rng_exchange, slots, count, g->config.params.prune_peers);
    item = encode(g, topic_name(t), backoff_s, slots, count);
    mem_free(slots);
    slotset_deinit(&except);
    return item;
}
