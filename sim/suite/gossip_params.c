/* gossipSubParams: go-libp2p-pubsub's GossipSubParams, by the names of its fields. */
#include "sim/suite/params.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define QUEUE_SIZE 600u /* of the suite's Go program, both queues */
#define DURATION_MAX_NS 86400000000000ll

enum param_kind {
    PARAM_COUNT,    /* into uint32_t */
    PARAM_DURATION, /* nanoseconds, into uint64_t */
    PARAM_RATIO,    /* into uint32_t, in millionths */
    PARAM_REFUSED
};

#define AT(member) offsetof(struct gossipsub_params, member)

static const struct param {
    const char *key;
    enum param_kind kind;
    size_t offset;
} table[] = {
    {"D", PARAM_COUNT, AT(d)},
    {"Dlo", PARAM_COUNT, AT(d_lo)},
    {"Dhi", PARAM_COUNT, AT(d_hi)},
    {"Dscore", PARAM_COUNT, AT(d_score)},
    {"Dout", PARAM_COUNT, AT(d_out)},
    {"HistoryLength", PARAM_COUNT, AT(history_length)},
    {"HistoryGossip", PARAM_COUNT, AT(history_gossip)},
    {"Dlazy", PARAM_COUNT, AT(d_lazy)},
    {"GossipFactor", PARAM_RATIO, AT(gossip_factor_ppm)},
    {"GossipRetransmission", PARAM_COUNT, AT(gossip_retransmission)},
    {"HeartbeatInitialDelay", PARAM_DURATION, AT(heartbeat_initial_delay_ns)},
    {"HeartbeatInterval", PARAM_DURATION, AT(heartbeat_interval_ns)},
    {"FanoutTTL", PARAM_DURATION, AT(fanout_ttl_ns)},
    {"PrunePeers", PARAM_COUNT, AT(prune_peers)},
    {"PruneBackoff", PARAM_DURATION, AT(prune_backoff_ns)},
    {"UnsubscribeBackoff", PARAM_DURATION, AT(unsubscribe_backoff_ns)},
    {"GraftFloodThreshold", PARAM_DURATION, AT(graft_flood_threshold_ns)},
    {"MaxIHaveLength", PARAM_COUNT, AT(max_ihave_length)},
    {"MaxIHaveMessages", PARAM_COUNT, AT(max_ihave_messages)},
    {"IWantFollowupTime", PARAM_DURATION, AT(iwant_followup_ns)},
    {"MaxIDontWantLength", PARAM_COUNT, AT(max_idontwant_length)},
    {"MaxIDontWantMessages", PARAM_COUNT, AT(max_idontwant_messages)},
    {"IDontWantMessageThreshold", PARAM_COUNT, AT(idontwant_threshold)},
    {"IDontWantMessageTTL", PARAM_COUNT, AT(idontwant_ttl)}, /* heartbeats, whatever its comment says */
    {"OpportunisticGraftTicks", PARAM_COUNT, AT(opportunistic_graft_ticks)}, /* of scores, which the suite has none of */
    {"OpportunisticGraftPeers", PARAM_COUNT, AT(opportunistic_graft_peers)},
    {"SlowHeartbeatWarning", PARAM_REFUSED, 0},
    {"Connectors", PARAM_REFUSED, 0},
    {"MaxPendingConnections", PARAM_REFUSED, 0},
    {"ConnectionTimeout", PARAM_REFUSED, 0},
    {"DirectConnectTicks", PARAM_REFUSED, 0},
    {"DirectConnectInitialDelay", PARAM_REFUSED, 0},
};

struct gossipsub_params suite_params_default(void)
{
    struct gossipsub_params p = gossipsub_params_default();

    p.outbound_queue_max = p.validation_queue_max = QUEUE_SIZE;
    p.rpc_size_max = SUITE_RPC_SIZE_MAX;
    return p;
}

static const struct param *find(const char *key)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

/* A whole number from 0 to `max`, written with or without a fraction of zero. */
static bool whole(const json_t *value, int64_t max, int64_t *out)
{
    double number = json_is_real(value) ? json_real_value(value) : 0;

    if (json_is_real(value) && (!(number >= 0) || number > (double)max || number != floor(number)))
        return false;
    *out = json_is_real(value) ? (int64_t)number : json_integer_value(value);
    return json_is_number(value) && *out >= 0 && *out <= max;
}

static const char *set(const struct param *param, const json_t *value, void *base)
{
    uint8_t *at = (uint8_t *)base + param->offset;
    uint32_t count;
    int64_t number;

    switch (param->kind) {
    case PARAM_COUNT:
        if (!whole(value, 1000000, &number))
            return "must be a whole number from 0 to 1000000";
        count = (uint32_t)number;
        memcpy(at, &count, sizeof count);
        return NULL;
    case PARAM_DURATION:
        if (!whole(value, DURATION_MAX_NS, &number))
            return "must be a whole number of nanoseconds, at most a day";
        memcpy(at, &(uint64_t){(uint64_t)number}, sizeof(uint64_t));
        return NULL;
    case PARAM_RATIO:
        if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
            json_number_value(value) > 1)
            return "must be a number from 0 to 1";
        count = (uint32_t)(json_number_value(value) * 1e6 + 0.5);
        memcpy(at, &count, sizeof count);
        return NULL;
    case PARAM_REFUSED:
        break;
    }
    return "is not supported";
}

const char *suite_params_apply(const void *json, struct gossipsub_params *p, const char **key)
{
    json_t *object = json_incref((json_t *)(uintptr_t)json); /* the iterators want no const */
    const char *wrong = NULL;

    *key = "";
    if (!json_is_object(object))
        wrong = "must be an object";
    for (void *at = json_object_iter(object); at && !wrong;
         at = json_object_iter_next(object, at)) {
        const struct param *param = find(json_object_iter_key(at));

        *key = json_object_iter_key(at);
        wrong =
            param ? set(param, json_object_iter_value(at), p) : "is not a parameter of GossipSub";
    }
    if (!wrong) {
        *key = "";
        wrong = gossipsub_params_check(p);
    }
    json_decref(object);
    return wrong;
}
