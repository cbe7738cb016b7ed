/* The report of a finished (or broken off) run: text to a stream, figures to files. */
#ifndef SIM_REPORT_REPORT_H
#define SIM_REPORT_REPORT_H

#include <stdio.h>

/* Reads DIR/run.sqlite, prints the text report to `out`, writes DIR/plots/NAME.{dat,gp,svg,png}. 0,
 * or a negative err with a sentence for the user in `error`. ERR_UNSUPPORTED: gnuplot is not
 * installed; the text was printed and the .dat and .gp files were written all the same.
 * ERR_INVALID: no such database, or not one of ours. */
int report_write(const char *dir, FILE *out, char *error, size_t error_size);

#endif
