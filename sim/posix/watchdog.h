/* Signals of this process that a program's own doing caused, and programs that never wait. */
#ifndef SIM_POSIX_WATCHDOG_H
#define SIM_POSIX_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog_fault {
    int number;          /* the signal */
    const void *address; /* of memory that could not be touched */
    int system_call;     /* SIGSYS: which */
    bool condemned;      /* none: it was stopped for running too long */
};

void watchdog_start(void); /* before a program runs; more than once is fine */
bool watchdog_condemns(void); /* the program that runs has to end; told once */
struct watchdog_fault watchdog_fault(void); /* the last one */

/* program.c, for handlers of signals. Where the program that runs shall go on instead, with which stack; NULL: nowhere, it was not
 * its own code. */
void *program_rescue(const void *instruction, bool fault, void **stack);
uint64_t program_turn(void); /* another number for each time that a program runs; 0: none does */

#endif
