/* What a run comes to in a few numbers, and how they are printed.
 *
 * `messages` and all that follows from them (expected, deliveries, duplicates, propagation) count
 * messages published in the measured period. A delivery is the first acceptance by a node that was
 * up and in the message's topic when it was published, the publisher itself excepted. */
#ifndef SIM_RECORD_SUMMARY_H
#define SIM_RECORD_SUMMARY_H

#include <stdio.h>

#include "sim/record/digest.h"
#include "sim/record/histogram.h"

struct record_topic {
    char *name;
    const char *protocol;
    uint64_t messages, expected, deliveries, duplicates;
    struct histogram propagation; /* ns */
    struct histogram hops;
    struct histogram repeats;     /* duplicates of a message that a node got */
    struct histogram repeat_lags; /* ns from the first copy to a duplicate; where asked for */
};

struct record_summary {
    char *scenario, *backend; /* NULL when not told */
    const char *variant;      /* of a warm run, not owned; NULL: none */
    uint64_t seed;
    uint8_t digest[DIGEST_SIZE];
    uint32_t nodes;
    uint32_t recorded_messages, with_hops, with_deliveries; /* all; those with rows of that kind; 0: nothing is written */
    uint64_t connections, events, sim_ns, peak_rss_bytes;
    uint32_t threads;      /* that ran the nodes */
    uint64_t lookahead_ns; /* UINT64_MAX: one thread */
    double wall_s, setup_wall_s;
    uint64_t messages, expected, deliveries, duplicates;
    uint64_t unexpected;        /* accepted by nodes that came too late to be expected */
    uint64_t rejected, dropped; /* whole run: by validation; from full queues */
    uint64_t payload_bytes, control_bytes, total_bytes; /* sent by all nodes, whole run */
    uint64_t withheld_bytes; /* of copies that were not sent: the peer said IDONTWANT */
    uint32_t hops_max;
    uint32_t expectations, expectations_failed;
    uint64_t dials_failed;        /* whole run */
    struct histogram propagation; /* ns, all topics */
    struct histogram hops, repeats, repeat_lags;
    struct record_topic *topics;  /* those with messages; many topics end in one "(other topics)" */
    uint32_t topic_count;
};

void summary_deinit(struct record_summary *s);

/* One JSON object and a newline; null where there is nothing to tell. */
void summary_print_json(const struct record_summary *s, FILE *out);

/* A JSON string, or null. */
void summary_json_text(FILE *out, const char *text);

/* For people: aligned, with percentiles a topic and a small histogram. */
void summary_print_text(const struct record_summary *s, FILE *out);

/* Shared with the report: "1.234" from 1,234,000 units of 1e-6, digits after the point <= 6,
 * rounded half up. */
#define SUMMARY_NUMBER_MAX 40
const char *summary_decimal(uint64_t millionths, int digits, char out[static SUMMARY_NUMBER_MAX]);
/* "1,234,567" and "12.3 MiB". */
const char *summary_grouped(uint64_t n, char out[static SUMMARY_NUMBER_MAX]);
const char *summary_bytes(uint64_t n, char out[static SUMMARY_NUMBER_MAX]);
/* Horizontal bars over logarithmic bins of milliseconds, at most 16 lines. */
void summary_print_histogram(const struct histogram *h, FILE *out);

#endif
