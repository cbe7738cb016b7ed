/* Peers: slots, their streams, the topics they are subscribed to, and our announcements to them. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define ANNOUNCE_RETRY_MS_MAX 1000
#define MS_NS 1000000ull

struct peer *peer_at(const struct gossipsub *g, uint32_t slot)
{
    struct peer *p;

    if (slot >= g->peer_capacity)
        return NULL;
    p = &g->peers[slot];
    return p->added || p->inbound ? p : NULL;
}

uint64_t peer_key_of(const struct gossipsub *g, struct slice id)
{
    uint8_t hash[SIPHASH128_SIZE];

    siphash128(hash, g->hash_key, id);
    return load_be64(hash);
}

bool peer_known(const struct gossipsub *g, uint64_t key)
{
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++) {
        const struct peer *p = peer_at(g, slot);

        if (p && p->key == key)
            return true;
    }
    return false;
}

static bool key_is_direct(const struct gossipsub *g, uint64_t key)
{
    for (uint32_t i = 0; i < g->direct_count; i++)
        if (g->direct_keys[i] == key)
            return true;
    return false;
}

/* Makes room for the slot; new places are zeroed. */
static void make_slot(struct gossipsub *g, uint32_t slot)
{
    uint32_t capacity = g->peer_capacity + g->peer_capacity / 4 + 4;

    if (slot < g->peer_capacity)
        return;
    if (capacity <= slot)
        capacity = slot + 1;
    g->peers = mem_grow(g->peers, capacity, sizeof *g->peers);
    memset(g->peers + g->peer_capacity, 0, (capacity - g->peer_capacity) * sizeof *g->peers);
    g->peer_capacity = capacity;
}

struct peer *peer_open(struct gossipsub *g, uint32_t slot, const struct peerid *id)
{
    struct peer *p = peer_at(g, slot);

    if (p)
        return p;
    CHECK(slot != TRACE_NO_PEER);
    make_slot(g, slot);
    p = &g->peers[slot];
    *p = (struct peer){.key = peer_key_of(g, peerid_slice(id)), .heartbeat = g->heartbeat};
    if (key_is_direct(g, p->key))
        slotset_add(&g->direct, slot);
    return p;
}

/* Nothing is left of the peer: neither stream is there any more. */
static void forget(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    mesh_drop(g, now_ns, slot);
    send_forget(g, slot);
    slotset_remove(&g->direct, slot);
    for (uint32_t i = 0; i < g->validation_count; i++) {
        struct validation *v = router_validation(g, i);

        if (v->received_from == slot) /* the slot may soon be another peer's */
            v->received_from = TRACE_NO_PEER;
    }
    CHECK(g->peers[slot].subscriptions == 0);
    g->peers[slot] = (struct peer){0};
}

/* The hello: all our subscriptions, before anything else; several RPCs when they are too many for
 * one. */
static void say_hello(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    uint32_t position = 0, count = 0, size_max = g->config.params.rpc_size_max;
    struct topic *t;
    struct buf b;

    buf_init(&b, (size_t)size_max + TOPIC_SIZE_MAX + 16);
    while (topic_next(&g->topics, &position, &t)) {
        size_t before = b.size;

        if (!t->joined)
            continue;
        rpc_append_subscription(&b, true, topic_name(t));
        if (b.size > size_max) {
            send_subscriptions(g, now_ns, slot, slice_of(b.data, before), count, true);
            buf_clear(&b);
            count = 0;
            rpc_append_subscription(&b, true, topic_name(t));
        }
        count++;
    }
    if (count)
        send_subscriptions(g, now_ns, slot, buf_slice(&b), count, true);
    buf_deinit(&b);
}

void gossipsub_peer_add(struct gossipsub *g, uint64_t now_ns, uint32_t peer,
                        const struct peerid *id, enum gossipsub_version version, bool dialled)
{
    struct peer *p = peer_open(g, peer, id);

    CHECK(!p->added && p->out.count == 0);
    CHECK(version < GOSSIPSUB_VERSION_COUNT);
    p->added = true;
    p->version = (uint8_t)version;
    slotset_add(&g->added, peer);
    if (dialled)
        slotset_add(&g->outbound, peer);
    say_hello(g, now_ns, peer);
}

void gossipsub_peer_remove(struct gossipsub *g, uint64_t now_ns, uint32_t peer)
{
    struct peer *p = peer_at(g, peer);
    uint32_t kept = 0;

    if (!p || !p->added)
        return;
    mesh_drop(g, now_ns, peer);
    send_forget(g, peer);
    for (uint32_t i = 0; i < g->announce_count; i++) {
        if (g->announces[i].peer == peer)
            topic_unpin(g->announces[i].topic);
        else
            g->announces[kept++] = g->announces[i];
    }
    g->announce_count = kept;
    slotset_remove(&g->added, peer);
    slotset_remove(&g->outbound, peer);
    p->added = false;
    if (!p->inbound)
        forget(g, now_ns, peer);
}

void gossipsub_inbound_closed(struct gossipsub *g, uint64_t now_ns, uint32_t peer)
{
    struct peer *p = peer_at(g, peer);
    uint32_t position = 0;
    struct topic *t;

    if (!p || !p->inbound)
        return;
    while (p->subscriptions && topic_next(&g->topics, &position, &t)) {
        if (slotset_remove(&t->peers, peer)) {
            p->subscriptions--;
            topic_release(t);
        }
    }
    p->inbound = false;
    if (!p->added)
        forget(g, now_ns, peer);
}

void gossipsub_peer_direct(struct gossipsub *g, const struct peerid *id)
{
    uint64_t key = peer_key_of(g, peerid_slice(id));

    if (key_is_direct(g, key))
        return;
    g->direct_keys = mem_grow(g->direct_keys, g->direct_count + 1, sizeof *g->direct_keys);
    g->direct_keys[g->direct_count++] = key;
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
        if (peer_at(g, slot) && g->peers[slot].key == key)
            slotset_add(&g->direct, slot); /* out of the meshes at the next heartbeat */
}

static void subscribe(struct gossipsub *g, uint32_t slot, struct slice name)
{
    struct peer *p = peer_at(g, slot);

    if (p->subscriptions >= g->config.params.subscriptions_max)
        return;
    if (!slotset_add(&topic_get(&g->topics, name)->peers, slot))
        return;
    p->subscriptions++;
    if (g->env.peer_topic)
        g->env.peer_topic(g->env.ctx, slot, name, true);
}

static void unsubscribe(struct gossipsub *g, uint32_t slot, struct slice name)
{
    struct topic *t = topic_find(&g->topics, name);

    if (!t || !slotset_remove(&t->peers, slot))
        return;
    peer_at(g, slot)->subscriptions--;
    topic_release(t);
    if (g->env.peer_topic)
        g->env.peer_topic(g->env.ctx, slot, name, false);
}

void peer_subscriptions(struct gossipsub *g, uint32_t slot, struct slice rpc)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct rpc_subscription s;

    while (rpc_next_subscription(&w, &s)) {
        if (s.topic.size > TOPIC_SIZE_MAX)
            continue;
        if (s.subscribe)
            subscribe(g, slot, s.topic);
        else
            unsubscribe(g, slot, s.topic);
    }
}

/* Tells one peer whether we are in the topic; false when its queue is full. */
static bool announce_to(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct topic *t)
{
    struct buf b;
    bool sent;

    buf_init(&b, TOPIC_SIZE_MAX + 16);
    rpc_append_subscription(&b, t->joined, topic_name(t));
    sent = send_subscriptions(g, now_ns, slot, buf_slice(&b), 1, false);
    buf_deinit(&b);
    return sent;
}

static uint64_t retry_at(struct gossipsub *g, uint64_t now_ns)
{
    return now_ns + (1 + rng_below(&g->rng_announce, ANNOUNCE_RETRY_MS_MAX)) * MS_NS;
}

static void retry_later(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct topic *t)
{
    for (uint32_t i = 0; i < g->announce_count; i++)
        if (g->announces[i].peer == slot && g->announces[i].topic == t)
            return; /* it will tell what is true by then */
    if (g->announce_count == g->announce_capacity) {
        g->announce_capacity = g->announce_capacity ? g->announce_capacity * 2 : 4;
        g->announces = mem_grow(g->announces, g->announce_capacity, sizeof *g->announces);
    }
    topic_pin(t);
    g->announces[g->announce_count++] = (struct announce){t, retry_at(g, now_ns), slot};
}

void peer_announce(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    for (uint32_t slot = 0; slotset_next(&g->added, &slot); slot++)
        if (!announce_to(g, now_ns, slot, t))
            retry_later(g, now_ns, slot, t);
}

void peer_announce_again(struct gossipsub *g, uint64_t now_ns)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < g->announce_count; i++) {
        struct announce *a = &g->announces[i];

        if (a->due_ns <= now_ns) {
            if (announce_to(g, now_ns, a->peer, a->topic)) {
                topic_unpin(a->topic);
                continue;
            }
            a->due_ns = retry_at(g, now_ns);
        }
        g->announces[kept++] = *a;
    }
    g->announce_count = kept;
    if (kept == 0) {
        mem_free(g->announces);
        g->announces = NULL;
        g->announce_capacity = 0;
    }
}

uint64_t peer_announce_deadline(const struct gossipsub *g)
{
    uint64_t deadline_ns = TIME_NEVER;

    for (uint32_t i = 0; i < g->announce_count; i++)
        if (g->announces[i].due_ns < deadline_ns)
            deadline_ns = g->announces[i].due_ns;
    return deadline_ns;
}
