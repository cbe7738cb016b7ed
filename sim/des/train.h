/* What travels between the hosts of the `flight` model: a train, which is up to 16 segments of one connection that leave
 * back to back, as one event; an ACK; a word of the handshake; or the notice of what was lost.
 *
 * A train knows which of its segments were lost on the way so far, and carries the bytes of the others. The bytes of lost
 * segments go back to the sender with a notice, who therefore needs no copy of what is on its way. */
#ifndef SIM_DES_TRAIN_H
#define SIM_DES_TRAIN_H

#include "sim/des/link.h"
#include "stack/backend/backend.h"

#define TRAIN_SEGMENTS_MAX 16
#define TRAIN_SIZE_MAX (16 * 1024)

enum train_kind {
    TRAIN_SYN, /* to.index: the port */
    TRAIN_SYN_ACK,
    TRAIN_ESTABLISHED, /* the ACK that ends the handshake */
    TRAIN_DATA,
    TRAIN_ACK,
    TRAIN_RST,
    TRAIN_NOTICE /* no packet: `lost` segments of the train at `seq` did not arrive; or, with none, an ACK did not */
};

struct train { /* what its arrival needs comes first */
    struct chain bytes;
    uint8_t kind; /* enum train_kind */
    uint8_t segments;
    bool fin : 1;    /* data: the end of the stream, with the last segment */
    bool asks : 1;   /* data: for an ACK; otherwise the sender works out when it would have come */
    bool resent : 1; /* data, and what answers it */
    bool probe : 1;  /* data: a segment that the far side has already; no bytes */
    uint8_t refused; /* notice: the kind of what was lost */
    uint16_t lost;   /* bit i: segment i */
    uint16_t mss;
    struct backend_conn to; /* handle at the destination */
    uint32_t size;          /* data: bytes of all segments; each but the last has mss */
    uint32_t source;        /* host */
    uint64_t seq;
    uint64_t at_ns;     /* the last segment reached the next link, or is through it; not later than the event */
    uint64_t spread_ns; /* the last segment comes so much later than the first */
    uint64_t sent_ns;   /* when the last segment was handed to the uplink */
    struct backend_conn from;
    uint32_t destination;
    uint32_t window;      /* ACK: bytes that may follow */
    uint64_t ack;         /* ACK: all before it arrived */
    uint64_t echo_ns;     /* data: the receiver's latest word that the sender knew of was sent then; ACK: sent_ns of the train */
    uint64_t rest_ns;     /* from a bottleneck to the destination */
    uint64_t last_hop_ns; /* its last segment takes so long on the downlink */
    uint8_t delivered;    /* ACK: segments of the train at `seq`; `segments` are the packets that say so */
};

void train_free(struct train *t);
uint32_t train_segment_size(const struct train *t, uint32_t segment); /* payload */
uint64_t train_segment_seq(const struct train *t, uint32_t segment);
uint32_t train_live(const struct train *t);      /* segments that are not lost */
uint32_t train_wire_size(const struct train *t, uint32_t header_size); /* of those */

uint32_t train_last_size(const struct train *t, uint32_t header_size); /* on the wire: the last segment */

/* Puts what is left of the train through the link, the last segment being there at now_ns and the first spread_ns
 * earlier; each waits for those before it and passes as a whole. Returns the segments that found no room in the queue, which
 * stay in the train; the others are through at *through_ns. */
uint16_t train_pass(struct train *t, struct link *l, uint64_t now_ns, uint32_t header_size, uint64_t *through_ns);
/* Marks the segments as lost, and takes them out as a notice (or NULL without any). */
struct train *train_lose(struct train *t, uint16_t segments);

#endif
