/* The seam: all that a node sees of its world, and all that the world may do to a node.
 *
 * A backend (real sockets, the discrete-event simulator, ns-3) fills in struct backend_ops and calls the
 * functions of struct backend_app. The rules, and why:
 *
 *  - Byte streams, not packets: TCP belongs to the kernel, to ns-3 or to sim/des, and can be compared.
 *  - Time enters only as the `now_ns` of an upcall: integer nanoseconds since the start of the run, never
 *    going back. There is no way to ask for it.
 *  - One wake-up a node. wake_at replaces the deadline set before; the node keeps its own timer heap.
 *  - A connection is a generational handle: an event for one that is gone is noticed, not dereferenced.
 *  - No upcall happens inside a downcall. A dial that fails at once still fails through `dialled`.
 *  - send moves bytes out of the node's chain, and only as many as the world has room for; what is left
 *    waits for `writable`. Message bodies are shared, not copied.
 *  - Random bytes are drawn once, for the node's seed; everything else is derived from it. */
#ifndef STACK_BACKEND_BACKEND_H
#define STACK_BACKEND_BACKEND_H

#include "stack/base/chain.h"
#include "stack/base/endpoint.h"
#include "stack/base/trace.h"
#include "stack/base/work.h"

#define BACKEND_VERSION 2

/* `index` is small and reused: it is below the most connections that the host had at the same time so far, those included that the
 * node has closed and the far side has not yet. */
struct backend_conn {
    uint32_t index, generation;
};

static inline bool backend_conn_equal(struct backend_conn a, struct backend_conn b)
{
    return a.index == b.index && a.generation == b.generation;
}

/* world -> node. `app` is the node. An upcall may make any downcall. */
struct backend_app {
    /* A connection came in. */
    void (*accepted)(void *app, uint64_t now_ns, struct backend_conn conn, const struct endpoint *from);
    /* Our dial is through (err 0), or failed: then the handle is gone. */
    void (*dialled)(void *app, uint64_t now_ns, struct backend_conn conn, int err);
    /* Bytes arrived; the app moves all of them out of the chain. */
    void (*data)(void *app, uint64_t now_ns, struct backend_conn conn, struct chain *bytes);
    /* There is room again after a send that left bytes behind. */
    void (*writable)(void *app, uint64_t now_ns, struct backend_conn conn);
    /* The other side ended the connection (ERR_CLOSED) or it broke (ERR_RESET, ...). The handle is gone. */
    void (*closed)(void *app, uint64_t now_ns, struct backend_conn conn, int err);
    void (*wake)(void *app, uint64_t now_ns);
    /* A hint that `data` with these bytes comes soon: the app may ask the memory for what it will need, and nothing else.
     * Steps 0 to 3 come in order, some events apart, so that one may follow the pointers that the last one fetched. NULL:
     * no such wish. */
    void (*expect)(void *app, struct backend_conn conn, const struct chain *bytes, unsigned step);
};

#define BACKEND_EXPECT_STEPS 4

enum backend_close {
    BACKEND_CLOSE_FIN, /* what was sent still arrives, then the end */
    BACKEND_CLOSE_RST  /* at once; what is queued is lost */
};

/* `host` is the backend's own state for one node. Every call returns at once. */
struct backend_ops {
    uint32_t version; /* BACKEND_VERSION */

    /* 0, or a negative err. A host listens on one endpoint at most. */
    int (*listen)(void *host, const struct endpoint *at);

    /* Starts a connection; `dialled` tells how it went. 0 or a negative err (then no upcall). */
    int (*dial)(void *host, const struct endpoint *to, struct backend_conn *conn);

    /* Moves bytes from the front of `bytes` into the connection; returns how many. When some are left,
     * `writable` follows once there is room. 0 for a handle that is gone. */
    size_t (*send)(void *host, struct backend_conn conn, struct chain *bytes);

    /* While paused no `data` comes, and in time the sender feels it. */
    void (*pause)(void *host, struct backend_conn conn, bool paused);

    /* A hint that `send` may follow in a moment: step 0, and once that was asked of other connections too, step 1, then step 2.
     * NULL: no interest. It goes by the index alone. */
    void (*expect)(const void *host, struct backend_conn conn, unsigned step);

    /* Ends the connection and forgets the handle: no further upcall comes for it. */
    void (*close)(void *host, struct backend_conn conn, enum backend_close how);

    /* The one timer: `wake` comes at or after the deadline. TIME_NEVER disarms. */
    void (*wake_at)(void *host, uint64_t deadline_ns);

    /* Work that the node does now: a set of enum work, offloaded as a whole or not at all. Returns when it will be done, in
     * the world's time: what the node sends leaves no earlier, what is offloaded has no result before. NULL: a CPU does it. */
    uint64_t (*charge)(void *host, unsigned works, uint64_t bytes);

    void (*random)(void *host, uint8_t *out, size_t size);

    void (*trace)(void *host, uint64_t now_ns, const struct trace_event *event);
};

#endif
