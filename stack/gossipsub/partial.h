/* Partial messages (an extension of gossipsub v1.3): parts of a message, and what is known of who has which, go between peers that
 * agreed on it; what parts are is the application's business.
 *
 * Of a topic we may want parts in the place of messages, or only be able to send them; peers tell us the same. Messages are then
 * withheld from peers that want parts of topics where we can send them. A group is what parts belong to (a message to come). The
 * router remembers for each group which peers it spoke with about it, from the first publication or RPC on until
 * group_ttl heartbeats after our last publication; the application may keep state of its own as long.
 *
 * What a peer can make us keep: PARTIAL_GROUPS_PER_PEER groups of a topic with names of PARTIAL_GROUP_SIZE_MAX bytes, of all peers
 * together PARTIAL_GROUPS; RPCs about more are ignored. */
#ifndef STACK_GOSSIPSUB_PARTIAL_H
#define STACK_GOSSIPSUB_PARTIAL_H

#include "stack/gossipsub/gossipsub.h"
#include "stack/gossipsub/rpc.h"

#define PARTIAL_GROUPS 255u       /* of a topic, begun by peers */
#define PARTIAL_GROUPS_PER_PEER 8u
#define PARTIAL_GROUP_SIZE_MAX 1024u
#define PARTIAL_GROUP_TTL_MIN 3u  /* heartbeats */

/* What the application does. Both may call gossipsub_partial_send and gossipsub_partial_publish. */
struct partial_env {
    void *ctx;
    /* An RPC about a group. */
    void (*incoming)(void *ctx, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p);
    /* A heartbeat chose these peers, which were not spoken with about the group yet, for gossip: tell them what there is. */
    void (*gossip)(void *ctx, uint64_t now_ns, struct slice topic, struct slice group, const uint32_t *peers,
                   uint32_t count);
};

/* What we do in a topic: `wants` implies that we can send. To be set before we subscribe to it. */
void gossipsub_partial_topic(struct gossipsub *g, struct slice topic, bool wants, bool sends);

/* Begins or prolongs a group for `group_ttl` heartbeats, and calls `tell` for each peer to speak with: those that were spoken with,
 * and those of the mesh (or fanout) that take part. `wants`: it wants parts, not only to know about them. */
typedef void partial_tell_fn(void *ctx, uint32_t peer, bool wants);
int gossipsub_partial_publish(struct gossipsub *g, uint64_t now_ns, struct slice topic, struct slice group,
                              uint32_t group_ttl, partial_tell_fn *tell, void *ctx);

/* Sends parts, what we know of parts, or both (data NULL: none of it). Parts for a peer that wants none are left out. False when
 * there was nothing to send, or the peer's queue is full. */
bool gossipsub_partial_send(struct gossipsub *g, uint64_t now_ns, uint32_t peer, const struct rpc_partial *p);

/* Whether the peer wants parts of the topic, and we agreed on the extension. */
bool gossipsub_partial_wants(const struct gossipsub *g, uint32_t peer, struct slice topic);
bool gossipsub_partial_offers(const struct gossipsub *g, struct slice topic); /* we can send parts of it */
/* Of a topic, for checks. */
uint32_t gossipsub_partial_groups(const struct gossipsub *g, struct slice topic);

#endif
