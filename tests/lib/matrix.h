/* Shadow's matrix: so many streams over one link for a fixed time, and the share of the link's rate that they are to use. */
#ifndef TESTS_LIB_MATRIX_H
#define TESTS_LIB_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct matrix_cell {
    uint64_t rate_bps, one_way_ns, duration_ns; /* the first third is not looked at */
    uint32_t streams, percent;
};

#define MATRIX_CELLS 16
#define MATRIX_QUICK 6 /* the first of them are cheap for any model */
extern const struct matrix_cell matrix_cells[MATRIX_CELLS];

bool matrix_whole(void); /* asked for by TCP_MATRIX in the environment */
/* Bytes that the queue in front of the link holds: a round trip of them, at least 64 kB. */
uint64_t matrix_queue_size(const struct matrix_cell *c);
/* Fails the test when so many bytes with headers, from the first third on, are too few, or more than the
 * link carries (by 5 %: what waited for a hole to be filled may count late). GOLDENS in the environment prints
 * figures instead; `served`: streams that got a byte through. */
void matrix_judge(const struct matrix_cell *c, uint64_t bytes, uint32_t served);

#endif
