/* One node of an experiment: its script, its log and the node that does it. The world around it
 * (real sockets, a simulation) lends three calls. */
#ifndef SIM_SUITE_ACTOR_H
#define SIM_SUITE_ACTOR_H

#include "sim/live/parts.h"
#include "sim/suite/log.h"
#include "sim/suite/player.h"

struct actor;

struct actor_world {
    void *ctx;
    bool (*locate)(void *ctx, uint32_t node,
                   struct endpoint *out); /* where it listens; false: nobody knows */
    void (*call_at)(void *ctx, struct actor *a,
                    uint64_t at_ns); /* actor_wake then, not before this returns */
    /* The script has ended, or failed: the node may be taken down here. */
    void (*ended)(void *ctx, struct actor *a, uint64_t now_ns);
};

struct actor {
    struct actor_world world;
    struct player player;
    struct suite_log log;   /* to be opened by the owner before actor_start, and closed */
    uint64_t ended_ns;      /* when the script had ended, or failed */
    struct node *node;      /* NULL before actor_start and after the end */
    struct parts parts;     /* of partial messages */
    struct endpoint target; /* while the player is connecting */
    struct peerid target_id;
    bool settled; /* how the connecting went is known: */
    int outcome;
};

/* The seed of a node's Ed25519 key: its id, little-endian, then zeros. */
void suite_identity_seed(uint32_t node, uint8_t seed[static ED25519_SEED_SIZE]);

void actor_init(struct actor *a, const struct suite_script *script, uint32_t node,
                const struct actor_world *world);
/* Fills in what the suite prescribes; the player has not failed. */
void actor_configure(struct actor *a, struct node_config *config, struct node_events *events);
void actor_start(struct actor *a, uint64_t now_ns, struct node *node); /* the node is up */
void actor_trace(struct actor *a, uint64_t now_ns, const struct trace_event *e);
void actor_wake(struct actor *a, uint64_t now_ns);
void actor_deinit(struct actor *a); /* after the node is gone */

#endif
