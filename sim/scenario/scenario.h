/* A scenario: what the network looks like, what happens in it, what is expected of it.
 *
 * Read from YAML (README.md here is the manual of the format) into plain data: names are resolved
 * to indexes, units to ns, bytes, bits per second and parts per million, defaults are filled in,
 * combinations that cannot work are refused. Everything a scenario points to lives in its arena
 * until scenario_free.
 *
 * Errors: ERR_INVALID, and one text, "file:line:column: key: what is wrong (what is allowed)", of
 * the first mistake found. A mistake in an override has "--set path=value" in the place of
 * file:line:column. */
#ifndef SIM_SCENARIO_SCENARIO_H
#define SIM_SCENARIO_SCENARIO_H

#include "sim/scenario/arena.h"
#include "sim/scenario/behaviour.h"
#include "sim/scenario/expect.h"
#include "sim/scenario/network.h"
#include "sim/scenario/sample.h"
#include "sim/scenario/tree.h"
#include "stack/algorand/algorand.h"
#include "stack/gossipsub/gossipsub.h"

#define SCENARIO_NODES_MAX 1000000u
#define SCENARIO_DIALS_MAX 20000000u
#define SCENARIO_NAME_MAX 64u /* characters of a name of a group, class, region, node group */
#define SCENARIO_NODE_NAME_SIZE (SCENARIO_NAME_MAX + 12)

/* What CPUs are like, and what work costs. */
struct scenario_cpu {
    bool present; /* false: work takes no time */
    uint32_t cores, speed_ppm; /* of nodes whose class does not say */
    char *table;    /* name of the built-in table or file; NULL: only the costs of the section */
    char *measured; /* what the file says about the machine; NULL: nothing */
    struct work_cost costs[WORK_KINDS];
};

enum scenario_message_id {
    SCENARIO_ID_DEFAULT,
    SCENARIO_ID_SHA256,
    SCENARIO_ID_BLAKE2B256,
    SCENARIO_ID_FIRST8,
    SCENARIO_ID_ETH2
};

/* What the nodes of a group tell as P5 of the peers of another one. */
struct scenario_app_score {
    char *group_name;
    uint32_t group; /* its index */
    double value;
};

/* The presets of gossipsub settings. */
enum scenario_preset { PRESET_GO, PRESET_SPEC, PRESET_JS, PRESET_ALGORAND, PRESET_ETH2 };

/* Unreachable nodes dial, but dials to them get no answer, as behind a NAT. */
enum scenario_reach { SCENARIO_REACHABLE, SCENARIO_UNREACHABLE };

struct scenario_group {
    char *name;
    uint32_t count, node_first; /* its nodes are node_first .. node_first + count - 1 */
    uint32_t region, class;     /* fixed, or SCENARIO_NONE: drawn */
    enum scenario_reach reach;
    uint64_t *region_weights;   /* region_count of them */
    uint64_t *class_weights;    /* class_count of them; NULL when there are no classes */
    bool gossipsub_on;
    struct gossipsub_params gossipsub;
    enum gossipsub_signing signing;
    enum scenario_message_id message_id;
    uint32_t versions; /* bit i: enum gossipsub_version i is offered */
    const struct score_params *score; /* NULL: off */
    struct scenario_app_score *app_scores;
    uint32_t app_score_count;
    const struct gater_params *gater; /* NULL: off */
    unsigned extensions;              /* a set of GOSSIPSUB_EXTENSION_... */
    const char **topics_allowed;      /* NULL: all */
    uint32_t topics_allowed_count;
    bool algorand_on;
    struct algorand_config algorand; /* seed is 0 here; validation_delay_ns is validation_ns */
    uint32_t *topics;                /* subscribed: indexes into scenario.topics */
    uint32_t topic_count;
    uint64_t validation_ns;    /* per message */
    uint64_t start_ns;         /* TIME_NEVER: only a join event starts them */
    uint64_t start_spread_ns;  /* plus uniform [0, this) */
    uint64_t dial_delay_ns;    /* from a node's start to its first dial */
    uint64_t dial_interval_ns; /* between two dials of a node */
    uint32_t per_address;      /* so many nodes share an IP address, each with a port of its own; 1 */
    struct scenario_behaviour *behaviour; /* NULL: honest */
    uint64_t keepalive_ns;     /* of yamux; 0: off */
    uint64_t clock_offset_ns, clock_drift_ppb; /* each node's clock is uniform within +- these of the true one */
};

enum topology_kind {
    TOPOLOGY_RANDOM_REGULAR,
    TOPOLOGY_RANDOM_AT_LEAST,
    TOPOLOGY_ERDOS_RENYI,
    TOPOLOGY_WATTS_STROGATZ,
    TOPOLOGY_BARABASI_ALBERT,
    TOPOLOGY_STAR,
    TOPOLOGY_LINE,
    TOPOLOGY_RING,
    TOPOLOGY_FULL,
    TOPOLOGY_FANOUT,
    TOPOLOGY_LIST,
    TOPOLOGY_GML,
    TOPOLOGY_KIND_COUNT
};

struct scenario_edge {
    uint32_t from, to; /* node indexes; `from` dials */
};

struct scenario_topology {
    enum topology_kind kind;
    uint32_t *groups; /* among */
    uint32_t group_count;
    uint32_t from, to;           /* fanout: groups */
    uint32_t degree;             /* also edges-per-node */
    uint64_t probability_ppb;    /* erdos-renyi */
    uint64_t rewire_ppb;         /* watts-strogatz */
    uint32_t center;             /* star: a node */
    struct scenario_edge *edges; /* list and gml */
    uint32_t edge_count;
    bool direct; /* both ends of a link have each other as direct peers */
    char *place; /* "file:line:column: topology.0", for errors and warnings of topology_build */
};

enum traffic_via { TRAFFIC_GOSSIP, TRAFFIC_ALGORAND };
enum traffic_arrival { TRAFFIC_EVERY, TRAFFIC_POISSON, TRAFFIC_AT };
enum traffic_publishers { TRAFFIC_ONE /* drawn for each message */, TRAFFIC_EACH, TRAFFIC_FIXED };

struct scenario_traffic {
    char *label;                     /* topic or tag */
    uint32_t node_first, node_count; /* who may publish */
    enum traffic_publishers publishers;
    enum traffic_via via;
    uint32_t topic;     /* index into scenario.topics; SCENARIO_NONE via algorand */
    struct sample size; /* bytes of the message body, at least 8 */
    enum traffic_arrival arrival;
    uint64_t interval_ns; /* every; mean of poisson */
    uint64_t *at_ns;      /* rising */
    uint32_t at_count;
    uint64_t count; /* of messages, of each publisher with TRAFFIC_EACH; 0: until stop_ns */
    uint64_t start_ns,
        stop_ns;        /* the first message is published at start_ns, none at or after stop_ns */
    uint64_t spread_ns; /* each message waits uniform [0, this) more */
};

enum scenario_event_kind {
    SCENARIO_PARTITION, /* the selected nodes lose the others, and these them */
    SCENARIO_HEAL,      /* all partitions end */
    SCENARIO_STOP,      /* orderly: connections are closed */
    SCENARIO_CRASH,     /* at once: connections are reset */
    SCENARIO_RESTART,   /* a crash, and a start `after_ns` later */
    SCENARIO_JOIN,      /* the next `count` nodes of a group that starts never */
    SCENARIO_CHURN,     /* each selected node goes and comes back, again and again */
    SCENARIO_LATENCY,   /* these three act on the network for a time: timeline.h */
    SCENARIO_LOSS,
    SCENARIO_BANDWIDTH,
    SCENARIO_EVENT_KIND_COUNT
};

enum scenario_direction { SCENARIO_BOTH, SCENARIO_OUT /* what the selected send is lost */, SCENARIO_IN };

/* The union of regions, groups, classes and nodes (all nodes when none is named), then a random part
 * of it. */
struct scenario_selector {
    uint32_t *regions, *groups, *classes, *nodes;
    uint32_t region_count, group_count, class_count, node_count;
    uint32_t share_ppm; /* 0: not given */
    uint32_t count;     /* 0: not given */
};

struct scenario_turn {
    uint64_t at_ns; /* since the start of the run */
    uint32_t node;
    bool up;
};

struct scenario_churn {
    struct sample up, down;      /* how long a node stays so, ns */
    bool orderly;                /* nodes say goodbye */
    struct scenario_turn *turns; /* of a trace, by at_ns: then neither up, down nor a selector */
    uint32_t turn_count;
};

struct scenario_event {
    uint64_t at_ns;
    uint32_t number; /* in the list as written */
    enum scenario_event_kind kind;
    struct scenario_selector who;      /* join: one group and a count */
    enum scenario_direction direction; /* partition */
    uint64_t for_ns;   /* partition: heals after this; churn: nobody leaves any more; latency, loss, bandwidth: over; 0: lasts */
    uint64_t after_ns; /* restart */
    uint64_t over_ns;  /* stop, crash, restart, join: each node at a time of its own below this; 0: all at once */
    bool keeps_memory; /* restart, churn: the process lives on, see README.md */
    struct scenario_churn *churn;
    struct scenario_pair *pairs;  /* latency, loss: between these regions */
    uint32_t pair_count;
    uint32_t factor_ppm;          /* latency, bandwidth: 0: what follows is set */
    uint64_t latency_ns;
    struct gilbert loss;
    uint64_t up_bps, down_bps;    /* 0: stays */
};

/* How much of a kind of rows is recorded. */
enum record_extent { RECORD_AUTO, RECORD_ALL, RECORD_SAMPLED, RECORD_OFF };

struct scenario {
    struct arena arena;
    char *name, *question; /* question: NULL when there is none */
    char *text;            /* the file as it was read, NUL at the end */
    size_t text_size;
    uint64_t seed; /* below 2^62 */
    uint64_t traffic_seed; /* of what is drawn for the traffic; the seed unless given */
    uint64_t duration_ns;
    uint64_t warmup_ns,
        cooldown_ns; /* messages are measured when published in [warmup, duration - cooldown) */
    struct scenario_network network;
    struct scenario_cpu cpu;
    struct scenario_group *groups;
    uint32_t group_count, node_count;
    uint64_t clocks_ahead_ns; /* of all nodes: the largest offset of a group, so that no clock begins before 0 */
    char **topics; /* of gossip traffic and subscriptions, in order of appearance */
    uint32_t topic_count;
    struct scenario_topology *topologies;
    uint32_t topology_count;
    struct scenario_traffic *traffic;
    uint32_t traffic_count;
    struct scenario_event *events; /* by at_ns, then as written */
    uint32_t event_count;
    struct expectation *expectations;
    uint32_t expectation_count;
    uint64_t wall_limit_ns; /* 0: none */
    enum record_extent hops, deliveries;
    enum record_extent peers;  /* connections and grafts, by node; never RECORD_SAMPLED */
    uint32_t record_sample;    /* sampled: of every n-th message */
    bool message_histograms;   /* of each message, too */
    uint64_t scores_every_ns;  /* rows of scores; 0: none */
    uint32_t scores_of;        /* of every k-th node */
};

/* 0 or ERR_INVALID; then *out needs no scenario_free. `sets` are overrides, "nodes.0.count=100",
 * applied in order. */
int scenario_load(const char *path, const char *const *sets, size_t set_count, struct scenario *out,
                  struct scenario_error *err);
/* The same from memory; `name` stands for the file in errors, and files it names are looked for
 * beside it. */
int scenario_load_text(const char *name, struct slice text, const char *const *sets,
                       size_t set_count, struct scenario *out, struct scenario_error *err);
void scenario_free(struct scenario *s);

/* One way, without jitter. */
static inline uint64_t scenario_latency_ns(const struct scenario *s, uint32_t from_region,
                                           uint32_t to_region)
{
    return s->network.latency_ns[(size_t)from_region * s->network.region_count + to_region];
}

const char *scenario_tcp_text(enum scenario_tcp tcp);
const char *scenario_event_text(enum scenario_event_kind kind);
const char *topology_kind_text(enum topology_kind kind);

#endif
