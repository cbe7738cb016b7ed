/* Changes made to a scenario's tree from the command line: "nodes.0.count=100".
 *
 * The path names keys, and items of lists by their index or by their `group` or `name`. The value
 * is YAML. What is missing on the way is made, so "network.tcp=ideal" works without a network
 * section. Checks of what was set come with the reading, and name the override as their place. */
#ifndef SIM_SCENARIO_OVERRIDE_H
#define SIM_SCENARIO_OVERRIDE_H

#include "sim/scenario/tree.h"

/* 0, or ERR_INVALID with *err set. */
int override_apply(struct tree_doc *doc, const char *set, struct scenario_error *err);

#endif
