/* Who was given what, whose mesh holds whom, and what follows from it at the end. */
#include "tests/swarm/oracle.h"

#include "sim/scenario/topology.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"

#include <inttypes.h>

#define SAMPLE_NS 250000000ull
#define LEAD_NS 1000000000ull     /* links of the last round are there so long before it */
#define REDIAL_NS 70000000000ull  /* the longest back-off of dials is 60 s, a dial gives up after 5 s */
#define LOPSIDED_NS 20000000000ull
#define SWEEP_HEARTBEATS 18       /* an old back-off counts until it is swept, every 15 heartbeats */
#define ID_MAX 96

/* A peer in the mesh of a topic. */
struct member {
    uint32_t slot, topic;
};

struct final {
    uint64_t at_ns;
    uint32_t topic; /* SCENARIO_NONE: by Algorand's network */
    uint32_t id_size;
    uint8_t id[ID_MAX];
};

/* What is known of a node. Its own events write it, samples read it. */
struct watched {
    const struct node *node;    /* NULL: down */
    const struct scenario_group *group;
    struct map given;           /* message id -> when, + 1; of this life */
    struct member *mesh;
    uint32_t mesh_count, mesh_capacity;
    struct final *finals;       /* that it published in the last round */
    uint32_t final_count, final_capacity;
    uint64_t up_ns;
    bool lossy; /* it dropped or refused something in the last round: nothing is certain of it */
};

/* All links and meshes at a time. */
struct snapshot {
    const struct end **links; /* [a * n + b]: a's end; NULL: not connected */
    bool *meshes;             /* [(topic * n + a) * n + b] */
};

struct oracle {
    const struct scenario *scenario;
    struct streams *streams;
    struct verdict *verdict;
    uint32_t count;
    struct watched *nodes;
    struct snapshot now, before; /* at the last sample; before the last round */
    bool has_before;
    uint64_t *linked_ns;   /* [a * n + b]: since when; TIME_NEVER: not */
    uint64_t *room_ns;     /* as meshes: since when a lacks peers and b might be one */
    uint64_t *lopsided_ns; /* as meshes: since when a has b, and b lacks a */
    uint64_t *over_ns;     /* [topic * n + a]: since when there are too many */
    bool *restless;        /* as meshes: b came into a's or left it in the last round */
    uint64_t sampled_ns, cut_ns;
};

static uint64_t *times_new(size_t count)
{
    uint64_t *times = mem_grow(NULL, count ? count : 1, sizeof *times);

    for (size_t i = 0; i < count; i++)
        times[i] = TIME_NEVER;
    return times;
}

static void since(uint64_t *time, bool holds, uint64_t now_ns)
{
    if (!holds)
        *time = TIME_NEVER;
    else if (*time == TIME_NEVER)
        *time = now_ns;
}

static bool lasts(uint64_t time, uint64_t now_ns, uint64_t at_least_ns)
{
    return time != TIME_NEVER && now_ns - time >= at_least_ns;
}

static size_t mesh_cells(const struct oracle *o)
{
    return (size_t)o->scenario->topic_count * o->count * o->count;
}

static size_t mesh_cell(const struct oracle *o, uint32_t topic, uint32_t a, uint32_t b)
{
    return ((size_t)topic * o->count + a) * o->count + b;
}

static void snapshot_init(const struct oracle *o, struct snapshot *s)
{
    s->links = mem_zalloc((size_t)o->count * o->count * sizeof(const struct end *));
    s->meshes = mem_zalloc(mesh_cells(o) + 1);
}

static void snapshot_free(struct snapshot *s)
{
    mem_free(s->links);
    mem_free(s->meshes);
}

struct oracle *oracle_new(const struct scenario *s, const struct scenario_node *nodes, struct streams *streams, struct verdict *v)
{
    struct oracle *o = mem_zalloc(sizeof *o);

    *o = (struct oracle){.scenario = s, .streams = streams, .verdict = v, .count = s->node_count};
    o->nodes = mem_zalloc(o->count * sizeof *o->nodes);
    for (uint32_t i = 0; i < o->count; i++) {
        o->nodes[i].group = &s->groups[nodes[i].group];
        map_init(&o->nodes[i].given, i);
    }
    snapshot_init(o, &o->now);
    snapshot_init(o, &o->before);
    o->linked_ns = times_new((size_t)o->count * o->count);
    o->room_ns = times_new(mesh_cells(o));
    o->lopsided_ns = times_new(mesh_cells(o));
    o->over_ns = times_new((size_t)s->topic_count * o->count);
    o->restless = mem_zalloc(mesh_cells(o) + 1);
    return o;
}

void oracle_free(struct oracle *o)
{
    for (uint32_t i = 0; i < o->count; i++) {
        map_deinit(&o->nodes[i].given);
        mem_free(o->nodes[i].mesh);
        mem_free(o->nodes[i].finals);
    }
    snapshot_free(&o->now);
    snapshot_free(&o->before);
    mem_free(o->linked_ns);
    mem_free(o->room_ns);
    mem_free(o->lopsided_ns);
    mem_free(o->over_ns);
    mem_free(o->restless);
    mem_free(o->nodes);
    mem_free(o);
}

void oracle_reborn(struct oracle *o, uint32_t host)
{
    map_deinit(&o->nodes[host].given);
    map_init(&o->nodes[host].given, host);
    o->nodes[host].mesh_count = 0;
}

void oracle_place(struct oracle *o, uint32_t host, uint64_t now_ns, const struct node *node)
{
    o->nodes[host].node = node;
    o->nodes[host].up_ns = now_ns;
}

void oracle_cut(struct oracle *o, uint64_t now_ns)
{
    o->cut_ns = now_ns;
}

static const struct end *end_in_slot(const struct oracle *o, uint32_t host, uint32_t slot)
{
    for (const struct end *e = o->streams->ends[host]; e; e = e->next)
        if (e->handle.index == slot && e->state == END_OPEN)
            return e;
    return NULL;
}

/* ---- traces ---- */

static uint32_t topic_index(const struct oracle *o, struct slice name)
{
    for (uint32_t i = 0; i < o->scenario->topic_count; i++)
        if (slice_equal(name, slice_text(o->scenario->topics[i])))
            return i;
    return SCENARIO_NONE;
}

static uint32_t mesh_find(const struct watched *w, uint32_t slot, uint32_t topic)
{
    uint32_t i = 0;

    while (i < w->mesh_count && (w->mesh[i].slot != slot || w->mesh[i].topic != topic))
        i++;
    return i;
}

static void trace_mesh(struct oracle *o, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    struct watched *w = &o->nodes[host];
    uint32_t topic = topic_index(o, e->topic), i = mesh_find(w, e->peer, topic);
    bool graft = e->kind == TRACE_GRAFT;

    if (topic == SCENARIO_NONE)
        return;
    if (now_ns + LEAD_NS >= o->scenario->warmup_ns && end_in_slot(o, host, e->peer))
        o->restless[mesh_cell(o, topic, host, end_in_slot(o, host, e->peer)->peer_host)] = true;
    if (graft == (i < w->mesh_count)) {
        verdict_broken(o->verdict, "mesh", "host %u at %" PRIu64 " ns: %s of a peer that is %sin the mesh", host, now_ns,
                       trace_kind_text(e->kind), graft ? "" : "not ");
    } else if (!graft) {
        w->mesh[i] = w->mesh[--w->mesh_count];
    } else {
        if (w->mesh_count == w->mesh_capacity) {
            w->mesh_capacity = w->mesh_capacity ? 2 * w->mesh_capacity : 16;
            w->mesh = mem_grow(w->mesh, w->mesh_capacity, sizeof *w->mesh);
        }
        w->mesh[w->mesh_count++] = (struct member){e->peer, topic};
    }
}

static uint64_t *given(struct watched *w, const struct trace_event *e)
{
    bool fresh;

    return map_insert(&w->given, e->id, &fresh);
}

static void trace_publish(struct oracle *o, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    struct watched *w = &o->nodes[host];
    struct final *f;

    if (e->protocol == TRACE_ALGORAND) /* GossipSub gives its own messages to its own application, once */
        *given(w, e) = now_ns + 1;
    if (now_ns < o->scenario->warmup_ns || e->id.size > ID_MAX)
        return;
    if (w->final_count == w->final_capacity) {
        w->final_capacity = w->final_capacity ? 2 * w->final_capacity : 8;
        w->finals = mem_grow(w->finals, w->final_capacity, sizeof *w->finals);
    }
    f = &w->finals[w->final_count++];
    *f = (struct final){.at_ns = now_ns,
                        .topic = e->protocol == TRACE_GOSSIPSUB ? topic_index(o, e->topic) : SCENARIO_NONE,
                        .id_size = (uint32_t)e->id.size};
    memcpy(f->id, e->id.data, e->id.size);
}

static void trace_deliver(struct oracle *o, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    struct watched *w = &o->nodes[host];
    uint64_t *at = given(w, e);
    uint64_t ttl_ns = e->protocol == TRACE_GOSSIPSUB ? w->group->gossipsub.seen_ttl_ns : w->group->algorand.seen_ttl_ns;

    if (*at && now_ns - (*at - 1) < ttl_ns / 10 * 9)
        verdict_broken(o->verdict, "twice", "host %u was given a message at %" PRIu64 " ns and again at %" PRIu64, host, *at - 1,
                       now_ns);
    *at = now_ns + 1;
}

void oracle_trace(struct oracle *o, uint32_t host, uint64_t now_ns, const struct trace_event *e)
{
    if (e->kind == TRACE_GRAFT || e->kind == TRACE_PRUNE)
        trace_mesh(o, host, now_ns, e);
    else if (e->kind == TRACE_PUBLISH)
        trace_publish(o, host, now_ns, e);
    else if (e->kind == TRACE_DELIVER)
        trace_deliver(o, host, now_ns, e);
    else if ((e->kind == TRACE_DROP || e->kind == TRACE_REJECT) && now_ns + LEAD_NS >= o->scenario->warmup_ns)
        o->nodes[host].lossy = true;
}

/* ---- samples ---- */

/* Both nodes use the connection. */
static bool ready(const struct oracle *o, const struct end *e)
{
    const struct node *n = o->nodes[e->host].node;
    struct node_peer peer;

    return n && node_peer(n, e->handle.index, &peer) && backend_conn_equal(peer.conn, e->handle) && peer.id.size > 0;
}

static void take_links(const struct oracle *o, struct snapshot *s)
{
    memset(s->links, 0, (size_t)o->count * o->count * sizeof(const struct end *));
    for (uint32_t a = 0; a < o->count; a++)
        for (const struct end *e = o->nodes[a].node ? o->streams->ends[a] : NULL; e; e = e->next)
            if (streams_connected(o->streams, e) && ready(o, e) && ready(o, e->partner))
                s->links[(size_t)a * o->count + e->peer_host] = e;
}

static void take_mesh(struct oracle *o, struct snapshot *s, uint32_t a)
{
    const struct watched *w = &o->nodes[a];

    for (uint32_t i = 0; i < w->mesh_count; i++) {
        const struct end *e = end_in_slot(o, a, w->mesh[i].slot);

        if (e)
            s->meshes[mesh_cell(o, w->mesh[i].topic, a, e->peer_host)] = true;
    }
    for (uint32_t t = 0; t < o->scenario->topic_count; t++) {
        uint32_t traced = 0, told = node_mesh_size(w->node, slice_text(o->scenario->topics[t]));

        for (uint32_t i = 0; i < w->mesh_count; i++)
            traced += w->mesh[i].topic == t;
        if (traced != told)
            verdict_broken(o->verdict, "mesh", "host %u: %u peers in the mesh of topic %u, %u traced", a, told, t, traced);
    }
}

static void take(struct oracle *o, struct snapshot *s)
{
    take_links(o, s);
    memset(s->meshes, 0, mesh_cells(o));
    for (uint32_t a = 0; a < o->count; a++)
        if (o->nodes[a].node && o->nodes[a].group->gossipsub_on)
            take_mesh(o, s, a);
}

static bool subscribed(const struct oracle *o, uint32_t node, uint32_t topic)
{
    const struct scenario_group *g = o->nodes[node].group;

    if (!o->nodes[node].node || !g->gossipsub_on)
        return false;
    for (uint32_t i = 0; i < g->topic_count; i++)
        if (g->topics[i] == topic)
            return true;
    return false;
}

static const struct end *link_of(const struct oracle *o, const struct snapshot *s, uint32_t a, uint32_t b)
{
    return s->links[(size_t)a * o->count + b];
}

static uint32_t degree(const struct oracle *o, uint32_t topic, uint32_t a)
{
    return o->nodes[a].node && o->nodes[a].group->gossipsub_on
               ? node_mesh_size(o->nodes[a].node, slice_text(o->scenario->topics[topic]))
               : 0;
}

/* The next heartbeat takes the mesh down to D. */
static bool too_many(const struct gossipsub_params *p, uint32_t size)
{
    return size >= p->d_hi && size > p->d;
}

/* Who has too few peers, too many, or a peer that does not know. */
static void watch_mesh(struct oracle *o, uint32_t topic, uint32_t a, uint64_t now_ns)
{
    const struct gossipsub_params *p = &o->nodes[a].group->gossipsub;
    bool in = subscribed(o, a, topic);
    uint32_t size = degree(o, topic, a);

    since(&o->over_ns[(size_t)topic * o->count + a], in && too_many(p, size), now_ns);
    for (uint32_t b = 0; b < o->count; b++) {
        size_t cell = mesh_cell(o, topic, a, b);
        bool near = in && subscribed(o, b, topic) && link_of(o, &o->now, a, b);
        bool has = o->now.meshes[cell], wanted = size < p->d_lo && !too_many(&o->nodes[b].group->gossipsub, degree(o, topic, b) + 1);

        since(&o->room_ns[cell], near && !has && wanted, now_ns);
        since(&o->lopsided_ns[cell], near && has && !o->now.meshes[mesh_cell(o, topic, b, a)], now_ns);
    }
}

void oracle_sample(struct oracle *o, uint64_t now_ns)
{
    if (now_ns - o->sampled_ns < SAMPLE_NS && now_ns < o->scenario->duration_ns)
        return;
    o->sampled_ns = now_ns;
    take(o, &o->now);
    for (size_t i = 0; i < (size_t)o->count * o->count; i++)
        since(&o->linked_ns[i], o->now.links[i] != NULL, now_ns);
    for (uint32_t t = 0; t < o->scenario->topic_count; t++)
        for (uint32_t a = 0; a < o->count; a++)
            watch_mesh(o, t, a, now_ns);
    if (!o->has_before && now_ns + LEAD_NS >= o->scenario->warmup_ns) {
        take(o, &o->before);
        o->has_before = true;
    }
}

/* ---- the end ---- */

/* By its own clock, which may be slow, all heartbeats of a back-off have passed. */
static uint64_t patience_ns(const struct gossipsub_params *p)
{
    uint64_t backoff_ns = p->prune_backoff_ns > p->unsubscribe_backoff_ns ? p->prune_backoff_ns : p->unsubscribe_backoff_ns;

    return (backoff_ns + (SWEEP_HEARTBEATS + 2) * p->heartbeat_interval_ns) / 9 * 10 + 3 * LEAD_NS;
}

static void judge_mesh(struct oracle *o, uint32_t topic, uint32_t a, uint64_t now_ns)
{
    const struct gossipsub_params *p = &o->nodes[a].group->gossipsub;
    char name[SCENARIO_NODE_NAME_SIZE];

    scenario_node_name(o->scenario, a, name);
    if (lasts(o->over_ns[(size_t)topic * o->count + a], now_ns, 4 * p->heartbeat_interval_ns + LEAD_NS))
        verdict_broken(o->verdict, "mesh-high", "%s: %u peers in the mesh of topic %u, D_hi is %u", name, degree(o, topic, a), topic,
                       p->d_hi);
    for (uint32_t b = 0; b < o->count; b++) {
        size_t cell = mesh_cell(o, topic, a, b);
        const struct gossipsub_params *q = &o->nodes[b].group->gossipsub;
        uint64_t patience = patience_ns(p) > patience_ns(q) ? patience_ns(p) : patience_ns(q);

        if (lasts(o->room_ns[cell], now_ns, patience))
            verdict_broken(o->verdict, "mesh-low", "%s: %u peers in the mesh of topic %u, D_lo is %u, and host %u has room since %" PRIu64 " ns",
                           name, degree(o, topic, a), topic, p->d_lo, b, o->room_ns[cell]);
        if (lasts(o->lopsided_ns[cell], now_ns, LOPSIDED_NS))
            verdict_broken(o->verdict, "mesh-lopsided", "%s has host %u in the mesh of topic %u, but not the other way round since %" PRIu64 " ns",
                           name, b, topic, o->lopsided_ns[cell]);
    }
}

static void judge_links(struct oracle *o, uint64_t now_ns, struct guard_counts *counts)
{
    struct scenario_error err;
    struct topology t;

    if (topology_build(o->scenario, &t, &err) != ERR_OK)
        return;
    for (uint32_t i = 0; i < t.dial_count; i++) {
        uint32_t a = t.dials[i].from, b = t.dials[i].to;
        uint64_t up_ns = o->nodes[a].up_ns > o->nodes[b].up_ns ? o->nodes[a].up_ns : o->nodes[b].up_ns;
        char name[SCENARIO_NODE_NAME_SIZE], far[SCENARIO_NODE_NAME_SIZE];

        if (o->cut_ns > up_ns)
            up_ns = o->cut_ns;
        if (!o->nodes[a].node || !o->nodes[b].node || now_ns - up_ns < REDIAL_NS)
            continue;
        counts->links++;
        if (!link_of(o, &o->now, a, b))
            verdict_broken(o->verdict, "links", "%s and %s are not connected, %" PRIu64 " ns after nothing more was in the way",
                           scenario_node_name(o->scenario, a, name), scenario_node_name(o->scenario, b, far), now_ns - up_ns);
    }
    topology_free(&t);
}

/* A link that was there all the time. */
static bool steady(const struct oracle *o, uint32_t a, uint32_t b)
{
    return link_of(o, &o->now, a, b) && link_of(o, &o->now, a, b) == link_of(o, &o->before, a, b);
}

/* All of a's peers that are not in its mesh hear of each message that it has. */
static bool gossips_to_all(const struct oracle *o, uint32_t topic, uint32_t a)
{
    const struct gossipsub_params *p = &o->nodes[a].group->gossipsub;
    uint64_t others = 0, chosen;

    for (uint32_t b = 0; b < o->count; b++) {
        size_t cell = mesh_cell(o, topic, a, b);

        others += subscribed(o, b, topic) && link_of(o, &o->now, a, b) && (!o->now.meshes[cell] || o->restless[cell]);
    }
    chosen = others * p->gossip_factor_ppm / 1000000;
    if (chosen < p->d_lazy)
        chosen = p->d_lazy;
    return p->history_gossip > 0 && others <= chosen;
}

/* How long a hop over a link takes at most, with some room. */
static uint64_t hop_ns(const struct oracle *o, uint32_t to)
{
    return 2000000000ull + 4 * o->scenario->network.latency_max_ns + o->nodes[to].group->validation_ns;
}

/* Both have a stream of Algorand's on the link: those that accepted it serve it only as relays. */
static bool algorand_link(const struct oracle *o, uint32_t a, uint32_t b)
{
    uint32_t acceptor = link_of(o, &o->now, a, b)->dialled ? b : a;

    return o->nodes[a].group->algorand_on && o->nodes[b].group->algorand_on && o->nodes[acceptor].group->algorand.gossip_service;
}

/* The time from a to b at most; TIME_NEVER where nothing is certain. */
static uint64_t reach_ns(const struct oracle *o, uint32_t topic, uint32_t a, uint32_t b, bool first)
{
    const struct scenario_group *g = o->nodes[a].group;

    if (o->nodes[a].lossy || o->nodes[b].lossy || !steady(o, a, b))
        return TIME_NEVER;
    if (topic == SCENARIO_NONE)
        return algorand_link(o, a, b) && (first || g->algorand.relay) ? hop_ns(o, b) : TIME_NEVER;
    if (!subscribed(o, b, topic) || !subscribed(o, a, topic))
        return TIME_NEVER;
    if (o->restless[mesh_cell(o, topic, a, b)])
        return TIME_NEVER; /* neither given it nor offered it, if it leaves the mesh before and is back at the heartbeat */
    if (o->now.meshes[mesh_cell(o, topic, a, b)])
        return hop_ns(o, b);
    return gossips_to_all(o, topic, a) ? hop_ns(o, b) + 2 * g->gossipsub.heartbeat_interval_ns : TIME_NEVER;
}

/* Shortest times from the publisher, by Bellman and Ford: the networks are small. */
static void spread(const struct oracle *o, uint32_t topic, uint32_t from, uint64_t *ns)
{
    bool changed = true;

    for (uint32_t i = 0; i < o->count; i++)
        ns[i] = TIME_NEVER;
    ns[from] = 0;
    while (changed) {
        changed = false;
        for (uint32_t a = 0; a < o->count; a++) {
            for (uint32_t b = 0; ns[a] != TIME_NEVER && b < o->count; b++) {
                uint64_t hop = link_of(o, &o->now, a, b) ? reach_ns(o, topic, a, b, a == from) : TIME_NEVER;

                if (hop == TIME_NEVER || ns[a] + hop >= ns[b])
                    continue;
                ns[b] = ns[a] + hop;
                changed = true;
            }
        }
    }
}

static void judge_final(struct oracle *o, uint32_t from, const struct final *f, const uint64_t *ns, uint64_t now_ns,
                        struct guard_counts *counts)
{
    counts->finals++;
    for (uint32_t b = 0; b < o->count; b++) {
        char name[SCENARIO_NODE_NAME_SIZE], publisher[SCENARIO_NODE_NAME_SIZE];

        if (b == from || ns[b] == TIME_NEVER || f->at_ns + ns[b] > now_ns)
            continue;
        counts->expected++;
        if (!map_find(&o->nodes[b].given, slice_of(f->id, f->id_size)))
            verdict_broken(o->verdict, "reach", "what %s published at %" PRIu64 " ns (%s) has not reached %s, which takes %" PRIu64 " ns at most",
                           scenario_node_name(o->scenario, from, publisher), f->at_ns,
                           f->topic == SCENARIO_NONE ? "algorand" : o->scenario->topics[f->topic],
                           scenario_node_name(o->scenario, b, name), ns[b]);
    }
}

static void judge_finals(struct oracle *o, uint32_t from, uint64_t now_ns, struct guard_counts *counts)
{
    const struct watched *w = &o->nodes[from];
    uint64_t *ns = mem_grow(NULL, o->count, sizeof *ns);
    uint32_t topic = 0;

    for (uint32_t i = 0; w->node && i < w->final_count; i++) {
        if (i == 0 || w->finals[i].topic != topic)
            spread(o, w->finals[i].topic, from, ns);
        topic = w->finals[i].topic;
        judge_final(o, from, &w->finals[i], ns, now_ns, counts);
    }
    mem_free(ns);
}

void oracle_judge(struct oracle *o, uint64_t now_ns, struct guard_counts *counts)
{
    judge_links(o, now_ns, counts);
    for (uint32_t t = 0; t < o->scenario->topic_count; t++) {
        for (uint32_t a = 0; a < o->count; a++) {
            counts->meshes += subscribed(o, a, t);
            judge_mesh(o, t, a, now_ns);
        }
    }
    for (uint32_t a = 0; o->has_before && a < o->count; a++)
        judge_finals(o, a, now_ns, counts);
}
