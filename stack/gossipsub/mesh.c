/* Meshes and fanouts: who is in them, GRAFT and PRUNE, and the heartbeat that keeps their size
 * between D_lo and D_hi (gossipsub v1.0 and v1.1, in the order of go-libp2p-pubsub's heartbeat).
 *
 * Candidates are collected in slot order and then shuffled, so that a choice depends on the
 * router's seed only. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define SECOND_NS 1000000000ull
#define BACKOFF_CLEAR_TICKS 15           /* heartbeats between two sweeps of the backoffs */
#define BACKOFF_SLACK_NS (2 * SECOND_NS) /* how long an expired one is kept */
#define BACKOFF_S_MAX 86400              /* what we believe of a peer's PRUNE */

static void enter(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    CHECK(t->joined);
    if (slotset_add(&t->mesh, slot))
        router_trace_topic(g, now_ns, TRACE_GRAFT, slot, t);
}

static void leave(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    if (slotset_remove(&t->mesh, slot))
        router_trace_topic(g, now_ns, TRACE_PRUNE, slot, t);
}

static void graft(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    enter(g, now_ns, t, slot);
    send_graft(g, slot, t);
}

static void back_off(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot,
                     uint64_t backoff_ns)
{
    topic_backoff_add(t, peer_at(g, slot)->key, now_ns + backoff_ns);
}

static void prune(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot,
                  uint64_t backoff_ns)
{
    leave(g, now_ns, t, slot);
    back_off(g, now_ns, t, slot, backoff_ns);
    send_prune(g, slot, t, backoff_ns);
}

/* Peers of the topic that we may send to and that are in neither `except` nor the direct set; the
 * caller frees the list. With `in`, only its members. NULL when there are none. */
static uint32_t *candidates(const struct gossipsub *g, const struct topic *t,
                            const struct slotset *except, const struct slotset *in, uint32_t *count)
{
    uint32_t *slots = NULL;

    *count = 0;
    for (uint32_t slot = 0; slotset_next(&t->peers, &slot); slot++) {
        if (!slotset_has(&g->added, slot) || slotset_has(except, slot) ||
            slotset_has(&g->direct, slot) || (in && !slotset_has(in, slot)))
            continue;
        if (!slots)
            slots = mem_grow(NULL, slotset_count(&t->peers), sizeof *slots);
        slots[(*count)++] = slot;
    }
    return slots;
}

/* Drops those that the topic's backoffs name. An expired backoff counts until it is swept, as in
 * go: we graft a peer again only some time after it would accept it. */
static uint32_t without_backoff(const struct gossipsub *g, const struct topic *t, uint32_t *slots,
                                uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (topic_backoff(t, peer_at(g, slots[i])->key) == 0)
            slots[kept++] = slots[i];
    return kept;
}

static void graft_some(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t want,
                       const struct slotset *in)
{
    uint32_t count, *slots = candidates(g, t, &t->mesh, in, &count);

    count = without_backoff(g, t, slots, count);
    count = router_choose(&g->rng_mesh, slots, count, want);
    for (uint32_t i = 0; i < count; i++)
        graft(g, now_ns, t, slots[i]);
    mem_free(slots);
}

static void fill_fanout(struct gossipsub *g, struct topic *t)
{
    uint32_t size = slotset_count(&t->fanout), count, *slots;

    CHECK(t->has_fanout);
    if (size >= g->config.params.d)
        return;
    slots = candidates(g, t, &t->fanout, NULL, &count);
    count = router_choose(&g->rng_fanout, slots, count, g->config.params.d - size);
    for (uint32_t i = 0; i < count; i++)
        slotset_add(&t->fanout, slots[i]);
    mem_free(slots);
}

void mesh_fanout(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    t->fanout_published_ns = now_ns;
    t->has_fanout = true;
    if (slotset_empty(&t->fanout))
        fill_fanout(g, t);
}

static void drop_fanout(struct topic *t)
{
    slotset_deinit(&t->fanout);
    t->has_fanout = false;
}

void mesh_join(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    uint32_t size;

    CHECK(t->joined && slotset_empty(&t->mesh));
    for (uint32_t slot = 0; slotset_next(&t->fanout, &slot); slot++)
        if (topic_backoff(t, peer_at(g, slot)->key) == 0)
            graft(g, now_ns, t, slot);
    drop_fanout(t);
    size = slotset_count(&t->mesh);
    if (size < g->config.params.d)
        graft_some(g, now_ns, t, g->config.params.d - size, NULL);
    send_flush_all(g, now_ns);
}

void mesh_leave(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    for (uint32_t slot = 0; slotset_next(&t->mesh, &slot); slot++)
        prune(g, now_ns, t, slot, g->config.params.unsubscribe_backoff_ns);
    slotset_deinit(&t->mesh);
    send_flush_all(g, now_ns);
}

void mesh_drop(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    uint32_t position = 0;
    struct topic *t;

    while (topic_next(&g->topics, &position, &t)) {
        leave(g, now_ns, t, slot);
        slotset_remove(&t->fanout, slot);
    }
}

/* Whether a GRAFT of the peer is refused; then the peer is told so by a PRUNE. */
static bool refuses(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    const struct gossipsub_params *p = &g->config.params;

    if (slotset_has(&g->direct, slot))
        return true;
    if (now_ns < topic_backoff(t, peer_at(g, slot)->key) ||
        (slotset_count(&t->mesh) >= p->d_hi && !slotset_has(&g->outbound, slot))) {
        back_off(g, now_ns, t, slot, p->prune_backoff_ns);
        return true;
    }
    return false;
}

static void receive_graft(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice item)
{
    struct topic *t = topic_find(&g->topics, rpc_item_topic(item));

    if (!t || !t->joined || slotset_has(&t->mesh, slot))
        return; /* an unknown topic gets no answer: nobody can make us keep state for it */
    if (refuses(g, now_ns, t, slot))
        send_prune(g, slot, t, g->config.params.prune_backoff_ns);
    else
        enter(g, now_ns, t, slot);
}

/* Tells the owner of a random prune_peers of the peers in a PRUNE, but of none that is connected.
 */
static void exchange(struct gossipsub *g, struct slice item)
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

static void receive_prune(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice item)
{
    struct topic *t = topic_find(&g->topics, rpc_item_topic(item));
    uint64_t backoff_s = rpc_prune_backoff_s(item);

    if (!t || !t->joined)
        return;
    leave(g, now_ns, t, slot);
    if (backoff_s > BACKOFF_S_MAX)
        backoff_s = BACKOFF_S_MAX;
    back_off(g, now_ns, t, slot,
             backoff_s ? backoff_s * SECOND_NS : g->config.params.prune_backoff_ns);
    exchange(g, item);
}

void mesh_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct slice item;

    while (rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item))
        receive_graft(g, now_ns, slot, item);
    w = rpc_walk_of(rpc);
    while (rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item))
        receive_prune(g, now_ns, slot, item);
}

/* Moves the item at `from` to the front, the ones before it one place back. */
static void bring_forward(uint32_t *slots, uint32_t from)
{
    uint32_t slot = slots[from];

    memmove(slots + 1, slots, from * sizeof *slots);
    slots[0] = slot;
}

/* Orders the mesh so that its first D are the ones to keep: shuffled, then with at least D_out
 * outbound peers among them as far as the mesh has as many. */
static void rank(struct gossipsub *g, uint32_t *slots, uint32_t count)
{
    const struct gossipsub_params *p = &g->config.params;
    uint32_t outbound = 0;

    rng_shuffle_u32(&g->rng_mesh, slots, count);
    for (uint32_t i = 0; i < p->d; i++)
        outbound += slotset_has(&g->outbound, slots[i]);
    if (outbound >= p->d_out)
        return;
    for (uint32_t i = 1, left = outbound; i < p->d && left > 0; i++) {
        if (!slotset_has(&g->outbound, slots[i]))
            continue;
        bring_forward(slots, i);
        left--;
    }
    for (uint32_t i = p->d; i < count && outbound < p->d_out; i++) {
        if (!slotset_has(&g->outbound, slots[i]))
            continue;
        bring_forward(slots, i);
        outbound++;
    }
}

static void shrink(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    uint32_t count = 0, *slots = mem_grow(NULL, slotset_count(&t->mesh), sizeof *slots);

    for (uint32_t slot = 0; slotset_next(&t->mesh, &slot); slot++)
        slots[count++] = slot;
    if (count > g->config.params.d)
        rank(g, slots, count);
    for (uint32_t i = g->config.params.d; i < count; i++)
        prune(g, now_ns, t, slots[i], g->config.params.prune_backoff_ns);
    mem_free(slots);
}

static uint32_t outbound_count(const struct gossipsub *g, const struct topic *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->mesh.words; i++)
        count += (uint32_t)__builtin_popcountll(slotset_word(&t->mesh, i) &
                                                slotset_word(&g->outbound, i));
    return count;
}

static void maintain(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    const struct gossipsub_params *p = &g->config.params;
    uint32_t size;

    for (uint32_t slot = 0; slotset_next(&g->direct, &slot); slot++)
        if (slotset_has(&t->mesh, slot)) /* it became a direct peer since */
            prune(g, now_ns, t, slot, p->prune_backoff_ns);
    size = slotset_count(&t->mesh);
    if (size < p->d_lo)
        graft_some(g, now_ns, t, p->d - size, NULL);
    size = slotset_count(&t->mesh);
    if (size >= p->d_hi && size > p->d)
        shrink(g, now_ns, t);
    if (slotset_count(&t->mesh) >= p->d_lo) {
        uint32_t outbound = outbound_count(g, t);

        if (outbound < p->d_out)
            graft_some(g, now_ns, t, p->d_out - outbound, &g->outbound);
    }
    gossip_emit(g, t, &t->mesh);
}

static void maintain_fanout(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    if (now_ns - t->fanout_published_ns > g->config.params.fanout_ttl_ns) {
        drop_fanout(t);
        topic_release(t);
        return;
    }
    for (uint32_t slot = 0; slotset_next(&t->fanout, &slot); slot++)
        if (!slotset_has(&t->peers, slot) || slotset_has(&g->direct, slot))
            slotset_remove(&t->fanout, slot);
    fill_fanout(g, t);
    gossip_emit(g, t, &t->fanout);
}

static void clear_backoffs(struct gossipsub *g, uint64_t now_ns)
{
    uint32_t position = 0;
    struct topic *t;

    while (topic_next(&g->topics, &position, &t)) {
        if (t->backoff_count == 0)
            continue;
        topic_backoff_clear(t, now_ns < BACKOFF_SLACK_NS ? 0 : now_ns - BACKOFF_SLACK_NS);
        topic_release(t);
    }
}

void mesh_heartbeat(struct gossipsub *g, uint64_t now_ns)
{
    uint32_t position = 0;
    struct topic *t;

    g->heartbeat++;
    if (g->heartbeat % BACKOFF_CLEAR_TICKS == 0)
        clear_backoffs(g, now_ns);
    gossip_begin(g);
    while (topic_next(&g->topics, &position, &t))
        if (t->joined)
            maintain(g, now_ns, t);
    for (position = 0; topic_next(&g->topics, &position, &t);)
        if (t->has_fanout)
            maintain_fanout(g, now_ns, t);
    gossip_end(g);
    send_flush_all(g, now_ns);
    mcache_shift(&g->mcache);
    memo_clear(&g->memo);
    seen_sweep(&g->seen, now_ns);
}
