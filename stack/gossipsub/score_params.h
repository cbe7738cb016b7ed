/* The parameters of peer scoring (gossipsub v1.1 spec, "Peer Scoring"), with the spec's names: P1 to P7, thresholds,
 * decay, retention. Checked as go-libp2p-pubsub checks them. */
#ifndef STACK_GOSSIPSUB_SCORE_PARAMS_H
#define STACK_GOSSIPSUB_SCORE_PARAMS_H

#include "stack/base/slice.h"

#define SCORE_TEXT_MAX 160 /* of what score_params_check says */
#define SCORE_ANY_TOPIC "*" /* the name of the parameters of all topics that have none of their own */

struct score_topic_params {
    double topic_weight;
    double time_in_mesh_weight, time_in_mesh_cap; /* P1 */
    uint64_t time_in_mesh_quantum_ns;
    double first_message_deliveries_weight, first_message_deliveries_decay, first_message_deliveries_cap; /* P2 */
    double mesh_message_deliveries_weight, mesh_message_deliveries_decay; /* P3 */
    double mesh_message_deliveries_cap, mesh_message_deliveries_threshold;
    uint64_t mesh_message_deliveries_window_ns, mesh_message_deliveries_activation_ns;
    double mesh_failure_penalty_weight, mesh_failure_penalty_decay;             /* P3b */
    double invalid_message_deliveries_weight, invalid_message_deliveries_decay; /* P4 */
    bool skip_atomic_validation; /* a group of parameters that are all 0 needs no check */
};

struct score_topic {
    const char *name; /* or SCORE_ANY_TOPIC; a topic that neither names is not scored */
    struct score_topic_params params;
};

struct score_net { /* addresses that begin with these bits */
    uint8_t ip[16];
    bool is_ip6;
    uint8_t bits;
};

struct score_params {
    double gossip_threshold, publish_threshold, graylist_threshold;
    double accept_px_threshold, opportunistic_graft_threshold;
    double topic_score_cap; /* 0: none */
    double app_specific_weight;                                                         /* P5 */
    double ip_colocation_factor_weight;                                                 /* P6 */
    uint32_t ip_colocation_factor_threshold;
    const struct score_net *whitelist;
    uint32_t whitelist_count;
    double behaviour_penalty_weight, behaviour_penalty_decay, behaviour_penalty_threshold; /* P7 */
    uint64_t decay_interval_ns;
    double decay_to_zero;
    uint64_t retain_score_ns;  /* how long the score of a peer that is gone is kept, unless it was positive */
    uint64_t seen_msg_ttl_ns;  /* how long an invalid message is remembered */
    bool skip_atomic_validation;
    const struct score_topic *topics;
    uint32_t topic_count;
};

/* All weights 0; decay every second, to zero below 0.01, messages remembered for 120 s; checks as with
 * skip_atomic_validation. */
struct score_params score_params_default(void);
struct score_topic_params score_topic_params_default(void);

/* False when something is wrong; then `why` says what ("MeshMessageDeliveriesWindow must not be negative"). */
bool score_params_check(const struct score_params *p, char why[static SCORE_TEXT_MAX]);
const char *score_topic_params_check(const struct score_topic_params *p); /* NULL: all is well */

/* The factor with which a counter of 1 falls below `decay_to_zero` after that time; the same bits everywhere. */
double score_decay_factor(uint64_t decay_ns, uint64_t interval_ns, double decay_to_zero);

#endif
