/* Inside of a yamux session, shared by yamux.c (what the application does, and writing),
 * yamux_read.c (what the peer does) and yamux_streams.c (the table of streams and the queues).
 * Nobody else includes this. */
#ifndef STACK_TRANSPORT_YAMUX_SESSION_H
#define STACK_TRANSPORT_YAMUX_SESSION_H

#include "stack/transport/yamux.h"

#define YAMUX_PONGS_MAX 32 /* queued answers; pings beyond are not answered, as in go */

/* Streams wait here for their turn to write. */
enum yamux_queue {
    YAMUX_QUEUE_URGENT, /* SYN, ACK, RST or credit is due: small, and somebody waits for it */
    YAMUX_QUEUE_READY   /* has data and window for it, or a FIN that is next */
};

/* A ring of frames that belong to no stream; there only while it is not empty. */
struct yamux_controls {
    uint32_t head, count, capacity;
    uint32_t pongs; /* among them */
    uint8_t headers[][YAMUX_HEADER_SIZE];
};

struct yamux_table {
    uint32_t capacity;
    struct yamux_stream *items[];
};

struct yamux { /* two cache lines; what every frame needs is in the first */
    struct yamux_stream *current;  /* of the last frame; NULL: what is left of it is dropped */
    uint32_t payload_left; /* of the frame being read */
    int failed;            /* the err that ended the session */
    bool fin_pending : 1;  /* the frame being read ends its stream */
    bool client : 1, pinging : 1, goaway_sent : 1, goaway_received : 1;
    uint32_t frame_payload_max; /* the config's */
    struct yamux_controls *controls; /* NULL: none is queued */
    uint64_t now_ns;         /* of the last call that told */
    uint64_t received_at_ns; /* the last frame */
    struct yamux_stream *queue_tails[2]; /* circular lists through next_queued; NULL when empty */
    const struct yamux_config *config;
    uint64_t ping_sent_at_ns, rtt_ns;
    struct yamux_table *table; /* streams by ascending id, with those that were released and still write; NULL: none */
    uint32_t stream_count, visible_count; /* visible: not released */
    uint32_t opened_by_peer, unacknowledged;
    uint32_t next_id;
    uint32_t ping_value; /* of the next ping */
};

/* yamux_streams.c */
struct yamux_stream *yamux_streams_find(const struct yamux *y, uint32_t id); /* NULL: unknown */
struct yamux_stream *yamux_streams_add(struct yamux *y, uint32_t id, bool opened_by_us);
void yamux_streams_hide(struct yamux *y, struct yamux_stream *s); /* from the application */
/* Both directions are over: forgets the bytes and whatever was due. */
void yamux_streams_kill(struct yamux *y, struct yamux_stream *s);
/* Frees the stream when the application released it and nothing is left to write. */
void yamux_streams_reap(struct yamux *y, struct yamux_stream *s);
void yamux_streams_clear(struct yamux *y);
void yamux_queue_push(struct yamux *y, enum yamux_queue q, struct yamux_stream *s); /* once */
struct yamux_stream *yamux_queue_pop(struct yamux *y, enum yamux_queue q);
/* Puts the stream into the ready queue or takes it out, as its state demands. */
void yamux_queue_update(struct yamux *y, struct yamux_stream *s);

static inline bool yamux_fin_due(const struct yamux_stream *s)
{
    return s->send_closed && !s->fin_sent && s->out.size == 0 && !s->dead;
}

/* yamux.c */
void yamux_control_push(struct yamux *y, const struct yamux_header *h);
int yamux_fail(struct yamux *y, int err, enum yamux_goaway code); /* returns err */

#endif
