/* A tap at the seam: sits between a node and its backend, sees every byte of every connection,
 * changes nothing.
 *
 * The node is given tap_ops with the tap as its host; the backend is given tap_app with the tap as
 * its app. */
#ifndef SIM_LIVE_TAP_H
#define SIM_LIVE_TAP_H

#include "sim/capture/pcap.h"
#include "stack/backend/backend.h"

struct tap_conn {
    struct pcap_flow flow;
    uint32_t generation;
    bool open; /* TCP is up */
};

struct tap {
    const struct backend_ops *ops; /* of the world */
    void *host;
    const struct backend_app *app; /* of the node */
    void *node;
    struct pcap *pcap;
    /* Our end of a connection; false when nobody knows. */
    bool (*local)(const void *host, struct backend_conn conn, struct endpoint *out);
    struct tap_conn *conns; /* by index */
    uint32_t conn_capacity;
    uint64_t now_ns; /* of the last upcall; calls of the owner have no time of their own */
};

extern const struct backend_ops tap_ops;
extern const struct backend_app tap_app;

void tap_deinit(struct tap *t);

#endif
