/* Walks both trees at the same time. */
#include "sim/scenario/difference.h"

#include "sim/scenario/override.h"
#include "sim/scenario/yaml.h"
#include "stack/base/check.h"
#include "stack/base/err.h"

#include <string.h>

#define EARLY "before the warm-up is over"
#define RULE "acts " EARLY " and has to stay (these may differ: " SCENARIO_MAY_DIFFER ")"

/* It was read before without a mistake. */
static void read_again(const struct scenario_reading *from, struct tree_doc *doc)
{
    const struct scenario *s = from->scenario;
    struct scenario_error err;

    *doc = (struct tree_doc){0};
    doc->root = yaml_parse(doc, from->file, true, slice_of(s->text, s->text_size), &err);
    CHECK(doc->root);
    for (size_t i = 0; i < from->set_count; i++)
        CHECK(override_apply(doc, from->sets[i], &err) == 0);
}

static bool is_one_of(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* SCENARIO_MAY_DIFFER. */
static bool may_differ(const struct tree *t)
{
    static const char *const top[] = {"scenario", "question", "duration", "cooldown", "traffic_seed", "traffic",
                                      "events",   "expect",   "limits",   "record",   NULL};
    const struct tree *list = t->parent ? t->parent->parent : NULL;

    if (!t->parent || !t->key)
        return false;
    if (!t->parent->parent)
        return is_one_of(top, t->key);
    return strcmp(t->key, "validation") == 0 && list && list->key && strcmp(list->key, "nodes") == 0 && list->parent &&
           !list->parent->parent;
}

static int compare(const struct tree *base, const struct tree *other, struct scenario_error *err);

static int compare_maps(const struct tree *base, const struct tree *other, struct scenario_error *err)
{
    for (const struct tree *b = base->first; b; b = b->next)
        if (!tree_find(other, b->key) && !may_differ(b)) {
            tree_error(err, b, true, "is left out, but it " RULE);
            return ERR_INVALID;
        }
    for (const struct tree *o = other->first; o; o = o->next) {
        const struct tree *b = tree_find(base, o->key);

        if (may_differ(o))
            continue;
        if (!b) {
            tree_error(err, o, true, "is new, but it " RULE);
            return ERR_INVALID;
        }
        if (compare(b, o, err) != 0)
            return ERR_INVALID;
    }
    return 0;
}

static int compare_lists(const struct tree *base, const struct tree *other, struct scenario_error *err)
{
    if (base->count != other->count) {
        tree_error(err, other, false, "%u items in place of %u: it " RULE, other->count, base->count);
        return ERR_INVALID;
    }
    for (const struct tree *b = base->first, *o = other->first; b; b = b->next, o = o->next)
        if (compare(b, o, err) != 0)
            return ERR_INVALID;
    return 0;
}

static int compare(const struct tree *base, const struct tree *other, struct scenario_error *err)
{
    if (base->kind != other->kind) {
        tree_error(err, other, false, "another kind of value: it " RULE);
        return ERR_INVALID;
    }
    if (base->kind == TREE_MAP)
        return compare_maps(base, other, err);
    if (base->kind == TREE_LIST)
        return compare_lists(base, other, err);
    if (strcmp(base->text, other->text) == 0)
        return 0;
    tree_error(err, other, false, "\"%.60s\" in place of \"%.60s\": it " RULE, other->text, base->text);
    return ERR_INVALID;
}

static uint32_t early_events(const struct scenario *s)
{
    uint32_t count = 0;

    while (count < s->event_count && s->events[count].at_ns < s->warmup_ns)
        count++;
    return count;
}

/* They are the first ones of both. */
static int compare_events(const struct tree *base, const struct scenario *base_is, const struct tree *other,
                          const struct scenario *other_is, struct scenario_error *err)
{
    uint32_t wanted = early_events(base_is), given = early_events(other_is);

    for (uint32_t i = 0; i < wanted && i < given; i++)
        if (compare(tree_item(base, base_is->events[i].number), tree_item(other, other_is->events[i].number), err) != 0)
            return ERR_INVALID;
    if (given > wanted)
        tree_error(err, tree_find(tree_item(other, other_is->events[wanted].number), "at"), false, "the event is new and happens " EARLY);
    else if (given < wanted)
        tree_error(err, tree_item(base, base_is->events[given].number), false, "is left out, but it happens " EARLY);
    return given == wanted ? 0 : ERR_INVALID;
}

/* Groups that list no topics follow the traffic. */
static int compare_topics(const struct scenario *base, const struct scenario *other, const struct tree *root,
                          struct scenario_error *err)
{
    for (uint32_t i = 0; i < base->group_count; i++) {
        const struct scenario_group *b = &base->groups[i], *o = &other->groups[i];
        bool same = b->topic_count == o->topic_count;

        for (uint32_t k = 0; same && k < b->topic_count; k++)
            same = strcmp(base->topics[b->topics[k]], other->topics[o->topics[k]]) == 0;
        if (!same) {
            tree_error(err, tree_find(root, "traffic") ? tree_find(root, "traffic") : root, false,
                       "group %s would subscribe to other topics, " EARLY " (say which in its `subscribe`)", b->name);
            return ERR_INVALID;
        }
    }
    return 0;
}

int scenario_compare(const struct scenario_reading *base, const struct scenario_reading *other, struct scenario_error *err)
{
    struct tree_doc base_doc, other_doc;
    int result;

    err->text[0] = '\0';
    read_again(base, &base_doc);
    read_again(other, &other_doc);
    result = compare(base_doc.root, other_doc.root, err);
    if (result == 0)
        result = compare_events(tree_find(base_doc.root, "events"), base->scenario, tree_find(other_doc.root, "events"),
                                other->scenario, err);
    if (result == 0)
        result = compare_topics(base->scenario, other->scenario, other_doc.root, err);
    tree_free(&base_doc);
    tree_free(&other_doc);
    return result;
}
