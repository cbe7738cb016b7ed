/* Turning many small spans into one. */
#include "stack/transport/chain_pack.h"

void chain_pack_now(struct chain *c)
{
    struct blob *b = blob_new(c->size);

    chain_peek(c, 0, b->data, c->size);
    chain_drop(c, c->size);
    chain_give(c, span_give(b));
}
