/* The `gossipsub` settings of a group: a preset, then what is changed of it. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FANOUT_DEFAULT 4u /* Algorand's GossipFanout */
#define DAY_NS (86400 * NS_PER_S)
#define RPC_SIZE_MAX (64u << 20)

static const char *const preset_names[] = {"go", "spec", "js", "algorand", "eth2", NULL};
static const char *const signing_names[] = {"strict-sign", "strict-no-sign", "no-author", NULL};
static const char *const message_id_names[] = {"default", "sha256", "blake2b256", "first8", "eth2", NULL};
static const char *const version_names[] = {"floodsub", "1.0", "1.1", "1.2", "1.3", NULL};
static const char *const extension_names[] = {"test", "partial", NULL};
_Static_assert(sizeof version_names / sizeof *version_names == GOSSIPSUB_VERSION_COUNT + 1,
               "a name each");

/* versions: [1.1, 1.0] */
static void read_versions(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field version = {"versions", FIELD_CHOICE, false, 0, 0, 0, version_names};

    g->versions = 0;
    if (!reader_is(r, t, TREE_LIST, GOSSIPSUB_VERSION_COUNT))
        return;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        enum gossipsub_version v = GOSSIPSUB_FLOODSUB;

        reader_value(r, c, &version, &v);
        if (!r->failed && g->versions & 1u << v)
            reader_fail(r, c, "is given twice");
        g->versions |= 1u << v;
    }
}

/* extensions: [test, partial] */
static void read_extensions(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field extension = {"extensions", FIELD_CHOICE, false, 0, 0, 0, extension_names};

    if (!reader_is(r, t, TREE_LIST, 2))
        return;
    for (const struct tree *c = t->first; c && !r->failed; c = c->next) {
        enum { FIRST } which = FIRST;

        reader_value(r, c, &extension, &which);
        if (!r->failed && g->extensions & 1u << which)
            reader_fail(r, c, "is given twice");
        g->extensions |= 1u << which;
    }
    if (!r->failed && !(g->versions >> GOSSIPSUB_V13 & 1))
        reader_fail(r, t, "needs version 1.3 (versions: [1.3, ...])");
}

/* subscription_filter: [topic, ...] */
static void read_filter(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    if (!reader_is(r, t, TREE_LIST, LIST_ITEMS_MAX))
        return;
    g->topics_allowed = arena_alloc(r->arena, t->count, sizeof *g->topics_allowed);
    for (const struct tree *c = t->first; c && !r->failed; c = c->next)
        if (reader_is(r, c, TREE_SCALAR, 0))
            g->topics_allowed[g->topics_allowed_count++] = arena_text(r->arena, c->text, strlen(c->text));
}

static enum scenario_preset read_preset(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    static const struct field preset_field = {"preset", FIELD_CHOICE, false, 0, 0, 0, preset_names};
    static const struct field fanout_field = {"fanout", FIELD_U32, false, 0, 0, 1000, NULL};
    const struct tree *preset_at = tree_find(t, "preset"), *fanout_at = tree_find(t, "fanout");
    enum scenario_preset preset = PRESET_GO;
    uint32_t fanout = FANOUT_DEFAULT;

    if (preset_at)
        reader_value(r, preset_at, &preset_field, &preset);
    if (fanout_at)
        reader_value(r, fanout_at, &fanout_field, &fanout);
    if (fanout_at && preset != PRESET_ALGORAND)
        reader_fail_key(r, fanout_at, "belongs to preset: algorand");
    if (!r->failed)
        preset_apply(g, preset, fanout);
    return preset;
}

#define PARAM(member) offsetof(struct scenario_group, gossipsub.member)

static const struct field fields[] = {
    {"preset", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"fanout", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"D", FIELD_U32, false, PARAM(d), 0, 10000, NULL},
    {"D_lo", FIELD_U32, false, PARAM(d_lo), 0, 10000, NULL},
    {"D_hi", FIELD_U32, false, PARAM(d_hi), 0, 10000, NULL},
    {"D_score", FIELD_U32, false, PARAM(d_score), 0, 10000, NULL},
    {"D_out", FIELD_U32, false, PARAM(d_out), 0, 10000, NULL},
    {"D_lazy", FIELD_U32, false, PARAM(d_lazy), 0, 10000, NULL},
    {"gossip_factor", FIELD_PPM, false, PARAM(gossip_factor_ppm), 0, 1000000, NULL},
    {"heartbeat", FIELD_DURATION, false, PARAM(heartbeat_interval_ns), NS_PER_MS, DAY_NS, NULL},
    {"heartbeat_initial_delay", FIELD_DURATION, false, PARAM(heartbeat_initial_delay_ns), 0, DAY_NS,
     NULL},
    {"history_length", FIELD_U32, false, PARAM(history_length), 1, 1000, NULL},
    {"history_gossip", FIELD_U32, false, PARAM(history_gossip), 0, 1000, NULL},
    {"fanout_ttl", FIELD_DURATION, false, PARAM(fanout_ttl_ns), 0, DAY_NS, NULL},
    {"seen_ttl", FIELD_DURATION, false, PARAM(seen_ttl_ns), NS_PER_MS, DAY_NS, NULL},
    {"prune_backoff", FIELD_DURATION, false, PARAM(prune_backoff_ns), 0, DAY_NS, NULL},
    {"unsubscribe_backoff", FIELD_DURATION, false, PARAM(unsubscribe_backoff_ns), 0, DAY_NS, NULL},
    {"graft_flood_threshold", FIELD_DURATION, false, PARAM(graft_flood_threshold_ns), 0, DAY_NS,
     NULL},
    {"prune_peers", FIELD_U32, false, PARAM(prune_peers), 0, 1000, NULL},
    {"flood_publish", FIELD_BOOL, false, PARAM(flood_publish), 0, 0, NULL},
    {"outbound_queue", FIELD_U32, false, PARAM(outbound_queue_max), 1, 1000000, NULL},
    {"validation_queue", FIELD_U32, false, PARAM(validation_queue_max), 1, 1000000, NULL},
    {"rpc_max", FIELD_SIZE32, false, PARAM(rpc_size_max), 1024, RPC_SIZE_MAX, NULL},
    {"subscriptions_max", FIELD_U32, false, PARAM(subscriptions_max), 1, 1000000, NULL},
    {"max_ihave_length", FIELD_U32, false, PARAM(max_ihave_length), 0, 1000000, NULL},
    {"max_ihave_messages", FIELD_U32, false, PARAM(max_ihave_messages), 0, 1000000, NULL},
    {"gossip_retransmission", FIELD_U32, false, PARAM(gossip_retransmission), 0, 1000000, NULL},
    {"iwant_followup", FIELD_DURATION, false, PARAM(iwant_followup_ns), NS_PER_MS, DAY_NS, NULL},
    {"idontwant_threshold", FIELD_SIZE32, false, PARAM(idontwant_threshold), 0, RPC_SIZE_MAX, NULL},
    {"max_idontwant_messages", FIELD_U32, false, PARAM(max_idontwant_messages), 0, 100000, NULL},
    {"max_idontwant_length", FIELD_U32, false, PARAM(max_idontwant_length), 0, 100000, NULL},
    {"idontwant_ttl", FIELD_U32, false, PARAM(idontwant_ttl), 1, 1000, NULL},
    {"opportunistic_graft_ticks", FIELD_U32, false, PARAM(opportunistic_graft_ticks), 1, 1000000, NULL},
    {"opportunistic_graft_peers", FIELD_U32, false, PARAM(opportunistic_graft_peers), 0, 1000, NULL},
    {"direct_connect_ticks", FIELD_U32, false, PARAM(direct_connect_ticks), 1, 1000000, NULL},
    {"direct_connect_initial_delay", FIELD_DURATION, false, PARAM(direct_connect_initial_delay_ns), 0, DAY_NS, NULL},
    {"peer_exchange", FIELD_BOOL, false, PARAM(do_px), 0, 0, NULL},
    {"validation_throttle", FIELD_U32, false, PARAM(validation_throttle), 1, 1000000, NULL},
    {"topic_throttle", FIELD_U32, false, PARAM(topic_throttle), 1, 1000000, NULL},
    {"subscriptions_per_rpc", FIELD_U32, false, PARAM(subscriptions_per_rpc_max), 1, 1000000, NULL},
    {"subscription_filter", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"seqno_check", FIELD_BOOL, false, PARAM(seqno_check), 0, 0, NULL},
    {"score", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"gater", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"extensions", FIELD_OTHER, false, 0, 0, 0, NULL},
    {"signing", FIELD_CHOICE, false, FIELD(scenario_group, signing), 0, 0, signing_names},
    {"message_id", FIELD_CHOICE, false, FIELD(scenario_group, message_id), 0, 0, message_id_names},
    {"versions", FIELD_OTHER, false, 0, 0, 0, NULL},
};

static void tell_field(const struct field *f, const struct scenario_group *g, char *out, size_t size)
{
    const char *at = (const char *)g + f->offset;
    uint32_t small;
    uint64_t large;

    memcpy(&small, at, sizeof small);
    switch ((int)f->kind) {
    case FIELD_U32:
        snprintf(out, size, "%" PRIu32, small);
        return;
    case FIELD_SIZE32:
        snprintf(out, size, "%" PRIu32 " B", small);
        return;
    case FIELD_PPM:
        snprintf(out, size, "%" PRIu32 ".%06" PRIu32, small / 1000000, small % 1000000);
        return;
    case FIELD_DURATION:
        memcpy(&large, at, sizeof large);
        snprintf(out, size, "%" PRIu64 "ns", large);
        return;
    case FIELD_BOOL:
        snprintf(out, size, "%s", *(const bool *)at ? "true" : "false");
        return;
    case FIELD_CHOICE:
        snprintf(out, size, "%s", f->names[small]);
        return;
    default:
        UNREACHABLE();
    }
}

/* "1.0,1.1" */
static void tell_set(uint32_t set, const char *const *names, char out[static 64])
{
    out[0] = '\0';
    for (int i = 0; names[i]; i++)
        if (set >> i & 1) {
            strcat(out, out[0] ? "," : "");
            strcat(out, names[i]);
        }
}

void gossipsub_settings_tell(const struct scenario_group *g, void (*each)(void *ctx, const char *key, const char *value), void *ctx)
{
    const struct scenario_group plain = {.gossipsub = gossipsub_params_default()};
    char text[64] = "", usual[64];

    each(ctx, "preset", "go");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];

        if (f->kind == FIELD_OTHER)
            continue;
        tell_field(f, g, text, sizeof text);
        tell_field(f, &plain, usual, sizeof usual);
        if (f->kind == FIELD_CHOICE || strcmp(text, usual) != 0)
            each(ctx, f->key, text);
    }
    tell_set(g->versions, version_names, text);
    each(ctx, "versions", text);
    if (!g->extensions)
        return;
    tell_set(g->extensions, extension_names, text);
    each(ctx, "extensions", text);
}

static void check_together(struct reader *r, const struct tree *t, const struct scenario_group *g)
{
    const char *wrong = gossipsub_params_check(&g->gossipsub);

    if (wrong)
        reader_fail(r, t, "%s", wrong);
    if (g->signing == GOSSIPSUB_STRICT_NO_AUTHOR && g->message_id == SCENARIO_ID_DEFAULT)
        reader_fail(r, t,
                    "message_id default needs an author, signing no-author sends none (sha256, "
                    "blake2b256, first8, eth2)");
    if (g->gossipsub.seqno_check && g->signing != GOSSIPSUB_STRICT_SIGN)
        reader_fail(r, t, "seqno_check needs signing: strict-sign");
}

static void read_given(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    enum scenario_preset preset = read_preset(r, t, g);
    const struct tree *at;

    reader_fields(r, t, FIELDS(fields), g);
    if (r->failed)
        return;
    if ((at = tree_find(t, "versions")))
        read_versions(r, at, g);
    if ((at = tree_find(t, "extensions")))
        read_extensions(r, at, g);
    if ((at = tree_find(t, "subscription_filter")))
        read_filter(r, at, g);
    if ((at = tree_find(t, "score")))
        score_settings_read(r, at, preset, g);
    if ((at = tree_find(t, "gater")))
        gater_settings_read(r, at, g);
    if (!r->failed)
        check_together(r, t, g);
}

void gossipsub_settings_read(struct reader *r, const struct tree *t, struct scenario_group *g)
{
    g->gossipsub_on = true;
    g->gossipsub = gossipsub_params_default();
    g->signing = GOSSIPSUB_STRICT_SIGN;
    g->message_id = SCENARIO_ID_DEFAULT;
    g->versions = 1u << GOSSIPSUB_V11 | 1u << GOSSIPSUB_V10;
    if (!t)
        return;
    if (t->kind == TREE_SCALAR && strcmp(t->text, "off") == 0) {
        g->gossipsub_on = false;
        g->versions = 0;
        return;
    }
    if (t->kind == TREE_SCALAR && *t->text) {
        reader_fail(r, t, "\"%.60s\" is not allowed (off, or a mapping)", t->text);
        return;
    }
    if (reader_is(r, t, TREE_MAP, 0))
        read_given(r, t, g);
}
