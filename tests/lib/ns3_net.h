/* Hosts and connections of the ns-3 backend, for tests: each end writes what it is told to, reads all it gets and checks it, and every
 * upcall is held to the rules of the seam. */
#ifndef TESTS_LIB_NS3_NET_H
#define TESTS_LIB_NS3_NET_H

#include "sim/ns3/ns3.h"
#include "tests/lib/test.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define NS3_NET_PORT 4000
#define NS3_NET_HOSTS_MAX 8
#define NS3_NET_CONNS_MAX 64

struct ns3_end {
    struct backend_conn conn;
    bool used, open, closed, paused, dialled;
    int err;
    uint64_t to_write, written, received, opened_ns, first_ns, last_ns, closed_ns;
};

struct ns3_peer {
    struct ns3_net *net;
    void *host;
    struct ns3_end ends[NS3_NET_CONNS_MAX]; /* by index of the handle; the latest that had it */
    uint32_t accepted, dialled, upcalls;
    uint64_t woken_ns;
};

struct ns3_net {
    struct ns3 *n;
    struct ns3_peer peers[NS3_NET_HOSTS_MAX];
    bool inside; /* a downcall */
    uint64_t sum; /* of all that happened, and when */
};

extern const struct backend_app ns3_net_app; /* of a struct ns3_peer */

struct ns3c_tcp ns3_net_tcp(void); /* the defaults */
/* Hosts 10 ms apart where `config` does not say (it may be NULL, as `hosts`); all of them listen. */
void ns3_net_init(struct ns3_net *net, const struct ns3_config *config, const struct ns3_host_config *hosts, int count);
void ns3_net_deinit(struct ns3_net *net);
int ns3_net_clean(void **state); /* a teardown: ends what a test that failed left behind */
struct ns3_end *ns3_net_dial_port(struct ns3_net *net, int from, int to, uint16_t port);
struct ns3_end *ns3_net_dial(struct ns3_net *net, int from, int to);
void ns3_net_write(struct ns3_net *net, int host, struct ns3_end *e, uint64_t size); /* so many bytes more */
void ns3_net_close(struct ns3_net *net, int host, struct ns3_end *e, enum backend_close how);
void ns3_net_pause(struct ns3_net *net, int host, struct ns3_end *e, bool paused);
void ns3_net_run(struct ns3_net *net, uint64_t ns); /* for so long */

#endif
