/* What a busy sender of the `flight` model holds: records of the bursts that are on their way, bytes that are not sent yet,
 * and what is known of losses (recovery.h). The insides of sender.h: for sender.c, outbox.c and recovery.c. */
#ifndef SIM_DES_OUTBOX_H
#define SIM_DES_OUTBOX_H

#include "sim/des/sender.h"

#define PROBE_SLACK_NS (2 * NS_PER_MS) /* as sim/tcp: least time of a probe or reordering timer */
#define RECORDS_FEW 2u                 /* a power of two */

struct recovery;

/* A burst that was sent and not acknowledged as a whole. */
struct record {
    uint64_t end;       /* of its bytes; its start is the end of the one before */
    uint64_t sent_ns;   /* its last segment */
    uint64_t due_ns;    /* taken as acknowledged then; TIME_NEVER: it asked */
    uint32_t slack_ns;  /* of due_ns, which is no part of the usual round trip */
    uint32_t spread_ns; /* its first segment was sent so much earlier */
    uint16_t segments;
    uint16_t left, resent; /* not known to have arrived, nor found lost: of the first transmission, of later ones */
    uint16_t sacked;       /* arrived, as far as told */
};

struct outbox { /* the hot part comes first, and with it the records of few bursts */
    struct record *records; /* [first, first + count) modulo capacity, a power of two */
    uint32_t first, count, capacity;
    uint32_t out, pipe, sacked; /* segments */
    uint64_t acked_ns;          /* w.una advanced */
    uint64_t at_ns;             /* while the ACKs of a burst are gone through: the time of the present one, ... */
    uint32_t arriving;          /* ... and segments whose ACK follows */
    uint32_t ramp;              /* how long the next burst may be */
    struct record few[RECORDS_FEW];
    struct recovery *recovery; /* NULL: nothing was lost lately */
    struct chain unsent;
    uint32_t open_size;        /* of the last record: decided, still in `unsent` */
    uint16_t open_segments;
    bool open_fin;
    uint64_t open_first_ns;
    uint64_t alarm_ns; /* the owner's */
};

_Static_assert(sizeof(struct outbox) <= 192, "what a sender costs while it is busy");

static inline struct record *record_at(const struct outbox *o, uint32_t index)
{
    return &o->records[(o->first + index) & (o->capacity - 1)];
}

/* The time of what is being done; it never goes back. */
static inline uint64_t time_of(const struct outbox *o, const struct sender_out *out)
{
    return o->at_ns ? o->at_ns : out->now_ns;
}

static inline bool window_full(const struct sender *s)
{
    return s->box->pipe + s->box->arriving >= s->w.cwnd;
}

/* How many ACKs say that so many segments arrived. */
static inline uint32_t ack_packets(const struct sender_ack *a, uint32_t segments)
{
    return a->packets == 0 ? 1 : a->packets < segments ? a->packets : segments ? segments : 1;
}

struct outbox *outbox_get(struct sender *s); /* of a sender that has none: a new one, which sender.c frees */
void outbox_grow(struct outbox *o);          /* room for twice as many records */
/* The record that holds byte seq, which lies in [una, next). */
struct record *outbox_find(const struct outbox *o, uint64_t seq);
void outbox_use_cubic(struct sender *s, const struct tcp_config *config); /* gives congestion control its memory, if it is CUBIC */

/* Payload of the next new segment, 0: there is none, or the far side has no room. */
uint32_t outbox_next_size(const struct sender *s, const struct tcp_config *config);
void outbox_add(struct sender *s, const struct sender_out *out, uint32_t size); /* one more segment, into the open record */
void outbox_close_burst(struct sender *s, const struct sender_out *out);        /* sends the bytes of the open record */
void outbox_send(struct sender *s, const struct sender_out *out); /* fills the windows; the last burst may stay open */

#endif
