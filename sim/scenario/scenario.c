/* Reads a scenario: text to tree, overrides, then section by section. */
#include "sim/scenario/scenario.h"

#include "sim/scenario/latency.h"
#include "sim/scenario/override.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "sim/scenario/yaml.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <string.h>

#define SAMPLE_DEFAULT 100u
#define OVERRIDES_MAX 1000u
#define LONG_NS (366 * 86400 * NS_PER_S)

static void read_run(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const struct field fields[] = {
        {"scenario", FIELD_NAME, true, FIELD(scenario, name), 0, 0, NULL},
        {"question", FIELD_TEXT, false, FIELD(scenario, question), 0, 0, NULL},
        {"seed", FIELD_U64, false, FIELD(scenario, seed), 0, 0, NULL},
        {"traffic_seed", FIELD_U64, false, FIELD(scenario, traffic_seed), 0, 0, NULL},
        {"duration", FIELD_DURATION, true, FIELD(scenario, duration_ns), NS_PER_MS, LONG_NS, NULL},
        {"warmup", FIELD_DURATION, false, FIELD(scenario, warmup_ns), 0, LONG_NS, NULL},
        {"cooldown", FIELD_DURATION, false, FIELD(scenario, cooldown_ns), 0, LONG_NS, NULL},
        {"network", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"cpu", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"nodes", FIELD_OTHER, true, 0, 0, 0, NULL},
        {"topology", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"traffic", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"events", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"expect", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"limits", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"record", FIELD_OTHER, false, 0, 0, 0, NULL},
    };
    const struct tree *warmup;

    s->seed = 1;
    reader_fields(r, t, FIELDS(fields), s);
    if (r->failed)
        return;
    if (!tree_find(t, "traffic_seed"))
        s->traffic_seed = s->seed;
    warmup = tree_find(t, s->warmup_ns ? "warmup" : "cooldown");
    if (s->warmup_ns + s->cooldown_ns >= s->duration_ns)
        reader_fail(r, warmup, "leaves nothing of the duration to measure");
}

static void read_limits(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const struct field fields[] = {
        {"wall", FIELD_DURATION, false, FIELD(scenario, wall_limit_ns), NS_PER_S, LONG_NS, NULL},
    };

    if (t)
        reader_fields(r, t, FIELDS(fields), s);
}

static bool has_scores(const struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].score)
            return true;
    return false;
}

static void read_record(struct reader *r, const struct tree *t, struct scenario *s)
{
    static const char *const extents[] = {"auto", "all", "sampled", "off", NULL};
    static const char *const peers[] = {"auto", "all", "off", NULL};
    static const char *const histograms[] = {"topics", "messages", NULL};
    static const struct field fields[] = {
        {"hops", FIELD_CHOICE, false, FIELD(scenario, hops), 0, 0, extents},
        {"deliveries", FIELD_CHOICE, false, FIELD(scenario, deliveries), 0, 0, extents},
        {"sample", FIELD_U32, false, FIELD(scenario, record_sample), 1, 1000000000, NULL},
        {"peers", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"histograms", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"scores", FIELD_DURATION, false, FIELD(scenario, scores_every_ns), NS_PER_S, 86400 * NS_PER_S, NULL},
        {"scores_of", FIELD_U32, false, FIELD(scenario, scores_of), 1, 1000000, NULL},
    };
    static const struct field peers_field = {"peers", FIELD_CHOICE, false, 0, 0, 0, peers};
    static const struct field histograms_field = {"histograms", FIELD_CHOICE, false, 0, 0, 0, histograms};
    static const enum record_extent peer_extents[] = {RECORD_AUTO, RECORD_ALL, RECORD_OFF};
    enum { FIRST, SECOND, THIRD } choice = FIRST;

    s->record_sample = SAMPLE_DEFAULT;
    s->scores_of = 1;
    if (!t)
        return;
    reader_fields(r, t, FIELDS(fields), s);
    if (!r->failed && tree_find(t, "sample") && s->hops != RECORD_SAMPLED && s->deliveries != RECORD_SAMPLED)
        reader_fail_key(r, tree_find(t, "sample"), "belongs to hops: sampled or deliveries: sampled");
    if (!r->failed && tree_find(t, "scores_of") && !s->scores_every_ns)
        reader_fail_key(r, tree_find(t, "scores_of"), "needs scores");
    if (!r->failed && s->scores_every_ns && !has_scores(s))
        reader_fail_key(r, tree_find(t, "scores"), "no group keeps scores (gossipsub: {score: ...})");
    if (!r->failed && tree_find(t, "peers"))
        reader_value(r, tree_find(t, "peers"), &peers_field, &choice);
    s->peers = peer_extents[choice];
    choice = FIRST;
    if (!r->failed && tree_find(t, "histograms"))
        reader_value(r, tree_find(t, "histograms"), &histograms_field, &choice);
    s->message_histograms = choice == SECOND;
}

/* Nobody would receive a message whose topic no group subscribes to. */
static void check_audience(struct reader *r, const struct tree *traffic, const struct scenario *s)
{
    for (uint32_t i = 0; i < s->traffic_count && !r->failed; i++) {
        uint32_t topic = s->traffic[i].topic;
        bool heard = topic == SCENARIO_NONE;

        for (uint32_t g = 0; g < s->group_count && !heard; g++) {
            for (uint32_t k = 0; k < s->groups[g].topic_count && !heard; k++)
                heard = s->groups[g].topics[k] == topic;
        }
        if (!heard)
            reader_fail(r, tree_item(traffic, i), "no group subscribes to \"%.60s\"",
                        s->traffic[i].label);
    }
}

static void read_sections(struct reader *r, const struct tree *root, struct scenario *s)
{
    const struct tree *network, *pairs = NULL;

    read_run(r, root, s);
    if (r->failed)
        return;
    network = tree_find(root, "network");
    network_read(r, network, s);
    if (!r->failed)
        cpu_read(r, tree_find(root, "cpu"), tree_find(root, "network"), s);
    if (!r->failed)
        groups_read(r, tree_find(root, "nodes"), s);
    if (!r->failed)
        score_settings_resolve(r, tree_find(root, "nodes"), s);
    if (!r->failed && network)
        pairs = tree_find(network, "latency_pairs"); /* after the nodes that it names */
    if (!r->failed && pairs)
        latency_pairs_read(r, pairs, s);
    if (!r->failed)
        topology_settings_read(r, tree_find(root, "topology"), s);
    if (!r->failed)
        traffic_read(r, tree_find(root, "traffic"), s);
    if (!r->failed)
        groups_subscribe(r, tree_find(root, "nodes"), s);
    if (!r->failed)
        behaviours_read(r, tree_find(root, "nodes"), tree_find(root, "traffic"), s);
    if (!r->failed)
        check_audience(r, tree_find(root, "traffic"), s);
    if (!r->failed)
        events_read(r, tree_find(root, "events"), s);
    if (!r->failed)
        expectations_read(r, tree_find(root, "expect"), s);
    read_limits(r, tree_find(root, "limits"), s);
    read_record(r, tree_find(root, "record"), s);
    if (!r->failed && s->topology_count == 0 && s->node_count > 1)
        reader_fail(r, root, "topology is missing (who dials whom)");
}

static int read_tree(struct reader *r, struct tree_doc *doc, const char *const *sets,
                     size_t set_count, struct scenario *out)
{
    if (set_count > OVERRIDES_MAX) {
        snprintf(r->err->text, sizeof r->err->text, "--set: given more than %u times",
                 OVERRIDES_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < set_count; i++) {
        if (override_apply(doc, sets[i], r->err) != 0)
            return ERR_INVALID;
    }
    read_sections(r, doc->root, out);
    return r->failed ? ERR_INVALID : 0;
}

int scenario_load_text(const char *name, struct slice text, const char *const *sets,
                       size_t set_count, struct scenario *out, struct scenario_error *err)
{
    struct tree_doc doc = {0};
    struct reader r = {.arena = &out->arena, .scratch = &doc.arena, .err = err};
    const char *slash = strrchr(name, '/'), *wrong;
    int result = ERR_INVALID;

    memset(out, 0, sizeof *out);
    err->text[0] = '\0';
    wrong = text.size == 0                               ? "is empty"
            : text.size > TREE_FILE_SIZE_MAX             ? "is larger than 8 MiB"
            : memchr(text.data, '\0', text.size) != NULL ? "is not text (it has NUL bytes)"
                                                         : NULL;
    if (wrong) {
        snprintf(err->text, sizeof err->text, "%.300s: %s", name, wrong);
        return ERR_INVALID;
    }
    r.folder = arena_text(&doc.arena, name, slash ? (size_t)(slash - name) + 1 : 0);
    out->text = arena_text(&out->arena, (const char *)text.data, text.size);
    out->text_size = text.size;
    doc.root = yaml_parse(&doc, name, true, slice_of(out->text, text.size), err);
    if (doc.root)
        result = read_tree(&r, &doc, sets, set_count, out);
    tree_free(&doc);
    CHECK((result == 0) == (err->text[0] == '\0'));
    if (result != 0)
        scenario_free(out);
    return result;
}

int scenario_load(const char *path, const char *const *sets, size_t set_count, struct scenario *out,
                  struct scenario_error *err)
{
    size_t size = 0;
    char *text = tree_file_read(path, &size, err);
    int result;

    memset(out, 0, sizeof *out);
    if (!text)
        return ERR_INVALID;
    result = scenario_load_text(path, slice_of(text, size), sets, set_count, out, err);
    mem_free(text);
    return result;
}

void scenario_free(struct scenario *s)
{
    arena_free(&s->arena);
    memset(s, 0, sizeof *s);
}
