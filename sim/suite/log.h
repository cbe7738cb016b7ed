/* What a node of the suite says: JSON lines as Go's slog writes them, for the suite's scripts to
 * read.
 *
 *   {"time":"2000-01-01T00:02:00.017000000Z","level":"INFO","msg":"Received
 * Message","service":"gossipsub",...}
 *
 * The fraction always has nine digits, because the suite's scripts sort these texts. A log goes to
 * a stream, a line at a time, or to a file of its own in pieces, so that ten thousand of them need
 * no descriptors. */
#ifndef SIM_SUITE_LOG_H
#define SIM_SUITE_LOG_H

#include "sim/live/jsonl.h"
#include "stack/node/node.h"

#include <stdio.h>

#define SUITE_LOG_PIECE 16384 /* bytes that a file's log holds back, about */

struct suite_log {
    struct jsonl json;
    struct buf waiting;
    FILE *out;               /* NULL: the file */
    char *path;              /* NULL: the stream */
    uint64_t epoch_ns;       /* unix time of time 0 */
    const struct node *node; /* knows the peers; NULL: nothing is told */
    int error;               /* errno of the first write that failed */
};

void suite_log_to_stream(struct suite_log *l, FILE *out, uint64_t epoch_ns);
/* Makes the file, or empties it. False with errno set; the log is to be closed in any case. */
bool suite_log_to_file(struct suite_log *l, const char *path, uint64_t epoch_ns);
bool suite_log_close(struct suite_log *l); /* false with errno set when a write failed */

void suite_log_peer_id(struct suite_log *l, uint64_t now_ns, uint32_t node_id);
/* A group has more parts than before. */
void suite_log_parts(struct suite_log *l, uint64_t now_ns, uint64_t group, bool all);
void suite_log_trace(struct suite_log *l, uint64_t now_ns, const struct trace_event *e);
/* A peer told that it joined or left a topic. */
void suite_log_subscription(struct suite_log *l, uint64_t now_ns, uint32_t peer, struct slice topic,
                            bool joined);

#endif
