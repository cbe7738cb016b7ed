/* What the files of sim/des share. */
#ifndef SIM_DES_INTERNAL_H
#define SIM_DES_INTERNAL_H

#include "sim/des/des.h"
#include "sim/des/event.h"
#include "stack/base/heap.h"
#include "stack/base/map.h"
#include "stack/base/rng.h"

/* Bytes that travel as one event. Small enough that a large message does not hold up a small one behind it for
 * long (16 KiB are 2.6 ms at 50 Mbit/s), large enough that a large message is few events. */
#define TRAIN_SIZE_MAX (16 * 1024)
#define QUEUE_SIZE_DEFAULT (256 * 1024)
#define RECEIVED_SIZE_MAX (256 * 1024) /* held for a node that paused, before its sender is stopped */

enum event_kind {
    EVENT_WAKE,    /* the node's timer */
    EVENT_CALL,    /* object: struct call */
    EVENT_PACKET,  /* object: struct packet that reached the far end of the path */
    EVENT_DELIVER, /* object: struct packet that left the downlink's queue */
    EVENT_ROOM,    /* the uplink's queue has room again */
    EVENT_DRAINED, /* the downlink's queue has */
    EVENT_RESUME,  /* object: struct packet naming a connection of our own that was unpaused */
    EVENT_SEGMENT, /* object: struct segment_packet that reached the far end of the path */
    EVENT_SEGMENT_THROUGH, /* object: struct segment_packet that left the downlink's queue */
    EVENT_TIMER            /* of the host's TCP endpoints */
};

enum packet_kind { PACKET_SYN, PACKET_SYN_ACK, PACKET_DATA, PACKET_FIN, PACKET_RST, PACKET_XOFF, PACKET_XON };

struct packet {
    enum packet_kind kind;
    uint32_t source;              /* host */
    struct backend_conn from, to; /* handles at the source and at the destination */
    uint64_t serialising_ns;      /* how long the bytes took to leave the sender */
    struct chain bytes;
};

struct call {
    void (*fn)(void *arg, uint64_t now_ns);
    void *arg;
    uint64_t at_ns, sequence; /* of a global call */
};

enum conn_state {
    CONN_FREE,
    CONN_DIALLING,
    CONN_OPEN,
    CONN_CLOSING /* closed by its node; the end could not be told yet (partition) */
};

struct conn {
    uint32_t generation;
    uint8_t state; /* enum conn_state */
    bool paused : 1, stopped : 1 /* by the far side */, stopping : 1 /* we stopped it */, waiting : 1, wants_write : 1,
        ended : 1;
    uint32_t peer_host, peer_region;
    struct backend_conn peer;
    uint64_t last_arrival_ns; /* of what we sent: later bytes never overtake */
    struct chain received;    /* while paused */
};

/* One direction of an access link: a FIFO server. */
struct link {
    uint64_t bps;          /* 0: unlimited */
    uint64_t queue_size_max; /* bytes */
    uint64_t busy_until_ns;
    bool waking;           /* a ROOM or DRAINED event is on its way */
};

struct host { /* what every packet needs comes first */
    struct des *des;
    const struct backend_app *app;
    void *app_ctx;
    struct conn *conns;
    uint32_t conn_count, index, region, sequence;
    uint64_t sides; /* bit i: inside partition i */
    uint64_t wake_ns, wake_posted_ns;
    struct link up, down;
    struct endpoint address;
    uint16_t listen_port; /* 0: not listening */
    uint32_t conn_capacity;
    uint32_t *free_conns; /* stack of indexes */
    uint32_t free_count;
    uint32_t *waiting; /* connections that wait for uplink room, in order; [waiting_head, +waiting_count) */
    uint32_t waiting_head, waiting_count, waiting_capacity;
    struct rng jitter, random;
};

/* A TCP model other than `ideal`: it takes the calls about connections in the place of conn.c. */
struct des_transport {
    int (*dial)(struct host *h, uint32_t to, uint16_t port, struct backend_conn *conn);
    size_t (*send)(struct host *h, struct backend_conn handle, struct chain *bytes);
    void (*pause)(struct host *h, struct backend_conn handle, bool paused);
    void (*close)(struct host *h, struct backend_conn handle, enum backend_close how);
    void (*reset_all)(struct host *h); /* the node is gone */
    void (*free)(struct des *d);
};

struct des {
    struct des_config config;
    uint64_t *latency_ns;
    struct event_queue queue;
    struct host **hosts;
    uint32_t host_count, host_capacity;
    struct map by_address;
    uint64_t now_ns;
    uint64_t partitions; /* bit i: partition i is in force */
    struct call *globals; /* by (at_ns, sequence) */
    uint32_t global_count, global_capacity;
    uint64_t global_sequence;
    struct des_counts counts;
    const struct des_transport *transport; /* NULL: ideal */
    void *transport_state;
};

/* des.c */
void des_post(struct host *from, uint32_t to, uint64_t at_ns, enum event_kind kind, void *object);
bool des_cut(const struct host *a, const struct host *b); /* a partition lies between them */
/* One-way latency to the region, with this packet's jitter. */
uint64_t des_path_ns(struct host *from, uint32_t to_region);

/* link.c: pure arithmetic on one direction of a link */
uint64_t link_time_ns(const struct link *l, size_t size);             /* to serialise size bytes */
uint64_t link_backlog(const struct link *l, uint64_t now_ns);         /* bytes waiting or being sent */
uint64_t link_enqueue(struct link *l, uint64_t now_ns, size_t size);  /* when its last bit has left */
/* The same where the bytes trickled in during the last arriving_ns. */
uint64_t link_enqueue_train(struct link *l, uint64_t now_ns, uint64_t arriving_ns, size_t size);
uint64_t link_half_empty_ns(const struct link *l);                    /* when half of the queue is free */

/* conn.c */
struct conn *conn_get(struct host *h, struct backend_conn handle); /* NULL when gone */
void conn_packet(struct host *h, struct packet *p);   /* a packet reached us; takes it */
void conn_deliver(struct host *h, struct packet *p);  /* its bytes are through the downlink; takes it */
void conn_fetch(const struct host *h, const struct packet *p); /* it comes soon: fetches what it needs */
void conn_room(struct host *h);
void conn_drained(struct host *h);
void conn_resume(struct host *h, struct packet *p);
void conn_reset_all(struct host *h);
void conn_healed(struct host *h); /* a partition ended: go on */
void conns_deinit(struct host *h);
void packet_free(struct packet *p);

/* packet.c */
struct segment_packet;
void packet_init(struct des *d);
void packet_arrive(struct host *h, struct segment_packet *p);
void packet_through(struct host *h, struct segment_packet *p);
void packet_timer(struct host *h, uint64_t now_ns);
void packet_drop(struct segment_packet *p);

#endif
