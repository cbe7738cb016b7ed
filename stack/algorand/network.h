/* The inside of struct algorand, shared by algorand.c (peers and their streams) and message.c
 * (messages). */
#ifndef STACK_ALGORAND_NETWORK_H
#define STACK_ALGORAND_NETWORK_H

#include "stack/algorand/algorand.h"
#include "stack/algorand/arrivals.h"
#include "stack/algorand/digests.h"
#include "stack/algorand/lanes.h"
#include "stack/algorand/pending.h"

#define NETWORK_BROADCAST_BULK_MAX 100 /* bulk messages that wait for a first peer */
#define NETWORK_MEMO_COUNT 8           /* large messages whose digest is remembered */

/* A handshake under way. */
struct greeting {
    struct timer timer;
    struct algorand *network;
    uint32_t slot;
};

enum peer_state { PEER_GREETING, PEER_READY, PEER_DEAD };

struct peer {
    struct lanes lanes;
    struct greeting *greeting; /* in PEER_GREETING */
    struct digests *digests;   /* NULL until its first MS */
    uint32_t session;          /* tells it from others that had the slot */
    tag_set wanted;
    uint8_t state, version, features;
    bool dialled;
};

/* The digest of a large message, by its id: a copy from every peer costs one SHA-512. */
struct digest_memo {
    uint8_t id[ARRIVALS_NAME_SIZE];
    uint8_t digest[DIGESTS_SIZE];
};

struct algorand {
    struct algorand_config config;
    struct algorand_env env;
    struct peer **peers; /* by slot; NULL where there is none */
    uint32_t peers_size, ready_count, session_next;
    struct timers timers;
    struct arrivals arrivals;
    struct pending pending;
    struct lanes held;        /* while no peer is ready */
    struct digest_memo *memo; /* NULL until the first large message */
    uint32_t memo_next;
    struct algorand_stats stats;
};

static inline struct peer *network_peer(const struct algorand *a, uint32_t slot)
{
    return slot < a->peers_size ? a->peers[slot] : NULL;
}

/* Queues for one peer, in the lane of its tag; a full lane drops it. */
void network_enqueue(struct algorand *a, uint64_t now_ns, uint32_t slot, struct envelope *e);
/* The stream is over: nothing is sent or read any more. The slot stays taken. */
void network_kill_peer(struct algorand *a, struct peer *p);
void network_trace(const struct algorand *a, uint64_t now_ns, const struct trace_event *event);
/* An event about a message; `e` may be on the caller's stack. */
struct trace_event network_event(enum trace_kind kind, uint32_t slot, const struct envelope *e);

/* A whole frame of a ready peer whose tag is gossip or MS or MI and whose size was checked; the
 * reference moves in. 0, or a negative err: the stream is to be reset. */
int message_receive(struct algorand *a, uint64_t now_ns, uint32_t slot, enum tag tag,
                    struct span frame);
/* Judges what has been under validation for long enough. */
void message_judge_due(struct algorand *a, uint64_t now_ns);
/* What was held goes to the first peer that is ready. */
void message_release_held(struct algorand *a, uint64_t now_ns);

#endif
