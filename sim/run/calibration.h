/* What work costs on this machine: the stack's own code, timed, and fitted as a base and a price of bytes.
 *
 * Each figure is the median of many samples of CPU time, after some that do not count. */
#ifndef SIM_RUN_CALIBRATION_H
#define SIM_RUN_CALIBRATION_H

#include "stack/base/work.h"

#define CALIBRATION_SIZES 4

struct calibration {
    uint64_t sizes[CALIBRATION_SIZES];                 /* bytes that were worked on */
    double measured_ns[WORK_KINDS][CALIBRATION_SIZES]; /* a piece of work of that size */
    struct work_cost costs[WORK_KINDS];                /* WORK_VALIDATE is the application's: 0 */
};

/* Takes some seconds. */
void calibrate(struct calibration *c);
/* `sizes` rising; ns of each -> base and per_kib, neither below 0: the median of the slopes between all pairs (Theil and
 * Sen), through the smallest size. */
struct work_cost calibration_fit(const uint64_t sizes[static CALIBRATION_SIZES], const double ns[static CALIBRATION_SIZES]);

#endif
