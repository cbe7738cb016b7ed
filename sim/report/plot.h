/* Figures: a query and a gnuplot script each, scripts/report/NAME.sql and NAME.gp, built into the
 * program.
 *
 * The query's rows go to NAME.dat. When its first column is called `series`, rows are cut into one
 * block a series with the series' name on top (gnuplot: index, columnheader). The script that is
 * written beside it is complete: the figure can be edited and drawn again by hand. */
#ifndef SIM_REPORT_PLOT_H
#define SIM_REPORT_PLOT_H

#include <stddef.h>

struct sqlite3;

struct plot_set {
    struct sqlite3 *db;
    const char *dir;       /* where to write; exists */
    const char *subtitle;  /* under every figure's title */
    double duration_s;     /* where axes of simulated time end */
    unsigned drawn, empty; /* results */
};

/* 0, or a negative err with the reason in `error`; ERR_UNSUPPORTED when there is no gnuplot. */
int plot_all(struct plot_set *set, char *error, size_t error_size);

#endif
