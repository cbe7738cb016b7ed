/* What peers say. Whatever is not about subscriptions, meshes or messages falls on deaf ears. */
#include "sim/adversary/internal.h"

#include "stack/base/err.h"

static void hear_subscriptions(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct slice rpc)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct rpc_subscription s;

    while (rpc_next_subscription(&w, &s)) {
        int topic = adversary_topic_find(a, s.topic);

        if (topic < 0)
            continue;
        if (!s.subscribe) {
            p->topics &= ~(1ull << topic);
            continue;
        }
        p->topics |= 1ull << topic;
        if (a->behaviour->grafts && p->open && !(p->mesh & 1ull << topic) && now_ns >= p->backoff_ns[topic])
            speech_graft(a, now_ns, p, (unsigned)topic);
    }
}

static void hear_graft(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct slice item)
{
    int topic = adversary_topic_find(a, rpc_item_topic(item));

    if (topic < 0 || p->mesh & 1ull << topic)
        return;
    p->mesh |= 1ull << topic;
    adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_GRAFT, .peer = p->slot, .topic = rpc_item_topic(item)});
}

static void hear_prune(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct slice item)
{
    int topic = adversary_topic_find(a, rpc_item_topic(item));
    uint64_t seconds = rpc_prune_backoff_s(item);
    uint64_t backoff_ns = seconds && seconds < 86400 ? seconds * 1000000000ull : BACKOFF_NS;

    if (topic < 0)
        return;
    p->backoff_ns[topic] = now_ns + backoff_ns;
    if (!(p->mesh & 1ull << topic))
        return;
    p->mesh &= ~(1ull << topic);
    adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_PRUNE, .peer = p->slot, .topic = rpc_item_topic(item)});
}

static void note_control(struct adversary *a, uint64_t now_ns, const struct acquaintance *p, const struct rpc_summary *s)
{
    for (int i = 0; i < TRACE_CONTROL_COUNT; i++)
        if (s->control[i].count)
            adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_CONTROL_RECEIVED, .peer = p->slot, .code = i,
                                                             .count = s->control[i].count, .size = s->control[i].size});
}

void hear_rpc(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct span frame, struct slice rpc)
{
    struct rpc_summary summary;
    struct rpc_walk w;
    struct slice item;
    bool sole = rpc_sole_publish(rpc, &item);

    if (sole) {
        relay_message(a, now_ns, p, frame, item);
        return;
    }
    if (rpc_check(rpc, &summary) != ERR_OK)
        return;
    note_control(a, now_ns, p, &summary);
    hear_subscriptions(a, now_ns, p, rpc);
    for (w = rpc_walk_of(rpc); rpc_next_publish(&w, &item);)
        relay_message(a, now_ns, p, (struct span){0}, item);
    for (w = rpc_walk_of(rpc); rpc_next_control(&w, TRACE_CONTROL_GRAFT, &item);)
        hear_graft(a, now_ns, p, item);
    for (w = rpc_walk_of(rpc); rpc_next_control(&w, TRACE_CONTROL_PRUNE, &item);)
        hear_prune(a, now_ns, p, item);
}
