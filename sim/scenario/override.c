/* Walks the path, then puts the parsed value in the place of what is there. */
#include "sim/scenario/override.h"

#include "sim/scenario/yaml.h"
#include "stack/base/check.h"
#include "stack/base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct override {
    struct tree_doc *doc;
    const char *source; /* "--set a.b=v" */
    struct scenario_error *err;
};

static int fail(const struct override *o, const struct tree *at, const char *what)
{
    char path[TREE_PATH_MAX];

    tree_path(at, path);
    snprintf(o->err->text, sizeof o->err->text, "%.300s: %s%s%s", o->source, path,
             *path ? ": " : "", what);
    return ERR_INVALID;
}

static bool has_name(const struct tree *item, const char *step)
{
    const struct tree *name;

    if (item->kind != TREE_MAP)
        return false;
    name = tree_find(item, "group");
    if (!name)
        name = tree_find(item, "name");
    return name && name->kind == TREE_SCALAR && strcmp(name->text, step) == 0;
}

static struct tree *list_item(const struct tree *list, const char *step)
{
    char index[16];

    for (struct tree *t = list->first; t; t = t->next) {
        snprintf(index, sizeof index, "%" PRIu32, t->index);
        if (strcmp(index, step) == 0 || has_name(t, step))
            return t;
    }
    return NULL;
}

/* The child that a step names; made when it is a missing key. */
static int walk(const struct override *o, struct tree *from, char *step, struct tree **to)
{
    struct tree *t;
    char what[120];

    if (from->kind == TREE_LIST) {
        *to = list_item(from, step);
        if (*to)
            return 0;
        snprintf(what, sizeof what, "has no item \"%.60s\" (it has %" PRIu32 ")", step,
                 from->count);
        return fail(o, from, what);
    }
    for (t = from->first; from->kind == TREE_MAP && t; t = t->next) {
        if (strcmp(t->key, step) == 0) {
            *to = t;
            return 0;
        }
    }
    if (from->kind == TREE_SCALAR) { /* `off`, or a made value: becomes a mapping */
        from->kind = TREE_MAP;
        from->text = NULL;
        from->source = o->source;
        from->line = 0;
    }
    t = from->count < TREE_KEYS_MAX ? tree_add(o->doc, from, TREE_SCALAR) : NULL;
    if (!t)
        return fail(o, from, "has too many keys");
    t->key = step;
    t->text = arena_text(&o->doc->arena, "", 0);
    t->source = o->source;
    *to = t;
    return 0;
}

static uint32_t depth_below(const struct tree *t)
{
    uint32_t depth = 0;

    for (; t; t = t->parent)
        depth++;
    return depth;
}

static int set_value(const struct override *o, struct tree *at, const char *value)
{
    struct tree *node;

    node = yaml_parse(o->doc, o->source, false, slice_text(*value ? value : "\"\""), o->err);
    if (!node)
        return ERR_INVALID;
    tree_replace(o->doc, at, node);
    return 0;
}

int override_apply(struct tree_doc *doc, const char *set, struct scenario_error *err)
{
    struct override o = {doc, NULL, err};
    const char *equals = strchr(set, '=');
    struct tree *at = doc->root;
    char *path, *source, *step;

    CHECK(at);
    source = arena_alloc(&doc->arena, strlen(set) + 16, 1);
    snprintf(source, strlen(set) + 16, "--set %s", set);
    o.source = source;
    if (!equals || equals == set)
        return fail(&o, at, "is not a change (write path=value, as in network.tcp=ideal)");
    path = arena_text(&doc->arena, set, (size_t)(equals - set));
    while ((step = strsep(&path, ".")) != NULL) {
        if (!*step || depth_below(at) >= TREE_DEPTH_MAX)
            return fail(&o, at, "the path has an empty or too deep step");
        if (walk(&o, at, step, &at) != 0)
            return ERR_INVALID;
    }
    return set_value(&o, at, equals + 1);
}
