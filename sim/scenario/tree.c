/* Trees with places, and the errors that name them. */
#include "sim/scenario/tree.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void append(struct tree *parent, struct tree *t)
{
    t->parent = parent;
    t->index = parent->count++;
    if (parent->last)
        parent->last->next = t;
    else
        parent->first = t;
    parent->last = t;
}

struct tree *tree_add(struct tree_doc *doc, struct tree *parent, enum tree_kind kind)
{
    struct tree *t;

    CHECK(!parent || parent->kind != TREE_SCALAR);
    if (doc->node_count >= TREE_NODES_MAX)
        return NULL;
    doc->node_count++;
    t = arena_alloc(&doc->arena, 1, sizeof *t);
    t->kind = kind;
    if (parent)
        append(parent, t);
    return t;
}

/* Recursion is bounded by TREE_DEPTH_MAX, which `from` keeps. */
struct tree *tree_copy(struct tree_doc *doc, struct tree *parent, const struct tree *from)
{
    struct tree *t = tree_add(doc, parent, from->kind);

    if (!t)
        return NULL;
    t->source = from->source;
    t->key = from->key;
    t->text = from->text;
    t->line = from->line;
    t->column = from->column;
    t->key_line = from->key_line;
    t->key_column = from->key_column;
    t->quoted = from->quoted;
    for (const struct tree *c = from->first; c; c = c->next) {
        if (!tree_copy(doc, t, c))
            return NULL;
    }
    return t;
}

void tree_replace(struct tree_doc *doc, struct tree *old, struct tree *node)
{
    struct tree *parent = old->parent, **link;

    CHECK(!node->parent && !node->next);
    if (!parent) {
        CHECK(doc->root == old);
        doc->root = node;
        return;
    }
    for (link = &parent->first; *link != old; link = &(*link)->next)
        CHECK((*link)->next);
    *link = node;
    node->parent = parent;
    node->next = old->next;
    node->index = old->index;
    node->key = old->key;
    if (parent->last == old)
        parent->last = node;
}

void tree_free(struct tree_doc *doc)
{
    arena_free(&doc->arena);
    doc->root = NULL;
    doc->node_count = 0;
}

const struct tree *tree_find(const struct tree *map, const char *key)
{
    CHECK(map->kind == TREE_MAP);
    for (const struct tree *t = map->first; t; t = t->next) {
        if (strcmp(t->key, key) == 0)
            return t;
    }
    return NULL;
}

const struct tree *tree_item(const struct tree *list, uint32_t index)
{
    const struct tree *t = list->first;

    while (t && t->index < index)
        t = t->next;
    return t;
}

static void path_append(const struct tree *t, char *out)
{
    size_t used;

    if (!t->parent)
        return;
    path_append(t->parent, out);
    used = strlen(out);
    if (t->key)
        snprintf(out + used, TREE_PATH_MAX - used, "%s%.40s", used ? "." : "", t->key);
    else
        snprintf(out + used, TREE_PATH_MAX - used, "%s%" PRIu32, used ? "." : "", t->index);
}

const char *tree_path(const struct tree *t, char *out)
{
    out[0] = '\0';
    path_append(t, out);
    return out;
}

const char *tree_place(const struct tree *t, bool at_key, char *out)
{
    uint32_t line = at_key ? t->key_line : t->line, column = at_key ? t->key_column : t->column;
    char path[TREE_PATH_MAX], lines[32] = "";

    if (line > 0)
        snprintf(lines, sizeof lines, "%" PRIu32 ":%" PRIu32 ":", line, column);
    tree_path(t, path);
    snprintf(out, TREE_PLACE_MAX, "%.300s:%s%s%s", t->source, lines, *path ? " " : "", path);
    return out;
}

void tree_verror(struct scenario_error *err, const struct tree *t, bool at_key, const char *format,
                 va_list args)
{
    char place[TREE_PLACE_MAX];
    size_t size = sizeof err->text, used;

    tree_place(t, at_key, place);
    used = (size_t)snprintf(err->text, size, "%s%s", place,
                            place[strlen(place) - 1] == ':' ? " " : ": ");
    CHECK(used < size);
    vsnprintf(err->text + used, size - used, format, args);
}

void tree_error(struct scenario_error *err, const struct tree *t, bool at_key, const char *format,
                ...)
{
    va_list args;

    va_start(args, format);
    tree_verror(err, t, at_key, format, args);
    va_end(args);
}

/* Opens without waiting, so that a pipe nobody writes to is refused, not waited for. */
static const char *open_regular(const char *path, int *fd, size_t *size)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return strerror(errno);
    if (fstat(*fd, &st) != 0)
        return strerror(errno);
    if (S_ISDIR(st.st_mode))
        return "is a directory";
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    if (st.st_size > (off_t)TREE_FILE_SIZE_MAX)
        return "is larger than 8 MiB";
    if (st.st_size == 0)
        return "is empty";
    *size = (size_t)st.st_size;
    return NULL;
}

static const char *read_whole(int fd, char *text, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t got = read(fd, text + used, size - used);

        if (got < 0 && errno != EINTR)
            return strerror(errno);
        if (got == 0)
            return "became shorter while it was read";
        if (got > 0)
            used += (size_t)got;
    }
    return memchr(text, '\0', size) ? "is not text (it has NUL bytes)" : NULL;
}

char *tree_file_read(const char *path, size_t *size, struct scenario_error *err)
{
    int fd;
    char *text = NULL;
    const char *wrong = open_regular(path, &fd, size);

    if (!wrong) {
        text = mem_alloc(*size + 1);
        text[*size] = '\0';
        wrong = read_whole(fd, text, *size);
    }
    if (fd >= 0)
        close(fd);
    if (!wrong)
        return text;
    snprintf(err->text, sizeof err->text, "%.300s: %s", path, wrong);
    mem_free(text);
    return NULL;
}
