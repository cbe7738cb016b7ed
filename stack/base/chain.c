/* Queue of spans. The array is compacted on growth and freed when the chain empties: an idle connection
 * costs nothing, and the allocator's cache makes the round trip cheap. */
#include "stack/base/chain.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

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
        span_unref(c->spans[c->head + i]);
    release_array(c);
}

static void make_room(struct chain *c)
{
    if (c->head + c->count < c->capacity)
        return;
    if (c->head > c->capacity / 2) {
        memmove(c->spans, c->spans + c->head, c->count * sizeof *c->spans);
    } else {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 4;
        struct span *spans = mem_grow(NULL, capacity, sizeof *spans);

        if (c->count)
            memcpy(spans, c->spans + c->head, c->count * sizeof *spans);
        mem_free(c->spans);
        c->spans = spans;
        c->capacity = capacity;
    }
    c->head = 0;
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
        struct span *last = &c->spans[c->head + c->count - 1];

        if (last->owner && last->owner == s.owner && last->data + last->size == s.data) {
            last->size += s.size;
            span_unref(s);
            return;
        }
    }
    make_room(c);
    c->spans[c->head + c->count++] = s;
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

static void advance(struct chain *c)
{
    c->head++;
    if (--c->count == 0)
        release_array(c);
}

struct span chain_take_front(struct chain *c)
{
    struct span s;

    CHECK(c->count > 0);
    s = c->spans[c->head];
    c->size -= s.size;
    advance(c);
    return s;
}

/* The first `size` bytes of the front span, which has more than that. */
static struct span split_front(struct chain *c, size_t size)
{
    struct span *front = &c->spans[c->head];
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
        size_t front = from->spans[from->head].size;

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
    if (to->count == 0 && to->capacity == 0) {
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
        struct span *front = &c->spans[c->head];

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
    if (c->spans[c->head].size == size)
        return chain_take_front(c);
    if (c->spans[c->head].size > size)
        return split_front(c, size);
    copy = blob_new(size);
    chain_peek(c, 0, copy->data, size);
    chain_drop(c, size);
    return span_give(copy);
}
