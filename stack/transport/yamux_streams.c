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

        if (y->table->items[middle]->id < id)
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
    return place < y->stream_count && y->table->items[place]->id == id ? y->table->items[place] : NULL;
}

struct yamux_stream *yamux_stream_next(const struct yamux *y, const struct yamux_stream *after)
{
    uint32_t place = after ? place_of(y, after->id) + 1 : 0;

    while (place < y->stream_count && y->table->items[place]->released)
        place++;
    return place < y->stream_count ? y->table->items[place] : NULL;
}

static void resize_table(struct yamux *y, uint32_t capacity)
{
    CHECK(capacity >= y->stream_count);
    y->table = mem_realloc(y->table, sizeof *y->table + capacity * sizeof y->table->items[0]);
    y->table->capacity = capacity;
}

struct yamux_stream *yamux_streams_add(struct yamux *y, uint32_t id, bool opened_by_us)
{
    uint32_t place = place_of(y, id);
    struct yamux_stream *s = mem_zalloc(sizeof *s), **items;

    CHECK(place == y->stream_count || y->table->items[place]->id != id);
    s->id = id;
    s->opened_by_us = opened_by_us;
    s->send_window = YAMUX_WINDOW_INITIAL;
    s->receive_window = YAMUX_WINDOW_INITIAL;
    s->receive_window_size = YAMUX_WINDOW_INITIAL;
    s->credited_at_ns = y->now_ns;
    if (!y->table)
        resize_table(y, CAPACITY_MIN);
    else if (y->stream_count == y->table->capacity)
        resize_table(y, y->table->capacity * 2);
    items = y->table->items;
    memmove(items + place + 1, items + place, (y->stream_count - place) * sizeof *items);
    items[place] = s;
    y->stream_count++;
    y->visible_count++;
    if (opened_by_us)
        y->unacknowledged++;
    else
        y->opened_by_peer++;
    return s;
}

void yamux_streams_hide(struct yamux *y, struct yamux_stream *s)
{
    CHECK(!s->released);
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
    s->length_due = 0;
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
    struct yamux_stream **items = y->table->items;

    CHECK(items[place] == s && s->released);
    if (!s->dead)
        yamux_streams_kill(y, s);
    if (!s->opened_by_us)
        y->opened_by_peer--;
    y->stream_count--;
    memmove(items + place, items + place + 1, (y->stream_count - place) * sizeof *items);
    if (y->stream_count == 0) {
        mem_free(y->table);
        y->table = NULL;
    } else if (y->table->capacity > CAPACITY_MIN && y->stream_count < y->table->capacity / 4) {
        resize_table(y, y->table->capacity / 2);
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
        chain_deinit(&y->table->items[i]->in);
        chain_deinit(&y->table->items[i]->out);
        mem_free(y->table->items[i]);
    }
    mem_free(y->table);
    y->table = NULL;
    y->stream_count = 0;
}
