/* How much of a stream may be on its way: the congestion window, the round trip, and at the far end the room for what
 * arrives. Both TCP models of sim/des work on these (`packet` through struct tcp, `flight` by itself), so that they cannot
 * differ in them. Windows count segments; times are integer nanoseconds, round trips microseconds as in the kernel. */
#ifndef SIM_TCP_WINDOW_H
#define SIM_TCP_WINDOW_H

#include "sim/tcp/tcp.h"

#define NS_PER_US 1000u
#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u
#define SSTHRESH_INFINITE UINT32_MAX
#define RTT_NONE UINT32_MAX
/* What Linux charges the send buffer for a full segment besides its payload. */
#define SEGMENT_OVERHEAD 856

/* HyStart's look at one round trip. */
struct hystart {
    uint64_t start_ns, end, last_ack_ns;
    uint32_t rtt_us; /* the least */
    uint8_t samples;
    bool begun;
};

struct cubic {
    uint32_t ack_per_step, last_max, last_cwnd, origin, k_ms, delay_min_us, ack_count, friendly_cwnd;
    uint64_t last_ns, epoch_ns; /* TIME_NEVER: no epoch */
    bool found;                 /* by HyStart */
    struct hystart round;       /* while something is on its way */
};

/* The sending side. */
struct window {
    uint64_t una, next;                                /* first byte not acknowledged, first not sent */
    uint64_t sent_ns;                                  /* when anything was sent */
    uint32_t cwnd, ssthresh;
    uint32_t count, used, out_max;                     /* towards the next segment; most out since stamp_ns, lately */
    uint32_t srtt_us, mdev_us, mdev_max_us, rttvar_us; /* srtt times 8, mdev times 4 */
    uint32_t min_rtt_us, min_rtt_last_us;              /* of this span of 150 s and of the one before */
    uint8_t phase, backoff;                            /* enum tcp_phase; doublings of the timeout */
    bool limited;                                      /* it, not the application, was the limit lately */
    uint64_t stamp_ns, usage_end, rtt_end, min_rtt_since_ns;
    struct cubic *cubic; /* the owner's; NULL: NewReno, or nothing known yet, and slow start without an end */
};

/* The owner sets una, next (to the first byte), sent_ns and stamp_ns once it is connected. */
void window_init(const struct tcp_config *config, struct window *w);
bool window_is_limit(const struct window *w); /* whether it may grow */
/* After sending: `out` segments are not acknowledged; limited: no more may go. `may_shrink`: the application is what limits,
 * and nothing is being recovered. */
void window_validate(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t out, bool limited,
                     bool may_shrink);
void window_check_idle(const struct tcp_config *config, struct window *w, uint64_t now_ns); /* nothing is out */
uint32_t window_current_ssthresh(const struct window *w);
uint32_t window_slow_start(struct window *w, uint32_t acked);    /* returns what is left of acked */
void window_avoid(struct window *w, uint32_t per, uint32_t acked); /* one segment more for `per` */
/* Proportional rate reduction (RFC 6937, as Linux does it): segments that may go now. */
struct reduction {
    uint32_t prior_cwnd, delivered, out; /* window before; since then: segments delivered, sent */
};
uint32_t window_reduce(struct window *w, struct reduction *r, uint32_t in_flight, uint32_t delivered, bool progress);
uint64_t window_send_buffer(const struct tcp_config *config, const struct window *w, uint32_t mss); /* that suits it */

static inline bool in_slow_start(const struct window *w)
{
    return w->cwnd < w->ssthresh;
}

/* Congestion control. */
struct tcp_cc {
    uint32_t (*ssthresh)(const struct tcp_config *config, struct window *w);
    void (*avoid)(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t acked); /* it may grow */
    void (*sample)(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t rtt_us); /* a delivery */
    void (*timed_out)(struct window *w);
    void (*restarted)(struct window *w, uint64_t now_ns, uint64_t idle_ns); /* the first segment after idle_ns */
};

extern const struct tcp_cc tcp_cc_cubic, tcp_cc_newreno;

static inline const struct tcp_cc *window_cc(const struct tcp_config *config)
{
    return config->congestion == TCP_CUBIC ? &tcp_cc_cubic : &tcp_cc_newreno;
}

void cubic_reset(struct cubic *c);

/* ---- rtt.c ---- */
void rtt_sample(const struct tcp_config *config, struct window *w, uint32_t rtt_us);
void rtt_update_min(struct window *w, uint64_t now_ns, uint32_t rtt_us);
uint32_t rtt_min_us(const struct window *w); /* RTT_NONE before the first */
uint32_t rtt_of(uint64_t from_ns, uint64_t to_ns);
uint64_t rtt_rto_ns(const struct tcp_config *config, const struct window *w);     /* without backoff */
uint64_t rtt_timeout_ns(const struct tcp_config *config, const struct window *w); /* with it */

/* ---- space.c: the room for what arrives, and how much of it is offered ---- */
struct space {
    uint32_t size;             /* payload bytes that may be held */
    uint32_t limit;            /* of what is offered; opens as segments come */
    uint32_t tune_size, rtt_us; /* read in the last round trip; the latter times 8 */
    uint64_t tune_seq, tune_ns;
    uint64_t early_size; /* from what came in order to the end of what came out of it */
};

void space_init(const struct tcp_config *config, struct space *s, uint32_t mss);
/* The window that could be offered now. `least`: bytes below which none is. */
uint64_t space_window(const struct space *s, uint64_t held, uint64_t least);
/* `size` bytes came in a segment; true when the window opened. */
bool space_open(struct space *s, uint64_t held, uint32_t mss, size_t size);
/* A round trip as the receiver sees it. A shorter one is believed at once (the window must not grow for a queue's sake); a
 * longer one moves the mean where `smooth`. */
void space_note_rtt(struct space *s, uint32_t sample_us, bool smooth);
/* The reader took everything up to `read_seq`. */
void space_tune(const struct tcp_config *config, struct space *s, uint64_t now_ns, uint32_t mss, uint64_t read_seq);

#endif
