/* The streams of a yamux session: a table sorted by id, and the queues of those that have something
 * to write. */
#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/transport/yamux_session.h"

#define CAPACITY_MIN 4

/* The place of `id`, or where it belongs. */
static uint32_t place_of(const struct yamux *y, uint32_t id)
{
    uint32_t low = 0, high = y->stream_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (y->streams[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct yamux_stream *yamux_streams_find(const struct yamux *y, uint32_t id)
{
    uint32_t place;

    if (y->current && y->current->id == id)
        return y->current;
    place = place_of(y, id);
    return place < y->stream_count && y->streams[place]->id == id ? y->streams[place] : NULL;
}

/* The pointer that leads to the first visible stream at or after `place`. */
static struct yamux_stream **visible_link(struct yamux *y, uint32_t place)
{
    while (place > 0) {
        struct yamux_stream *before = y->streams[--place];

        if (!before->released)
            return &before->next_all;
    }
    return &y->first_visible;
}

static void resize_table(struct yamux *y, uint32_t capacity)
{
    CHECK(capacity >= y->stream_count);
    y->streams = mem_grow(y->streams, capacity, sizeof(struct yamux_stream *));
    y->stream_capacity = capacity;
}

struct yamux_stream *yamux_streams_add(struct yamux *y, uint32_t id, bool opened_by_us)
{
    uint32_t place = place_of(y, id);
    struct yamux_stream *s = mem_zalloc(sizeof *s), **link;

    CHECK(place == y->stream_count || y->streams[place]->id != id);
    s->id = id;
    s->opened_by_us = opened_by_us;
    s->send_window = YAMUX_WINDOW_INITIAL;
    s->receive_window = YAMUX_WINDOW_INITIAL;
    s->receive_window_size = YAMUX_WINDOW_INITIAL;
    s->credited_at_ns = y->now_ns;
    if (y->stream_count == y->stream_capacity)
        resize_table(y, y->stream_capacity ? y->stream_capacity * 2 : CAPACITY_MIN);
    memmove(y->streams + place + 1, y->streams + place,
            (y->stream_count - place) * sizeof(struct yamux_stream *));
    y->streams[place] = s;
    y->stream_count++;
    link = visible_link(y, place);
    s->next_all = *link;
    *link = s;
    y->visible_count++;
    if (opened_by_us)
        y->unacknowledged++;
    else
        y->opened_by_peer++;
    return s;
}

void yamux_streams_hide(struct yamux *y, struct yamux_stream *s)
{
    struct yamux_stream **link = visible_link(y, place_of(y, s->id));

    CHECK(!s->released && *link == s);
    *link = s->next_all;
    s->next_all = NULL;
    s->released = true;
    y->visible_count--;
    if (y->current == s)
        y->current = NULL;
}

void yamux_queue_push(struct yamux *y, enum yamux_queue q, struct yamux_stream *s)
{
    struct yamux_stream *tail = y->queue_tails[q];

    if (s->next_queued[q])
        return;
    s->next_queued[q] = tail ? tail->next_queued[q] : s;
    if (tail)
        tail->next_queued[q] = s;
    y->queue_tails[q] = s;
}

/* Takes out the stream behind `before`. */
static struct yamux_stream *queue_unlink(struct yamux *y, enum yamux_queue q,
                                         struct yamux_stream *before)
{
    struct yamux_stream *s = before->next_queued[q];

    if (s == before) {
        y->queue_tails[q] = NULL;
    } else {
        before->next_queued[q] = s->next_queued[q];
        if (y->queue_tails[q] == s)
            y->queue_tails[q] = before;
    }
    s->next_queued[q] = NULL;
    return s;
}

struct yamux_stream *yamux_queue_pop(struct yamux *y, enum yamux_queue q)
{
    return y->queue_tails[q] ? queue_unlink(y, q, y->queue_tails[q]) : NULL;
}

static void queue_remove(struct yamux *y, enum yamux_queue q, struct yamux_stream *s)
{
    struct yamux_stream *before = s;

    if (!s->next_queued[q])
        return;
    while (before->next_queued[q] != s)
        before = before->next_queued[q];
    queue_unlink(y, q, before);
}

void yamux_queue_update(struct yamux *y, struct yamux_stream *s)
{
    bool has_data = s->out.size > 0 && s->send_window > 0 && !s->dead;

    if (has_data || yamux_fin_due(s))
        yamux_queue_push(y, YAMUX_QUEUE_READY, s);
    else
        queue_remove(y, YAMUX_QUEUE_READY, s);
}

void yamux_streams_kill(struct yamux *y, struct yamux_stream *s)
{
    CHECK(!s->dead);
    s->dead = true;
    s->flags_due = 0;
    s->credit_due = 0;
    chain_deinit(&s->in);
    chain_deinit(&s->out);
    queue_remove(y, YAMUX_QUEUE_URGENT, s);
    queue_remove(y, YAMUX_QUEUE_READY, s);
    if (s->opened_by_us && !s->acknowledged) {
        s->acknowledged = true; /* refused, or given up: either way nobody waits for it */
        y->unacknowledged--;
    }
    if (y->current == s)
        y->current = NULL;
}

static void free_stream(struct yamux *y, struct yamux_stream *s)
{
    uint32_t place = place_of(y, s->id);

    CHECK(y->streams[place] == s && s->released);
    if (!s->dead)
        yamux_streams_kill(y, s);
    if (!s->opened_by_us)
        y->opened_by_peer--;
    y->stream_count--;
    memmove(y->streams + place, y->streams + place + 1,
            (y->stream_count - place) * sizeof(struct yamux_stream *));
    if (y->stream_count == 0) {
        mem_free(y->streams);
        y->streams = NULL;
        y->stream_capacity = 0;
    } else if (y->stream_capacity > CAPACITY_MIN && y->stream_count < y->stream_capacity / 4) {
        resize_table(y, y->stream_capacity / 2);
    }
    mem_free(s);
}

void yamux_streams_reap(struct yamux *y, struct yamux_stream *s)
{
    bool over = s->dead ? s->flags_due == 0 : s->fin_sent;

    if (s->released && over)
        free_stream(y, s);
}

void yamux_streams_clear(struct yamux *y)
{
    for (uint32_t i = 0; i < y->stream_count; i++) {
        chain_deinit(&y->streams[i]->in);
        chain_deinit(&y->streams[i]->out);
        mem_free(y->streams[i]);
    }
    mem_free(y->streams);
    y->streams = NULL;
    y->stream_count = y->stream_capacity = 0;
}
