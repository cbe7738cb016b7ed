/* The `network` section as plain data: regions, classes of hosts, what lies between them. Part of scenario.h. */
#ifndef SIM_SCENARIO_NETWORK_H
#define SIM_SCENARIO_NETWORK_H

#include "sim/tcp/element.h" /* struct queue_config */
#include "sim/tcp/gilbert.h"
#include "sim/tcp/jitter.h"
#include "sim/tcp/tcp.h"

#define SCENARIO_NONE UINT32_MAX
#define SCENARIO_REGIONS_MAX 1024u
#define SCENARIO_BPS_MAX UINT64_C(1000000000000)
#define SCENARIO_JITTER_COMMON UINT64_MAX

struct scenario_region {
    char *name;
    uint64_t weight;
    uint64_t up_bps, down_bps; /* of nodes there that have no class; 0: no limit */
};

struct scenario_class {
    char *name;
    uint64_t weight;
    uint64_t up_bps, down_bps; /* 0: no limit */
    uint64_t queue_size, queue_ns; /* of its links; both 0: the network's */
    struct queue_config aqm;       /* of its links */
    struct gilbert loss_up, loss_down;
    uint32_t cores, speed_ppm; /* of the CPU; 0: those of the `cpu` section */
};

struct scenario_pair {
    uint32_t from, to; /* regions */
};

/* One FIFO for all that the first of these pairs of regions send to the second. */
struct scenario_bottleneck {
    struct scenario_pair *pairs;
    uint32_t pair_count;
    uint64_t rate_bps, queue_size, queue_ns; /* one of the last two is 0 */
    struct queue_config aqm;
};

struct scenario_node_latency {
    uint32_t from, to; /* nodes */
    uint64_t latency_ns;
};

/* From at_ns on. */
struct scenario_latency_row {
    uint64_t at_ns;
    uint64_t latency_ns; /* 0: the table's, times factor_ppm */
    uint32_t factor_ppm;
    uint32_t from, to; /* regions; SCENARIO_NONE: all */
};

enum scenario_tcp { SCENARIO_TCP_IDEAL, SCENARIO_TCP_FLIGHT, SCENARIO_TCP_PACKET };
enum scenario_encryption {
    SCENARIO_ENCRYPTION_DEFAULT,
    SCENARIO_ENCRYPTION_MODELLED,
    SCENARIO_ENCRYPTION_NOISE
};

struct scenario_network {
    bool present; /* false: no `network` section; one region, 25 us, no limits: as on one machine */
    char *table;  /* name of the built-in table or file; NULL: a single latency */
    struct scenario_region *regions;
    uint32_t region_count; /* at least 1 */
    uint64_t *latency_ns;  /* one way; [from * region_count + to]; all above 0 */
    uint64_t latency_min_ns, latency_max_ns;
    struct scenario_node_latency *node_latencies; /* of pairs of nodes, in place of their regions'; by from, then to */
    uint32_t node_latency_count;
    struct scenario_latency_row *latency_rows; /* what latencies become, by at_ns */
    uint32_t latency_row_count;
    struct jitter_config jitter; /* added to each latency; uniform: between 0 and the following (only one is not 0) */
    uint32_t jitter_ppm;
    uint64_t jitter_ns;
    uint64_t *jitter_pair_ns;   /* uniform, in place of all that, where not SCENARIO_JITTER_COMMON; NULL: nowhere */
    struct gilbert loss_common; /* between all regions that have none of their own */
    struct gilbert *loss;       /* [from * region_count + to], all that is lost there; NULL: nothing is */
    struct scenario_bottleneck *bottlenecks;
    uint32_t bottleneck_count;
    struct scenario_class *classes;
    uint32_t class_count;
    uint32_t class_default; /* of groups that name none; SCENARIO_NONE: drawn by weight */
    enum scenario_tcp tcp;
    struct tcp_config tcp_settings; /* but for the sizes of buffers, which follow */
    bool tcp_set;                   /* some of them were given */
    uint32_t tcp_given;             /* which: scenario_tcp_given */
    enum scenario_encryption encryption;
    uint64_t send_buffer_size, receive_buffer_size; /* of a connection; 0: the TCP model's own */
    uint64_t queue_size, queue_ns; /* of an access link, each way; one of them is 0 */
    struct queue_config aqm;       /* of access links of nodes without a class */
};

/* Whether the scenario itself has this key of `network.tcp`, also with the value that it has by default. */
bool scenario_tcp_given(const struct scenario_network *n, const char *key);

#endif
