/* The peer gater: while validations are being throttled, RPCs of peers are cut down to their control part at random, the more
 * often the less good the messages from their address were (go-libp2p-pubsub's peer gater). */
#ifndef STACK_GOSSIPSUB_GATER_H
#define STACK_GOSSIPSUB_GATER_H

#include "stack/base/endpoint.h"
#include "stack/base/rng.h"
#include "stack/base/trace.h"

#define GATER_ADDRESSES_MAX 4096 /* counters of more are shared by the rest */

struct gater_params {
    double threshold; /* throttled / validated, from which on it acts */
    double global_decay, source_decay, decay_to_zero;
    uint64_t decay_interval_ns, retain_stats_ns, quiet_ns;
    double duplicate_weight, ignore_weight, reject_weight;
};

struct gater_params gater_params_default(void);
const char *gater_params_check(const struct gater_params *p); /* NULL: all is well */

struct gater;

struct gater *gater_new(const struct gater_params *params, uint64_t now_ns, uint64_t seed);
void gater_free(struct gater *a);
void gater_peer_add(struct gater *a, uint32_t slot, const struct endpoint *at); /* NULL: not known where from */
void gater_peer_remove(struct gater *a, uint64_t now_ns, uint32_t slot);
bool gater_accepts(struct gater *a, uint64_t now_ns, uint32_t slot); /* false: only the control part of this RPC */

void gater_validate(struct gater *a);
void gater_deliver(struct gater *a, uint32_t slot);
void gater_duplicate(struct gater *a, uint32_t slot);
void gater_reject(struct gater *a, uint64_t now_ns, uint32_t slot, enum trace_reject why);

uint64_t gater_deadline(const struct gater *a);
void gater_decay(struct gater *a, uint64_t now_ns);

#endif
