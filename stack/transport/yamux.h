/* yamux (/yamux/1.0.0): many streams over one connection.
 *
 * A pure machine: yamux_read turns received bytes into one event at a time, yamux_write turns what
 * is queued into one frame at a time, so the caller decides how much leaves for the network. Time
 * comes in as an argument; the session names its next deadline. No callback, no allocation the peer
 * can drive past the limits below.
 *
 * Follows the hashicorp spec as go-yamux v5 runs it: windows of 256 KiB that grow to 16 MiB,
 * ping-measured round trips, a keepalive that ends a dead session, RST with an error code in the
 * length of a window update. */
#ifndef STACK_TRANSPORT_YAMUX_H
#define STACK_TRANSPORT_YAMUX_H

#include "stack/base/chain.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/transport/yamux_frame.h"

#define YAMUX_WINDOW_INITIAL (256 * 1024)

struct yamux_config {
    uint32_t window_max; /* of a stream's receive window; >= YAMUX_WINDOW_INITIAL; default 16 MiB */
    uint32_t frame_payload_max; /* of one Data frame we send; default 65536 - 12 as go */
    uint32_t streams_in_max;  /* open streams that the peer opened; more are reset; default 1024 */
    uint32_t backlog_max;     /* streams we opened that are not acknowledged; default 256 */
    uint32_t control_max;     /* queued control frames before the session is closed; default 1024 */
    uint64_t keepalive_ns;    /* silence before we ping; 0: never; default 30 s */
    uint64_t ping_timeout_ns; /* unanswered ping that ends the session; default 10 s */
};

struct yamux_config yamux_config_default(void);

enum yamux_goaway { YAMUX_GOAWAY_NORMAL = 0, YAMUX_GOAWAY_PROTOCOL = 1, YAMUX_GOAWAY_INTERNAL = 2 };

/* Stream reset codes (libp2p error codes, shifted by one as go sends them). */
enum yamux_reset {
    YAMUX_RESET_NONE = 0,
    YAMUX_RESET_NEGOTIATION = 0x1001,
    YAMUX_RESET_LIMIT = 0x1002,
    YAMUX_RESET_VIOLATION = 0x1004
};

/* One stream. Owned by the session; a pointer stays good until yamux_release. Public fields: */
struct yamux_stream {
    uint32_t id;
    uint32_t receive_window; /* the session's: bytes the peer may still send */
    void *user;              /* the application's */
    struct chain in; /* received, not yet taken by the application; yamux_consumed after taking */
    /* the session's; up to here a cache line for receiving, then one for sending */
    uint32_t receive_window_size; /* what it is kept at: grows */
    uint32_t uncredited;          /* consumed, not yet given back */
    uint8_t flags_due;            /* SYN, ACK, RST that are still to be written */
    bool opened_by_us, acknowledged, receive_closed, send_closed, fin_sent, dead, released;
    struct chain out; /* public: accepted from the application, not yet in a frame */
    struct yamux_stream *next_queued[2]; /* NULL when not in that queue */
    uint32_t send_window;
    uint32_t length_due; /* of the next window update: credit given back, or the code of a reset */
    uint64_t credited_at_ns;
};

struct yamux; /* a session */

enum yamux_event_kind {
    YAMUX_EVENT_OPENED, /* the peer opened ev->stream (and it is acknowledged) */
    YAMUX_EVENT_DATA,   /* ev->stream->in has more bytes */
    YAMUX_EVENT_FIN,   /* no more bytes will come on ev->stream; what is in `in` is still to be read
                        */
    YAMUX_EVENT_RESET, /* ev->stream is dead in both directions, its queues are empty; code; release
                          it */
    YAMUX_EVENT_GOAWAY /* the peer ends the session; code */
};

struct yamux_event {
    enum yamux_event_kind kind;
    struct yamux_stream *stream;
    uint32_t code;
};

/* `config` outlives the session; sessions may share it. */
struct yamux *yamux_new(const struct yamux_config *config, bool client, uint64_t now_ns);
void yamux_free(struct yamux *y); /* with all streams */

/* The next event in `in`: 1 and *ev, 0 when more bytes are needed, or a negative err that ends the
 * session (a GO_AWAY is queued to be written; the same err is all that comes from then on):
 * ERR_MALFORMED (version or type), ERR_PROTOCOL (SYN on an id that is open or not the peer's to
 * open), ERR_WINDOW (data beyond the receive window), ERR_LIMIT (a flood of streams). A Data frame
 * is passed on as it arrives, in one DATA event or many. At most 11 bytes stay in `in`. */
int yamux_read(struct yamux *y, uint64_t now_ns, struct chain *in, struct yamux_event *ev);

/* Appends the next frame to `out`: 1, or 0 when nothing can be sent now. Control frames first, then
 * the streams that have data and credit in turn, one frame each. When that frame emptied a stream's
 * queue, *drained is that stream (else NULL): the moment to give it more. */
int yamux_write(struct yamux *y, struct chain *out, struct yamux_stream **drained);
bool yamux_has_output(const struct yamux *y);

/* Opens a stream: NULL when the backlog or the ids are used up or the peer said GO_AWAY. */
struct yamux_stream *yamux_open(struct yamux *y);
/* Moves all of `bytes` to the stream's queue. The caller bounds the queue: look at
 * stream->out.size. Not after yamux_finish; on a stream that is dead the bytes are dropped. */
void yamux_send(struct yamux *y, struct yamux_stream *s, struct chain *bytes);
/* `size` bytes were taken from stream->in: credit goes back to the peer when due. */
void yamux_consumed(struct yamux *y, struct yamux_stream *s, size_t size, uint64_t now_ns);
void yamux_finish(struct yamux *y,
                  struct yamux_stream *s); /* FIN after what is queued; may be repeated */
/* Ends both directions at once: the queues are dropped, no event follows. It is still to be
 * released. */
void yamux_reset(struct yamux *y, struct yamux_stream *s, uint32_t code);
/* The application forgets the stream; the pointer is dead afterwards. What is queued still goes
 * out, and a FIN behind it; what still comes in is dropped without credit, as go does. An
 * application that cannot know whether the peer will ever make room resets first: bytes that the
 * peer's window does not admit stay until the session ends. */
void yamux_release(struct yamux *y, struct yamux_stream *s);

void yamux_ping(struct yamux *y, uint64_t now_ns); /* measures the round trip; one at a time */
void yamux_goaway(struct yamux *y, enum yamux_goaway code);

/* When yamux_tick is due; TIME_NEVER when never. Every frame received moves it on, yamux_ping may
 * move it closer: keep the timer one has, and ask again when it fires. */
uint64_t yamux_deadline(const struct yamux *y);
bool yamux_pinging(const struct yamux *y); /* an answer is awaited; when it comes the deadline may move closer, too */
int yamux_tick(struct yamux *y, uint64_t now_ns); /* 0, or ERR_TIMEOUT: the peer is dead */

/* A hint that bytes come soon: fetches the session's memory, then (deep) that of the stream which the last frame was for. */
void yamux_expect(const struct yamux *y, bool deep);

uint64_t yamux_rtt_ns(const struct yamux *y);       /* 0 before the first measurement */
uint32_t yamux_stream_count(const struct yamux *y); /* those that were not released */
/* The first of them by ascending id, or the one that follows `after`; NULL when there is none. */
struct yamux_stream *yamux_stream_next(const struct yamux *y, const struct yamux_stream *after);

#endif
