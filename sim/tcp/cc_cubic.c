/* CUBIC (RFC 9438) with HyStart, with the constants and habits of Linux: C = 0.4, beta = 717/1024,
 * the window recomputed at most 32 times a second while it stands still, at least 5 % growth a
 * round trip before the first loss. Integers only: time in milliseconds, offsets clamped so
 * that the cubic fits into 64 bits. */
#include "sim/tcp/window.h"

#define BETA 717u /* of 1024 */
#define BETA_ONE 1024u
#define UPDATE_NS (NS_PER_S / 32)
#define OFFSET_MS_MAX 1000000u /* 1000 s: C * 10^9 segments, beyond any window */
/* Segments times 10^10: 4 * (ms)^3 is C * s^3. */
#define CUBE_SCALE 10000000000ull
#define CUBE_C 4u
#define GROWTH_COUNT_MAX 20u /* before the first loss: one segment per 20 acknowledged */
#define HYSTART_WINDOW_MIN 16u
#define HYSTART_SAMPLES 8u
#define HYSTART_ACK_GAP_NS (2 * NS_PER_MS)
#define HYSTART_DELAY_MIN_US 4000u
#define HYSTART_DELAY_MAX_US 16000u

void cubic_reset(struct cubic *c)
{
    *c = (struct cubic){.last_ns = TIME_NEVER, .epoch_ns = TIME_NEVER};
}

/* The largest r with r^3 <= x. */
static uint32_t cube_root(uint64_t x)
{
    uint64_t r = 0;

    for (int shift = 63; shift >= 0; shift -= 3) {
        uint64_t step;

        r *= 2;
        step = 3 * r * (r + 1) + 1; /* (r + 1)^3 - r^3 */
        if (x >> shift >= step) {
            x -= step << shift;
            r++;
        }
    }
    return (uint32_t)r;
}

static uint32_t cubic_ssthresh(const struct tcp_config *config, struct window *w)
{
    struct cubic *c = w->cubic;
    uint64_t cwnd = w->cwnd;

    c->epoch_ns = TIME_NEVER;
    if (w->cwnd < c->last_max && config->fast_convergence)
        c->last_max = (uint32_t)(cwnd * (BETA_ONE + BETA) / (2 * BETA_ONE));
    else
        c->last_max = w->cwnd;
    cwnd = cwnd * BETA / BETA_ONE;
    return cwnd > 2 ? (uint32_t)cwnd : 2;
}

static void begin_epoch(struct window *w, struct cubic *c, uint64_t now_ns, uint32_t acked)
{
    c->epoch_ns = now_ns;
    c->ack_count = acked;
    c->friendly_cwnd = w->cwnd;
    if (c->last_max <= w->cwnd) {
        c->k_ms = 0;
        c->origin = w->cwnd;
    } else {
        c->k_ms = cube_root((c->last_max - w->cwnd) * (CUBE_SCALE / CUBE_C));
        c->origin = c->last_max;
    }
}

static uint64_t cubic_target(const struct cubic *c, uint64_t now_ns)
{
    uint64_t at_ms =
        (now_ns - c->epoch_ns) / NS_PER_MS + c->delay_min_us / 1000; /* a round trip ahead */
    uint64_t offset = at_ms > c->k_ms ? at_ms - c->k_ms : c->k_ms - at_ms;
    uint64_t delta;

    if (offset > OFFSET_MS_MAX)
        offset = OFFSET_MS_MAX;
    delta = CUBE_C * offset * offset * offset / CUBE_SCALE;
    if (at_ms > c->k_ms)
        return c->origin + delta;
    return c->origin > delta ? c->origin - delta : 0;
}

/* At least what NewReno with CUBIC's beta would have: 3 (1 - beta) / (1 + beta) segments a round
 * trip. */
static void befriend(const struct window *w, struct cubic *c)
{
    uint64_t per_step = (uint64_t)w->cwnd * (BETA_ONE + BETA) / (3 * (BETA_ONE - BETA));

    if (per_step == 0)
        per_step = 1;
    c->friendly_cwnd += (uint32_t)(c->ack_count / per_step);
    c->ack_count = (uint32_t)(c->ack_count % per_step);
    if (c->friendly_cwnd > w->cwnd) {
        uint32_t most = w->cwnd / (c->friendly_cwnd - w->cwnd);

        if (c->ack_per_step > most)
            c->ack_per_step = most;
    }
}

static void cubic_update(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t acked)
{
    struct cubic *c = w->cubic;
    uint64_t target;

    c->ack_count += acked;
    if (c->last_ns != TIME_NEVER && c->last_cwnd == w->cwnd && now_ns - c->last_ns <= UPDATE_NS)
        return;
    c->last_cwnd = w->cwnd;
    c->last_ns = now_ns;
    if (c->epoch_ns == TIME_NEVER)
        begin_epoch(w, c, now_ns, acked);
    target = cubic_target(c, now_ns);
    c->ack_per_step = target > w->cwnd ? (uint32_t)(w->cwnd / (target - w->cwnd)) : 100 * w->cwnd;
    if (c->last_max == 0 && c->ack_per_step > GROWTH_COUNT_MAX)
        c->ack_per_step = GROWTH_COUNT_MAX;
    if (config->tcp_friendly)
        befriend(w, c);
    if (c->ack_per_step < 2)
        c->ack_per_step = 2; /* at most half a window a round trip */
}

static void cubic_avoid(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t acked)
{
    if (!window_is_limit(w))
        return;
    if (in_slow_start(w)) {
        acked = window_slow_start(w, acked);
        if (acked == 0)
            return;
    }
    cubic_update(config, w, now_ns, acked);
    window_avoid(w, w->cubic->ack_per_step, acked);
}

static uint32_t clamp(uint32_t low, uint32_t x, uint32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* Leaves slow start when a round's ACKs stretch over half a round trip, or its delays rose. */
static void hystart(struct window *w, struct cubic *c, uint64_t now_ns, uint32_t rtt_us)
{
    struct hystart *h = &c->round;

    if (!h->begun || w->una > h->end)
        *h = (struct hystart){.start_ns = now_ns,
                              .end = w->next,
                              .last_ack_ns = now_ns,
                              .rtt_us = RTT_NONE,
                              .begun = true};
    if (w->cwnd < HYSTART_WINDOW_MIN)
        return; /* too little to tell, but the rounds are counted */
    if (now_ns - h->last_ack_ns <= HYSTART_ACK_GAP_NS) {
        h->last_ack_ns = now_ns;
        if (now_ns - h->start_ns > (uint64_t)c->delay_min_us * NS_PER_US / 2)
            c->found = true;
    }
    if (rtt_us < h->rtt_us)
        h->rtt_us = rtt_us;
    if (h->samples < HYSTART_SAMPLES)
        h->samples++;
    else if (h->rtt_us > c->delay_min_us +
                             clamp(HYSTART_DELAY_MIN_US, c->delay_min_us / 8, HYSTART_DELAY_MAX_US))
        c->found = true;
    if (c->found)
        w->ssthresh = w->cwnd;
}

static void cubic_sample(const struct tcp_config *config, struct window *w, uint64_t now_ns, uint32_t rtt_us)
{
    struct cubic *c = w->cubic;

    if (!c || (c->epoch_ns != TIME_NEVER && now_ns - c->epoch_ns < NS_PER_S))
        return; /* just after a loss the queue is not what it was */
    if (c->delay_min_us == 0 || rtt_us < c->delay_min_us)
        c->delay_min_us = rtt_us;
    if (config->hystart && !c->found && in_slow_start(w))
        hystart(w, c, now_ns, rtt_us);
}

static void cubic_timed_out(struct window *w)
{
    struct hystart round;

    if (!w->cubic)
        return;
    round = w->cubic->round; /* what is on its way still is */
    cubic_reset(w->cubic);
    w->cubic->round = round;
}

/* Time that passed without sending is no time for the cubic. */
static void cubic_restarted(struct window *w, uint64_t now_ns, uint64_t idle_ns)
{
    struct cubic *c = w->cubic;

    if (!c || c->epoch_ns == TIME_NEVER)
        return;
    c->epoch_ns += idle_ns;
    if (c->epoch_ns > now_ns)
        c->epoch_ns = now_ns;
}

const struct tcp_cc tcp_cc_cubic = {cubic_ssthresh, cubic_avoid, cubic_sample, cubic_timed_out, cubic_restarted};
