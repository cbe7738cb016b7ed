/* The scores of peers, as go-libp2p-pubsub computes them (gossipsub v1.1 spec, "Peer Scoring").
 *
 * Score = min(TopicScoreCap, sum over topics of TopicWeight * (P1 + P2 + P3 + P3b + P4)) + P5 + P6 + P7, where each P has its
 * weight in it. Topics are summed in the order in which the router first had one of them to score. A peer that is not known has
 * 0. Peers are named by the router's slots; what outlives a connection is found again by the key of the peer's id.
 *
 * What a peer can make us keep: its counters (about 64 bytes a topic of ours), also after it left when its score was not positive:
 * retain_score_ns long, SCORE_RETAINED_MAX such peers at most; a record of each message under validation or within its
 * window; one of each message that the validator rejected, for seen_msg_ttl_ns. */
#ifndef STACK_GOSSIPSUB_SCORE_H
#define STACK_GOSSIPSUB_SCORE_H

#include "stack/base/endpoint.h"
#include "stack/base/trace.h"
#include "stack/gossipsub/score_params.h"
#include "stack/gossipsub/seen.h"

#define SCORE_NO_TOPIC UINT16_MAX
#define SCORE_TOPICS_MAX 4096 /* that are scored; later ones are not */
#define SCORE_RETAINED_MAX 4096 /* peers that are gone; beyond it the one that ends first is forgotten */

/* The counters of a peer in a topic. */
struct score_counters {
    bool in_mesh, active; /* active: P3 counts */
    uint64_t graft_ns, mesh_ns; /* mesh_ns: time in the mesh, at the last decay */
    double first, mesh, failure, invalid; /* P2, P3, P3b, P4 */
};

struct score;

struct score *score_new(const struct score_params *params, uint64_t now_ns); /* the params outlive it */
void score_free(struct score *s);
const struct score_params *score_params_of(const struct score *s);

/* The index of a topic to score; SCORE_NO_TOPIC when it is not. */
uint16_t score_topic(struct score *s, struct slice name);
/* Other parameters of one topic from now on; counters above a cap come down to it. */
void score_topic_set(struct score *s, uint16_t topic, const struct score_topic_params *params);

/* `at`: where it is connected from, NULL or loopback: not counted for P6. */
void score_peer_add(struct score *s, uint32_t slot, uint64_t key, const struct endpoint *at, double app_specific);
void score_peer_remove(struct score *s, uint64_t now_ns, uint32_t slot);
void score_app_specific(struct score *s, uint32_t slot, double value); /* P5 without its weight */

double score_of(struct score *s, uint32_t slot);
struct trace_score score_trace_of(const struct score *s, uint32_t slot); /* with what it is made of */
const struct score_counters *score_counters_of(const struct score *s, uint32_t slot, uint16_t topic); /* NULL: none */

void score_graft(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic);
void score_prune(struct score *s, uint32_t slot, uint16_t topic);
void score_penalty(struct score *s, uint32_t slot, double count); /* P7 */
void score_penalty_of(struct score *s, uint64_t key, double count); /* of a peer that may be gone */

/* A message: validation begins, it is accepted or refused, or it comes again. */
void score_validate(struct score *s, uint64_t now_ns, const struct seen_key *key);
void score_deliver(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key);
void score_reject(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key,
                  enum trace_reject why);
void score_duplicate(struct score *s, uint64_t now_ns, uint32_t slot, uint16_t topic, const struct seen_key *key);

uint64_t score_deadline(const struct score *s);
void score_decay(struct score *s, uint64_t now_ns); /* when the deadline has come */

#endif
