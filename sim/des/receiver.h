/* The receiving end of a connection of the `flight` model, as a pure machine: trains in; bytes in order, and what an ACK
 * says, out. What every connection needs is two words; the rest exists once something is out of order, held for a reader
 * that paused, or large. */
#ifndef SIM_DES_RECEIVER_H
#define SIM_DES_RECEIVER_H

#include "sim/des/train.h"
#include "sim/tcp/window.h"

struct inbox;

struct receiver {
    uint64_t received; /* next byte expected; FIN counts as one */
    struct inbox *box;
};

/* What a receiver is asked about, and when. */
struct receiver_at {
    const struct tcp_config *config;
    uint64_t now_ns;
    const struct window *window; /* of the sender beside it, which knows when the connection opened; cold memory: seldom read */
    bool paused;                 /* the reader does not want bytes */
};

void receiver_init(struct receiver *r);
void receiver_deinit(struct receiver *r);
/* Takes the bytes of a data train and moves to `out` what follows on in order; while the reader has paused, and until
 * receiver_release, it holds them. How many ACKs a receiver would have sent; 0 where the sender knows without one. */
uint32_t receiver_take(struct receiver *r, const struct receiver_at *at, struct train *t, struct chain *out);
bool receiver_finished(const struct receiver *r); /* FIN came, and all before it */
/* What was held, for a reader that goes on; true: the far side should hear of the room there is. */
bool receiver_release(struct receiver *r, const struct tcp_config *config, uint64_t now_ns, struct chain *out);
uint64_t receiver_held(const struct receiver *r); /* bytes: held, or out of order */
uint32_t receiver_window(struct receiver *r, const struct tcp_config *config); /* to be told now */
void receiver_expect(const struct receiver *r); /* a hint: something will arrive */
size_t receiver_memory(const struct receiver *r);

#endif
