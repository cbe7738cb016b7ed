/* Queue of spans. The array is compacted on growth and freed when the chain empties: an idle connection
 * costs nothing, and the allocator's cache makes the round trip cheap. */
#include "stack/base/chain.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

#define CAPACITY_MIN 2 /* a frame and its header; with its head the array is one cache line */

void chain_init(struct chain *c)
{
    *c = (struct chain){0};
}

static void release_array(struct chain *c)
{
    mem_free(c->spans);
    *c = (struct chain){0};
}

void chain_deinit(struct chain *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        span_unref(*chain_span(c, i));
    release_array(c);
}

/* Room for one more span behind the last. */
static void make_room(struct chain *c)
{
    struct chain_spans *old = c->spans, *spans;
    uint32_t capacity = old ? old->capacity * 2 + 1 : CAPACITY_MIN;

    if (old && old->head + c->count < old->capacity)
        return;
    if (old && old->head > old->capacity / 2) {
        memmove(old->items, chain_span(c, 0), c->count * sizeof *old->items);
        old->head = 0;
        return;
    }
    spans = mem_alloc(sizeof *spans + capacity * sizeof *spans->items);
    spans->head = 0;
    spans->capacity = capacity;
    if (old)
        memcpy(spans->items, chain_span(c, 0), c->count * sizeof *old->items);
    mem_free(old);
    c->spans = spans;
}

void chain_give(struct chain *c, struct span s)
{
    if (s.size == 0) {
        span_unref(s);
        return;
    }
    CHECK(s.size <= UINT32_MAX - c->size);
    c->size += s.size;
    if (c->count) {
        struct span *last = chain_span(c, c->count - 1);

        if (last->owner && last->owner == s.owner && last->data + last->size == s.data) {
            last->size += s.size;
            span_unref(s);
            return;
        }
    }
    make_room(c);
    *chain_span(c, c->count++) = s;
}

void chain_push(struct chain *c, struct span s)
{
    chain_give(c, span_ref(s));
}

void chain_append(struct chain *c, struct slice s)
{
    if (s.size)
        chain_give(c, span_give(blob_copy(s)));
}

size_t chain_memory(const struct chain *c)
{
    return c->spans ? sizeof *c->spans + c->spans->capacity * sizeof *c->spans->items : 0;
}

static void advance(struct chain *c)
{
    c->spans->head++;
    if (--c->count == 0)
        release_array(c);
}

struct span chain_take_front(struct chain *c)
{
    struct span s;

    CHECK(c->count > 0);
    s = *chain_span(c, 0);
    c->size -= s.size;
    advance(c);
    return s;
}

/* The first `size` bytes of the front span, which has more than that. */
static struct span split_front(struct chain *c, size_t size)
{
    struct span *front = chain_span(c, 0);
    struct span part = span_part(*front, 0, size);

    front->data += size;
    front->size -= (uint32_t)size;
    c->size -= (uint32_t)size;
    return part;
}

void chain_move(struct chain *to, struct chain *from, size_t size)
{
    CHECK(size <= from->size && to != from);
    while (size > 0) {
        size_t front = chain_span(from, 0)->size;

        if (front > size) {
            chain_give(to, split_front(from, size));
            return;
        }
        size -= front;
        chain_give(to, chain_take_front(from));
    }
}

void chain_move_all(struct chain *to, struct chain *from)
{
    if (to->count == 0) {
        *to = *from;
        chain_init(from);
        return;
    }
    chain_move(to, from, from->size);
}

void chain_drop(struct chain *c, size_t size)
{
    CHECK(size <= c->size);
    while (size > 0) {
        struct span *front = chain_span(c, 0);

        if (front->size > size) {
            front->data += size;
            front->size -= (uint32_t)size;
            c->size -= (uint32_t)size;
            return;
        }
        size -= front->size;
        span_unref(chain_take_front(c));
    }
}

void chain_peek(const struct chain *c, size_t offset, uint8_t *out, size_t size)
{
    CHECK(offset <= c->size && size <= c->size - offset);
    for (uint32_t i = 0; size > 0; i++) {
        struct slice s = chain_at(c, i);

        if (offset >= s.size) {
            offset -= s.size;
            continue;
        }
        size_t n = s.size - offset < size ? s.size - offset : size;

        memcpy(out, s.data + offset, n);
        out += n;
        size -= n;
        offset = 0;
    }
}

struct span chain_take(struct chain *c, size_t size)
{
    struct blob *copy;

    CHECK(size <= c->size);
    if (size == 0)
        return span_static(NULL, 0);
    if (chain_span(c, 0)->size == size)
        return chain_take_front(c);
    if (chain_span(c, 0)->size > size)
        return split_front(c, size);
    copy = blob_new(size);
    chain_peek(c, 0, copy->data, size);
    chain_drop(c, size);
    return span_give(copy);
}
