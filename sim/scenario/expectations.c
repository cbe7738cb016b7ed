/* The `expect` section: a list of clauses, or of {name, that}. */
#include "sim/scenario/sections.h"

#include <string.h>

#define EXPECTATIONS_MAX 1000u

/* A clause about a topic or tag that no traffic carries would never have a value. */
static bool topic_exists(const struct scenario *s, const char *topic)
{
    for (uint32_t i = 0; i < s->traffic_count; i++) {
        if (strcmp(s->traffic[i].label, topic) == 0)
            return true;
    }
    return false;
}

static void read_clause(struct reader *r, const struct tree *t, const struct scenario *s,
                        struct expectation *e)
{
    const char *wrong;

    if (!reader_is(r, t, TREE_SCALAR, 0))
        return;
    wrong = expect_parse(r->arena, t->text, e);
    if (wrong)
        reader_fail(r, t, "%s", wrong);
    else if (e->topic && !topic_exists(s, e->topic))
        reader_fail(r, t, "no traffic has the topic or tag \"%.60s\"", e->topic);
}

static void read_one(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const struct field fields[] = {
        {"name", FIELD_TEXT, true, 0, 0, 0, NULL},
        {"that", FIELD_OTHER, true, 0, 0, 0, NULL},
    };
    struct expectation *e = &s->expectations[s->expectation_count];
    char *name = NULL;

    if (t->kind == TREE_MAP) {
        reader_fields(r, t, FIELDS(fields), &name);
        if (!r->failed)
            read_clause(r, tree_find(t, "that"), s, e);
    } else {
        read_clause(r, t, s, e);
    }
    e->name = name ? name : e->text;
    if (!r->failed)
        reader_unique(r, t, e->name, NAMES("name", s->expectations, s->expectation_count));
    s->expectation_count++;
}

void expectations_read(struct reader *r, const struct tree *t, struct scenario *s)
{
    if (!t || !reader_is(r, t, TREE_LIST, EXPECTATIONS_MAX))
        return;
    s->expectations = arena_alloc(r->arena, t->count, sizeof *s->expectations);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        read_one(r, c, s);
}
