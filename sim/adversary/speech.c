/* RPCs that an adversary writes. The sizes that are traced are those of the fields in the RPC, as a router counts them. */
#include "sim/adversary/internal.h"

#include "stack/base/check.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define CONTROL_MAX (900u << 10) /* an RPC stays below the default limit of 1 MiB */

/* `rpc` without its length, as a frame. */
static bool send_rpc(struct acquaintance *p, uint64_t now_ns, struct slice rpc)
{
    uint8_t prefix[VARINT_SIZE_MAX];
    size_t size = varint_write(prefix, rpc.size);
    struct blob *b = blob_new(size + rpc.size);
    struct span frame;
    bool sent;

    memcpy(b->data, prefix, size);
    memcpy(b->data + size, rpc.data, rpc.size);
    frame = span_give(b);
    sent = peers_send(p, now_ns, frame);
    span_unref(frame);
    return sent;
}

static void tell_sent(const struct adversary *a, uint64_t now_ns, const struct acquaintance *p, enum trace_control kind,
                      uint32_t count, size_t size)
{
    adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_CONTROL_SENT, .peer = p->slot, .code = (int)kind,
                                                     .count = count, .size = (uint32_t)size});
}

/* One RPC whose control part is `control`. */
static bool say(struct adversary *a, uint64_t now_ns, struct acquaintance *p, enum trace_control kind, uint32_t count,
                const struct buf *control)
{
    struct buf rpc;
    bool sent;

    CHECK(!control->overflow);
    buf_init(&rpc, control->size + 2 * VARINT_SIZE_MAX);
    pb_append_bytes(&rpc, RPC_FIELD_CONTROL, buf_slice(control));
    sent = send_rpc(p, now_ns, buf_slice(&rpc));
    buf_deinit(&rpc);
    if (sent)
        tell_sent(a, now_ns, p, kind, count, control->size);
    return sent;
}

void speech_hello(struct adversary *a, uint64_t now_ns, struct acquaintance *p)
{
    uint32_t count = a->plan->group->topic_count;
    struct buf rpc;

    buf_init(&rpc, CONTROL_MAX);
    for (uint32_t t = 0; t < count; t++)
        rpc_append_subscription(&rpc, true, slice_text(adversary_topic(a, t)));
    if (count && send_rpc(p, now_ns, buf_slice(&rpc)))
        tell_sent(a, now_ns, p, TRACE_CONTROL_SUBSCRIBE, count, rpc.size);
    buf_deinit(&rpc);
    for (uint32_t t = 0; t < count && a->behaviour->grafts; t++)
        if (p->topics & ~p->mesh & 1ull << t)
            speech_graft(a, now_ns, p, t);
}

/* The peer is taken to agree until it says PRUNE. */
void speech_graft(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic)
{
    struct slice name = slice_text(adversary_topic(a, topic));
    struct buf control;

    buf_init(&control, CONTROL_MAX);
    rpc_append_graft(&control, name);
    if (say(a, now_ns, p, TRACE_CONTROL_GRAFT, 1, &control) && !(p->mesh & 1ull << topic)) {
        p->mesh |= 1ull << topic;
        adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_GRAFT, .peer = p->slot, .topic = name});
    }
    buf_deinit(&control);
}

static void append_peer(struct buf *prune, const struct peerid *id, struct slice record)
{
    struct buf info;

    buf_init(&info, 2 * RPC_PREFIX_MAX + PEERID_SIZE_MAX + record.size + 16);
    pb_append_bytes(&info, 1, peerid_slice(id));
    pb_append_bytes(&info, 2, record);
    pb_append_bytes(prune, RPC_PRUNE_PEERS, buf_slice(&info));
    buf_deinit(&info);
}

void speech_prune(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic, uint32_t count)
{
    struct slice name = slice_text(adversary_topic(a, topic));
    uint32_t known = a->plan->record_count, first = known ? (uint32_t)rng_below(&a->rng, known) : 0;
    struct buf prune, control;

    buf_init(&prune, CONTROL_MAX / 2);
    buf_init(&control, CONTROL_MAX);
    pb_append_bytes(&prune, 1, name);
    for (uint32_t i = 0; i < count && i < known; i++) {
        uint32_t at = (first + i) % known;

        append_peer(&prune, &a->plan->named[at], buf_slice(&a->plan->records[at]));
    }
    pb_append_varint(&prune, 3, PX_BACKOFF_S);
    pb_append_bytes(&control, TRACE_CONTROL_PRUNE, buf_slice(&prune));
    say(a, now_ns, p, TRACE_CONTROL_PRUNE, 1, &control);
    if (p->mesh & 1ull << topic)
        adversary_trace(a, now_ns, &(struct trace_event){.kind = TRACE_PRUNE, .peer = p->slot, .topic = name});
    p->mesh &= ~(1ull << topic);
    buf_deinit(&prune);
    buf_deinit(&control);
}

void speech_ids(struct adversary *a, uint64_t now_ns, struct acquaintance *p, enum trace_control kind, unsigned topic,
                const struct slice *ids, uint32_t count)
{
    uint32_t number = kind == TRACE_CONTROL_IHAVE ? RPC_IHAVE_IDS : RPC_IWANT_IDS;
    struct buf item, control;

    if (count == 0)
        return;
    buf_init(&item, CONTROL_MAX - 1024);
    buf_init(&control, CONTROL_MAX);
    if (kind == TRACE_CONTROL_IHAVE)
        pb_append_bytes(&item, 1, slice_text(adversary_topic(a, topic)));
    for (uint32_t i = 0; i < count; i++)
        pb_append_bytes(&item, number, ids[i]);
    pb_append_bytes(&control, (uint32_t)kind, buf_slice(&item));
    say(a, now_ns, p, kind, count, &control);
    buf_deinit(&item);
    buf_deinit(&control);
}
