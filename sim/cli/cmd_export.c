/* hearsay export: what was recorded, for other programs. */
#include "sim/cli/cli.h"

#include "sim/export/export.h"
#include "stack/base/err.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: hearsay export RUN --pubsub-trace pb|json [--out FILE]\n"
    "       hearsay export RUN --csv FOLDER\n"
    "\n"
    "RUN is the folder of a run, or its run.sqlite.\n"
    "\n"
    "  --pubsub-trace pb|json  events as go-libp2p-pubsub traces them (TraceEvent): with their lengths before them, or as\n"
    "                          JSON lines; of all nodes, in order of time. What the run did not record is told on stderr\n"
    "  --out FILE              where to (stdout)\n"
    "  --csv FOLDER            every table and view as FOLDER/NAME.csv; NULL is an empty cell, a blob is hex\n"
    "\n"
    "Exit status: 0; 1 a file could not be read or written; 2 bad usage.\n";

struct wish {
    const char *run, *out, *csv, *trace;
};

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "hearsay export: %s\n", sentence);
}

static int write_trace(struct sqlite3 *db, const struct wish *w, char *error, size_t error_size)
{
    enum export_format format = strcmp(w->trace, "pb") == 0 ? EXPORT_PB : EXPORT_JSON;
    FILE *out = w->out ? fopen(w->out, "wb") : stdout;
    uint64_t events = 0;
    int err;

    if (!out) {
        snprintf(error, error_size, "cannot write %s: %s", w->out, strerror(errno));
        return ERR_SYSTEM;
    }
    err = export_pubsub_gaps(db, NULL, tell, error, error_size);
    if (!err)
        err = export_pubsub_trace(db, format, out, &events, error, error_size);
    if (w->out && fclose(out) != 0 && !err) {
        snprintf(error, error_size, "cannot write %s: %s", w->out, strerror(errno));
        err = ERR_SYSTEM;
    }
    if (!err)
        fprintf(stderr, "%" PRIu64 " events\n", events);
    return err;
}

static int write_csv(struct sqlite3 *db, const char *folder, char *error, size_t error_size)
{
    uint32_t files = 0;
    int err;

    if (!make_folders(folder)) {
        snprintf(error, error_size, "cannot make %s: %s", folder, strerror(errno));
        return ERR_SYSTEM;
    }
    err = export_csv(db, folder, &files, error, error_size);
    if (!err)
        fprintf(stderr, "%" PRIu32 " files in %s\n", files, folder);
    return err;
}

static int export_run(const struct wish *w)
{
    char error[512] = "";
    struct sqlite3 *db;
    int err = export_open(w->run, &db, error, sizeof error);

    if (!err) {
        err = w->csv ? write_csv(db, w->csv, error, sizeof error) : write_trace(db, w, error, sizeof error);
        export_close(db);
    }
    if (err)
        fprintf(stderr, "hearsay export: %s\n", error);
    return err ? RUN_FAILED : RUN_OK;
}

/* NULL, or what is wrong with it. */
static const char *check(const struct wish *w)
{
    if (!w->csv == !w->trace)
        return "give one of --pubsub-trace and --csv";
    if (w->csv && w->out)
        return "--out belongs to --pubsub-trace";
    if (w->trace && strcmp(w->trace, "pb") != 0 && strcmp(w->trace, "json") != 0)
        return "--pubsub-trace takes pb or json";
    if (w->trace && strcmp(w->trace, "pb") == 0 && !w->out && isatty(STDOUT_FILENO))
        return "a terminal cannot show pb (--out)";
    return NULL;
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"pubsub-trace", required_argument, NULL, 't'},
                                            {"csv", required_argument, NULL, 'c'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct wish w = {0};
    int letter;

    opterr = 0;
    optind = 1;
    while ((letter = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (letter) {
        case 't':
            w.trace = optarg;
            break;
        case 'c':
            w.csv = optarg;
            break;
        case 'o':
            w.out = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return RUN_OK;
        default:
            return usage_error(&command_export, "%s %s", argv[optind - 1],
                               letter == ':' ? "needs a value" : "is not an option of this command");
        }
    }
    if (optind + 1 != argc)
        return usage_error(&command_export, "give the folder of one run (as results/demo/des-1)");
    w.run = argv[optind];
    if (check(&w))
        return usage_error(&command_export, "%s", check(&w));
    return export_run(&w);
}

const struct command command_export = {"export", "write what was recorded for other programs", usage, run};
