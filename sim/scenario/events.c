/* The `events` section: what happens to nodes and to the network while the run goes on. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <inttypes.h>
#include <string.h>

#define EVENTS_MAX 10000u
#define CHANGES_MAX 20000000u /* links and pairs of regions that all events together change */
#define CHURN_SPAN_MAX_NS (366 * 86400 * NS_PER_S)

static const char *const kind_names[SCENARIO_EVENT_KIND_COUNT] = {
    [SCENARIO_PARTITION] = "partition", [SCENARIO_HEAL] = "heal",       [SCENARIO_STOP] = "stop",
    [SCENARIO_CRASH] = "crash",         [SCENARIO_RESTART] = "restart", [SCENARIO_JOIN] = "join",
    [SCENARIO_CHURN] = "churn",         [SCENARIO_LATENCY] = "latency", [SCENARIO_LOSS] = "loss",
    [SCENARIO_BANDWIDTH] = "bandwidth",
};
static const char *const direction_names[] = {"both", "out", "in", NULL};
static const char *const memory_names[] = {"lost", "kept", NULL};

const char *scenario_event_text(enum scenario_event_kind kind)
{
    return kind_names[kind];
}

static const struct field selector_fields[] = {
    {"regions", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"groups", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"classes", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"nodes", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"share", FIELD_PPM, false, FIELD(scenario_selector, share_ppm), 1, 1000000, NULL},
    {"count", FIELD_U32, false, FIELD(scenario_selector, count), 1, SCENARIO_NODES_MAX, NULL},
};

void selector_finish(struct reader *r, const struct tree *t, const struct scenario *s,
                     struct scenario_selector *who)
{
    const struct tree *at;

    if ((at = tree_find(t, "regions")))
        who->regions = region_list_read(r, s, at, &who->region_count);
    if ((at = tree_find(t, "groups")))
        who->groups = group_list_read(r, s, at, &who->group_count);
    if ((at = tree_find(t, "classes")))
        who->classes = class_list_read(r, s, at, &who->class_count);
    if ((at = tree_find(t, "nodes")))
        who->nodes = node_list_read(r, s, at, &who->node_count);
    if (who->share_ppm > 0 && who->count > 0)
        reader_fail(r, t, "share and count exclude each other");
    if (who->count > s->node_count)
        reader_fail(r, tree_find(t, "count"), "there are only %" PRIu32 " nodes", s->node_count);
}

static void read_selector(struct reader *r, const struct tree *t, const struct scenario *s,
                          struct scenario_selector *who)
{
    reader_fields(r, t, FIELDS(selector_fields), who);
    if (!r->failed)
        selector_finish(r, t, s, who);
    if (!r->failed && t->count == 0)
        reader_fail(r, t, "selects nothing (regions, groups, classes, nodes, share, count)");
}

/* {groups: peers, up: {exponential: {mean: 10m}}, down: 30s, leave: stop}, or {trace: churn.csv} */
static void read_churn(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e)
{
    static const char *const leaves[] = {"crash", "stop", NULL};
    static const struct quantity span = {.kind = FIELD_DURATION, .min = NS_PER_US, .max = CHURN_SPAN_MAX_NS,
                                         .plural = "durations", .range = "[10s, 1m]"};
    static const struct field leave = {"leave", FIELD_CHOICE, false, 0, 0, 0, leaves};
    struct field fields[10] = {{"up", FIELD_OTHER, false, 0, 0, 0, NULL}, {"down", FIELD_OTHER, false, 0, 0, 0, NULL},
                              {"leave", FIELD_OTHER, false, 0, 0, 0, NULL}, {"trace", FIELD_OTHER, false, 0, 0, 0, NULL}};
    const struct tree *up = tree_find(t, "up"), *down = tree_find(t, "down"), *trace = tree_find(t, "trace");
    enum { CRASH, STOP } how = CRASH;

    memcpy(fields + 4, selector_fields, sizeof selector_fields);
    e->churn = arena_alloc(r->arena, 1, sizeof *e->churn);
    reader_fields(r, t, FIELDS(fields), &e->who);
    if (r->failed)
        return;
    if (tree_find(t, "leave"))
        reader_value(r, tree_find(t, "leave"), &leave, &how);
    e->churn->orderly = how == STOP;
    if (how == STOP && e->keeps_memory)
        reader_fail(r, tree_find(t, "leave"), "a process that stops keeps no memory (crash)");
    for (const struct tree *c = t->first; c && trace && !r->failed; c = c->next)
        if (c != trace && strcmp(c->key, "leave") != 0)
            reader_fail_key(r, c, "is excluded by trace");
    if (r->failed)
        return;
    if (trace) {
        churn_trace_read(r, trace, s, e);
    } else if (!up || !down) {
        reader_fail(r, t, "%s is missing (or trace)", up ? "down" : "up");
    } else {
        selector_finish(r, t, s, &e->who);
        distribution_read(r, up, &span, &e->churn->up);
        distribution_read(r, down, &span, &e->churn->down);
    }
}

/* {group: late, count: 5} */
static void read_join(struct reader *r, const struct tree *t, const struct scenario *s,
                      struct scenario_selector *who)
{
    static const struct field fields[] = {
        {"group", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"count", FIELD_U32, true, FIELD(scenario_selector, count), 1, SCENARIO_NODES_MAX, NULL},
    };
    const struct scenario_group *g;
    uint64_t joined = 0;

    reader_fields(r, t, FIELDS(fields), who);
    if (r->failed)
        return;
    who->groups = group_list_read(r, s, tree_find(t, "group"), &who->group_count);
    if (r->failed)
        return;
    if (who->group_count != 1) {
        reader_fail(r, tree_find(t, "group"), "must be one group");
        return;
    }
    g = &s->groups[who->groups[0]];
    for (uint32_t i = 0; i < s->event_count; i++) {
        const struct scenario_event *e = &s->events[i];

        if (e->kind == SCENARIO_JOIN && e->who.groups[0] == who->groups[0])
            joined += e->who.count;
    }
    joined += who->count;
    if (g->start_ns != TIME_NEVER)
        reader_fail(r, tree_find(t, "group"),
                    "the nodes of %s start by themselves (give it start: never)", g->name);
    else if (joined > g->count)
        reader_fail(r, tree_find(t, "count"),
                    "makes %" PRIu64 " joins of %s, which has %" PRIu32 " nodes", joined, g->name,
                    g->count);
}

/* The one key that says what happens. */
static const struct tree *find_action(struct reader *r, const struct tree *t,
                                      struct scenario_event *e)
{
    const struct tree *action = NULL;

    for (int kind = 0; kind < SCENARIO_EVENT_KIND_COUNT; kind++) {
        const struct tree *at = tree_find(t, kind_names[kind]);

        if (at && action)
            reader_fail_key(r, at, "is a second action in one event");
        if (at) {
            action = at;
            e->kind = (enum scenario_event_kind)kind;
        }
    }
    if (!action)
        reader_fail(r, t, "has no action (partition, heal, stop, crash, restart, join, churn, latency, loss, bandwidth)");
    return action;
}

/* Keys beside the action: which actions they belong to (bit i: kind i), and who those are in words. */
static const struct extra {
    const char *key;
    uint32_t kinds;
    const char *owners;
} extras[] = {
    {"for",
     1u << SCENARIO_PARTITION | 1u << SCENARIO_CHURN | 1u << SCENARIO_LATENCY | 1u << SCENARIO_LOSS | 1u << SCENARIO_BANDWIDTH,
     "partition, churn, latency, loss and bandwidth"},
    {"direction", 1u << SCENARIO_PARTITION, "partition"},
    {"after", 1u << SCENARIO_RESTART, "restart"},
    {"memory", 1u << SCENARIO_RESTART | 1u << SCENARIO_CHURN, "restart and churn"},
    {"over", 1u << SCENARIO_STOP | 1u << SCENARIO_CRASH | 1u << SCENARIO_RESTART | 1u << SCENARIO_JOIN,
     "stop, crash, restart and join"},
};

static void read_extras(struct reader *r, const struct tree *t, struct scenario_event *e)
{
    static const struct field memory = {"memory", FIELD_CHOICE, false, 0, 0, 0, memory_names};
    enum { LOST, KEPT } keeps = LOST;

    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        const struct tree *at = tree_find(t, extras[i].key);

        if (at && !(extras[i].kinds >> e->kind & 1))
            reader_fail_key(r, at, "belongs to %s", extras[i].owners);
    }
    if (e->kind == SCENARIO_RESTART && !tree_find(t, "after"))
        reader_fail(r, t, "after is missing (restart needs it)");
    if (tree_find(t, "memory"))
        reader_value(r, tree_find(t, "memory"), &memory, &keeps);
    e->keeps_memory = keeps == KEPT;
}

static void read_action(struct reader *r, const struct tree *t, const struct scenario *s,
                        struct scenario_event *e)
{
    switch (e->kind) {
    case SCENARIO_HEAL:
        if (reader_is(r, t, TREE_SCALAR, 0) && strcmp(t->text, "all") != 0)
            reader_fail(r, t, "\"%.60s\" is not allowed (all)", t->text);
        return;
    case SCENARIO_JOIN:
        read_join(r, t, s, &e->who);
        return;
    case SCENARIO_PARTITION:
    case SCENARIO_STOP:
    case SCENARIO_CRASH:
    case SCENARIO_RESTART:
        read_selector(r, t, s, &e->who);
        return;
    case SCENARIO_CHURN:
        read_churn(r, t, s, e);
        return;
    case SCENARIO_LATENCY:
    case SCENARIO_LOSS:
    case SCENARIO_BANDWIDTH:
        change_read(r, t, s, e);
        return;
    case SCENARIO_EVENT_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

static void read_one(struct reader *r, const struct tree *t, struct scenario *s)
{
    const struct field fields[] = {
        {"at", FIELD_DURATION, true, FIELD(scenario_event, at_ns), 0, s->duration_ns, NULL},
        {"partition", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"heal", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"stop", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"crash", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"restart", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"join", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"churn", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"latency", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"loss", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"bandwidth", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"direction", FIELD_CHOICE, false, FIELD(scenario_event, direction), 0, 0, direction_names},
        {"memory", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"over", FIELD_DURATION, false, FIELD(scenario_event, over_ns), 1, s->duration_ns, NULL},
        {"for", FIELD_DURATION, false, FIELD(scenario_event, for_ns), 1, s->duration_ns, NULL},
        {"after", FIELD_DURATION, false, FIELD(scenario_event, after_ns), 1, s->duration_ns, NULL},
    };
    struct scenario_event *e = &s->events[s->event_count];
    const struct tree *action;

    e->number = t->index;
    reader_fields(r, t, FIELDS(fields), e);
    if (r->failed)
        return;
    action = find_action(r, t, e);
    read_extras(r, t, e);
    if (!r->failed)
        read_action(r, action, s, e);
    if (!r->failed && e->churn && e->churn->turns && e->for_ns)
        reader_fail_key(r, tree_find(t, "for"), "is excluded by trace");
    s->event_count++;
}

/* By time; events of the same time stay in the order of the file. */
static void sort(struct scenario *s)
{
    for (uint32_t i = 1; i < s->event_count; i++) {
        struct scenario_event moved = s->events[i];
        uint32_t at = i;

        for (; at > 0 && s->events[at - 1].at_ns > moved.at_ns; at--)
            s->events[at] = s->events[at - 1];
        s->events[at] = moved;
    }
}

/* At the most. */
static uint32_t change_count(const struct scenario *s, const struct scenario_event *e)
{
    bool some = e->who.node_count && !e->who.region_count && !e->who.group_count && !e->who.class_count;

    if (e->kind == SCENARIO_BANDWIDTH)
        return some ? e->who.node_count : s->node_count;
    return e->pair_count;
}

void events_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    uint64_t changes = 0;

    if (!t || !reader_is(r, t, TREE_LIST, EVENTS_MAX))
        return;
    s->events = arena_alloc(r->arena, t->count, sizeof *s->events);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        read_one(r, c, s);
        if (!r->failed)
            changes += change_count(s, &s->events[s->event_count - 1]);
        if (changes > CHANGES_MAX)
            reader_fail(r, c, "the events change more than %u links and pairs of regions", CHANGES_MAX);
    }
    sort(s);
}
