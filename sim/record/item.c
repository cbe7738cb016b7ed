/* Puts reports into items and takes them out. */
#include "sim/record/item.h"

#include <string.h>

#define ALIGN sizeof(uint64_t)

size_t item_size(const struct feed_report *r)
{
    size_t size = sizeof(struct item) + r->trace.id.size + r->trace.topic.size;

    return (size + ALIGN - 1) & ~(ALIGN - 1);
}

void item_write(struct item *out, const struct feed_report *r, size_t size)
{
    const struct trace_event *e = &r->trace;

    *out = (struct item){.now_ns = r->now_ns,
                         .id_hash = r->id_hash,
                         .node = r->node,
                         .size = (uint32_t)size,
                         .remote = r->remote,
                         .peer = e->peer,
                         .trace_size = e->size,
                         .trace_count = e->count,
                         .id_size = (uint32_t)e->id.size,
                         .topic_size = (uint32_t)e->topic.size,
                         .code = e->code,
                         .kind = (uint8_t)r->kind,
                         .trace_kind = (uint8_t)e->kind,
                         .protocol = (uint8_t)e->protocol,
                         .up = r->up};
    if (e->id.size)
        memcpy(out->bytes, e->id.data, e->id.size);
    if (e->topic.size)
        memcpy(out->bytes + e->id.size, e->topic.data, e->topic.size);
}

struct feed_report item_read(const struct item *i)
{
    struct feed_report r = {.now_ns = i->now_ns,
                            .node = i->node,
                            .kind = (enum feed_kind)i->kind,
                            .remote = i->remote,
                            .id_hash = i->id_hash,
                            .up = i->up};

    r.trace = (struct trace_event){.kind = (enum trace_kind)i->trace_kind,
                                   .protocol = (enum trace_protocol)i->protocol,
                                   .peer = i->peer,
                                   .size = i->trace_size,
                                   .count = i->trace_count,
                                   .code = i->code,
                                   .id = slice_of(i->bytes, i->id_size),
                                   .topic = slice_of(i->bytes + i->id_size, i->topic_size)};
    return r;
}
