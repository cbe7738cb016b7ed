/* The roles: what becomes of a message, and what is done again and again. */
#include "sim/adversary/internal.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/signing.h"

#define FAKE_ID_SIZE 32

struct role {
    enum relay_verdict (*judge)(struct adversary *a, unsigned topic, const struct gossipsub_message *m);
    /* A round, for one peer and topic that it is subscribed to; NULL: the role repeats nothing. */
    void (*act)(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic);
};

/* ---- messages ---- */

static enum relay_verdict judge_honest(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    (void)a, (void)topic, (void)m;
    return RELAY_FORWARD;
}

static enum relay_verdict judge_drop(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    (void)a, (void)topic, (void)m;
    return RELAY_DROP;
}

static enum relay_verdict judge_degrade(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    (void)topic, (void)m;
    return rng_chance(&a->rng, a->behaviour->share_ppm, 1000000) ? RELAY_DROP : RELAY_FORWARD;
}

static enum relay_verdict judge_censor(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    const struct scenario_behaviour *b = a->behaviour;
    bool about = b->topic_count == 0;

    for (uint32_t i = 0; i < b->topic_count; i++)
        about |= b->topics[i] == a->plan->group->topics[topic];
    if (about && b->publisher_count)
        about = map_find(&a->plan->publishers, m->from) != NULL;
    return about ? RELAY_DROP : RELAY_FORWARD;
}

static enum relay_verdict judge_delay(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    (void)a, (void)topic, (void)m;
    return RELAY_HOLD;
}

/* ---- rounds ---- */

static void graft_again(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    speech_graft(a, now_ns, p, topic);
}

/* Ids of messages that do not exist. */
static void say_fakes(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic, enum trace_control kind)
{
    uint32_t count = a->behaviour->items;
    uint8_t *bytes = mem_grow(NULL, count, FAKE_ID_SIZE);
    struct slice *ids = mem_grow(NULL, count, sizeof *ids);

    rng_fill(&a->rng, bytes, (size_t)count * FAKE_ID_SIZE);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = slice_of(bytes + (size_t)i * FAKE_ID_SIZE, FAKE_ID_SIZE);
    speech_ids(a, now_ns, p, kind, topic, ids, count);
    mem_free(ids);
    mem_free(bytes);
}

static void promise(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    say_fakes(a, now_ns, p, topic, TRACE_CONTROL_IHAVE);
}

static void decline(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    say_fakes(a, now_ns, p, topic, TRACE_CONTROL_IDONTWANT);
}

/* The last messages, over and over where there are not enough of them. */
static void demand(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    uint32_t known = a->recent_count < RECENT_MAX ? a->recent_count : RECENT_MAX, count = known ? a->behaviour->items : 0;
    struct slice *ids = mem_grow(NULL, count, sizeof *ids);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (a->recent_count - 1 - i % known) % RECENT_MAX;

        ids[i] = slice_of(a->recent[at].bytes, a->recent[at].size);
    }
    speech_ids(a, now_ns, p, TRACE_CONTROL_IWANT, topic, ids, count);
    mem_free(ids);
}

/* A message of ours whose signature is wrong by a bit: where none is wanted, one too many. It is told to nobody as sent, so that
 * it is no message of the record. */
static void forge(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    struct blob *body = blob_new(a->behaviour->size);

    rng_fill(&a->rng, body->data, body->size);
    for (uint32_t i = 0; i < a->behaviour->items; i++) {
        struct span good =
            signing_compose(&a->signer, slice_text(adversary_topic(a, topic)), blob_slice(body), now_ns + a->seqno++);
        struct blob *bad;

        if (!good.size)
            break; /* larger than an RPC may be */
        bad = blob_copy(span_slice(good));
        span_unref(good);
        bad->data[bad->size - 1] ^= 1; /* the signature is the last field */
        peers_send(p, now_ns, span_give(bad));
        blob_unref(bad);
    }
    blob_unref(body);
}

/* Only a PRUNE by a mesh peer is listened to: those who left are asked in again as soon as they may be. */
static void send_away(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    if (p->mesh & 1ull << topic) {
        speech_prune(a, now_ns, p, topic, a->behaviour->items);
        p->backoff_ns[topic] = now_ns + (PX_BACKOFF_S + 1) * 1000000000ull;
    } else if (a->behaviour->grafts && now_ns >= p->backoff_ns[topic]) {
        speech_graft(a, now_ns, p, topic);
    }
}

static const struct role roles[] = {
    [BEHAVIOUR_DROP] = {judge_drop, NULL},
    [BEHAVIOUR_DEGRADE] = {judge_degrade, NULL},
    [BEHAVIOUR_CENSOR] = {judge_censor, NULL},
    [BEHAVIOUR_DELAY] = {judge_delay, NULL},
    [BEHAVIOUR_GRAFT_FLOOD] = {judge_honest, graft_again},
    [BEHAVIOUR_IHAVE_SPAM] = {judge_honest, promise},
    [BEHAVIOUR_IWANT_SPAM] = {judge_honest, demand},
    [BEHAVIOUR_INVALID_MESSAGES] = {judge_honest, forge},
    [BEHAVIOUR_BROKEN_PROMISES] = {judge_honest, promise},
    [BEHAVIOUR_IDONTWANT_SPAM] = {judge_honest, decline},
    [BEHAVIOUR_PX_POISON] = {judge_honest, send_away},
};
_Static_assert(sizeof roles / sizeof *roles == BEHAVIOUR_KIND_COUNT, "a role each");

enum relay_verdict roles_judge(struct adversary *a, unsigned topic, const struct gossipsub_message *m)
{
    return roles[a->behaviour->kind].judge(a, topic, m);
}

bool roles_repeats(const struct adversary *a)
{
    return roles[a->behaviour->kind].act != NULL;
}

void roles_act(struct adversary *a, uint64_t now_ns)
{
    const struct role *role = &roles[a->behaviour->kind];
    struct acquaintance *p;

    for (uint32_t at = 0; (p = peers_next(a, &at)) != NULL;)
        for (uint32_t t = 0; t < a->plan->group->topic_count; t++)
            if (p->open && p->topics & 1ull << t)
                role->act(a, now_ns, p, t);
}
