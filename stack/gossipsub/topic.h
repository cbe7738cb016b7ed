/* The topics a router knows: those it joined, those its peers subscribed to, and those it published
 * to or still holds something of (a message, a backoff). A topic is freed when none of that is
 * left. */
#ifndef STACK_GOSSIPSUB_TOPIC_H
#define STACK_GOSSIPSUB_TOPIC_H

#include "stack/base/map.h"
#include "stack/gossipsub/slotset.h"

#define TOPIC_SIZE_MAX 1024
#define BACKOFFS_MAX 4096 /* of a topic; beyond it the one that ends first goes */

#define TOPIC_DELAY_NONE UINT64_MAX

enum topic_partial { TOPIC_PARTIAL_WANTED = 1, TOPIC_PARTIAL_ABLE = 2 };

struct backoff {
    uint64_t peer_key, expiry_ns;
};

struct post;

struct partial_peers {
    struct slotset wanting, able; /* want parts instead of messages; can send them */
};

struct topic {
    struct topics *table;
    uint32_t pins; /* messages and queued items that name it */
    bool joined, has_fanout;
    uint8_t partial;      /* what we told of partial messages: enum topic_partial, a set */
    uint16_t score;       /* 1 + its index among those that are scored; 0: not looked up yet */
    uint32_t validating;  /* its messages under validation */
    struct slotset peers;  /* subscribed to it */
    struct slotset mesh;   /* while joined */
    struct slotset fanout; /* while has_fanout */
    struct partial_peers *partial_peers; /* NULL: none of `peers` spoke of partial messages */
    uint64_t fanout_published_ns;
    uint64_t validation_delay_ns; /* TOPIC_DELAY_NONE: the router's */
    struct backoff *backoffs; /* by peer_key: they outlive the connection */
    uint32_t backoff_count, backoff_capacity;
    struct post *gossip; /* what to gossip about, within a heartbeat */
    uint16_t name_size;
    uint8_t name[];
};

struct topics {
    struct topic *recent; /* of the last search that found one */
    struct map by_name;   /* values are struct topic pointers */
};

void topics_init(struct topics *ts, uint64_t seed);
void topics_free_all(struct topics *ts); /* frees all topics */

struct topic *topic_find(struct topics *ts, struct slice name); /* NULL when unknown */
struct topic *topic_get(struct topics *ts,
                        struct slice name); /* finds or makes; name <= TOPIC_SIZE_MAX */
void topic_release(struct topic *t);        /* frees it when nothing is left of it */
bool topic_next(const struct topics *ts, uint32_t *position, struct topic **t);

static inline struct slice topic_name(const struct topic *t)
{
    return slice_of(t->name, t->name_size);
}

static inline void topic_pin(struct topic *t)
{
    t->pins++;
}

void topic_unpin(struct topic *t);

static inline bool topic_wants_parts(const struct topic *t, uint32_t slot)
{
    return t->partial_peers && slotset_has(&t->partial_peers->wanting, slot);
}

static inline bool topic_sends_parts(const struct topic *t, uint32_t slot)
{
    return t->partial_peers && slotset_has(&t->partial_peers->able, slot);
}

void topic_note_partial(struct topic *t, uint32_t slot, bool wants, bool sends);

/* Never shortens a backoff. */
void topic_backoff_add(struct topic *t, uint64_t peer_key, uint64_t expiry_ns);
uint64_t topic_backoff(const struct topic *t,
                       uint64_t peer_key); /* its expiry; 0 when there is none */
void topic_backoff_clear(struct topic *t, uint64_t before_ns); /* drops those that ended before */

#endif
