/* Made-up events for the recorder and the report: messages that flood a ring with chords, as a list
 * in order of time. */
#ifndef TESTS_LIB_FLOOD_H
#define TESTS_LIB_FLOOD_H

#include "sim/record/recorder.h"

struct flood_event {
    uint64_t now_ns;
    uint32_t node, slot, message;
    uint8_t kind; /* enum trace_kind */
};

struct flood {
    uint32_t nodes, degree, messages, count, capacity;
    struct flood_event *events;
};

/* Each node joins, meets `degree` (even) peers, grafts them; message i is published at 1 s + i *
 * 100 ms. */
void flood_init(struct flood *f, uint32_t nodes, uint32_t degree, uint32_t messages);
void flood_deinit(struct flood *f);

/* What to open a recorder with; warm-up ends before message 2. */
struct record_run flood_run(const struct flood *f);
/* Registers the nodes (region "north" or "south"). */
void flood_register(const struct flood *f, struct recorder *r);
void flood_feed(const struct flood *f, struct recorder *r, uint32_t event);
void flood_feed_all(const struct flood *f, struct recorder *r);

#endif
