/* yamux session: what the application asks for, and writing. */
#include "stack/transport/yamux.h"

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"
#include "stack/transport/yamux_session.h"

#define SECOND_NS UINT64_C(1000000000)
#define HEADROOM 18 /* spare bytes before a header, where the layer below may put its own: NOISE_HEADROOM */
#define ID_LAST (UINT32_MAX - 1)

struct yamux_config yamux_config_default(void)
{
    return (struct yamux_config){
        .window_max = 16 * 1024 * 1024,
        .frame_payload_max = 65536 - YAMUX_HEADER_SIZE,
        .streams_in_max = 1024,
        .backlog_max = 256,
        .control_max = 1024,
        .keepalive_ns = 30 * SECOND_NS,
        .ping_timeout_ns = 10 * SECOND_NS,
    };
}

struct yamux *yamux_new(const struct yamux_config *config, bool client, uint64_t now_ns)
{
    struct yamux *y = mem_zalloc(sizeof *y);

    CHECK(config->window_max >= YAMUX_WINDOW_INITIAL && config->frame_payload_max > 0);
    y->config = config;
    y->frame_payload_max = config->frame_payload_max;
    y->client = client;
    y->next_id = client ? 1 : 2;
    y->now_ns = now_ns;
    y->received_at_ns = now_ns;
    return y;
}

void yamux_free(struct yamux *y)
{
    if (!y)
        return;
    yamux_streams_clear(y);
    mem_free(y->controls);
    mem_free(y);
}

/* Control frames */

static uint8_t *control_at(struct yamux_controls *q, uint32_t index)
{
    return q->headers[(q->head + index) % q->capacity];
}

static struct yamux_controls *control_grow(struct yamux_controls *old)
{
    uint32_t capacity = old ? old->capacity * 2 : 4;
    struct yamux_controls *q = mem_alloc(sizeof *q + capacity * sizeof q->headers[0]);

    *q = (struct yamux_controls){.capacity = capacity};
    if (!old)
        return q;
    q->count = old->count;
    q->pongs = old->pongs;
    for (uint32_t i = 0; i < old->count; i++)
        memcpy(q->headers[i], control_at(old, i), YAMUX_HEADER_SIZE);
    return q;
}

void yamux_control_push(struct yamux *y, const struct yamux_header *h)
{
    struct yamux_controls *old = y->controls;

    if (!old || old->count == old->capacity) {
        y->controls = control_grow(old);
        mem_free(old);
    }
    yamux_header_write(control_at(y->controls, y->controls->count), h);
    y->controls->count++;
    y->controls->pongs += h->type == YAMUX_PING && h->flags == YAMUX_ACK;
}

static void control_clear(struct yamux *y)
{
    mem_free(y->controls);
    y->controls = NULL;
}

int yamux_fail(struct yamux *y, int err, enum yamux_goaway code)
{
    CHECK(err < 0 && !y->failed);
    control_clear(y); /* nothing that was queued matters any more */
    yamux_goaway(y, code);
    y->failed = err;
    return err;
}

void yamux_goaway(struct yamux *y, enum yamux_goaway code)
{
    if (y->failed)
        return;
    yamux_control_push(y, &(struct yamux_header){YAMUX_GO_AWAY, 0, 0, code});
    y->goaway_sent = true;
}

void yamux_ping(struct yamux *y, uint64_t now_ns)
{
    if (y->pinging || y->failed)
        return;
    yamux_control_push(y, &(struct yamux_header){YAMUX_PING, YAMUX_SYN, 0, y->ping_value});
    y->pinging = true;
    y->ping_sent_at_ns = now_ns;
}

/* Writing */

static void write_header(struct chain *out, const struct yamux_header *h)
{
    struct blob *b = blob_new(HEADROOM + YAMUX_HEADER_SIZE);

    yamux_header_write(b->data + HEADROOM, h);
    chain_give(out, (struct span){b, b->data + HEADROOM, YAMUX_HEADER_SIZE});
}

static void write_control(struct yamux *y, struct chain *out)
{
    struct yamux_controls *q = y->controls;
    struct yamux_header h;

    CHECK(yamux_header_read(control_at(q, 0), &h) == ERR_OK);
    q->pongs -= h.type == YAMUX_PING && h.flags == YAMUX_ACK;
    q->head = (q->head + 1) % q->capacity;
    if (--q->count == 0)
        control_clear(y);
    write_header(out, &h);
}

/* A window update with whatever the stream owes: SYN, ACK, credit, and FIN when nothing is queued
 * before it. FIN never rides on a Data frame: go handles the flag first, and a reader in between
 * takes it for the end. */
static void write_update(struct yamux *y, struct yamux_stream *s, struct chain *out)
{
    struct yamux_header h = {YAMUX_WINDOW_UPDATE, s->flags_due, s->id, s->length_due};

    if (yamux_fin_due(s)) {
        h.flags |= YAMUX_FIN;
        s->fin_sent = true;
        yamux_queue_update(y, s);
    }
    s->flags_due = 0;
    s->length_due = 0;
    write_header(out, &h);
    yamux_streams_reap(y, s);
}

static void write_data(struct yamux *y, struct yamux_stream *s, struct chain *out,
                       struct yamux_stream **drained)
{
    size_t size = s->out.size;

    if (size > s->send_window)
        size = s->send_window;
    if (size > y->frame_payload_max)
        size = y->frame_payload_max;
    CHECK(size > 0);
    write_header(out, &(struct yamux_header){YAMUX_DATA, 0, s->id, (uint32_t)size});
    chain_move(out, &s->out, size);
    s->send_window -= (uint32_t)size;
    yamux_queue_update(y, s);
    if (s->out.size == 0 && !s->released)
        *drained = s;
}

int yamux_write(struct yamux *y, struct chain *out, struct yamux_stream **drained)
{
    struct yamux_stream *s;

    *drained = NULL;
    if (y->controls) {
        write_control(y, out);
        return 1;
    }
    if (y->failed)
        return 0;
    s = yamux_queue_pop(y, YAMUX_QUEUE_URGENT);
    if (s) {
        write_update(y, s, out);
        return 1;
    }
    s = yamux_queue_pop(y, YAMUX_QUEUE_READY);
    if (!s)
        return 0;
    if (s->out.size > 0)
        write_data(y, s, out, drained);
    else
        write_update(y, s, out);
    return 1;
}

bool yamux_has_output(const struct yamux *y)
{
    if (y->controls)
        return true;
    return !y->failed && (y->queue_tails[YAMUX_QUEUE_URGENT] || y->queue_tails[YAMUX_QUEUE_READY]);
}

/* Streams */

struct yamux_stream *yamux_open(struct yamux *y)
{
    struct yamux_stream *s;

    if (y->failed || y->goaway_sent || y->goaway_received ||
        y->unacknowledged >= y->config->backlog_max || y->next_id > ID_LAST - 2)
        return NULL;
    s = yamux_streams_add(y, y->next_id, true);
    y->next_id += 2;
    s->flags_due = YAMUX_SYN;
    yamux_queue_push(y, YAMUX_QUEUE_URGENT, s);
    return s;
}

void yamux_send(struct yamux *y, struct yamux_stream *s, struct chain *bytes)
{
    CHECK(!s->released);
    if (s->dead) { /* the peer reset it a moment ago */
        chain_deinit(bytes);
        return;
    }
    CHECK(!s->send_closed);
    chain_move_all(&s->out, bytes);
    yamux_queue_update(y, s);
}

/* Credit goes back once half of the window has been consumed. When that took less than four round
 * trips since the last time, the window is what holds the peer back, and doubles. */
void yamux_consumed(struct yamux *y, struct yamux_stream *s, size_t size, uint64_t now_ns)
{
    uint64_t window = s->receive_window_size, grown = window * 2;

    if (s->dead || s->receive_closed)
        return;
    CHECK(size <= window - s->receive_window - s->uncredited);
    s->uncredited += (uint32_t)size;
    if (s->uncredited < window / 2)
        return;
    if (grown > y->config->window_max)
        grown = y->config->window_max;
    if (y->rtt_ns > 0 && now_ns - s->credited_at_ns < 4 * y->rtt_ns && grown > window)
        s->receive_window_size = (uint32_t)grown;
    s->credited_at_ns = now_ns;
    s->length_due += s->uncredited + (s->receive_window_size - (uint32_t)window);
    s->receive_window += s->uncredited + (s->receive_window_size - (uint32_t)window);
    s->uncredited = 0;
    yamux_queue_push(y, YAMUX_QUEUE_URGENT, s);
}

void yamux_finish(struct yamux *y, struct yamux_stream *s)
{
    CHECK(!s->released);
    s->send_closed = true;
    yamux_queue_update(y, s);
}

void yamux_reset(struct yamux *y, struct yamux_stream *s, uint32_t code)
{
    bool unknown_to_peer = s->flags_due & YAMUX_SYN;

    CHECK(!s->released);
    if (s->dead)
        return;
    yamux_streams_kill(y, s);
    if (unknown_to_peer)
        return;
    s->flags_due = YAMUX_RST;
    s->length_due = code;
    yamux_queue_push(y, YAMUX_QUEUE_URGENT, s);
}

void yamux_release(struct yamux *y, struct yamux_stream *s)
{
    yamux_finish(y, s);
    chain_deinit(&s->in);
    yamux_streams_hide(y, s);
    yamux_streams_reap(y, s);
}

/* Time */

uint64_t yamux_deadline(const struct yamux *y)
{
    if (y->failed)
        return TIME_NEVER;
    if (y->pinging)
        return y->ping_sent_at_ns + y->config->ping_timeout_ns;
    if (y->config->keepalive_ns > 0)
        return y->received_at_ns + y->config->keepalive_ns;
    return TIME_NEVER;
}

bool yamux_pinging(const struct yamux *y)
{
    return y->pinging;
}

int yamux_tick(struct yamux *y, uint64_t now_ns)
{
    y->now_ns = now_ns;
    if (now_ns < yamux_deadline(y))
        return ERR_OK;
    if (y->pinging)
        return ERR_TIMEOUT;
    if (y->config->keepalive_ns > 0 && !y->failed)
        yamux_ping(y, now_ns);
    return ERR_OK;
}

void yamux_expect(const struct yamux *y, bool deep)
{
    uintptr_t lines = deep ? (uintptr_t)y->current : (uintptr_t)y; /* may be 0, to which C lets nobody add */

    fetch_line((const void *)lines);
    fetch_line((const void *)(lines + 64));
}

uint64_t yamux_rtt_ns(const struct yamux *y)
{
    return y->rtt_ns;
}

uint32_t yamux_stream_count(const struct yamux *y)
{
    return y->visible_count;
}
