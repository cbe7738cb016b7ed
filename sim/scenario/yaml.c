/* A tree from the events of libfyaml. */
#include "sim/scenario/yaml.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

#define ANCHORS_MAX 1000u

struct anchor {
    const char *name;
    struct tree *node;
};

struct builder {
    struct tree_doc *doc;
    struct scenario_error *err;
    const char *source;
    struct tree *root, *open; /* open: the innermost unfinished mapping or list */
    char *key;                /* of the next value, when that is a pair's */
    struct anchor *anchors;
    uint32_t anchor_count, depth, line, column, key_line, key_column, documents;
    bool lines;
};

static bool wants_key(const struct builder *b)
{
    return b->open && b->open->kind == TREE_MAP && !b->key;
}

static int fail(struct builder *b, const char *what)
{
    struct tree here = {.parent = b->open, .key = b->key, .index = b->open ? b->open->count : 0};

    if (wants_key(b))
        here = *b->open; /* between two pairs: the mapping itself */
    here.source = b->source;
    here.line = b->lines ? b->line : 0;
    here.column = b->column;
    tree_error(b->err, &here, false, "%s", what);
    return ERR_INVALID;
}

static char *token_text(struct builder *b, struct fy_token *token)
{
    size_t size = 0;
    const char *text = token ? fy_token_get_text(token, &size) : NULL;

    if (!text)
        size = 0;
    if (size > TREE_TEXT_MAX || (size && memchr(text, '\0', size)))
        return NULL;
    return arena_text(&b->doc->arena, text ? text : "", size);
}

static int take_key(struct builder *b, struct fy_token *token)
{
    char *key = token_text(b, token);

    if (!key || !*key)
        return fail(b, key ? "a key is empty" : "a key is too long");
    if (strcmp(key, "<<") == 0)
        return fail(b, "merge keys (<<) are not supported");
    if (b->open->count >= TREE_KEYS_MAX)
        return fail(b, "has too many keys");
    if (tree_find(b->open, key)) {
        b->key = key;
        return fail(b, "is given twice");
    }
    b->key = key;
    b->key_line = b->line;
    b->key_column = b->column;
    return 0;
}

/* Names the node that was just added: its key, its place, its anchor. */
static int finish_node(struct builder *b, struct tree *t, struct fy_token *anchor)
{
    char *name;

    t->source = b->source;
    t->line = b->lines ? b->line : 0;
    t->column = b->column;
    t->key = b->key;
    t->key_line = b->lines && b->key ? b->key_line : t->line;
    t->key_column = b->key ? b->key_column : t->column;
    b->key = NULL;
    if (!t->parent)
        b->root = t;
    if (!anchor)
        return 0;
    name = token_text(b, anchor);
    if (!name || b->anchor_count >= ANCHORS_MAX)
        return fail(b, "has too many anchors, or one with too long a name");
    b->anchors[b->anchor_count++] = (struct anchor){name, t};
    return 0;
}

static int take_scalar(struct builder *b, const struct fy_event *event)
{
    char *text;
    struct tree *t;

    if (event->scalar.tag)
        return fail(b, "tags are not supported");
    if (wants_key(b))
        return event->scalar.anchor ? fail(b, "a key cannot have an anchor")
                                    : take_key(b, event->scalar.value);
    text = token_text(b, event->scalar.value);
    if (!text)
        return fail(b, "is longer than 64 KiB, or has NUL characters");
    t = tree_add(b->doc, b->open, TREE_SCALAR);
    if (!t)
        return fail(b, "there are more than 1000000 values");
    t->text = text;
    t->quoted = event->scalar.value && fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
    return finish_node(b, t, event->scalar.anchor);
}

static int take_open(struct builder *b, enum tree_kind kind, struct fy_token *anchor,
                     struct fy_token *tag)
{
    struct tree *t;

    if (tag)
        return fail(b, "tags are not supported");
    if (wants_key(b))
        return fail(b, "a key must be plain text");
    if (b->depth >= TREE_DEPTH_MAX)
        return fail(b, "is nested too deeply (at most 32 levels)");
    t = tree_add(b->doc, b->open, kind);
    if (!t)
        return fail(b, "there are more than 1000000 values");
    b->depth++;
    if (finish_node(b, t, anchor) != 0)
        return ERR_INVALID;
    b->open = t;
    return 0;
}

static int take_close(struct builder *b)
{
    CHECK(b->open && b->depth > 0);
    b->open = b->open->parent;
    b->depth--;
    return 0;
}

static uint32_t depth_of(const struct tree *t)
{
    uint32_t deepest = 0;

    for (const struct tree *c = t->first; c; c = c->next) {
        uint32_t depth = depth_of(c);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + (t->kind != TREE_SCALAR);
}

static struct tree *anchor_find(const struct builder *b, const char *name)
{
    for (uint32_t i = b->anchor_count; i > 0; i--) { /* the last of that name counts */
        if (strcmp(b->anchors[i - 1].name, name) == 0)
            return b->anchors[i - 1].node;
    }
    return NULL;
}

static int take_alias(struct builder *b, struct fy_token *token)
{
    const char *name = token_text(b, token);
    struct tree *from = name ? anchor_find(b, name) : NULL, *t;

    if (wants_key(b))
        return fail(b, "a key cannot be an alias");
    if (!from)
        return fail(b, "is an alias of nothing");
    for (const struct tree *up = b->open; up; up = up->parent) {
        if (up == from)
            return fail(b, "is an alias of what contains it");
    }
    if (depth_of(from) > TREE_DEPTH_MAX - b->depth)
        return fail(b, "is nested too deeply (at most 32 levels)");
    t = tree_copy(b->doc, b->open, from);
    if (!t)
        return fail(b, "there are more than 1000000 values (aliases count as copies)");
    return finish_node(b, t, NULL);
}

static int take(struct builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);

    if (mark) {
        b->line = (uint32_t)mark->line + 1;
        b->column = (uint32_t)mark->column + 1;
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return ++b->documents > 1 ? fail(b, "there is more than one document") : 0;
    case FYET_SCALAR:
        return take_scalar(b, event);
    case FYET_MAPPING_START:
        return take_open(b, TREE_MAP, event->mapping_start.anchor, event->mapping_start.tag);
    case FYET_SEQUENCE_START:
        return take_open(b, TREE_LIST, event->sequence_start.anchor, event->sequence_start.tag);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return take_close(b);
    case FYET_ALIAS:
        return take_alias(b, event->alias.anchor);
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
    case FYET_NONE:
    default:
        return 0;
    }
}

/* The size of the character at `at`, of which `left` bytes are there; 0 when it is none that may
 * stand in a file. */
static size_t character_size(const uint8_t *at, size_t left)
{
    uint8_t c = at[0];
    size_t size = c < 0x80                ? 1
                  : c >= 0xc2 && c < 0xe0 ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;

    if (size == 0 || size > left || (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) || (c == 0xf0 && at[1] < 0x90) ||
        (c == 0xf4 && at[1] > 0x8f))
        return 0; /* overlong, a surrogate, or past the last character */
    return size;
}

/* libfyaml 0.7.12 does not come back from a directive with bytes that are not UTF-8: neither gets
 * that far. */
static int check_text(struct builder *b, struct slice text)
{
    bool line_start = true;

    for (size_t at = 0; at < text.size;) {
        uint8_t c = text.data[at];
        size_t step = character_size(text.data + at, text.size - at);

        if (step == 0)
            return fail(b, "is not UTF-8 text");
        if (line_start && c == '%')
            return fail(b, "directives (%) are not supported");
        line_start = c == '\n' || c == '\r';
        b->column++;
        if (c == '\n') {
            b->line++;
            b->column = 1;
        }
        at += step;
    }
    b->line = b->column = 1;
    return 0;
}

static int fail_syntax(struct builder *b, struct fy_diag *diag)
{
    void *position = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &position);
    char what[200];

    if (e && e->line > 0) {
        b->line = (uint32_t)e->line;
        b->column = (uint32_t)e->column;
    }
    b->open = NULL;
    b->key = NULL;
    snprintf(what, sizeof what, "is not YAML: %s", e && e->msg ? e->msg : "unreadable");
    return fail(b, what);
}

/* Errors are collected; the few that libfyaml prints all the same go nowhere. */
static void swallow(struct fy_diag *diag, void *user, const char *text, size_t size)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)size;
}

static int build(struct builder *b, struct slice text)
{
    struct fy_diag_cfg quiet = {.output_fn = swallow, .level = FYET_ERROR, .module_mask = ~0u};
    struct fy_diag *diag = fy_diag_create(&quiet);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    struct fy_parser *parser;
    struct fy_event *event;
    int result = 0;

    CHECK(diag);
    fy_diag_set_collect_errors(diag, true);
    parser = fy_parser_create(&config);
    CHECK(parser);
    if (fy_parser_set_string(parser, (const char *)text.data, text.size) != 0)
        result = fail_syntax(b, diag);
    while (result == 0 && (event = fy_parser_parse(parser)) != NULL) {
        result = take(b, event);
        fy_parser_event_free(parser, event);
    }
    if (result == 0 && fy_parser_get_stream_error(parser))
        result = fail_syntax(b, diag);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return result;
}

struct tree *yaml_parse(struct tree_doc *doc, const char *source, bool lines, struct slice text,
                        struct scenario_error *err)
{
    struct builder b = {
        .doc = doc, .err = err, .source = source, .line = 1, .column = 1, .lines = lines};
    int result;

    b.anchors = mem_alloc(ANCHORS_MAX * sizeof *b.anchors);
    result = check_text(&b, text);
    if (result == 0)
        result = build(&b, text);
    mem_free(b.anchors);
    if (result != 0)
        return NULL;
    if (!b.root)
        fail(&b, "there is nothing in it");
    return b.root;
}
