/* Opens the database of a run, prints what was run and how it went, has the figures drawn. */
#include "sim/report/report.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/record/recorder.h"
#include "sim/report/plot.h"
#include "sim/report/sections.h"
#include "stack/base/err.h"

#define SCHEMA_VERSION 3
#define PATH_SIZE 4096

static int integer(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *s;
    int result;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    result = sqlite3_step(s);
    *value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return result == SQLITE_ROW ? 0 : ERR_SYSTEM;
}

/* Writing is allowed because the log of a killed run has to be taken in; nothing else is written.
 */
static int open_database(const char *path, sqlite3 **db, char *error, size_t error_size)
{
    int64_t version;

    if (access(path, R_OK) != 0) {
        snprintf(error, error_size, "cannot read %s: %s", path, strerror(errno));
        *db = NULL;
        return ERR_INVALID;
    }
    if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        sqlite3_close(*db);
        if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
            goto bad;
    }
    sqlite3_busy_timeout(*db, 10000);
    if (integer(*db, "PRAGMA user_version", &version) != 0)
        goto bad;
    if (version != SCHEMA_VERSION) {
        snprintf(error, error_size, "%s: schema version %lld, this program reads %d", path,
                 (long long)version, SCHEMA_VERSION);
        return ERR_INVALID;
    }
    return 0;
bad:
    snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(*db));
    return ERR_INVALID;
}

static const char *text_or(sqlite3_stmt *s, int column, const char *otherwise)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    return text && *text ? text : otherwise;
}

static void line(FILE *out, const char *name, const char *value)
{
    if (value)
        fprintf(out, "  %-12s %s\n", name, value);
}

static void print_incomplete(sqlite3_stmt *s, FILE *out)
{
    fprintf(out,
            "  ** INCOMPLETE: this run did not end%s%s; what follows is what was recorded until"
            " then. **\n",
            sqlite3_column_text(s, 12) ? ": " : "", text_or(s, 12, ""));
}

/* Also makes the subtitle of the figures. */
static int print_run(sqlite3 *db, char *subtitle, size_t subtitle_size, FILE *out)
{
    static const char sql[] =
        "SELECT scenario, question, backend, tcp_model, encryption, seed, nodes, sim_ns / 1e9,"
        " wall_s, replay, digest, complete, failure, version, warmup_ns / 1e9, connections,"
        " threads FROM run";
    sqlite3_stmt *s;
    bool complete;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    if (sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        return ERR_SYSTEM;
    }
    complete = sqlite3_column_int(s, 11) == 1;
    snprintf(subtitle, subtitle_size, "%s on %s, %s nodes, seed %s%s", text_or(s, 0, "run"),
             text_or(s, 2, "?"), text_or(s, 6, "?"), text_or(s, 5, "?"),
             complete ? "" : " (INCOMPLETE)");
    fprintf(out, "%s\n", subtitle);
    line(out, "question", text_or(s, 1, NULL));
    fprintf(out, "  %-12s %s TCP, %s encryption\n", "network", text_or(s, 3, "?"),
            text_or(s, 4, "?"));
    fprintf(out, "  %-12s %.3f s, measured from %.3f s on", "simulated",
            sqlite3_column_double(s, 7), sqlite3_column_double(s, 14));
    if (complete)
        fprintf(out, "; %.2f s of wall time", sqlite3_column_double(s, 8));
    if (complete && sqlite3_column_int(s, 16) > 1)
        fprintf(out, " in %d threads", sqlite3_column_int(s, 16));
    fputc('\n', out);
    line(out, "connections", text_or(s, 15, NULL));
    line(out, "version", text_or(s, 13, NULL));
    line(out, "repeat with", text_or(s, 9, NULL));
    line(out, "digest", text_or(s, 10, NULL));
    if (!complete)
        print_incomplete(s, out);
    sqlite3_finalize(s);
    return 0;
}

static int print_propagation(sqlite3 *db, FILE *out)
{
    struct histogram h;
    sqlite3_stmt *s;
    int result;

    if (sqlite3_prepare_v2(db,
                           "SELECT ns, count FROM propagation_sample WHERE ns >= 0 AND count > 0",
                           -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    histogram_init(&h);
    while ((result = sqlite3_step(s)) == SQLITE_ROW)
        histogram_add_many(&h, (uint64_t)sqlite3_column_int64(s, 0),
                           (uint64_t)sqlite3_column_int64(s, 1));
    sqlite3_finalize(s);
    if (h.count > 0)
        fputs("\nPropagation, all topics: deliveries that took up to\n", out);
    summary_print_histogram(&h, out);
    histogram_deinit(&h);
    return result == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

static int draw(sqlite3 *db, const char *dir, const char *subtitle, FILE *out, char *error,
                size_t error_size)
{
    char plots[PATH_SIZE];
    struct plot_set set = {.db = db, .dir = plots, .subtitle = subtitle};
    int64_t duration_ns = 0;
    int err;

    integer(db, "SELECT max(coalesce(sim_ns, duration_ns, 0), 1000000000) FROM run", &duration_ns);
    set.duration_s = (double)duration_ns / 1e9;
    snprintf(plots, sizeof plots, "%.4000s/plots", dir);
    if (mkdir(plots, 0777) != 0 && errno != EEXIST) {
        snprintf(error, error_size, "cannot create %.200s: %s", plots, strerror(errno));
        return ERR_SYSTEM;
    }
    err = plot_all(&set, error, error_size);
    if (!err)
        fprintf(out, "\n%u figures in %s", set.drawn, plots);
    if (!err && set.empty)
        fprintf(out, " (%u others would be empty)", set.empty);
    fputc('\n', out);
    return err;
}

int report_write(const char *dir, FILE *out, char *error, size_t error_size)
{
    char path[PATH_SIZE], subtitle[256];
    sqlite3 *db;
    int err;

    if (strlen(dir) > 4000) {
        snprintf(error, error_size, "the path is too long: %.100s...", dir);
        return ERR_INVALID;
    }
    snprintf(path, sizeof path, "%s/run.sqlite", dir);
    err = open_database(path, &db, error, error_size);
    if (!err) {
        err = print_run(db, subtitle, sizeof subtitle, out);
        if (!err)
            err = print_propagation(db, out);
        if (!err)
            err = sections_print(db, out);
        if (err)
            snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(db));
        else
            err = draw(db, dir, subtitle, out, error, error_size);
    }
    sqlite3_close(db);
    return err;
}
