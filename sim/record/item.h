/* A report as it lies in a buffer, what it points to behind it. */
#ifndef SIM_RECORD_ITEM_H
#define SIM_RECORD_ITEM_H

#include "sim/record/feed.h"

struct item {
    uint64_t now_ns;
    struct digest_hash id_hash;
    uint32_t node, size; /* size: of the item with what follows, in bytes */
    uint32_t remote, peer, trace_size, trace_count, id_size, topic_size;
    int32_t code;
    uint8_t kind, trace_kind, protocol, up;
    uint8_t bytes[];
};

size_t item_size(const struct feed_report *r); /* a multiple of what an item has to be aligned to */
void item_write(struct item *out, const struct feed_report *r, size_t size); /* size: item_size(r) */
/* It points into the item. */
struct feed_report item_read(const struct item *i);

#endif
