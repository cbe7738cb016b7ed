/* GossipSub parameters: go-libp2p-pubsub's defaults and rules. */
#include "stack/gossipsub/gossipsub.h"

#define SECOND_NS 1000000000ull

struct gossipsub_params gossipsub_params_default(void)
{
    return (struct gossipsub_params){
        .d = 6,
        .d_lo = 5,
        .d_hi = 12,
        .d_score = 4,
        .d_out = 2,
        .d_lazy = 6,
        .gossip_factor_ppm = 250000,
        .heartbeat_interval_ns = SECOND_NS,
        .heartbeat_initial_delay_ns = SECOND_NS / 10,
        .history_length = 5,
        .history_gossip = 3,
        .fanout_ttl_ns = 60 * SECOND_NS,
        .seen_ttl_ns = 120 * SECOND_NS,
        .prune_backoff_ns = 60 * SECOND_NS,
        .unsubscribe_backoff_ns = 10 * SECOND_NS,
        .graft_flood_threshold_ns = 10 * SECOND_NS,
        .prune_peers = 16,
        .gossip_retransmission = 3,
        .max_ihave_length = 5000,
        .max_ihave_messages = 10,
        .iwant_followup_ns = 3 * SECOND_NS,
        .idontwant_threshold = 1024,
        .max_idontwant_messages = 1000,
        .max_idontwant_length = 10,
        .idontwant_ttl = 3,
        .opportunistic_graft_ticks = 60,
        .opportunistic_graft_peers = 2,
        .do_px = false,
        .direct_connect_ticks = 300,
        .direct_connect_initial_delay_ns = SECOND_NS,
        .flood_publish = false,
        .outbound_queue_max = 32,
        .validation_queue_max = 32,
        .validation_throttle = 8192,
        .topic_throttle = 1024,
        .rpc_size_max = 1 << 20,
        .subscriptions_max = 1024,
    };
}

static const char *check_degrees(const struct gossipsub_params *p)
{
    if (p->d == 0 && p->d_lo == 0 && p->d_hi == 0 && p->d_out == 0)
        return NULL; /* a bootstrapper: no mesh */
    if (p->d_lo > p->d)
        return "D_lo must not exceed D";
    if (p->d > p->d_hi)
        return "D must not exceed D_hi";
    if (p->d_score > p->d_hi)
        return "D_score must not exceed D_hi";
    if (p->d_out >= p->d_lo)
        return "D_out must be less than D_lo";
    if (p->d_out >= p->d / 2)
        return "D_out must be less than D / 2";
    return NULL;
}

static const char *check_limits(const struct gossipsub_params *p)
{
    if (p->max_ihave_length == 0 || p->max_ihave_length > 1000000)
        return "max_ihave_length must be from 1 to 1000000";
    if (p->prune_peers > 1024)
        return "prune_peers must not exceed 1024";
    if (p->outbound_queue_max == 0 || p->outbound_queue_max > 16384)
        return "the outbound queue must hold from 1 to 16384 RPCs";
    if (p->validation_queue_max == 0)
        return "the validation queue must hold at least one message";
    if (p->rpc_size_max < 2048 || p->rpc_size_max > 1 << 30)
        return "the largest RPC must have from 2 KiB to 1 GiB"; /* a topic of 1 KiB must fit */
    if (p->subscriptions_max == 0)
        return "a peer must be allowed at least one subscription";
    if (p->validation_throttle == 0 || p->topic_throttle == 0)
        return "a throttle must let one message through at least";
    if (p->max_idontwant_length > 100000 || p->max_idontwant_messages > 100000)
        return "max_idontwant_length and max_idontwant_messages must not exceed 100000";
    if (p->idontwant_ttl == 0 || p->idontwant_ttl > 1000)
        return "idontwant_ttl must be from 1 to 1000 heartbeats";
    if (p->opportunistic_graft_ticks == 0 || p->direct_connect_ticks == 0)
        return "opportunistic_graft_ticks and direct_connect_ticks must not be 0";
    return NULL;
}

const char *gossipsub_params_check(const struct gossipsub_params *p)
{
    const char *wrong = check_degrees(p);

    if (wrong)
        return wrong;
    if (p->gossip_factor_ppm > 1000000)
        return "the gossip factor must not exceed 1";
    if (p->heartbeat_interval_ns == 0)
        return "the heartbeat interval must not be 0";
    if (p->history_length == 0 || p->history_length > 1024)
        return "history_length must be from 1 to 1024";
    if (p->history_gossip > p->history_length)
        return "history_gossip must not exceed history_length";
    if (p->seen_ttl_ns == 0)
        return "seen_ttl must not be 0";
    if (p->prune_backoff_ns < 1000000000 || p->unsubscribe_backoff_ns < 1000000000)
        return "a backoff must be at least one second"; /* the wire has whole seconds, 0 means none
                                                         */
    return check_limits(p);
}
