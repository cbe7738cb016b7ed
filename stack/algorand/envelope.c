/* Shared messages. */
#include "stack/algorand/envelope.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "stack/crypto/crypto.h"

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

static void fill(struct blob *b, enum tag tag, struct slice payload)
{
    CHECK(tag < TAG_COUNT && payload.size <= tag_table[tag].payload_max);
    CHECK(b->size == ENVELOPE_HEAD_SIZE + payload.size);
    store_be32(b->data, (uint32_t)(TAG_SIZE + payload.size));
    memcpy(b->data + 4, tag_table[tag].text, TAG_SIZE);
    if (payload.size)
        memcpy(b->data + ENVELOPE_HEAD_SIZE, payload.data, payload.size);
}

struct span envelope_frame(enum tag tag, struct slice payload)
{
    struct blob *b = blob_new(ENVELOPE_HEAD_SIZE + payload.size);

    fill(b, tag, payload);
    return span_give(b);
}

static struct slice named_bytes(struct span frame)
{
    return slice_of(frame.data + 4, frame.size - 4);
}

struct span envelope_named_frame(enum tag tag, struct slice payload)
{
    struct blob *b = blob_new_named(ENVELOPE_HEAD_SIZE + payload.size, BLOB_NAME_ALGORAND);
    uint8_t *name = blob_name(b, BLOB_NAME_ALGORAND);
    struct span frame = span_give(b);

    _Static_assert(ENVELOPE_ID_SIZE + DIGESTS_SIZE == BLOB_NAME_SIZE, "id, then digest");
    fill(b, tag, payload);
    blake2b256(name, named_bytes(frame), slice_of(NULL, 0));
    if (envelope_has_digest(payload))
        sha512_256(name + ENVELOPE_ID_SIZE, named_bytes(frame), slice_of(NULL, 0));
    else
        memset(name + ENVELOPE_ID_SIZE, 0, DIGESTS_SIZE);
    return frame;
}

/* NULL unless the frame is the whole of the blob that some node of this process made for it. */
static const uint8_t *name_of(struct span frame)
{
    const uint8_t *name = blob_name(frame.owner, BLOB_NAME_ALGORAND);

    return name && frame.data == frame.owner->data && frame.size == frame.owner->size ? name : NULL;
}

bool envelope_is_named(struct span frame)
{
    return name_of(frame) != NULL;
}

void envelope_id_of(struct span frame, uint8_t id[static ENVELOPE_ID_SIZE])
{
    const uint8_t *name = name_of(frame);

    CHECK(frame.size >= ENVELOPE_HEAD_SIZE);
    if (name)
        memcpy(id, name, ENVELOPE_ID_SIZE);
    else
        blake2b256(id, named_bytes(frame), slice_of(NULL, 0));
}

void envelope_digest_of(struct span frame, uint8_t digest[static DIGESTS_SIZE])
{
    const uint8_t *name = name_of(frame);

    CHECK(frame.size >= ENVELOPE_HEAD_SIZE + ENVELOPE_DIGEST_SIZE_MIN);
    if (name)
        memcpy(digest, name + ENVELOPE_ID_SIZE, DIGESTS_SIZE);
    else
        sha512_256(digest, named_bytes(frame), slice_of(NULL, 0));
}

bool envelope_has_digest(struct slice payload)
{
    return payload.size >= ENVELOPE_DIGEST_SIZE_MIN && load_be32(payload.data) != 0x28b52ffd;
}
