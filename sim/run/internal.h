/* What the files of sim/run share. */
#ifndef SIM_RUN_INTERNAL_H
#define SIM_RUN_INTERNAL_H

#include "sim/run/run.h"
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
    struct node *node;   /* NULL while down */
    struct node *asleep; /* while suspended */
    uint32_t index;
    uint32_t dial_next;              /* in run->topology.dials */
    uint32_t publication_next;
    bool dialling;      /* a call for the next dial is under way */
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
    struct resident *residents;
    struct schedule schedule;
    struct recorder *recorder;
    enum noise_mode encryption;
    struct topology topology; /* when planned */
    bool planned;
    struct fault *faults;
};

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
void residents_bytes(struct run *run);

/* faults.c */
void faults_schedule(struct run *run);
void faults_free(struct run *run);

/* judge.c */
uint32_t judge(struct run *run, struct record_summary *summary,
               void (*each)(void *ctx, const struct run_judgement *j), void *ctx);

#endif
