/* Presets of gossipsub settings: what implementations and networks use. */
#include "sim/scenario/sections.h"
#include "sim/scenario/units.h"

#define EPOCH_NS (384 * NS_PER_S) /* Ethereum: 32 slots of 12 s */
#define SLOT_NS (12 * NS_PER_S)

/* Algorand derives the D family from its fanout: below 5 and above 11 it is fixed, between them a
 * formula. */
static void algorand_degrees(struct gossipsub_params *p, uint32_t fanout)
{
    uint32_t n = fanout < 12 ? fanout : 12;

    if (n == 0) {
        p->d = p->d_lo = p->d_score = p->d_out = p->d_hi = p->d_lazy = 0;
        return;
    }
    if (n < 5) {
        p->d = p->d_hi = p->d_lazy = 4;
        p->d_lo = 2;
        p->d_score = p->d_out = 1;
        return;
    }
    p->d = n - n / 3;
    p->d_lo = p->d_score = p->d * 3 / 4;
    p->d_out = p->d * 3 / 8;
    p->d_hi = p->d_lazy = n;
}

static void apply_js(struct gossipsub_params *p)
{
    p->d_lo = 4;
    p->flood_publish = true;
    p->idontwant_threshold = 512;
    p->max_idontwant_length = 512; /* of ids a heartbeat, in any number of RPCs: no RPC may have more */
    p->idontwant_ttl = 5;
}

static void apply_algorand(struct scenario_group *g, uint32_t fanout)
{
    struct gossipsub_params *p = &g->gossipsub;

    algorand_degrees(p, fanout);
    p->gossip_factor_ppm = 100000;
    p->history_length = 10;
    p->iwant_followup_ns = 5 * NS_PER_S;
    p->validation_queue_max = 256;
    p->direct_connect_initial_delay_ns = 30 * NS_PER_S;
    g->signing = GOSSIPSUB_STRICT_NO_SIGN;
    g->message_id = SCENARIO_ID_BLAKE2B256;
}

/* The consensus specification's p2p interface. */
static void apply_eth2(struct scenario_group *g)
{
    struct gossipsub_params *p = &g->gossipsub;

    p->d = 8;
    p->d_lo = 6;
    p->d_hi = 12;
    p->d_lazy = 6;
    p->heartbeat_interval_ns = 700 * NS_PER_MS;
    p->fanout_ttl_ns = 60 * NS_PER_S;
    p->history_length = 6;
    p->history_gossip = 3;
    p->seen_ttl_ns = 2 * EPOCH_NS;
    p->rpc_size_max = 10u << 20;
    p->validation_queue_max = p->outbound_queue_max = 600;
    g->signing = GOSSIPSUB_STRICT_NO_AUTHOR;
    g->message_id = SCENARIO_ID_ETH2;
}

void preset_apply(struct scenario_group *g, enum scenario_preset preset, uint32_t fanout)
{
    switch (preset) {
    case PRESET_GO:
        return; /* gossipsub_params_default() */
    case PRESET_SPEC:
        g->gossipsub.d_lo = 4;
        g->gossipsub.flood_publish = true;
        return;
    case PRESET_JS:
        apply_js(&g->gossipsub);
        return;
    case PRESET_ALGORAND:
        apply_algorand(g, fanout);
        return;
    case PRESET_ETH2:
        apply_eth2(g);
        return;
    }
}

/* Of its one topic; the application's part, a constant, has no weight, and P3, P6 and P7 are off. */
static void score_algorand(struct score_params *p, struct score_topic *t)
{
    p->gossip_threshold = -500;
    p->publish_threshold = -1000;
    p->graylist_threshold = -2500;
    p->accept_px_threshold = 1000;
    p->opportunistic_graft_threshold = 3.5;
    t->params.topic_weight = 0.1;
    t->params.time_in_mesh_weight = 0.0002778;
    t->params.time_in_mesh_quantum_ns = NS_PER_S;
    t->params.time_in_mesh_cap = 1;
    t->params.first_message_deliveries_weight = 0.5;
    t->params.first_message_deliveries_decay = score_decay_factor(600 * NS_PER_S, NS_PER_S, 0.01);
    t->params.first_message_deliveries_cap = 100;
    t->params.invalid_message_deliveries_weight = -1000;
    t->params.invalid_message_deliveries_decay = score_decay_factor(3600 * NS_PER_S, NS_PER_S, 0.01);
}

static double eth2_decay(uint32_t epochs)
{
    return score_decay_factor(epochs * EPOCH_NS, SLOT_NS, 0.01);
}

/* A consensus client's (Prysm's), every topic as blocks; P3 and P3b are off there too. */
static void score_eth2(struct score_params *p, struct score_topic *t)
{
    p->gossip_threshold = -4000;
    p->publish_threshold = -8000;
    p->graylist_threshold = -16000;
    p->accept_px_threshold = 100;
    p->opportunistic_graft_threshold = 5;
    p->topic_score_cap = 32.72;
    p->app_specific_weight = 1;
    p->ip_colocation_factor_weight = -35.11;
    p->ip_colocation_factor_threshold = 10;
    p->behaviour_penalty_weight = -15.92;
    p->behaviour_penalty_threshold = 6;
    p->behaviour_penalty_decay = eth2_decay(10);
    p->decay_interval_ns = SLOT_NS;
    p->retain_score_ns = 100 * EPOCH_NS;
    t->params.topic_weight = 0.8;
    t->params.time_in_mesh_weight = 10.0 / 300;
    t->params.time_in_mesh_quantum_ns = SLOT_NS;
    t->params.time_in_mesh_cap = 300;
    t->params.first_message_deliveries_weight = 1;
    t->params.first_message_deliveries_decay = eth2_decay(20);
    t->params.first_message_deliveries_cap = 23;
    t->params.invalid_message_deliveries_weight = -140.4475;
    t->params.invalid_message_deliveries_decay = eth2_decay(50);
}

bool preset_score(enum scenario_preset preset, struct arena *a, struct score_params *out)
{
    struct score_topic *t = arena_alloc(a, 1, sizeof *t);

    *out = score_params_default();
    if (preset != PRESET_ALGORAND && preset != PRESET_ETH2)
        return false;
    *t = (struct score_topic){SCORE_ANY_TOPIC, score_topic_params_default()};
    if (preset == PRESET_ALGORAND)
        score_algorand(out, t);
    else
        score_eth2(out, t);
    out->topics = t;
    out->topic_count = 1;
    return true;
}
