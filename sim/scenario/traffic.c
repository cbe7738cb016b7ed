/* The `traffic` section: who publishes what, when. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRAFFIC_MAX 1000u
#define TIMES_MAX 100000u
#define MESSAGE_SIZE_MIN 8 /* the number of the message is written in its first 8 bytes */
#define MESSAGE_SIZE_MAX (64u << 20)
#define RPC_OVERHEAD_MAX 512u /* frame, topic, author, signature around a message */

static const char *const via_names[] = {"gossip", "algorand", NULL};
static const char *const publisher_names[] = {"one", "each", "fixed", NULL};

/* Tags that a node broadcasts, and the most bytes each may carry. */
static const struct tag {
    const char *name;
    uint32_t size_max;
} tags[] = {
    {"AV", 1228}, {"PP", 5250618}, {"VB", 6291456}, {"TX", 5000000}, {"SP", 6378},
};

static void read_from(struct reader *r, const struct tree *t, const struct scenario *s,
                      struct scenario_traffic *p)
{
    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];

        if (strcmp(g->name, t->text) == 0) {
            p->node_first = g->node_first;
            p->node_count = g->count;
            return;
        }
    }
    p->node_first = scenario_node_find(s, t->text);
    p->node_count = 1;
    if (p->node_first ==
        SCENARIO_NONE) /* the error lists groups: those are meant most of the time */
        reader_lookup(r, t, NAMES("group or node", s->groups, s->group_count));
}

static const struct scenario_group *publisher_group(const struct scenario *s,
                                                    const struct scenario_traffic *p)
{
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];

        if (p->node_first >= g->node_first && p->node_first - g->node_first < g->count)
            return g;
    }
    UNREACHABLE();
}

static const struct quantity message_size = {
    .kind = FIELD_SIZE, .min = MESSAGE_SIZE_MIN, .max = MESSAGE_SIZE_MAX, .bounded = true,
    .plural = "sizes", .range = "[1 KiB, 2 KiB]",
};

static void read_times(struct reader *r, const struct tree *t, const struct scenario *s,
                       struct scenario_traffic *p)
{
    const struct field time = {"at", FIELD_DURATION, false, 0, 0, s->duration_ns - 1, NULL};

    if (!reader_is(r, t, TREE_LIST, TIMES_MAX))
        return;
    p->at_ns = arena_alloc(r->arena, t->count, sizeof *p->at_ns);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        reader_value(r, c, &time, &p->at_ns[p->at_count]);
        if (!r->failed && p->at_count > 0 && p->at_ns[p->at_count] < p->at_ns[p->at_count - 1])
            reader_fail(r, c, "\"%.60s\" is before the time that precedes it (times must rise)",
                        c->text);
        p->at_count++;
    }
}

static void read_rate(struct reader *r, const struct tree *t, struct scenario_traffic *p)
{
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    wrong = units_rate(t->text, &p->interval_ns);
    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    else if (p->interval_ns >= (uint64_t)1 << 56)
        reader_fail(r, t, "\"%.60s\" is too small", t->text);
}

static void read_arrival(struct reader *r, const struct tree *t, const struct scenario *s,
                         struct scenario_traffic *p)
{
    const struct field every_field = {"every",   FIELD_DURATION, false, 0,
                                      NS_PER_US, s->duration_ns, NULL};
    const struct tree *every = tree_find(t, "every"), *poisson = tree_find(t, "poisson"),
                      *at = tree_find(t, "at");

    if ((every != NULL) + (poisson != NULL) + (at != NULL) != 1) {
        reader_fail(r, t, "must have one of every, poisson and at");
    } else if (every) {
        p->arrival = TRAFFIC_EVERY;
        reader_value(r, every, &every_field, &p->interval_ns);
    } else if (poisson) {
        p->arrival = TRAFFIC_POISSON;
        read_rate(r, poisson, p);
    } else {
        p->arrival = TRAFFIC_AT;
        read_times(r, at, s, p);
        for (const struct tree *c = t->first; c; c = c->next) {
            if (strcmp(c->key, "start") == 0 || strcmp(c->key, "stop") == 0 ||
                strcmp(c->key, "count") == 0)
                reader_fail_key(r, c, "is excluded by at");
        }
    }
}

/* start + (count - 1) * every must come before stop. */
static void check_window(struct reader *r, const struct tree *t, const struct scenario_traffic *p)
{
    const struct tree *count = tree_find(t, "count");
    uint64_t window = p->stop_ns - p->start_ns;
    char stop[UNITS_TEXT_MAX];

    if (r->failed || p->arrival == TRAFFIC_AT)
        return;
    units_format_duration(p->stop_ns, stop);
    if (p->start_ns >= p->stop_ns)
        reader_fail(r, t, "the traffic stops (%s) before it starts", stop);
    else if (p->arrival == TRAFFIC_EVERY && count && p->count - 1 > (window - 1) / p->interval_ns)
        reader_fail(r, count, "only %" PRIu64 " messages fit before the traffic stops (%s)",
                    (window - 1) / p->interval_ns + 1, stop);
}

static void read_gossip(struct reader *r, const struct tree *t, struct scenario *s,
                        struct scenario_traffic *p)
{
    const struct tree *topic = tree_find(t, "topic"), *tag = tree_find(t, "tag");
    const struct scenario_group *g = publisher_group(s, p);
    char rpc[UNITS_TEXT_MAX];

    if (tag)
        reader_fail_key(r, tag, "belongs to via: algorand");
    else if (!topic)
        reader_fail(r, t, "topic is missing");
    if (!g->gossipsub_on)
        reader_fail(r, tree_find(t, "from"), "gossipsub is off in group %s", g->name);
    if (r->failed)
        return;
    p->topic = scenario_topic(r, s, topic);
    if (!r->failed)
        p->label = s->topics[p->topic];
    if (p->size.max > g->gossipsub.rpc_size_max - RPC_OVERHEAD_MAX)
        reader_fail(r, tree_find(t, "size"),
                    "may not fit an RPC of group %s (rpc_max is %s, %u B are for the frame)",
                    g->name, units_format_size(g->gossipsub.rpc_size_max, rpc), RPC_OVERHEAD_MAX);
}

static void read_tag(struct reader *r, const struct tree *t, struct scenario *s,
                     struct scenario_traffic *p)
{
    const struct tree *topic = tree_find(t, "topic"), *tag = tree_find(t, "tag");
    const struct scenario_group *g = publisher_group(s, p);
    uint32_t index;

    if (topic)
        reader_fail_key(r, topic, "belongs to via: gossip");
    else if (!tag)
        reader_fail(r, t, "tag is missing");
    if (!g->algorand_on)
        reader_fail(r, tree_find(t, "from"), "group %s has no algorand", g->name);
    if (r->failed)
        return;
    index = reader_lookup(r, tag, NAMES("tag", tags, sizeof tags / sizeof *tags));
    if (r->failed)
        return;
    p->label = arena_text(r->arena, tag->text, 2);
    if (p->size.max > tags[index].size_max)
        reader_fail(r, tree_find(t, "size"),
                    "may be more than the %" PRIu32 " bytes that %s carries", tags[index].size_max,
                    tags[index].name);
}

static void read_one(struct reader *r, const struct tree *t, struct scenario *s)
{
    struct scenario_traffic *p = &s->traffic[s->traffic_count];
    const struct field fields[] = {
        {"from", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"via", FIELD_CHOICE, false, FIELD(scenario_traffic, via), 0, 0, via_names},
        {"topic", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"tag", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"size", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"every", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"poisson", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"at", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"count", FIELD_U64, false, FIELD(scenario_traffic, count), 1, 1000000000, NULL},
        {"start", FIELD_DURATION, false, FIELD(scenario_traffic, start_ns), 0, s->duration_ns - 1,
         NULL},
        {"stop", FIELD_DURATION, false, FIELD(scenario_traffic, stop_ns), 1, s->duration_ns, NULL},
        {"spread", FIELD_DURATION, false, FIELD(scenario_traffic, spread_ns), 0, s->duration_ns,
         NULL},
        {"publishers", FIELD_CHOICE, false, FIELD(scenario_traffic, publishers), 0, 0,
         publisher_names},
    };

    p->topic = SCENARIO_NONE;
    p->start_ns = s->warmup_ns;
    p->stop_ns = s->duration_ns - s->cooldown_ns;
    reader_fields(r, t, FIELDS(fields), p);
    if (r->failed)
        return;
    read_from(r, tree_find(t, "from"), s, p);
    distribution_read(r, tree_find(t, "size"), &message_size, &p->size);
    read_arrival(r, t, s, p);
    check_window(r, t, p);
    if (r->failed)
        return;
    if (p->via == TRAFFIC_GOSSIP)
        read_gossip(r, t, s, p);
    else
        read_tag(r, t, s, p);
    s->traffic_count++;
}

void traffic_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    if (!t || !reader_is(r, t, TREE_LIST, TRAFFIC_MAX))
        return;
    s->traffic = arena_alloc(r->arena, t->count, sizeof *s->traffic);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        read_one(r, c, s);
}
