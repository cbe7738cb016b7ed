/* A list of chunks of items. */
#include "sim/record/tape.h"

#include "sim/record/item.h"
#include "stack/base/mem.h"

#include <string.h>

#define CHUNK_SIZE ((size_t)1 << 20)
#define SCENARIO UINT32_MAX /* in the place of a node */

struct chunk {
    struct chunk *next;
    size_t used, room;
    _Alignas(uint64_t) uint8_t bytes[];
};

struct tape {
    struct chunk *first, *last;
    uint64_t deliveries, reports, size;
};

struct tape *tape_new(void)
{
    return mem_zalloc(sizeof(struct tape));
}

void tape_free(struct tape *t)
{
    if (!t)
        return;
    while (t->first) {
        struct chunk *next = t->first->next;

        mem_free(t->first);
        t->first = next;
    }
    mem_free(t);
}

static void *take_room(struct tape *t, size_t size)
{
    struct chunk *c = t->last;

    if (!c || c->room - c->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

        c = mem_alloc(sizeof *c + room);
        *c = (struct chunk){.room = room};
        if (t->last)
            t->last->next = c;
        else
            t->first = c;
        t->last = c;
    }
    c->used += size;
    return c->bytes + c->used - size;
}

static void put(struct tape *t, const struct feed_report *r)
{
    size_t size = item_size(r);

    item_write(take_room(t, size), r, size);
    t->reports++;
    t->size += size;
}

void tape_trace(struct tape *t, uint32_t node, uint64_t now_ns, const struct trace_event *e)
{
    put(t, &(struct feed_report){.kind = FEED_TRACE, .now_ns = now_ns, .node = node, .trace = *e});
    t->deliveries += e->kind == TRACE_DELIVER;
}

void tape_node_state(struct tape *t, uint32_t node, uint64_t now_ns, bool up)
{
    put(t, &(struct feed_report){.kind = FEED_STATE, .now_ns = now_ns, .node = node, .up = up});
}

void tape_node_event(struct tape *t, uint32_t node, uint64_t now_ns, const char *kind, const char *detail)
{
    put(t, &(struct feed_report){.kind = FEED_EVENT,
                                 .now_ns = now_ns,
                                 .node = node,
                                 .trace = {.id = slice_of(kind, strlen(kind) + 1),
                                           .topic = slice_of(detail, strlen(detail) + 1)}});
}

void tape_event(struct tape *t, uint64_t now_ns, const char *kind, const char *detail)
{
    tape_node_event(t, SCENARIO, now_ns, kind, detail);
}

static void tell(struct recorder *r, const struct feed_report *report)
{
    const struct trace_event *e = &report->trace;

    switch (report->kind) {
    case FEED_TRACE:
        recorder_trace(r, report->node, report->now_ns, e);
        break;
    case FEED_EVENT:
        if (report->node == SCENARIO)
            recorder_event(r, report->now_ns, (const char *)e->id.data, (const char *)e->topic.data);
        else
            recorder_node_event(r, report->node, report->now_ns, (const char *)e->id.data, (const char *)e->topic.data);
        break;
    case FEED_STATE:
        recorder_node_state(r, report->node, report->now_ns, report->up);
        break;
    }
}

void tape_play(const struct tape *t, struct recorder *r)
{
    for (const struct chunk *c = t->first; c; c = c->next)
        for (size_t at = 0; at < c->used;) {
            const struct item *i = (const void *)(c->bytes + at);
            struct feed_report report = item_read(i);

            tell(r, &report);
            at += i->size;
        }
}

uint64_t tape_deliveries(const struct tape *t)
{
    return t->deliveries;
}

uint64_t tape_reports(const struct tape *t)
{
    return t->reports;
}

uint64_t tape_size(const struct tape *t)
{
    return t->size;
}
