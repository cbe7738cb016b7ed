/* Nodes joined by byte streams. */
#include "tests/lib/wsnet.h"

#include "tests/lib/test.h"

#include "stack/base/map.h"

struct wsnet_node wsnet[WSNET_NODES_MAX];
uint64_t wsnet_now;

struct span wsnet_text(const char *t)
{
    return span_static(t, strlen(t));
}

static void on_wants_write(void *ctx, uint32_t peer)
{
    struct wsnet_node *n = ctx;

    (void)peer;
    n->wants_write++;
}

static enum algorand_verdict on_validate(void *ctx, const struct algorand_message *m)
{
    struct wsnet_node *n = ctx;

    assert_int_equal(load_be32(m->frame.data), m->frame.size - 4);
    assert_memory_equal(m->frame.data + 4, m->tag, 2);
    assert_ptr_equal(m->payload.data, m->frame.data + 6);
    return n->verdict;
}

static void on_deliver(void *ctx, uint64_t now_ns, const struct algorand_message *m)
{
    struct wsnet_node *n = ctx;

    memcpy(n->last_id, m->id, sizeof n->last_id);
    memcpy(n->last_tag, m->tag, 2);
    n->last_from = m->received_from;
    n->last_size = (uint32_t)m->payload.size;
    n->last_frame = m->frame.data;
    if (n->answers)
        algorand_broadcast(n->a, now_ns, "VB", wsnet_text("an answer"));
}

static void on_disconnect(void *ctx, uint32_t peer, int err)
{
    struct wsnet_node *n = ctx;

    (void)peer;
    n->disconnects++;
    n->disconnect_err = err;
}

static void on_trace(void *ctx, uint64_t now_ns, const struct trace_event *e)
{
    struct wsnet_node *n = ctx;
    const uint64_t fields[] = {n->hash, now_ns,  (uint64_t)e->kind,
                               e->peer, e->size, (uint64_t)e->code};

    assert_int_equal(now_ns, wsnet_now);
    assert_int_equal(e->protocol, TRACE_ALGORAND);
    assert_int_equal(e->id.size, 32);
    assert_int_equal(e->topic.size, 2);
    n->counts[e->kind]++;
    if (e->kind == TRACE_REJECT)
        n->reject_code = (uint32_t)e->code;
    if (e->kind == TRACE_SEND && n->sent_count < WSNET_SENT_MAX)
        n->sent[n->sent_count++] = (char)e->topic.data[0];
    n->hash = hash_bytes(load_le64(e->id.data), slice_of(fields, sizeof fields));
}

struct wsnet_node *wsnet_make(int index, bool relay)
{
    struct wsnet_node *n = &wsnet[index];

    *n = (struct wsnet_node){.config = algorand_config_default()};
    n->config.relay = relay;
    n->config.genesis = "test-v1";
    n->config.seed = (uint64_t)index;
    return n;
}

void wsnet_start(struct wsnet_node *n)
{
    const struct algorand_env env = {n,          on_wants_write, on_validate,
                                     on_deliver, on_disconnect,  on_trace, NULL};

    n->a = algorand_new(&n->config, &env);
}

void wsnet_join(uint32_t dialler, uint32_t listener, enum algorand_version version)
{
    algorand_stream_start(wsnet[dialler].a, wsnet_now, listener, version, true);
    algorand_stream_start(wsnet[listener].a, wsnet_now, dialler, version, false);
}

/* Moves all that `from` has for `to`; whether that was anything. */
static bool carry(uint32_t from, uint32_t to)
{
    struct chain c;
    bool moved = false;

    chain_init(&c);
    while (wsnet[from].a && algorand_pull(wsnet[from].a, wsnet_now, to, &c) == 1)
        moved = true;
    if (moved)
        algorand_feed(wsnet[to].a, wsnet_now, from, &c);
    chain_deinit(&c);
    return moved;
}

void wsnet_settle(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t from = 0; from < WSNET_NODES_MAX; from++)
            for (uint32_t to = 0; to < WSNET_NODES_MAX; to++)
                moved |= wsnet[from].a && wsnet[to].a && carry(from, to);
    }
}

int wsnet_set_up(void **state)
{
    (void)state;
    memset(wsnet, 0, sizeof wsnet);
    wsnet_now = 1000 * WSNET_SECOND;
    return 0;
}

int wsnet_tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < WSNET_NODES_MAX; i++)
        algorand_free(wsnet[i].a);
    return 0;
}

struct wsnet_node *wsnet_with_ready_peer(void)
{
    struct wsnet_node *n = wsnet_make(0, true);
    struct chain c;

    chain_init(&c);
    wsnet_start(n);
    algorand_stream_start(n->a, wsnet_now, 1, ALGORAND_V10, true);
    assert_int_equal(algorand_pull(n->a, wsnet_now, 1, &c), 1);
    assert_chain_hex(&c, "31");
    assert_true(algorand_peer_ready(n->a, 1));
    chain_deinit(&c);
    return n;
}

int wsnet_feed_hex(struct wsnet_node *n, const char *hex)
{
    struct chain c;
    int err;

    chain_init(&c);
    chain_append_hex(&c, hex);
    err = algorand_feed(n->a, wsnet_now, 1, &c);
    chain_deinit(&c);
    return err;
}

int wsnet_feed_message(struct wsnet_node *n, uint32_t peer, const char *tag, size_t size,
                       uint8_t fill)
{
    struct blob *b = blob_new(6 + size);
    struct chain c;
    int err;

    chain_init(&c);
    store_be32(b->data, (uint32_t)(2 + size));
    memcpy(b->data + 4, tag, 2);
    memset(b->data + 6, fill, size);
    chain_give(&c, span_give(b));
    err = algorand_feed(n->a, wsnet_now, peer, &c);
    chain_deinit(&c);
    return err;
}

int wsnet_drain(struct wsnet_node *n, uint32_t peer, struct chain *out)
{
    int got;

    do
        got = algorand_pull(n->a, wsnet_now, peer, out);
    while (got == 1);
    return got;
}

uint32_t wsnet_count_waiting(struct wsnet_node *n, uint32_t peer)
{
    struct chain c;
    uint32_t count = 0;

    chain_init(&c);
    while (algorand_pull(n->a, wsnet_now, peer, &c) == 1)
        count++;
    chain_deinit(&c);
    return count;
}
