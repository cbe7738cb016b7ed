/* Blobs and spans. */
#include "stack/base/blob.h"

#include "stack/base/check.h"
#include "stack/base/mem.h"

static struct blob *new_of_kind(size_t size, enum blob_name_kind kind)
{
    size_t name_size = kind == BLOB_UNNAMED ? 0 : BLOB_NAME_SIZE;
    struct blob *b;

    CHECK(size < UINT32_MAX - sizeof *b - BLOB_NAME_SIZE);
    b = mem_alloc(sizeof *b + size + name_size);
    atomic_init(&b->refs, 1);
    b->size = (uint32_t)size;
    b->name_kind = (uint32_t)kind;
    return b;
}

struct blob *blob_new(size_t size)
{
    return new_of_kind(size, BLOB_UNNAMED);
}

struct blob *blob_new_named(size_t size, enum blob_name_kind kind)
{
    CHECK(kind != BLOB_UNNAMED);
    return new_of_kind(size, kind);
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
