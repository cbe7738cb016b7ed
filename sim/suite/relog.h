/* Reads back what a node of the suite says (log.h). */
#ifndef SIM_SUITE_RELOG_H
#define SIM_SUITE_RELOG_H

#include "stack/base/trace.h"
#include "stack/wire/peerid.h"

enum relog_kind {
    RELOG_RECEIVED,     /* a copy: id, topic, peer */
    RELOG_SENT,         /* likewise */
    RELOG_CONTROL,      /* control, count, peer, sent */
    RELOG_SUBSCRIPTION, /* the peer joined, or left, the topic */
    RELOG_OTHER,
    RELOG_BROKEN /* no line of such a log */
};

struct relogged {
    enum relog_kind kind;
    bool has_peer, joined, sent;
    struct peerid peer;
    enum trace_control control;
    uint32_t count;
    struct slice id, topic; /* into what follows */
    uint8_t id_bytes[128];
    char topic_text[1024];
};

enum relog_kind relog(struct slice line, struct relogged *out);

#endif
