/* multistream-select 1.0.0: agreeing on a protocol for a connection or a stream.
 *
 * A pure machine over two chains. The initiator sends the header and its first proposal in one
 * write and tries its list in order; the responder sends its header at once and answers each
 * proposal with an echo or `na`. Only whole messages are consumed: bytes after the agreement stay
 * in `in` for the chosen protocol. */
#ifndef STACK_TRANSPORT_MULTISTREAM_H
#define STACK_TRANSPORT_MULTISTREAM_H

#include "stack/base/chain.h"

#define MULTISTREAM_MESSAGE_MAX 1024 /* of a message with its newline, as go and js */
#define MULTISTREAM_PROPOSALS_MAX 64 /* refused proposals before a responder gives up */

/* A static list of protocol ids in order of preference; outlives the machine. */
struct protocol_list {
    const char *const *ids;
    size_t count;
};

struct multistream {
    struct protocol_list protocols;
    uint8_t state; /* enum in multistream.c */
    uint8_t proposals;
};

enum multistream_status { MULTISTREAM_MORE, MULTISTREAM_DONE };

/* Starts as initiator: appends header and first proposal to `out`. count > 0. */
void multistream_propose(struct multistream *m, struct protocol_list protocols, struct chain *out);
/* Starts as responder: appends the header to `out`. */
void multistream_listen(struct multistream *m, struct protocol_list protocols, struct chain *out);

/* Reads what is there. MULTISTREAM_MORE, MULTISTREAM_DONE with the index into the list, or a
 * negative err: ERR_MALFORMED, ERR_TOO_LARGE, ERR_PROTOCOL (a first message that is no header, an
 * answer to another question), ERR_UNSUPPORTED (nothing in common). Not to be called again after
 * DONE or an err. */
int multistream_feed(struct multistream *m, struct chain *in, struct chain *out, size_t *chosen);

#endif
