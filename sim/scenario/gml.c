/* The grammar is a key and a value, again and again; a value is a number, a string or a bracketed
 * list of the same. */
#include "sim/scenario/gml.h"

#include "sim/scenario/scenario.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"
#include "stack/base/map.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define KEY_MAX 64u

struct scanner {
    struct reader *r;
    struct tree_doc *doc;
    const char *source, *at, *end, *line_start;
    struct tree *open;
    uint32_t line, depth;
};

static void fail(struct scanner *s, const char *what)
{
    struct tree here = {.source = s->source, .line = s->line};

    here.column = (uint32_t)(s->at - s->line_start) + 1;
    reader_fail(s->r, &here, "%s", what);
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->end) {
        if (*s->at == '#') {
            const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));

            s->at = newline ? newline : s->end;
        } else if (*s->at == '\n') {
            s->line++;
            s->line_start = ++s->at;
        } else if (isspace((unsigned char)*s->at)) {
            s->at++;
        } else {
            return;
        }
    }
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == '+';
}

static char *scan_word(struct scanner *s)
{
    const char *start = s->at;

    while (s->at < s->end && is_word(*s->at))
        s->at++;
    return arena_text(&s->doc->arena, start, (size_t)(s->at - start));
}

/* The opening quote is at s->at. */
static char *scan_string(struct scanner *s)
{
    const char *start = ++s->at;

    for (; s->at < s->end && *s->at != '"'; s->at++) {
        if (*s->at == '\n') {
            s->line++;
            s->line_start = s->at + 1;
        }
    }
    if (s->at == s->end || s->at - start > (ptrdiff_t)TREE_TEXT_MAX) {
        fail(s, "a string has no end, or is longer than 64 KiB");
        return NULL;
    }
    return arena_text(&s->doc->arena, start, (size_t)(s->at++ - start));
}

static void scan_value(struct scanner *s, char *key, const struct tree *place)
{
    bool list = s->at < s->end && *s->at == '[', quoted = s->at < s->end && *s->at == '"';
    struct tree *t;

    if (!list && !quoted && (s->at == s->end || !is_word(*s->at))) {
        fail(s, "is not GML: a key has no value");
        return;
    }
    t = tree_add(s->doc, s->open, list ? TREE_MAP : TREE_SCALAR);
    if (!t) {
        fail(s, "there are more than 1000000 values");
        return;
    }
    t->source = s->source;
    t->key = key;
    t->line = s->line;
    t->column = (uint32_t)(s->at - s->line_start) + 1;
    t->key_line = place->line;
    t->key_column = place->column;
    t->quoted = quoted;
    if (!list) {
        t->text = quoted ? scan_string(s) : scan_word(s);
        return;
    }
    s->at++;
    s->open = t;
    if (++s->depth > TREE_DEPTH_MAX)
        fail(s, "is nested too deeply (at most 32 levels)");
}

static void scan_pair(struct scanner *s)
{
    struct tree place = {.line = s->line, .column = (uint32_t)(s->at - s->line_start) + 1};
    char *key;

    if (*s->at == ']') {
        if (s->depth == 0) {
            fail(s, "is not GML: a bracket is closed that was not opened");
            return;
        }
        s->at++;
        s->depth--;
        s->open = s->open->parent;
        return;
    }
    if (!isalpha((unsigned char)*s->at)) {
        fail(s, "is not GML: a key must begin with a letter");
        return;
    }
    key = scan_word(s);
    if (strlen(key) > KEY_MAX) {
        fail(s, "is not GML: a key is longer than 64 characters");
        return;
    }
    skip_blanks(s);
    scan_value(s, key, &place);
}

static void parse(struct scanner *s)
{
    struct tree *root = tree_add(s->doc, NULL, TREE_MAP);

    CHECK(root);
    root->source = s->source;
    root->line = root->column = 1;
    s->open = s->doc->root = root;
    for (skip_blanks(s); s->at < s->end && !s->r->failed; skip_blanks(s))
        scan_pair(s);
    if (s->depth > 0)
        fail(s, "is not GML: a bracket is not closed");
}

const struct tree *gml_attribute(struct reader *r, const struct tree *at, const char *key)
{
    const struct tree *t = tree_find(at, key);

    if (t && t->kind != TREE_SCALAR) {
        reader_fail(r, t, "must be a single value");
        return NULL;
    }
    return t;
}

static uint64_t read_id(struct reader *r, const struct tree *at, const char *key)
{
    const struct tree *t = gml_attribute(r, at, key);
    const char *wrong;
    uint64_t id = 0;

    if (!t) {
        reader_fail(r, at, "%s is missing", key);
        return 0;
    }
    wrong = units_count(t->text, &id);
    if (wrong)
        reader_fail(r, t, "\"%.60s\" %s", t->text, wrong);
    return id;
}

static void read_vertex(struct reader *r, const struct tree *t, struct gml_graph *g,
                        struct map *ids)
{
    uint64_t id = read_id(r, t, "id"), *index;
    const struct tree *label = gml_attribute(r, t, "label");
    bool fresh;

    if (r->failed)
        return;
    index = map_insert(ids, slice_of(&id, sizeof id), &fresh);
    if (!fresh) {
        reader_fail(r, t, "the id %" PRIu64 " is given twice", id);
        return;
    }
    *index = g->vertex_count;
    label = label ? label : gml_attribute(r, t, "id");
    g->vertices[g->vertex_count++] = (struct gml_vertex){t, label->text};
}

static uint32_t read_end(struct reader *r, const struct tree *t, const char *key,
                         const struct map *ids)
{
    uint64_t id = read_id(r, t, key);
    const uint64_t *index = map_find(ids, slice_of(&id, sizeof id));

    if (!index) {
        reader_fail(r, t, "its %s is not the id of a node", key);
        return 0;
    }
    return (uint32_t)*index;
}

static void read_graph(struct reader *r, const struct tree *graph, struct gml_graph *g)
{
    const struct tree *directed = gml_attribute(r, graph, "directed");
    struct map ids;

    map_init(&ids, 0);
    g->directed = directed && strcmp(directed->text, "1") == 0;
    g->vertices = arena_alloc(&g->doc.arena, graph->count, sizeof *g->vertices);
    g->arcs = arena_alloc(&g->doc.arena, graph->count, sizeof *g->arcs);
    for (const struct tree *t = graph->first; t && !r->failed; t = t->next) {
        if (strcmp(t->key, "node") == 0 && reader_is(r, t, TREE_MAP, 0))
            read_vertex(r, t, g, &ids);
    }
    for (const struct tree *t = graph->first; t && !r->failed; t = t->next) {
        struct gml_arc arc = {.at = t};

        if (strcmp(t->key, "edge") != 0 || !reader_is(r, t, TREE_MAP, 0))
            continue;
        arc.source = read_end(r, t, "source", &ids);
        arc.target = read_end(r, t, "target", &ids);
        g->arcs[g->arc_count++] = arc;
    }
    map_deinit(&ids);
}

void gml_read(struct reader *r, const struct tree *t, struct gml_graph *out)
{
    struct scanner s = {.r = r, .doc = &out->doc, .line = 1};
    const struct tree *graph;
    size_t size = 0;

    memset(out, 0, sizeof *out);
    s.source = reader_file(r, t, &s.at, &size);
    if (!s.source)
        return;
    s.end = s.at + size;
    s.line_start = s.at;
    parse(&s);
    if (r->failed)
        return;
    graph = tree_find(out->doc.root, "graph");
    if (!graph)
        reader_fail(r, out->doc.root, "is not GML: there is no graph [ ... ]");
    else if (reader_is(r, graph, TREE_MAP, 0))
        read_graph(r, graph, out);
}

void gml_free(struct gml_graph *g)
{
    tree_free(&g->doc);
}
