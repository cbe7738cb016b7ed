/* HEARSAY_VERSION comes from the Makefile. */
#include "sim/run/version.h"

#ifndef HEARSAY_VERSION
#define HEARSAY_VERSION "unknown"
#endif

const char *const hearsay_version = HEARSAY_VERSION;
