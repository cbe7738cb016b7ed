/* Commands on standard input, one JSON object a line (README.md lists them). */
#ifndef SIM_LIVE_COMMANDS_H
#define SIM_LIVE_COMMANDS_H

#include "sim/live/live.h"

/* Does what the line says. What is wrong with it goes to the journal as an error. */
void commands_run(struct live *l, uint64_t now_ns, struct slice line);

#endif
