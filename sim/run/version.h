/* The version of this build, from git. */
#ifndef SIM_RUN_VERSION_H
#define SIM_RUN_VERSION_H

extern const char *const hearsay_version;

#endif
