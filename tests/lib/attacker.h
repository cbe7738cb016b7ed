/* A peer in the simulator that goes honestly as far as it is told and then sends what it likes.
 *
 * It uses the stack's own codecs and machines (multistream, Noise, yamux' headers) but keeps no
 * rule of its own: bytes can be put on the wire at every layer. Calls that say "waits" run the
 * simulation. One attacker is one host with one connection at a time. */
#ifndef TESTS_LIB_ATTACKER_H
#define TESTS_LIB_ATTACKER_H

#include "stack/transport/multistream.h"
#include "stack/transport/noise_xx.h"
#include "tests/lib/swarm.h"

enum attacker_stage {
    ATTACKER_AWAY,
    ATTACKER_TCP,      /* connected */
    ATTACKER_SECURITY, /* agreed on /noise */
    ATTACKER_NOISE,    /* its first handshake message is sent, the answer is not read */
    ATTACKER_SECURE,   /* Noise is done, no muxer agreed on */
    ATTACKER_READY     /* yamux */
};

struct attacker_stream {
    uint32_t id, window; /* window: bytes that the victim takes at the moment */
    struct multistream negotiation;
    const char *protocol; /* once agreed */
    struct chain in;
    bool ours, agreed, fin, reset;
    uint32_t reset_code;
    uint64_t received; /* payload bytes */
};

struct attacker {
    struct swarm *swarm;
    void *host;
    struct endpoint address;
    struct identity identity;
    struct drbg keys;
    struct backend_conn conn;
    enum attacker_stage stage, last; /* where it is, where it stops */
    enum noise_mode mode;            /* real, unless the swarm's is not */
    bool connected, closed;          /* closed: by the victim, with closed_err */
    int closed_err, failure;         /* failure: what its own machines said of the victim */
    uint64_t received;               /* raw bytes */

    bool deaf;                   /* answers no ping of yamux, ... */
    bool stingy;                 /* ... gives no credit, ... */
    bool mute;                   /* ... answers no proposal on the victim's streams */
    bool keeps;                  /* what arrives on agreed streams stays in `in` */
    struct protocol_list served; /* what it agrees to on the victim's streams */

    struct chain wire_in, wire_out, plain_in;
    struct multistream negotiation;
    struct noise_handshake *handshake;
    struct noise_session session;
    struct attacker_stream *streams; /* those of which it knows */
    uint32_t stream_count, stream_capacity, next_id;
    uint32_t stream;     /* that it opened last */
    uint32_t resets;     /* frames with RST, of any stream */
    uint32_t reset_code; /* of the last one */
    uint32_t pongs;
    bool goaway;
    uint32_t goaway_code;
};

/* `number` tells attackers apart. Its peer id is smaller than that of node 0. */
void attacker_init(struct attacker *a, struct swarm *s, uint32_t number);
void attacker_deinit(struct attacker *a);

/* Dials node 0 and waits until the stage is reached. */
void attacker_reach(struct attacker *a, enum attacker_stage stage);
/* These do not wait. `expected`: whom the victim thinks it dials; may be NULL. */
void attacker_listen(struct attacker *a, enum attacker_stage last, const struct peerid *expected);
void attacker_connect(struct attacker *a, enum attacker_stage last);
void attacker_crash(struct attacker *a); /* a reset, without a word */

/* Bytes as they are, in Noise frames, in one yamux frame. */
void attacker_raw(struct attacker *a, struct slice bytes);
void attacker_plain(struct attacker *a, struct slice bytes);
void attacker_frame(struct attacker *a, struct yamux_header header, struct slice payload);
void attacker_raw_hex(struct attacker *a, const char *hex);
void attacker_plain_hex(struct attacker *a, const char *hex);

/* In ATTACKER_SECURITY: a handshake of its own with this payload in the third message. `forge` may
 * change that message, of *size bytes, before it is sent. Waits. */
void attacker_handshake(struct attacker *a, struct slice payload,
                        void (*forge)(uint8_t *message, size_t *size));
/* What an honest attacker would send there, signed with `signer` for the static key. */
size_t attacker_payload(const struct attacker *a, const struct identity *named,
                        const struct identity *signer, uint8_t out[static 256]);

/* Opens a stream and agrees on the protocol; waits. */
uint32_t attacker_open(struct attacker *a, const char *protocol);
uint32_t attacker_open_raw(struct attacker *a, struct slice first); /* SYN and these bytes */
struct attacker_stream *attacker_find(const struct attacker *a, uint32_t id); /* or NULL */
/* One data frame, whatever the window; and many as the window has room, waiting for it. */
void attacker_data(struct attacker *a, uint32_t id, struct slice bytes);
void attacker_write(struct attacker *a, uint32_t id, struct slice bytes);

/* GossipSub: a member of the victim's mesh of "t"; waits. */
void attacker_join(struct attacker *a);
/* An RPC with its length on the stream of attacker_join. */
void attacker_rpc(struct attacker *a, struct slice rpc);
/* An /algorand-ws/2.2.0 stream with its handshake done; waits. */
void attacker_greet(struct attacker *a);
void attacker_message(struct attacker *a, const char *tag, struct slice payload);

#endif
