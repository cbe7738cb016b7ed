/* What every connection carries: each byte that a node sent is kept until the far side has had it, and compared.
 *
 * The seam does not say which connection of the one side is which of the other. An end knows the other host, and finds its
 * partner by what it receives: the one end over there, not paired yet, whose stream begins with just this. As long as there
 * are several (all begin with the same header) what came is held. So the claim is checked in full: what arrives is a prefix
 * of what one connection of the far side sent, byte for byte, and no two ends share a stream.
 *
 * Hosts run in several threads; all calls take one lock. */
#ifndef TESTS_SWARM_STREAMS_H
#define TESTS_SWARM_STREAMS_H

#include "stack/backend/backend.h"
#include "tests/swarm/verdict.h"

#define STREAMS_STUCK_NS 15000000000ull /* no byte moves for so long although both sides are there: they are lost */

enum end_state {
    END_DIALLING,
    END_OPEN,
    END_GONE /* the handle is */
};

struct bytes {
    uint8_t *data;
    size_t head, size, capacity; /* [head, head + size) */
};

struct end {
    uint32_t host, peer_host;
    struct backend_conn handle;
    enum end_state state;
    bool dialled;     /* by this side */
    bool finished;    /* its node closed it with FIN: everything must arrive */
    bool paused;      /* by its node */
    bool waits;       /* a send left bytes behind: `writable` must come */
    struct end *partner; /* NULL: not known yet */
    struct bytes sent;   /* and not received yet; from the start while there is no partner */
    struct bytes held;   /* received while there is no partner */
    uint64_t moved_ns;   /* when something was sent after nothing was on the way, or the far side last received */
    uint64_t waits_ns;   /* since when it waits */
    struct end *next;    /* of the same host */
};

struct streams {
    struct verdict *verdict;
    struct end **ends; /* by host; the latest first */
    uint32_t host_count;
    pthread_mutex_t lock;
    uint64_t bytes; /* compared */
};

void streams_init(struct streams *s, uint32_t host_count, struct verdict *v);
void streams_deinit(struct streams *s);
struct end *streams_add(struct streams *s, uint32_t host, uint32_t peer_host, struct backend_conn handle, bool dialled,
                        uint64_t now_ns);
void streams_open(struct streams *s, struct end *e, uint64_t now_ns);
/* The first `size` bytes of `bytes`, which still has them all. */
void streams_send(struct streams *s, struct end *e, uint64_t now_ns, const uint8_t *bytes, size_t size);
void streams_receive(struct streams *s, struct end *e, uint64_t now_ns, const struct chain *bytes);
void streams_wait(struct streams *s, struct end *e, bool waits, uint64_t now_ns);
void streams_pause(struct streams *s, struct end *e, bool paused, uint64_t now_ns);
/* Its node closed it (fin: in order), or it was taken from it. */
void streams_close(struct streams *s, struct end *e, bool fin);
/* The world says that the far side ended it in order. */
void streams_ended(struct streams *s, struct end *e);
/* Nothing is stuck on the way between two open ends. For times when nothing lies between them. */
void streams_judge(struct streams *s, uint64_t now_ns);
bool streams_connected(struct streams *s, const struct end *e); /* and so is the far side */

#endif
