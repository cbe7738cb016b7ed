/* The `nodes` section: groups of nodes that are alike. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"
#include "stack/node/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX 1000u
#define TOPICS_MAX 1000u
#define TOPIC_SIZE_MAX 128u
#define KEEPALIVE_DEFAULT_NS (30 * NS_PER_S)
#define PER_ADDRESS_MAX 50000u /* ports */
#define LONG_NS (366 * 86400 * NS_PER_S)

uint32_t scenario_topic(struct reader *r, struct scenario *s, const struct tree *t)
{
    if (!reader_is(r, t, TREE_SCALAR, 0))
        return SCENARIO_NONE;
    for (uint32_t i = 0; i < s->topic_count; i++) {
        if (strcmp(s->topics[i], t->text) == 0)
            return i;
    }
    if (strlen(t->text) > TOPIC_SIZE_MAX || strcspn(t->text, " \t\r\n,()\"") != strlen(t->text))
        reader_fail(r, t,
                    "\"%.60s\" is not a topic (at most %u characters, no blanks, commas, brackets "
                    "or quotes)",
                    t->text, TOPIC_SIZE_MAX);
    else if (s->topic_count == TOPICS_MAX)
        reader_fail(r, t, "there are more than %u topics", TOPICS_MAX);
    if (r->failed)
        return SCENARIO_NONE;
    if (!s->topics)
        s->topics = arena_alloc(r->arena, TOPICS_MAX, sizeof *s->topics);
    s->topics[s->topic_count] = arena_text(r->arena, t->text, strlen(t->text));
    return s->topic_count++;
}

/* {europe: 3, africa: 1}: weights by name, an array as long as the names. */
static uint64_t *read_weights(struct reader *r, const struct tree *t, struct names names)
{
    static const struct field weight = {"weight", FIELD_U64, false, 0, 0, UINT32_MAX, NULL};
    uint64_t *weights = arena_alloc(r->arena, names.count, sizeof *weights), sum = 0;

    if (!reader_is(r, t, TREE_MAP, TREE_KEYS_MAX))
        return weights;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        struct tree name = *c;
        uint32_t index;

        name.kind = TREE_SCALAR;
        name.text = c->key;
        name.line = c->key_line;
        name.column = c->key_column;
        index = reader_lookup(r, &name, names);
        if (r->failed)
            break;
        reader_value(r, c, &weight, &weights[index]);
        sum += weights[index];
    }
    if (sum == 0)
        reader_fail(r, t, "all weights are 0");
    return weights;
}

static void read_region(struct reader *r, const struct tree *t, const struct scenario *s,
                        struct scenario_group *g)
{
    const struct scenario_network *n = &s->network;
    const struct tree *fixed = tree_find(t, "region"), *mixed = tree_find(t, "regions");

    g->region = SCENARIO_NONE;
    g->region_weights = arena_alloc(r->arena, n->region_count, sizeof *g->region_weights);
    for (uint32_t i = 0; i < n->region_count; i++)
        g->region_weights[i] = n->regions[i].weight;
    if (!fixed && !mixed)
        return;
    if (fixed && mixed)
        reader_fail_key(r, mixed, "excludes region");
    if (!n->present)
        reader_fail_key(r, fixed ? fixed : mixed, "needs a network section");
    else if (fixed)
        g->region = reader_lookup(r, fixed, NAMES("region", n->regions, n->region_count));
    else
        g->region_weights = read_weights(r, mixed, NAMES("region", n->regions, n->region_count));
}

static void read_class(struct reader *r, const struct tree *t, const struct scenario *s,
                       struct scenario_group *g)
{
    const struct scenario_network *n = &s->network;
    const struct tree *fixed = tree_find(t, "class"), *mixed = tree_find(t, "classes");

    g->class = n->class_default;
    if (n->class_count > 0) {
        g->class_weights = arena_alloc(r->arena, n->class_count, sizeof *g->class_weights);
        for (uint32_t i = 0; i < n->class_count; i++)
            g->class_weights[i] = n->classes[i].weight;
    }
    if (!fixed && !mixed)
        return;
    if (fixed && mixed)
        reader_fail_key(r, mixed, "excludes class");
    if (n->class_count == 0) {
        reader_fail_key(r, fixed ? fixed : mixed, "needs classes in the network section");
    } else if (fixed) {
        g->class = reader_lookup(r, fixed, NAMES("class", n->classes, n->class_count));
    } else {
        g->class = SCENARIO_NONE;
        g->class_weights = read_weights(r, mixed, NAMES("class", n->classes, n->class_count));
    }
}

static void read_algorand(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const char *const roles[] = {"relay", "node", NULL};
    static const struct field role = {"role", FIELD_CHOICE, false, 0, 0, 0, roles};
    static const struct field fields[] = {
        {"role", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"genesis", FIELD_NAME, false, offsetof(struct scenario_group, algorand.genesis), 0, 0,
         NULL},
        {"queue", FIELD_U32, false, offsetof(struct scenario_group, algorand.queue_max), 1, 1000000,
         NULL},
        {"queue_stale", FIELD_DURATION, false,
         offsetof(struct scenario_group, algorand.queue_stale_ns), NS_PER_MS, LONG_NS, NULL},
        {"seen_ttl", FIELD_DURATION, false, offsetof(struct scenario_group, algorand.seen_ttl_ns),
         NS_PER_MS, LONG_NS, NULL},
        {"handshake_timeout", FIELD_DURATION, false,
         offsetof(struct scenario_group, algorand.handshake_timeout_ns), NS_PER_MS, LONG_NS, NULL},
    };
    enum { ROLE_RELAY, ROLE_NODE } which = ROLE_NODE;

    g->algorand = algorand_config_default();
    g->algorand.genesis = arena_text(r->arena, "hearsay-v1.0", 12);
    reader_fields(r, t, FIELDS(fields), g);
    if (r->failed)
        return;
    g->algorand_on = true;
    reader_value(r, tree_find(t, "role"), &role, &which);
    g->algorand.relay = g->algorand.gossip_service = which == ROLE_RELAY;
}

static void read_subscriptions(struct reader *r, const struct tree *t, struct scenario *s,
                               struct scenario_group *g)
{
    if (!g->gossipsub_on) {
        reader_fail_key(r, t, "needs gossipsub, which is off here");
        return;
    }
    if (t->kind != TREE_LIST || t->count > 0)
        reader_is(r, t, TREE_LIST, TOPICS_MAX);
    g->topics = arena_alloc(r->arena, t->count, sizeof *g->topics);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        uint32_t topic = scenario_topic(r, s, c);

        for (uint32_t i = 0; i < g->topic_count; i++) {
            if (g->topics[i] == topic)
                reader_fail(r, c, "\"%.60s\" is given twice", c->text);
        }
        g->topics[g->topic_count++] = topic;
    }
}

static void read_start(struct reader *r, const struct tree *t, const struct scenario *s,
                       struct scenario_group *g)
{
    const struct field start = {"start", FIELD_DURATION, false, 0, 0, s->duration_ns, NULL};

    if (t->kind == TREE_SCALAR && strcmp(t->text, "never") == 0)
        g->start_ns = TIME_NEVER;
    else
        reader_value(r, t, &start, &g->start_ns);
    if (g->start_ns == TIME_NEVER && g->start_spread_ns > 0)
        reader_fail(r, t, "never excludes start_spread");
}

static void read_keepalive(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field keepalive = {"keepalive", FIELD_DURATION, false, 0,
                                           NS_PER_MS,   LONG_NS,        NULL};

    if (t->kind == TREE_SCALAR && strcmp(t->text, "off") == 0)
        g->keepalive_ns = 0;
    else
        reader_value(r, t, &keepalive, &g->keepalive_ns);
}

/* "20ppm" */
static void read_drift(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    char number[24];
    size_t size;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    size = strlen(t->text);
    if (size < 4 || size - 3 >= sizeof number || strcmp(t->text + size - 3, "ppm") != 0 || strchr(t->text, '%')) {
        reader_fail(r, t, "\"%.60s\" is not a drift (20ppm)", t->text);
        return;
    }
    memcpy(number, t->text, size - 3);
    number[size - 3 - (number[size - 4] == ' ')] = '\0';
    if (units_ratio(number, 1000, &g->clock_drift_ppb))
        reader_fail(r, t, "\"%.60s\" is not a drift (20ppm)", t->text);
    else if (g->clock_drift_ppb > CLOCK_DRIFT_MAX_PPB)
        reader_fail(r, t, "\"%.60s\" is out of range (0ppm to 100000ppm)", t->text);
}

/* {offset: 50ms, drift: 20ppm} */
static void read_clock(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field fields[] = {
        {"offset", FIELD_DURATION, false, FIELD(scenario_group, clock_offset_ns), 0, 86400 * NS_PER_S, NULL},
        {"drift", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    const struct tree *drift;

    reader_fields(r, t, FIELDS(fields), g);
    if (!r->failed && (drift = tree_find(t, "drift")))
        read_drift(r, drift, g);
}

static void read_custom(struct reader *r, const struct tree *t, struct scenario *s,
                        struct scenario_group *g)
{
    const struct tree *at;

    read_region(r, t, s, g);
    read_class(r, t, s, g);
    if (!r->failed)
        gossipsub_settings_read(r, tree_find(t, "gossipsub"), g);
    if ((at = tree_find(t, "algorand")))
        read_algorand(r, at, g);
    if ((at = tree_find(t, "start")))
        read_start(r, at, s, g);
    if ((at = tree_find(t, "keepalive")))
        read_keepalive(r, at, g);
    if ((at = tree_find(t, "clock")))
        read_clock(r, at, g);
    if (!r->failed && (at = tree_find(t, "subscribe")))
        read_subscriptions(r, at, s, g);
    if (!r->failed && !g->gossipsub_on && !g->algorand_on)
        reader_fail(r, t, "speaks neither gossipsub nor algorand");
    g->algorand.validation_delay_ns = g->algorand_on ? g->validation_ns : 0;
}

static const char *const reach_names[] = {"yes", "no", NULL};

static const struct field group_fields[] = {
    {"group", FIELD_NAME, true, FIELD(scenario_group, name), 0, 0, NULL},
    {"count", FIELD_U32, true, FIELD(scenario_group, count), 1, SCENARIO_NODES_MAX, NULL},
    {"region", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"regions", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"class", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"classes", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"gossipsub", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"algorand", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"subscribe", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"validation", FIELD_DURATION, false, FIELD(scenario_group, validation_ns), 0, 3600 * NS_PER_S,
     NULL},
    {"start", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"start_spread", FIELD_DURATION, false, FIELD(scenario_group, start_spread_ns), 0, LONG_NS,
     NULL},
    {"dial_delay", FIELD_DURATION, false, FIELD(scenario_group, dial_delay_ns), 0, LONG_NS, NULL},
    {"dial_interval", FIELD_DURATION, false, FIELD(scenario_group, dial_interval_ns), 0,
     3600 * NS_PER_S, NULL},
    {"per_address", FIELD_U32, false, FIELD(scenario_group, per_address), 1, PER_ADDRESS_MAX, NULL},
    {"behaviour", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"keepalive", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"reachable", FIELD_CHOICE, false, FIELD(scenario_group, reach), 0, 0, reach_names},
    {"clock", FIELD_OTHER, false, 0, 0, 0, NULL},
};

static void read_group(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_group *g = &s->groups[s->group_count];

    g->keepalive_ns = KEEPALIVE_DEFAULT_NS;
    g->per_address = 1;
    reader_fields(r, t, FIELDS(group_fields), g);
    if (r->failed)
        return;
    reader_unique(r, tree_find(t, "group"), g->name, NAMES("name", s->groups, s->group_count));
    g->node_first = s->node_count;
    if (g->count > SCENARIO_NODES_MAX - s->node_count)
        reader_fail(r, tree_find(t, "count"), "there are more than %u nodes", SCENARIO_NODES_MAX);
    read_custom(r, t, s, g);
    if (g->clock_offset_ns > s->clocks_ahead_ns)
        s->clocks_ahead_ns = g->clock_offset_ns;
    s->node_count += g->count;
    s->group_count++;
}

/* "a" with two nodes and a group called "a-1": the name would mean two things. */
static void refuse_ambiguous(struct reader *r, const struct tree *t, const struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count && !r->failed; i++) {
        if (scenario_node_find(s, s->groups[i].name) != SCENARIO_NONE)
            reader_fail(r, tree_find(tree_item(t, i), "group"),
                        "\"%s\" is the name of a node of another group", s->groups[i].name);
    }
}

void groups_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    if (!reader_is(r, t, TREE_LIST, GROUPS_MAX))
        return;
    s->groups = arena_alloc(r->arena, t->count, sizeof *s->groups);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        read_group(r, c, s);
    if (!r->failed)
        refuse_ambiguous(r, t, s);
}

void groups_subscribe(struct reader *r, const struct tree *nodes, struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count && !r->failed; i++) {
        struct scenario_group *g = &s->groups[i];

        if (!g->gossipsub_on || tree_find(tree_item(nodes, i), "subscribe"))
            continue;
        g->topics = arena_alloc(r->arena, s->topic_count, sizeof *g->topics);
        for (uint32_t k = 0; k < s->traffic_count; k++) {
            uint32_t topic = s->traffic[k].topic;
            bool known = topic == SCENARIO_NONE;

            for (uint32_t j = 0; j < g->topic_count && !known; j++)
                known = g->topics[j] == topic;
            if (!known)
                g->topics[g->topic_count++] = topic;
        }
    }
}
