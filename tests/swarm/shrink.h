/* Makes a scenario that fails smaller: leaves out lines, one after the other and in blocks, and lowers counts, as long as the
 * same rule is broken. */
#ifndef TESTS_SWARM_SHRINK_H
#define TESTS_SWARM_SHRINK_H

#include "tests/swarm/trial.h"

/* For max_s seconds, roughly. The smaller text, to be freed with free(). */
char *shrink(const char *text, const struct draw *d, enum plant plant, const char *rule, unsigned max_s);

#endif
