/* The life of an endpoint: opening, closing, time, and what the owner asks of it. */
#include "sim/tcp/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define HEADERS_SIZE 40 /* IPv4 and TCP */
#define OPTION_TIMESTAMP_SIZE 12
#define OPTIONS_SYN_SIZE 8 /* what a SYN carries besides a timestamp */

struct tcp_config tcp_config_default(void)
{
    return (struct tcp_config){.congestion = TCP_CUBIC,
                               .mss = 1448,
                               .initial_window = 10,
                               .idle_restart = true,
                               .hystart = true,
                               .fast_convergence = true,
                               .tcp_friendly = true,
                               .sack = true,
                               .timestamps = true,
                               .rack = true,
                               .prr = true,
                               .tlp = true,
                               .dupthresh = 3,
                               .delayed_ack = true,
                               .delayed_ack_ns = 40ull * NS_PER_MS,
                               .quick_acks = 16,
                               .send_buffer_initial = 16 * 1024,
                               .send_buffer_max = 4u << 20,
                               .receive_buffer_initial = 128 * 1024,
                               .receive_buffer_max = 6u << 20,
                               .rto_initial_ns = NS_PER_S,
                               .rto_min_ns = 200ull * NS_PER_MS,
                               .rto_max_ns = 120ull * NS_PER_S,
                               .syn_retries = 6,
                               .retries = 15,
                               .fin_timeout_ns = 60ull * NS_PER_S};
}

const char *tcp_config_problem(const struct tcp_config *c)
{
    if (c->mss < 64 || c->mss > 65000)
        return "mss: 64 to 65000 bytes";
    if (c->initial_window < 1 || c->initial_window > 1000)
        return "initial_window: 1 to 1000 segments";
    if (c->dupthresh < 1 || c->dupthresh > 300)
        return "dupthresh: 1 to 300";
    if (c->quick_acks > 255)
        return "quick_acks: at most 255";
    if (c->rto_min_ns < NS_PER_MS || c->rto_min_ns > c->rto_max_ns ||
        c->rto_max_ns > 3600ull * NS_PER_S)
        return "rto_min must be at least 1 ms, and at most rto_max";
    if (c->rto_initial_ns < c->rto_min_ns || c->rto_initial_ns > c->rto_max_ns)
        return "rto_initial must lie between rto_min and rto_max";
    if (c->syn_retries > 30 || c->retries > 30)
        return "retries: at most 30";
    if (c->delayed_ack && (c->delayed_ack_ns == 0 || c->delayed_ack_ns > NS_PER_S))
        return "delayed_ack: above 0, at most 1 s";
    if ((c->send_buffer && c->send_buffer < c->mss) || c->send_buffer_max < c->mss ||
        c->send_buffer_initial == 0)
        return "send_buffer: at least a segment";
    if ((c->receive_buffer && c->receive_buffer < 4ull * c->mss) ||
        c->receive_buffer_max < 4ull * c->mss || c->receive_buffer_initial < 4ull * c->mss)
        return "receive_buffer: at least four segments";
    if (c->receive_buffer > 1u << 30 || c->receive_buffer_max > 1u << 30 ||
        c->send_buffer > 1u << 30 || c->send_buffer_max > 1u << 30)
        return "buffers: at most 1 GiB";
    return NULL;
}

uint32_t tcp_segment_size(const struct tcp_segment *s)
{
    uint32_t size = HEADERS_SIZE + (uint32_t)s->bytes.size;

    if (s->flags & TCP_TIMESTAMP)
        size += OPTION_TIMESTAMP_SIZE;
    if (s->flags & TCP_SYN)
        size += OPTIONS_SYN_SIZE;
    if (s->sack_count)
        size += 4 + 8u * s->sack_count;
    return size;
}

void tcp_segment_free(struct tcp_segment *s)
{
    chain_deinit(&s->bytes);
}

bool tcp_segment_refuse(const struct tcp_segment *to, struct tcp_segment *answer)
{
    uint64_t length = to->bytes.size + (to->flags & (TCP_SYN | TCP_FIN) ? 1 : 0);

    *answer = (struct tcp_segment){.echo_ns = TIME_NEVER, .ack = to->seq + length, .window = to->window};
    if ((to->flags & TCP_RST) || (length == 0 && !(to->flags & TCP_ACK)))
        return false;
    if (length == 0)
        return false; /* a late ACK: nobody waits for an answer */
    answer->seq = to->flags & TCP_ACK ? to->ack : 0;
    answer->flags = to->flags & TCP_FIN ? TCP_ACK : TCP_RST | TCP_ACK;
    return true;
}

static void use_options(struct tcp *t, const struct tcp_segment *syn)
{
    t->sack_ok = t->config->sack && (syn->flags & TCP_SACK_PERMITTED);
    t->timestamps_ok = t->config->timestamps && (syn->flags & TCP_TIMESTAMP);
    if (syn->mss && syn->mss < t->mss)
        t->mss = syn->mss;
    t->received = t->acked = syn->seq + 1;
    t->space.tune_seq = t->received;
    t->echo_ns = syn->sent_ns;
    t->window_end = syn->ack + syn->window;
    t->max_window = syn->window;
}

struct tcp *tcp_new(const struct tcp_config *config)
{
    struct tcp *t = mem_zalloc(sizeof *t);

    CHECK(tcp_config_problem(config) == NULL);
    t->config = config;
    t->state = STATE_CLOSED;
    t->mss = config->mss;
    t->timestamps_ok = config->timestamps;
    window_init(config, &t->w);
    t->w.cubic = &t->cubic;
    t->reordering = config->dupthresh;
    t->force_resend = RECORD_NONE;
    t->timer_ns = t->ack_deadline_ns = t->echo_ns = t->receive_echo_ns = TIME_NEVER;
    t->send_buffer =
        (uint32_t)(config->send_buffer ? config->send_buffer : config->send_buffer_initial);
    t->end = 1;
    return t;
}

void tcp_free(struct tcp *t)
{
    if (!t)
        return;
    chain_deinit(&t->queue);
    chain_deinit(&t->inbox);
    flight_free(t->flight);
    early_free(t->early);
    mem_free(t);
}

static void start_handshake(struct tcp *t, uint64_t now_ns, enum tcp_state state)
{
    t->state = (uint8_t)state;
    t->syn_pending = true;
    t->w.sent_ns = t->w.min_rtt_since_ns = now_ns;
    receive_start(t);
    timer_set(t, TIMER_HANDSHAKE, now_ns + t->config->rto_initial_ns);
}

void tcp_connect(struct tcp *t, uint64_t now_ns)
{
    CHECK(t->state == STATE_CLOSED && t->error == 0);
    start_handshake(t, now_ns, STATE_SYN_SENT);
}

void tcp_accept(struct tcp *t, uint64_t now_ns, const struct tcp_segment *syn)
{
    CHECK(t->state == STATE_CLOSED && (syn->flags & TCP_SYN));
    use_options(t, syn);
    start_handshake(t, now_ns, STATE_SYN_RECEIVED);
}

/* The handshake is through: una and next are 1. */
void tcp_established(struct tcp *t, uint64_t now_ns)
{
    uint64_t first;

    CHECK(t->w.una == 1 && t->w.next == 1);
    if (t->retries > 1)
        t->w.cwnd = 1; /* the path is bad: begin with care */
    t->retries = t->w.backoff = 0;
    t->state = STATE_ESTABLISHED;
    timer_set(t, TIMER_NONE, 0);
    cubic_reset(&t->cubic);
    t->w.sent_ns = t->w.stamp_ns = t->space.tune_ns = t->received_ns = now_ns;
    t->w.usage_end = t->w.next;
    t->cursor_start = 1;
    t->events |= TCP_CONNECTED;
    first = window_send_buffer(t->config, &t->w, t->mss);
    if (t->config->send_buffer == 0 && first > t->send_buffer)
        t->send_buffer = (uint32_t)first;
}

static void drop_everything(struct tcp *t)
{
    chain_deinit(&t->queue);
    flight_free(t->flight);
    t->flight = NULL;
    early_free(t->early);
    t->early = NULL;
    t->force_resend = RECORD_NONE;
    t->ack_later = false;
    t->ack_deadline_ns = TIME_NEVER;
    timer_set(t, TIMER_NONE, 0);
}

void tcp_fail(struct tcp *t, int err)
{
    t->state = STATE_DONE;
    t->error = (int8_t)err;
    t->events |= TCP_FAILED;
    t->ack_now = t->syn_pending = false;
    drop_everything(t);
}

static void be_done(struct tcp *t)
{
    t->state = STATE_DONE;
    t->events |= TCP_DONE;
    drop_everything(t);
}

size_t tcp_write(struct tcp *t, uint64_t now_ns, struct chain *bytes)
{
    uint64_t room = t->queue.size < t->send_buffer ? t->send_buffer - t->queue.size : 0;
    size_t size = bytes->size < room ? bytes->size : (size_t)room;

    (void)now_ns;
    if ((t->state != STATE_ESTABLISHED && t->state != STATE_CLOSE_WAIT) || t->fin_queued)
        return 0;
    if (size < bytes->size)
        t->wants_room = true;
    if (size == 0)
        return 0;
    if (t->queue.count == 0) {
        t->cursor_index = 0;
        t->cursor_start = t->w.una;
    }
    if (size == bytes->size)
        chain_move_all(&t->queue, bytes);
    else
        chain_move(&t->queue, bytes, size);
    t->end += size;
    t->crowded |= t->queue.size > send_comfort(t);
    return size;
}

size_t tcp_read(struct tcp *t, uint64_t now_ns, struct chain *out)
{
    size_t size = t->inbox.size;

    chain_move_all(out, &t->inbox);
    if (t->state != STATE_DONE)
        receive_was_read(t, now_ns, size);
    return size;
}

void tcp_finish(struct tcp *t, uint64_t now_ns, bool deaf)
{
    (void)now_ns;
    if (deaf) {
        t->deaf = true;
        chain_deinit(&t->inbox);
    }
    if (t->fin_queued || t->state == STATE_DONE)
        return;
    if (t->state == STATE_CLOSED || t->state == STATE_SYN_SENT) {
        be_done(t); /* nothing was promised to anyone */
        return;
    }
    t->fin_queued = true;
    if (t->state == STATE_ESTABLISHED)
        t->state = STATE_FIN_WAIT_1;
    else if (t->state == STATE_CLOSE_WAIT)
        t->state = STATE_LAST_ACK;
}

void tcp_abort(struct tcp *t, uint64_t now_ns)
{
    (void)now_ns;
    if (t->state == STATE_DONE)
        return;
    t->rst_pending = t->state != STATE_CLOSED && t->state != STATE_SYN_SENT;
    be_done(t);
    chain_deinit(&t->inbox);
}

/* ---- segments in ---- */

static void input_reset(struct tcp *t, const struct tcp_segment *s)
{
    if (t->state == STATE_SYN_SENT) {
        if (s->flags & TCP_ACK && s->ack == 1)
            tcp_fail(t, ERR_REFUSED);
    } else if (t->state != STATE_DONE) {
        tcp_fail(t, ERR_RESET);
    }
}

static void measure_handshake(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    uint32_t rtt_us;

    if (t->timestamps_ok && s->echo_ns != TIME_NEVER)
        rtt_us = rtt_of(s->echo_ns, now_ns);
    else if (t->retries == 0)
        rtt_us = rtt_of(t->w.sent_ns, now_ns);
    else
        return;
    rtt_update_min(&t->w, now_ns, rtt_us);
    rtt_sample(t->config, &t->w, rtt_us);
}

static void input_syn_sent(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    if (!(s->flags & TCP_SYN) || ((s->flags & TCP_ACK) && s->ack != 1))
        return;
    use_options(t, s);
    if (!(s->flags & TCP_ACK)) { /* both sides opened at the same time */
        t->state = STATE_SYN_RECEIVED;
        t->syn_pending = true;
        return;
    }
    measure_handshake(t, now_ns, s);
    t->w.una = t->w.next = 1;
    tcp_established(t, now_ns);
    t->ack_now = true;
}

static void input_syn_received(struct tcp *t, uint64_t now_ns, const struct tcp_segment *s)
{
    bool finishing = t->fin_queued;

    if ((s->flags & TCP_SYN) && !(s->flags & TCP_ACK)) {
        t->syn_pending = true;
        return;
    }
    if (!(s->flags & TCP_ACK) || s->ack != 1)
        return;
    measure_handshake(t, now_ns, s);
    t->w.una = t->w.next = 1;
    t->window_end = s->ack + s->window;
    t->max_window = s->window;
    tcp_established(t, now_ns);
    if (finishing)
        t->state = STATE_FIN_WAIT_1;
}

static void our_fin_acknowledged(struct tcp *t, uint64_t now_ns)
{
    if (t->state == STATE_FIN_WAIT_1) {
        t->state = STATE_FIN_WAIT_2;
        if (t->deaf)
            timer_set(t, TIMER_FIN, now_ns + t->config->fin_timeout_ns);
    } else if (t->state == STATE_CLOSING || t->state == STATE_LAST_ACK) {
        be_done(t);
    }
}

static void their_fin_arrived(struct tcp *t)
{
    if (t->state == STATE_ESTABLISHED)
        t->state = STATE_CLOSE_WAIT;
    else if (t->state == STATE_FIN_WAIT_1)
        t->state = STATE_CLOSING;
    else if (t->state == STATE_FIN_WAIT_2)
        be_done(t);
}

static void input_open(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    bool had_fin = t->fin_received;

    if (s->flags & TCP_SYN) {
        t->ack_now = true; /* our last word of the handshake was lost */
        return;
    }
    /* RFC 7323: echo the time of the segment that the next ACK answers. */
    if (t->timestamps_ok && s->seq <= t->acked &&
        (t->echo_ns == TIME_NEVER || s->sent_ns > t->echo_ns))
        t->echo_ns = s->sent_ns;
    if (s->flags & TCP_ACK)
        ack_process(t, now_ns, s);
    receive_data(t, now_ns, s);
    if (t->fin_sent && t->w.una == t->end + 1)
        our_fin_acknowledged(t, now_ns);
    if (t->fin_received && !had_fin)
        their_fin_arrived(t);
}

void tcp_input(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    if (s->flags & TCP_RST) {
        input_reset(t, s);
    } else {
        if (t->state == STATE_SYN_RECEIVED)
            input_syn_received(t, now_ns, s);
        switch ((enum tcp_state)t->state) {
        case STATE_SYN_SENT:
            input_syn_sent(t, now_ns, s);
            break;
        case STATE_ESTABLISHED:
        case STATE_FIN_WAIT_1:
        case STATE_FIN_WAIT_2:
        case STATE_CLOSE_WAIT:
        case STATE_CLOSING:
        case STATE_LAST_ACK:
            input_open(t, now_ns, s);
            break;
        case STATE_CLOSED:
        case STATE_SYN_RECEIVED:
        case STATE_DONE:
            break;
        }
    }
    tcp_segment_free(s);
}

/* ---- segments out ---- */

static void output_syn(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    bool second = t->state == STATE_SYN_RECEIVED;

    send_fill_header(t, now_ns, s, 0, (uint8_t)(second ? TCP_SYN | TCP_ACK : TCP_SYN));
    if (!second)
        s->ack = 0;
    s->mss = (uint16_t)t->config->mss;
    if (second ? t->sack_ok : t->config->sack)
        s->flags |= TCP_SACK_PERMITTED;
    s->window = (uint32_t)t->space.limit; /* not scaled yet */
    t->offered_end = t->received + s->window;
    if (!second)
        t->offered_end = 1 + s->window;
    t->syn_pending = false;
}

bool tcp_output(struct tcp *t, uint64_t now_ns, struct tcp_segment *s)
{
    if (t->rst_pending) {
        t->rst_pending = false;
        *s = (struct tcp_segment){
            .seq = t->w.next, .ack = t->received, .flags = TCP_RST | TCP_ACK, .echo_ns = TIME_NEVER};
        return true;
    }
    if (t->syn_pending) {
        output_syn(t, now_ns, s);
        return true;
    }
    if (send_next(t, now_ns, s))
        return true;
    if (t->probe_window) {
        t->probe_window = false;
        send_fill_header(t, now_ns, s, t->w.una - 1, TCP_ACK);
        return true;
    }
    if (t->ack_now) {
        send_fill_header(t, now_ns, s, t->w.next, TCP_ACK);
        return true;
    }
    return false;
}

/* ---- time ---- */

static void handshake_timeout(struct tcp *t, uint64_t now_ns)
{
    if (t->retries >= t->config->syn_retries) {
        tcp_fail(t, ERR_TIMEOUT);
        return;
    }
    t->retries++;
    t->w.backoff++;
    t->syn_pending = true;
    t->counts.timeouts++;
    timer_set(t, TIMER_HANDSHAKE, now_ns + rtt_timeout_ns(t->config, &t->w));
}

static void raise_backoff(struct tcp *t)
{
    if (t->w.backoff < 31)
        t->w.backoff++;
}

static void rto_timeout(struct tcp *t, uint64_t now_ns)
{
    CHECK(t->flight && t->flight->count);
    if (t->retries >= t->config->retries) {
        tcp_fail(t, ERR_TIMEOUT);
        return;
    }
    recovery_enter_loss(t, now_ns);
    t->force_resend = t->flight->first;
    t->retries++;
    raise_backoff(t);
    t->counts.timeouts++;
    timer_set(t, TIMER_RTO, now_ns + rtt_timeout_ns(t->config, &t->w));
}

/* Something new if there is, else the last segment again: its answer shows what is missing. */
static void tail_probe_timeout(struct tcp *t, uint64_t now_ns)
{
    struct flight *f = t->flight;

    CHECK(f && f->count);
    timer_set(t, TIMER_NONE, 0);
    if (f->tail_probe_end == 0) {
        uint32_t last = f->first + f->count - 1;

        if (t->w.next < t->end && t->w.next + t->mss <= t->window_end) {
            t->force_new = true;
            f->tail_probe_resent = false;
            f->tail_probe_end = t->end - t->w.next < t->mss ? t->end : t->w.next + t->mss;
            t->counts.probes++;
        } else if (!(flight_record(f, last)->flags & (RECORD_LOST | RECORD_SACKED))) {
            t->force_resend = last;
            f->tail_probe_resent = true;
            f->tail_probe_end = t->w.next;
            t->counts.probes++;
        }
    }
    timer_rearm_rto(t, now_ns);
}

static void reorder_timeout(struct tcp *t, uint64_t now_ns)
{
    struct ack_news news = {0};
    struct flight *f = t->flight;

    CHECK(f && f->count);
    timer_set(t, TIMER_NONE, 0);
    f->rack_advanced = true;
    loss_detect(t, now_ns, &news);
    if (f->lost && t->w.phase != TCP_PHASE_RECOVERY && t->w.phase != TCP_PHASE_LOSS) {
        recovery_enter(t, now_ns);
        news.delivered = 1; /* so that the first retransmission goes */
        recovery_reduce(t, &news);
    }
    if (t->timer == TIMER_NONE)
        timer_rearm_rto(t, now_ns);
}

static void probe_window_timeout(struct tcp *t, uint64_t now_ns)
{
    if (t->retries >= t->config->retries) {
        tcp_fail(t, ERR_TIMEOUT);
        return;
    }
    if (t->window_end > t->w.next)
        t->force_new = true; /* as much as fits */
    else
        t->probe_window = true;
    t->retries++;
    raise_backoff(t);
    t->counts.probes++;
    timer_set(t, TIMER_PROBE_WINDOW, now_ns + rtt_timeout_ns(t->config, &t->w));
}

void tcp_timeout(struct tcp *t, uint64_t now_ns)
{
    if (t->ack_later && now_ns >= t->ack_deadline_ns) {
        t->ack_later = false;
        t->ack_deadline_ns = TIME_NEVER;
        t->ack_now = true;
        if (t->pingpong) {
            t->pingpong = false;
            t->ack_wait_us = (uint32_t)(t->config->delayed_ack_ns / NS_PER_US);
        } else {
            uint64_t twice_ns = 2ull * t->ack_wait_us * NS_PER_US;
            uint64_t rto_ns = rtt_rto_ns(t->config, &t->w);

            t->ack_wait_us = (uint32_t)((twice_ns < rto_ns ? twice_ns : rto_ns) / NS_PER_US);
        }
    }
    if (now_ns < t->timer_ns)
        return;
    switch ((enum tcp_timer)t->timer) {
    case TIMER_NONE:
        break;
    case TIMER_HANDSHAKE:
        handshake_timeout(t, now_ns);
        break;
    case TIMER_RTO:
        rto_timeout(t, now_ns);
        break;
    case TIMER_PROBE_TAIL:
        tail_probe_timeout(t, now_ns);
        break;
    case TIMER_REORDER:
        reorder_timeout(t, now_ns);
        break;
    case TIMER_PROBE_WINDOW:
        probe_window_timeout(t, now_ns);
        break;
    case TIMER_FIN:
        be_done(t);
        break;
    }
}

uint64_t tcp_deadline_ns(const struct tcp *t)
{
    return t->timer_ns < t->ack_deadline_ns ? t->timer_ns : t->ack_deadline_ns;
}

uint32_t tcp_events(struct tcp *t)
{
    uint32_t events = t->events;

    t->events = 0;
    return events;
}

int tcp_error(const struct tcp *t)
{
    return t->error;
}

struct tcp_info tcp_info(const struct tcp *t)
{
    const struct flight *f = t->flight;
    uint64_t sent_bytes =
        (t->w.next < t->end ? t->w.next : t->end) - (t->w.una < t->end ? t->w.una : t->end);

    return (struct tcp_info){.phase = (enum tcp_phase)t->w.phase,
                             .cwnd = t->w.cwnd,
                             .ssthresh = t->w.ssthresh,
                             .in_flight = flight_in_flight(f),
                             .sacked = f ? f->sacked : 0,
                             .lost = f ? f->lost : 0,
                             .retransmitted = f ? f->resent : 0,
                             .srtt_us = t->w.srtt_us >> 3,
                             .rttvar_us = t->w.rttvar_us,
                             .min_rtt_us = rtt_min_us(&t->w),
                             .rto_ns = rtt_timeout_ns(t->config, &t->w),
                             .unacked = sent_bytes,
                             .unsent = t->queue.size - sent_bytes,
                             .received =
                                 t->received ? t->received - 1 - (t->fin_received ? 1 : 0) : 0,
                             .send_buffer = t->send_buffer,
                             .receive_space = t->space.size,
                             .window = t->window_end > t->w.una ? t->window_end - t->w.una : 0,
                             .segments_sent = t->counts.sent,
                             .segments_resent = t->counts.resent,
                             .timeouts = t->counts.timeouts,
                             .probes = t->counts.probes,
                             .undone = t->counts.undone};
}

size_t tcp_memory(const struct tcp *t)
{
    size_t size = sizeof *t + chain_memory(&t->queue) + chain_memory(&t->inbox);

    if (t->flight)
        size += sizeof *t->flight + t->flight->capacity * sizeof(struct record);
    if (t->early) {
        size += sizeof *t->early + t->early->capacity * sizeof(struct island);
        for (uint32_t i = 0; i < t->early->count; i++)
            size += chain_memory(&t->early->islands[i].bytes);
    }
    return size;
}
