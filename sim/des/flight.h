/* Connections of the `flight` model and the parts of it: flight_conn.c has their memory, flight_way.c what lies between two
 * hosts, flight_handshake.c how they open; flight.c the rest. For these files only. */
#ifndef SIM_DES_FLIGHT_H
#define SIM_DES_FLIGHT_H

#include "sim/des/internal.h"
#include "sim/des/receiver.h"
#include "sim/des/sender.h"
#include "sim/tcp/tcp.h"

#define CHUNK 4 /* connections that are allocated together */
#define CHUNKS_FEW 5

enum flight_event {
    EVENT_TRAIN = EVENT_TRANSPORT, /* object: struct train that is through the far end's downlink if nothing was before it */
    EVENT_THROUGH,                 /* object: struct train that left the downlink's queue */
    EVENT_ALARM,                   /* object: a connection's number, as are those of the next */
    EVENT_RESUME,                  /* it was unpaused */
    EVENT_SWEEP                    /* give back what idle connections do not need */
};

enum conn_state {
    CONN_FREE,
    CONN_DIALLING,
    CONN_ACCEPTING, /* the SYN came; known to the node when the handshake is through */
    CONN_OPEN,
    CONN_CLOSING /* given up by its node: sends what is left */
};

struct conn { /* what receiving needs comes first: three cache lines, of which it touches the first only */
    uint32_t generation, index;
    struct receiver receiver;
    uint8_t state; /* enum conn_state */
    bool paused : 1, retry : 1 /* our word of the handshake was lost */;
    uint32_t peer_host; /* of a free one: the next free one, or NONE */
    struct backend_conn peer;
    uint64_t last_arrival_ns; /* of what we sent: later trains never overtake */
    struct sender sender;
    uint64_t spare; /* to a multiple of a cache line */
};

_Static_assert(sizeof(struct conn) == 192, "what an end of a connection costs");

struct flight_host {
    struct conn **chunks; /* of CHUNK connections each: `few`, or an array */
    uint32_t conn_count;
    uint32_t first_free; /* of a list; NONE */
    struct conn *few[CHUNKS_FEW];
    bool sweeping;
};

static inline struct flight_host *flight_host(const struct host *h)
{
    return transport_state(h);
}

static inline const struct tcp_config *config_of(const struct host *h)
{
    return h->des->transport_world;
}

static inline uint32_t header_size(const struct host *h)
{
    return config_of(h)->timestamps ? 52 : 40;
}

static inline struct conn *conn_at(const struct flight_host *fh, uint32_t index)
{
    return &fh->chunks[index / CHUNK][index % CHUNK];
}

static inline struct conn *conn_get(struct host *h, struct backend_conn handle)
{
    struct flight_host *fh = flight_host(h);
    struct conn *c;

    if (handle.index >= fh->conn_count)
        return NULL;
    c = conn_at(fh, handle.index);
    return c->state == CONN_FREE || c->generation != handle.generation ? NULL : c;
}

static inline struct backend_conn handle_of(const struct conn *c)
{
    return (struct backend_conn){c->index, c->generation};
}

/* ---- flight_conn.c ---- */

void flight_host_start(struct host *h);
void flight_host_stop(struct host *h);
struct conn *flight_conn_new(struct host *h, enum conn_state state, const struct host *peer);
void flight_conn_free(struct host *h, struct conn *c); /* its handle is void from now on */

/* ---- flight_way.c ---- */

struct train *flight_train(const struct host *h, const struct conn *c, enum train_kind kind); /* of one segment, to the peer of c */
/* Puts the train on its way; when its last bit left the uplink. It arrives no earlier than *last_arrival_ns. */
uint64_t flight_launch(struct host *h, struct train *t, uint64_t *last_arrival_ns);
void flight_send_control(struct host *h, struct conn *c, enum train_kind kind);
void flight_refuse(struct host *h, const struct train *to); /* answers something for which there is no connection here */
void flight_arrive(struct host *h, struct train *t);        /* EVENT_TRAIN; takes the train */

/* ---- flight_handshake.c ---- */

int flight_dial(struct host *h, struct host *to, uint16_t port, struct backend_conn *conn);
void flight_receive_syn(struct host *h, const struct train *t);
void flight_receive_syn_ack(struct host *h, struct conn *c, const struct train *t);
void flight_accept(struct host *h, struct conn *c); /* the handshake is through on the accepting side; c may be gone after it */
void flight_control_lost(struct host *h, struct conn *c, const struct train *notice);
void flight_retry_handshake(struct host *h, struct conn *c); /* its time has come */

/* ---- flight.c ---- */

void flight_receive(struct host *h, struct train *t); /* a train that is through the downlink; takes it */
void flight_notice(struct host *h, struct train *t);  /* of a loss, to whom it concerns; takes it */
void flight_alarm_at(struct host *h, struct conn *c, uint64_t due_ns); /* looks at the connection then, or earlier */

#endif
