/* What leaves for a peer. Control waits in the peer's pending list and goes with the next RPC; a
 * dropped RPC leaves its GRAFT and PRUNE behind in that list, so that they are tried again. An RPC
 * over rpc_size_max is split. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define SECOND_NS 1000000000ull
#define CONTROL_HEAD_MAX 6 /* tag and length of the control field */

static struct pending_item *pending_add(struct gossipsub *g, uint32_t slot)
{
    struct peer *p = peer_at(g, slot);
    uint32_t capacity = p->pending ? p->pending->capacity : 0;

    if (!p->pending || p->pending->count == capacity) {
        bool fresh = !p->pending;

        capacity = fresh ? 2 : capacity * 2;
        p->pending =
            mem_realloc(p->pending, sizeof *p->pending + capacity * sizeof p->pending->items[0]);
        p->pending->capacity = capacity;
        if (fresh)
            p->pending->count = 0;
        slotset_add(&g->waiting, slot);
    }
    return &p->pending->items[p->pending->count++];
}

static void pending_item_free(struct pending_item *item)
{
    span_unref(item->bytes);
    if (item->topic)
        topic_unpin(item->topic);
}

static void pending_free(struct gossipsub *g, uint32_t slot)
{
    mem_free(g->peers[slot].pending);
    g->peers[slot].pending = NULL;
    slotset_remove(&g->waiting, slot);
}

/* A newer GRAFT or PRUNE of a topic takes the place of the one that waits. */
static void add_mesh_item(struct gossipsub *g, uint32_t slot, struct pending_item wanted)
{
    struct pending *q = peer_at(g, slot)->pending;

    for (uint32_t i = 0; q && i < q->count; i++) {
        if (q->items[i].topic == wanted.topic) {
            span_unref(q->items[i].bytes);
            q->items[i] = wanted;
            return;
        }
    }
    topic_pin(wanted.topic);
    *pending_add(g, slot) = wanted;
}

void send_graft(struct gossipsub *g, uint32_t slot, struct topic *t)
{
    add_mesh_item(g, slot, (struct pending_item){.kind = TRACE_CONTROL_GRAFT, .topic = t});
}

void send_prune(struct gossipsub *g, uint32_t slot, struct topic *t, uint64_t backoff_ns, bool tell)
{
    uint32_t backoff_s = (uint32_t)(backoff_ns / SECOND_NS);
    struct pending_item item = {.kind = TRACE_CONTROL_PRUNE, .topic = t, .backoff_s = backoff_s};

    if (tell && peer_at(g, slot)->version >= GOSSIPSUB_V11)
        item.bytes = exchange_prune(g, slot, t, backoff_s);
    add_mesh_item(g, slot, item);
}

void send_ids(struct gossipsub *g, uint32_t slot, enum trace_control kind, struct span item,
              uint32_t count)
{
    CHECK(kind == TRACE_CONTROL_IHAVE || kind == TRACE_CONTROL_IWANT);
    *pending_add(g, slot) = (struct pending_item){.kind = kind, .bytes = item, .count = count};
}

/* Queues a frame, whose reference moves in; drops it when the queue is full. */
static bool push(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct frame *f, enum send_how how)
{
    struct peer *p = peer_at(g, slot);
    bool was_empty = p->out.count == 0;

    CHECK(p->added);
    if (p->out.count >= g->config.params.outbound_queue_max && how != SEND_FORCED) {
        const struct parcel *parcel = CONTAINER_OF(f, struct parcel, head);
        bool is_post = f->kind == FRAME_POST;
        size_t size = is_post ? CONTAINER_OF(f, struct post, head)->frame.size : parcel->bytes.size;

        router_trace(g, now_ns,
                     &(struct trace_event){.kind = TRACE_DROP,
                                           .peer = slot,
                                           .size = (uint32_t)size,
                                           .count = is_post ? 1 : parcel->post_count});
        frame_unref(f);
        return false;
    }
    if (how == SEND_URGENT)
        outbox_push_urgent(&p->out, f);
    else
        outbox_push(&p->out, f);
    if (was_empty && g->env.wants_write)
        g->env.wants_write(g->env.ctx, slot);
    return true;
}

bool send_subscriptions(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice items,
                        uint32_t count, bool forced)
{
    return send_item(g, now_ns, slot, TRACE_CONTROL_SUBSCRIBE, items, count, forced ? SEND_FORCED : SEND_NORMAL);
}

bool send_item(struct gossipsub *g, uint64_t now_ns, uint32_t slot, enum trace_control kind, struct slice field,
               uint32_t count, enum send_how how)
{
    struct parcel *parcel = parcel_new(NULL, 0);
    uint8_t prefix[VARINT_SIZE_MAX];
    uint64_t size = field.size;

    chain_append(&parcel->bytes, slice_of(prefix, varint_write(prefix, field.size)));
    chain_append(&parcel->bytes, field);
    /* Items of the control field are counted without that field around them. */
    if (kind == TRACE_CONTROL_IDONTWANT || kind == TRACE_CONTROL_EXTENSIONS)
        CHECK(varint_read(slice_of(field.data + 1, field.size - 1), &size) > 0);
    parcel->control[kind] = (struct rpc_count){count, (uint32_t)size};
    return push(g, now_ns, slot, &parcel->head, how);
}

/* A retried GRAFT is stale when the peer left the mesh since, a PRUNE when it came back. */
static bool item_is_stale(const struct pending_item *item, uint32_t slot)
{
    if (item->kind == TRACE_CONTROL_GRAFT)
        return !slotset_has(&item->topic->mesh, slot);
    return item->kind == TRACE_CONTROL_PRUNE && slotset_has(&item->topic->mesh, slot);
}

static void drop_stale(struct gossipsub *g, uint32_t slot)
{
    struct pending *q = peer_at(g, slot)->pending;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < q->count; i++) {
        if (item_is_stale(&q->items[i], slot))
            pending_item_free(&q->items[i]);
        else
            q->items[kept++] = q->items[i];
    }
    q->count = kept;
    if (kept == 0)
        pending_free(g, slot);
}

/* gossipsub v1.0 knows no backoff in a PRUNE. */
static uint32_t item_backoff_s(const struct peer *p, const struct pending_item *item)
{
    return p->version == GOSSIPSUB_V10 ? 0 : item->backoff_s;
}

static size_t item_size(const struct peer *p, const struct pending_item *item)
{
    if (item->bytes.size)
        return item->bytes.size;
    if (item->kind == TRACE_CONTROL_GRAFT)
        return rpc_graft_size(topic_name(item->topic));
    if (item->kind == TRACE_CONTROL_PRUNE)
        return rpc_prune_size(topic_name(item->topic), item_backoff_s(p, item));
    return item->bytes.size;
}

static void append_control(struct parcel *parcel, const struct peer *p,
                           const struct pending_item *items, uint32_t count)
{
    size_t size = 0;
    struct buf b;

    for (uint32_t i = 0; i < count; i++)
        size += item_size(p, &items[i]);
    buf_init(&b, size + CONTROL_HEAD_MAX);
    varint_append(&b, RPC_FIELD_CONTROL << 3 | PB_BYTES);
    varint_append(&b, size);
    for (uint32_t i = 0; i < count; i++) {
        struct rpc_count *n = &parcel->control[items[i].kind];

        n->count += items[i].topic ? 1 : items[i].count;
        n->size += (uint32_t)item_size(p, &items[i]);
        if (items[i].bytes.size)
            continue; /* encoded already */
        if (items[i].kind == TRACE_CONTROL_GRAFT)
            rpc_append_graft(&b, topic_name(items[i].topic));
        else if (items[i].kind == TRACE_CONTROL_PRUNE)
            rpc_append_prune(&b, topic_name(items[i].topic), item_backoff_s(p, &items[i]));
    }
    CHECK(!b.overflow);
    chain_append(&parcel->bytes, buf_slice(&b));
    buf_deinit(&b);
    for (uint32_t i = 0; i < count; i++)
        if (items[i].bytes.size)
            chain_push(&parcel->bytes, items[i].bytes);
}

struct batch {
    struct post *const *posts;
    uint32_t post_count;
    const struct pending_item *items;
    uint32_t item_count;
};

static bool push_batch(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct batch batch)
{
    struct parcel *parcel = parcel_new(batch.posts, batch.post_count);
    const struct peer *p = peer_at(g, slot);
    uint8_t prefix[VARINT_SIZE_MAX];
    struct chain body;

    chain_init(&body);
    for (uint32_t i = 0; i < batch.post_count; i++)
        chain_give(&parcel->bytes, post_body(batch.posts[i]));
    if (batch.item_count)
        append_control(parcel, p, batch.items, batch.item_count);
    chain_move_all(&body, &parcel->bytes);
    chain_append(&parcel->bytes, slice_of(prefix, varint_write(prefix, body.size)));
    chain_move_all(&parcel->bytes, &body);
    chain_deinit(&body);
    return push(g, now_ns, slot, &parcel->head, SEND_NORMAL);
}

static bool fits(size_t size, size_t next, size_t size_max)
{
    return size <= size_max && next <= size_max - size;
}

/* A post alone goes as it is, several as one RPC. */
static void push_some(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                      struct post *const *posts, uint32_t count)
{
    if (count == 1)
        push(g, now_ns, slot, &post_ref(posts[0])->head, SEND_NORMAL);
    else if (count > 1)
        push_batch(g, now_ns, slot, (struct batch){posts, count, NULL, 0});
}

/* Greedily packed RPCs of posts only. */
static void push_posts(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                       struct post *const *posts, uint32_t count)
{
    uint32_t first = 0;
    size_t size = 0;

    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (i > first && !fits(size, posts[i]->frame.size, g->config.params.rpc_size_max)) {
            push_some(g, now_ns, slot, posts + first, i - first);
            first = i;
            size = 0;
        }
        size += posts[i]->frame.size;
    }
    if (count > first)
        push_some(g, now_ns, slot, posts + first, count - first);
}

/* Forgets the items of an RPC that is queued; of one that was dropped, all but GRAFT and PRUNE. */
static void settle(struct pending_item *items, uint32_t count, bool queued, struct pending *kept)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!queued && items[i].topic)
            kept->items[kept->count++] = items[i];
        else
            pending_item_free(&items[i]);
    }
}

/* Greedily packed RPCs of the pending items only, or with `posts` when everything fits into one. */
static void push_pending(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                         struct post *const *posts, uint32_t count)
{
    struct pending *q = peer_at(g, slot)->pending;
    uint32_t total = q->count, first = 0;
    size_t size = CONTROL_HEAD_MAX, size_max = g->config.params.rpc_size_max;

    q->count = 0;
    for (uint32_t i = 0; i <= total; i++) {
        size_t next = i < total ? item_size(peer_at(g, slot), &q->items[i]) : 0;

        if (i == total || (count == 0 && i > first && !fits(size, next, size_max))) {
            struct batch batch = {posts, count, q->items + first, i - first};

            settle(q->items + first, i - first, push_batch(g, now_ns, slot, batch), q);
            first = i;
            size = CONTROL_HEAD_MAX;
        }
        size += next;
    }
    if (q->count == 0)
        pending_free(g, slot);
}

static bool fits_one(const struct gossipsub *g, uint32_t slot, struct post *const *posts,
                     uint32_t count)
{
    const struct peer *p = peer_at(g, slot);
    uint64_t size = CONTROL_HEAD_MAX;

    for (uint32_t i = 0; i < count; i++)
        size += posts[i]->frame.size;
    for (uint32_t i = 0; p->pending && i < p->pending->count; i++)
        size += item_size(p, &p->pending->items[i]);
    return size <= g->config.params.rpc_size_max;
}

void send_flush(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct post *const *posts,
                uint32_t count)
{
    struct peer *p = peer_at(g, slot);

    if (!p->added)
        return; /* what is pending waits until our stream is there */
    if (p->pending)
        drop_stale(g, slot);
    if (!p->pending || !fits_one(g, slot, posts, count)) {
        push_posts(g, now_ns, slot, posts, count);
        count = 0;
    }
    if (p->pending)
        push_pending(g, now_ns, slot, posts, count);
}

void send_flush_all(struct gossipsub *g, uint64_t now_ns)
{
    for (uint32_t slot = 0; slotset_next(&g->waiting, &slot); slot++)
        send_flush(g, now_ns, slot, NULL, 0);
}

void send_post(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct post *p)
{
    if (peer_at(g, slot)->pending)
        send_flush(g, now_ns, slot, &p, 1);
    else
        push(g, now_ns, slot, &post_ref(p)->head, SEND_NORMAL);
}

void send_forget(struct gossipsub *g, uint32_t slot)
{
    struct peer *p = &g->peers[slot];

    outbox_deinit(&p->out);
    if (!p->pending)
        return;
    for (uint32_t i = 0; i < p->pending->count; i++)
        pending_item_free(&p->pending->items[i]);
    pending_free(g, slot);
}

static void trace_control(const struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                          const struct parcel *parcel)
{
    for (int i = 0; i < TRACE_CONTROL_COUNT; i++) {
        const struct rpc_count *n = &parcel->control[i];

        if (n->count)
            router_trace(g, now_ns,
                         &(struct trace_event){.kind = TRACE_CONTROL_SENT,
                                               .code = i,
                                               .peer = slot,
                                               .count = n->count,
                                               .size = n->size});
    }
}

static void trace_send(const struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                       const struct post *p)
{
    router_trace(g, now_ns,
                 &(struct trace_event){.kind = TRACE_SEND,
                                       .peer = slot,
                                       .size = p->data_size,
                                       .id = post_id(p),
                                       .topic = topic_name(p->topic)});
}

bool gossipsub_pull(struct gossipsub *g, uint64_t now_ns, uint32_t peer, struct chain *out)
{
    struct peer *p = peer_at(g, peer);
    struct frame *f = p ? outbox_pop(&p->out) : NULL;

    if (!f)
        return false;
    if (f->kind == FRAME_POST) {
        struct post *post = CONTAINER_OF(f, struct post, head);

        trace_send(g, now_ns, peer, post);
        chain_push(out, post->frame);
    } else {
        struct parcel *parcel = CONTAINER_OF(f, struct parcel, head);

        CHECK(f->refs == 1);
        for (uint32_t i = 0; i < parcel->post_count; i++)
            trace_send(g, now_ns, peer, parcel->posts[i]);
        trace_control(g, now_ns, peer, parcel);
        chain_move_all(out, &parcel->bytes);
    }
    frame_unref(f);
    return true;
}
