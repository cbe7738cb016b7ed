/* Blobs and spans. */
#include "stack/base/blob.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

struct blob *blob_new(size_t size)
{
    struct blob *b;

    CHECK(size < UINT32_MAX - sizeof *b);
    b = mem_alloc(sizeof *b + size);
    atomic_init(&b->refs, 1);
    b->size = (uint32_t)size;
    return b;
}

struct blob *blob_copy(struct slice s)
{
    struct blob *b = blob_new(s.size);

    if (s.size)
        memcpy(b->data, s.data, s.size);
    return b;
}

void blob_free(struct blob *b)
{
    mem_free(b);
}

struct span span_part(struct span s, size_t offset, size_t size)
{
    CHECK(offset <= s.size && size <= s.size - offset);
    return (struct span){blob_ref(s.owner), s.data + offset, (uint32_t)size};
}

struct span span_keep(struct span s)
{
    if (s.owner && s.owner->size > 256 && s.size < s.owner->size / 2)
        return span_give(blob_copy(span_slice(s)));
    return span_ref(s);
}
