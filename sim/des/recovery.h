/* Losses of a sender of the `flight` model: the holes that notices tell of, when a sender without notices would have found
 * them (RACK, tail loss probe, timeout), and the recovery from them. It exists while something is, or lately was, lost.
 * sender_lost and sender_ack_lost (sender.h) begin it. */
#ifndef SIM_DES_RECOVERY_H
#define SIM_DES_RECOVERY_H

#include "sim/des/outbox.h"

/* A lost segment. */
struct hole {
    uint64_t seq, sent_ns;
    uint32_t size;
    bool fin, resent;
    bool noticed; /* found lost: it waits to be sent again */
    struct chain bytes;
};

struct recovery {
    struct hole *holes; /* by seq: [first, first + count) */
    uint32_t first, count, capacity;
    uint32_t lost; /* noticed */
    struct reduction reduction;
    uint32_t rack_rtt_us;
    uint64_t rack_sent_ns, rack_end; /* the latest sent segment that arrived */
    uint64_t high_seq;               /* the phase ends when this is acknowledged */
    uint64_t probe_end;              /* 0: no tail probe is out */
    uint64_t timer_ns;               /* the timeout counts from here */
    uint64_t reorder_ns;             /* look for losses again then */
    uint64_t ack_lost_ns; /* an ACK or a probe of that time was lost; 0: none since the last one that came */
};

void recovery_free(struct outbox *o);
void recovery_release(struct sender *s);                 /* frees it once it is over */
void recovery_leave(struct sender *s, uint64_t now_ns);  /* ends the phase, if all that was sent before it is acknowledged */
/* ACKs while there is a recovery: `delivered` segments of the burst `copy` arrived, and `extra` ones of earlier bursts. */
void recovery_ack(struct sender *s, const struct sender_out *out, const struct sender_ack *a, const struct record *copy,
                  uint32_t delivered, uint32_t extra, bool advanced);
uint64_t recovery_deadline_ns(const struct sender *s, const struct tcp_config *config);
void recovery_timeout(struct sender *s, const struct sender_out *out); /* does what is due: detection, timeout, probe */

#endif
