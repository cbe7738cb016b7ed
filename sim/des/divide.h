/* Who runs what: hosts are divided among lanes, so that each has its share of the work and what lies between lanes is far.
 *
 * The least latency between hosts of different lanes is the lookahead: for so long lanes need not hear of each other. What
 * happens in regions comes in waves, so lanes are busy at the same time only if each has hosts of all of them; but dealing
 * hosts out one by one leaves the lookahead of two neighbours, and a lane needs something to do in it. So hosts, or else
 * whole regions, are dealt out as finely as a lookahead that is long enough allows; where none is, regions that are near to each
 * other share a lane, as long as lanes come out even. The answer depends on the arguments alone. */
#ifndef SIM_DES_DIVIDE_H
#define SIM_DES_DIVIDE_H

#include <stdint.h>

#define DIVIDE_UNEVEN_PPM 100000 /* the fullest lane may have so much more than its share, where something coarse is at hand */

struct divide_problem {
    uint32_t host_count, region_count, lane_count; /* each > 0 */
    const uint32_t *regions;                       /* of each host */
    const uint32_t *weights;                       /* of each host: the work it makes, in any unit; > 0 */
    uint64_t (*least_ns)(const void *ctx, uint32_t from, uint32_t to); /* latency between hosts of two regions, or of one */
    const void *ctx;
    uint64_t enough_ns; /* a lookahead in which every lane has enough to do */
};

/* Fills lanes[host]; returns the lookahead, UINT64_MAX when all hosts are in one lane. */
uint64_t divide(const struct divide_problem *p, uint32_t *lanes);

#endif
