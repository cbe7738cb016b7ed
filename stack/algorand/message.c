/* Messages: repeats, validation, forwarding, and what MI and MS keep from being sent. */
#include "stack/algorand/network.h"

#include "stack/algorand/topics.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

/* Charges work; when it will be done. */
static uint64_t charge(const struct algorand *a, uint64_t now_ns, unsigned works, size_t size)
{
    return a->env.charge ? a->env.charge(a->env.ctx, works, size) : now_ns;
}

static void trace_reject(const struct algorand *a, uint64_t now_ns, uint32_t slot,
                         const struct envelope *e, enum trace_reject why)
{
    struct trace_event event = network_event(TRACE_REJECT, slot, e);

    event.code = (int)why;
    network_trace(a, now_ns, &event);
}

static void trace(const struct algorand *a, uint64_t now_ns, enum trace_kind kind, uint32_t slot,
                  const struct envelope *e)
{
    struct trace_event event = network_event(kind, slot, e);

    network_trace(a, now_ns, &event);
}

/* --- digests of large messages --- */

static bool has_digest(const struct algorand *a, struct slice payload)
{
    return a->config.digest_filter && envelope_has_digest(payload);
}

/* Remembered for the copies of other peers, where hashing takes time. */
static void find_digest(struct algorand *a, const struct envelope *e,
                        uint8_t digest[static DIGESTS_SIZE])
{
    struct digest_memo *m;

    if (envelope_is_named(e->frame)) {
        envelope_digest_of(e->frame, digest);
        return;
    }
    if (!a->memo)
        a->memo = mem_zalloc(NETWORK_MEMO_COUNT * sizeof *a->memo);
    for (m = a->memo; m < a->memo + NETWORK_MEMO_COUNT; m++)
        if (memcmp(m->id, e->id, sizeof m->id) == 0) {
            memcpy(digest, m->digest, DIGESTS_SIZE);
            return;
        }
    m = &a->memo[a->memo_next++ % NETWORK_MEMO_COUNT];
    memcpy(m->id, e->id, sizeof m->id);
    envelope_digest_of(e->frame, m->digest);
    memcpy(digest, m->digest, DIGESTS_SIZE);
}

/* Tells all peers but `except` that we have it. Go does so for every copy that arrives, not only
 * the first. */
static void announce_digest(struct algorand *a, uint64_t now_ns, const uint8_t *digest,
                            uint32_t except)
{
    struct envelope *e =
        envelope_new(TAG_MS, envelope_frame(TAG_MS, slice_of(digest, DIGESTS_SIZE)));

    e->queued_ns = now_ns;
    for (uint32_t slot = 0; slot < a->peers_size; slot++)
        if (slot != except && algorand_peer_ready(a, slot)) {
            network_enqueue(a, now_ns, slot, e);
            a->stats.digests_sent++;
        }
    envelope_unref(e);
}

static void receive_digest(struct algorand *a, struct peer *p, struct slice payload)
{
    if (payload.size != DIGESTS_SIZE || !a->config.digest_filter)
        return; /* go warns about other sizes, and keeps no filter when the setting is off */
    a->stats.digests_received++;
    if (!p->digests)
        p->digests = mem_zalloc(sizeof *p->digests);
    if (!digests_add(p->digests, digests_name(payload.data)))
        a->stats.digests_repeated++;
}

/* --- sending --- */

static void send_to_all(struct algorand *a, uint64_t now_ns, struct envelope *e, uint32_t except)
{
    for (uint32_t slot = 0; slot < a->peers_size; slot++) {
        const struct peer *p = a->peers[slot];

        if (!p || p->state != PEER_READY || slot == except)
            continue;
        if (e->digest && p->digests && digests_has(p->digests, e->digest)) {
            a->stats.digests_skipped++;
            continue;
        }
        network_enqueue(a, now_ns, slot, e);
    }
}

/* Until there is a peer, messages wait here. False when too many do. */
static bool hold(struct algorand *a, struct envelope *e)
{
    bool high = tag_table[e->tag].high;

    CHECK(a->ready_count == 0);
    return lanes_push(&a->held, high, e, high ? a->config.queue_max : NETWORK_BROADCAST_BULK_MAX);
}

static void forward(struct algorand *a, uint64_t now_ns, struct envelope *e, uint32_t except)
{
    e->queued_ns = now_ns;
    if (a->ready_count > 0)
        send_to_all(a, now_ns, e, except);
    else if (!hold(a, e))
        trace(a, now_ns, TRACE_DROP, TRACE_NO_PEER, e);
}

void message_release_held(struct algorand *a, uint64_t now_ns)
{
    struct envelope *e;

    while ((e = lanes_pop(&a->held)) != NULL) {
        if (now_ns - e->queued_ns <= a->config.queue_stale_ns)
            send_to_all(a, now_ns, e, TRACE_NO_PEER);
        envelope_unref(e);
    }
}

int algorand_broadcast(struct algorand *a, uint64_t now_ns, const char tag[static 2],
                       struct span payload)
{
    enum tag known = tag_find((const uint8_t *)tag);
    struct envelope *e;
    int err = ERR_OK;

    if (known == TAG_COUNT || tag_table[known].kind != TAG_GOSSIP)
        return ERR_INVALID;
    if (payload.size > tag_table[known].payload_max || payload.size > ALGORAND_FRAME_MAX - TAG_SIZE)
        return ERR_TOO_LARGE;
    e = envelope_new(known, envelope_named_frame(known, span_slice(payload)));
    e->queued_ns = now_ns;
    envelope_id_of(e->frame, e->id);
    if (has_digest(a, span_slice(payload))) {
        uint8_t digest[DIGESTS_SIZE];

        envelope_digest_of(e->frame, digest);
        e->digest = digests_name(digest);
    }
    if (arrivals_has(&a->arrivals, now_ns, e->id)) {
        err = ERR_DUPLICATE;
    } else if (a->ready_count == 0 && !hold(a, e)) {
        err = ERR_LIMIT;
    } else {
        arrivals_add(&a->arrivals, now_ns, e->id);
        charge(a, now_ns, WORK_SIGN, payload.size);
        trace(a, now_ns, TRACE_PUBLISH, TRACE_NO_PEER, e);
        if (a->ready_count > 0)
            send_to_all(a, now_ns, e, TRACE_NO_PEER);
    }
    envelope_unref(e);
    return err;
}

/* --- receiving --- */

static enum algorand_verdict verdict_on(struct algorand *a, const struct algorand_message *m)
{
    return a->env.validate ? a->env.validate(a->env.ctx, m) : ALGORAND_ACCEPT;
}

/* Acts on the verdict. The peer may be gone by now, or its slot be another's. */
static void judge(struct algorand *a, uint64_t now_ns, const struct pending_item *item)
{
    struct envelope *e = item->envelope;
    struct peer *p = network_peer(a, item->slot);
    bool same_peer = p && p->session == item->session;
    struct algorand_message m = {
        .payload = envelope_payload(e), .frame = e->frame, .received_from = item->slot};

    memcpy(m.tag, tag_table[e->tag].text, TAG_SIZE);
    memcpy(m.id, e->id, sizeof m.id);
    switch (verdict_on(a, &m)) {
    case ALGORAND_ACCEPT:
        trace(a, now_ns, TRACE_DELIVER, item->slot, e);
        if (a->env.deliver)
            a->env.deliver(a->env.ctx, now_ns, &m);
        if (a->config.relay)
            forward(a, now_ns, e, same_peer ? item->slot : TRACE_NO_PEER);
        break;
    case ALGORAND_REJECT:
        trace_reject(a, now_ns, item->slot, e, TRACE_REJECT_INVALID);
        if (same_peer && p->state != PEER_DEAD) {
            network_kill_peer(a, p);
            a->env.disconnect(a->env.ctx, item->slot, ERR_PROTOCOL);
        }
        break;
    case ALGORAND_IGNORE_MESSAGE:
        trace_reject(a, now_ns, item->slot, e, TRACE_REJECT_IGNORED);
        break;
    }
}

void message_judge_due(struct algorand *a, uint64_t now_ns)
{
    struct pending_item item;

    while (pending_pop_due(&a->pending, now_ns, &item)) {
        judge(a, now_ns, &item);
        envelope_unref(item.envelope);
    }
}

static void validate(struct algorand *a, uint64_t now_ns, uint32_t slot,
                     const struct envelope *arrived)
{
    const struct peer *p = network_peer(a, slot);
    struct pending_item item = {
        .envelope = envelope_new((enum tag)arrived->tag, span_keep(arrived->frame)),
        .due_ns = charge(a, now_ns, WORK_VERIFY | WORK_VALIDATE, arrived->frame.size) + a->config.validation_delay_ns,
        .slot = slot,
        .session = p->session,
    };

    memcpy(item.envelope->id, arrived->id, sizeof arrived->id);
    item.envelope->digest = arrived->digest;
    if (item.due_ns > now_ns) {
        pending_push(&a->pending, &item);
        return;
    }
    judge(a, now_ns, &item);
    envelope_unref(item.envelope);
}

static bool has_room(const struct algorand *a, size_t size)
{
    return a->pending.count < a->config.validation_queue_max &&
           size <= ALGORAND_VALIDATION_BYTES_MAX - a->pending.bytes;
}

static void receive_gossip(struct algorand *a, uint64_t now_ns, uint32_t slot, enum tag tag,
                           struct span frame)
{
    struct envelope e = {.refs = 1, .tag = (uint8_t)tag, .frame = frame};

    charge(a, now_ns, WORK_PARSE | WORK_HASH, frame.size);
    envelope_id_of(frame, e.id);
    if (has_digest(a, envelope_payload(&e))) {
        uint8_t digest[DIGESTS_SIZE];

        find_digest(a, &e, digest);
        e.digest = digests_name(digest);
        announce_digest(a, now_ns, digest, slot);
    }
    if (arrivals_has(&a->arrivals, now_ns, e.id)) {
        trace(a, now_ns, TRACE_DUPLICATE, slot, &e);
        return;
    }
    trace(a, now_ns, TRACE_ARRIVE, slot, &e);
    if (!has_room(a, frame.size)) { /* not marked as seen: a later copy gets another chance */
        trace_reject(a, now_ns, slot, &e, TRACE_REJECT_QUEUE_FULL);
        return;
    }
    arrivals_add(&a->arrivals, now_ns, e.id);
    validate(a, now_ns, slot, &e);
}

int message_receive(struct algorand *a, uint64_t now_ns, uint32_t slot, enum tag tag,
                    struct span frame)
{
    struct peer *p = network_peer(a, slot);
    struct slice payload =
        slice_of(frame.data + ENVELOPE_HEAD_SIZE, frame.size - ENVELOPE_HEAD_SIZE);
    int err = ERR_OK;

    CHECK(p && p->state == PEER_READY && frame.size >= ENVELOPE_HEAD_SIZE);
    if (tag == TAG_MI)
        err = topics_interest_read(payload, &p->wanted);
    else if (tag == TAG_MS)
        receive_digest(a, p, payload);
    else
        receive_gossip(a, now_ns, slot, tag, frame);
    span_unref(frame);
    return err;
}
