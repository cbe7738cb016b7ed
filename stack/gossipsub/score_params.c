/* The rules of go-libp2p-pubsub for score parameters. */
#include "stack/gossipsub/score_params.h"

#include <math.h>

#define SECOND_NS 1000000000ull

struct score_topic_params score_topic_params_default(void)
{
    return (struct score_topic_params){.skip_atomic_validation = true};
}

struct score_params score_params_default(void)
{
    return (struct score_params){
        .decay_interval_ns = SECOND_NS,
        .decay_to_zero = 0.01,
        .seen_msg_ttl_ns = 120 * SECOND_NS,
        .skip_atomic_validation = true,
    };
}

static bool is_number(double x)
{
    return isfinite(x);
}

static bool is_penalty(double weight)
{
    return is_number(weight) && weight <= 0;
}

static bool is_fraction(double x)
{
    return is_number(x) && x > 0 && x < 1;
}

static bool is_positive(double x)
{
    return is_number(x) && x > 0;
}

/* Where a group is left out: go's non-atomic validation. */
static bool is_zero(double a, double b, double c, double d)
{
    return a == 0 && b == 0 && c == 0 && d == 0;
}

static const char *check_time_in_mesh(const struct score_topic_params *p)
{
    bool unused = is_zero(p->time_in_mesh_weight, p->time_in_mesh_cap, 0, 0) && p->time_in_mesh_quantum_ns == 0;

    if (p->skip_atomic_validation && unused)
        return NULL;
    if (p->time_in_mesh_quantum_ns == 0)
        return "TimeInMeshQuantum must not be 0";
    if (!is_number(p->time_in_mesh_weight) || p->time_in_mesh_weight < 0)
        return "TimeInMeshWeight must be positive, or 0 to disable";
    if (p->time_in_mesh_weight != 0 && !is_positive(p->time_in_mesh_cap))
        return "TimeInMeshCap must be positive";
    return NULL;
}

static const char *check_first_deliveries(const struct score_topic_params *p)
{
    double weight = p->first_message_deliveries_weight;

    if (p->skip_atomic_validation &&
        is_zero(weight, p->first_message_deliveries_cap, p->first_message_deliveries_decay, 0))
        return NULL;
    if (!is_number(weight) || weight < 0)
        return "FirstMessageDeliveriesWeight must be positive, or 0 to disable";
    if (weight != 0 && !is_fraction(p->first_message_deliveries_decay))
        return "FirstMessageDeliveriesDecay must be between 0 and 1";
    if (weight != 0 && !is_positive(p->first_message_deliveries_cap))
        return "FirstMessageDeliveriesCap must be positive";
    return NULL;
}

static const char *check_mesh_deliveries(const struct score_topic_params *p)
{
    double weight = p->mesh_message_deliveries_weight;
    bool unused = is_zero(weight, p->mesh_message_deliveries_cap, p->mesh_message_deliveries_decay,
                          p->mesh_message_deliveries_threshold) &&
                  p->mesh_message_deliveries_window_ns == 0 && p->mesh_message_deliveries_activation_ns == 0;

    if (p->skip_atomic_validation && unused)
        return NULL;
    if (!is_penalty(weight))
        return "MeshMessageDeliveriesWeight must be negative, or 0 to disable";
    if (weight != 0 && !is_fraction(p->mesh_message_deliveries_decay))
        return "MeshMessageDeliveriesDecay must be between 0 and 1";
    if (weight != 0 && !is_positive(p->mesh_message_deliveries_cap))
        return "MeshMessageDeliveriesCap must be positive";
    if (weight != 0 && !is_positive(p->mesh_message_deliveries_threshold))
        return "MeshMessageDeliveriesThreshold must be positive";
    if (weight != 0 && p->mesh_message_deliveries_activation_ns < SECOND_NS)
        return "MeshMessageDeliveriesActivation must be at least one second";
    return NULL;
}

static const char *check_penalties(const struct score_topic_params *p)
{
    bool skip = p->skip_atomic_validation;

    if (!skip || !is_zero(p->mesh_failure_penalty_weight, p->mesh_failure_penalty_decay, 0, 0)) {
        if (!is_penalty(p->mesh_failure_penalty_weight))
            return "MeshFailurePenaltyWeight must be negative, or 0 to disable";
        if (p->mesh_failure_penalty_weight != 0 && !is_fraction(p->mesh_failure_penalty_decay))
            return "MeshFailurePenaltyDecay must be between 0 and 1";
    }
    if (!skip || !is_zero(p->invalid_message_deliveries_weight, p->invalid_message_deliveries_decay, 0, 0)) {
        if (!is_penalty(p->invalid_message_deliveries_weight))
            return "InvalidMessageDeliveriesWeight must be negative, or 0 to disable";
        if (!is_fraction(p->invalid_message_deliveries_decay)) /* whatever the weight, as in go */
            return "InvalidMessageDeliveriesDecay must be between 0 and 1";
    }
    return NULL;
}

const char *score_topic_params_check(const struct score_topic_params *p)
{
    const char *(*const checks[])(const struct score_topic_params *) = {
        check_time_in_mesh, check_first_deliveries, check_mesh_deliveries, check_penalties};

    if (!is_number(p->topic_weight) || p->topic_weight < 0)
        return "TopicWeight must not be negative";
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const char *why = checks[i](p);

        if (why)
            return why;
    }
    return NULL;
}

static const char *check_thresholds(const struct score_params *p)
{
    if (!is_penalty(p->gossip_threshold))
        return "GossipThreshold must be 0 or negative";
    if (!is_penalty(p->publish_threshold) || p->publish_threshold > p->gossip_threshold)
        return "PublishThreshold must be 0 or negative and not above GossipThreshold";
    if (!is_penalty(p->graylist_threshold) || p->graylist_threshold > p->publish_threshold)
        return "GraylistThreshold must be 0 or negative and not above PublishThreshold";
    if (!is_number(p->accept_px_threshold) || p->accept_px_threshold < 0)
        return "AcceptPXThreshold must not be negative";
    if (!is_number(p->opportunistic_graft_threshold) || p->opportunistic_graft_threshold < 0)
        return "OpportunisticGraftThreshold must not be negative";
    return NULL;
}

static const char *check_behaviour(const struct score_params *p)
{
    double weight = p->behaviour_penalty_weight, threshold = p->behaviour_penalty_threshold;

    if (p->skip_atomic_validation && is_zero(weight, threshold, 0, 0))
        return NULL;
    if (!is_penalty(weight))
        return "BehaviourPenaltyWeight must be negative, or 0 to disable";
    if (weight != 0 && !is_fraction(p->behaviour_penalty_decay))
        return "BehaviourPenaltyDecay must be between 0 and 1";
    if (!is_number(threshold) || threshold < 0)
        return "BehaviourPenaltyThreshold must not be negative";
    return NULL;
}

static const char *check_whole(const struct score_params *p)
{
    const char *why = check_thresholds(p);

    if (why)
        return why;
    if (!is_number(p->topic_score_cap) || p->topic_score_cap < 0)
        return "TopicScoreCap must be positive, or 0 for none";
    if (!is_number(p->app_specific_weight))
        return "AppSpecificWeight must be a number";
    if (!is_penalty(p->ip_colocation_factor_weight))
        return "IPColocationFactorWeight must be negative, or 0 to disable";
    if (p->ip_colocation_factor_weight != 0 && p->ip_colocation_factor_threshold < 1)
        return "IPColocationFactorThreshold must be at least 1";
    why = check_behaviour(p);
    if (why)
        return why;
    if (p->decay_interval_ns < SECOND_NS)
        return "DecayInterval must be at least one second";
    if (!is_fraction(p->decay_to_zero))
        return "DecayToZero must be between 0 and 1";
    if (p->seen_msg_ttl_ns == 0)
        return "SeenMsgTTL must not be 0";
    return NULL;
}

static void say(char why[static SCORE_TEXT_MAX], const char *topic, const char *what)
{
    const char *const parts[] = {topic ? "topic " : "", topic ? topic : "", topic ? ": " : "", what};
    size_t size = 0;

    for (size_t i = 0; i < 4; i++)
        for (const char *c = parts[i]; *c && size + 1 < SCORE_TEXT_MAX; c++)
            why[size++] = *c;
    why[size] = 0;
}

bool score_params_check(const struct score_params *p, char why[static SCORE_TEXT_MAX])
{
    const char *wrong = check_whole(p);

    if (wrong) {
        say(why, NULL, wrong);
        return false;
    }
    for (uint32_t i = 0; i < p->topic_count; i++) {
        wrong = score_topic_params_check(&p->topics[i].params);
        if (wrong) {
            say(why, p->topics[i].name, wrong);
            return false;
        }
    }
    return true;
}

/* x to the power n, by squaring: multiplications only, so that every machine gets the same bits. */
static double power(double x, uint64_t n)
{
    double result = 1;

    for (; n; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

double score_decay_factor(uint64_t decay_ns, uint64_t interval_ns, double decay_to_zero)
{
    uint64_t ticks = decay_ns / interval_ns;
    double low = 0, high = 1;

    if (ticks == 0)
        return 0;
    for (int i = 0; i < 100; i++) { /* bisection: past 60 steps nothing moves any more */
        double middle = (low + high) / 2;

        if (power(middle, ticks) < decay_to_zero)
            low = middle;
        else
            high = middle;
    }
    return high;
}
