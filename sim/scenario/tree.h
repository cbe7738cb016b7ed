/* The tree of a text file (YAML or GML): mappings, lists and scalars that know their place in the
 * file.
 *
 * Scalars are text; what they mean is decided by whoever reads them (reader.h). Everything lives in
 * the document's arena. Limits keep a hostile file cheap: see the constants. */
#ifndef SIM_SCENARIO_TREE_H
#define SIM_SCENARIO_TREE_H

#include "sim/scenario/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define TREE_FILE_SIZE_MAX (8u << 20) /* bytes of a file */
#define TREE_NODES_MAX 1000000u       /* in a document, copies made by aliases included */
#define TREE_DEPTH_MAX 32u
#define TREE_KEYS_MAX 10000u /* of a YAML mapping */
#define TREE_TEXT_MAX 65536u /* bytes of a scalar */
#define TREE_PATH_MAX 256
#define TREE_PLACE_MAX (TREE_PATH_MAX + 350)

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree {
    const char *source; /* file name, or the text of an override */
    struct tree *parent, *first, *last, *next;
    char *key;             /* in a mapping; else NULL */
    char *text;            /* of a scalar; may be empty */
    uint32_t line, column; /* from 1; 0: the source has no lines */
    uint32_t key_line, key_column;
    uint32_t count; /* items or pairs */
    uint32_t index; /* position in the parent */
    enum tree_kind kind;
    bool quoted; /* a scalar that was in quotes */
};

struct tree_doc {
    struct arena arena;
    struct tree *root; /* NULL: nothing there */
    uint32_t node_count;
};

/* What is wrong with an input: "file:line:column: key: what". */
struct scenario_error {
    char text[1024];
};

/* A new node, last in its parent (NULL: the root); NULL when the document has TREE_NODES_MAX
 * already. */
struct tree *tree_add(struct tree_doc *doc, struct tree *parent, enum tree_kind kind);
/* A copy of `from` with its children, last in `parent`; NULL when that is too much. */
struct tree *tree_copy(struct tree_doc *doc, struct tree *parent, const struct tree *from);
/* Puts `node`, which has no parent, in the place of `old`. */
void tree_replace(struct tree_doc *doc, struct tree *old, struct tree *node);
void tree_free(struct tree_doc *doc);

const struct tree *tree_find(const struct tree *map, const char *key); /* NULL when absent */
const struct tree *tree_item(const struct tree *list, uint32_t index); /* NULL when absent */
/* "nodes.0.count"; "" for the root. `out` has TREE_PATH_MAX bytes. Returns `out`. */
const char *tree_path(const struct tree *t, char *out);

/* "file:line:column: nodes.0.count", or without lines and columns for an override. `out` has
 * TREE_PLACE_MAX bytes. */
const char *tree_place(const struct tree *t, bool at_key, char *out);
/* Writes the error of a node; `at_key` places it at the key instead of the value. */
__attribute__((format(printf, 4, 0))) void tree_verror(struct scenario_error *err,
                                                       const struct tree *t, bool at_key,
                                                       const char *format, va_list args);
__attribute__((format(printf, 4, 5))) void
tree_error(struct scenario_error *err, const struct tree *t, bool at_key, const char *format, ...);

/* Reads a regular file of at most TREE_FILE_SIZE_MAX bytes that holds text. Caller frees; NULL with
 * *err set. */
char *tree_file_read(const char *path, size_t *size, struct scenario_error *err);

#endif
