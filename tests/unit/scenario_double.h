/* Stand-ins for the defaults of the router and of Algorand's network, for programs that are linked
 * without them. Weak: the real ones win where they are there. */
#ifndef TESTS_UNIT_SCENARIO_DOUBLE_H
#define TESTS_UNIT_SCENARIO_DOUBLE_H

#include "sim/scenario/scenario.h"
#include "sim/scenario/units.h"

__attribute__((weak)) struct gossipsub_params gossipsub_params_default(void)
{
    return (struct gossipsub_params){
        .d = 6,
        .d_lo = 5,
        .d_hi = 12,
        .d_score = 4,
        .d_out = 2,
        .d_lazy = 6,
        .gossip_factor_ppm = 250000,
        .heartbeat_interval_ns = NS_PER_S,
        .heartbeat_initial_delay_ns = 100 * NS_PER_MS,
        .history_length = 5,
        .history_gossip = 3,
        .fanout_ttl_ns = 60 * NS_PER_S,
        .seen_ttl_ns = 120 * NS_PER_S,
        .prune_backoff_ns = 60 * NS_PER_S,
        .unsubscribe_backoff_ns = 10 * NS_PER_S,
        .graft_flood_threshold_ns = 10 * NS_PER_S,
        .prune_peers = 16,
        .gossip_retransmission = 3,
        .max_ihave_length = 5000,
        .max_ihave_messages = 10,
        .iwant_followup_ns = 3 * NS_PER_S,
        .outbound_queue_max = 32,
        .validation_queue_max = 32,
        .rpc_size_max = 1 << 20,
        .subscriptions_max = 100,
    };
}

__attribute__((weak)) const char *gossipsub_params_check(const struct gossipsub_params *p)
{
    return p->d_lo > p->d   ? "D_lo must not exceed D"
           : p->d > p->d_hi ? "D must not exceed D_hi"
                            : NULL;
}

__attribute__((weak)) struct algorand_config algorand_config_default(void)
{
    return (struct algorand_config){.queue_max = 11000,
                                    .queue_stale_ns = 25 * NS_PER_S,
                                    .seen_ttl_ns = 60 * NS_PER_S,
                                    .handshake_timeout_ns = 10 * NS_PER_S};
}

#endif
