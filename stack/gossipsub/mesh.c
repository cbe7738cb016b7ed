/* Meshes and fanouts: who is in them, GRAFT and PRUNE (gossipsub v1.0 and v1.1, as go-libp2p-pubsub has them).
 *
 * Candidates are collected in slot order and then shuffled, so that a choice depends on the
 * router's seed only. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define SECOND_NS 1000000000ull
#define BACKOFF_S_MAX 86400              /* what we believe of a peer's PRUNE */

static void enter(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    CHECK(t->joined);
    if (!slotset_add(&t->mesh, slot))
        return;
    if (g->watched)
        watch_graft(g, now_ns, slot, t);
    router_trace_topic(g, now_ns, TRACE_GRAFT, slot, t);
}

static void leave(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    if (slotset_remove(&t->mesh, slot))
        router_trace_topic(g, now_ns, TRACE_PRUNE, slot, t);
}

void mesh_graft(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot)
{
    enter(g, now_ns, t, slot);
    send_graft(g, slot, t);
}

static void back_off(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot,
                     uint64_t backoff_ns)
{
    topic_backoff_add(t, peer_at(g, slot)->key, now_ns + backoff_ns);
}

void mesh_prune(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot, uint64_t backoff_ns, bool tell)
{
    if (g->watched)
        watch_prune(g, slot, t);
    leave(g, now_ns, t, slot);
    back_off(g, now_ns, t, slot, backoff_ns);
    send_prune(g, slot, t, backoff_ns, tell && g->config.params.do_px);
}

static bool is_good_enough(const struct gossipsub *g, uint32_t slot, const struct choice *c)
{
    double score = watch_score(g, slot);

    return c->above ? score > c->least : score >= c->least;
}

static bool passes_filter(const struct gossipsub *g, uint32_t slot, const struct topic *t)
{
    return !g->env.peer_filter || g->env.peer_filter(g->env.ctx, slot, topic_name(t));
}

uint32_t *mesh_candidates(const struct gossipsub *g, const struct topic *t, const struct choice *c, uint32_t *count)
{
    uint32_t *slots = NULL;

    *count = 0;
    for (uint32_t slot = 0; slotset_next(&t->peers, &slot); slot++) {
        if (!slotset_has(&g->added, slot) || slotset_has(c->except, slot) || slotset_has(&g->direct, slot) ||
            slotset_has(&g->floodsub, slot) || (c->in && !slotset_has(c->in, slot)) || !passes_filter(g, slot, t))
            continue;
        if (g->score && !is_good_enough(g, slot, c))
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

void mesh_graft_some(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t want, const struct choice *c)
{
    uint32_t count, *slots = mesh_candidates(g, t, c, &count);

    count = without_backoff(g, t, slots, count);
    count = router_choose(&g->rng_mesh, slots, count, want);
    for (uint32_t i = 0; i < count; i++)
        mesh_graft(g, now_ns, t, slots[i]);
    mem_free(slots);
}

void mesh_fill_fanout(struct gossipsub *g, struct topic *t)
{
    const struct choice choice = {.except = &t->fanout,
                                  .least = g->score ? g->config.score->publish_threshold : 0};

    uint32_t size = slotset_count(&t->fanout), count, *slots;

    CHECK(t->has_fanout);
    if (size >= g->config.params.d)
        return;
    slots = mesh_candidates(g, t, &choice, &count);
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
        mesh_fill_fanout(g, t);
}

void mesh_drop_fanout(struct topic *t)
{
    slotset_deinit(&t->fanout);
    t->has_fanout = false;
}

void mesh_join(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    uint32_t size;

    CHECK(t->joined && slotset_empty(&t->mesh));
    for (uint32_t slot = 0; slotset_next(&t->fanout, &slot); slot++)
        if (topic_backoff(t, peer_at(g, slot)->key) == 0 && watch_allows(g, slot, 0))
            mesh_graft(g, now_ns, t, slot);
    mesh_drop_fanout(t);
    size = slotset_count(&t->mesh);
    if (size < g->config.params.d)
        mesh_graft_some(g, now_ns, t, g->config.params.d - size, &(struct choice){.except = &t->mesh});
    send_flush_all(g, now_ns);
}

void mesh_leave(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    for (uint32_t slot = 0; slotset_next(&t->mesh, &slot); slot++)
        mesh_prune(g, now_ns, t, slot, g->config.params.unsubscribe_backoff_ns, true);
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

/* The GRAFTs of one RPC. */
struct grafts {
    double score;           /* of the peer, before any of them */
    bool tell;              /* the PRUNEs in answer tell of other peers; one bad GRAFT stops that for all */
    struct topic **refused; /* these get a PRUNE */
    uint32_t refused_count;
};

/* GRAFTed before its backoff was over: the more so right after the PRUNE. */
static void penalise_graft(struct gossipsub *g, uint64_t now_ns, uint32_t slot, uint64_t expiry_ns)
{
    const struct gossipsub_params *p = &g->config.params;

    if (!g->watched)
        return;
    watch_penalty(g, slot, 1);
    if (now_ns + p->prune_backoff_ns < expiry_ns + p->graft_flood_threshold_ns)
        watch_penalty(g, slot, 1);
}

/* Whether a GRAFT of the peer is refused; then the peer is told so by a PRUNE. */
static bool refuses(struct gossipsub *g, uint64_t now_ns, struct topic *t, uint32_t slot, struct grafts *all)
{
    const struct gossipsub_params *p = &g->config.params;
    uint64_t expiry_ns = topic_backoff(t, peer_at(g, slot)->key);
    bool backing_off = now_ns < expiry_ns;

    if (slotset_has(&g->direct, slot)) {
        all->tell = false;
        return true;
    }
    if (backing_off)
        penalise_graft(g, now_ns, slot, expiry_ns);
    if (backing_off || all->score < 0)
        all->tell = false;
    else if (slotset_count(&t->mesh) < p->d_hi || slotset_has(&g->outbound, slot))
        return false;
    back_off(g, now_ns, t, slot, p->prune_backoff_ns);
    return true;
}

static void receive_graft(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice item, struct grafts *all)
{
    struct topic *t = topic_find(&g->topics, rpc_item_topic(item));

    if (t && !passes_filter(g, slot, t))
        return;
    if (!t || !t->joined) { /* no answer: nobody can make us keep state for it, or tell of our peers */
        all->tell = false;
        return;
    }
    if (slotset_has(&t->mesh, slot))
        return;
    if (!refuses(g, now_ns, t, slot, all)) {
        enter(g, now_ns, t, slot);
        return;
    }
    for (uint32_t i = 0; i < all->refused_count; i++)
        if (all->refused[i] == t)
            return;
    all->refused = mem_grow(all->refused, all->refused_count + 1, sizeof(struct topic *));
    all->refused[all->refused_count++] = t;
}

static void receive_prune(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice item, double score)
{
    struct topic *t = topic_find(&g->topics, rpc_item_topic(item));
    uint64_t backoff_s = rpc_prune_backoff_s(item);

    if (!t || !t->joined)
        return;
    if (g->watched)
        watch_prune(g, slot, t); /* in the mesh or not, as go does */
    leave(g, now_ns, t, slot);
    if (backoff_s > BACKOFF_S_MAX)
        backoff_s = BACKOFF_S_MAX;
    back_off(g, now_ns, t, slot,
             backoff_s ? backoff_s * SECOND_NS : g->config.params.prune_backoff_ns);
    if (!g->score || score >= g->config.score->accept_px_threshold)
        exchange_receive(g, item);
}

void mesh_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc)
{
    struct grafts grafts = {watch_score(g, slot), g->config.params.do_px, NULL, 0};
    struct rpc_walk w = rpc_walk_of(rpc);
    struct slice item;
    double score;

    while (rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item))
        receive_graft(g, now_ns, slot, item, &grafts);
    for (uint32_t i = 0; i < grafts.refused_count; i++)
        send_prune(g, slot, grafts.refused[i], g->config.params.prune_backoff_ns, grafts.tell);
    mem_free(grafts.refused);
    score = watch_score(g, slot);
    w = rpc_walk_of(rpc);
    while (rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item))
        receive_prune(g, now_ns, slot, item, score);
}
