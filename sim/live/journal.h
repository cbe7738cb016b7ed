/* What a live node tells the world: one JSON object a line on standard output (README.md lists the
 * events).
 *
 * Every line has "event" and "time_us" (unix time). Lines are flushed one by one, so that a program
 * can follow. */
#ifndef SIM_LIVE_JOURNAL_H
#define SIM_LIVE_JOURNAL_H

#include "sim/live/jsonl.h"
#include "stack/node/node.h"

#include <stdio.h>

/* name, text, told unless asked otherwise */
#define JOURNAL_TABLE(X)                                                                           \
    X(JOURNAL_LISTENING, "listening", true)                                                        \
    X(JOURNAL_METRICS, "metrics", true)                                                            \
    X(JOURNAL_CONNECTED, "connected", true)                                                        \
    X(JOURNAL_DISCONNECTED, "disconnected", true)                                                  \
    X(JOURNAL_DIAL_FAILED, "dial-failed", true)                                                    \
    X(JOURNAL_CONNECTION_FAILED, "connection-failed", true)                                        \
    X(JOURNAL_IDENTIFIED, "identified", true)                                                      \
    X(JOURNAL_SUBSCRIBED, "subscribed", true)                                                      \
    X(JOURNAL_UNSUBSCRIBED, "unsubscribed", true)                                                  \
    X(JOURNAL_JOINED, "joined", true)                                                              \
    X(JOURNAL_LEFT, "left", true)                                                                  \
    X(JOURNAL_GRAFT, "graft", true)                                                                \
    X(JOURNAL_PRUNE, "prune", true)                                                                \
    X(JOURNAL_PUBLISHED, "published", true)                                                        \
    X(JOURNAL_RECEIVED, "received", true)                                                          \
    X(JOURNAL_DELIVERED, "delivered", true)                                                        \
    X(JOURNAL_DUPLICATE, "duplicate", true)                                                        \
    X(JOURNAL_REJECTED, "rejected", true)                                                          \
    X(JOURNAL_DROPPED, "dropped", true)                                                            \
    X(JOURNAL_SENT, "sent", false)                                                                 \
    X(JOURNAL_CONTROL, "control", false)                                                           \
    X(JOURNAL_WITHHELD, "withheld", false)                                                         \
    X(JOURNAL_SCORE, "score", true)                                                                \
    X(JOURNAL_PARTS, "parts", true)                                                                \
    X(JOURNAL_TEST_EXTENSION, "test-extension", true)                                              \
    X(JOURNAL_PING, "ping", true)                                                                  \
    X(JOURNAL_TRANSFER, "transfer", true)                                                          \
    X(JOURNAL_FLOODED, "flooded", true)                                                            \
    X(JOURNAL_COUNTS, "counts", true)                                                              \
    X(JOURNAL_ERROR, "error", true)                                                                \
    X(JOURNAL_STOPPED, "stopped", true)

#define JOURNAL_ENUM(name, text, told) name,
enum journal_event { JOURNAL_TABLE(JOURNAL_ENUM) JOURNAL_EVENT_COUNT };
#undef JOURNAL_ENUM

struct journal {
    struct jsonl json;
    FILE *out;
    uint64_t epoch_ns;       /* unix time of the node's time 0 */
    uint32_t mask;           /* bit i: enum journal_event i is told */
    bool show_data;          /* of delivered messages */
    bool broken;             /* nobody reads any more */
    const struct node *node; /* whose slots the events name; set once there is one */
};

uint32_t journal_mask_default(void);
/* "all", or names with commas between them: NULL, or the first name that is none (up to its comma).
 */
const char *journal_mask_parse(const char *text, uint32_t *mask);

void journal_init(struct journal *j, FILE *out, uint64_t epoch_ns);
void journal_deinit(struct journal *j);

/* A line of one's own: false when the event is not told; else members are added to the result until
 * journal_end. */
bool journal_begin(struct journal *j, uint64_t now_ns, enum journal_event event);
void journal_end(struct journal *j);
void journal_peer(struct journal *j, const char *key,
                  uint32_t slot); /* left out when the slot has no peer id */

void journal_trace(struct journal *j, uint64_t now_ns, const struct trace_event *event);
void journal_identified(struct journal *j, uint64_t now_ns, uint32_t peer,
                        const struct identify *id, bool pushed);
void journal_peer_topic(struct journal *j, uint64_t now_ns, uint32_t peer, struct slice topic,
                        bool joined);
void journal_parts(struct journal *j, uint64_t now_ns, struct slice topic, uint64_t group, uint8_t have);
void journal_test_extension(struct journal *j, uint64_t now_ns, uint32_t peer);
void journal_delivered(struct journal *j, uint64_t now_ns, const struct gossipsub_message *m);
void journal_algorand(struct journal *j, uint64_t now_ns, const struct algorand_message *m);
/* `command`: what was asked for, or NULL. */
void journal_error(struct journal *j, uint64_t now_ns, const char *command, const char *message);

#endif
