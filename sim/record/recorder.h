/* The recorder: takes in what the nodes report and makes a database, a digest and a summary of it.
 *
 * Order of calls: open; a recorder_node for every index below node_count; links; then traces,
 * events and node states in order of (time, node); totals of bytes; summarize and expectations;
 * finish or abort; free. One thread at a time, except within a window (recorder_window).
 *
 * Memory: about 150 bytes a node and 250 a message, plus 34 bytes a receiver (and, for hops, 70 a
 * copy) of a message that was active within the last 30 s (at most RECORD_LIVE_BYTES_MAX; then the
 * oldest messages are settled early). A settled message still counts what comes late, but no longer
 * knows hops. */
#ifndef SIM_RECORD_RECORDER_H
#define SIM_RECORD_RECORDER_H

#include "sim/record/summary.h"
#include "stack/base/trace.h"

#define RECORD_LIVE_BYTES_MAX ((uint64_t)256 << 20)
/* A message is settled (its rows are written) when nothing was heard of it for so long; sooner when
 * all whom it was meant for have it. */
#define RECORD_YOUNG_NS (30 * (uint64_t)1000000000)
#define RECORD_DONE_NS (5 * (uint64_t)1000000000)
/* Rows kept at most, roughly, when hop_every is automatic: as the room goes, only every 2nd, 4th,
 * ... new message is recorded in full. Statistics do not depend on it. */
#define RECORD_HOP_ROWS_MAX 500000u
#define RECORD_DELIVERY_ROWS_MAX 3000000u
#define RECORD_PEER_NODES_MAX 20000u /* nodes whose connections and grafts are rows, when that is automatic */
#define RECORD_TOPICS_DETAILED                                                                     \
    64 /* further topics share one histogram and have no mesh samples                              \
        */

#define RECORD_AUTOMATIC 0u
#define RECORD_NONE UINT32_MAX

/* All texts are copied; NULL is allowed. */
struct record_run {
    const char *scenario_name, *scenario_text, *question, *backend, *tcp_model, *encryption;
    const char *replay; /* the command that repeats the run, one line */
    const char *version;
    uint64_t seed;
    uint32_t threads, node_count; /* threads: that were asked for */
    uint64_t duration_ns, warmup_ns, cooldown_ns; /* measured: published after the one, before the other */
    /* Rows of every k-th message, or node; RECORD_AUTOMATIC, RECORD_NONE. */
    uint32_t hop_every, delivery_every;
    uint32_t peer_every;     /* connection and mesh, by node */
    bool message_histograms; /* message_propagation */
    bool repeat_lags;        /* record_summary.repeat_lags: costs a look at the receipt for every duplicate */
};

struct record_node {
    uint32_t index;
    const char *name, *group, *region, *class_name, *peer_id, *address;
    const char *behaviour; /* NULL: honest */
    struct slice peer_id_bytes; /* as TRACE_PEER_READY reports it; copied */
    uint64_t up_bps, down_bps;
    bool algorand; /* runs the Algorand protocol: expected to get its broadcasts */
    bool down;     /* starts later: recorder_node_state tells when */
};

struct record_totals {
    uint64_t sim_ns, peak_rss_bytes, events, connections;
    uint32_t threads;      /* that ran the nodes */
    uint64_t lookahead_ns; /* of several threads; UINT64_MAX: there was one */
    double wall_s, setup_wall_s;
};

struct recorder;

/* db_path NULL: digest and summary only. The folder must exist; an older file is replaced. 0, or a
 * negative err with a sentence for the user in `error`. */
int recorder_open(const char *db_path, const struct record_run *run, struct recorder **out,
                  char *error, size_t error_size);

void recorder_node(struct recorder *r, const struct record_node *node);
void recorder_link(struct recorder *r, uint32_t dialler, uint32_t listener, uint64_t latency_ns);

/* Nodes run in lanes, several at once: lane_of[node]. Between recorder_window(true) and (false) each lane may call
 * recorder_trace, recorder_expect, recorder_node_state and recorder_node_event for its own nodes, in order of (time, node), and
 * nobody anything else but recorder_deliveries. What is recorded is the same as when one thread reports in that order. 0, or
 * ERR_SYSTEM: no thread to be had. */
int recorder_divide(struct recorder *r, uint32_t lane_count, const uint32_t *lane_of);
void recorder_window(struct recorder *r, bool open);

/* A node that goes down leaves its topics (its process is gone); when up again it has to join anew.
 */
void recorder_node_state(struct recorder *r, uint32_t node, uint64_t now_ns, bool up);

/* A hint that the node will report something soon: fetches what that needs, in two steps. */
void recorder_expect(const struct recorder *r, uint32_t node, unsigned step);
void recorder_trace(struct recorder *r, uint32_t node, uint64_t now_ns,
                    const struct trace_event *e);

/* An action of the scenario: part of the digest. */
void recorder_event(struct recorder *r, uint64_t now_ns, const char *kind, const char *detail);

/* What the scenario does to one node: part of that node's digest, so that the order among nodes does not matter. */
void recorder_node_event(struct recorder *r, uint32_t node, uint64_t now_ns, const char *kind, const char *detail);

/* All bytes of the node's TCP streams since its start, which no trace tells. The last call for a node counts. */
void recorder_bytes(struct recorder *r, uint32_t node, uint64_t sent, uint64_t received);

void recorder_expectation(struct recorder *r, const char *text, const char *value, bool passed);

/* Commits what there is to the file soon; call it now and then (once a wall second, say) in slow
 * runs. */
void recorder_flush(struct recorder *r);

/* Deliveries so far, of all messages: for showing progress. */
uint64_t recorder_deliveries(const struct recorder *r);

/* The first error in writing, NULL while all is well. A run should end when there is one. */
const char *recorder_failed(const struct recorder *r);

/* The numbers so far; the caller ends with summary_deinit. */
void recorder_summarize(struct recorder *r, const struct record_totals *totals,
                        struct record_summary *out);

/* Writes everything, marks the file complete, and fills `out` (caller: summary_deinit; may be
 * NULL). 0, or a negative err with the reason in `error`: then the file is there but incomplete.
 * `out` is filled in either case. */
int recorder_finish(struct recorder *r, const struct record_totals *totals,
                    struct record_summary *out, char *error, size_t error_size);

/* Ends the recording early: what is known is written, the file stays marked incomplete, with
 * `reason` (may be NULL). */
void recorder_abort(struct recorder *r, const char *reason);

void recorder_free(struct recorder *r); /* NULL is fine */

void recorder_digest(const struct recorder *r, uint8_t out[static DIGEST_SIZE]); /* so far */

#endif
