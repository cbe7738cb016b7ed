/* Peers: slots, their streams, the topics they are subscribed to, and our announcements to them. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/wire/pb.h"

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

bool peer_is_new_in_heartbeat(const struct gossipsub *g, struct peer *p)
{
    if (p->heartbeat == g->heartbeat)
        return false;
    p->heartbeat = g->heartbeat;
    p->ihave_rpcs = p->ihave_asked = p->control_rpcs = 0;
    return true;
}

static bool key_is_direct(const struct gossipsub *g, uint64_t key)
{
    for (uint32_t i = 0; i < g->direct_count; i++)
        if (g->directs[i].key == key)
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
        struct validation *v = validation_at(g, i);

        if (v->received_from == slot) /* the slot may soon be another peer's */
            v->received_from = TRACE_NO_PEER;
    }
    CHECK(g->peers[slot].subscriptions == 0);
    g->peers[slot] = (struct peer){0};
}

static void append_subscription(const struct gossipsub *g, struct buf *b, const struct topic *t)
{
    struct rpc_subscription s = {.subscribe = t->joined, .topic = topic_name(t)};

    if (!(g->config.extensions & GOSSIPSUB_EXTENSION_PARTIAL)) {
        rpc_append_subscription(b, s.subscribe, s.topic);
        return;
    }
    s.wants_partial = t->joined && t->partial & TOPIC_PARTIAL_WANTED;
    s.sends_partial = t->joined && t->partial & TOPIC_PARTIAL_ABLE;
    rpc_append_subscription_partial(b, &s);
}

/* Our extensions, in an RPC that must be the first one of its stream. */
static void declare_extensions(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    struct buf item, field;

    buf_init(&item, 32);
    buf_init(&field, 32);
    rpc_append_extensions(&item, g->config.extensions);
    pb_append_bytes(&field, RPC_FIELD_CONTROL, buf_slice(&item));
    send_item(g, now_ns, slot, TRACE_CONTROL_EXTENSIONS, buf_slice(&field), 1, SEND_FORCED);
    buf_deinit(&item);
    buf_deinit(&field);
}

/* The hello: all our subscriptions, before anything else; several RPCs when they are too many for
 * one. */
static void say_hello(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    uint32_t position = 0, count = 0, size_max = g->config.params.rpc_size_max;
    struct topic *t;
    struct buf b;

    if (g->config.extensions && g->peers[slot].version >= GOSSIPSUB_V13)
        declare_extensions(g, now_ns, slot);
    buf_init(&b, (size_t)size_max + TOPIC_SIZE_MAX + 16);
    while (topic_next(&g->topics, &position, &t)) {
        size_t before = b.size;

        if (!t->joined)
            continue;
        append_subscription(g, &b, t);
        if (b.size > size_max) {
            send_subscriptions(g, now_ns, slot, slice_of(b.data, before), count, true);
            buf_clear(&b);
            count = 0;
            append_subscription(g, &b, t);
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
    if (version == GOSSIPSUB_FLOODSUB)
        slotset_add(&g->floodsub, peer);
    if (version >= GOSSIPSUB_V12 && slotset_add(&g->idontwant, peer))
        idontwant_peers_changed(g);
    if (g->watched)
        watch_peer_added(g, peer);
    say_hello(g, now_ns, peer);
    if (g->config.extensions && version >= GOSSIPSUB_V13)
        extensions_said(g, now_ns, peer);
}

void gossipsub_peer_remove(struct gossipsub *g, uint64_t now_ns, uint32_t peer)
{
    struct peer *p = peer_at(g, peer);
    uint32_t kept = 0;

    if (!p || !p->added)
        return;
    if (g->watched)
        watch_peer_removed(g, now_ns, peer);
    mesh_drop(g, now_ns, peer);
    idontwant_forget(g, peer);
    partial_forget(g, peer);
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
    slotset_remove(&g->floodsub, peer);
    if (slotset_remove(&g->idontwant, peer))
        idontwant_peers_changed(g);
    p->added = false;
    p->extensions &= (uint8_t)~PEER_EXTENSIONS_SAID; /* what is shared is agreed on anew */
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
        topic_note_partial(t, peer, false, false);
        if (slotset_remove(&t->peers, peer)) {
            p->subscriptions--;
            topic_release(t);
        }
    }
    p->inbound = false;
    p->extensions &= PEER_EXTENSIONS_SAID; /* the next stream declares them anew */
    if (!p->added)
        forget(g, now_ns, peer);
}

void gossipsub_peer_direct(struct gossipsub *g, const struct peerid *id)
{
    uint64_t key = peer_key_of(g, peerid_slice(id));

    if (key_is_direct(g, key))
        return;
    g->directs = mem_grow(g->directs, g->direct_count + 1, sizeof *g->directs);
    g->directs[g->direct_count++] = (struct direct_peer){*id, key};
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
        if (peer_at(g, slot) && g->peers[slot].key == key)
            slotset_add(&g->direct, slot); /* out of the meshes at the next heartbeat */
}

void gossipsub_blacklist(struct gossipsub *g, const struct peerid *id)
{
    g->blacklist = mem_grow(g->blacklist, g->blacklist_count + 1, sizeof *g->blacklist);
    g->blacklist[g->blacklist_count++] = peer_key_of(g, peerid_slice(id));
}

void gossipsub_peer_undirect(struct gossipsub *g, const struct peerid *id)
{
    uint64_t key = peer_key_of(g, peerid_slice(id));
    uint32_t kept = 0;

    for (uint32_t i = 0; i < g->direct_count; i++)
        if (g->directs[i].key != key)
            g->directs[kept++] = g->directs[i];
    g->direct_count = kept;
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
        if (peer_at(g, slot) && g->peers[slot].key == key)
            slotset_remove(&g->direct, slot);
}

void peer_connect_directs(struct gossipsub *g)
{
    g->direct_at_ns = TIME_NEVER;
    for (uint32_t i = 0; g->env.connect && i < g->direct_count; i++)
        if (!peer_known(g, g->directs[i].key))
            g->env.connect(g->env.ctx, &g->directs[i].id);
}

static void subscribe(struct gossipsub *g, uint32_t slot, const struct rpc_subscription *s)
{
    struct peer *p = peer_at(g, slot);
    struct slice name = s->topic;
    struct topic *t = topic_find(&g->topics, name);
    bool known = t && slotset_has(&t->peers, slot);

    if (!known && p->subscriptions >= g->config.params.subscriptions_max)
        return;
    t = topic_get(&g->topics, name);
    if (g->config.extensions & GOSSIPSUB_EXTENSION_PARTIAL)
        topic_note_partial(t, slot, s->wants_partial, s->wants_partial || s->sends_partial); /* who wants can send */
    if (!slotset_add(&t->peers, slot))
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
    topic_note_partial(t, slot, false, false);
    peer_at(g, slot)->subscriptions--;
    topic_release(t);
    if (g->env.peer_topic)
        g->env.peer_topic(g->env.ctx, slot, name, false);
}

static void apply(struct gossipsub *g, uint32_t slot, const struct rpc_subscription *s)
{
    if (s->topic.size > TOPIC_SIZE_MAX)
        return;
    if (s->subscribe)
        subscribe(g, slot, s);
    else
        unsubscribe(g, slot, s->topic);
}

/* go's filter: only the topics of the list; opposites in one RPC cancel each other. */
static void apply_allowed(struct gossipsub *g, uint32_t slot, struct slice rpc)
{
    for (uint32_t i = 0; i < g->config.topics_allowed_count; i++) {
        struct rpc_walk w = rpc_walk_of(rpc);
        struct rpc_subscription s, kept;
        bool keeps = false;

        while (rpc_next_subscription(&w, &s)) {
            if (!slice_equal(s.topic, slice_text(g->config.topics_allowed[i])))
                continue;
            if (!keeps)
                kept = s;
            keeps = !keeps || kept.subscribe == s.subscribe;
        }
        if (keeps)
            apply(g, slot, &kept);
    }
}

bool peer_subscriptions(struct gossipsub *g, uint32_t slot, struct slice rpc, uint32_t count)
{
    uint32_t most = g->config.params.subscriptions_per_rpc_max;
    struct rpc_walk w = rpc_walk_of(rpc);
    struct rpc_subscription s;

    if (most && count > most)
        return false;
    if (g->config.topics_allowed)
        apply_allowed(g, slot, rpc);
    else
        while (rpc_next_subscription(&w, &s))
            apply(g, slot, &s);
    return true;
}

/* Tells one peer whether we are in the topic; false when its queue is full. */
static bool announce_to(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct topic *t)
{
    struct buf b;
    bool sent;

    buf_init(&b, TOPIC_SIZE_MAX + 16);
    append_subscription(g, &b, t);
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
