/* Verdicts as JUnit XML, for CI. */
#ifndef SIM_RUN_JUNIT_H
#define SIM_RUN_JUNIT_H

#include <stdbool.h>

struct junit;

/* Every call takes NULL and then does nothing. The file is written at the end. */
struct junit *junit_open(const char *path); /* NULL when path is */
void junit_suite(struct junit *j, const char *name);
void junit_case(struct junit *j, const char *name, bool passed, const char *message);
bool junit_close(struct junit *j); /* false when the file could not be written */

#endif
