/* What the files of stack/node share: the node, its connections, its streams. */
#ifndef STACK_NODE_INTERNAL_H
#define STACK_NODE_INTERNAL_H

#include "stack/base/heap.h"
#include "stack/base/rng.h"
#include "stack/identify/identify.h"
#include "stack/node/app_stream.h"
#include "stack/node/limits.h"
#include "stack/node/node.h"
#include "stack/transport/multistream.h"

/* raw -> multistream -> Noise -> (multistream) -> yamux */
enum conn_state { CONN_DIALLING, CONN_SECURITY, CONN_NOISE, CONN_MUXER, CONN_READY, CONN_CLOSED };

struct upgrade { /* what only a connection on its way up needs */
    struct multistream negotiation;
    struct noise_handshake *handshake;
};

/* A peer's slot is the index of its connection's handle. */
struct conn { /* the first cache line is for sending; that and the second for receiving */
    struct node *node;
    struct backend_conn handle;
    uint8_t state; /* enum conn_state */
    bool dialled, dirty, closing, modelled /* encryption: then `session` is cold */;
    bool gossip_wants : 1, algorand_wants : 1;
    bool fetched : 1; /* by conn_expect_flush, since the last flush */
    int16_t doomed;            /* err to close with at the end of this upcall */
    struct yamux *yamux;       /* once ready */
    struct stream *gossip_out;
    struct conn *next;         /* in the list of dirty or of buried ones */
    struct chain wire_out;
    struct chain wire_in, plain_in;
    struct noise_session *session; /* once the handshake is done; shared by all where modelled: see conn.c */
    struct stream *gossip_in, *algorand;
    struct upgrade *upgrade;   /* NULL once ready */
    struct timer timer;
    struct stream *streams;    /* all of them */
    uint64_t deadline_ns;      /* of the upgrade, then of the earliest stream with one */
    uint8_t pushes;            /* identify-pushes that we are reading */
    uint8_t reopened;          /* times the pubsub stream was opened again */
    bool takes_push, push_due; /* identify-push: listed by the peer; we have news for it */
    struct endpoint remote;
    struct peerid peer;        /* once the handshake is done */
    struct blob *peer_record;  /* signed, where we tell others of it; NULL: none */
};

enum stream_state { STREAM_NEGOTIATING, STREAM_OPEN };

struct opening { /* what only a stream with a deadline needs: one that is negotiating, or a short exchange */
    uint64_t deadline_ns;
    struct multistream negotiation;
};

struct stream {
    struct conn *conn;
    struct stream *next, **link;   /* among the connection's */
    struct yamux_stream *mux;
    const struct protocol *protocol; /* NULL until an inbound stream has chosen */
    void *own;                     /* the protocol's */
    uint32_t leftover;             /* bytes in mux->in that were already credited */
    uint8_t state;                 /* enum stream_state */
    uint8_t version;               /* index into the protocol's ids */
    bool outbound;
    struct opening *opening; /* NULL once negotiated, unless a deadline was set again */
};

/* What is spoken on a stream. `data` takes what it can use from s->mux->in; a negative result resets the stream. */
struct protocol {
    struct protocol_list ids;
    uint8_t version_first;                                        /* of ids[0] */
    int (*opened)(struct stream *s, uint64_t now_ns);
    int (*data)(struct stream *s, uint64_t now_ns);
    void (*finished)(struct stream *s, uint64_t now_ns);          /* the peer's FIN */
    void (*closed)(struct stream *s, uint64_t now_ns, int err);   /* the stream is going; free `own` */
    /* What was written has left for the network; may write more, or end the stream. NULL: nobody asks. */
    void (*drained)(struct stream *s, uint64_t now_ns);
    bool credit_taken; /* credit goes back as `data` takes bytes, not as they arrive */
};

enum dial_state { DIAL_WAITING, DIAL_UNDER_WAY, DIAL_CONNECTED, DIAL_DONE };

struct dial {
    struct endpoint to;
    struct peerid peer;
    bool has_peer, target; /* target: kept connected */
    bool heard;            /* of it by peer exchange; its place may be given to another one */
    uint8_t state;         /* enum dial_state */
    uint8_t attempts;
    uint64_t next_ns;
    struct backend_conn conn;
};

struct direct {
    struct endpoint at;
    struct peerid id;
};

#define SERVED_MAX 24

struct node { /* what every event needs comes first */
    uint64_t now_ns;     /* as the node's own clock shows it: all below, and all callbacks, go by it */
    struct conn **conns; /* by slot; NULL where free */
    uint32_t conn_capacity;
    bool busy, stopped, suspended, silent /* being freed */, dials_waiting, own_clock, charges_work;
    struct gossipsub *gossipsub;
    struct algorand *algorand;
    uint64_t bytes_sent, bytes_received;
    const struct backend_ops *ops;
    void *host;
    struct conn *dirty, **dirty_end, *buried;
    struct app_stream *app_due; /* streams of the owner with something put off */
    uint64_t wake_ns; /* what the backend was told */
    struct timers timers;
    struct timer gossip_timer, algorand_timer, dial_timer;
    uint64_t world_ns; /* with a clock of its own: as the world tells it */
    uint32_t ready_count, open_count;
    struct node_config config;
    struct node_events events;
    struct identity identity;
    struct drbg keys; /* Noise */
    struct buf record;   /* our signed peer record; empty when there is no address to tell */
    uint64_t record_seq; /* of the last one */
    struct rng dial_rng;
    struct dial *dials;
    uint32_t dial_count, dial_capacity, dials_under_way, heard_count;
    const char *served_ids[SERVED_MAX]; /* what inbound streams may ask for */
    const struct protocol *served[SERVED_MAX];
    uint8_t served_versions[SERVED_MAX];
    uint32_t served_count;
    struct direct *directs; /* peers that we are configured to be linked with */
    uint32_t direct_count;
    struct protocol pubsub_protocol; /* with the versions that we offer, in order of preference */
    const char *pubsub_ids[GOSSIPSUB_PROTOCOL_COUNT];
    uint8_t pubsub_versions[GOSSIPSUB_PROTOCOL_COUNT]; /* enum gossipsub_version of each */
    struct app_binding **app_bindings;
    uint32_t app_binding_count;
    struct endpoint *announced; /* what identify tells */
    uint32_t announced_count;
};

/* node.c */
/* Around every call of the world or the owner; false when it is made from inside another one. */
bool node_enter(struct node *n, uint64_t now_ns);
void node_leave(struct node *n, bool outer); /* `outer`: what node_enter said */
void node_serve_protocol(struct node *n, const struct protocol *p);
void node_trace(struct node *n, const struct trace_event *event);
uint64_t node_charge_slowly(struct node *n, unsigned works, uint64_t bytes);
/* Charges work to the CPU, where that takes time; returns when it will be done, by the node's clock. */
static inline uint64_t node_charge(struct node *n, unsigned works, uint64_t bytes)
{
    return n->charges_work ? node_charge_slowly(n, works, bytes) : n->now_ns;
}
struct conn *node_conn(const struct node *n, uint32_t slot); /* NULL when there is none */
struct protocol_list node_served(const struct node *n);

/* conn.c */
struct conn *conn_new(struct node *n, struct backend_conn handle, const struct endpoint *remote, bool dialled);
void conn_connected(struct conn *c);           /* TCP is up: the upgrade begins */
void conn_received(struct conn *c, struct chain *bytes);
void conn_expect(const struct conn *c, unsigned step); /* fetches what is needed to receive; step 1, 2, 3 */
/* Fetches what conn_flush of the connection in the slot will need, in steps 0 to 2; c itself is touched from step 1 on. */
void conn_expect_flush(struct conn *c, uint32_t slot, const struct node *n, unsigned step);
void conn_dirty(struct conn *c);               /* has something to send; flushed at the end of the upcall */
void conn_flush(struct conn *c);
void conn_doom(struct conn *c, int err);       /* closes it at the end of the upcall */
void conn_close(struct conn *c, int err, bool tell); /* now; `tell`: the backend still has the handle */
void conn_free(struct conn *c);
void conn_deadline(struct conn *c, uint64_t deadline_ns); /* not later than this */

/* stream.c */
struct stream *stream_open(struct conn *c, const struct protocol *protocol); /* NULL when it cannot be */
void stream_event(struct conn *c, const struct yamux_event *ev);
void stream_write(struct stream *s, struct chain *bytes);
void stream_finish(struct stream *s);
void stream_deadline(struct stream *s, uint64_t deadline_ns); /* reset when it is over, unless it was ended */
void stream_reset(struct stream *s, uint32_t code); /* ends it with `closed`; s is gone */
void stream_end(struct stream *s, int err);         /* forgets it with `closed`; s is gone */
void stream_expire(struct conn *c);                 /* resets those whose deadline is over */

void stream_drained(struct stream *s);              /* its queue has left for the network */
void stream_refill(struct stream *s);               /* `data` again: it can take what it left in `in` */

/* app_stream.c */
void app_stream_settle(struct node *n); /* ends and resumes the streams for which that was put off */
void app_stream_unbind_all(struct node *n);

/* dialer.c */
void dialer_add(struct node *n, const struct endpoint *to, const struct peerid *peer, bool target);
bool dialer_forget(struct node *n, const struct peerid *peer); /* true when it was wanted */
void dialer_run(struct node *n);
void dialer_lost(struct node *n, const struct conn *c, int err); /* a dialled connection is gone or never came */
void dialer_ready(struct node *n, const struct conn *c);
void dialer_fire(struct timer *t, uint64_t now_ns);

/* services.c: identify, identify-push, ping */
void services_sign_record(struct node *n); /* of the addresses that we announce */
extern const struct protocol identify_protocol, identify_push_protocol, ping_protocol;
void services_push(struct conn *c); /* tells the peer what changed, now or when it says that it listens */
void services_push_all(struct node *n);

/* pubsub.c */
void pubsub_offer(struct node *n); /* serves the versions of the config */
void pubsub_init(struct node *n);
void pubsub_conn_ready(struct conn *c);      /* opens our stream unless there is one */
void pubsub_pull(struct conn *c);
void pubsub_rearm(struct node *n);
void pubsub_learn_record(struct conn *c, struct slice record);

/* msgnet.c: the Algorand message network */
extern const struct protocol msgnet_protocol;
void msgnet_init(struct node *n);
void msgnet_conn_ready(struct conn *c);
void msgnet_pull(struct conn *c);
void msgnet_rearm(struct node *n);

#endif
