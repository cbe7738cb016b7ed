/* The router: receiving, validating, publishing and forwarding messages, and the clock.
 *
 * Most of what arrives are copies of messages that are known, each in an RPC of its own. Such a
 * frame is recognised by the address of its bytes (memo) without being read where the transport
 * hands on the sender's memory, else by its id; a new message keeps its frame and is forwarded as
 * that very span. */
#include "stack/gossipsub/router.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/signing.h"
#include "stack/wire/pb.h"
#include "stack/wire/varint.h"

const char *const gossipsub_protocols[] = {"/meshsub/1.3.0", "/meshsub/1.2.0", "/meshsub/1.1.0", "/meshsub/1.0.0",
                                           "/floodsub/1.0.0"};

enum gossipsub_version gossipsub_version_of(size_t protocol_index)
{
    _Static_assert(GOSSIPSUB_PROTOCOL_COUNT == GOSSIPSUB_VERSION_COUNT, "an id a version");
    CHECK(protocol_index < GOSSIPSUB_PROTOCOL_COUNT);
    return (enum gossipsub_version)(GOSSIPSUB_VERSION_COUNT - 1 - protocol_index);
}

void router_trace(const struct gossipsub *g, uint64_t now_ns, const struct trace_event *e)
{
    _Static_assert(TRACE_GOSSIPSUB == 0, "events are of this protocol unless they say otherwise");
    if (g->env.trace)
        g->env.trace(g->env.ctx, now_ns, e);
}

void router_trace_topic(const struct gossipsub *g, uint64_t now_ns, enum trace_kind kind,
                        uint32_t peer, const struct topic *t)
{
    router_trace(g, now_ns,
                 &(struct trace_event){.kind = kind, .peer = peer, .topic = topic_name(t)});
}

void router_trace_post(const struct gossipsub *g, uint64_t now_ns, enum trace_kind kind,
                       uint32_t peer, const struct post *p)
{
    router_trace(g, now_ns,
                 &(struct trace_event){.kind = kind,
                                       .peer = peer,
                                       .size = p->data_size,
                                       .id = post_id(p),
                                       .topic = topic_name(p->topic)});
}

void router_reject(struct gossipsub *g, uint64_t now_ns, const struct gossipsub_message *m, enum trace_reject why)
{
    if (g->watched)
        watch_reject(g, now_ns, m, why);
    router_trace(g, now_ns,
                 &(struct trace_event){.kind = TRACE_REJECT,
                                       .peer = m->received_from,
                                       .size = (uint32_t)m->data.size,
                                       .id = m->id,
                                       .topic = m->topic,
                                       .code = (int)why});
}

uint32_t router_choose(struct rng *r, uint32_t *items, uint32_t count, uint32_t want)
{
    if (want > count)
        want = count;
    for (uint32_t i = 0; i < want && i + 1 < count; i++) {
        uint32_t j = i + (uint32_t)rng_below(r, count - i), swap = items[i];

        items[i] = items[j];
        items[j] = swap;
    }
    return want;
}

/* Charges work; when it will be done. */
static uint64_t charge(const struct gossipsub *g, uint64_t now_ns, unsigned works, size_t size)
{
    return g->env.charge ? g->env.charge(g->env.ctx, works, size) : now_ns;
}

/* What it takes to read a message and to know whether it is a new one. */
static void charge_reading(const struct gossipsub *g, size_t size)
{
    bool hashed = g->config.message_id == gossipsub_id_sha256 || g->config.message_id == gossipsub_id_blake2b256 ||
                  g->config.message_id == gossipsub_id_eth2;

    g->env.charge(g->env.ctx, WORK_PARSE | (hashed ? WORK_HASH : 0), size);
}

static unsigned judging(const struct gossipsub *g)
{
    return WORK_VALIDATE | (g->config.signing == GOSSIPSUB_STRICT_SIGN ? WORK_VERIFY : 0);
}

struct gossipsub *gossipsub_new(const struct gossipsub_config *config,
                                const struct gossipsub_env *env, uint64_t now_ns)
{
    struct gossipsub *g = mem_zalloc(sizeof *g);
    struct rng keys;

    CHECK(gossipsub_params_check(&config->params) == NULL);
    CHECK(config->signing != GOSSIPSUB_STRICT_NO_AUTHOR ||
          config->message_id != gossipsub_id_default); /* all messages would have the same id */
    g->config = *config;
    g->env = *env;
    g->seqno_next = config->seqno_first;
    rng_init(&g->rng_mesh, config->seed, "mesh");
    rng_init(&g->rng_fanout, config->seed, "fanout");
    rng_init(&g->rng_gossip, config->seed, "gossip");
    rng_init(&g->rng_announce, config->seed, "announce");
    rng_init(&g->rng_exchange, config->seed, "exchange");
    rng_init(&g->rng_promise, config->seed, "promise");
    rng_init(&keys, config->seed, "hash");
    rng_fill(&keys, g->hash_key, sizeof g->hash_key);
    g->own_key = peer_key_of(g, peerid_slice(&config->identity->id));
    topics_init(&g->topics, rng_next(&keys));
    map_init(&g->authors, rng_next(&keys));
    seen_init(&g->seen, config->params.seen_ttl_ns, now_ns);
    mcache_init(&g->mcache, config->params.history_length);
    g->heartbeat_at_ns = now_ns + config->params.heartbeat_initial_delay_ns;
    g->direct_at_ns = now_ns + config->params.direct_connect_initial_delay_ns;
    idontwant_peers_changed(g);
    watch_init(g, now_ns);
    return g;
}

void gossipsub_free(struct gossipsub *g)
{
    if (!g)
        return;
    for (uint32_t slot = 0; slot < g->peer_capacity; slot++)
        if (peer_at(g, slot))
            send_forget(g, slot);
    for (uint32_t i = 0; i < g->validation_count; i++)
        post_unref(validation_at(g, i)->post);
    for (uint32_t i = 0; i < g->announce_count; i++)
        topic_unpin(g->announces[i].topic);
    memo_deinit(&g->memo);
    mcache_deinit(&g->mcache);
    seen_deinit(&g->seen);
    partial_deinit(g);
    topics_free_all(&g->topics);
    slotset_deinit(&g->added);
    slotset_deinit(&g->outbound);
    slotset_deinit(&g->direct);
    slotset_deinit(&g->waiting);
    slotset_deinit(&g->floodsub);
    slotset_deinit(&g->idontwant);
    idontwant_deinit(g);
    watch_deinit(g);
    map_deinit(&g->authors);
    mem_free(g->directs);
    mem_free(g->blacklist);
    mem_free(g->validations);
    mem_free(g->announces);
    mem_free(g->peers);
    mem_free(g);
}

/* Who a message never goes to: its author, and whom we had it from. */
struct route {
    uint32_t received_from;
    uint64_t author_key; /* 0: it names none */
};

static bool may_publish_to(const struct gossipsub *g, uint32_t slot)
{
    return !g->score || watch_score(g, slot) >= g->config.score->publish_threshold;
}

static void forward_to(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct post *p,
                       const struct route *route)
{
    if (slot == route->received_from || !slotset_has(&g->added, slot))
        return;
    if ((p->topic->partial & TOPIC_PARTIAL_ABLE) && topic_wants_parts(p->topic, slot) &&
        extensions_shared(g, slot, GOSSIPSUB_EXTENSION_PARTIAL))
        return; /* it asked for parts instead */
    if (!route->author_key || g->peers[slot].key != route->author_key)
        send_post(g, now_ns, slot, p);
}

/* They will be written to: all of that memory is cold, but it can come all at once. */
static void hint_peers(const struct gossipsub *g, const struct slotset *slots, unsigned step)
{
    for (uint32_t slot = 0; slotset_next(slots, &slot); slot++) {
        if (step == 0)
            fetch_line_to_write(&g->peers[slot]);
        if (g->env.may_write)
            g->env.may_write(g->env.ctx, slot, step);
    }
}

/* Those who get every message of their topics, beside the mesh: direct peers, and those who speak FloodSub only. */
static void forward_beside(struct gossipsub *g, uint64_t now_ns, struct post *p, const struct route *route,
                           const struct slotset *chosen)
{
    const struct topic *t = p->topic;

    for (uint32_t slot = 0; slotset_next(&g->direct, &slot); slot++)
        if (slotset_has(&t->peers, slot) && !slotset_has(chosen, slot))
            forward_to(g, now_ns, slot, p, route);
    for (uint32_t slot = 0; slotset_next(&g->floodsub, &slot); slot++)
        if (slotset_has(&t->peers, slot) && !slotset_has(&g->direct, slot) && may_publish_to(g, slot))
            forward_to(g, now_ns, slot, p, route);
}

/* Our own message, to everyone in the topic. */
static void flood(struct gossipsub *g, uint64_t now_ns, struct post *p, const struct route *route)
{
    for (uint32_t slot = 0; slotset_next(&p->topic->peers, &slot); slot++)
        if (slotset_has(&g->direct, slot) || may_publish_to(g, slot))
            forward_to(g, now_ns, slot, p, route);
}

static bool is_withheld(struct gossipsub *g, uint64_t now_ns, uint32_t slot, const struct post *p)
{
    if (!idontwant_told(g, slot, &p->key))
        return false;
    router_trace_post(g, now_ns, TRACE_WITHHOLD, slot, p);
    return true;
}

static void forward(struct gossipsub *g, uint64_t now_ns, struct post *p, const struct route *route)
{
    struct topic *t = p->topic;
    const struct slotset *chosen = t->joined ? &t->mesh : &t->fanout;

    if (slotset_empty(&t->peers))
        return;
    if (p->own && g->config.params.flood_publish) {
        flood(g, now_ns, p, route);
        return;
    }
    if (!t->joined)
        mesh_fanout(g, now_ns, t);
    for (unsigned step = 0; step < 3; step++)
        hint_peers(g, chosen, step);
    for (uint32_t slot = 0; slotset_next(chosen, &slot); slot++)
        if (!g->unwanted_capacity || !is_withheld(g, now_ns, slot, p))
            forward_to(g, now_ns, slot, p, route);
    if (!slotset_empty(&g->direct) || !slotset_empty(&g->floodsub))
        forward_beside(g, now_ns, p, route, chosen);
}

void router_accept(struct gossipsub *g, uint64_t now_ns, struct post *p, struct gossipsub_message *m)
{
    struct route route = {m->received_from, 0};

    if (m->from.size && !p->own)
        route.author_key = peer_key_of(g, m->from);
    mcache_put(&g->mcache, p);
    if (g->watched)
        watch_deliver(g, now_ns, m->received_from, p);
    if (p->topic->joined)
        router_trace_post(g, now_ns, TRACE_DELIVER, m->received_from, p);
    forward(g, now_ns, p, &route);
    if (p->topic->joined && g->env.deliver)
        g->env.deliver(g->env.ctx, now_ns, m);
}

static uint64_t validation_delay_ns(const struct gossipsub *g, const struct topic *t)
{
    return t->validation_delay_ns == TOPIC_DELAY_NONE ? g->config.validation_delay_ns
                                                      : t->validation_delay_ns;
}

/* Whether these very bytes are a message that we have: then it passed every check that a duplicate
 * would meet. */
static bool is_memoised_copy(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                             const struct span *frame)
{
    const struct post *p = memo_find(&g->memo, frame->data, frame->size);

    if (!p || p->seen_until <= seen_tick(&g->seen, now_ns))
        return false;
    if (g->env.charge)
        charge_reading(g, frame->size); /* the shortcut is ours, not that of whom we stand for */
    if (p->topic->joined) {
        if (g->watched)
            watch_duplicate(g, now_ns, slot, p->topic, &p->key);
        router_trace_post(g, now_ns, TRACE_DUPLICATE, slot, p);
    }
    return true;
}

/* Why a message that is not a duplicate is refused, in go's order; false: it is not. */
static bool is_refused(struct gossipsub *g, const struct gossipsub_message *m, struct slice message,
                       const struct span *frame, enum trace_reject *why)
{
    if (g->validation_count >= g->config.params.validation_queue_max) {
        *why = TRACE_REJECT_QUEUE_FULL; /* not marked as seen: a later copy may get through */
        return true;
    }
    *why = TRACE_REJECT_INVALID_SIGNATURE;
    return g->config.signing == GOSSIPSUB_STRICT_SIGN && !signing_known(frame, message, m) &&
           !signing_verify(message, m);
}

static bool is_blacklisted(const struct gossipsub *g, uint64_t key)
{
    for (uint32_t i = 0; i < g->blacklist_count; i++)
        if (g->blacklist[i] == key)
            return true;
    return false;
}

/* What is wrong with the message by itself, before we look whether we know it. */
static bool is_unwelcome(const struct gossipsub *g, const struct gossipsub_message *m,
                         enum trace_reject *why)
{
    *why = TRACE_REJECT_BLACKLISTED;
    if (g->blacklist_count && (is_blacklisted(g, g->peers[m->received_from].key) ||
                               (m->from.size && is_blacklisted(g, peer_key_of(g, m->from)))))
        return true;
    if (!signing_allows(g->config.signing, m, why))
        return true;
    *why = TRACE_REJECT_SELF_ORIGIN;
    return slice_equal(m->from, peerid_slice(&g->config.identity->id));
}

/* The frame of exactly this message: the one it came in, or one made for it. */
static struct span frame_of(const struct span *frame, struct slice message)
{
    uint8_t head[3 * VARINT_SIZE_MAX];
    size_t size = varint_write(head, pb_bytes_size(RPC_FIELD_PUBLISH, message.size));
    struct blob *b;

    if (frame)
        return span_keep(*frame);
    size += pb_write_bytes_head(head + size, RPC_FIELD_PUBLISH, message.size);
    b = blob_new(size + message.size);
    memcpy(b->data, head, size);
    if (message.size)
        memcpy(b->data + size, message.data, message.size);
    return span_give(b);
}

/* A message that is neither known nor refused. */
static void take_in(struct gossipsub *g, uint64_t now_ns, struct topic *t,
                    struct gossipsub_message *m, const struct seen_key *key)
{
    struct post *p = post_new(t, m->frame, m);
    uint64_t judged_ns = charge(g, now_ns, judging(g), m->data.size) + validation_delay_ns(g, t);

    p->key = *key;
    p->seen_until = seen_insert(&g->seen, now_ns, key);
    memo_put(&g->memo, p);
    router_trace_post(g, now_ns, TRACE_ARRIVE, m->received_from, p);
    if (g->watched)
        watch_validate(g, now_ns, p);
    validation_start(g, now_ns, p, m, judged_ns);
    post_unref(p);
}

/* One message. `frame` is the framed RPC when it carries nothing else, else NULL. */
static int receive_message(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                           struct slice message, const struct span *frame)
{
    uint8_t id[GOSSIPSUB_ID_MAX];
    struct gossipsub_message m;
    enum trace_reject why;
    struct seen_key key;
    struct topic *t;
    int err = rpc_message_read(message, &m);

    if (err != ERR_OK)
        return err;
    t = topic_find(&g->topics, m.topic);
    if (!t || !t->joined)
        return ERR_OK;
    m.received_from = slot;
    m.id = slice_of(NULL, 0);
    if (m.from.size > PEERID_SIZE_MAX || m.seqno.size > GOSSIPSUB_SEQNO_MAX) {
        router_reject(g, now_ns, &m, TRACE_REJECT_MALFORMED);
        return ERR_OK;
    }
    m.id = slice_of(id, g->config.message_id(&m, id));
    if (is_unwelcome(g, &m, &why)) {
        router_reject(g, now_ns, &m, why);
        return ERR_OK;
    }
    key = seen_key_of(g->hash_key, m.id);
    if (seen_has(&g->seen, now_ns, &key)) {
        if (g->watched)
            watch_duplicate(g, now_ns, slot, t, &key);
        router_trace(g, now_ns,
                     &(struct trace_event){.kind = TRACE_DUPLICATE,
                                           .peer = slot,
                                           .size = (uint32_t)m.data.size,
                                           .id = m.id,
                                           .topic = topic_name(t)});
        return ERR_OK;
    }
    if (frame && m.data.size >= g->announced_size)
        idontwant_announce(g, now_ns, t, slot, &m.id, 1);
    if (is_refused(g, &m, message, frame, &why)) {
        if (why == TRACE_REJECT_INVALID_SIGNATURE)
            charge(g, now_ns, WORK_VERIFY, m.data.size);
        router_reject(g, now_ns, &m, why);
        return ERR_OK;
    }
    m.frame = frame_of(frame, message);
    take_in(g, now_ns, t, &m, &key);
    return ERR_OK;
}

static void trace_received(const struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                           const struct rpc_summary *s)
{
    for (int i = 0; i < TRACE_CONTROL_COUNT; i++)
        if (s->control[i].size)
            router_trace(g, now_ns,
                         &(struct trace_event){.kind = TRACE_CONTROL_RECEIVED,
                                               .code = i,
                                               .peer = slot,
                                               .count = s->control[i].count,
                                               .size = s->control[i].size});
}

static int receive_rpc(struct gossipsub *g, uint64_t now_ns, uint32_t slot, struct slice rpc, enum admission admitted)
{
    struct rpc_walk w = rpc_walk_of(rpc);
    struct rpc_summary s;
    struct slice message;
    int err = rpc_check(rpc, &s);

    if (err != ERR_OK)
        return err;
    trace_received(g, now_ns, slot, &s);
    if (!peer_subscriptions(g, slot, rpc, s.control[TRACE_CONTROL_SUBSCRIBE].count))
        return ERR_OK;
    charge(g, now_ns, WORK_PARSE, s.publishes ? 0 : rpc.size);
    if (admitted == ADMIT_NOTHING)
        return ERR_OK;
    if (s.publishes && admitted == ADMIT_ALL && g->announced_size != UINT32_MAX)
        idontwant_announce_rpc(g, now_ns, slot, rpc);
    while (s.publishes && admitted == ADMIT_ALL && rpc_next_publish(&w, &message)) {
        if (g->env.charge)
            charge_reading(g, message.size);
        CHECK(receive_message(g, now_ns, slot, message, NULL) == ERR_OK);
    }
    if (g->config.extensions)
        extensions_receive(g, now_ns, slot, rpc, &s);
    if (s.has_control)
        gossip_receive(g, now_ns, slot, rpc);
    return ERR_OK;
}

static int receive_frame(struct gossipsub *g, uint64_t now_ns, uint32_t slot,
                         const struct span *frame, size_t prefix, enum admission admitted)
{
    struct slice rpc = slice_of(frame->data + prefix, frame->size - prefix), message;

    if (!rpc_sole_publish(rpc, &message))
        return receive_rpc(g, now_ns, slot, rpc, admitted);
    if (g->config.extensions && admitted != ADMIT_NOTHING)
        extensions_heard(g, now_ns, slot, 0);
    if (admitted != ADMIT_ALL)
        return ERR_OK;
    if (g->env.charge)
        charge_reading(g, frame->size);
    return receive_message(g, now_ns, slot, message, frame);
}

/* The size of the frame at the front and of its prefix: 1, 0 when it is not complete, or an error.
 */
static int front_frame(const struct gossipsub *g, const struct chain *in, size_t *frame,
                       size_t *prefix)
{
    struct slice front = chain_front(in);
    uint8_t copy[VARINT_SIZE_MAX];
    uint64_t size = 0;
    int read;

    if (front.size < sizeof copy && front.size < in->size) {
        front = slice_of(copy, in->size < sizeof copy ? in->size : sizeof copy);
        chain_peek(in, 0, copy, front.size);
    }
    read = varint_read(front, &size);
    if (read < 0)
        return read;
    if (read > 0 && size > g->config.params.rpc_size_max)
        return ERR_TOO_LARGE;
    *prefix = (size_t)read;
    *frame = *prefix + (size_t)size;
    return read > 0 && *frame <= in->size;
}

int gossipsub_feed(struct gossipsub *g, uint64_t now_ns, uint32_t peer, const struct peerid *id,
                   struct chain *in)
{
    size_t size, prefix;
    int more;

    peer_open(g, peer, id)->inbound = true;
    while ((more = front_frame(g, in, &size, &prefix)) > 0) {
        struct span frame = chain_take(in, size);
        enum admission admitted = ADMIT_ALL;
        int err = ERR_OK;

        if (g->watched)
            admitted = watch_admits(g, now_ns, peer);
        if (admitted != ADMIT_ALL || !is_memoised_copy(g, now_ns, peer, &frame))
            err = receive_frame(g, now_ns, peer, &frame, prefix, admitted);
        span_unref(frame);
        if (err != ERR_OK)
            return err;
    }
    return more;
}

void gossipsub_expect(const struct gossipsub *g, uint32_t peer, const uint8_t *frame, unsigned step)
{
    const char *lines = (const char *)g;

    if (step == 0) {
        fetch_line(lines);
        fetch_line(lines + 64);
        fetch_line(lines + 128);
        return;
    }
    if (step == 1 && peer < g->peer_capacity)
        fetch_line(&g->peers[peer]);
    memo_expect(&g->memo, frame, step);
}

void gossipsub_subscribe(struct gossipsub *g, uint64_t now_ns, struct slice topic)
{
    struct topic *t = topic_get(&g->topics, topic);

    if (t->joined)
        return;
    t->joined = true;
    router_trace_topic(g, now_ns, TRACE_JOIN, TRACE_NO_PEER, t);
    peer_announce(g, now_ns, t);
    mesh_join(g, now_ns, t);
}

void gossipsub_retell(const struct gossipsub *g, uint64_t now_ns)
{
    struct topic *t;

    for (uint32_t at = 0; topic_next(&g->topics, &at, &t);)
        if (t->joined)
            router_trace_topic(g, now_ns, TRACE_JOIN, TRACE_NO_PEER, t);
}

void gossipsub_unsubscribe(struct gossipsub *g, uint64_t now_ns, struct slice topic)
{
    struct topic *t = topic_find(&g->topics, topic);

    if (!t || !t->joined)
        return;
    t->joined = false;
    router_trace_topic(g, now_ns, TRACE_LEAVE, TRACE_NO_PEER, t);
    peer_announce(g, now_ns, t);
    mesh_leave(g, now_ns, t);
    topic_release(t);
}

void gossipsub_validation_delay(struct gossipsub *g, struct slice topic, uint64_t delay_ns)
{
    CHECK(topic.size <= TOPIC_SIZE_MAX && delay_ns <= GOSSIPSUB_DELAY_MAX_NS);
    topic_get(&g->topics, topic)->validation_delay_ns = delay_ns;
}

void gossipsub_validation_default(struct gossipsub *g, uint64_t delay_ns)
{
    CHECK(delay_ns <= GOSSIPSUB_DELAY_MAX_NS);
    g->config.validation_delay_ns = delay_ns;
}

int gossipsub_publish(struct gossipsub *g, uint64_t now_ns, struct slice topic, struct span data)
{
    uint8_t id[GOSSIPSUB_ID_MAX];
    struct gossipsub_message m;
    struct seen_key key;
    struct span frame;
    struct post *p;

    if (topic.size > TOPIC_SIZE_MAX)
        return ERR_INVALID;
    frame = signing_compose(&g->config, topic, span_slice(data), g->seqno_next++);
    if (frame.size == 0)
        return ERR_TOO_LARGE;
    post_frame_read(frame, &m);
    m.id = slice_of(id, g->config.message_id(&m, id));
    key = seen_key_of(g->hash_key, m.id);
    if (seen_has(&g->seen, now_ns, &key)) {
        span_unref(frame);
        return ERR_DUPLICATE;
    }
    if (g->config.signing == GOSSIPSUB_STRICT_SIGN)
        charge(g, now_ns, WORK_SIGN, data.size);
    p = post_new(topic_get(&g->topics, topic), frame, &m);
    p->own = true;
    p->key = key;
    p->seen_until = seen_insert(&g->seen, now_ns, &key);
    if (!m.from.data) /* nobody can tell an echo by its author: it is a duplicate as any other */
        memo_put(&g->memo, p);
    router_trace_post(g, now_ns, TRACE_PUBLISH, TRACE_NO_PEER, p);
    if (p->topic->joined && p->data_size >= g->announced_size)
        idontwant_announce(g, now_ns, p->topic, TRACE_NO_PEER, &m.id, 1);
    router_accept(g, now_ns, p, &m);
    post_unref(p);
    return ERR_OK;
}

uint64_t gossipsub_deadline(const struct gossipsub *g)
{
    uint64_t deadline_ns = peer_announce_deadline(g);

    if (g->validation_count && validation_at(g, 0)->deadline_ns < deadline_ns)
        deadline_ns = validation_at(g, 0)->deadline_ns;
    if (g->watched && watch_deadline(g) < deadline_ns)
        deadline_ns = watch_deadline(g);
    if (g->direct_count && g->env.connect && g->direct_at_ns < deadline_ns)
        deadline_ns = g->direct_at_ns;
    return g->heartbeat_at_ns < deadline_ns ? g->heartbeat_at_ns : deadline_ns;
}

void gossipsub_tick(struct gossipsub *g, uint64_t now_ns)
{
    while (g->validation_count && validation_at(g, 0)->deadline_ns <= now_ns)
        validation_end(g, now_ns);
    if (peer_announce_deadline(g) <= now_ns)
        peer_announce_again(g, now_ns);
    if (g->watched)
        watch_tick(g, now_ns);
    if (g->direct_count && g->direct_at_ns <= now_ns)
        peer_connect_directs(g);
    if (g->heartbeat_at_ns > now_ns)
        return;
    g->heartbeat_at_ns += g->config.params.heartbeat_interval_ns;
    if (g->heartbeat_at_ns <= now_ns) /* late by more than one: missed beats are not made up for */
        g->heartbeat_at_ns = now_ns + g->config.params.heartbeat_interval_ns;
    heartbeat_run(g, now_ns);
}

uint32_t gossipsub_mesh_size(const struct gossipsub *g, struct slice topic)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found ? slotset_count(&((const struct topic *)(uintptr_t)*found)->mesh) : 0;
}

uint32_t gossipsub_fanout_size(const struct gossipsub *g, struct slice topic)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found ? slotset_count(&((const struct topic *)(uintptr_t)*found)->fanout) : 0;
}

uint64_t gossipsub_backoff(const struct gossipsub *g, struct slice topic, const struct peerid *id)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found ? topic_backoff((const struct topic *)(uintptr_t)*found, peer_key_of(g, peerid_slice(id))) : 0;
}

bool gossipsub_enough_peers(const struct gossipsub *g, struct slice topic, uint32_t want)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);
    const struct topic *t = found ? (const struct topic *)(uintptr_t)*found : NULL;
    uint32_t mesh = t ? slotset_count(&t->mesh) : 0, flood = 0;

    for (uint32_t slot = 0; t && slotset_next(&g->floodsub, &slot); slot++)
        flood += slotset_has(&t->peers, slot);
    return t && (mesh + flood >= (want ? want : g->config.params.d_lo) || mesh >= g->config.params.d_hi);
}

bool gossipsub_mesh_has(const struct gossipsub *g, struct slice topic, uint32_t peer)
{
    const uint64_t *found = map_find(&g->topics.by_name, topic);

    return found && slotset_has(&((const struct topic *)(uintptr_t)*found)->mesh, peer);
}
