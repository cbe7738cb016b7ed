/* The player's wishes as calls of the node, the node's traces as the player's news. */
#include "sim/suite/actor.h"

#include "stack/base/check.h"
#include "stack/base/err.h"

static void settle(struct actor *a, uint64_t now_ns, int outcome)
{
    if (a->settled)
        return;
    a->settled = true;
    a->outcome = outcome;
    a->world.call_at(a->world.ctx, a, now_ns);
}

static void connect_to(void *ctx, uint64_t now_ns, uint32_t node)
{
    struct actor *a = ctx;
    uint8_t seed[ED25519_SEED_SIZE];
    struct identity identity;
    uint32_t slot;

    suite_identity_seed(node, seed);
    identity_from_seed(&identity, seed);
    a->target_id = identity.id;
    a->settled = false;
    if (node == a->player.node)
        settle(a, now_ns, ERR_INVALID);
    else if (node_peer_find(a->node, &a->target_id, &slot))
        settle(a, now_ns, ERR_OK);
    else if (!a->world.locate(a->world.ctx, node, &a->target))
        settle(a, now_ns, ERR_UNREACHABLE);
    else
        node_connect(a->node, now_ns, &a->target, &a->target_id);
}

static void subscribe(void *ctx, uint64_t now_ns, struct slice topic, bool partial)
{
    if (partial)
        node_partial_topic(((struct actor *)ctx)->node, topic, true, true);
    node_subscribe(((struct actor *)ctx)->node, now_ns, topic);
}

static void delay(void *ctx, uint64_t now_ns, struct slice topic, uint64_t delay_ns)
{
    (void)now_ns;
    node_validation_delay(((struct actor *)ctx)->node, topic, delay_ns);
}

static int publish(void *ctx, uint64_t now_ns, struct slice topic, uint64_t id, uint32_t size)
{
    struct blob *body = blob_new(size);
    struct span data;
    int err;

    CHECK(size >= 8);
    memset(body->data, 0, size);
    store_be64(body->data, id);
    data = span_give(body);
    err = node_publish(((struct actor *)ctx)->node, now_ns, topic, data);
    span_unref(data);
    return err;
}

static void add_parts(void *ctx, struct slice topic, uint64_t group, uint8_t parts)
{
    struct actor *a = ctx;

    if (!node_partial_offers(a->node, topic)) /* not subscribed: it can give only */
        node_partial_topic(a->node, topic, false, true);
    parts_add(&a->parts, topic, group, parts);
}

static void publish_parts(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, const uint32_t *nodes,
                          uint32_t count)
{
    struct actor *a = ctx;

    if (count == 0)
        parts_publish(&a->parts, now_ns, topic, group);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t seed[ED25519_SEED_SIZE];
        struct identity identity;
        uint32_t slot;

        suite_identity_seed(nodes[i], seed);
        identity_from_seed(&identity, seed);
        if (node_peer_find(a->node, &identity.id, &slot))
            parts_publish_to(&a->parts, now_ns, topic, group, slot);
    }
}

static void on_extended(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, uint8_t have)
{
    struct actor *a = ctx;

    (void)topic;
    suite_log_parts(&a->log, now_ns, group, have == PARTS_ALL);
}

void suite_identity_seed(uint32_t node, uint8_t seed[static ED25519_SEED_SIZE])
{
    memset(seed, 0, ED25519_SEED_SIZE);
    for (int i = 0; i < 4; i++)
        seed[i] = (uint8_t)(node >> 8 * i);
}

void actor_init(struct actor *a, const struct suite_script *script, uint32_t node,
                const struct actor_world *world)
{
    const struct player_env env = {a, connect_to, subscribe, delay, publish, add_parts, publish_parts};

    *a = (struct actor){.world = *world};
    parts_init(&a->parts);
    a->parts.ctx = a;
    a->parts.extended = on_extended;
    player_init(&a->player, script, node, &env);
}

static void on_peer_topic(void *ctx, uint64_t now_ns, uint32_t peer, struct slice topic,
                          bool joined)
{
    suite_log_subscription(&((struct actor *)ctx)->log, now_ns, peer, topic, joined);
}

void actor_configure(struct actor *a, struct node_config *config, struct node_events *events)
{
    suite_identity_seed(a->player.node, config->identity_seed);
    config->gossipsub_on = true;
    config->gossipsub.params = *player_params(&a->player);
    config->gossipsub.signing = GOSSIPSUB_STRICT_NO_AUTHOR;
    config->gossipsub.message_id = gossipsub_id_first8;
    config->gossipsub.validation_delay_ns = 0;
    config->gossipsub_versions = 1u << GOSSIPSUB_V13 | 1u << GOSSIPSUB_V12 | 1u << GOSSIPSUB_V11 | 1u << GOSSIPSUB_V10;
    config->gossipsub.extensions = GOSSIPSUB_EXTENSION_PARTIAL;
    events->partial = &a->parts.env;
    events->ctx = a;
    events->peer_topic = on_peer_topic;
}

void actor_start(struct actor *a, uint64_t now_ns, struct node *node)
{
    a->node = node;
    a->parts.node = node;
    a->log.node = node;
    suite_log_peer_id(&a->log, now_ns, a->player.node);
    actor_wake(a, now_ns);
}

/* Only the connection that the script waits for decides; an attempt that lost to one from the other
 * side is no failure. */
static void watch(struct actor *a, uint64_t now_ns, const struct trace_event *e)
{
    struct node_peer peer;

    switch ((int)e->kind) {
    case TRACE_PEER_READY:
        if (slice_equal(e->id, peerid_slice(&a->target_id)))
            settle(a, now_ns, ERR_OK);
        break;
    case TRACE_DIAL_FAILED:
    case TRACE_CONN_FAILED:
        if (e->code == ERR_DUPLICATE)
            break;
        if (e->peer == TRACE_NO_PEER || (node_peer(a->node, e->peer, &peer) && peer.dialled &&
                                         endpoint_equal(&peer.remote, &a->target)))
            settle(a, now_ns, e->code);
        break;
    default:
        break;
    }
}

void actor_trace(struct actor *a, uint64_t now_ns, const struct trace_event *e)
{
    if (!a->node)
        return;
    suite_log_trace(&a->log, now_ns, e);
    if (e->kind == TRACE_PEER_GONE)
        parts_peer_gone(&a->parts, e->peer);
    if (a->player.state == PLAYER_CONNECTING && !a->settled)
        watch(a, now_ns, e);
}

void actor_wake(struct actor *a, uint64_t now_ns)
{
    if (!a->node)
        return;
    if (a->player.state == PLAYER_CONNECTING) {
        if (!a->settled)
            return;
        player_connected(&a->player, a->outcome);
    }
    player_run(&a->player, now_ns);
    if (a->player.state == PLAYER_WAITING)
        a->world.call_at(a->world.ctx, a, player_deadline(&a->player));
    if (a->player.state != PLAYER_ENDED && a->player.state != PLAYER_FAILED)
        return;
    a->ended_ns = now_ns;
    a->node = NULL;
    a->log.node = NULL;
    a->world.ended(a->world.ctx, a, now_ns);
}

void actor_deinit(struct actor *a)
{
    parts_deinit(&a->parts);
}
