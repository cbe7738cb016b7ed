/* How far a run is, on stderr: a bar on a terminal, a plain line every few seconds elsewhere.
 *
 * It reads no clock: the caller passes wall time, and nothing here flows back into the simulation.
 */
#ifndef SIM_RUN_PROGRESS_H
#define SIM_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRESS_LINE_MAX 256

enum progress_mode { PROGRESS_OFF, PROGRESS_AUTO };

struct progress_state {
    uint64_t sim_ns, wall_ns; /* since the start */
    uint64_t deliveries;
};

struct progress {
    FILE *out; /* NULL: off */
    bool bar;
    uint64_t total_ns; /* simulated; UINT64_MAX: until stopped */
    uint64_t next_ns;  /* wall time of the next output */
};

void progress_init(struct progress *p, FILE *out, enum progress_mode mode, uint64_t total_ns);

/* Cheap when it is not yet time: call it often. */
void progress_update(struct progress *p, const struct progress_state *now);

/* Clears the bar, so that what follows starts on a clean line. */
void progress_finish(struct progress *p);

/* The line itself, never longer than `width` characters (nor than the buffer): parts that do not
 * fit are left out, the least important first. */
void progress_format(char out[static PROGRESS_LINE_MAX], uint64_t total_ns,
                     const struct progress_state *now, bool bar, unsigned width);

#endif
