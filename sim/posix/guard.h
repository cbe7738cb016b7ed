/* System calls that a program makes by itself, past the C library: the kernel (Linux 5.11, syscall user dispatch) makes a signal of
 * each while the program's own code runs. */
#ifndef SIM_POSIX_GUARD_H
#define SIM_POSIX_GUARD_H

#include <stdbool.h>

void guard_start(void);       /* once is enough; does nothing where the kernel cannot */
bool guard_works(void);
bool guard_set(bool guarded); /* the program's own code is about to run, or this process's again; what it was before */

#endif
