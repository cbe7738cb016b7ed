/* The sending end of a connection of the `flight` model, as a pure machine: bytes, ACKs, notices of losses and time in; bursts
 * of segments and the next deadline out.
 *
 * It has the states of sim/tcp, and shares its windows, but counts in bursts. Of what is on its way it keeps a record a
 * burst and no bytes: those of lost segments come back (sender_lost), and it acts on them when an endpoint without
 * that knowledge would have noticed. A burst that is small for the window asks for no ACK: it is taken as acknowledged
 * when it should be, whenever the machine next looks. */
#ifndef SIM_DES_SENDER_H
#define SIM_DES_SENDER_H

#include "sim/tcp/window.h"

struct outbox; /* what exists only while there is something to send, or on its way */

struct sender {
    uint32_t heard_ms; /* when the far side was last heard of, rounded down */
    uint8_t burst_max; /* segments that may leave as one */
    uint8_t retries;   /* timeouts in a row */
    bool finishing : 1, finished : 1; /* FIN: wanted, sent */
    bool failed : 1;                  /* gave up: ERR_TIMEOUT */
    bool wants_room : 1; /* sender_write took less than all */
    bool crowded : 1;    /* or left little room: the buffer may grow */
    struct outbox *box;
    uint32_t receive_window; /* bytes that may follow w.una */
    uint32_t send_buffer;
    struct window w;
};

struct burst {
    uint64_t seq, sent_ns, spread_ns; /* the last segment goes at sent_ns, the first so much earlier */
    uint32_t size, segments;
    bool fin, resent, probe, asks;
};

/* When a burst that asks for no ACK would be acknowledged if all goes well, at the latest; a usual one is back slack_ns earlier. */
struct expectation {
    uint64_t due_ns, slack_ns;
};

/* The owner's part: puts a burst on its way. What it loses at once it may tell by sender_lost before it returns. Takes the
 * bytes. */
struct sender_out {
    struct expectation (*emit)(void *ctx, const struct burst *b, struct chain *bytes);
    void *ctx;
    const struct tcp_config *config;
    uint64_t now_ns;
};

struct sender_ack {
    uint64_t ack;       /* all before arrived */
    uint32_t window;    /* bytes that may follow ack */
    uint64_t seq;       /* of a burst, or of a part of one, ... */
    uint32_t delivered; /* ... of which so many segments arrived */
    uint32_t packets;   /* as so many ACKs say, which came ... */
    uint64_t spread_ns; /* ... during the last spread_ns */
    uint64_t at_ns;     /* the last of them; not later than now, somewhat earlier where several came as one event */
    uint64_t said_ns;   /* they were sent then */
    uint64_t sent_ns;   /* of the burst */
    bool resent;
    /* the machine's, while it goes through them */
    uint64_t una, burst_spread_ns;
    uint32_t segments, done;
};

void sender_init(struct sender *s, const struct tcp_config *config, uint64_t now_ns);
void sender_deinit(struct sender *s);
/* Moves bytes as long as the buffer has room, sends what the windows allow; how many were taken. */
size_t sender_write(struct sender *s, const struct sender_out *out, struct chain *bytes);
void sender_finish(struct sender *s, const struct sender_out *out); /* FIN after what was written */
/* sender_ack, then sender_ack_next until it returns false. Where it returns true the application has room at the time of that
 * ACK: the owner asks sender_writable, and may let it write. */
void sender_ack(struct sender *s, const struct sender_out *out, struct sender_ack *a);
bool sender_ack_next(struct sender *s, const struct sender_out *out, struct sender_ack *a);
/* A segment was lost on its way; takes its bytes. */
void sender_lost(struct sender *s, const struct tcp_config *config, uint64_t seq, uint32_t size, bool fin, bool resent,
                 uint64_t sent_ns, struct chain *bytes);
void sender_ack_lost(struct sender *s, uint64_t said_ns); /* an ACK, or a probe, that was sent then did not arrive */
void sender_timeout(struct sender *s, const struct sender_out *out);
uint64_t sender_deadline_ns(const struct sender *s, const struct tcp_config *config); /* TIME_NEVER: none */
uint64_t *sender_alarm_ns(struct sender *s); /* the owner's to remember when it will look at the deadline; at first TIME_NEVER */
/* There is room after a write that took less than all; clears it. */
bool sender_writable(struct sender *s);
/* When the far side was last heard of, as far as known: the owner says so whenever anything comes (sender_heard). */
uint64_t sender_heard_ns(const struct sender *s);
bool sender_done(const struct sender *s); /* everything, FIN included, is acknowledged */
/* Gives back what only a busy sender needs, when it is not; false when it is. */
bool sender_rest(struct sender *s, const struct sender_out *out);

static inline void sender_heard(struct sender *s, uint64_t now_ns)
{
    s->heard_ms = (uint32_t)(now_ns / NS_PER_MS);
}

void sender_expect(const struct sender *s, unsigned step); /* a hint: it will send; step 0, and a moment later step 1 */

/* For tests. */
struct sender_info {
    uint32_t out, pipe, sacked, lost; /* segments: not acknowledged; on their way; beyond a hole; waiting to be sent again */
    uint64_t unsent;
};
struct sender_info sender_info(const struct sender *s);
size_t sender_memory(const struct sender *s); /* allocated, without message bytes */

#endif
