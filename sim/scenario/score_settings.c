/* The `score` and `gater` settings of a group's gossipsub: the parameters by the names that go and the spec give them. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/gossipsub/gater.h"

#include <stdlib.h>
#include <string.h>

#define DAY_NS (86400 * NS_PER_S)
#define TOPICS_MAX 1000
#define NETS_MAX 16

#define WHOLE(member) FIELD(score_params, member)
#define TOPIC(member) FIELD(score_topic_params, member)
#define REAL(name, offset) {name, FIELD_REAL, false, offset, 0, 0, NULL}
#define TIME(name, offset) {name, FIELD_DURATION, false, offset, 0, 365 * DAY_NS, NULL}
#define DECAY(name) {name, FIELD_OTHER, false, 0, 0, 0, NULL}

static const struct field whole_fields[] = {
    REAL("GossipThreshold", WHOLE(gossip_threshold)),
    REAL("PublishThreshold", WHOLE(publish_threshold)),
    REAL("GraylistThreshold", WHOLE(graylist_threshold)),
    REAL("AcceptPXThreshold", WHOLE(accept_px_threshold)),
    REAL("OpportunisticGraftThreshold", WHOLE(opportunistic_graft_threshold)),
    REAL("TopicScoreCap", WHOLE(topic_score_cap)),
    REAL("AppSpecificWeight", WHOLE(app_specific_weight)),
    REAL("IPColocationFactorWeight", WHOLE(ip_colocation_factor_weight)),
    {"IPColocationFactorThreshold", FIELD_U32, false, WHOLE(ip_colocation_factor_threshold), 0, 1000000, NULL},
    {"IPColocationFactorWhitelist", FIELD_OTHER, false, 0, 0, 0, NULL},
    REAL("BehaviourPenaltyWeight", WHOLE(behaviour_penalty_weight)),
    REAL("BehaviourPenaltyThreshold", WHOLE(behaviour_penalty_threshold)),
    DECAY("BehaviourPenaltyDecay"),
    TIME("DecayInterval", WHOLE(decay_interval_ns)),
    REAL("DecayToZero", WHOLE(decay_to_zero)),
    TIME("RetainScore", WHOLE(retain_score_ns)),
    TIME("SeenMsgTTL", WHOLE(seen_msg_ttl_ns)),
    {"SkipAtomicValidation", FIELD_BOOL, false, WHOLE(skip_atomic_validation), 0, 0, NULL},
    {"topics", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"app", FIELD_OTHER, false, 0, 0, 0, NULL},
};

static const struct field topic_fields[] = {
    REAL("TopicWeight", TOPIC(topic_weight)),
    REAL("TimeInMeshWeight", TOPIC(time_in_mesh_weight)),
    TIME("TimeInMeshQuantum", TOPIC(time_in_mesh_quantum_ns)),
    REAL("TimeInMeshCap", TOPIC(time_in_mesh_cap)),
    REAL("FirstMessageDeliveriesWeight", TOPIC(first_message_deliveries_weight)),
    DECAY("FirstMessageDeliveriesDecay"),
    REAL("FirstMessageDeliveriesCap", TOPIC(first_message_deliveries_cap)),
    REAL("MeshMessageDeliveriesWeight", TOPIC(mesh_message_deliveries_weight)),
    DECAY("MeshMessageDeliveriesDecay"),
    REAL("MeshMessageDeliveriesCap", TOPIC(mesh_message_deliveries_cap)),
    REAL("MeshMessageDeliveriesThreshold", TOPIC(mesh_message_deliveries_threshold)),
    TIME("MeshMessageDeliveriesWindow", TOPIC(mesh_message_deliveries_window_ns)),
    TIME("MeshMessageDeliveriesActivation", TOPIC(mesh_message_deliveries_activation_ns)),
    REAL("MeshFailurePenaltyWeight", TOPIC(mesh_failure_penalty_weight)),
    DECAY("MeshFailurePenaltyDecay"),
    REAL("InvalidMessageDeliveriesWeight", TOPIC(invalid_message_deliveries_weight)),
    DECAY("InvalidMessageDeliveriesDecay"),
    {"SkipAtomicValidation", FIELD_BOOL, false, TOPIC(skip_atomic_validation), 0, 0, NULL},
};

/* A factor ("0.99") or the time after which a counter of 1 is 0 ("10m"). */
static void read_decay(struct reader *r, const struct tree *map, const char *key, uint64_t interval_ns, double to_zero,
                       double *out)
{
    const struct tree *t = r->failed ? NULL : tree_find(map, key);
    uint64_t time_ns;

    if (!t || !reader_is(r, t, TREE_SCALAR, 0))
        return;
    if (!units_number(t->text, out))
        return;
    if (units_duration(t->text, &time_ns)) {
        reader_fail(r, t, "\"%.60s\" is neither a factor (0.99) nor a time (10m)", t->text);
        return;
    }
    if (interval_ns == 0 || time_ns < interval_ns || !(to_zero > 0 && to_zero < 1))
        reader_fail(r, t, "\"%.60s\" is shorter than DecayInterval, or DecayToZero is not between 0 and 1", t->text);
    else
        *out = score_decay_factor(time_ns, interval_ns, to_zero);
}

static void read_topic(struct reader *r, const struct tree *t, const struct score_params *p, struct score_topic *out)
{
    struct score_topic_params *q = &out->params;
    const struct {
        const char *key;
        double *out;
    } decays[] = {{"FirstMessageDeliveriesDecay", &q->first_message_deliveries_decay},
                  {"MeshMessageDeliveriesDecay", &q->mesh_message_deliveries_decay},
                  {"MeshFailurePenaltyDecay", &q->mesh_failure_penalty_decay},
                  {"InvalidMessageDeliveriesDecay", &q->invalid_message_deliveries_decay}};
    const char *wrong;

    out->name = arena_text(r->arena, t->key, strlen(t->key));
    reader_fields(r, t, FIELDS(topic_fields), q);
    for (size_t i = 0; i < sizeof decays / sizeof *decays; i++)
        read_decay(r, t, decays[i].key, p->decay_interval_ns, p->decay_to_zero, decays[i].out);
    wrong = r->failed ? NULL : score_topic_params_check(q);
    if (wrong)
        reader_fail(r, t, "%s", wrong);
}

/* What a topic's parameters begin with: those of the preset, or nothing. */
static struct score_topic_params base_of(const struct score_params *preset)
{
    return preset->topic_count ? preset->topics[0].params : score_topic_params_default();
}

static void read_topics(struct reader *r, const struct tree *t, struct score_params *p)
{
    struct score_params preset = *p;
    struct score_topic *topics;
    uint32_t count = 0;

    if (!reader_is(r, t, TREE_MAP, TOPICS_MAX))
        return;
    topics = arena_alloc(r->arena, t->count, sizeof *topics);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        topics[count].params = base_of(&preset);
        read_topic(r, c, p, &topics[count++]);
    }
    p->topics = topics;
    p->topic_count = count;
}

/* "10.0.0.0/8" */
static bool read_net(const char *text, struct score_net *out)
{
    unsigned long parts[4], bits;
    char *end;

    for (int i = 0; i < 4; i++) {
        if (*text < '0' || *text > '9')
            return false;
        parts[i] = strtoul(text, &end, 10);
        if (parts[i] > 255 || *end != (i < 3 ? '.' : '/'))
            return false;
        out->ip[i] = (uint8_t)parts[i];
        text = end + 1;
    }
    if (*text < '0' || *text > '9')
        return false;
    bits = strtoul(text, &end, 10);
    out->bits = (uint8_t)bits;
    return *end == 0 && bits <= 32;
}

static void read_whitelist(struct reader *r, const struct tree *t, struct score_params *p)
{
    struct score_net *nets;

    if (!t || !reader_is(r, t, TREE_LIST, NETS_MAX))
        return;
    nets = arena_alloc(r->arena, t->count, sizeof *nets);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        if (reader_is(r, c, TREE_SCALAR, 0) && !read_net(c->text, &nets[p->whitelist_count++]))
            reader_fail(r, c, "\"%.60s\" is not a network (10.0.0.0/8)", c->text);
    p->whitelist = nets;
}

/* app: {sybils: -1000} */
static void read_app(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field value = {"app", FIELD_REAL, false, 0, 0, 0, NULL};

    if (!t || !reader_is(r, t, TREE_MAP, TOPICS_MAX))
        return;
    g->app_scores = arena_alloc(r->arena, t->count, sizeof *g->app_scores);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        struct scenario_app_score *a = &g->app_scores[g->app_score_count++];

        a->group_name = arena_text(r->arena, c->key, strlen(c->key));
        reader_value(r, c, &value, &a->value);
    }
}

void score_settings_resolve(struct reader *r, const struct tree *nodes, struct scenario *s)
{
    for (uint32_t i = 0; i < s->group_count && !r->failed; i++) {
        const struct scenario_group *g = &s->groups[i];
        const struct tree *app;

        if (g->app_score_count == 0)
            continue;
        app = tree_find(tree_find(tree_find(tree_item(nodes, i), "gossipsub"), "score"), "app");
        for (uint32_t k = 0; k < g->app_score_count && !r->failed; k++) {
            struct scenario_app_score *a = &g->app_scores[k];

            a->group = SCENARIO_NONE;
            for (uint32_t j = 0; j < s->group_count; j++)
                if (strcmp(s->groups[j].name, a->group_name) == 0)
                    a->group = j;
            if (a->group == SCENARIO_NONE)
                reader_fail_key(r, tree_item(app, k), "is not a group");
        }
    }
}

static void read_given(struct reader *r, const struct tree *t, struct score_params *p, struct scenario_group *g)
{
    char why[SCORE_TEXT_MAX];

    reader_fields(r, t, FIELDS(whole_fields), p);
    read_decay(r, t, "BehaviourPenaltyDecay", p->decay_interval_ns, p->decay_to_zero, &p->behaviour_penalty_decay);
    if (!r->failed && tree_find(t, "topics"))
        read_topics(r, tree_find(t, "topics"), p);
    if (!r->failed)
        read_whitelist(r, tree_find(t, "IPColocationFactorWhitelist"), p);
    if (!r->failed)
        read_app(r, tree_find(t, "app"), g);
    if (!r->failed && !score_params_check(p, why))
        reader_fail(r, t, "%s", why);
    if (!r->failed && g->app_score_count && p->app_specific_weight == 0)
        reader_fail(r, tree_find(t, "app"), "has no effect while AppSpecificWeight is 0");
}

void score_settings_read(struct reader *r, const struct tree *t, enum scenario_preset preset, struct scenario_group *g)
{
    struct score_params *p;
    bool has_preset;

    if (t->kind == TREE_SCALAR && strcmp(t->text, "off") == 0)
        return;
    p = arena_alloc(r->arena, 1, sizeof *p);
    has_preset = preset_score(preset, r->arena, p);
    if (t->kind == TREE_SCALAR && strcmp(t->text, "on") == 0) {
        if (!has_preset)
            reader_fail(r, t, "this preset has no scores of its own (off, or a mapping; on with algorand, eth2)");
    } else if (t->kind == TREE_SCALAR && *t->text) {
        reader_fail(r, t, "\"%.60s\" is not allowed (on, off, or a mapping)", t->text);
    } else if (reader_is(r, t, TREE_MAP, 0)) {
        read_given(r, t, p, g);
    }
    g->score = p;
}

#define GATER(member) FIELD(gater_params, member)

void gater_settings_read(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field fields[] = {
        REAL("Threshold", GATER(threshold)),
        DECAY("GlobalDecay"),
        DECAY("SourceDecay"),
        TIME("DecayInterval", GATER(decay_interval_ns)),
        REAL("DecayToZero", GATER(decay_to_zero)),
        TIME("RetainStats", GATER(retain_stats_ns)),
        TIME("Quiet", GATER(quiet_ns)),
        REAL("DuplicateWeight", GATER(duplicate_weight)),
        REAL("IgnoreWeight", GATER(ignore_weight)),
        REAL("RejectWeight", GATER(reject_weight)),
    };
    struct gater_params *p;
    const char *wrong;

    if (t->kind == TREE_SCALAR && strcmp(t->text, "off") == 0)
        return;
    p = arena_alloc(r->arena, 1, sizeof *p);
    *p = gater_params_default();
    g->gater = p;
    if (t->kind == TREE_SCALAR && strcmp(t->text, "on") == 0)
        return;
    if (t->kind == TREE_SCALAR && *t->text) {
        reader_fail(r, t, "\"%.60s\" is not allowed (on, off, or a mapping)", t->text);
        return;
    }
    reader_fields(r, t, FIELDS(fields), p);
    read_decay(r, t, "GlobalDecay", p->decay_interval_ns, p->decay_to_zero, &p->global_decay);
    read_decay(r, t, "SourceDecay", p->decay_interval_ns, p->decay_to_zero, &p->source_decay);
    wrong = r->failed ? NULL : gater_params_check(p);
    if (wrong)
        reader_fail(r, t, "%s", wrong);
}
