/* The message cache and the memo of frames. */
#include "stack/gossipsub/mcache.h"

#include "stack/base/check.h"
#include "stack/base/fetch.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 4
#define MEMO_MIN 8
#define MEMO_MAX 4096

void mcache_init(struct mcache *c, uint32_t window_count)
{
    CHECK(window_count > 0);
    *c = (struct mcache){.window_count = window_count};
    c->windows = mem_zalloc(window_count * sizeof *c->windows);
}

static struct post **fifo_at(const struct mcache *c, uint32_t index)
{
    return &c->fifo[(c->head + index) & (c->capacity - 1)];
}

void mcache_deinit(struct mcache *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        post_unref(*fifo_at(c, i));
    mem_free(c->fifo);
    mem_free(c->cells);
    mem_free(c->windows);
    *c = (struct mcache){0};
}

static void forget_index(struct mcache *c)
{
    mem_free(c->cells);
    c->cells = NULL;
}

static void resize(struct mcache *c, uint32_t capacity)
{
    struct post **fifo = NULL;

    CHECK(c->count <= capacity);
    if (capacity)
        fifo = mem_grow(NULL, capacity, sizeof *fifo);
    for (uint32_t i = 0; i < c->count; i++)
        fifo[i] = *fifo_at(c, i);
    mem_free(c->fifo);
    forget_index(c);
    c->fifo = fifo;
    c->head = 0;
    c->capacity = capacity;
}

/* The cell of the key, or the empty one where its search ends. */
static struct post **probe(const struct mcache *c, const struct seen_key *key)
{
    uint32_t mask = c->capacity * 2 - 1, at = key->words[1] & mask;

    while (c->cells[at] && !seen_key_equal(&c->cells[at]->key, key))
        at = (at + 1) & mask;
    return &c->cells[at];
}

void mcache_put(struct mcache *c, struct post *p)
{
    if (c->count == c->capacity)
        resize(c, c->capacity ? c->capacity * 2 : CAPACITY_MIN);
    *fifo_at(c, c->count++) = post_ref(p);
    c->windows[0]++;
    if (c->cells)
        *probe(c, &p->key) = p;
}

struct post *mcache_find(struct mcache *c, const struct seen_key *key)
{
    if (c->count == 0)
        return NULL;
    if (!c->cells) {
        c->cells = mem_zalloc(2 * c->capacity * sizeof *c->cells);
        for (uint32_t i = 0; i < c->count; i++) /* the newest of a key is the one that is found */
            *probe(c, &(*fifo_at(c, i))->key) = *fifo_at(c, i);
    }
    return *probe(c, key);
}

void mcache_shift(struct mcache *c)
{
    uint32_t drop = c->windows[c->window_count - 1];

    forget_index(c);
    for (uint32_t i = 0; i < drop; i++, c->count--) {
        post_unref(*fifo_at(c, 0));
        c->head = (c->head + 1) & (c->capacity - 1);
    }
    memmove(c->windows + 1, c->windows, (c->window_count - 1) * sizeof *c->windows);
    c->windows[0] = 0;
    if (c->capacity && c->count == 0)
        resize(c, 0);
    else if (c->capacity > CAPACITY_MIN && c->count < c->capacity / 8)
        resize(c, c->capacity / 4);
}

uint32_t mcache_recent_count(const struct mcache *c, uint32_t windows)
{
    uint32_t count = 0;

    CHECK(windows <= c->window_count);
    for (uint32_t i = 0; i < windows; i++)
        count += c->windows[i];
    return count;
}

struct post *mcache_recent(const struct mcache *c, uint32_t age)
{
    CHECK(age < c->count);
    return *fifo_at(c, c->count - 1 - age);
}

void memo_deinit(struct memo *m)
{
    for (uint32_t i = 0; i < m->capacity; i++)
        if (m->cells[i])
            post_unref(m->cells[i]);
    mem_free(m->cells);
    *m = (struct memo){0};
}

static uint32_t memo_cell(const struct memo *m, const uint8_t *frame)
{
    uint64_t mixed = (uint64_t)(uintptr_t)frame * 0x9e3779b97f4a7c15u;

    return (uint32_t)(mixed >> 40) & (m->capacity - 1);
}

static void memo_place(struct memo *m, struct post *p)
{
    struct post **cell = &m->cells[memo_cell(m, p->frame.data)];

    if (*cell)
        post_unref(*cell);
    *cell = p;
}

static void memo_grow(struct memo *m)
{
    struct memo old = *m;

    m->capacity = old.capacity ? old.capacity * 2 : MEMO_MIN;
    m->added = 0;
    m->cells = mem_zalloc(m->capacity * sizeof *m->cells);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.cells[i])
            memo_place(m, old.cells[i]);
    mem_free(old.cells);
}

void memo_put(struct memo *m, struct post *p)
{
    if (m->added == m->capacity && m->capacity < MEMO_MAX)
        memo_grow(m);
    m->added++;
    memo_place(m, post_ref(p));
}

struct post *memo_find(const struct memo *m, const uint8_t *frame, size_t size)
{
    struct post *p;

    if (m->capacity == 0)
        return NULL;
    p = m->cells[memo_cell(m, frame)];
    return p && p->frame.data == frame && p->frame.size == size ? p : NULL;
}

void memo_expect(const struct memo *m, const uint8_t *frame, unsigned step)
{
    struct post *const *cell;

    if (m->capacity == 0)
        return;
    cell = &m->cells[memo_cell(m, frame)];
    if (step == 1) {
        fetch_line(cell);
        fetch_line(frame);
    } else if (*cell && step == 2) {
        fetch_line(*cell);
        fetch_line((*cell)->id);
    } else if (*cell) {
        fetch_line((*cell)->topic);
        fetch_line((*cell)->topic->name);
    }
}

void memo_clear(struct memo *m)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < m->capacity; i++) {
        if (!m->cells[i])
            continue;
        if (m->cells[i]->head.refs == 1) {
            post_unref(m->cells[i]);
            m->cells[i] = NULL;
        } else {
            kept++;
        }
    }
    m->added = kept;
    if (kept == 0)
        memo_deinit(m);
}
