/* YAML text to a tree (tree.h), through libfyaml's event parser.
 *
 * One document a text. Aliases are copied where they stand, so their cost is bounded by
 * TREE_NODES_MAX. Refused, because nothing may be ignored silently: tags, keys that are not plain
 * text, keys that come twice. */
#ifndef SIM_SCENARIO_YAML_H
#define SIM_SCENARIO_YAML_H

#include "sim/scenario/tree.h"
#include "stack/base/slice.h"

/* Parses into the document, which may hold trees already (overrides); the new root has no parent.
 * `source` is kept, not copied; `lines`: places have lines. NULL with *err set. */
struct tree *yaml_parse(struct tree_doc *doc, const char *source, bool lines, struct slice text,
                        struct scenario_error *err);

#endif
