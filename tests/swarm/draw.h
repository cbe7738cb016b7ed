/* A whole scenario, drawn from a seed: one setting a line, so that lines can be left out one by one.
 *
 * All faults are over some 30 s into the run; then links and meshes have time to recover; then comes the last round, the
 * measured messages. What this build's parser or TCP models do not take is not drawn: a seed names a scenario of one version. */
#ifndef TESTS_SWARM_DRAW_H
#define TESTS_SWARM_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    char *text;       /* YAML; free it with free() */
    uint32_t threads; /* 1 to 4 */
    bool again;       /* to be run a second time, in another number of threads: the digests are to be equal */
    bool real;        /* the second time with real Noise */
};

void draw_scenario(uint64_t seed, struct draw *out);

#endif
