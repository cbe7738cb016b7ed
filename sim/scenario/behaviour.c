/* `behaviour` of a group: nodes that are not honest. */
#include "sim/scenario/behaviour.h"

#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <string.h>

#define REGRAFT_DEFAULT_NS (15 * NS_PER_S) /* of the GossipSub v1.1 evaluation's attackers */
#define SIZE_DEFAULT 1024u
#define ITEMS_MAX 5000u
#define DAY_NS (86400 * NS_PER_S)

static const char *const kind_names[] = {
#define BEHAVIOUR_NAME(name, text) text,
    BEHAVIOUR_TABLE(BEHAVIOUR_NAME)
#undef BEHAVIOUR_NAME
        NULL};

/* What a kind repeats by default, and the keys that mean something to it alone. */
static const struct kind {
    uint64_t every_ns;
    uint32_t items;
    const char *keys[4]; /* ends with NULL */
    const char *required;
} kinds[] = {
    [BEHAVIOUR_DROP] = {0, 0, {NULL}, NULL},
    [BEHAVIOUR_DEGRADE] = {0, 0, {"share", NULL}, "share"},
    [BEHAVIOUR_CENSOR] = {0, 0, {"publishers", "topics", NULL}, NULL},
    [BEHAVIOUR_DELAY] = {0, 0, {"delay", NULL}, "delay"},
    [BEHAVIOUR_GRAFT_FLOOD] = {NS_PER_S, 1, {"every", NULL}, NULL},
    [BEHAVIOUR_IHAVE_SPAM] = {NS_PER_S / 10, 100, {"every", "ids", NULL}, NULL},
    [BEHAVIOUR_IWANT_SPAM] = {NS_PER_S / 10, 100, {"every", "ids", NULL}, NULL},
    [BEHAVIOUR_INVALID_MESSAGES] = {NS_PER_S, 1, {"every", "messages", "size", NULL}, NULL},
    [BEHAVIOUR_BROKEN_PROMISES] = {NS_PER_S, 1, {"every", "ids", NULL}, NULL},
    [BEHAVIOUR_IDONTWANT_SPAM] = {NS_PER_S / 10, 100, {"every", "ids", NULL}, NULL},
    [BEHAVIOUR_PX_POISON] = {NS_PER_S, 8, {"every", "peers", "lure", NULL}, NULL},
};
_Static_assert(sizeof kinds / sizeof *kinds == BEHAVIOUR_KIND_COUNT, "a row each");

static const struct field fields[] = {
    {"kind", FIELD_CHOICE, true, FIELD(scenario_behaviour, kind), 0, 0, kind_names},
    {"attack_at", FIELD_DURATION, false, FIELD(scenario_behaviour, attack_at_ns), 0, 366 * DAY_NS, NULL},
    {"graft", FIELD_BOOL, false, FIELD(scenario_behaviour, grafts), 0, 0, NULL},
    {"regraft", FIELD_DURATION, false, FIELD(scenario_behaviour, regraft_ns), NS_PER_MS, DAY_NS, NULL},
    {"share", FIELD_PPM, false, FIELD(scenario_behaviour, share_ppm), 1, 1000000, NULL},
    {"delay", FIELD_DURATION, false, FIELD(scenario_behaviour, delay_ns), 1, 3600 * NS_PER_S, NULL},
    {"every", FIELD_DURATION, false, FIELD(scenario_behaviour, every_ns), NS_PER_MS, DAY_NS, NULL},
    {"ids", FIELD_U32, false, FIELD(scenario_behaviour, items), 1, ITEMS_MAX, NULL},
    {"messages", FIELD_U32, false, FIELD(scenario_behaviour, items), 1, ITEMS_MAX, NULL},
    {"peers", FIELD_U32, false, FIELD(scenario_behaviour, items), 1, 64, NULL},
    {"size", FIELD_SIZE32, false, FIELD(scenario_behaviour, size), 8, 512 << 10, NULL},
    {"publishers", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"topics", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"lure", FIELD_OTHER, false, 0, 0, 0, NULL},
};

const char *behaviour_text(enum behaviour_kind kind)
{
    return kind_names[kind];
}

static bool is_among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Keys of other kinds. */
static void refuse_strangers(struct reader *r, const struct tree *t, const struct scenario_behaviour *b)
{
    static const char *const all[] = {"kind", "attack_at", "graft", "regraft", NULL};
    const struct kind *k = &kinds[b->kind];

    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        if (!is_among(all, c->key) && !is_among(k->keys, c->key))
            reader_fail_key(r, c, "means nothing to %s", kind_names[b->kind]);
    if (!r->failed && k->required && !tree_find(t, k->required))
        reader_fail(r, t, "%s needs %s", kind_names[b->kind], k->required);
    if (!r->failed && !b->grafts && tree_find(t, "regraft"))
        reader_fail_key(r, tree_find(t, "regraft"), "needs graft: true");
    if (!r->failed && b->kind == BEHAVIOUR_CENSOR && !tree_find(t, "publishers") && !tree_find(t, "topics"))
        reader_fail(r, t, "censor needs publishers or topics");
}

/* A group or a node by its name. */
static struct scenario_range range_read(struct reader *r, const struct tree *t, const struct scenario *s)
{
    struct scenario_range range = {SCENARIO_NONE, 1};

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return range;
    for (uint32_t i = 0; i < s->group_count; i++)
        if (strcmp(s->groups[i].name, t->text) == 0)
            return (struct scenario_range){s->groups[i].node_first, s->groups[i].count};
    range.first = scenario_node_find(s, t->text);
    if (range.first == SCENARIO_NONE)
        reader_lookup(r, t, NAMES("group or node", s->groups, s->group_count));
    return range;
}

/* One, or a list. */
static uint32_t item_count(struct reader *r, const struct tree *t)
{
    if (t->kind == TREE_SCALAR)
        return 1;
    return reader_is(r, t, TREE_LIST, TREE_KEYS_MAX) ? t->count : 0;
}

static const struct tree *item_at(const struct tree *t, uint32_t i)
{
    return t->kind == TREE_SCALAR ? t : tree_item(t, i);
}

static void read_publishers(struct reader *r, const struct tree *t, const struct scenario *s,
                            const struct scenario_group *g, struct scenario_behaviour *b)
{
    uint32_t count = item_count(r, t);

    if (g->signing == GOSSIPSUB_STRICT_NO_AUTHOR) {
        reader_fail_key(r, t, "needs authors in messages, signing no-author sends none (topics)");
        return;
    }
    b->publishers = arena_alloc(r->arena, count, sizeof *b->publishers);
    for (uint32_t i = 0; i < count && !r->failed; i++)
        b->publishers[b->publisher_count++] = range_read(r, item_at(t, i), s);
}

static void read_topics(struct reader *r, const struct tree *t, struct scenario *s, struct scenario_behaviour *b)
{
    uint32_t count = item_count(r, t), known = s->topic_count;

    b->topics = arena_alloc(r->arena, count, sizeof *b->topics);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        uint32_t topic = scenario_topic(r, s, item_at(t, i));

        if (!r->failed && topic >= known)
            reader_fail(r, item_at(t, i), "\"%.60s\" is no topic of this scenario", item_at(t, i)->text);
        b->topics[b->topic_count++] = topic;
    }
}

static void read_behaviour(struct reader *r, const struct tree *t, struct scenario *s, struct scenario_group *g)
{
    struct scenario_behaviour *b = arena_alloc(r->arena, 1, sizeof *b);
    const struct tree *at;

    *b = (struct scenario_behaviour){.grafts = true, .regraft_ns = REGRAFT_DEFAULT_NS, .size = SIZE_DEFAULT,
                                     .lure = SCENARIO_NONE};
    reader_fields(r, t, FIELDS(fields), b);
    if (r->failed)
        return;
    refuse_strangers(r, t, b);
    if (!r->failed && b->attack_at_ns >= s->duration_ns)
        reader_fail_key(r, tree_find(t, "attack_at"), "is not before the end of the run");
    if (!tree_find(t, "every"))
        b->every_ns = kinds[b->kind].every_ns;
    if (!b->items)
        b->items = kinds[b->kind].items;
    if (!r->failed && (at = tree_find(t, "publishers")))
        read_publishers(r, at, s, g, b);
    if (!r->failed && (at = tree_find(t, "topics")))
        read_topics(r, at, s, b);
    if (!r->failed && (at = tree_find(t, "lure")))
        b->lure = reader_lookup(r, at, NAMES("group", s->groups, s->group_count));
    g->behaviour = b;
}

/* Of `gossipsub`, what an adversary has to have in common with the others; the rest is an honest router's. */
static void refuse_router_settings(struct reader *r, const struct tree *t)
{
    static const char *const common[] = {"preset", "fanout", "signing", "message_id", "versions", "rpc_max", NULL};

    for (const struct tree *c = t ? t->first : NULL; c && !r->failed; c = c->next)
        if (!is_among(common, c->key))
            reader_fail_key(r, c, "is of an honest router: it has no effect beside behaviour (signing, message_id, "
                                  "versions, rpc_max, preset)");
}

static void refuse_neighbours(struct reader *r, const struct tree *group, const struct scenario_group *g)
{
    static const char *const excluded[] = {"algorand", "validation", "clock", NULL};

    for (const struct tree *c = group->first; c && !r->failed; c = c->next)
        if (is_among(excluded, c->key))
            reader_fail_key(r, c, "is excluded by behaviour");
    if (!r->failed && !g->gossipsub_on)
        reader_fail_key(r, tree_find(group, "behaviour"), "needs gossipsub, which is off here");
    if (!r->failed && g->topic_count > BEHAVIOUR_TOPICS_MAX)
        reader_fail_key(r, tree_find(group, "behaviour"), "goes with at most %d topics", BEHAVIOUR_TOPICS_MAX);
    if (!r->failed)
        refuse_router_settings(r, tree_find(group, "gossipsub"));
}

static bool overlap(const struct scenario_group *g, const struct scenario_traffic *p)
{
    return p->node_first < g->node_first + g->count && g->node_first < p->node_first + p->node_count;
}

/* Who publishes for an adversary? */
static void refuse_traffic(struct reader *r, const struct tree *traffic, const struct scenario *s)
{
    for (uint32_t i = 0; i < s->traffic_count && !r->failed; i++)
        for (uint32_t k = 0; k < s->group_count && !r->failed; k++)
            if (s->groups[k].behaviour && overlap(&s->groups[k], &s->traffic[i]))
                reader_fail(r, tree_find(tree_item(traffic, i), "from"),
                            "\"%s\" has a behaviour and publishes nothing of its own", s->groups[k].name);
}

void behaviours_read(struct reader *r, const struct tree *nodes, const struct tree *traffic, struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count && !r->failed; i++) {
        const struct tree *group = tree_item(nodes, i), *t = tree_find(group, "behaviour");

        if (!t)
            continue;
        read_behaviour(r, t, s, &s->groups[i]);
        if (!r->failed)
            refuse_neighbours(r, group, &s->groups[i]);
    }
    refuse_traffic(r, traffic, s);
}
