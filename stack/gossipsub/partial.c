/* Partial messages: groups and their peers. */
#include "stack/gossipsub/partial.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/router.h"

struct group {
    struct topic *topic;  /* pinned */
    struct slotset peers; /* spoken with */
    uint32_t initiator;   /* slot of the peer that began it; TRACE_NO_PEER: we did, or it is gone */
    bool foreign;         /* begun by a peer, and we have not published it yet */
    uint32_t ttl;         /* heartbeats left */
    uint32_t id_size;
    uint8_t *id;
};

struct partial {
    struct group *items; /* in the order in which they were begun */
    uint32_t count, capacity;
};

static struct partial *state(struct gossipsub *g)
{
    if (!g->partial)
        g->partial = mem_zalloc(sizeof *g->partial);
    return g->partial;
}

static void group_deinit(struct group *x)
{
    slotset_deinit(&x->peers);
    mem_free(x->id);
    topic_unpin(x->topic);
}

void partial_deinit(struct gossipsub *g)
{
    for (uint32_t i = 0; g->partial && i < g->partial->count; i++)
        group_deinit(&g->partial->items[i]);
    if (g->partial)
        mem_free(g->partial->items);
    mem_free(g->partial);
    g->partial = NULL;
}

static struct group *find(const struct gossipsub *g, const struct topic *t, struct slice id)
{
    for (uint32_t i = 0; g->partial && i < g->partial->count; i++) {
        struct group *x = &g->partial->items[i];

        if (x->topic == t && slice_equal(slice_of(x->id, x->id_size), id))
            return x;
    }
    return NULL;
}

static struct group *begin(struct gossipsub *g, struct topic *t, struct slice id)
{
    struct partial *p = state(g);
    struct group *x;

    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 4;
        p->items = mem_grow(p->items, p->capacity, sizeof *p->items);
    }
    x = &p->items[p->count++];
    *x = (struct group){.topic = t, .initiator = TRACE_NO_PEER, .ttl = PARTIAL_GROUP_TTL_MIN};
    x->id_size = (uint32_t)id.size;
    x->id = mem_alloc(id.size + 1);
    if (id.size)
        memcpy(x->id, id.data, id.size);
    topic_pin(t);
    return x;
}

/* Whether a peer may begin one more group. */
static bool has_room(const struct gossipsub *g, const struct topic *t, uint32_t slot)
{
    uint32_t all = 0, own = 0;

    for (uint32_t i = 0; g->partial && i < g->partial->count; i++) {
        const struct group *x = &g->partial->items[i];

        if (x->topic != t || !x->foreign || x->initiator == TRACE_NO_PEER)
            continue;
        all++;
        own += x->initiator == slot;
    }
    return all < PARTIAL_GROUPS && own < PARTIAL_GROUPS_PER_PEER;
}

static bool shares(const struct gossipsub *g, uint32_t slot)
{
    return extensions_shared(g, slot, GOSSIPSUB_EXTENSION_PARTIAL);
}

void gossipsub_partial_topic(struct gossipsub *g, struct slice topic, bool wants, bool sends)
{
    struct topic *t = topic_get(&g->topics, topic);

    CHECK(g->config.extensions & GOSSIPSUB_EXTENSION_PARTIAL);
    t->partial = (uint8_t)((wants ? TOPIC_PARTIAL_WANTED : 0) | (wants || sends ? TOPIC_PARTIAL_ABLE : 0));
    topic_release(t);
}

/* Whether the two of us have anything to tell each other about the topic's parts. */
static bool takes_part(const struct gossipsub *g, const struct topic *t, uint32_t slot)
{
    return shares(g, slot) && ((t->partial & TOPIC_PARTIAL_WANTED && topic_sends_parts(t, slot)) ||
                               (t->partial & TOPIC_PARTIAL_ABLE && topic_wants_parts(t, slot)));
}

int gossipsub_partial_publish(struct gossipsub *g, uint64_t now_ns, struct slice topic, struct slice group,
                              uint32_t group_ttl, partial_tell_fn *tell, void *ctx)
{
    struct topic *t;
    struct group *x;
    struct slotset peers = {0};

    if (topic.size > TOPIC_SIZE_MAX || group.size > PARTIAL_GROUP_SIZE_MAX)
        return ERR_INVALID;
    t = topic_get(&g->topics, topic);
    if (!t->joined)
        mesh_fanout(g, now_ns, t);
    x = find(g, t, group);
    if (!x)
        x = begin(g, t, group);
    x->foreign = false;
    x->initiator = TRACE_NO_PEER;
    x->ttl = group_ttl > PARTIAL_GROUP_TTL_MIN ? group_ttl : PARTIAL_GROUP_TTL_MIN;
    for (uint32_t slot = 0; slotset_next(t->joined ? &t->mesh : &t->fanout, &slot); slot++)
        if (takes_part(g, t, slot))
            slotset_add(&x->peers, slot);
    for (uint32_t slot = 0; slotset_next(&x->peers, &slot); slot++)
        slotset_add(&peers, slot); /* a copy: `tell` may begin other groups */
    for (uint32_t slot = 0; slotset_next(&peers, &slot); slot++)
        tell(ctx, slot, topic_wants_parts(t, slot));
    slotset_deinit(&peers);
    return ERR_OK;
}

bool gossipsub_partial_send(struct gossipsub *g, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p)
{
    struct topic *t = topic_find(&g->topics, p->topic);
    struct rpc_partial sent = *p;
    size_t size;
    struct buf b;
    bool queued;

    if (!t || !slotset_has(&g->added, peer) || !shares(g, peer))
        return false;
    if (!topic_wants_parts(t, peer))
        sent.message = slice_of(NULL, 0);
    size = rpc_partial_size(&sent);
    if ((!sent.message.size && !sent.metadata.size) || size > g->config.params.rpc_size_max)
        return false;
    buf_init(&b, size);
    rpc_append_partial(&b, &sent);
    queued = send_item(g, now_ns, peer, TRACE_CONTROL_PARTIAL, buf_slice(&b), 1, SEND_NORMAL);
    buf_deinit(&b);
    return queued;
}

static void receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct rpc_partial *p)
{
    struct topic *t = topic_find(&g->topics, p->topic);
    struct group *x;

    if (!t || !t->partial || p->group.size > PARTIAL_GROUP_SIZE_MAX)
        return;
    x = find(g, t, p->group);
    if (!x) {
        if (!has_room(g, t, slot))
            return;
        x = begin(g, t, p->group);
        x->foreign = true;
        x->initiator = slot;
    }
    slotset_add(&x->peers, slot);
    g->env.partial->incoming(g->env.partial->ctx, now_ns, slot, p);
}

void partial_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct rpc_partial p, last;
    bool any = false;

    if (!shares(g, slot) || !g->env.partial)
        return;
    while (rpc_next_partial(&w, &p)) { /* not a repeated field: the last one counts */
        last = p;
        any = true;
    }
    if (any)
        receive(g, now_ns, slot, &last);
}

void partial_forget(struct gossipsub *g, uint32_t slot)
{
    for (uint32_t i = 0; g->partial && i < g->partial->count; i++) {
        slotset_remove(&g->partial->items[i].peers, slot);
        if (g->partial->items[i].initiator == slot)
            g->partial->items[i].initiator = TRACE_NO_PEER; /* it counts for nobody any more */
    }
}

void partial_heartbeat(struct gossipsub *g)
{
    struct partial *p = g->partial;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        if (p->items[i].ttl == 0 || slotset_empty(&p->items[i].peers)) {
            group_deinit(&p->items[i]);
            continue;
        }
        p->items[i].ttl--;
        p->items[kept++] = p->items[i];
    }
    p->count = kept;
    if (kept == 0)
        partial_deinit(g);
}

uint32_t partial_split(const struct gossipsub *g, const struct topic *t, uint32_t *slots, uint32_t count)
{
    uint32_t parts = 0;

    for (uint32_t i = 0; i < count && t->partial & TOPIC_PARTIAL_ABLE; i++) {
        uint32_t slot = slots[i];

        if (!topic_wants_parts(t, slot) || !shares(g, slot))
            continue;
        slots[i] = slots[parts];
        slots[parts++] = slot;
    }
    return parts;
}

void partial_gossip(struct gossipsub *g, uint64_t now_ns, const struct topic *t, const uint32_t *slots, uint32_t count)
{
    uint32_t *fresh = mem_grow(NULL, count + 1u, sizeof *fresh);

    for (uint32_t i = 0; g->partial && g->env.partial && i < g->partial->count; i++) {
        struct group *x = &g->partial->items[i];
        uint32_t fresh_count = 0;

        if (x->topic != t || x->foreign)
            continue;
        for (uint32_t k = 0; k < count; k++)
            if (slotset_add(&x->peers, slots[k]))
                fresh[fresh_count++] = slots[k];
        if (fresh_count)
            g->env.partial->gossip(g->env.partial->ctx, now_ns, topic_name(t), slice_of(x->id, x->id_size), fresh,
                                   fresh_count);
    }
    mem_free(fresh);
}

uint32_t gossipsub_partial_groups(const struct gossipsub *g, struct slice topic)
{
    uint32_t count = 0;

    for (uint32_t i = 0; g->partial && i < g->partial->count; i++)
        count += slice_equal(topic_name(g->partial->items[i].topic), topic);
    return count;
}

bool gossipsub_partial_wants(const struct gossipsub *g, uint32_t peer, struct slice topic)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found && shares(g, peer) && topic_wants_parts((const struct topic *)(uintptr_t)*found, peer);
}

bool gossipsub_partial_offers(const struct gossipsub *g, struct slice topic)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found && ((const struct topic *)(uintptr_t)*found)->partial & TOPIC_PARTIAL_ABLE;
}
