/* What watches peers: scores, promises, the gater. The router tells it of every message and every change of a mesh, and asks
 * it whom to believe. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

void watch_init(struct gossipsub *g, uint64_t now_ns)
{
    const struct gossipsub_config *c = &g->config;
    char why[SCORE_TEXT_MAX];

    if (c->score) {
        CHECK(score_params_check(c->score, why));
        g->score = score_new(c->score, now_ns);
    }
    if (c->gater) {
        CHECK(gater_params_check(c->gater) == NULL);
        g->gater = gater_new(c->gater, now_ns, c->seed);
    }
    g->score_report_at_ns = c->score && c->score_report_ns ? now_ns + c->score_report_ns : TIME_NEVER;
    g->watched = c->score || c->gater || c->extensions;
}

void watch_deinit(struct gossipsub *g)
{
    score_free(g->score);
    gater_free(g->gater);
    promises_deinit(&g->promises);
    CHECK(!g->beat_scores);
}

double watch_score(const struct gossipsub *g, uint32_t slot)
{
    if (!g->score)
        return 0;
    if (g->beat_scores)
        return slot < g->peer_capacity ? g->beat_scores[slot] : 0;
    return score_of(g->score, slot);
}

static uint16_t topic_index(const struct gossipsub *g, struct topic *t)
{
    if (t->score == 0)
        t->score = (uint16_t)(score_topic(g->score, topic_name(t)) + 1u); /* SCORE_NO_TOPIC is asked again */
    return (uint16_t)(t->score - 1u);
}

static double app_score(const struct gossipsub *g, uint32_t slot)
{
    return g->env.app_score ? g->env.app_score(g->env.ctx, slot) : 0;
}

void watch_peer_added(struct gossipsub *g, uint32_t slot)
{
    struct endpoint at;
    bool known = g->env.peer_address && g->env.peer_address(g->env.ctx, slot, &at);

    if (g->score)
        score_peer_add(g->score, slot, g->peers[slot].key, known ? &at : NULL, app_score(g, slot));
    if (g->gater)
        gater_peer_add(g->gater, slot, known ? &at : NULL);
}

void watch_peer_removed(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    if (g->score)
        score_peer_remove(g->score, now_ns, slot);
    if (g->gater)
        gater_peer_remove(g->gater, now_ns, slot);
}

enum admission watch_admits(struct gossipsub *g, uint64_t now_ns, uint32_t slot)
{
    if (slotset_has(&g->direct, slot))
        return ADMIT_ALL;
    if (g->score && score_of(g->score, slot) < g->config.score->graylist_threshold)
        return ADMIT_NOTHING;
    if (!g->gater || gater_accepts(g->gater, now_ns, slot))
        return ADMIT_ALL;
    router_trace(g, now_ns, &(struct trace_event){.kind = TRACE_THROTTLE_PEER, .peer = slot});
    promises_void(&g->promises, g->peers[slot].key); /* it may have kept them: we did not look */
    return ADMIT_CONTROL;
}

void watch_validate(struct gossipsub *g, uint64_t now_ns, const struct post *p)
{
    if (g->score) {
        score_validate(g->score, now_ns, &p->key);
        promises_fulfil(&g->promises, &p->key);
    }
    if (g->gater)
        gater_validate(g->gater);
}

void watch_deliver(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct post *p)
{
    if (g->score) {
        score_deliver(g->score, now_ns, slot, topic_index(g, p->topic), &p->key);
        promises_fulfil(&g->promises, &p->key);
    }
    if (g->gater)
        gater_deliver(g->gater, slot);
}

void watch_duplicate(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct topic *t, const struct seen_key *key)
{
    if (g->score)
        score_duplicate(g->score, now_ns, slot, topic_index(g, t), key);
    if (g->gater)
        gater_duplicate(g->gater, slot);
}

void watch_reject(struct gossipsub *g, uint64_t now_ns, const struct gossipsub_message *m, enum trace_reject why)
{
    struct topic *t = topic_find(&g->topics, m->topic);
    struct seen_key key = {{0}};

    if (m->id.size) /* a malformed message has none */
        key = seen_key_of(g->hash_key, m->id);
    if (g->score && t) {
        score_reject(g->score, now_ns, m->received_from, topic_index(g, t), &key, why);
        if (why != TRACE_REJECT_MISSING_SIGNATURE && why != TRACE_REJECT_INVALID_SIGNATURE &&
            why != TRACE_REJECT_MALFORMED) /* obviously bad: no way to keep a promise */
            promises_fulfil(&g->promises, &key);
    }
    if (g->gater)
        gater_reject(g->gater, now_ns, m->received_from, why);
}

void watch_promise(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct slice *ids, uint32_t count)
{
    struct seen_key key;

    if (!g->score || count == 0)
        return;
    key = seen_key_of(g->hash_key, ids[rng_below(&g->rng_promise, count)]);
    promises_add(&g->promises, g->peers[slot].key, &key, now_ns + g->config.params.iwant_followup_ns);
}

void watch_graft(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct topic *t)
{
    if (g->score)
        score_graft(g->score, now_ns, slot, topic_index(g, t));
}

void watch_prune(struct gossipsub *g, uint32_t slot, struct topic *t)
{
    if (g->score)
        score_prune(g->score, slot, topic_index(g, t));
}

void watch_penalty(struct gossipsub *g, uint32_t slot, double count)
{
    if (g->score)
        score_penalty(g->score, slot, count);
}

void watch_heartbeat_begin(struct gossipsub *g, uint64_t now_ns)
{
    uint64_t key;

    if (!g->score)
        return;
    while (promises_take_broken(&g->promises, now_ns, &key))
        score_penalty_of(g->score, key, 1);
    g->beat_scores = mem_grow(NULL, g->peer_capacity + 1u, sizeof *g->beat_scores);
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
        g->beat_scores[slot] = score_of(g->score, slot);
}

void watch_heartbeat_end(struct gossipsub *g)
{
    mem_free(g->beat_scores);
    g->beat_scores = NULL;
}

uint64_t watch_deadline(const struct gossipsub *g)
{
    uint64_t deadline_ns = g->score ? score_deadline(g->score) : TIME_NEVER;

    if (g->gater && gater_deadline(g->gater) < deadline_ns)
        deadline_ns = gater_deadline(g->gater);
    return deadline_ns;
}

static void report(struct gossipsub *g, uint64_t now_ns)
{
    for (uint32_t slot = 0; slotset_next(&g->added, &slot); slot++) {
        struct trace_score s = score_trace_of(g->score, slot);

        router_trace(g, now_ns,
                     &(struct trace_event){.kind = TRACE_SCORE, .peer = slot, .id = slice_of(&s, sizeof s)});
    }
}

void watch_tick(struct gossipsub *g, uint64_t now_ns)
{
    if (g->gater && gater_deadline(g->gater) <= now_ns)
        gater_decay(g->gater, now_ns);
    if (!g->score || score_deadline(g->score) > now_ns)
        return;
    score_decay(g->score, now_ns);
    for (uint32_t slot = 0; g->env.app_score && slotset_next(&g->added, &slot); slot++)
        score_app_specific(g->score, slot, app_score(g, slot));
    if (g->score_report_at_ns <= now_ns) {
        g->score_report_at_ns += g->config.score_report_ns;
        if (g->score_report_at_ns <= now_ns)
            g->score_report_at_ns = now_ns + g->config.score_report_ns;
        report(g, now_ns);
    }
}

double gossipsub_score(const struct gossipsub *g, uint32_t peer)
{
    return g->score ? score_of(g->score, peer) : 0;
}

struct trace_score gossipsub_score_parts(const struct gossipsub *g, uint32_t peer)
{
    return g->score ? score_trace_of(g->score, peer) : (struct trace_score){0};
}

bool gossipsub_score_topic_set(struct gossipsub *g, struct slice topic, const struct score_topic_params *params)
{
    uint16_t index = g->score ? score_topic(g->score, topic) : SCORE_NO_TOPIC;

    if (index == SCORE_NO_TOPIC)
        return false;
    score_topic_set(g->score, index, params);
    return true;
}

void gossipsub_penalise(struct gossipsub *g, uint32_t peer, double count)
{
    watch_penalty(g, peer, count);
}
