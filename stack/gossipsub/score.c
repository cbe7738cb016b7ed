/* Peer scoring: counters, their decay, the sum. Doubles with every operation in a fixed order and no libm: the same bits
 * with every compiler. */
#include "stack/gossipsub/score.h"

#include "stack/base/check.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"
#include "stack/gossipsub/score_delivery.h"

struct scored_topic {
    struct score_topic_params params;
    uint32_t name_size;
    uint8_t *name;
};

struct scored_peer {
    uint64_t key, expiry_ns; /* expiry_ns: once it is gone */
    double app_specific, behaviour_penalty, cached;
    bool dirty, has_ip;
    uint32_t colocation_epoch; /* of `cached` */
    struct endpoint at;
    uint32_t topic_count;
    struct score_counters *topics;
};

struct score {
    const struct score_params *params;
    struct scored_topic *topics; /* in the order in which they were first met */
    uint32_t topic_count;
    struct scored_peer **peers; /* by slot; NULL: unknown */
    uint64_t *last_keys;        /* by slot: who was there last */
    uint32_t peer_capacity;
    struct scored_peer **retained;
    uint32_t retained_count;
    struct map by_ip; /* how many peers; of IPv6 for the address and for its /64 */
    uint32_t colocation_epoch;
    uint64_t decay_at_ns;
    struct deliveries deliveries;
};

struct score *score_new(const struct score_params *params, uint64_t now_ns)
{
    struct score *s = mem_zalloc(sizeof *s);

    s->params = params;
    s->decay_at_ns = now_ns + params->decay_interval_ns;
    map_init(&s->by_ip, 0); /* addresses cost a peer more than collisions are worth */
    return s;
}

static void peer_free(struct scored_peer *p)
{
    mem_free(p->topics);
    mem_free(p);
}

void score_free(struct score *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->peer_capacity; i++)
        if (s->peers[i])
            peer_free(s->peers[i]);
    for (uint32_t i = 0; i < s->retained_count; i++)
        peer_free(s->retained[i]);
    for (uint32_t i = 0; i < s->topic_count; i++)
        mem_free(s->topics[i].name);
    mem_free(s->topics);
    mem_free(s->peers);
    mem_free(s->last_keys);
    mem_free(s->retained);
    map_deinit(&s->by_ip);
    deliveries_deinit(&s->deliveries);
    mem_free(s);
}

const struct score_params *score_params_of(const struct score *s)
{
    return s->params;
}

/* ---- topics ---- */

static const struct score_topic_params *params_named(const struct score_params *p, struct slice name)
{
    const struct score_topic_params *any = NULL;

    for (uint32_t i = 0; i < p->topic_count; i++) {
        if (slice_equal(slice_text(p->topics[i].name), name))
            return &p->topics[i].params;
        if (strcmp(p->topics[i].name, SCORE_ANY_TOPIC) == 0)
            any = &p->topics[i].params;
    }
    return any;
}

uint16_t score_topic(struct score *s, struct slice name)
{
    const struct score_topic_params *params;
    struct scored_topic *t;

    for (uint32_t i = 0; i < s->topic_count; i++)
        if (slice_equal(slice_of(s->topics[i].name, s->topics[i].name_size), name))
            return (uint16_t)i;
    params = params_named(s->params, name);
    if (!params || s->topic_count == SCORE_TOPICS_MAX)
        return SCORE_NO_TOPIC;
    s->topics = mem_grow(s->topics, s->topic_count + 1, sizeof *s->topics);
    t = &s->topics[s->topic_count];
    *t = (struct scored_topic){*params, (uint32_t)name.size, mem_alloc(name.size + 1)};
    if (name.size)
        memcpy(t->name, name.data, name.size);
    return (uint16_t)s->topic_count++;
}

static void recap(struct scored_peer *p, uint16_t topic, const struct score_topic_params *params)
{
    struct score_counters *c;

    if (topic >= p->topic_count)
        return;
    c = &p->topics[topic];
    if (c->first > params->first_message_deliveries_cap)
        c->first = params->first_message_deliveries_cap;
    if (c->mesh > params->mesh_message_deliveries_cap)
        c->mesh = params->mesh_message_deliveries_cap;
    p->dirty = true;
}

void score_topic_set(struct score *s, uint16_t topic, const struct score_topic_params *params)
{
    CHECK(topic < s->topic_count && !score_topic_params_check(params));
    s->topics[topic].params = *params;
    for (uint32_t i = 0; i < s->peer_capacity; i++)
        if (s->peers[i])
            recap(s->peers[i], topic, params);
    for (uint32_t i = 0; i < s->retained_count; i++)
        recap(s->retained[i], topic, params);
}

/* ---- P6: peers on one address ---- */

static bool is_loopback(const struct endpoint *e)
{
    static const uint8_t one[16] = {[15] = 1};

    return e->is_ip6 ? memcmp(e->ip, one, 16) == 0 : e->ip[0] == 127;
}

static bool in_net(const struct endpoint *e, const struct score_net *net)
{
    uint32_t whole = net->bits / 8u, rest = net->bits % 8u;

    if (e->is_ip6 != net->is_ip6 || memcmp(e->ip, net->ip, whole) != 0)
        return false;
    return rest == 0 || (e->ip[whole] ^ net->ip[whole]) >> (8 - rest) == 0;
}

/* The keys under which an address is counted: its family and bytes, of IPv6 those of its /64 too. */
static uint32_t ip_keys(const struct endpoint *e, uint8_t keys[2][17], struct slice slices[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        keys[i][0] = (uint8_t)(e->is_ip6 ? 6 + i : 4);
        memcpy(keys[i] + 1, e->ip, 16);
    }
    slices[0] = slice_of(keys[0], e->is_ip6 ? 17 : 5);
    slices[1] = slice_of(keys[1], 9);
    return e->is_ip6 ? 2 : 1;
}

static void count_ip(struct score *s, const struct scored_peer *p, bool more)
{
    uint8_t keys[2][17];
    struct slice slices[2];
    uint32_t count = ip_keys(&p->at, keys, slices);
    bool fresh;

    for (uint32_t i = 0; p->has_ip && i < count; i++) {
        uint64_t *peers = map_insert(&s->by_ip, slices[i], &fresh);

        *peers += more ? 1 : UINT64_MAX;
        if (*peers == 0)
            map_remove(&s->by_ip, slices[i]);
    }
    s->colocation_epoch += p->has_ip;
}

static double colocation(const struct score *s, const struct scored_peer *p)
{
    uint8_t keys[2][17];
    struct slice slices[2];
    uint32_t count = ip_keys(&p->at, keys, slices);
    double factor = 0;

    if (!p->has_ip)
        return 0;
    for (uint32_t i = 0; i < s->params->whitelist_count; i++)
        if (in_net(&p->at, &s->params->whitelist[i]))
            return 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *peers = map_find(&s->by_ip, slices[i]);
        double surplus = peers ? (double)*peers - (double)s->params->ip_colocation_factor_threshold : 0;

        if (surplus > 0)
            factor += surplus * surplus;
    }
    return factor;
}

/* ---- peers ---- */

static struct scored_peer *peer_of(const struct score *s, uint32_t slot)
{
    return slot < s->peer_capacity ? s->peers[slot] : NULL;
}

static void make_slot(struct score *s, uint32_t slot)
{
    uint32_t capacity = s->peer_capacity + s->peer_capacity / 2 + 8;

    if (slot < s->peer_capacity)
        return;
    if (capacity <= slot)
        capacity = slot + 1;
    s->peers = mem_grow(s->peers, capacity, sizeof(struct scored_peer *));
    s->last_keys = mem_grow(s->last_keys, capacity, sizeof *s->last_keys);
    for (uint32_t i = s->peer_capacity; i < capacity; i++) {
        s->peers[i] = NULL;
        s->last_keys[i] = 0;
    }
    s->peer_capacity = capacity;
}

static void forget_retained(struct score *s, uint32_t index)
{
    count_ip(s, s->retained[index], false);
    peer_free(s->retained[index]);
    s->retained[index] = s->retained[--s->retained_count];
}

/* The counters that were kept of a peer, or NULL. */
static struct scored_peer *take_retained(struct score *s, uint64_t key)
{
    for (uint32_t i = 0; i < s->retained_count; i++) {
        struct scored_peer *p = s->retained[i];

        if (p->key != key)
            continue;
        s->retained[i] = s->retained[--s->retained_count];
        count_ip(s, p, false);
        return p;
    }
    return NULL;
}

void score_peer_add(struct score *s, uint32_t slot, uint64_t key, const struct endpoint *at, double app_specific)
{
    struct scored_peer *p = take_retained(s, key);

    make_slot(s, slot);
    CHECK(!s->peers[slot]);
    if (s->last_keys[slot] != key)
        deliveries_forget_peer(&s->deliveries, slot);
    s->last_keys[slot] = key;
    if (!p)
        p = mem_zalloc(sizeof *p);
    p->key = key;
    p->app_specific = app_specific;
    p->dirty = true;
    p->has_ip = at && !is_loopback(at);
    if (p->has_ip) {
        p->at = *at;
        p->at.port = 0;
    }
    count_ip(s, p, true);
    s->peers[slot] = p;
}

static void retain(struct score *s, uint64_t now_ns, struct scored_peer *p)
{
    uint32_t first = 0;

    if (s->retained_count == SCORE_RETAINED_MAX) {
        for (uint32_t i = 1; i < s->retained_count; i++)
            if (s->retained[i]->expiry_ns < s->retained[first]->expiry_ns)
                first = i;
        forget_retained(s, first);
    }
    p->expiry_ns = now_ns + s->params->retain_score_ns;
    s->retained = mem_grow(s->retained, s->retained_count + 1, sizeof(struct scored_peer *));
    s->retained[s->retained_count++] = p;
}

/* The mesh delivery failure becomes a sticky penalty. */
static void stick(const struct scored_topic *t, struct score_counters *c)
{
    double deficit = t->params.mesh_message_deliveries_threshold - c->mesh;

    if (c->active && deficit > 0)
        c->failure += deficit * deficit;
}

void score_peer_remove(struct score *s, uint64_t now_ns, uint32_t slot)
{
    struct scored_peer *p = peer_of(s, slot);

    if (!p)
        return;
    if (score_of(s, slot) > 0) { /* a good score is not kept: it could be saved up for an attack */
        count_ip(s, p, false);
        peer_free(p);
        s->peers[slot] = NULL;
        return;
    }
    for (uint32_t i = 0; i < p->topic_count; i++) {
        p->topics[i].first = 0;
        if (p->topics[i].in_mesh)
            stick(&s->topics[i], &p->topics[i]);
        p->topics[i].in_mesh = false;
    }
    p->dirty = true;
    s->peers[slot] = NULL;
    retain(s, now_ns, p);
}

void score_app_specific(struct score *s, uint32_t slot, double value)
{
    struct scored_peer *p = peer_of(s, slot);

    if (!p)
        return;
    p->app_specific = value;
    p->dirty = true;
}

/* Adds a topic's part to the sum, and what it is made of to the parts. */
static double add_topic(const struct scored_topic *t, const struct score_counters *c, struct trace_score *parts)
{
    const struct score_topic_params *p = &t->params;
    double p1 = 0, p2 = c->first * p->first_message_deliveries_weight, p3 = 0;
    double p3b = c->failure * p->mesh_failure_penalty_weight;
    double p4 = c->invalid * c->invalid * p->invalid_message_deliveries_weight;

    if (c->in_mesh) {
        p1 = p->time_in_mesh_quantum_ns ? (double)(c->mesh_ns / p->time_in_mesh_quantum_ns) : 0;
        if (p1 > p->time_in_mesh_cap)
            p1 = p->time_in_mesh_cap;
        p1 *= p->time_in_mesh_weight;
        parts->meshes++;
    }
    if (c->active && c->mesh < p->mesh_message_deliveries_threshold) {
        double deficit = p->mesh_message_deliveries_threshold - c->mesh;

        p3 = deficit * deficit * p->mesh_message_deliveries_weight;
    }
    parts->p1 += p1 * p->topic_weight;
    parts->p2 += p2 * p->topic_weight;
    parts->p3 += p3 * p->topic_weight;
    parts->p3b += p3b * p->topic_weight;
    parts->p4 += p4 * p->topic_weight;
    return (p1 + p2 + p3 + p3b + p4) * p->topic_weight;
}

static struct trace_score trace_of(const struct score *s, const struct scored_peer *p)
{
    struct trace_score parts = {0};
    double excess = p->behaviour_penalty - s->params->behaviour_penalty_threshold;

    for (uint32_t i = 0; i < p->topic_count; i++)
        parts.score += add_topic(&s->topics[i], &p->topics[i], &parts);
    if (s->params->topic_score_cap > 0 && parts.score > s->params->topic_score_cap)
        parts.score = s->params->topic_score_cap;
    parts.p5 = p->app_specific * s->params->app_specific_weight;
    if (s->params->ip_colocation_factor_weight != 0)
        parts.p6 = colocation(s, p) * s->params->ip_colocation_factor_weight;
    if (excess > 0)
        parts.p7 = excess * excess * s->params->behaviour_penalty_weight;
    parts.score += parts.p5;
    parts.score += parts.p6;
    parts.score += parts.p7;
    return parts;
}

double score_of(struct score *s, uint32_t slot)
{
    struct scored_peer *p = peer_of(s, slot);

    if (!p)
        return 0;
    if (p->dirty || p->colocation_epoch != s->colocation_epoch) {
        p->cached = trace_of(s, p).score;
        p->dirty = false;
        p->colocation_epoch = s->colocation_epoch;
    }
    return p->cached;
}

struct trace_score score_trace_of(const struct score *s, uint32_t slot)
{
    const struct scored_peer *p = peer_of(s, slot);

    return p ? trace_of(s, p) : (struct trace_score){0};
}

const struct score_counters *score_counters_of(const struct score *s, uint32_t slot, uint16_t topic)
{
    const struct scored_peer *p = peer_of(s, slot);

    return p && topic < p->topic_count ? &p->topics[topic] : NULL;
}

/* ---- events ---- */

/* The counters to change; NULL when the peer or the topic is not scored. */
static struct score_counters *counters(struct score *s, uint32_t slot, uint16_t topic)
{
    struct scored_peer *p = peer_of(s, slot);

    if (!p || topic == SCORE_NO_TOPIC)
        return NULL;
    CHECK(topic < s->topic_count);
    if (topic >= p->topic_count) {
        p->topics = mem_grow(p->topics, topic + 1u, sizeof *p->topics);
        memset(p->topics + p->topic_count, 0, (topic + 1u - p->topic_count) * sizeof *p->topics);
        p->topic_count = topic + 1u;
    }
    p->dirty = true;
    return &p->topics[topic];
}

void score_graft(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic)
{
    struct score_counters *c = counters(s, slot, topic);

    if (!c)
        return;
    c->in_mesh = true;
    c->graft_ns = now_ns;
    c->mesh_ns = 0;
    c->active = false;
}

void score_prune(struct score *s, uint32_t slot, uint16_t topic)
{
    struct score_counters *c = counters(s, slot, topic);

    if (!c)
        return;
    stick(&s->topics[topic], c);
    c->in_mesh = false; /* active stays: P3 goes on until it is grafted again */
}

void score_penalty(struct score *s, uint32_t slot, double count)
{
    struct scored_peer *p = peer_of(s, slot);

    if (!p)
        return;
    p->behaviour_penalty += count;
    p->dirty = true;
}

void score_penalty_of(struct score *s, uint64_t key, double count)
{
    for (uint32_t i = 0; i < s->peer_capacity; i++)
        if (s->peers[i] && s->peers[i]->key == key)
            score_penalty(s, i, count);
    for (uint32_t i = 0; i < s->retained_count; i++)
        if (s->retained[i]->key == key)
            s->retained[i]->behaviour_penalty += count;
}

static void add_capped(double *counter, double cap)
{
    *counter += 1;
    if (*counter > cap)
        *counter = cap;
}

static void mark_first(struct score *s, uint32_t slot, uint16_t topic)
{
    struct score_counters *c = counters(s, slot, topic);

    if (!c)
        return;
    add_capped(&c->first, s->topics[topic].params.first_message_deliveries_cap);
    if (c->in_mesh)
        add_capped(&c->mesh, s->topics[topic].params.mesh_message_deliveries_cap);
}

static void mark_duplicate(struct score *s, uint32_t slot, uint16_t topic)
{
    struct score_counters *c = counters(s, slot, topic);

    if (c && c->in_mesh)
        add_capped(&c->mesh, s->topics[topic].params.mesh_message_deliveries_cap);
}

static void mark_invalid(struct score *s, uint32_t slot, uint16_t topic)
{
    struct score_counters *c = counters(s, slot, topic);

    if (c)
        c->invalid += 1;
}

void score_validate(struct score *s, uint64_t now_ns, const struct seen_key *key)
{
    deliveries_get(&s->deliveries, key, now_ns + s->params->seen_msg_ttl_ns);
}

void score_deliver(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key)
{
    struct delivery *r = deliveries_get(&s->deliveries, key, now_ns + s->params->seen_msg_ttl_ns);

    if (r->status != DELIVERY_UNKNOWN)
        return;
    mark_first(s, slot, topic);
    r->status = DELIVERY_VALID;
    r->until_ns = now_ns;
    if (topic != SCORE_NO_TOPIC)
        r->until_ns += s->topics[topic].params.mesh_message_deliveries_window_ns;
    for (uint32_t peer = 0; slotset_next(&r->peers, &peer); peer++)
        if (peer != slot)
            mark_duplicate(s, peer, topic);
}

static void judge(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key,
                  bool invalid)
{
    struct delivery *r = deliveries_get(&s->deliveries, key, now_ns + s->params->seen_msg_ttl_ns);

    if (r->status != DELIVERY_UNKNOWN)
        return;
    r->status = invalid ? DELIVERY_INVALID : DELIVERY_OVER;
    if (invalid) {
        mark_invalid(s, slot, topic);
        for (uint32_t peer = 0; slotset_next(&r->peers, &peer); peer++)
            mark_invalid(s, peer, topic);
    }
    slotset_deinit(&r->peers);
}

void score_reject(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key,
                  enum trace_reject why)
{
    switch (why) {
    case TRACE_REJECT_MISSING_SIGNATURE:
    case TRACE_REJECT_UNEXPECTED_SIGNATURE:
    case TRACE_REJECT_UNEXPECTED_AUTHOR:
    case TRACE_REJECT_INVALID_SIGNATURE:
    case TRACE_REJECT_SELF_ORIGIN:
    case TRACE_REJECT_MALFORMED:
        mark_invalid(s, slot, topic);
        return;
    case TRACE_REJECT_QUEUE_FULL: /* nobody knows whether it was valid */
    case TRACE_REJECT_TOO_LARGE:
    case TRACE_REJECT_BLACKLISTED:
    case TRACE_REJECT_COUNT:
        return;
    case TRACE_REJECT_THROTTLED:
    case TRACE_REJECT_IGNORED:
        judge(s, now_ns, slot, topic, key, false);
        return;
    case TRACE_REJECT_INVALID:
        judge(s, now_ns, slot, topic, key, true);
        return;
    }
}

void score_duplicate(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key)
{
    struct delivery *r = deliveries_find(&s->deliveries, key);

    if (!r || slotset_has(&r->peers, slot))
        return;
    if (r->status == DELIVERY_INVALID) {
        mark_invalid(s, slot, topic);
        return;
    }
    if (peer_of(s, slot))
        slotset_add(&r->peers, slot);
    if (r->status == DELIVERY_VALID && now_ns <= r->until_ns)
        mark_duplicate(s, slot, topic);
}

/* ---- time ---- */

uint64_t score_deadline(const struct score *s)
{
    return s->decay_at_ns;
}

static void decay(double *counter, double factor, double to_zero)
{
    *counter *= factor;
    if (*counter < to_zero)
        *counter = 0;
}

static void decay_peer(struct score *s, uint64_t now_ns, struct scored_peer *p)
{
    double to_zero = s->params->decay_to_zero;

    for (uint32_t i = 0; i < p->topic_count; i++) {
        const struct score_topic_params *t = &s->topics[i].params;
        struct score_counters *c = &p->topics[i];

        decay(&c->first, t->first_message_deliveries_decay, to_zero);
        decay(&c->mesh, t->mesh_message_deliveries_decay, to_zero);
        decay(&c->failure, t->mesh_failure_penalty_decay, to_zero);
        decay(&c->invalid, t->invalid_message_deliveries_decay, to_zero);
        if (c->in_mesh) {
            c->mesh_ns = now_ns - c->graft_ns;
            if (c->mesh_ns > t->mesh_message_deliveries_activation_ns)
                c->active = true;
        }
    }
    decay(&p->behaviour_penalty, s->params->behaviour_penalty_decay, to_zero);
    p->dirty = true;
}

void score_decay(struct score *s, uint64_t now_ns)
{
    s->decay_at_ns += s->params->decay_interval_ns;
    if (s->decay_at_ns <= now_ns) /* missed ones are not made up for */
        s->decay_at_ns = now_ns + s->params->decay_interval_ns;
    for (uint32_t i = 0; i < s->peer_capacity; i++)
        if (s->peers[i])
            decay_peer(s, now_ns, s->peers[i]);
    for (uint32_t i = 0; i < s->retained_count;) {
        if (s->retained[i]->expiry_ns < now_ns)
            forget_retained(s, i);
        else
            i++;
    }
    deliveries_sweep(&s->deliveries, now_ns);
}
