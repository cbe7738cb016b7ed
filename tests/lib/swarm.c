/* Nodes in the simulator. */
#include "tests/lib/test.h"

#include "tests/lib/swarm.h"

static struct swarm_node *of_trace(void *ctx, uint32_t host)
{
    return &((struct swarm *)ctx)->nodes[host];
}

static void on_trace(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event)
{
    struct swarm_node *n = of_trace(ctx, host);

    (void)now_ns;
    n->ready += event->kind == TRACE_PEER_READY;
    n->gone += event->kind == TRACE_PEER_GONE;
    n->failed += event->kind == TRACE_CONN_FAILED || event->kind == TRACE_DIAL_FAILED;
    if (event->kind == TRACE_PEER_GONE || event->kind == TRACE_CONN_FAILED || event->kind == TRACE_DIAL_FAILED)
        n->last_error = event->code;
    n->rejects += event->kind == TRACE_REJECT;
    n->drops += event->kind == TRACE_DROP;
    if (event->kind == TRACE_REJECT)
        n->last_reject = event->code;
}

static void on_delivered(void *ctx, uint64_t now_ns, const struct gossipsub_message *m)
{
    struct swarm_node *n = ctx;

    (void)m;
    n->delivered++;
    n->delivered_ns = now_ns;
}

static void on_received(void *ctx, uint64_t now_ns, const struct algorand_message *m)
{
    struct swarm_node *n = ctx;

    (void)now_ns;
    (void)m;
    n->received++;
}

static void on_identified(void *ctx, uint64_t now_ns, uint32_t peer, const struct identify *id, bool pushed)
{
    struct swarm_node *n = ctx;

    (void)now_ns;
    (void)peer;
    n->identified++;
    n->pushed += pushed;
    n->last_addresses = (uint32_t)id->listen_addr_count;
    n->last_protocols = (uint32_t)id->protocol_count;
}

static void on_peer_topic(void *ctx, uint64_t now_ns, uint32_t peer, struct slice topic, bool joined)
{
    struct swarm_node *n = ctx;

    (void)now_ns;
    (void)peer;
    (void)topic;
    n->topics_joined += joined;
    n->topics_left += !joined;
}

static void on_secured(void *ctx, uint64_t now_ns, uint32_t peer, const struct noise_session *session)
{
    (void)now_ns;
    (void)peer;
    (void)session;
    ((struct swarm_node *)ctx)->secured++;
}

struct endpoint swarm_address(uint32_t index)
{
    return endpoint_ip4(0x0a000001u + index, 4001);
}

void swarm_init(struct swarm *s, uint32_t count, const struct node_config *config)
{
    swarm_init_on(s, count, config, &(struct des_config){.seed = 1}, SWARM_SECOND / 100, &(struct des_host_config){0});
}

void swarm_init_on(struct swarm *s, uint32_t count, const struct node_config *config, const struct des_config *net,
                   uint64_t one_way_ns, const struct des_host_config *host)
{
    struct des_config des = *net;

    des.region_count = 1;
    des.latency_ns = &one_way_ns;
    des.trace_ctx = s;
    des.trace = on_trace;
    *s = (struct swarm){.count = count};
    s->des = des_new(&des);
    for (uint32_t i = 0; i < count; i++) {
        struct swarm_node *n = &s->nodes[i];
        struct des_host_config h = *host;
        struct node_events events = {.ctx = n,
                                     .delivered = on_delivered,
                                     .received = on_received,
                                     .identified = on_identified,
                                     .peer_topic = on_peer_topic,
                                     .secured = on_secured,
                                     .secured_ctx = n};
        struct node_config c = *config;

        n->index = i;
        h.address = swarm_address(i);
        memset(c.identity_seed, 0, sizeof c.identity_seed);
        store_le64(c.identity_seed, i);
        c.listens = true;
        c.listen = swarm_address(i);
        des_host_add(s->des, &h);
        n->node = node_new(&c, &des_ops, des_host(s->des, i), &events);
        des_host_run(s->des, i, &node_app, n->node);
        assert_int_equal(node_start(n->node, 0), 0);
    }
}

void swarm_crash(struct swarm *s, uint32_t index)
{
    des_host_run(s->des, index, NULL, NULL);
    node_free(s->nodes[index].node);
    s->nodes[index].node = NULL;
    s->nodes[index].down = true;
}

void swarm_free(struct swarm *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!s->nodes[i].down)
            node_free(s->nodes[i].node);
    des_free(s->des);
}

void swarm_connect(struct swarm *s, uint32_t from, uint32_t to)
{
    struct endpoint at = swarm_address(to);

    node_connect(s->nodes[from].node, des_now_ns(s->des), &at, node_peerid(s->nodes[to].node));
}

void swarm_subscribe_all(struct swarm *s, const char *topic)
{
    for (uint32_t i = 0; i < s->count; i++)
        node_subscribe(s->nodes[i].node, des_now_ns(s->des), slice_text(topic));
}

void swarm_publish(struct swarm *s, uint32_t from, const char *topic, uint64_t number, size_t size)
{
    struct blob *b = blob_new(size);

    memset(b->data, 0, size);
    store_be64(b->data, number);
    assert_int_equal(node_publish(s->nodes[from].node, des_now_ns(s->des), slice_text(topic), span_give(b)), 0);
    blob_unref(b);
}

void swarm_run(struct swarm *s, uint64_t duration_ns)
{
    des_run(s->des, des_now_ns(s->des) + duration_ns);
}
