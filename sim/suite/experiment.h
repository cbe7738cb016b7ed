/* An experiment of the suite as a run of ours: the graph and the hosts become a scenario, the
 * script the behaviour of its nodes. Every node writes FOLDER/hosts/node<i>/hearsay.1000.stdout,
 * where Shadow would put it; time 0 is 2000-01-01, as in Shadow. */
#ifndef SIM_SUITE_EXPERIMENT_H
#define SIM_SUITE_EXPERIMENT_H

#include "sim/run/run.h"

struct experiment_files {
    const char *params, *graph, *hosts;
};

struct experiment;

/* 0, or ERR_INVALID with *err set. `sets` are overrides of the scenario's settings, as of
 * scenario_load. */
int experiment_open(const struct experiment_files *files, const char *const *sets, size_t set_count,
                    struct experiment **out, struct scenario_error *err);
/* Both belong to the experiment. */
const struct scenario *experiment_scenario(const struct experiment *e);
const struct run_behaviour *experiment_behaviour(const struct experiment *e);
const char *experiment_warning(const struct experiment *e); /* NULL, or a sentence */
/* Makes the folders and files of the logs; false with errno set. Once, before the run. */
bool experiment_log_to(struct experiment *e, const char *folder);
/* Ends the logs, after the run: false with errno set when a write failed. */
bool experiment_finish(struct experiment *e);
void experiment_free(struct experiment *e);

#endif
