/* One run of a scenario: builds the nodes, drives a backend, records, shows progress. */
#ifndef SIM_RUN_RUN_H
#define SIM_RUN_RUN_H

#include "sim/record/recorder.h"
#include "sim/run/progress.h"
#include "sim/run/world.h"
#include "sim/scenario/difference.h"

/* Exit statuses of the program. */
enum run_status {
    RUN_OK = 0,
    RUN_FAILED = 1,        /* an expectation, or the world (disk, sockets) */
    RUN_USAGE = 2,         /* bad usage or scenario */
    RUN_INVARIANT = 3,     /* ours; see check.h */
    RUN_TIME_LIMIT = 4,
    RUN_NOT_DETERMINISTIC = 5
};

struct run;
struct node;
struct node_config;
struct node_events;
struct peerid;
struct scenario_node;

/* What nodes do, where something else than the scenario's settings, dials and traffic says so: a script, say. The
 * scenario still gives the network, the number of nodes and the duration. Pointers outlive the run. configure, started and
 * traced may come for several nodes at once, on several threads. */
struct run_behaviour {
    void *ctx;
    void (*identity)(void *ctx, uint32_t node, uint8_t seed[static 32]);
    void (*place)(void *ctx, struct scenario_node *nodes); /* may move nodes and change their links */
    void (*begin)(void *ctx, struct run *run);             /* once, before anything happens */
    void (*configure)(void *ctx, uint32_t node, struct node_config *config, struct node_events *events);
    /* The node is up; it dials and subscribes nothing by itself. */
    void (*started)(void *ctx, uint32_t node, uint64_t now_ns, struct node *is);
    void (*traced)(void *ctx, uint32_t node, uint64_t now_ns, const struct trace_event *event);
    const char *(*failure)(void *ctx); /* at the end: NULL, or a sentence and the run has failed */
};

/* Programs in the place of nodes, one a host: the scenario says when they start and end, whom they dial, what they publish, as
 * it says it to nodes; run_report records what they did. Calls come from events of the node, or between those of all nodes. */
struct run_programs {
    void *ctx;
    /* NULL, or the setting that cannot be honoured and why; `out` has 256 bytes. */
    const char *(*refuses)(void *ctx, const struct scenario *s, char *out);
    bool (*open)(void *ctx, struct run *run, char *error, size_t error_size); /* once, before anything happens */
    void (*close)(void *ctx);                                                 /* the world is still there */
    void (*start)(void *ctx, uint32_t node, uint64_t now_ns); /* or wakes it up, after `suspend` */
    void (*stop)(void *ctx, uint32_t node, uint64_t now_ns);  /* asks it to end; it is off its host when this returns, or ends by itself */
    void (*crash)(void *ctx, uint32_t node, uint64_t now_ns);
    void (*suspend)(void *ctx, uint32_t node, uint64_t now_ns);
    void (*connect)(void *ctx, uint32_t node, uint64_t now_ns, uint32_t to);
    void (*publish)(void *ctx, uint32_t node, uint64_t now_ns, const struct scenario_traffic *traffic, struct slice body);
    /* The run is over: the last that the record should know of it, and the bytes of its connections since the start. */
    void (*conclude)(void *ctx, uint32_t node, uint64_t now_ns, uint64_t *sent, uint64_t *received);
    /* NULL, or a sentence: the run has failed, and does not go on unless it is `over` already. */
    const char *(*failure)(void *ctx, bool over);
};

/* For behaviours and programs. */
void run_schedule(struct run *run, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
const struct endpoint *run_address(const struct run *run, uint32_t node);
/* Takes the node down for good, in order; `what` (may be NULL) becomes an event of the record. */
void run_retire(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *what);
/* For programs. */
const struct scenario *run_scenario_of(const struct run *run);
const struct scenario_node *run_placement(const struct run *run, uint32_t node);
const struct scenario_edge *run_dials(const struct run *run, uint32_t node, uint32_t *count); /* whom the topology lets it dial */
const struct peerid *run_peer(const struct run *run, uint32_t node);
void run_identity(const struct run *run, uint32_t node, uint8_t seed[static 32]);
const struct backend_ops *run_backend(const struct run *run);
void *run_host(const struct run *run, uint32_t node);
void run_place(struct run *run, uint32_t node, const struct backend_app *app, void *ctx); /* as a world's place */
void run_report(struct run *run, uint32_t node, uint64_t now_ns, const struct trace_event *event);
void run_report_event(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *what);
bool run_over_limit(const struct run *run); /* the time limit is over, or the run was interrupted; may be asked in a signal handler */

struct run_options {
    const struct world_ops *world;
    const char *database;          /* path; NULL: nothing is written */
    const char *replay;            /* the command line that repeats this run */
    enum progress_mode progress;
    uint32_t threads;              /* 0: 1. Results do not depend on it */
    const char *captured;          /* nodes whose packets are kept, "peers-0,peers-5"; NULL: none. Not with a behaviour */
    const char *capture_folder;    /* where to; it exists */
    const struct run_behaviour *behaviour; /* NULL: as the scenario says */
    const struct run_programs *programs;   /* NULL: nodes, linked in */
    enum scenario_encryption encryption; /* DEFAULT: the scenario's, or else the backend's */
};

struct run_result {
    struct record_summary summary; /* summary_deinit when status is OK, FAILED or TIME_LIMIT and has_summary */
    bool has_summary;
    uint32_t expectations, expectations_failed;
    uint32_t skipped;              /* publications of nodes that were down */
    char error[1200];              /* a sentence; "" when all went well */
    char warning[1200];            /* a sentence; "" when there is none */
};

/* Runs to the end. `each` (may be NULL) hears every judged expectation. */
struct run_judgement {
    const struct expectation *expectation;
    const char *value; /* text */
    bool passed;
};

enum run_status run_scenario(const struct scenario *s, const struct run_options *options,
                             void (*each)(void *ctx, const struct run_judgement *j), void *ctx,
                             struct run_result *result);

/* ---- a warm start: what several scenarios have in common is run once ---- */

/* A scenario that differs from the base in what comes after the warm-up only (scenario/difference.h). */
struct run_variant {
    const char *name;
    struct scenario_reading reading;
    const char *database; /* path; NULL: nothing is written */
    const char *replay;   /* the command line that gives the same, without a warm start */
};

/* What a variant's process left behind; of one that was killed `status` and `error` only. */
struct run_outcome {
    enum run_status status;
    bool has_summary;
    uint8_t digest[DIGEST_SIZE];
    uint64_t messages, expected, deliveries, p50_ns, p99_ns; /* quantiles: UINT64_MAX when nothing was delivered */
    uint64_t peak_rss_bytes, own_bytes; /* own: not shared with the other processes, at the end; 0: unknown */
    uint32_t skipped, expectations, expectations_failed;
    double own_wall_s; /* without the warm-up */
    char error[1200], warning[1200];
};

struct run_warm {
    struct scenario_reading base;
    const struct run_options *options; /* of all; database and replay are the variants' */
    const struct run_variant *variants;
    uint32_t count;
    uint32_t jobs; /* processes at the same time, at least 1 */
    void *ctx;
    /* In a variant's process, whose stdout is kept until it is the variant's turn: */
    void (*judged)(void *ctx, const struct run_judgement *j); /* may be NULL */
    void (*finished)(void *ctx, uint32_t variant, struct run_result *result);
    /* In the caller's process, in the order of the variants; stdout already has what the variant printed. */
    void (*gathered)(void *ctx, uint32_t variant, const struct run_outcome *outcome);
    /* Results: */
    double warm_wall_s;
    uint64_t reports, reports_size; /* of the warm-up, kept for the recordings */
};

/* Runs the base to the end of its warm-up, then each variant from there in a process of its own. RUN_OK, or the gravest status of a
 * variant (invariant, time limit, failed); or, when it does not come to variants, that of the warm-up with a sentence in `error`. Other
 * threads of the caller do not live on in those processes: there must be none. */
enum run_status run_warm(struct run_warm *warm, char *error, size_t error_size);

/* Asks a run under way to end (from a signal handler); it then fails with "interrupted". */
void run_interrupt(void);

#endif
