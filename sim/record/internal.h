/* What the files of the recorder share. */
#ifndef SIM_RECORD_INTERNAL_H
#define SIM_RECORD_INTERNAL_H

#include "sim/record/feed.h"
#include "sim/record/receipts.h"
#include "sim/record/recorder.h"
#include "sim/record/table.h"
#include "sim/record/writer.h"
#include "stack/base/map.h"

#include <stdatomic.h>

#define UNKNOWN UINT32_MAX
#define SECOND_NS ((uint64_t)1000000000)

#define REJECT_COUNT TRACE_REJECT_COUNT
#define LOSS_COUNT (REJECT_COUNT + 1) /* rejects, then full queues */
#define TALLY_CONTROL (2 * TRACE_CONTROL_COUNT)
#define DEGREES 64 /* a mesh that is larger counts as 63 */

/* Events of one node in one interval, counted; becomes rows when the interval is over. */
struct tally {
    uint64_t start_ns;
    struct {
        uint64_t items, bytes;
    } cells[];
};

/* What the thread of a node's lane works on while others run theirs: two cache lines a node, which no two share. */
struct node_front {
    struct digest_lane lane; /* first: digest_fold walks over it */
    uint32_t *slots;         /* peer slot -> node index */
    uint32_t slot_count;
    uint64_t copies_sent, copy_bytes_sent, copies_received, copy_bytes_received, duplicates;
    uint64_t copies_withheld, copy_bytes_withheld; /* the peer said IDONTWANT */
    char rest[32];
};

struct node_record {
    uint16_t region;
    bool up, algorand;
    uint64_t up_since_ns;
    struct tally *control, *loss; /* NULL until there is something */
    uint64_t control_sent, control_received, total_sent, total_received; /* bytes */
};

struct topic {
    char *name;
    enum trace_protocol protocol;
    uint32_t id, members; /* those that are up */
    bool written, meshed;
    uint32_t degree_nodes[DEGREES];
    struct histogram *regions; /* publish to delivery, by the receiver's region; measured period */
    uint32_t region_count;
    struct histogram hops; /* of expected deliveries, measured period */
    struct histogram repeats, repeat_lags; /* likewise: duplicates of each; how long after the first copy, where asked for */
};

/* One copy received, of a message that is recorded in full. */
struct copy {
    uint64_t sent_ns, received_ns; /* sent: ROW_NULL when unknown */
    uint32_t from, previous; /* previous: the copy before it at the same node, counted from 1 */
    uint16_t hops;
    bool duplicate;
};

struct message {
    uint64_t check; /* second half of the id's hash */
    uint64_t published_ns, touched_ns, max_ns, accounted;
    uint32_t publisher, topic, size, expected;
    uint32_t deliveries, unexpected, duplicates, rejected, copies_sent;
    uint16_t hops_max;
    bool settled, dirty, has_hops, has_deliveries, measured;
    struct receipts receipts; /* while not settled */
    struct table sent;        /* while has_hops: (from, to) -> time of sending */
    struct copy *copies;      /* likewise, in order of arrival */
    uint32_t copy_count, copy_capacity;
};

/* Which messages are recorded in full: every `every`-th, less often as the room for rows goes. */
struct sampler {
    uint64_t rows, rows_max;
    uint32_t every;
    bool automatic;
};

struct recorder {
    struct record_run run; /* its texts are copies */
    struct writer *writer; /* NULL: no file */
    struct feed *feed;     /* NULL: everything comes on one thread */
    void *front_memory;
    struct node_front *fronts;
    struct node_record *nodes;
    struct digest_lane scenario;
    struct map peers;          /* peer id -> node */
    struct map regions;        /* name -> index, in order */
    struct map topic_names[2]; /* by protocol: name -> topic */
    struct topic **topics;
    struct topic *others; /* stands for the topics after the first RECORD_TOPICS_DETAILED */
    uint32_t topic_count, topic_capacity, algorand_up;
    struct table members; /* (topic, node) -> time of joining << DEGREE_BITS | mesh degree */
    struct table messages_by_id;
    struct message *messages;
    uint32_t message_count, message_capacity, oldest; /* messages before `oldest` are settled */
    uint64_t recent_key;     /* of the last one that was looked for: a node sends the same message to many */
    uint32_t recent;
    struct sampler hops, deliveries;
    uint32_t peer_every; /* connection and mesh rows of every k-th node; RECORD_NONE */
    uint64_t live_bytes, interval_ns, next_sample_ns, last_ns, measured_until_ns;
    uint64_t rejected, dropped, dials_failed;
    _Atomic uint64_t delivered; /* may be asked for while the feed is at work */
    uint32_t expectations, expectations_failed;
    bool ended;
};

/* Waits for the reports that are on their way through the feed. */
void recorder_settle(const struct recorder *r);

/* topics.c */
#define DEGREE_BITS 10
const char *topic_protocol_text(const struct topic *t);
void topics_deinit(struct recorder *r);
struct topic *topics_get(struct recorder *r, enum trace_protocol protocol, struct slice name);
void topics_join(struct recorder *r, struct topic *t, uint32_t node, uint64_t now_ns);
void topics_leave(struct recorder *r, struct topic *t, uint32_t node);
void topics_leave_all(struct recorder *r, uint32_t node);
void topics_mesh(struct recorder *r, struct topic *t, uint32_t node, bool graft);
bool topics_expects(const struct recorder *r, const struct message *m, uint32_t node);
uint32_t topics_audience(const struct recorder *r, const struct topic *t, uint32_t publisher);
void topics_sample(struct recorder *r, uint64_t at_ns);
struct histogram *topics_propagation(struct recorder *r, uint32_t topic, uint32_t region);
struct histogram *topics_hops(struct recorder *r, uint32_t topic);
struct histogram *topics_repeats(struct recorder *r, uint32_t topic);
struct histogram *topics_repeat_lags(struct recorder *r, uint32_t topic);

/* messages.c */
void messages_deinit(struct recorder *r);
/* Finds the message of an event or makes it. */
struct message *messages_get(struct recorder *r, struct digest_hash id, uint64_t now_ns,
                             const struct trace_event *e);
struct message *messages_known(struct recorder *r, struct digest_hash id); /* NULL: not seen yet */
void messages_publish(struct recorder *r, struct message *m, uint32_t node, uint64_t now_ns,
                      const struct trace_event *e);
void messages_send(struct recorder *r, struct message *m, uint32_t node, uint32_t to,
                   uint64_t now_ns);
void messages_arrive(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                     uint64_t now_ns);
void messages_duplicate(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                        uint64_t now_ns);
void messages_deliver(struct recorder *r, struct message *m, uint32_t node, uint32_t from,
                      uint64_t now_ns);
/* Of a message that is not settled: how many duplicates each expected receiver has got. */
void messages_count_repeats(const struct message *m, struct histogram *repeats);
void messages_sweep(struct recorder *r, uint64_t now_ns); /* settles what is old */
void messages_settle_all(struct recorder *r);

/* tallies.c */
void tallies_control(struct recorder *r, uint32_t node, uint64_t now_ns,
                     const struct trace_event *e);
void tallies_loss(struct recorder *r, uint32_t node, uint64_t now_ns, const struct trace_event *e);
void tallies_flush(struct recorder *r, uint32_t node);
void tallies_deinit(struct node_record *n);

#endif
