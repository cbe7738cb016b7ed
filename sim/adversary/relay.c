/* Messages: seen before or not, and then what the role says. Nothing is validated. */
#include "sim/adversary/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

static void turn_generations(struct adversary *a, uint64_t now_ns)
{
    while (now_ns >= a->seen_turn_ns || map_count(&a->seen[0]) >= SEEN_MAX) {
        struct map old = a->seen[1];

        a->seen[1] = a->seen[0];
        map_deinit(&old);
        map_init(&a->seen[0], rng_next(&a->rng));
        if (now_ns >= a->seen_turn_ns)
            a->seen_turn_ns += SEEN_NS;
    }
}

/* True the first time. */
static bool see(struct adversary *a, uint64_t now_ns, struct slice id)
{
    bool fresh;

    turn_generations(a, now_ns);
    if (map_find(&a->seen[1], id))
        return false;
    map_insert(&a->seen[0], id, &fresh);
    return fresh;
}

static void remember(struct adversary *a, struct slice id)
{
    if (a->behaviour->kind != BEHAVIOUR_IWANT_SPAM)
        return;
    if (!a->recent)
        a->recent = mem_grow(NULL, RECENT_MAX, sizeof *a->recent);
    memcpy(a->recent[a->recent_count % RECENT_MAX].bytes, id.data, id.size);
    a->recent[a->recent_count++ % RECENT_MAX].size = (uint8_t)id.size;
}

/* An RPC with this message alone; the reference is the caller's. */
static struct span compose(struct slice message)
{
    uint8_t head[3 * VARINT_SIZE_MAX];
    size_t size = varint_write(head, pb_bytes_size(RPC_FIELD_PUBLISH, message.size));
    struct blob *b;

    size += pb_write_bytes_head(head + size, RPC_FIELD_PUBLISH, message.size);
    b = blob_new(size + message.size);
    memcpy(b->data, head, size);
    memcpy(b->data + size, message.data, message.size);
    return span_give(b);
}

static bool is_peer(const struct acquaintance *p, const struct peerid *id)
{
    return id->size && peerid_equal(&p->id, id);
}

/* To our mesh, but not back to whom it came from, nor to its author. */
static void forward(struct adversary *a, uint64_t now_ns, const struct held *h)
{
    struct trace_event sent = {.kind = TRACE_SEND, .size = h->size, .id = slice_of(h->id, h->id_size),
                               .topic = slice_text(adversary_topic(a, h->topic))};
    struct acquaintance *p;

    for (uint32_t at = 0; (p = peers_next(a, &at)) != NULL;) {
        if (!(p->mesh & 1ull << h->topic) || is_peer(p, &h->from) || is_peer(p, &h->author))
            continue;
        sent.peer = p->slot;
        if (peers_send(p, now_ns, h->frame))
            adversary_trace(a, now_ns, &sent);
        else
            adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_DROP, .peer = p->slot, .size = h->size, .count = 1});
    }
}

static void hold(struct adversary *a, const struct held *h)
{
    if (a->held_count == HELD_MAX)
        return;
    if (a->held_count == a->held_capacity) {
        uint32_t capacity = a->held_capacity ? a->held_capacity * 2 : 16;
        struct held *grown = mem_grow(NULL, capacity, sizeof *grown);

        for (uint32_t i = 0; i < a->held_count; i++)
            grown[i] = a->held[(a->held_first + i) % a->held_capacity];
        mem_free(a->held);
        a->held = grown;
        a->held_capacity = capacity;
        a->held_first = 0;
    }
    a->held[(a->held_first + a->held_count++) % a->held_capacity] = *h;
    span_ref(h->frame);
}

void relay_release(struct adversary *a, uint64_t now_ns)
{
    while (a->held_count && a->held[a->held_first].due_ns <= now_ns) {
        struct held *h = &a->held[a->held_first];

        forward(a, now_ns, h);
        span_unref(h->frame);
        a->held_first = (a->held_first + 1) % a->held_capacity;
        a->held_count--;
    }
}

void relay_free(struct adversary *a)
{
    for (uint32_t i = 0; i < a->held_count; i++)
        span_unref(a->held[(a->held_first + i) % a->held_capacity].frame);
    mem_free(a->held);
}

static void pass_on(struct adversary *a, uint64_t now_ns, const struct acquaintance *p, struct span frame, struct slice message,
                    unsigned topic, const struct gossipsub_message *m)
{
    enum relay_verdict verdict = adversary_attacks(a, now_ns) ? roles_judge(a, topic, m) : RELAY_FORWARD;
    struct held h = {.due_ns = now_ns + a->behaviour->delay_ns, .from = p->id, .topic = (uint8_t)topic,
                     .size = (uint32_t)m->data.size, .id_size = (uint32_t)m->id.size};

    if (verdict == RELAY_DROP)
        return;
    peerid_from_bytes(&h.author, m->from); /* who is none is no peer */
    memcpy(h.id, m->id.data, m->id.size);
    h.frame = frame.data ? span_ref(frame) : compose(message);
    if (verdict == RELAY_HOLD)
        hold(a, &h);
    else
        forward(a, now_ns, &h);
    span_unref(h.frame);
}

void relay_message(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct span frame, struct slice message)
{
    struct gossipsub_message m = {0};
    struct trace_event event = {.kind = TRACE_ARRIVE, .peer = p->slot};
    uint8_t id[GOSSIPSUB_ID_MAX];
    int topic;

    if (rpc_message_read(message, &m) != ERR_OK || m.seqno.size > GOSSIPSUB_SEQNO_MAX || m.from.size > PEERID_SIZE_MAX)
        return;
    topic = adversary_topic_find(a, m.topic);
    if (topic < 0)
        return;
    m.id = slice_of(id, a->plan->message_id(&m, id));
    event.id = m.id;
    event.topic = m.topic;
    event.size = (uint32_t)m.data.size;
    if (!see(a, now_ns, m.id)) {
        event.kind = TRACE_DUPLICATE;
        adversary_trace(a, now_ns, &event);
        return;
    }
    adversary_trace(a, now_ns, &event);
    remember(a, m.id);
    pass_on(a, now_ns, p, frame, message, (unsigned)topic, &m);
}
