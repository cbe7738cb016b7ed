/* A scenario of gossip nodes, whole, on the kernel and in the models. */
#ifndef TESTS_FIDELITY_GOSSIP_H
#define TESTS_FIDELITY_GOSSIP_H

#include "tests/fidelity/table.h"

/* Runs the scenario and prints how long deliveries took. False: `error` says why. */
bool gossip_compare(const char *path, const struct table *t, FILE *out, char *error, size_t error_size);

#endif
