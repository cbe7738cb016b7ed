/* Reads back what the journal (journal.h) writes: lines of a live node as the traces that they were made of. */
#ifndef SIM_LIVE_RETELL_H
#define SIM_LIVE_RETELL_H

#include "stack/base/trace.h"
#include "stack/wire/peerid.h"

#define RETELL_ID_MAX 128    /* bytes of a message's id */
#define RETELL_TOPIC_MAX 1024

struct retold {
    struct trace_event trace; /* peer is TRACE_NO_PEER: `peer` below is meant; id and topic point into this struct */
    bool has_peer;
    struct peerid peer;
    uint8_t id[RETELL_ID_MAX];
    char topic[RETELL_TOPIC_MAX];
};

enum retell_result {
    RETELL_TRACE, /* *out */
    RETELL_OTHER, /* an event that is no trace */
    RETELL_ERROR, /* an error that the node tells of: out->topic is its text */
    RETELL_BROKEN /* no line of a journal */
};

enum retell_result retell(struct slice line, struct retold *out);

#endif
