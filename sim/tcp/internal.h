/* What the files of sim/tcp's endpoint share. One file, one noun: flight (segments on their way),
 * sack, rtt, loss (RACK), recovery, ack, receive, send; tcp.c holds the life cycle. */
#ifndef SIM_TCP_INTERNAL_H
#define SIM_TCP_INTERNAL_H

#include "sim/tcp/tcp.h"
#include "sim/tcp/window.h"

#define RECORD_NONE UINT32_MAX
#define TIMER_SLACK_NS (2 * NS_PER_MS) /* least time of a probe or reordering timer */

enum tcp_state {
    STATE_CLOSED,
    STATE_SYN_SENT,
    STATE_SYN_RECEIVED,
    STATE_ESTABLISHED,
    STATE_FIN_WAIT_1,
    STATE_FIN_WAIT_2,
    STATE_CLOSE_WAIT,
    STATE_CLOSING,
    STATE_LAST_ACK,
    STATE_DONE
};

/* The one timer of the sending side; Linux has one too. */
enum tcp_timer {
    TIMER_NONE,
    TIMER_HANDSHAKE,
    TIMER_RTO,
    TIMER_PROBE_TAIL,
    TIMER_REORDER,
    TIMER_PROBE_WINDOW,
    TIMER_FIN
};

enum record_flag {
    RECORD_SACKED = 1,
    RECORD_LOST = 2,
    RECORD_RESENT = 4, /* the latest transmission is a retransmission and still on its way */
    RECORD_EVER_RESENT = 8,
    RECORD_FIN = 16
};

/* One segment on its way. */
struct record {
    uint64_t seq, sent_ns; /* latest transmission */
    uint32_t older, newer; /* numbers of the records sent before and after it; only while it may be
                              found lost */
    uint32_t size;         /* in sequence space */
    uint8_t flags;
};

struct range {
    uint64_t start, end;
};

/* What exists only while segments are on their way: the scoreboard. Records are numbered in
 * sequence order; number n is at place n % capacity. */
struct flight {
    uint32_t first, count, capacity;
    uint32_t oldest, newest;       /* by time of transmission */
    uint32_t sacked, lost, resent; /* records with that flag */
    uint32_t resend_hint;          /* no record before it waits to be sent again */
    int32_t undo_resent;           /* retransmissions that were not shown to be unnecessary */
    uint32_t prior_ssthresh;
    struct reduction reduction;
    uint32_t rack_rtt_us;
    uint64_t rack_sent_ns, rack_end; /* the latest sent segment that was delivered */
    uint64_t highest_sacked;         /* start of the highest SACKed record */
    uint64_t high_seq;               /* the phase ends when this is acknowledged */
    uint64_t undo_marker;            /* 0: nothing to undo */
    uint64_t resent_first_ns;        /* of this phase; TIME_NEVER: none */
    uint64_t tail_probe_end;         /* 0: no probe out */
    bool tail_probe_resent, rack_advanced;
    bool frto, frto_new; /* a timeout is being judged; new data goes before old */
    struct range sack_seen[TCP_SACKS_MAX];
    struct record *records;
};

/* Bytes that came out of order: disjoint, not adjacent, rising. */
struct island {
    uint64_t start;
    struct chain bytes;
};

struct early {
    uint32_t count, capacity, sack_count;
    uint64_t size;                     /* bytes in all islands */
    struct range sacks[TCP_SACKS_MAX]; /* most recent first */
    struct range duplicate;            /* to be reported once; empty when start == end */
    bool fin;
    uint64_t fin_seq;
    struct island *islands;
};

struct tcp {
    const struct tcp_config *config;
    uint8_t state, timer, events;
    int8_t error;
    bool deaf : 1, fin_queued : 1, fin_sent : 1, fin_received : 1, wants_room : 1, crowded : 1, rst_pending : 1,
        syn_pending : 1;
    bool sack_ok : 1, timestamps_ok : 1;
    bool ack_now : 1, ack_later : 1, ack_pushed : 1, ack_pushed_again : 1,
        pingpong : 1; /* acknowledging */
    bool sent_something : 1, probe_window : 1, reordering_seen : 1;
    bool room_due : 1;  /* an ACK came: the application may write, once what can be sent is */
    bool force_new : 1; /* a new segment is to be sent now whatever the congestion window */
    uint8_t retries, quick_acks;
    uint16_t receive_mss; /* the size of segments the far side sends, as far as seen */
    uint32_t mss;
    /* sending */
    uint32_t max_window, send_buffer;
    struct window w;
    uint64_t end, window_end; /* end: after the last byte written, without FIN */
    uint32_t cursor_index;               /* the span of `queue` that holds byte `next` ... */
    uint64_t cursor_start;               /* ... and the sequence number of its first byte */
    struct chain queue;                  /* from una on */
    struct flight *flight;               /* NULL while nothing is on its way */
    uint32_t reordering;
    uint32_t force_resend; /* record to send again now whatever the window; RECORD_NONE */
    uint64_t timer_ns;
    /* receiving */
    uint64_t received, acked,
        offered_end; /* next expected; last acknowledged; right edge of the window */
    uint64_t ack_deadline_ns, received_ns;
    uint32_t ack_wait_us;
    uint64_t echo_ns;
    struct chain inbox;
    struct early *early;
    struct space space;
    uint64_t receive_echo_ns, receive_rtt_seq, receive_rtt_ns;
    struct cubic cubic;
    struct {
        uint32_t sent, resent, timeouts, probes, undone;
    } counts;
};

/* What an arriving ACK tells. */
struct ack_news {
    uint32_t delivered, lost; /* records */
    bool advanced, sacked, resent_acked, original_delivered, duplicate_reported, duplicate_ack;
    uint64_t first_sent_ns,
        last_sent_ns; /* of acknowledged records never resent; TIME_NEVER: none */
    uint64_t first_sack_ns, last_sack_ns;
    uint64_t prior_una;
    uint32_t prior_in_flight;
};

/* ---- flight.c ---- */
struct flight *flight_get(struct tcp *t); /* makes it when there is none */
void flight_release(struct tcp *t);       /* drops it when nothing is left to know */
void flight_free(struct flight *f);
uint32_t flight_push(struct flight *f, uint64_t seq, uint32_t size,
                     uint64_t now_ns); /* its number */
void flight_pop(struct flight *f);     /* drops the first record */
uint32_t flight_find(const struct flight *f,
                     uint64_t seq); /* index of the first record that ends after seq */
void flight_unlink(struct flight *f, uint32_t number); /* from the list by time */
void flight_link_newest(struct flight *f, uint32_t number);

static inline struct record *flight_record(const struct flight *f, uint32_t number)
{
    return &f->records[number & (f->capacity - 1)];
}

static inline bool record_linked(const struct flight *f, uint32_t number)
{
    const struct record *r = flight_record(f, number);

    return r->older != RECORD_NONE || f->oldest == number;
}

static inline uint32_t flight_in_flight(const struct flight *f)
{
    return f ? f->count - f->sacked - f->lost + f->resent : 0;
}

/* ---- sack.c ---- */
void sack_apply(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s, struct ack_news *news);
void sack_clean(struct tcp *t, uint64_t now_ns, uint64_t ack,
                struct ack_news *news); /* acknowledged records */

/* ---- loss.c ---- */
void loss_rack_advance(struct tcp *t, uint64_t now_ns, const struct record *r);
void loss_mark(struct flight *f, uint32_t number);
void loss_detect(struct tcp *t, uint64_t now_ns, struct ack_news *news);
int64_t loss_time_left_ns(const struct tcp *t, const struct record *r, uint64_t reorder_ns,
                          uint64_t now_ns);

/* ---- recovery.c ---- */
void recovery_alert(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s,
                    struct ack_news *news);
void recovery_reduce(struct tcp *t, const struct ack_news *news); /* PRR */
void recovery_enter(struct tcp *t, uint64_t now_ns);
void recovery_enter_loss(struct tcp *t, uint64_t now_ns);
void recovery_tail_probe_acked(struct tcp *t, const struct tcp_segment *s,
                               const struct ack_news *news);

/* ---- timer.c ---- */
void timer_set(struct tcp *t, enum tcp_timer kind, uint64_t deadline_ns);
void timer_rearm_rto(struct tcp *t, uint64_t now_ns);
bool timer_schedule_tail_probe(struct tcp *t, uint64_t now_ns, bool from_now);

/* ---- ack.c ---- */
void ack_process(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s);

/* ---- receive.c ---- */
void receive_data(struct tcp *t, uint64_t now_ns, struct tcp_segment *s);
uint64_t receive_window(struct tcp *t,
                        uint64_t now_ns); /* chooses what to offer in a segment sent now */
void receive_start(struct tcp *t);
void receive_ack_sent(struct tcp *t);
void receive_data_sent(struct tcp *t, uint64_t now_ns);
void receive_was_read(struct tcp *t, uint64_t now_ns, size_t size);
void early_free(struct early *e);
void receive_put_sacks(struct tcp *t, struct tcp_segment *s);

/* ---- send.c ---- */
/* Bytes that may be queued before the socket counts as writable. */
uint64_t send_comfort(const struct tcp *t);
/* Bytes of the next new segment; 0: the far side's window has no room for it. */
uint32_t send_new_size(const struct tcp *t);
bool send_next(struct tcp *t, uint64_t now_ns, struct tcp_segment *s);
void send_fill_header(struct tcp *t, uint64_t now_ns, struct tcp_segment *s, uint64_t seq,
                      uint8_t flags);

/* ---- tcp.c ---- */
void tcp_fail(struct tcp *t, int err);
void tcp_established(struct tcp *t, uint64_t now_ns);

#endif
