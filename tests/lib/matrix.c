#include "tests/lib/matrix.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define MBIT 1000000ull

const struct matrix_cell matrix_cells[MATRIX_CELLS] = {
    {1 * MBIT, 300 * MS, 60 * SECOND, 1, 88},
    {1 * MBIT, 300 * MS, 60 * SECOND, 10, 88},
    {10 * MBIT, 200 * MS, 60 * SECOND, 1, 92},
    {10 * MBIT, 200 * MS, 30 * SECOND, 10, 92},
    {10 * MBIT, 200 * MS, 30 * SECOND, 100, 92},
    {100 * MBIT, 100 * MS, 15 * SECOND, 10, 96},
    {1000 * MBIT, 10 * MS, 2 * SECOND, 10, 96},
    {1 * MBIT, 300 * MS, 300 * SECOND, 100, 88},
    {1 * MBIT, 300 * MS, 600 * SECOND, 1000, 88},
    {10 * MBIT, 200 * MS, 120 * SECOND, 1000, 92},
    {100 * MBIT, 100 * MS, 90 * SECOND, 1, 96},
    {100 * MBIT, 100 * MS, 30 * SECOND, 100, 96},
    {100 * MBIT, 100 * MS, 30 * SECOND, 1000, 96},
    {1000 * MBIT, 10 * MS, 20 * SECOND, 1, 96},
    {1000 * MBIT, 10 * MS, 10 * SECOND, 100, 96},
    {1000 * MBIT, 10 * MS, 10 * SECOND, 1000, 96},
};

bool matrix_whole(void)
{
    return getenv("TCP_MATRIX") != NULL;
}

uint64_t matrix_queue_size(const struct matrix_cell *c)
{
    uint64_t size = c->rate_bps / 8 * (2 * c->one_way_ns / MS) / 1000;

    return size > 64000 ? size : 64000;
}

void matrix_judge(const struct matrix_cell *c, uint64_t bytes, uint32_t served)
{
    uint64_t permille = bytes * 8 * 1000 / (c->rate_bps / 1000 * ((c->duration_ns - c->duration_ns / 3) / MS));

    if (getenv("GOLDENS"))
        printf("matrix: %4llu Mbit/s, %4u streams, %4u served: use %.3f\n", (unsigned long long)(c->rate_bps / MBIT), c->streams,
               served, (double)permille / 1e3);
    else
        assert_in_range(permille, 10ull * c->percent, 1050);
}
