/* What the files of sim/adversary share. */
#ifndef SIM_ADVERSARY_INTERNAL_H
#define SIM_ADVERSARY_INTERNAL_H

#include "sim/adversary/adversary.h"
#include "stack/base/heap.h"
#include "stack/base/rng.h"
#include "stack/gossipsub/rpc.h"
#include "stack/node/app_stream.h"

#define OUT_MAX (1u << 20)          /* bytes that wait for a peer; what comes on top is dropped */
#define HELD_MAX 65536u             /* messages that wait for their delay; more are dropped */
#define RECENT_MAX 128u             /* ids of messages remembered, to be asked for again */
#define SEEN_NS (60 * 1000000000ull) /* two generations of ids that were seen: remembered for so long, or twice that */
#define SEEN_MAX 1000000u           /* ids of a generation; then the next one begins */
#define BACKOFF_NS (60 * 1000000000ull) /* after a PRUNE that names none */

#define PX_BACKOFF_S 1ull           /* that a PRUNE with poison asks for: they are to come back soon */

/* A peer, by its slot, as long as it is connected. Topics are bits, by their place in the group's list. */
struct acquaintance {
    struct peerid id;
    uint32_t slot;
    struct app_stream *out, *in; /* NULL while there is none */
    bool open;                   /* `out` may be written to */
    uint32_t version;            /* of `out`: index into a->protocols */
    uint64_t topics, mesh;       /* it is subscribed; it is in our mesh */
    uint64_t *backoff_ns;        /* by topic: it wants no GRAFT before that */
    struct chain unread, unsent;
};

struct held {
    uint64_t due_ns;
    struct span frame;
    struct peerid author, from; /* to whom it is not sent */
    uint8_t topic;
    uint32_t size, id_size;
    uint8_t id[GOSSIPSUB_ID_MAX];
};

struct adversary {
    const struct adversary_plan *plan;
    const struct scenario_behaviour *behaviour;
    struct adversary_world world;
    struct node *node; /* NULL before the start and after the end */
    struct rng rng;
    struct identity self;
    struct app_protocol protocols[GOSSIPSUB_PROTOCOL_COUNT]; /* in order of preference */
    uint32_t protocol_count;
    struct acquaintance **peers; /* by slot */
    uint32_t peer_capacity;
    struct map seen[2]; /* ids, this generation's and the one's before */
    uint64_t seen_turn_ns;
    struct gossipsub_config signer; /* invalid messages */
    uint64_t seqno;
    struct { /* iwant-spam: the last ids, in a ring */
        uint8_t size;
        uint8_t bytes[GOSSIPSUB_ID_MAX];
    } *recent;
    uint32_t recent_count;
    struct held *held; /* delay: a ring, in the order in which they are due */
    uint32_t held_first, held_count, held_capacity;
    uint64_t regraft_ns, act_ns, armed_ns; /* next times; TIME_NEVER */
};

bool adversary_attacks(const struct adversary *a, uint64_t now_ns);
void adversary_arm(struct adversary *a);
const char *adversary_topic(const struct adversary *a, unsigned topic);
/* The bit's number, or -1. */
int adversary_topic_find(const struct adversary *a, struct slice name);

/* peers.c: connections, streams, frames */
void peers_connected(struct adversary *a, uint64_t now_ns, uint32_t slot);
struct acquaintance *peers_next(const struct adversary *a, uint32_t *at); /* walks those that are there; NULL at the end */
bool peers_send(struct acquaintance *p, uint64_t now_ns, struct span frame); /* false: its queue is full */
extern const struct app_protocol peers_protocol; /* without id and ctx */
void peers_free(struct adversary *a);

/* hear.c: what a peer says */
void hear_rpc(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct span frame, struct slice rpc);

/* relay.c: messages */
void relay_message(struct adversary *a, uint64_t now_ns, struct acquaintance *p, struct span frame, struct slice message);
void relay_release(struct adversary *a, uint64_t now_ns); /* what was held long enough */
void relay_free(struct adversary *a);

/* speech.c: RPCs of our own, told as sent */
void speech_hello(struct adversary *a, uint64_t now_ns, struct acquaintance *p);
void speech_graft(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic);
/* PRUNE that tells of peers: `count` records of the plan, from a random one on. */
void speech_prune(struct adversary *a, uint64_t now_ns, struct acquaintance *p, unsigned topic, uint32_t count);
/* IHAVE, IWANT or IDONTWANT. */
void speech_ids(struct adversary *a, uint64_t now_ns, struct acquaintance *p, enum trace_control kind, unsigned topic,
                const struct slice *ids, uint32_t count);

/* roles.c: what makes them adversaries */
enum relay_verdict { RELAY_FORWARD, RELAY_HOLD, RELAY_DROP };
enum relay_verdict roles_judge(struct adversary *a, unsigned topic, const struct gossipsub_message *m);
void roles_act(struct adversary *a, uint64_t now_ns); /* a round of what the role repeats */
bool roles_repeats(const struct adversary *a);

static inline void adversary_trace(const struct adversary *a, uint64_t now_ns, const struct trace_event *event)
{
    if (a->node)
        a->world.trace(a->world.ctx, now_ns, event);
}

#endif
