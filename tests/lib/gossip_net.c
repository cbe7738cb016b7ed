/* Routers in memory. */
#include "tests/lib/gossip_net.h"

#include "stack/base/err.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"
#include "stack/wire/varint.h"
#include "tests/lib/test.h"

enum event_kind { EVENT_WRITE, EVENT_BYTES };

struct gossip_event {
    uint64_t at_ns, sequence;
    enum event_kind kind;
    uint32_t node, slot;
    struct chain bytes;
};

static bool before(const struct gossip_event *a, const struct gossip_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void schedule(struct gossip_net *net, struct gossip_event e)
{
    uint32_t at = net->event_count++;

    if (net->event_count > net->event_capacity) {
        net->event_capacity = net->event_capacity ? net->event_capacity * 2 : 64;
        net->events = mem_grow(net->events, net->event_capacity, sizeof *net->events);
    }
    e.sequence = net->sequence++;
    for (; at > 0 && before(&e, &net->events[(at - 1) / 2]); at = (at - 1) / 2)
        net->events[at] = net->events[(at - 1) / 2];
    net->events[at] = e;
}

static struct gossip_event next_event(struct gossip_net *net)
{
    struct gossip_event first = net->events[0], last = net->events[--net->event_count];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < net->event_count) {
        if (child + 1 < net->event_count && before(&net->events[child + 1], &net->events[child]))
            child++;
        if (!before(&net->events[child], &last))
            break;
        net->events[at] = net->events[child];
        at = child;
    }
    net->events[at] = last;
    return first;
}

static void on_wants_write(void *ctx, uint32_t peer)
{
    struct gossip_node *n = ctx;

    assert_true(peer < n->slot_count);
    if (n->peers[peer].node == UINT32_MAX || n->peers[peer].writing)
        return;
    n->peers[peer].writing = true;
    schedule(n->net,
             (struct gossip_event){
                 .at_ns = n->net->now_ns, .kind = EVENT_WRITE, .node = n->index, .slot = peer});
}

static enum gossipsub_verdict on_validate(void *ctx, const struct gossipsub_message *m)
{
    struct gossip_node *n = ctx;

    assert_true(m->frame.size > m->data.size);
    return n->verdict;
}

static void on_deliver(void *ctx, uint64_t now_ns, const struct gossipsub_message *m)
{
    struct gossip_node *n = ctx;

    uint32_t number = m->data.size >= 4 ? load_be32(m->data.data) : GOSSIP_MESSAGES;

    n->delivered++;
    if (number < GOSSIP_MESSAGES) {
        n->got[number]++;
        n->got_ns[number] = now_ns;
    }
    if (n->echo && number < 100) {
        uint8_t text[256];
        size_t size = m->topic.size;

        memcpy(text, m->topic.data, size);
        text[size] = 0;
        assert_int_equal(gossip_publish(n->net, n->index, (const char *)text, number + 100, 64),
                         ERR_OK);
        assert_int_equal(load_be32(m->data.data), number); /* still there */
    }
}

static void digest_add(struct gossip_node *n, struct slice s)
{
    n->digest = hash_bytes(n->digest, s);
}

static void on_trace(void *ctx, uint64_t now_ns, const struct trace_event *e)
{
    struct gossip_node *n = ctx;
    uint64_t numbers[] = {now_ns,   (uint64_t)e->kind, e->peer,
                          e->count, e->size,           (uint64_t)(int64_t)e->code};

    assert_int_equal(e->protocol, TRACE_GOSSIPSUB);
    n->counts[e->kind]++;
    if (e->kind == TRACE_WITHHOLD)
        n->withheld_bytes += e->size;
    if (e->kind == TRACE_REJECT)
        n->rejects[e->code]++;
    if (e->kind == TRACE_CONTROL_SENT) {
        n->sent[e->code] += e->count;
        n->sent_events[e->code]++;
        n->control_bytes_sent += e->size;
    }
    if (e->kind == TRACE_CONTROL_RECEIVED)
        n->received[e->code] += e->count;
    if (e->kind == TRACE_DROP)
        n->dropped_messages += e->count;
    digest_add(n, slice_of(numbers, sizeof numbers));
    digest_add(n, e->id);
    digest_add(n, e->topic);
}

static void on_exchange(void *ctx, struct slice peer_id, struct slice signed_record)
{
    struct gossip_node *n = ctx;

    (void)signed_record;
    assert_true(peer_id.size > 0);
    n->exchanged++;
}

static double on_app_score(void *ctx, uint32_t peer)
{
    return ((struct gossip_node *)ctx)->app[peer];
}

static bool on_peer_address(void *ctx, uint32_t peer, struct endpoint *at)
{
    *at = ((struct gossip_node *)ctx)->addresses[peer];
    return !endpoint_unspecified(at);
}

static const struct peerid *on_peer_id(void *ctx, uint32_t peer)
{
    return &((struct gossip_node *)ctx)->ids[peer];
}

static void on_connect(void *ctx, const struct peerid *id)
{
    (void)id;
    ((struct gossip_node *)ctx)->connects++;
}

static void on_test_extension(void *ctx, uint32_t peer)
{
    (void)peer;
    ((struct gossip_node *)ctx)->test_extensions++;
}

void (*gossip_net_env)(struct gossip_node *n, struct gossipsub_env *env, struct gossipsub_config *config);

struct gossipsub_config gossip_config(void)
{
    return (struct gossipsub_config){
        .params = gossipsub_params_default(),
        .signing = GOSSIPSUB_STRICT_NO_SIGN,
        .message_id = gossipsub_id_default,
        .seed = 1,
    };
}

struct gossip_net *gossip_net_new(uint32_t count, const struct gossipsub_config *config)
{
    struct gossip_net *net = mem_zalloc(sizeof *net);

    assert_null(gossipsub_params_check(&config->params));
    net->nodes = mem_zalloc(count * sizeof *net->nodes);
    net->count = count;
    net->latency_ns = 10 * MS;
    net->version = GOSSIPSUB_V11;
    rng_init(&net->rng, config->seed, "net");
    for (uint32_t i = 0; i < count; i++) {
        struct gossip_node *n = &net->nodes[i];
        struct gossipsub_config own = *config;
        uint8_t seed[32] = {0};
        struct gossipsub_env env = {.ctx = n,
                                    .wants_write = on_wants_write,
                                    .validate = on_validate,
                                    .deliver = on_deliver,
                                    .trace = on_trace,
                                    .peer_exchange = on_exchange,
                                    .app_score = on_app_score,
                                    .peer_address = on_peer_address,
                                    .peer_id = on_peer_id,
                                    .connect = on_connect,
                                    .test_extension = on_test_extension};

        store_be32(seed, i);
        identity_from_seed(&n->identity, seed);
        n->net = net;
        n->index = i;
        own.seed = rng_derive(config->seed, "node", i);
        own.identity = &n->identity;
        if (gossip_net_env)
            gossip_net_env(n, &env, &own);
        n->g = gossipsub_new(&own, &env, 0);
    }
    return net;
}

void gossip_net_free(struct gossip_net *net)
{
    for (uint32_t i = 0; i < net->count; i++) {
        gossipsub_free(net->nodes[i].g);
        for (uint32_t slot = 0; slot < net->nodes[i].slot_count; slot++)
            chain_deinit(&net->nodes[i].peers[slot].in);
    }
    for (uint32_t i = 0; i < net->event_count; i++)
        chain_deinit(&net->events[i].bytes);
    mem_free(net->events);
    mem_free(net->nodes);
    mem_free(net);
}

static uint32_t open_slot(struct gossip_node *n, uint32_t peer)
{
    assert_true(n->slot_count < GOSSIP_SLOTS);
    n->peers[n->slot_count].node = peer;
    chain_init(&n->peers[n->slot_count].in);
    return n->slot_count++;
}

void gossip_connect(struct gossip_net *net, uint32_t from, uint32_t to)
{
    struct gossip_node *a = &net->nodes[from], *b = &net->nodes[to];
    uint32_t at_a = open_slot(a, to), at_b = open_slot(b, from);

    a->peers[at_a].slot = at_b;
    b->peers[at_b].slot = at_a;
    a->ids[at_a] = b->identity.id;
    b->ids[at_b] = a->identity.id;
    gossipsub_peer_add(a->g, net->now_ns, at_a, &b->identity.id, net->version, true);
    gossipsub_peer_add(b->g, net->now_ns, at_b, &a->identity.id, net->version, false);
}

uint32_t gossip_slot(const struct gossip_net *net, uint32_t node, uint32_t peer)
{
    const struct gossip_node *n = &net->nodes[node];

    for (uint32_t slot = n->slot_count; slot-- > 0;)
        if (n->peers[slot].node == peer)
            return slot;
    return UINT32_MAX;
}

void gossip_connect_random(struct gossip_net *net, uint32_t degree)
{
    for (uint32_t i = 0; i < net->count; i++) {
        for (uint32_t made = 0; made < degree;) {
            uint32_t to = (uint32_t)rng_below(&net->rng, net->count);

            made++;
            if (to != i && gossip_slot(net, i, to) == UINT32_MAX)
                gossip_connect(net, i, to);
        }
    }
}

static void close_end(struct gossip_net *net, uint32_t node, uint32_t slot)
{
    struct gossip_node *n = &net->nodes[node];

    n->peers[slot].node = UINT32_MAX;
    chain_deinit(&n->peers[slot].in);
    if (!n->g)
        return;
    gossipsub_peer_remove(n->g, net->now_ns, slot);
    gossipsub_inbound_closed(n->g, net->now_ns, slot);
}

void gossip_disconnect(struct gossip_net *net, uint32_t a, uint32_t b)
{
    uint32_t at_a = gossip_slot(net, a, b), at_b = gossip_slot(net, b, a);

    assert_true(at_a != UINT32_MAX && at_b != UINT32_MAX);
    close_end(net, a, at_a);
    close_end(net, b, at_b);
}

void gossip_kill(struct gossip_net *net, uint32_t node)
{
    struct gossip_node *n = &net->nodes[node];

    for (uint32_t slot = 0; slot < n->slot_count; slot++)
        if (n->peers[slot].node != UINT32_MAX)
            gossip_disconnect(net, node, n->peers[slot].node);
    gossipsub_free(n->g);
    n->g = NULL;
}

static void write_out(struct gossip_net *net, uint32_t node, uint32_t slot)
{
    struct gossip_node *n = &net->nodes[node];
    struct gossip_event e = {.at_ns = net->now_ns + net->latency_ns,
                             .kind = EVENT_BYTES,
                             .node = n->peers[slot].node,
                             .slot = n->peers[slot].slot};

    n->peers[slot].writing = false;
    if (e.node == UINT32_MAX || n->peers[slot].blocked)
        return;
    chain_init(&e.bytes);
    while (n->g && gossipsub_pull(n->g, net->now_ns, slot, &e.bytes)) {
        /* all of it */
    }
    if (net->copies && e.bytes.size) {
        struct span all = chain_take(&e.bytes, e.bytes.size);

        chain_append(&e.bytes, span_slice(all));
        span_unref(all);
    }
    schedule(net, e);
}

static void run_event(struct gossip_net *net, struct gossip_event *e)
{
    struct gossip_node *n = &net->nodes[e->node];
    uint32_t peer = n->peers[e->slot].node;

    if (e->kind == EVENT_WRITE) {
        write_out(net, e->node, e->slot);
        return;
    }
    if (n->g && peer != UINT32_MAX) {
        chain_move_all(&n->peers[e->slot].in, &e->bytes);
        assert_int_equal(gossipsub_feed(n->g, net->now_ns, e->slot, &net->nodes[peer].identity.id,
                                        &n->peers[e->slot].in),
                         ERR_OK);
        assert_int_equal(n->peers[e->slot].in.size, 0);
    }
    chain_deinit(&e->bytes);
}

void gossip_run(struct gossip_net *net, uint64_t duration_ns)
{
    uint64_t end_ns = net->now_ns + duration_ns;

    for (;;) {
        struct gossip_node *first = NULL;
        uint64_t at_ns = end_ns + 1;

        for (uint32_t i = 0; i < net->count; i++) {
            struct gossip_node *n = &net->nodes[i];

            if (n->g && gossipsub_deadline(n->g) < at_ns) {
                first = n;
                at_ns = gossipsub_deadline(n->g);
            }
        }
        if (net->event_count && net->events[0].at_ns <= at_ns && net->events[0].at_ns <= end_ns) {
            struct gossip_event e = next_event(net);

            net->now_ns = e.at_ns;
            run_event(net, &e);
        } else if (first) {
            net->now_ns = at_ns;
            gossipsub_tick(first->g, at_ns);
            assert_true(gossipsub_deadline(first->g) > at_ns);
        } else {
            break;
        }
    }
    net->now_ns = end_ns;
}

void gossip_subscribe(struct gossip_net *net, uint32_t node, const char *topic)
{
    gossipsub_subscribe(net->nodes[node].g, net->now_ns, slice_text(topic));
}

void gossip_unsubscribe(struct gossip_net *net, uint32_t node, const char *topic)
{
    gossipsub_unsubscribe(net->nodes[node].g, net->now_ns, slice_text(topic));
}

int gossip_publish(struct gossip_net *net, uint32_t node, const char *topic, uint32_t number,
                   uint32_t size)
{
    struct blob *data = blob_new(size);
    int err;

    assert_true(size >= 4);
    memset(data->data, 'x', size);
    store_be32(data->data, number);
    err = gossipsub_publish(net->nodes[node].g, net->now_ns, slice_text(topic),
                            (struct span){data, data->data, data->size});
    blob_unref(data);
    return err;
}

uint32_t gossip_mesh(const struct gossip_net *net, uint32_t node, const char *topic)
{
    return gossipsub_mesh_size(net->nodes[node].g, slice_text(topic));
}

struct peerid gossip_puppet_id(uint32_t slot)
{
    uint8_t seed[32] = {0};
    struct identity identity;

    store_be32(seed, 1000000 + slot);
    identity_from_seed(&identity, seed);
    return identity.id;
}

uint32_t gossip_puppet(struct gossip_net *net, uint32_t node, enum gossipsub_version version,
                       bool dialled)
{
    uint32_t slot = open_slot(&net->nodes[node], UINT32_MAX);
    struct peerid id = gossip_puppet_id(slot);

    net->nodes[node].ids[slot] = id;
    gossipsub_peer_add(net->nodes[node].g, net->now_ns, slot, &id, version, dialled);
    return slot;
}

int gossip_puppet_send(struct gossip_net *net, uint32_t node, uint32_t slot, struct slice rpc)
{
    struct gossip_node *n = &net->nodes[node];
    struct peerid id = gossip_puppet_id(slot);
    uint8_t prefix[VARINT_SIZE_MAX];
    struct chain in;
    int err;

    chain_init(&in);
    chain_append(&in, slice_of(prefix, varint_write(prefix, rpc.size)));
    chain_append(&in, rpc);
    err = gossipsub_feed(n->g, net->now_ns, slot, &id, &in);
    chain_deinit(&in);
    return err;
}

bool gossip_puppet_take(struct gossip_net *net, uint32_t node, uint32_t slot, struct buf *rpc)
{
    struct chain out;
    uint64_t size;
    int prefix;
    uint8_t *bytes;

    chain_init(&out);
    if (!gossipsub_pull(net->nodes[node].g, net->now_ns, slot, &out))
        return false;
    bytes = mem_alloc(out.size);
    chain_peek(&out, 0, bytes, out.size);
    prefix = varint_read(slice_of(bytes, out.size), &size);
    assert_true(prefix > 0);
    assert_int_equal(size, out.size - (size_t)prefix);
    buf_clear(rpc);
    buf_append(rpc, bytes + prefix, (size_t)size);
    assert_false(rpc->overflow);
    mem_free(bytes);
    chain_deinit(&out);
    return true;
}

void gossip_puppet_drain(struct gossip_net *net, uint32_t node, uint32_t slot)
{
    struct chain out;

    chain_init(&out);
    while (gossipsub_pull(net->nodes[node].g, net->now_ns, slot, &out)) {
        /* all of it */
    }
    chain_deinit(&out);
}
