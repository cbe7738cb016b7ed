/* Streams for measuring and testing: what a node answers to, and what it can be told to do.
 *
 *   /hearsay/sink/1.0.0     the opener sends and finishes; the other side answers how many bytes it got (8 bytes, BE)
 *   /hearsay/source/1.0.0   the opener sends a number (8 bytes, BE) and finishes; the other side sends that many
 *   /perf/1.0.0             libp2p's perf: the same, with bytes of the opener's behind its number
 *   /hearsay/echo/1.0.0     everything comes back
 *
 * Who reads slowly takes TRANSFER_STEP_SIZE bytes, rests for its pause, and goes on; what arrives meanwhile waits in the
 * stream, whose window then holds the peer back. */
#ifndef SIM_LIVE_TRANSFER_H
#define SIM_LIVE_TRANSFER_H

#include "sim/live/journal.h"
#include "stack/backend/epoll.h"
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
#define TRANSFER_STEP_SIZE (1u << 20) /* bytes between two pauses */
#define TRANSFER_ECHOES_MAX 4         /* names of echo besides its own */
#define TRANSFER_NAME_MAX 128         /* bytes of such a name */

struct transfer;

struct transfers {
    struct node *node;
    struct sockets *sockets;
    struct journal *journal;
    struct app_protocol asking[TRANSFER_KIND_COUNT], serving[TRANSFER_KIND_COUNT];
    struct app_protocol echoes[TRANSFER_ECHOES_MAX];
    char echo_names[TRANSFER_ECHOES_MAX][TRANSFER_NAME_MAX + 1];
    uint32_t echo_count;
    uint64_t sink_pause_ns;   /* of the sink that peers write to; 0: it takes all at once */
    struct transfer *resting; /* those in a pause, in no order */
    uint64_t bytes_in, bytes_out; /* of both sides, all kinds */
    uint32_t active;
};

struct transfer_order {
    enum transfer_kind kind;
    struct peerid peer;
    uint64_t size;
    uint32_t streams;
    bool reset;        /* once half of the bytes were sent */
    uint64_t pause_ns; /* TRANSFER_RECEIVE and TRANSFER_PERF: between reads; 0: none */
};

void transfers_init(struct transfers *t, struct node *node, struct sockets *sockets,
                    struct journal *journal, uint64_t sink_pause_ns);
void transfers_deinit(const struct transfers *t); /* after the node */
void transfers_serve(struct transfers *t, uint64_t now_ns); /* peers may open them */
/* One more name for echo, told to connected peers: 0; ERR_INVALID when it is not a slash and up to TRANSFER_NAME_MAX - 1
 * printable bytes without blanks behind it; ERR_DUPLICATE when the node answers to it; ERR_LIMIT. */
int transfers_serve_echo(struct transfers *t, uint64_t now_ns, struct slice name);
/* Opens all streams: 0, or as app_stream_open (those that are open go on). Each tells its end in
 * the journal. */
int transfers_start(struct transfers *t, uint64_t now_ns, const struct transfer_order *order);

#endif
