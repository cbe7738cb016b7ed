/* The heartbeat: keeps the size of meshes between D_lo and D_hi and the good peers in them, gossips, forgets (gossipsub v1.0 and
 * v1.1, in the order of go-libp2p-pubsub's heartbeat). */
#include "stack/gossipsub/router.h"

#include "stack/base/mem.h"

#define SECOND_NS 1000000000ull
#define BACKOFF_CLEAR_TICKS 15           /* heartbeats between two sweeps of the backoffs */
#define BACKOFF_SLACK_NS (2 * SECOND_NS) /* how long an expired one is kept */

/* Moves the item at `from` to the front, the ones before it one place back. */
static void bring_forward(uint32_t *slots, uint32_t from)
{
    uint32_t slot = slots[from];

    memmove(slots + 1, slots, from * sizeof *slots);
    slots[0] = slot;
}

/* By score, the best first; among equals the order stays. */
static void sort_by_score(const struct gossipsub *g, uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t slot = slots[i], at = i;
        double score = watch_score(g, slot);

        for (; at > 0 && watch_score(g, slots[at - 1]) < score; at--)
            slots[at] = slots[at - 1];
        slots[at] = slot;
    }
}

/* Orders the mesh so that its first D are the ones to keep: the D_score best ones, then shuffled, then with at least D_out
 * outbound peers among them as far as the mesh has as many. */
static void rank(struct gossipsub *g, uint32_t *slots, uint32_t count)
{
    const struct gossipsub_params *p = &g->config.params;
    uint32_t outbound = 0;

    rng_shuffle_u32(&g->rng_mesh, slots, count);
    if (g->score) {
        sort_by_score(g, slots, count);
        if (count > p->d_score)
            rng_shuffle_u32(&g->rng_mesh, slots + p->d_score, count - p->d_score);
    }
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
        mesh_prune(g, now_ns, t, slots[i], g->config.params.prune_backoff_ns, true);
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

/* Peers that may not be in the mesh any more: with a score below 0, or direct ones since. */
static void drop_unfit(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    uint64_t backoff_ns = g->config.params.prune_backoff_ns;

    for (uint32_t slot = 0; g->score && slotset_next(&t->mesh, &slot); slot++)
        if (watch_score(g, slot) < 0)
            mesh_prune(g, now_ns, t, slot, backoff_ns, false);
    for (uint32_t slot = 0; slotset_next(&g->direct, &slot); slot++)
        if (slotset_has(&t->mesh, slot))
            mesh_prune(g, now_ns, t, slot, backoff_ns, false);
}

/* Where the median of the mesh is poor, a few peers above it are brought in. */
static void graft_opportunistically(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    const struct gossipsub_params *p = &g->config.params;
    uint32_t size = slotset_count(&t->mesh), count = 0, *slots;
    double median;

    if (!g->score || g->heartbeat % p->opportunistic_graft_ticks != 0 || size <= 1)
        return;
    slots = mem_grow(NULL, size, sizeof *slots);
    for (uint32_t slot = 0; slotset_next(&t->mesh, &slot); slot++)
        slots[count++] = slot;
    sort_by_score(g, slots, count);
    median = watch_score(g, slots[count - 1 - count / 2]); /* the one at count / 2 from below */
    mem_free(slots);
    if (median < g->config.score->opportunistic_graft_threshold)
        mesh_graft_some(g, now_ns, t, p->opportunistic_graft_peers,
                        &(struct choice){.except = &t->mesh, .least = median, .above = true});
}

static void maintain(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    const struct gossipsub_params *p = &g->config.params;
    uint32_t size;

    drop_unfit(g, now_ns, t);
    size = slotset_count(&t->mesh);
    if (size < p->d_lo)
        mesh_graft_some(g, now_ns, t, p->d - size, &(struct choice){.except = &t->mesh});
    size = slotset_count(&t->mesh);
    if (size >= p->d_hi && size > p->d)
        shrink(g, now_ns, t);
    if (slotset_count(&t->mesh) >= p->d_lo) {
        uint32_t outbound = outbound_count(g, t);

        if (outbound < p->d_out)
            mesh_graft_some(g, now_ns, t, p->d_out - outbound,
                            &(struct choice){.except = &t->mesh, .in = &g->outbound});
    }
    graft_opportunistically(g, now_ns, t);
    gossip_emit(g, now_ns, t, &t->mesh);
}

static void maintain_fanout(struct gossipsub *g, uint64_t now_ns, struct topic *t)
{
    if (now_ns - t->fanout_published_ns > g->config.params.fanout_ttl_ns) {
        mesh_drop_fanout(t);
        topic_release(t);
        return;
    }
    for (uint32_t slot = 0; slotset_next(&t->fanout, &slot); slot++)
        if (!slotset_has(&t->peers, slot) || slotset_has(&g->direct, slot) ||
            (g->score && watch_score(g, slot) < g->config.score->publish_threshold))
            slotset_remove(&t->fanout, slot);
    mesh_fill_fanout(g, t);
    gossip_emit(g, now_ns, t, &t->fanout);
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

void heartbeat_run(struct gossipsub *g, uint64_t now_ns)
{
    uint32_t position = 0;
    struct topic *t;

    g->heartbeat++;
    if (g->heartbeat % BACKOFF_CLEAR_TICKS == 0)
        clear_backoffs(g, now_ns);
    if (g->unwanted_capacity)
        idontwant_heartbeat(g);
    if (g->watched)
        watch_heartbeat_begin(g, now_ns);
    if (g->direct_count && g->heartbeat % g->config.params.direct_connect_ticks == 0)
        peer_connect_directs(g);
    gossip_begin(g);
    while (topic_next(&g->topics, &position, &t))
        if (t->joined)
            maintain(g, now_ns, t);
    for (position = 0; topic_next(&g->topics, &position, &t);)
        if (t->has_fanout)
            maintain_fanout(g, now_ns, t);
    gossip_end(g);
    if (g->watched)
        watch_heartbeat_end(g);
    send_flush_all(g, now_ns);
    mcache_shift(&g->mcache);
    if (g->partial)
        partial_heartbeat(g);
    memo_clear(&g->memo);
    seen_sweep(&g->seen, now_ns);
}
