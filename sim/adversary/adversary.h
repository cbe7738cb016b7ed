/* A node that attacks: what it does on pubsub streams in the place of an honest router.
 *
 * The node below it is an ordinary one without GossipSub: real connections, identify, streams. An adversary serves and opens the
 * pubsub protocols itself (stack/node/app_stream.h), reads RPCs with the router's codec and writes its own. Until `attack_at` it
 * is a relay that takes every GRAFT and passes on what it gets; then it plays its role (roles.c).
 *
 * It traces what an honest node would of arrivals, copies sent, meshes and control, but never JOIN or DELIVER: nobody expects it
 * to receive anything. Its random choices come from a sub-stream of its own. */
#ifndef SIM_ADVERSARY_ADVERSARY_H
#define SIM_ADVERSARY_ADVERSARY_H

#include "sim/scenario/scenario.h"
#include "stack/base/map.h"
#include "stack/node/node.h"

/* What the adversaries of a group share; not written to while they are up. */
struct adversary_plan {
    const struct scenario *scenario;
    const struct scenario_group *group;
    gossipsub_id_fn *message_id;
    struct map publishers; /* censor: peer ids */
    struct buf *records;   /* px-poison: signed peer records, and */
    struct peerid *named;  /* whom they are about */
    uint32_t record_count;
};

/* Where and who a node of the scenario is. */
struct adversary_census {
    void *ctx;
    void (*identity)(void *ctx, uint32_t node, struct identity *out);
    struct endpoint (*address)(void *ctx, uint32_t node);
};

void adversary_plan_init(struct adversary_plan *p, const struct scenario *s, const struct scenario_group *g,
                         gossipsub_id_fn *message_id, const struct adversary_census *census);
void adversary_plan_deinit(struct adversary_plan *p);

struct adversary;

struct adversary_world {
    void *ctx;
    void (*trace)(void *ctx, uint64_t now_ns, const struct trace_event *event);
    void (*wake_at)(void *ctx, uint64_t at_ns); /* adversary_wake then, unless the node is down */
};

/* `plan` outlives it. `seed`: of its choices. */
struct adversary *adversary_new(const struct adversary_plan *plan, const struct adversary_world *world, uint64_t seed);
void adversary_free(struct adversary *a); /* after its node */

/* Turns the configuration of an honest node into this one's. */
void adversary_configure(struct adversary *a, struct node_config *config, struct node_events *events);
void adversary_started(struct adversary *a, uint64_t now_ns, struct node *node); /* the node is up */
void adversary_wake(struct adversary *a, uint64_t now_ns);
void adversary_retire(struct adversary *a); /* its node is about to be freed: nothing is told any more */

#endif
