/* A queue of spans: the byte stream between any two layers.
 *
 * Layers hand each other chains instead of copying: a frame is a small header blob followed by a view of
 * the payload. Adjacent views of one blob are joined when they meet, so a message that was cut into frames
 * and travelled without being rewritten is one span again at the far end.
 *
 * An empty chain owns no memory. */
#ifndef STACK_BASE_CHAIN_H
#define STACK_BASE_CHAIN_H

#include "stack/base/blob.h"

struct chain_spans {
    uint32_t head, capacity; /* [head, head + count) are in use */
    struct span items[];
};

/* Two words, for there are several in every connection and stream. Look at spans through chain_span. */
struct chain {
    struct chain_spans *spans; /* NULL when empty */
    uint32_t count;
    uint32_t size; /* bytes in all spans; 4 GiB is too much for any queue there is */
};

void chain_init(struct chain *c);
void chain_deinit(struct chain *c);                    /* drops every span */
void chain_give(struct chain *c, struct span s);       /* appends; the reference moves in */
void chain_push(struct chain *c, struct span s);       /* appends; takes a reference of its own */
void chain_append(struct chain *c, struct slice s);    /* appends a copy */
void chain_move(struct chain *to, struct chain *from, size_t size); /* from's first bytes, to to's end */
void chain_move_all(struct chain *to, struct chain *from);
void chain_drop(struct chain *c, size_t size);         /* discards the first bytes */
size_t chain_memory(const struct chain *c);            /* bytes of its own, without those of the blobs */
void chain_peek(const struct chain *c, size_t offset, uint8_t *out, size_t size); /* copies, keeps */
struct span chain_take_front(struct chain *c);         /* pops the first span; the reference moves out */

/* The first `size` bytes (<= c->size), where they are, or copied to `out` when they do not lie together. */
static inline const uint8_t *chain_view(const struct chain *c, uint8_t *out, size_t size)
{
    if (c->count && c->spans->items[c->spans->head].size >= size)
        return c->spans->items[c->spans->head].data;
    chain_peek(c, 0, out, size);
    return out;
}

/* The first `size` bytes as one span (the reference moves out): a view where they are contiguous, a
 * copy otherwise. size <= c->size. */
struct span chain_take(struct chain *c, size_t size);

static inline struct span *chain_span(const struct chain *c, uint32_t index) /* index < c->count */
{
    return &c->spans->items[c->spans->head + index];
}

static inline struct slice chain_front(const struct chain *c) /* bytes of the first span; may be empty */
{
    return c->count ? span_slice(*chain_span(c, 0)) : slice_of(NULL, 0);
}

static inline struct slice chain_at(const struct chain *c, uint32_t index)
{
    return span_slice(*chain_span(c, index));
}

#endif
