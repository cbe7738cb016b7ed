/* Text files that are part of the program: the database schema, the queries and plots of the
 * report. The build (scripts/embed.sh) turns them into a C file, so that nothing is looked up at
 * run time. */
#ifndef SIM_RECORD_EMBEDDED_H
#define SIM_RECORD_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *path;          /* from the repository's root: "scripts/report/cdf.sql" */
    const unsigned char *text; /* ends with a NUL */
};

/* In the order of their paths. */
extern const struct embedded_file embedded_files[];
extern const size_t embedded_file_count;

const char *embedded_text(const char *path); /* NULL when there is no such file */

#endif
