/* Turning many small spans into one, and small spans of large blobs into blobs of their own. */
#include "stack/transport/chain_pack.h"

void chain_pack_now(struct chain *c)
{
    struct blob *b = blob_new(c->size);

    chain_peek(c, 0, b->data, c->size);
    chain_drop(c, c->size);
    chain_give(c, span_give(b));
}

static bool is_greedy(const struct span *s)
{
    return s->size < CHAIN_PACK_PIECE && s->owner && s->owner->size / CHAIN_PACK_SHARE > s->size;
}

static bool goes_on(const struct chain *c, const struct span *s)
{
    const struct span *last = c->count ? chain_span(c, c->count - 1) : NULL;

    return last && last->owner == s->owner && last->data + last->size == s->data;
}

static bool any_greedy(const struct chain *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (is_greedy(chain_span(c, i)))
            return true;
    return false;
}

void chain_pack_move(struct chain *to, struct chain *from, size_t size)
{
    if (size == from->size && !any_greedy(from)) {
        chain_move_all(to, from);
        return;
    }
    while (size > 0) {
        size_t front = chain_front(from).size;
        struct span s = chain_take(from, front < size ? front : size);

        size -= s.size;
        if (is_greedy(&s) && !goes_on(to, &s)) {
            chain_append(to, span_slice(s));
            span_unref(s);
        } else {
            chain_give(to, s);
        }
    }
}

void chain_unpin(struct chain *c)
{
    if (c->count == 1 && is_greedy(chain_span(c, 0)))
        chain_pack_now(c);
}
