/* What a recorder would have been told, kept until there is one: several recordings may then begin with the same reports, each
 * with settings of its own.
 *
 * Same calls and order as those of recorder.h. A report takes some 70 bytes, and 20 to 60 more when it names a message, topic or peer. */
#ifndef SIM_RECORD_TAPE_H
#define SIM_RECORD_TAPE_H

#include "sim/record/recorder.h"

struct tape;

struct tape *tape_new(void);
void tape_free(struct tape *t); /* NULL is fine */

void tape_trace(struct tape *t, uint32_t node, uint64_t now_ns, const struct trace_event *e);
void tape_node_state(struct tape *t, uint32_t node, uint64_t now_ns, bool up);
void tape_event(struct tape *t, uint64_t now_ns, const char *kind, const char *detail);
void tape_node_event(struct tape *t, uint32_t node, uint64_t now_ns, const char *kind, const char *detail);

/* Tells the recorder all of it; the tape stays as it is. */
void tape_play(const struct tape *t, struct recorder *r);

uint64_t tape_deliveries(const struct tape *t);
uint64_t tape_reports(const struct tape *t);
uint64_t tape_size(const struct tape *t); /* bytes */

#endif
