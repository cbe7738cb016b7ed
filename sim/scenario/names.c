/* Names of nodes, and lists of names of groups, nodes and regions. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <string.h>

uint32_t scenario_node_find(const struct scenario *s, const char *name)
{
    const char *dash = strrchr(name, '-');
    uint64_t number;

    if (!dash || units_count(dash + 1, &number) != NULL || (dash[1] == '0' && dash[2]))
        return SCENARIO_NONE;
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct scenario_group *g = &s->groups[i];

        if (strlen(g->name) == (size_t)(dash - name) &&
            strncmp(g->name, name, (size_t)(dash - name)) == 0)
            return number < g->count ? g->node_first + (uint32_t)number : SCENARIO_NONE;
    }
    return SCENARIO_NONE;
}

uint32_t scenario_node_lookup(struct reader *r, const struct scenario *s, const struct tree *t)
{
    const struct scenario_group *g = &s->groups[0];
    uint32_t index;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return SCENARIO_NONE;
    index = scenario_node_find(s, t->text);
    if (index == SCENARIO_NONE)
        reader_fail(r, t, "\"%.60s\" is not a node (%s-0 to %s-%u%s)", t->text, g->name, g->name,
                    g->count - 1, s->group_count > 1 ? ", ..." : "");
    return index;
}

enum list_kind { LIST_GROUPS, LIST_NODES, LIST_REGIONS, LIST_CLASSES };

static uint32_t item_read(struct reader *r, const struct scenario *s, const struct tree *t,
                          enum list_kind kind)
{
    const struct scenario_network *n = &s->network;

    switch (kind) {
    case LIST_GROUPS:
        return reader_lookup(r, t, NAMES("group", s->groups, s->group_count));
    case LIST_NODES:
        return scenario_node_lookup(r, s, t);
    case LIST_REGIONS:
        return reader_lookup(r, t, NAMES("region", n->regions, n->region_count));
    case LIST_CLASSES:
        return reader_lookup(r, t, NAMES("class", n->classes, n->class_count));
    }
    UNREACHABLE();
}

static uint32_t *list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                           enum list_kind kind, uint32_t *count)
{
    uint32_t *items = arena_alloc(r->arena, t->kind == TREE_LIST ? t->count : 1, sizeof *items);

    *count = 0;
    if (t->kind == TREE_SCALAR) {
        items[(*count)++] = item_read(r, s, t, kind);
        return items;
    }
    if (!reader_is(r, t, TREE_LIST, LIST_ITEMS_MAX))
        return items;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        uint32_t item = item_read(r, s, c, kind);

        for (uint32_t i = 0; i < *count; i++) {
            if (items[i] == item)
                reader_fail(r, c, "\"%.60s\" is given twice", c->text);
        }
        items[(*count)++] = item;
    }
    return items;
}

uint32_t *group_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                          uint32_t *count)
{
    return list_read(r, s, t, LIST_GROUPS, count);
}

uint32_t *node_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                         uint32_t *count)
{
    return list_read(r, s, t, LIST_NODES, count);
}

uint32_t *region_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                           uint32_t *count)
{
    return list_read(r, s, t, LIST_REGIONS, count);
}

uint32_t *class_list_read(struct reader *r, const struct scenario *s, const struct tree *t,
                          uint32_t *count)
{
    return list_read(r, s, t, LIST_CLASSES, count);
}
