/* What a router holds and queues: posts (messages) and parcels (RPCs of anything else), both
 * reference-counted.
 *
 * A post is one message with all that is needed again: its frame, id, key in the seen cache. One
 * post serves the message cache, every peer's queue and the validation queue of a router. */
#ifndef STACK_GOSSIPSUB_POST_H
#define STACK_GOSSIPSUB_POST_H

#include "stack/base/chain.h"
#include "stack/gossipsub/gossipsub.h"
#include "stack/gossipsub/rpc.h"
#include "stack/gossipsub/seen.h"
#include "stack/gossipsub/topic.h"

enum frame_kind { FRAME_POST, FRAME_PARCEL };

/* The head of both: what an outbox holds. Not shared between threads. */
struct frame {
    uint32_t refs;
    enum frame_kind kind;
};

void frame_unref(struct frame *f);

/* How often a peer was answered an IWANT for the post. */
struct post_answers {
    uint32_t count;
    struct {
        uint64_t peer_key;
        uint32_t count;
    } items[];
};

struct post { /* with an id of eight bytes it fits a block of 96 */
    struct frame head;
    struct topic *topic; /* pinned */
    struct span frame;
    struct seen_key key;
    uint32_t seen_until; /* tick of the seen cache: until then every copy is a duplicate */
    uint32_t data_size;
    struct post_answers *answers; /* NULL until somebody asks */
    struct post *gossip_next;    /* within a heartbeat: the next one of the topic */
    uint32_t mark;
    uint8_t id_size;
    bool own;
    uint8_t id[];
};

/* One reference; takes the frame's reference and pins the topic. */
struct post *post_new(struct topic *t, struct span frame, const struct gossipsub_message *m);
/* The message in a frame that carries exactly one and was checked; no id, received_from
 * TRACE_NO_PEER. */
void post_frame_read(struct span frame, struct gossipsub_message *m);
struct span
post_body(const struct post *p); /* the RPC without its length prefix; a new reference */
uint32_t post_answer_count(struct post *p,
                           uint64_t peer_key); /* counts one more, returns how many now */

static inline struct slice post_id(const struct post *p)
{
    return slice_of(p->id, p->id_size);
}

static inline struct post *post_ref(struct post *p)
{
    p->head.refs++;
    return p;
}

static inline void post_unref(struct post *p)
{
    frame_unref(&p->head);
}

/* An RPC as a chain of bytes, with what it counts for when it is handed out. */
struct parcel {
    struct frame head;
    struct chain bytes;
    struct rpc_count control[TRACE_CONTROL_COUNT];
    uint32_t post_count;
    struct post *posts[];
};

struct parcel *parcel_new(struct post *const *posts,
                          uint32_t count); /* one reference; takes one of each post */

#endif
