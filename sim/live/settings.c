/* Builds the tree that the scenario's reader reads. */
#include "sim/live/settings.h"

#include "sim/scenario/sections.h"
#include "sim/scenario/yaml.h"
#include "stack/base/check.h"

#include <string.h>

void settings_init(struct settings *s)
{
    *s = (struct settings){0};
    s->root = tree_add(&s->doc, NULL, TREE_MAP);
    s->root->source = "gossipsub";
}

void settings_deinit(struct settings *s)
{
    tree_free(&s->doc);
}

bool settings_has(const struct settings *s, const char *key)
{
    return tree_find(s->root, key) != NULL;
}

/* A mapping as in YAML; what is none is told of by settings_apply, as a text in its place. */
static bool add_mapping(struct settings *s, const char *source, const char *key, const char *value)
{
    struct tree *t = tree_add(&s->doc, s->root, TREE_SCALAR), *parsed;
    struct scenario_error err;

    t->source = source;
    t->key = arena_text(&s->doc.arena, key, strlen(key));
    t->text = arena_text(&s->doc.arena, value, strlen(value));
    parsed = yaml_parse(&s->doc, source, false, slice_text(value), &err);
    if (parsed)
        tree_replace(&s->doc, t, parsed);
    return true;
}

bool settings_add(struct settings *s, const char *source, const char *key, const char *value)
{
    bool list = strcmp(key, "versions") == 0 || strcmp(key, "extensions") == 0 ||
                strcmp(key, "subscription_filter") == 0;
    struct tree *t;

    if (settings_has(s, key))
        return false;
    if (*value == '{')
        return add_mapping(s, source, key, value);
    t = tree_add(&s->doc, s->root, list ? TREE_LIST : TREE_SCALAR);
    t->source = source;
    t->key = arena_text(&s->doc.arena, key, strlen(key));
    if (!list) {
        t->text = arena_text(&s->doc.arena, value, strlen(value));
        return true;
    }
    for (const char *at = value;; at++) {
        size_t size = strcspn(at, ",");
        struct tree *item = tree_add(&s->doc, t, TREE_SCALAR);

        item->source = source;
        item->text = arena_text(&s->doc.arena, at, size);
        at += size;
        if (*at == '\0')
            return true;
    }
}

static gossipsub_id_fn *message_id(enum scenario_message_id id)
{
    switch (id) {
    case SCENARIO_ID_DEFAULT:
        return gossipsub_id_default;
    case SCENARIO_ID_SHA256:
        return gossipsub_id_sha256;
    case SCENARIO_ID_BLAKE2B256:
        return gossipsub_id_blake2b256;
    case SCENARIO_ID_FIRST8:
        return gossipsub_id_first8;
    case SCENARIO_ID_ETH2:
        return gossipsub_id_eth2;
    }
    UNREACHABLE();
}

bool settings_apply(struct settings *s, struct node_config *config, struct scenario_error *err)
{
    struct scenario_group group = {0};
    struct reader r = {.arena = &s->doc.arena, .scratch = &s->doc.arena, .err = err, .folder = ""};

    if (!settings_has(s, "versions")) /* unlike in a scenario: a real node offers all that it speaks */
        settings_add(s, "gossipsub", "versions", "1.3,1.2,1.1,1.0,floodsub");
    gossipsub_settings_read(&r, s->root, &group);
    if (r.failed)
        return false;
    config->gossipsub_on = true;
    config->gossipsub.params = group.gossipsub;
    config->gossipsub.signing = group.signing;
    config->gossipsub.message_id = message_id(group.message_id);
    config->gossipsub_versions = group.versions;
    config->gossipsub.score = group.score;
    config->gossipsub.gater = group.gater;
    config->gossipsub.extensions = group.extensions;
    config->gossipsub.topics_allowed = group.topics_allowed;
    config->gossipsub.topics_allowed_count = group.topics_allowed_count;
    return true;
}
