/* An adversary's life: its node, its clock. */
#include "sim/adversary/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

bool adversary_attacks(const struct adversary *a, uint64_t now_ns)
{
    return now_ns >= a->behaviour->attack_at_ns;
}

const char *adversary_topic(const struct adversary *a, unsigned topic)
{
    return a->plan->scenario->topics[a->plan->group->topics[topic]];
}

int adversary_topic_find(const struct adversary *a, struct slice name)
{
    for (uint32_t i = 0; i < a->plan->group->topic_count; i++)
        if (slice_equal(name, slice_text(adversary_topic(a, i))))
            return (int)i;
    return -1;
}

struct adversary *adversary_new(const struct adversary_plan *plan, const struct adversary_world *world, uint64_t seed)
{
    struct adversary *a = mem_zalloc(sizeof *a);

    a->plan = plan;
    a->behaviour = plan->group->behaviour;
    a->world = *world;
    rng_init(&a->rng, seed, "adversary");
    map_init(&a->seen[0], rng_next(&a->rng));
    map_init(&a->seen[1], rng_next(&a->rng));
    a->regraft_ns = a->act_ns = a->armed_ns = TIME_NEVER;
    for (int v = GOSSIPSUB_PROTOCOL_COUNT - 1; v >= 0; v--) {
        size_t index = (size_t)(GOSSIPSUB_PROTOCOL_COUNT - 1 - v);

        if (!(plan->group->versions & 1u << gossipsub_version_of(index)))
            continue;
        a->protocols[a->protocol_count] = peers_protocol;
        a->protocols[a->protocol_count].id = gossipsub_protocols[index];
        a->protocols[a->protocol_count++].ctx = a;
    }
    CHECK(a->protocol_count > 0);
    return a;
}

void adversary_free(struct adversary *a)
{
    peers_free(a);
    relay_free(a);
    map_deinit(&a->seen[0]);
    map_deinit(&a->seen[1]);
    mem_free(a->recent);
    mem_free(a);
}

void adversary_retire(struct adversary *a)
{
    a->node = NULL;
}

static void on_connected(void *ctx, uint64_t now_ns, uint32_t peer)
{
    peers_connected(ctx, now_ns, peer);
}

void adversary_configure(struct adversary *a, struct node_config *config, struct node_events *events)
{
    identity_from_seed(&a->self, config->identity_seed);
    a->signer = config->gossipsub;
    a->signer.signing = GOSSIPSUB_STRICT_SIGN;
    a->signer.identity = &a->self;
    config->gossipsub_on = false;
    events->ctx = a;
    events->connected = on_connected;
}

void adversary_started(struct adversary *a, uint64_t now_ns, struct node *node)
{
    uint64_t first_ns = now_ns > a->behaviour->attack_at_ns ? now_ns : a->behaviour->attack_at_ns;

    a->node = node;
    a->seen_turn_ns = now_ns + SEEN_NS;
    for (uint32_t i = 0; i < a->protocol_count; i++)
        CHECK(app_stream_serve(node, now_ns, &a->protocols[i]) == ERR_OK);
    if (a->behaviour->grafts)
        a->regraft_ns = now_ns + 1 + rng_below(&a->rng, a->behaviour->regraft_ns);
    if (roles_repeats(a))
        a->act_ns = first_ns + 1 + rng_below(&a->rng, a->behaviour->every_ns);
    adversary_arm(a);
}

void adversary_arm(struct adversary *a)
{
    uint64_t next_ns = a->regraft_ns < a->act_ns ? a->regraft_ns : a->act_ns;

    if (a->held_count && a->held[a->held_first].due_ns < next_ns)
        next_ns = a->held[a->held_first].due_ns;
    if (next_ns >= a->armed_ns)
        return; /* what is armed comes first, and looks again */
    a->armed_ns = next_ns;
    a->world.wake_at(a->world.ctx, next_ns);
}

/* Those that left us, or never took us, once they may be asked. */
static void regraft(struct adversary *a, uint64_t now_ns)
{
    struct acquaintance *p;

    for (uint32_t at = 0; (p = peers_next(a, &at)) != NULL;)
        for (uint32_t t = 0; t < a->plan->group->topic_count; t++)
            if (p->open && p->topics & ~p->mesh & 1ull << t && now_ns >= p->backoff_ns[t])
                speech_graft(a, now_ns, p, t);
}

void adversary_wake(struct adversary *a, uint64_t now_ns)
{
    if (now_ns < a->armed_ns)
        return; /* of a time that was given up for an earlier one, which is over */
    a->armed_ns = TIME_NEVER;
    relay_release(a, now_ns);
    if (now_ns >= a->regraft_ns) {
        regraft(a, now_ns);
        a->regraft_ns = now_ns + a->behaviour->regraft_ns;
    }
    if (now_ns >= a->act_ns) {
        roles_act(a, now_ns);
        a->act_ns = now_ns + a->behaviour->every_ns;
    }
    adversary_arm(a);
}
