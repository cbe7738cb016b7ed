/* Topics: who is in them, how large the meshes are, how long messages take. */
#include <stdio.h>

#include "sim/record/internal.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#define DEGREE_MASK (((uint64_t)1 << DEGREE_BITS) - 1)
#define TOPICS_MAX 65536u /* names come from peers, too; later ones are "(other topics)" */

static uint64_t member_key(const struct topic *t, uint32_t node)
{
    return (uint64_t)t->id << 32 | node;
}

const char *topic_protocol_text(const struct topic *t)
{
    return t->protocol == TRACE_ALGORAND ? "algorand" : "gossipsub";
}

static void write_topic(struct recorder *r, struct topic *t)
{
    uint64_t *row;

    if (!r->writer || t->written)
        return;
    t->written = true;
    row = writer_row(r->writer, ROW_TOPIC);
    row[0] = t->id;
    row[1] = row_text(t->name);
    row[2] = row_literal(topic_protocol_text(t));
}

/* A name may hold any bytes: what is not printable ASCII becomes '?'. */
static char *readable(struct slice name)
{
    char *text = mem_alloc(name.size + 1);

    for (size_t i = 0; i < name.size; i++)
        text[i] = name.data[i] >= 0x20 && name.data[i] < 0x7f ? (char)name.data[i] : '?';
    text[name.size] = 0;
    return text;
}

static struct topic *topic_new(uint32_t id, enum trace_protocol protocol, struct slice name)
{
    struct topic *t = mem_zalloc(sizeof *t);

    t->id = id;
    t->protocol = protocol;
    t->name = readable(name);
    histogram_init(&t->hops);
    histogram_init(&t->repeats);
    histogram_init(&t->repeat_lags);
    return t;
}

static struct topic *other_topics(struct recorder *r)
{
    if (!r->others)
        r->others = topic_new(UNKNOWN, TRACE_GOSSIPSUB, slice_text("(other topics)"));
    write_topic(r, r->others);
    return r->others;
}

struct topic *topics_get(struct recorder *r, enum trace_protocol protocol, struct slice name)
{
    struct map *names = &r->topic_names[protocol];
    uint64_t *found = map_find(names, name);
    struct topic *t;
    bool fresh;

    if (found)
        return r->topics[*found];
    if (r->topic_count == TOPICS_MAX)
        return other_topics(r);
    if (r->topic_count == r->topic_capacity) {
        r->topic_capacity = r->topic_capacity ? r->topic_capacity * 2 : 8;
        r->topics = mem_grow(r->topics, r->topic_capacity, sizeof(struct topic *));
    }
    t = topic_new(r->topic_count, protocol, name);
    *map_insert(names, name, &fresh) = r->topic_count;
    r->topics[r->topic_count++] = t;
    write_topic(r, t);
    return t;
}

static void topic_free(struct topic *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->region_count; i++)
        histogram_deinit(&t->regions[i]);
    mem_free(t->regions);
    histogram_deinit(&t->hops);
    histogram_deinit(&t->repeats);
    histogram_deinit(&t->repeat_lags);
    mem_free(t->name);
    mem_free(t);
}

void topics_deinit(struct recorder *r)
{
    for (uint32_t i = 0; i < r->topic_count; i++)
        topic_free(r->topics[i]);
    topic_free(r->others);
    mem_free(r->topics);
}

static uint32_t degree_cell(uint64_t member)
{
    uint32_t degree = (uint32_t)(member & DEGREE_MASK);

    return degree < DEGREES ? degree : DEGREES - 1;
}

void topics_join(struct recorder *r, struct topic *t, uint32_t node, uint64_t now_ns)
{
    uint64_t key = member_key(t, node);

    if (table_find(&r->members, key))
        return;
    CHECK(now_ns < (uint64_t)1 << (63 - DEGREE_BITS));
    table_put(&r->members, key, now_ns << DEGREE_BITS);
    t->members++;
    t->degree_nodes[0]++;
}

void topics_leave(struct recorder *r, struct topic *t, uint32_t node)
{
    uint64_t key = member_key(t, node), *member = table_find(&r->members, key);

    if (!member)
        return;
    CHECK(t->members > 0 && t->degree_nodes[degree_cell(*member)] > 0);
    t->members--;
    t->degree_nodes[degree_cell(*member)]--;
    table_remove(&r->members, key);
}

void topics_leave_all(struct recorder *r, uint32_t node)
{
    for (uint32_t i = 0; i < r->topic_count; i++)
        topics_leave(r, r->topics[i], node);
    if (r->others)
        topics_leave(r, r->others, node);
}

/* The peers of a node that left may still prune it, or it them: a node that is not in the topic has
 * no degree. */
void topics_mesh(struct recorder *r, struct topic *t, uint32_t node, bool graft)
{
    uint64_t *member = table_find(&r->members, member_key(t, node));

    if (!member || (*member & DEGREE_MASK) == (graft ? DEGREE_MASK : 0))
        return;
    t->meshed = true;
    t->degree_nodes[degree_cell(*member)]--;
    *member += graft ? 1 : UINT64_MAX;
    t->degree_nodes[degree_cell(*member)]++;
}

bool topics_expects(const struct recorder *r, const struct message *m, uint32_t node)
{
    const struct topic *t = m->topic == UNKNOWN ? r->others : r->topics[m->topic];
    const uint64_t *member = table_find(&r->members, member_key(t, node));
    const struct node_record *n = &r->nodes[node];

    if (m->publisher == UNKNOWN)
        return false;
    if (member)
        return *member >> DEGREE_BITS <= m->published_ns;
    return t->protocol == TRACE_ALGORAND && n->algorand && n->up &&
           n->up_since_ns <= m->published_ns;
}

uint32_t topics_audience(const struct recorder *r, const struct topic *t, uint32_t publisher)
{
    const struct node_record *n = &r->nodes[publisher];
    uint32_t all = t->members;

    if (t->protocol == TRACE_ALGORAND)
        return r->algorand_up - (n->algorand && n->up);
    return all - (table_find(&r->members, member_key(t, publisher)) != NULL);
}

static void sample(struct recorder *r, const struct topic *t, uint64_t at_ns)
{
    for (uint32_t degree = 0; degree < DEGREES; degree++) {
        uint64_t *row;

        if (t->degree_nodes[degree] == 0)
            continue;
        row = writer_row(r->writer, ROW_MESH_DEGREE);
        row[0] = at_ns;
        row[1] = t->id;
        row[2] = degree;
        row[3] = t->degree_nodes[degree];
    }
}

void topics_sample(struct recorder *r, uint64_t at_ns)
{
    for (uint32_t i = 0; r->writer && i < r->topic_count && i < RECORD_TOPICS_DETAILED; i++)
        if (r->topics[i]->meshed)
            sample(r, r->topics[i], at_ns);
}

/* Topics beyond those that are told apart share the histograms of one. */
static struct topic *detailed(struct recorder *r, uint32_t topic)
{
    return topic < RECORD_TOPICS_DETAILED ? r->topics[topic] : other_topics(r);
}

struct histogram *topics_hops(struct recorder *r, uint32_t topic)
{
    return &detailed(r, topic)->hops;
}

struct histogram *topics_repeats(struct recorder *r, uint32_t topic)
{
    return &detailed(r, topic)->repeats;
}

struct histogram *topics_repeat_lags(struct recorder *r, uint32_t topic)
{
    return &detailed(r, topic)->repeat_lags;
}

struct histogram *topics_propagation(struct recorder *r, uint32_t topic, uint32_t region)
{
    struct topic *t = detailed(r, topic);

    if (region >= t->region_count) {
        t->regions = mem_grow(t->regions, region + 1, sizeof *t->regions);
        while (t->region_count <= region)
            histogram_init(&t->regions[t->region_count++]);
    }
    return &t->regions[region];
}
