/* Shared messages. */
#include "stack/algorand/envelope.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

struct envelope *envelope_new(enum tag tag, struct span frame)
{
    struct envelope *e = mem_alloc(sizeof *e);

    CHECK(tag == TAG_COUNT || frame.size >= ENVELOPE_HEAD_SIZE);
    *e = (struct envelope){.refs = 1, .tag = (uint8_t)tag, .frame = frame};
    return e;
}

struct envelope *envelope_ref(struct envelope *e)
{
    e->refs++;
    CHECK(e->refs != 0);
    return e;
}

void envelope_unref(struct envelope *e)
{
    CHECK(e->refs > 0);
    if (--e->refs > 0)
        return;
    span_unref(e->frame);
    mem_free(e);
}

struct span envelope_frame(enum tag tag, struct slice payload)
{
    struct blob *b = blob_new(ENVELOPE_HEAD_SIZE + payload.size);

    CHECK(tag < TAG_COUNT && payload.size <= tag_table[tag].payload_max);
    store_be32(b->data, (uint32_t)(TAG_SIZE + payload.size));
    memcpy(b->data + 4, tag_table[tag].text, TAG_SIZE);
    if (payload.size)
        memcpy(b->data + ENVELOPE_HEAD_SIZE, payload.data, payload.size);
    return span_give(b);
}
