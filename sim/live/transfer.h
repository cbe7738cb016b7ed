/* Streams for measuring and testing: what a node answers to, and what it can be told to do.
 *
 *   /hearsay/sink/1.0.0    the opener sends and finishes; the other side answers how many bytes it
 * got (8 bytes, BE) /hearsay/source/1.0.0  the opener sends a number (8 bytes, BE) and finishes;
 * the other side sends that many /perf/1.0.0            libp2p's perf: the same, with bytes of the
 * opener's behind its number /hearsay/echo/1.0.0    everything comes back
 */
#ifndef SIM_LIVE_TRANSFER_H
#define SIM_LIVE_TRANSFER_H

#include "sim/live/journal.h"
#include "stack/node/app_stream.h"

enum transfer_kind {
    TRANSFER_SEND,
    TRANSFER_RECEIVE,
    TRANSFER_ECHO,
    TRANSFER_PERF,
    TRANSFER_KIND_COUNT
};

extern const char *const transfer_names[]; /* "send", "receive", "echo", "perf" */

#define TRANSFER_STREAMS_MAX 256 /* opened by one command */

struct transfers {
    struct node *node;
    struct journal *journal;
    struct app_protocol asking[TRANSFER_KIND_COUNT], serving[TRANSFER_KIND_COUNT];
    uint64_t bytes_in, bytes_out; /* of both sides, all kinds */
    uint32_t active;
};

struct transfer_order {
    enum transfer_kind kind;
    struct peerid peer;
    uint64_t size;
    uint32_t streams;
    bool reset; /* once half of the bytes were sent */
};

void transfers_init(struct transfers *t, struct node *node, struct journal *journal);
void transfers_serve(struct transfers *t, uint64_t now_ns); /* peers may open them */
/* Opens all streams: 0, or as app_stream_open (those that are open go on). Each tells its end in
 * the journal. */
int transfers_start(struct transfers *t, uint64_t now_ns, const struct transfer_order *order);

#endif
