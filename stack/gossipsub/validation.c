/* Validation: messages wait for their verdict, which takes a time, side by side. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

struct validation *validation_at(const struct gossipsub *g, uint32_t index)
{
    CHECK(index < g->validation_count);
    return &g->validations[(g->validation_head + index) & (g->validation_capacity - 1)];
}

/* Whether the number is newer than any that its author was seen with. */
static bool is_newest(struct gossipsub *g, const struct gossipsub_message *m)
{
    uint64_t number = m->seqno.size == 8 ? load_be64(m->seqno.data) : 0, *newest;
    bool fresh;

    newest = map_find(&g->authors, m->from);
    if (!newest && map_count(&g->authors) >= GOSSIPSUB_AUTHORS_MAX)
        return true;
    if (number <= (newest ? *newest : 0))
        return false;
    *map_insert(&g->authors, m->from, &fresh) = number;
    return true;
}

/* The end of a validation. The post's reference is the caller's. */
static void judge(struct gossipsub *g, uint64_t now_ns, struct post *p, struct gossipsub_message *m)
{
    enum gossipsub_verdict verdict = GOSSIPSUB_ACCEPT;

    if (!p->topic->joined) /* we left while it was under validation */
        verdict = GOSSIPSUB_IGNORE;
    else if (g->config.params.seqno_check && !is_newest(g, m))
        verdict = GOSSIPSUB_IGNORE;
    else if (g->env.validate)
        verdict = g->env.validate(g->env.ctx, m);
    if (verdict == GOSSIPSUB_ACCEPT)
        router_accept(g, now_ns, p, m);
    else
        router_reject(g, now_ns, m, verdict == GOSSIPSUB_REJECT ? TRACE_REJECT_INVALID : TRACE_REJECT_IGNORED);
}

/* Messages of one topic end in the order in which they began, and before those of a slower one. */
static void begin(struct gossipsub *g, struct post *p, uint32_t received_from, uint64_t deadline_ns)
{
    uint32_t capacity = g->validation_capacity ? g->validation_capacity * 2 : 4;
    struct validation *ring;
    uint32_t at;

    if (g->validation_count == g->validation_capacity) {
        ring = mem_grow(NULL, capacity, sizeof *ring);
        for (uint32_t i = 0; i < g->validation_count; i++)
            ring[i] = *validation_at(g, i);
        mem_free(g->validations);
        g->validations = ring;
        g->validation_capacity = capacity;
        g->validation_head = 0;
    }
    at = g->validation_count++;
    for (; at > 0 && validation_at(g, at - 1)->deadline_ns > deadline_ns; at--)
        *validation_at(g, at) = *validation_at(g, at - 1);
    *validation_at(g, at) = (struct validation){post_ref(p), deadline_ns, received_from};
    p->topic->validating++;
}

void validation_start(struct gossipsub *g, uint64_t now_ns, struct post *p, struct gossipsub_message *m,
                      uint64_t judged_ns)
{
    const struct gossipsub_params *params = &g->config.params;

    if (judged_ns == now_ns)
        judge(g, now_ns, p, m);
    else if (g->validation_count >= params->validation_throttle || p->topic->validating >= params->topic_throttle)
        router_reject(g, now_ns, m, TRACE_REJECT_THROTTLED);
    else
        begin(g, p, m->received_from, judged_ns);
}

void validation_end(struct gossipsub *g, uint64_t now_ns)
{
    struct validation v = *validation_at(g, 0);
    struct gossipsub_message m;

    g->validation_head = (g->validation_head + 1) & (g->validation_capacity - 1);
    if (--g->validation_count == 0) {
        mem_free(g->validations);
        g->validations = NULL;
        g->validation_capacity = g->validation_head = 0;
    }
    v.post->topic->validating--;
    post_frame_read(v.post->frame, &m);
    m.id = post_id(v.post);
    m.received_from = v.received_from;
    judge(g, now_ns, v.post, &m);
    post_unref(v.post);
}
