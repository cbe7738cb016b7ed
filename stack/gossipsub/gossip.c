/* Lazy gossip: IHAVE at heartbeats, IWANT for what is missing, answers from the message cache. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

#define ID_BATCH 16
#define ITEM_HEAD_MAX 32 /* tags and lengths of an item, of its topic and around it in an RPC */

void gossip_begin(struct gossipsub *g)
{
    uint32_t count = mcache_recent_count(&g->mcache, g->config.params.history_gossip);

    for (uint32_t age = 0; age < count; age++) {
        struct post *p = mcache_recent(&g->mcache, age);

        p->gossip_next = p->topic->gossip;
        p->topic->gossip = p;
    }
}

void gossip_end(struct gossipsub *g)
{
    uint32_t count = mcache_recent_count(&g->mcache, g->config.params.history_gossip);

    for (uint32_t age = 0; age < count; age++)
        mcache_recent(&g->mcache, age)->topic->gossip = NULL;
}

/* Ids on their way into IHAVE or IWANT items. */
struct ids {
    struct slice *items;
    uint32_t count;
};

static struct span finish_item(struct buf *body, enum trace_control kind)
{
    struct blob *b = blob_new(pb_bytes_size(kind, body->size));
    size_t head = pb_write_bytes_head(b->data, kind, body->size);

    memcpy(b->data + head, body->data, body->size);
    buf_clear(body);
    return span_give(b);
}

/* One item of as many of the ids from `*first` on as an RPC can take; *first moves behind them. */
static struct span encode_item(const struct gossipsub *g, enum trace_control kind,
                               struct slice topic, const struct ids *ids, uint32_t *first)
{
    uint32_t number = kind == TRACE_CONTROL_IHAVE ? RPC_IHAVE_IDS : RPC_IWANT_IDS;
    size_t size_max = g->config.params.rpc_size_max - ITEM_HEAD_MAX;
    struct span item;
    struct buf b;

    buf_init(&b, size_max);
    if (kind == TRACE_CONTROL_IHAVE)
        pb_append_bytes(&b, 1, topic);
    do {
        pb_append_bytes(&b, number, ids->items[(*first)++]);
    } while (*first < ids->count &&
             pb_bytes_size(number, ids->items[*first].size) <= size_max - b.size);
    CHECK(!b.overflow);
    item = finish_item(&b, kind);
    buf_deinit(&b);
    return item;
}

static void send_all_ids(struct gossipsub *g, const uint32_t *slots, uint32_t slot_count,
                         struct slice topic, const struct ids *ids)
{
    for (uint32_t first = 0; first < ids->count;) {
        uint32_t begin = first;
        struct span item = encode_item(g, TRACE_CONTROL_IHAVE, topic, ids, &first);

        for (uint32_t i = 0; i < slot_count; i++)
            send_ids(g, slots[i], TRACE_CONTROL_IHAVE, span_ref(item), first - begin);
        span_unref(item);
    }
}

static void swap_ids(struct slice *ids, uint32_t a, uint32_t b)
{
    struct slice swap = ids[a];

    ids[a] = ids[b];
    ids[b] = swap;
}

/* A random `want` of the ids, in random order, moved to the front. */
static void choose_ids(struct rng *r, struct ids *ids, uint32_t want)
{
    for (uint32_t i = 0; i < want && i + 1 < ids->count; i++)
        swap_ids(ids->items, i, i + (uint32_t)rng_below(r, ids->count - i));
}

static struct ids recent_ids(const struct topic *t)
{
    struct ids ids = {NULL, 0};

    for (const struct post *p = t->gossip; p; p = p->gossip_next)
        ids.count++;
    ids.items = mem_grow(NULL, ids.count, sizeof *ids.items);
    ids.count = 0;
    for (const struct post *p = t->gossip; p; p = p->gossip_next)
        ids.items[ids.count++] = post_id(p);
    return ids;
}

/* How many of `count` candidates are gossiped to. */
static uint32_t gossip_target(const struct gossipsub_params *p, uint32_t count)
{
    uint32_t part = (uint32_t)((uint64_t)count * p->gossip_factor_ppm / 1000000);

    return part > p->d_lazy ? part : p->d_lazy;
}

static bool may_gossip_with(const struct gossipsub *g, uint32_t slot)
{
    return !g->score || watch_score(g, slot) >= g->config.score->gossip_threshold;
}

/* IHAVE about the topic's recent messages to these peers. */
static void tell_recent(struct gossipsub *g, struct topic *t, const uint32_t *slots, uint32_t count)
{
    uint32_t most = g->config.params.max_ihave_length;
    struct ids ids = recent_ids(t);

    if (ids.count <= most)
        send_all_ids(g, slots, count, topic_name(t), &ids);
    for (uint32_t i = 0; i < count && ids.count > most; i++) { /* each a choice of its own */
        choose_ids(&g->rng_gossip, &ids, most);
        send_all_ids(g, &slots[i], 1, topic_name(t), &(struct ids){ids.items, most});
    }
    mem_free(ids.items);
}

void gossip_emit(struct gossipsub *g, uint64_t now_ns, struct topic *t, const struct slotset *exclude)
{
    uint32_t count = 0, parts = 0, *slots;

    if ((!t->gossip && !(t->partial && g->partial)) || slotset_empty(&t->peers))
        return;
    slots = mem_grow(NULL, slotset_count(&t->peers), sizeof *slots);
    for (uint32_t slot = 0; slotset_next(&t->peers, &slot); slot++)
        if (slotset_has(&g->added, slot) && !slotset_has(exclude, slot) &&
            !slotset_has(&g->direct, slot) && !slotset_has(&g->floodsub, slot) && may_gossip_with(g, slot))
            slots[count++] = slot;
    count = router_choose(&g->rng_gossip, slots, count, gossip_target(&g->config.params, count));
    if (t->partial)
        parts = partial_split(g, t, slots, count);
    if (t->gossip)
        tell_recent(g, t, slots + parts, count - parts);
    if (parts)
        partial_gossip(g, now_ns, t, slots, parts);
    mem_free(slots);
}

/* Some ids of an item and their keys. Looking one up is a cache miss as a rule, so they are worked out first and
 * fetched together. */
struct id_batch {
    uint32_t count;
    struct slice ids[ID_BATCH];
    struct seen_key keys[ID_BATCH];
};

/* The next ids, at most `most`; ids that nobody can have are left out but counted. How many were read. */
static uint32_t read_ids(const struct gossipsub *g, struct cursor *c, uint32_t most, struct id_batch *b)
{
    uint32_t read = 0;
    struct slice id;

    b->count = 0;
    for (; read < most && b->count < ID_BATCH && rpc_next_bytes(c, RPC_IHAVE_IDS, &id); read++) {
        if (id.size > GOSSIPSUB_ID_MAX)
            continue;
        b->ids[b->count] = id;
        b->keys[b->count] = seen_key_of(g->hash_key, id);
        seen_expect(&g->seen, &b->keys[b->count++]);
    }
    return read;
}

struct wanted { /* ids that we lack, each once */
    struct ids ids;
    uint32_t capacity;
    struct seen listed;
};

static void want_missing(struct gossipsub *g, uint64_t now_ns, const struct id_batch *b, struct wanted *w)
{
    for (uint32_t i = 0; i < b->count && w->ids.count < g->config.params.max_ihave_length; i++) {
        if (seen_has(&g->seen, now_ns, &b->keys[i]) || seen_has(&w->listed, now_ns, &b->keys[i]))
            continue;
        seen_insert(&w->listed, now_ns, &b->keys[i]);
        if (w->ids.count == w->capacity) {
            w->capacity = w->capacity ? w->capacity * 2 : 16;
            w->ids.items = mem_grow(w->ids.items, w->capacity, sizeof *w->ids.items);
        }
        w->ids.items[w->ids.count++] = b->ids[i];
    }
}

/* The ids in the RPC's IHAVEs that we lack, each once, max_ihave_length of them at most. */
static struct ids missing_ids(struct gossipsub *g, uint64_t now_ns, struct slice rpc)
{
    uint32_t most = g->config.params.max_ihave_length;
    struct rpc_walk walk = rpc_walk_of(rpc);
    struct wanted w = {.capacity = 0};
    struct id_batch batches[2];
    struct slice item;

    seen_init(&w.listed, g->config.params.seen_ttl_ns, now_ns);
    while (rpc_next_control(&walk, TRACE_CONTROL_IHAVE, &item)) {
        struct topic *t = topic_find(&g->topics, rpc_item_topic(item));
        struct cursor c = cursor_of(item);
        uint32_t left = t && t->joined ? most : 0, read = read_ids(g, &c, left, &batches[0]);

        for (unsigned turn = 0; read > 0 && w.ids.count < most; turn = !turn) { /* the next ones come while these are looked up */
            left -= read;
            read = read_ids(g, &c, left, &batches[!turn]);
            want_missing(g, now_ns, &batches[turn], &w);
        }
    }
    seen_deinit(&w.listed);
    return w.ids;
}

static void receive_ihave(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc)
{
    const struct gossipsub_params *params = &g->config.params;
    struct peer *p = peer_at(g, slot);
    struct ids ids;

    peer_is_new_in_heartbeat(g, p);
    p->ihave_rpcs++; /* go counts every RPC with a control field */
    if (p->ihave_rpcs > params->max_ihave_messages || p->ihave_asked >= params->max_ihave_length ||
        !p->added)
        return;
    ids = missing_ids(g, now_ns, rpc);
    if (ids.count) {
        uint32_t most = params->max_ihave_length - p->ihave_asked, first = 0;
        uint32_t want = ids.count < most ? ids.count : most;

        choose_ids(&g->rng_gossip, &ids, want);
        ids.count = want;
        watch_promise(g, now_ns, slot, ids.items, want);
        p->ihave_asked += want;
        while (first < want) {
            uint32_t begin = first;
            struct span item = encode_item(g, TRACE_CONTROL_IWANT, slice_of(NULL, 0), &ids, &first);

            send_ids(g, slot, TRACE_CONTROL_IWANT, item, first - begin);
        }
    }
    mem_free(ids.items);
}

/* The cached messages that the RPC's IWANTs name, each once; counts what the peer has asked for. */
static struct post **wanted_posts(struct gossipsub *g, uint32_t slot, struct slice rpc,
                                  uint32_t *count)
{
    uint32_t capacity = 0, mark = ++g->mark;
    uint64_t peer_key = peer_at(g, slot)->key;
    struct rpc_walk w = rpc_walk_of(rpc);
    struct post **posts = NULL;
    struct slice item, id;

    *count = 0;
    while (rpc_next_control(&w, TRACE_CONTROL_IWANT, &item)) {
        struct cursor c = cursor_of(item);

        while (rpc_next_bytes(&c, RPC_IWANT_IDS, &id)) {
            struct seen_key key;
            struct post *p;

            if (id.size > GOSSIPSUB_ID_MAX)
                continue;
            key = seen_key_of(g->hash_key, id);
            if (g->unwanted_capacity && idontwant_told(g, slot, &key))
                continue;
            p = mcache_find(&g->mcache, &key);
            if (!p || post_answer_count(p, peer_key) > g->config.params.gossip_retransmission ||
                p->mark == mark)
                continue;
            p->mark = mark;
            if (*count == capacity) {
                capacity = capacity ? capacity * 2 : 8;
                posts = mem_grow(posts, capacity, sizeof(struct post *));
            }
            posts[(*count)++] = p;
        }
    }
    return posts;
}

void gossip_receive(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc)
{
    struct post **posts = NULL;
    uint32_t count = 0;

    if (may_gossip_with(g, slot)) {
        receive_ihave(g, now_ns, slot, rpc);
        posts = wanted_posts(g, slot, rpc, &count);
    }
    mesh_receive(g, now_ns, slot, rpc);
    idontwant_receive(g, slot, rpc);
    send_flush(g, now_ns, slot, posts, count);
    mem_free(posts);
}
