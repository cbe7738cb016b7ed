/* The rows of a recorded run, for comparing two of them. */
#ifndef TESTS_LIB_ROWS_H
#define TESTS_LIB_ROWS_H

#include <stdint.h>

struct rows {
    uint64_t count, hash;
};

/* All rows of all tables as they lie in the file, but for `run`, which tells of threads and clocks on the wall. */
struct rows rows_read(const char *file);
/* Likewise of these columns of `run`. */
struct rows rows_read_run(const char *file, const char *columns);

#endif
