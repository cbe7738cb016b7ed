/* hearsay report: text and figures of recorded runs. */
#include "sim/cli/cli.h"

#include "sim/report/report.h"
#include "stack/base/err.h"

#include <stdio.h>

static const char usage[] =
    "usage: hearsay report DIR...\n"
    "\n"
    "Reads DIR/run.sqlite, prints a report, and draws figures into DIR/plots (SVG and PNG, with the data\n"
    "and the gnuplot script of each beside it).\n"
    "\n"
    "Exit status: 0; 1 when a folder could not be read or gnuplot is missing; 2 bad usage.\n";

static int run(int argc, char **argv)
{
    struct run_arguments a;
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_report, "help", &status) && a.file_count == 0)
        status = usage_error(&command_report, "give the folder of a run (as results/demo/des-1)");
    for (int i = 0; i < a.file_count; i++) {
        char error[512];

        if (report_write(a.files[i], stdout, error, sizeof error) == ERR_OK)
            continue;
        fflush(stdout);
        fprintf(stderr, "hearsay report: %s\n", error);
        status = RUN_FAILED;
    }
    arguments_free(&a);
    return status;
}

const struct command command_report = {"report", "print and draw what was recorded", usage, run};
