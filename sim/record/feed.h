/* Between lanes that run at once and the recorder, which takes one report after the other.
 *
 * While the window is open each lane puts its reports into a buffer of its own, with what they point to. Each buffer is in order of
 * (time, node), so merging them gives the order in which one thread would have reported: what is recorded does not
 * depend on the number of lanes. A thread of its own does so while the next windows run; a feeder that gets far behind
 * makes them wait. */
#ifndef SIM_RECORD_FEED_H
#define SIM_RECORD_FEED_H

#include "sim/record/digest.h"

enum feed_kind { FEED_TRACE, FEED_EVENT, FEED_STATE };

struct feed_report {
    uint64_t now_ns;
    uint32_t node;
    enum feed_kind kind;
    uint32_t remote;            /* trace: node, see recorder_remote */
    struct digest_hash id_hash; /* trace */
    struct trace_event trace;   /* event: id and topic are its kind and detail, each with its NUL */
    bool up;                    /* state */
};

struct feed;

/* `take` gets the reports in order, on one thread at a time. lane_of[node] is copied. NULL: no thread to be had. */
struct feed *feed_new(uint32_t lane_count, const uint32_t *lane_of, uint32_t node_count,
                      void (*take)(void *ctx, const struct feed_report *report), void *ctx);
void feed_free(struct feed *f); /* NULL is fine; reports that were not taken are dropped */

/* The calling thread's part, while no lane runs. */
void feed_window(struct feed *f, bool open);
void feed_settle(struct feed *f); /* returns when every report is taken; the window is closed */

bool feed_is_open(const struct feed *f);
/* From the thread of the node's lane, while the window is open. What it points to is copied. */
void feed_put(struct feed *f, const struct feed_report *report);

#endif
