/* Threads that do one thing together, again and again: the caller and others that wait for it in between.
 *
 * Waiting spins for a few microseconds, where every member has a processor to itself, and then sleeps in the kernel:
 * a round costs little, and threads that have nothing to do take nothing from those that have. */
#ifndef SIM_DES_CREW_H
#define SIM_DES_CREW_H

#include <stdint.h>

struct crew;

/* `count` members, the caller being number 0; their threads are called `name`. NULL when the system has no thread left. */
struct crew *crew_new(uint32_t count, const char *name);
void crew_free(struct crew *c); /* NULL is fine */

/* Each member calls fn with its number, all at once; returns when the last one is through. What was written before the
 * call is seen by all, what they wrote is seen after it. */
void crew_run(struct crew *c, void (*fn)(void *ctx, uint32_t member), void *ctx);

#endif
