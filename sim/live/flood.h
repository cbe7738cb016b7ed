/* Floods: how many messages a second a topic carries, nothing lost.
 *
 * One node floods a topic with messages that begin with the number of the flood and their own (8 bytes each, big endian).
 * Another one acknowledges the topic: it counts a flood's messages, and publishes that flood's number and the count to
 * "TOPIC/acknowledged" after each FLOOD_STEP of them. The flooding node is at most `window` messages ahead of the last count,
 * so that no queue overflows; a flood that lost a message stands still and says so. The Go and js peers of tests/interop do
 * the same. */
#ifndef SIM_LIVE_FLOOD_H
#define SIM_LIVE_FLOOD_H

#include "sim/live/journal.h"
#include "stack/backend/epoll.h"

#define FLOOD_STEP 64             /* messages an acknowledgement */
#define FLOOD_SIZE_MIN 16         /* bytes of a message: both numbers */
#define FLOOD_SIZE_MAX (1u << 20)
#define FLOOD_WINDOW_MAX 16384
#define FLOOD_PATIENCE_NS 5000000000ull /* without an acknowledgement */
#define FLOOD_TOPIC_MAX 1000

struct flood_order {
    struct slice topic;
    uint64_t size, window; /* window: a multiple of FLOOD_STEP */
    uint64_t duration_ns;
};

/* One flood and one topic to acknowledge at a time. */
struct flood {
    struct node *node;
    struct sockets *sockets;
    struct journal *journal;
    bool active, acknowledging, answer_due;
    char topic[FLOOD_TOPIC_MAX + 1], answers[FLOOD_TOPIC_MAX + 16]; /* of the flood; answers: "TOPIC/acknowledged" */
    struct flood_order order;
    uint64_t id, started_ns, sent, acknowledged, progress_ns;
    char counted_topic[FLOOD_TOPIC_MAX + 1], counted_answers[FLOOD_TOPIC_MAX + 16];
    uint64_t counted_id, counted;
};

void flood_init(struct flood *f, struct node *node, struct sockets *sockets, struct journal *journal);
/* Publishes from now on; the journal tells how it went. Both: 0, ERR_DUPLICATE when there is one already, ERR_INVALID for a
 * topic that is empty or too long. */
int flood_start(struct flood *f, uint64_t now_ns, const struct flood_order *order);
int flood_acknowledge(struct flood *f, uint64_t now_ns, struct slice topic);
/* Every message that the node delivers is shown to it. */
void flood_delivered(struct flood *f, uint64_t now_ns, const struct gossipsub_message *m);

#endif
