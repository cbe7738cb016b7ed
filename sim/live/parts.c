/* The application of partial messages. */
#include "sim/live/parts.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

struct parts_peer {
    uint32_t slot;
    bool known, told; /* it told us what it has; we told it */
    uint8_t has, knows; /* has: as far as we know; knows: of what we have */
};

struct parts_group {
    uint64_t number;
    uint8_t have;
    struct parts_peer *peers;
    uint32_t peer_count;
    size_t topic_size;
    uint8_t topic[];
};

static struct parts_group *find(const struct parts *p, struct slice topic, uint64_t number)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->groups[i]->number == number &&
            slice_equal(slice_of(p->groups[i]->topic, p->groups[i]->topic_size), topic))
            return p->groups[i];
    return NULL;
}

static struct parts_group *get(struct parts *p, struct slice topic, uint64_t number)
{
    struct parts_group *g = find(p, topic, number);

    if (g || p->count == PARTS_GROUPS_MAX)
        return g;
    g = mem_zalloc(sizeof *g + topic.size);
    g->number = number;
    g->topic_size = topic.size;
    memcpy(g->topic, topic.data, topic.size);
    p->groups = mem_grow(p->groups, p->count + 1, sizeof(struct parts_group *));
    p->groups[p->count++] = g;
    return g;
}

static struct parts_peer *peer_of(struct parts_group *g, uint32_t slot)
{
    for (uint32_t i = 0; i < g->peer_count; i++)
        if (g->peers[i].slot == slot)
            return &g->peers[i];
    g->peers = mem_grow(g->peers, g->peer_count + 1, sizeof *g->peers);
    g->peers[g->peer_count] = (struct parts_peer){.slot = slot};
    return &g->peers[g->peer_count++];
}

static uint32_t bits(uint8_t set)
{
    return (uint32_t)__builtin_popcount(set);
}

static struct slice encode(struct buf *b, uint8_t parts, uint64_t number)
{
    uint8_t group[PARTS_GROUP_SIZE], zeros[PARTS_SIZE] = {0};

    store_be64(group, number);
    buf_append_u8(b, parts);
    for (uint32_t i = 0; i < bits(parts); i++)
        buf_append(b, zeros, sizeof zeros);
    buf_append(b, group, sizeof group);
    return buf_slice(b);
}

/* What there is to say to the peer about the group, if anything. */
static void tell(struct parts *p, uint64_t now_ns, struct parts_group *g, uint32_t slot)
{
    struct parts_peer *q = peer_of(g, slot);
    uint8_t group[PARTS_GROUP_SIZE], lacks = (uint8_t)(q->known ? g->have & ~q->has : 0), knows;
    struct rpc_partial rpc = {slice_of(g->topic, g->topic_size), slice_of(group, sizeof group), {NULL, 0}, {NULL, 0}};
    struct buf b;

    if (!node_partial_wants(p->node, slot, rpc.topic))
        lacks = 0;
    store_be64(group, g->number);
    buf_init(&b, 1 + PARTS_COUNT * PARTS_SIZE + PARTS_GROUP_SIZE);
    if (lacks)
        rpc.message = encode(&b, lacks, g->number);
    knows = q->knows | lacks; /* what we send it knows that we have */
    if (!q->told || g->have & ~knows) {
        rpc.metadata = slice_of(&g->have, 1);
        knows = g->have;
    }
    if ((rpc.message.size || rpc.metadata.size) && node_partial_send(p->node, now_ns, slot, &rpc)) {
        q->told = true;
        q->knows = knows;
        q->has |= lacks;
    }
    buf_deinit(&b);
}

struct round {
    struct parts *parts;
    uint64_t now_ns;
    struct parts_group *group;
};

static void tell_one(void *ctx, uint32_t peer, bool wants)
{
    const struct round *r = ctx;

    (void)wants;
    tell(r->parts, r->now_ns, r->group, peer);
}

static int publish(struct parts *p, uint64_t now_ns, struct parts_group *g)
{
    uint8_t group[PARTS_GROUP_SIZE];
    struct round r = {p, now_ns, g};

    store_be64(group, g->number);
    return node_partial_publish(p->node, now_ns, slice_of(g->topic, g->topic_size), slice_of(group, sizeof group),
                                PARTS_TTL, tell_one, &r);
}

/* The parts in a message; 0 when it is none of ours. */
static uint8_t parts_in(struct slice message, uint64_t number)
{
    if (message.size < 1 + PARTS_GROUP_SIZE ||
        message.size != 1 + (size_t)bits(message.data[0]) * PARTS_SIZE + PARTS_GROUP_SIZE ||
        load_be64(message.data + message.size - PARTS_GROUP_SIZE) != number)
        return 0;
    return message.data[0];
}

static void incoming(void *ctx, uint64_t now_ns, uint32_t peer, const struct rpc_partial *rpc)
{
    struct parts *p = ctx;
    struct parts_group *g = NULL;
    struct parts_peer *q;
    uint8_t got;

    if (rpc->group.size == PARTS_GROUP_SIZE)
        g = get(p, rpc->topic, load_be64(rpc->group.data));
    if (!g)
        return;
    q = peer_of(g, peer);
    if (rpc->metadata.size == 1) {
        q->known = true;
        q->has |= rpc->metadata.data[0];
    }
    got = parts_in(rpc->message, g->number);
    q->has |= got;
    q->knows |= got; /* it knows that we have what it sent */
    if (got & ~g->have) {
        g->have |= got;
        if (p->extended)
            p->extended(p->ctx, now_ns, rpc->topic, g->number, g->have);
        publish(p, now_ns, g);
        return;
    }
    tell(p, now_ns, g, peer);
}

static void gossip(void *ctx, uint64_t now_ns, struct slice topic, struct slice group, const uint32_t *peers,
                   uint32_t count)
{
    struct parts *p = ctx;
    struct parts_group *g = group.size == PARTS_GROUP_SIZE ? find(p, topic, load_be64(group.data)) : NULL;

    for (uint32_t i = 0; g && i < count; i++)
        tell(p, now_ns, g, peers[i]);
}

void parts_init(struct parts *p)
{
    *p = (struct parts){.env = {.ctx = p, .incoming = incoming, .gossip = gossip}};
}

void parts_deinit(struct parts *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        mem_free(p->groups[i]->peers);
        mem_free(p->groups[i]);
    }
    mem_free(p->groups);
    p->groups = NULL;
    p->count = 0;
}

bool parts_add(struct parts *p, struct slice topic, uint64_t group, uint8_t have)
{
    struct parts_group *g = get(p, topic, group);

    if (g)
        g->have |= have;
    return g != NULL;
}

int parts_publish(struct parts *p, uint64_t now_ns, struct slice topic, uint64_t group)
{
    struct parts_group *g = find(p, topic, group);

    return g ? publish(p, now_ns, g) : ERR_INVALID;
}

void parts_publish_to(struct parts *p, uint64_t now_ns, struct slice topic, uint64_t group, uint32_t slot)
{
    struct parts_group *g = find(p, topic, group);

    if (g)
        tell(p, now_ns, g, slot);
}

void parts_peer_gone(struct parts *p, uint32_t slot)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct parts_group *g = p->groups[i];

        for (uint32_t k = 0; k < g->peer_count; k++)
            if (g->peers[k].slot == slot)
                g->peers[k] = (struct parts_peer){.slot = slot};
    }
}

uint8_t parts_have(const struct parts *p, struct slice topic, uint64_t group)
{
    const struct parts_group *g = find(p, topic, group);

    return g ? g->have : 0;
}
