/* Whether two readings of a scenario's text, each with overrides of its own, are the same network up to the end of the warm-up.
 *
 * All settings must be the same, as written, but for a short list: what can act later only (expectations, duration, ...),
 * validation delays, and traffic and events, of which those are compared that begin before then. What the traffic comes
 * to is for the caller to compare (sim/run/course.c). */
#ifndef SIM_SCENARIO_DIFFERENCE_H
#define SIM_SCENARIO_DIFFERENCE_H

#include "sim/scenario/scenario.h"

struct scenario_reading {
    const char *file;
    const struct scenario *scenario;
    const char *const *sets; /* it was loaded with */
    size_t set_count;
};

#define SCENARIO_MAY_DIFFER \
    "scenario, question, duration, cooldown, traffic_seed, traffic, events, expect, limits, record, nodes.*.validation"

/* 0, or ERR_INVALID with *err about the first setting of `other` that is in the way; its place is "--set path=value". */
int scenario_compare(const struct scenario_reading *base, const struct scenario_reading *other, struct scenario_error *err);

#endif
