/* IDONTWANT (gossipsub v1.2): large messages are announced to the mesh as soon as they are here, before validation, and are
 * not sent to peers that announced them. */
#include "stack/gossipsub/router.h"

#include "stack/base/mem.h"
#include "stack/gossipsub/signing.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define ITEM_HEAD_MAX 16 /* tags and lengths of the control field and the item */

/* While no peer understands it, nothing is announced. */
void idontwant_peers_changed(struct gossipsub *g)
{
    g->announced_size = slotset_empty(&g->idontwant) ? UINT32_MAX : g->config.params.idontwant_threshold;
}

/* The field of an RPC with one IDONTWANT of as many of the ids from *first on as fit; *first moves behind them. */
static void encode(struct buf *b, size_t size_max, const struct slice *ids, uint32_t count, uint32_t *first)
{
    size_t size = 0;
    uint32_t end = *first;

    while (end < count && (end == *first || size + pb_bytes_size(RPC_IDONTWANT_IDS, ids[end].size) <= size_max))
        size += pb_bytes_size(RPC_IDONTWANT_IDS, ids[end++].size);
    varint_append(b, RPC_FIELD_CONTROL << 3 | PB_BYTES);
    varint_append(b, pb_bytes_size(TRACE_CONTROL_IDONTWANT, size));
    varint_append(b, TRACE_CONTROL_IDONTWANT << 3 | PB_BYTES);
    varint_append(b, size);
    while (*first < end)
        pb_append_bytes(b, RPC_IDONTWANT_IDS, ids[(*first)++]);
}

/* The peer sends us parts of messages, not messages. */
static bool gets_parts(const struct topic *t, uint32_t slot)
{
    return t->partial & TOPIC_PARTIAL_WANTED && topic_sends_parts(t, slot);
}

void idontwant_announce(struct gossipsub *g, uint64_t now_ns, const struct topic *t, uint32_t from,
                        const struct slice *ids, uint32_t count)
{
    size_t size_max = g->config.params.rpc_size_max - ITEM_HEAD_MAX;
    struct buf b;

    buf_init(&b, g->config.params.rpc_size_max);
    for (uint32_t first = 0; first < count;) {
        uint32_t begin = first;

        encode(&b, size_max, ids, count, &first);
        for (uint32_t slot = 0; slotset_next(&t->mesh, &slot); slot++)
            if (slot != from && slotset_has(&g->idontwant, slot) && !gets_parts(t, slot))
                send_item(g, now_ns, slot, TRACE_CONTROL_IDONTWANT, buf_slice(&b), first - begin, SEND_URGENT);
        buf_clear(&b);
    }
    buf_deinit(&b);
}

/* Ids of one topic in an RPC. */
struct fresh {
    struct topic *topic;
    uint32_t count, capacity;
    struct slice *ids;
    uint8_t (*bytes)[GOSSIPSUB_ID_MAX];
};

/* Whether the message will be taken for a new one; its id goes to `id`. */
static struct topic *is_fresh(struct gossipsub *g, uint64_t now_ns, struct slice message, struct slice *id,
                              uint8_t out[static GOSSIPSUB_ID_MAX])
{
    struct gossipsub_message m;
    enum trace_reject why;
    struct seen_key key;
    struct topic *t;

    if (rpc_message_read(message, &m) < 0 || m.data.size < g->announced_size)
        return NULL;
    t = topic_find(&g->topics, m.topic);
    if (!t || !t->joined || m.from.size > PEERID_SIZE_MAX || m.seqno.size > GOSSIPSUB_SEQNO_MAX ||
        !signing_allows(g->config.signing, &m, &why) ||
        slice_equal(m.from, peerid_slice(&g->config.identity->id)))
        return NULL;
    *id = slice_of(out, g->config.message_id(&m, out));
    key = seen_key_of(g->hash_key, *id);
    return seen_has(&g->seen, now_ns, &key) ? NULL : t;
}

static void add(struct fresh *f, struct slice id)
{
    if (f->count == f->capacity) {
        f->capacity = f->capacity ? f->capacity * 2 : 8;
        f->bytes = mem_grow(f->bytes, f->capacity, sizeof *f->bytes);
    }
    memcpy(f->bytes[f->count], id.data, id.size);
    f->ids = mem_grow(f->ids, f->count + 1, sizeof *f->ids);
    f->ids[f->count++].size = id.size;
}

static void announce_fresh(struct gossipsub *g, uint64_t now_ns, uint32_t from, struct fresh *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        f->ids[i].data = f->bytes[i];
    if (f->count)
        idontwant_announce(g, now_ns, f->topic, from, f->ids, f->count);
    mem_free(f->ids);
    mem_free(f->bytes);
}

void idontwant_announce_rpc(struct gossipsub *g, uint64_t now_ns, uint32_t from, struct slice rpc)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct fresh f = {.topic = NULL};
    uint8_t out[GOSSIPSUB_ID_MAX];
    struct slice message, id;

    while (rpc_next_publish(&w, &message)) { /* messages of a topic come together as a rule: one IDONTWANT each */
        struct topic *t = is_fresh(g, now_ns, message, &id, out);

        if (!t || id.size == 0)
            continue;
        if (t != f.topic) {
            announce_fresh(g, now_ns, from, &f);
            f = (struct fresh){.topic = t};
        }
        add(&f, id);
    }
    announce_fresh(g, now_ns, from, &f);
}

static struct unwanted *unwanted_of(struct gossipsub *g, uint32_t slot)
{
    uint32_t capacity = slot + slot / 2 + 8;

    if (slot >= g->unwanted_capacity) {
        g->unwanted = mem_grow(g->unwanted, capacity, sizeof *g->unwanted);
        memset(g->unwanted + g->unwanted_capacity, 0, (capacity - g->unwanted_capacity) * sizeof *g->unwanted);
        g->unwanted_capacity = capacity;
    }
    return &g->unwanted[slot];
}

void idontwant_receive(struct gossipsub *g, uint32_t slot, struct slice rpc)
{
    const struct gossipsub_params *params = &g->config.params;
    struct peer *p = peer_at(g, slot);
    struct rpc_walk w = rpc_walk_of(rpc);
    uint32_t count = 0;
    struct slice item, id;

    peer_is_new_in_heartbeat(g, p);
    if (p->control_rpcs >= params->max_idontwant_messages || !p->added)
        return;
    p->control_rpcs++; /* go counts every RPC with a control field */
    while (rpc_next_control(&w, TRACE_CONTROL_IDONTWANT, &item)) {
        struct cursor c = cursor_of(item);

        while (count < params->max_idontwant_length && rpc_next_bytes(&c, RPC_IDONTWANT_IDS, &id)) {
            struct seen_key key;

            count++;
            if (id.size > GOSSIPSUB_ID_MAX)
                continue;
            key = seen_key_of(g->hash_key, id);
            unwanted_add(unwanted_of(g, slot), &key, g->heartbeat + params->idontwant_ttl);
        }
    }
}

void idontwant_forget(struct gossipsub *g, uint32_t slot)
{
    if (slot < g->unwanted_capacity)
        unwanted_deinit(&g->unwanted[slot]);
}

void idontwant_heartbeat(struct gossipsub *g)
{
    for (uint32_t slot = 0; slot < g->unwanted_capacity; slot++)
        unwanted_sweep(&g->unwanted[slot], g->heartbeat);
}

void idontwant_deinit(struct gossipsub *g)
{
    for (uint32_t slot = 0; slot < g->unwanted_capacity; slot++)
        unwanted_deinit(&g->unwanted[slot]);
    mem_free(g->unwanted);
}
