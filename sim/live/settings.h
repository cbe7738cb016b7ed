/* The GossipSub settings of a live node: the keys of a scenario's `gossipsub` section, given one by
 * one.
 *
 * They are read by the scenario's own reader, so names, units, limits and messages are the same. */
#ifndef SIM_LIVE_SETTINGS_H
#define SIM_LIVE_SETTINGS_H

#include "sim/scenario/tree.h"
#include "stack/node/node.h"

struct settings {
    struct tree_doc doc;
    struct tree *root;
};

void settings_init(struct settings *s);
void settings_deinit(struct settings *s);
/* `value` may be a list with commas, or a mapping in braces. `source` names the option in errors; both are kept, not
 * copied. False when the key was given before. */
bool settings_add(struct settings *s, const char *source, const char *key, const char *value);
bool settings_has(const struct settings *s, const char *key);
/* Writes what was given into the config. False with a sentence in *err. */
bool settings_apply(struct settings *s, struct node_config *config, struct scenario_error *err);

#endif
