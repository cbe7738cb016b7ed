/* One scenario under the checks, in a process of its own: whatever it does, it is one failed seed. */
#ifndef TESTS_SWARM_TRIAL_H
#define TESTS_SWARM_TRIAL_H

#include "tests/swarm/draw.h"
#include "tests/swarm/guard.h"

#define TRIAL_RULE_MAX 24
#define TRIAL_TEXT_MAX 500

/* How a trial went; plain data, for it travels through a pipe. */
struct outcome {
    bool passed;
    bool unreadable; /* the scenario was refused: nothing ran */
    char rule[TRIAL_RULE_MAX];
    char text[TRIAL_TEXT_MAX];
    struct guard_counts counts;
};

struct trial {
    pid_t process;
    int output; /* an outcome, once it is over */
    int errors; /* its stderr */
};

/* Starts the trial of the text; `d` tells how (its own text is not looked at). */
void trial_start(struct trial *t, const char *name, const char *text, const struct draw *d, enum plant plant);
void trial_wait(struct trial *t, struct outcome *out);
void trial_run(const char *name, const char *text, const struct draw *d, enum plant plant, struct outcome *out);

#endif
