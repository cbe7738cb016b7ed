/* Whether the carrier does what it says: round trips and rates through it, against those it was told. */
#ifndef TESTS_FIDELITY_HONESTY_H
#define TESTS_FIDELITY_HONESTY_H

#include <stdbool.h>
#include <stdio.h>

/* Prints what it found. False: `error` says why it cannot be done here. */
bool honesty_check(FILE *out, char *error, size_t error_size);

#endif
