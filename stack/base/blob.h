/* Reference-counted immutable bytes, and spans of them.
 *
 * A message body lives in one blob however many queues, nodes and connections hold it: forwarding a
 * 1 MiB block to ten thousand nodes copies nothing. References may be taken and dropped from
 * several threads. A span is a counted view: whoever holds a span holds a reference to its owner. A
 * span whose owner is NULL points to memory that lives for ever (a constant).
 *
 * Once a blob has a second holder nobody may write to it.
 *
 * A blob may carry a name: bytes that follow from its data (hashes, say), worked out once by
 * whoever made it, so that the many nodes of one process which are handed this very blob need not
 * do it again. A name never travels. */
#ifndef STACK_BASE_BLOB_H
#define STACK_BASE_BLOB_H

#include "stack/base/slice.h"

#include <stdatomic.h>

struct blob {
    _Atomic uint32_t refs;
    uint32_t size;
    uint32_t name_kind; /* enum blob_name_kind */
    uint8_t data[];     /* and the name, where there is one */
};

#define BLOB_NAME_SIZE 64

/* What a name is computed from and how; its owner says (algorand/envelope.h, gossipsub/signing.h). */
enum blob_name_kind { BLOB_UNNAMED, BLOB_NAME_ALGORAND, BLOB_NAME_SIGNED };

struct span {
    struct blob *owner;
    const uint8_t *data;
    uint32_t size;
};

struct blob *blob_new(size_t size); /* one reference, bytes uninitialised; size < 2^32 */
/* The same with a name; data and name are both filled in before the blob is shared. */
struct blob *blob_new_named(size_t size, enum blob_name_kind kind);
struct blob *blob_copy(struct slice s);
void blob_free(struct blob *b); /* called by blob_unref only */

static inline struct blob *blob_ref(struct blob *b)
{
    if (b)
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

static inline void blob_unref(struct blob *b)
{
    if (!b)
        return;
    /* The last holder need not pay for an atomic subtraction: nobody else can take a reference. */
    if (atomic_load_explicit(&b->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        blob_free(b);
}

/* Its name of that kind, BLOB_NAME_SIZE bytes; NULL when it has none. */
static inline uint8_t *blob_name(struct blob *b, enum blob_name_kind kind)
{
    return b && b->name_kind == (uint32_t)kind ? b->data + b->size : NULL;
}

static inline struct slice blob_slice(const struct blob *b)
{
    return slice_of(b->data, b->size);
}

/* The whole blob as a span; the caller's reference moves into it. */
static inline struct span span_give(struct blob *b)
{
    return (struct span){b, b->data, b->size};
}

/* Bytes that live for ever. */
static inline struct span span_static(const void *data, size_t size)
{
    return (struct span){NULL, data, (uint32_t)size};
}

static inline struct span span_ref(struct span s)
{
    blob_ref(s.owner);
    return s;
}

static inline void span_unref(struct span s)
{
    blob_unref(s.owner);
}

static inline struct slice span_slice(struct span s)
{
    return slice_of(s.data, s.size);
}

/* A counted view of part of a span. */
struct span span_part(struct span s, size_t offset, size_t size);

/* A counted view for keeping: copies when the span would pin a much larger blob. */
struct span span_keep(struct span s);

#endif
