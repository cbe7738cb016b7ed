/* One router whose peers the test plays: short words for what a peer says and hears. */
#ifndef TESTS_LIB_GOSSIP_SOLO_H
#define TESTS_LIB_GOSSIP_SOLO_H

#include "stack/gossipsub/rpc.h"
#include "tests/lib/gossip_net.h"

#define GOSSIP_SOLO_TOPIC "test"

/* A network of one node. */
struct solo {
    struct gossip_net *net;
    struct gossip_node *node;
    struct buf rpc; /* the last one built or taken */
};

struct solo solo_new(const struct gossipsub_config *config);
struct solo solo_default(void);
/* Ids are the message's number and eight zeros; rpc_size_max 0: the default. */
struct solo solo_first12(uint32_t rpc_size_max);
void solo_free(struct solo *s);
uint32_t solo_join(struct solo *s, bool dialled); /* a v1.1 peer; its slot */

/* The peer sends s->rpc, or an RPC with one item. */
void solo_send(struct solo *s, uint32_t slot);
void solo_subscribe(struct solo *s, uint32_t slot, const char *topic);
void solo_graft(struct solo *s, uint32_t slot, const char *topic);
void solo_prune(struct solo *s, uint32_t slot, uint64_t backoff_s);
/* IHAVE or IWANT of the ids of the messages first, first + 1, ... */
void solo_send_ids(struct solo *s, uint32_t slot, enum trace_control kind, uint32_t first,
                   uint32_t count);

/* A framed message with that number, of an author who is no peer. */
struct span solo_foreign_frame(const struct gossipsub_config *config, uint32_t author,
                               uint32_t number, uint32_t size);
int solo_feed(struct solo *s, uint32_t slot, struct span frame);
int solo_feed_new(struct solo *s, uint32_t slot, struct span frame); /* whose reference is given away */

/* What the peer hears next, into s->rpc. */
bool solo_take(struct solo *s, uint32_t slot);
uint32_t solo_control_count(const struct solo *s, enum trace_control kind);
uint32_t solo_message_count(const struct solo *s);

#endif
