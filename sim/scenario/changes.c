/* Events that act on the network: {latency: ...}, {loss: ...}, {bandwidth: ...}. */
#include "sim/scenario/latency.h"
#include "sim/scenario/links.h"
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"
#include "stack/base/check.h"

#define FACTOR_PPM_MAX 1000000000u /* a thousandfold */

static void need_network(struct reader *r, const struct tree *t, const struct scenario *s)
{
    if (!s->network.present)
        reader_fail_key(r, t, "needs a network section");
}

static void latency_change_read(struct reader *r, const struct tree *t, const struct scenario *s,
                                struct scenario_event *e)
{
    static const struct field fields[] = {
        {"from", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"to", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"both_ways", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"factor", FIELD_PPM, false, FIELD(scenario_event, factor_ppm), 1000, FACTOR_PPM_MAX, NULL},
        {"set", FIELD_DURATION, false, FIELD(scenario_event, latency_ns), NS_PER_US, LATENCY_NS_MAX, NULL},
    };

    reader_fields(r, t, FIELDS(fields), e);
    if (!r->failed && !e->factor_ppm == !e->latency_ns)
        reader_fail(r, t, "must have one of factor and set");
    if (!r->failed)
        e->pairs = pairs_read(r, t, s, &e->pair_count);
}

/* `5%`, or {from, to, both_ways, set}. */
static void loss_change_read(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e)
{
    static const struct field fields[] = {
        {"from", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"to", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"both_ways", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"set", FIELD_OTHER, true, 0, 0, 0, NULL},
    };
    static const struct tree anywhere = {.kind = TREE_MAP};

    if (t->kind == TREE_MAP)
        reader_fields(r, t, FIELDS(fields), e);
    if (!r->failed)
        loss_read(r, t->kind == TREE_MAP ? tree_find(t, "set") : t, &e->loss);
    if (!r->failed)
        e->pairs = pairs_read(r, t->kind == TREE_MAP ? t : &anywhere, s, &e->pair_count);
}

static void bandwidth_change_read(struct reader *r, const struct tree *t, const struct scenario *s,
                                  struct scenario_event *e)
{
    static const struct field fields[] = {
        {"regions", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"groups", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"classes", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"nodes", FIELD_OTHER, false, 0, 0, 0, NULL},
        {"share", FIELD_PPM, false, FIELD(scenario_event, who.share_ppm), 1, 1000000, NULL},
        {"count", FIELD_U32, false, FIELD(scenario_event, who.count), 1, SCENARIO_NODES_MAX, NULL},
        {"factor", FIELD_PPM, false, FIELD(scenario_event, factor_ppm), 1000, FACTOR_PPM_MAX, NULL},
        {"up", FIELD_BANDWIDTH, false, FIELD(scenario_event, up_bps), 1000, SCENARIO_BPS_MAX, NULL},
        {"down", FIELD_BANDWIDTH, false, FIELD(scenario_event, down_bps), 1000, SCENARIO_BPS_MAX, NULL},
    };

    reader_fields(r, t, FIELDS(fields), e);
    if (!r->failed && !e->factor_ppm == !(e->up_bps || e->down_bps))
        reader_fail(r, t, "must have factor, or up and down (one of them will do)");
    if (!r->failed)
        selector_finish(r, t, s, &e->who);
}

void change_read(struct reader *r, const struct tree *t, const struct scenario *s, struct scenario_event *e)
{
    need_network(r, t, s);
    if (r->failed)
        return;
    if (e->kind == SCENARIO_LATENCY)
        latency_change_read(r, t, s, e);
    else if (e->kind == SCENARIO_LOSS)
        loss_change_read(r, t, s, e);
    else
        bandwidth_change_read(r, t, s, e);
}
