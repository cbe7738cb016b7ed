/* What the files of sim/run share. */
#ifndef SIM_RUN_INTERNAL_H
#define SIM_RUN_INTERNAL_H

#include "sim/adversary/adversary.h"
#include "sim/record/tape.h"
#include "sim/run/run.h"
#include "stack/base/map.h"
#include "stack/base/map.h"
#include "sim/scenario/placement.h"
#include "sim/scenario/topology.h"
#include "stack/node/node.h"

#define RUN_PUBLICATIONS_MAX 50000000u

/* One message to come. */
struct publication {
    uint64_t at_ns, number;
    uint32_t traffic, node, size;
};

struct schedule {
    struct publication *items; /* by node, then by time */
    uint32_t count;
    uint32_t *first; /* of each node, and the end */
};

/* 0, or ERR_LIMIT with a sentence in `error`. */
int schedule_build(const struct scenario *s, struct schedule *out, char *error, size_t error_size);
void schedule_free(struct schedule *schedule);

/* A place for a node: the node itself comes and goes. Touched by the node's events and between windows only. */
struct resident {
    struct run *run;
    struct node *node;   /* NULL while down, or a program's */
    struct node *asleep; /* while suspended */
    struct adversary *adversary; /* what the node does, awake or asleep, where its group has a behaviour; else NULL */
    bool up;             /* node, or a program in its place */
    uint32_t index;
    uint32_t dial_next;              /* in run->topology.dials */
    uint32_t publication_next;
    bool slept;         /* a program that was suspended goes on */
    bool dialling;      /* a call for the next dial is under way */
    struct capture *capture; /* NULL: nobody watches it */
    uint32_t skipped;   /* publications while it was down */
    uint64_t total_sent, total_received; /* of earlier lives */
};

struct run {
    const struct scenario *scenario;
    const struct run_options *options;
    const struct world_ops *ops;
    void *world;
    struct scenario_node *nodes;
    struct timeline timeline;
    struct endpoint *addresses;
    struct peerid *peers;
    struct map by_peer; /* peer id -> node, where groups score each other (P5) */
    struct resident *residents;
    struct schedule schedule;
    /* Publications, events and changes of the network from here on wait for run_proceed: all that may differ between
     * variants of a warm run, in every run, so that they come in the same order. TIME_NEVER: none waits. */
    uint64_t horizon_ns, at_ns; /* at_ns: how far the world was driven */
    struct recorder *recorder; /* NULL: `tape` hears it all */
    struct tape *tape;
    enum noise_mode encryption;
    struct adversary_plan *plans; /* of each group; those without a behaviour are empty */
    struct topology topology; /* when planned */
    bool planned;
    struct fault **faults; /* of the first fault_count events */
    uint32_t fault_count;
    struct capture *captures;
    uint32_t capture_count;
    struct progress progress;
    double start_s, running_s; /* on the clock on the wall: all of it, what comes after the preparations */
};

/* run.c: the parts of a run, in this order. Whatever they return, run_dismantle ends it. */
enum run_status run_plan(struct run *run, struct run_result *result);
enum run_status run_open_recorder(struct run *run, struct run_result *result);
enum run_status run_open_world(struct run *run, struct run_result *result); /* nodes, events, traffic up to the horizon, too */
enum run_status run_advance(struct run *run, uint64_t until_ns, struct run_result *result);
/* Past the horizon. `next`, when not the run's own, is a scenario that was the same until then; the run takes over what was
 * made of it. */
struct run_course {
    const struct scenario *scenario;
    struct schedule schedule;
    struct timeline timeline;
};
void run_proceed(struct run *run, const struct run_course *next);
enum run_status run_to_end(struct run *run, void (*each)(void *ctx, const struct run_judgement *j), void *ctx,
                           struct run_result *result);
void run_dismantle(struct run *run);
double run_clock_s(void);
void run_listen(void); /* from here on run_interrupt counts */
bool run_interrupted(void);

/* course.c: what comes of a variant. RUN_OK, or RUN_USAGE with a sentence that names the setting: then there is nothing to free. */
enum run_status course_prepare(const struct run *base, const struct scenario_reading *base_reading,
                               const struct scenario_reading *variant, struct run_course *out, char *error, size_t error_size);
void course_free(struct run_course *course);

/* reports.c: as the recorder's. */
void report_trace(struct run *run, uint32_t node, uint64_t now_ns, const struct trace_event *event);
void report_node_state(struct run *run, uint32_t node, uint64_t now_ns, bool up);
void report_event(struct run *run, uint64_t now_ns, const char *kind, const char *detail);
void report_node_event(struct run *run, uint32_t node, uint64_t now_ns, const char *kind, const char *detail);

/* residents.c */
void resident_start(struct resident *r, uint64_t now_ns);
void resident_stop(struct resident *r, uint64_t now_ns);  /* orderly */
void resident_crash(struct resident *r, uint64_t now_ns);
/* As a crash, but the process lives on and goes on with what it knows at the next resident_start. */
void resident_suspend(struct resident *r, uint64_t now_ns);
/* Records that the event hits this node; resident_turn: that it starts because of it, and starts it. */
void resident_tell(struct resident *r, uint64_t now_ns, enum scenario_event_kind kind);
void resident_turn(struct resident *r, uint64_t now_ns, enum scenario_event_kind kind);
void resident_identity(const struct run *run, uint32_t index, uint8_t seed[static 32]);
void residents_schedule(struct run *run); /* starts and publications */
void residents_proceed(struct run *run);  /* publications past the horizon */
void residents_validate(struct run *run); /* as long as the scenario, a new one, says */
/* Goes on with another schedule, which was the same until now. */
void residents_reschedule(struct run *run, const struct schedule *schedule);
void residents_bytes(struct run *run);

gossipsub_id_fn *resident_message_id(const struct scenario_group *g);

/* adversaries.c: residents that are not honest */
void adversaries_plan(struct run *run); /* once the nodes have their addresses */
void adversaries_free(struct run *run);
void adversary_enter(struct resident *r, struct node_config *config, struct node_events *events); /* before there is a node */
void adversary_leave(struct resident *r); /* before its node is freed; adversary_end after that */
void adversary_end(struct resident *r);

/* faults.c */
void faults_schedule(struct run *run, uint64_t until_ns); /* those before then that are not scheduled yet */
void faults_free(struct run *run);

/* capture.c: of the nodes that the options name */
struct node_events;
enum run_status captures_plan(struct run *run, struct run_result *result); /* once the nodes have places */
enum run_status captures_open(struct run *run, struct run_result *result);
void capture_listen(struct resident *r, struct node_events *events); /* for the keys of its connections */
bool captures_finish(struct run *run); /* false: one could not be written */
void captures_free(struct run *run);

/* judge.c */
uint32_t judge(struct run *run, struct record_summary *summary,
               void (*each)(void *ctx, const struct run_judgement *j), void *ctx);

#endif
