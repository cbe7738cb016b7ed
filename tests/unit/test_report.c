/* sim/report: text and figures of small databases, and what goes wrong. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/record/embedded.h"
#include "sim/report/report.h"
#include "stack/base/err.h"
#include "tests/lib/flood.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_report.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static void empty_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL) {
        char name[400];

        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    if (d)
        closedir(d);
}

static int remove_folder(void **state)
{
    char plots[80];

    (void)state;
    snprintf(plots, sizeof plots, "%s/plots", folder);
    empty_folder(plots);
    rmdir(plots);
    empty_folder(folder);
    return rmdir(folder);
}

enum ending { FINISHED, BROKEN_OFF };

static void record(uint32_t messages, enum ending ending)
{
    static const struct record_totals totals = {.sim_ns = 20000000000};
    char path[96], error[256];
    struct record_run run;
    struct recorder *r;
    struct flood f;

    snprintf(path, sizeof path, "%s/run.sqlite", folder);
    flood_init(&f, 40, 6, messages);
    run = flood_run(&f);
    assert_int_equal(recorder_open(path, &run, &r, error, sizeof error), 0);
    flood_register(&f, r);
    flood_feed_all(&f, r);
    for (uint32_t i = 0; messages > 0 && i < 40; i++)
        recorder_bytes(r, i, 2000000, 3000000);
    recorder_event(r, 19000000000, "partition", "south");
    recorder_expectation(r, "p99(propagation) <= 1 ms", "200.1 ms", false);
    if (ending == FINISHED)
        assert_int_equal(recorder_finish(r, &totals, NULL, error, sizeof error), 0);
    else
        recorder_abort(r, "interrupted");
    recorder_free(r);
    flood_deinit(&f);
}

/* What a run with adversaries, scores and IDONTWANT has besides. */
static void add_adversity(void)
{
    char path[96];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/run.sqlite", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE node SET behaviour = 'drop' WHERE id % 10 = 0;"
                                  "UPDATE traffic SET copies_withheld = node;"
                                  "INSERT INTO control SELECT start_ns, node + 1, 0, type, items, bytes FROM control WHERE sent;"
                                  "WITH RECURSIVE t(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM t WHERE s < 19)"
                                  " INSERT INTO score(at_ns, node, peer, score) SELECT s * 1000000000, a.id, b.id,"
                                  " CASE WHEN b.behaviour IS NULL THEN s * 0.5 + b.id ELSE -s * s END"
                                  " FROM t, node a, node b WHERE a.id <> b.id",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

/* The text of the report; the caller frees it. */
static char *report(int expected, char error[static 256])
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int err = report_write(folder, out, error, 256);

    fclose(out);
    if (err != expected)
        fail_msg("%d: %s", err, error);
    return text;
}

static char *report_without_gnuplot(char error[static 256])
{
    char *path = strdup(getenv("PATH")), *text;

    setenv("PATH", "/nonexistent", 1);
    text = report(ERR_UNSUPPORTED, error);
    setenv("PATH", path, 1);
    free(path);
    return text;
}

static off_t size_of(const char *plot)
{
    char path[128];
    struct stat s;

    snprintf(path, sizeof path, "%s/plots/%s", folder, plot);
    return stat(path, &s) == 0 ? s.st_size : -1;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is missing in:\n%s", part, text);
}

static void a_report_tells_what_was_run_and_draws_every_figure(void **state)
{
    static const char *const names[] = {"cdf",     "messages", "regions",    "hops",   "duplicates", "traffic", "mesh",
                                        "control", "overhead", "idontwant", "scores", "attackers"};
    char error[256] = "", *text;

    (void)state;
    record(10, FINISHED);
    add_adversity();
    text = report(0, error);
    assert_has(text, "flood_of_'ring' on des, 40 nodes, seed 7\n");
    assert_has(text, "How fast does a flood flood?");
    assert_has(text, "hearsay run flood.yaml --seed 7");
    assert_has(text, "blobs         8         312  1.0000");
    assert_has(text, "NOT MET  p99(propagation) <= 1 ms  200.1 ms\n");
    assert_has(text, "19.0 s  partition south\n");
    assert_has(text, "peer-ready    240");
    assert_has(text, "12 figures in ");
    assert_null(strstr(text, "INCOMPLETE"));
    free(text);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s.svg", names[i]);
        assert_true(size_of(name) > 2000);
        snprintf(name, sizeof name, "%s.png", names[i]);
        assert_true(size_of(name) > 2000);
        snprintf(name, sizeof name, "%s.dat", names[i]);
        assert_true(size_of(name) > 20);
    }
    assert_int_equal(size_of("gnuplot.log"), -1);
}

static void an_incomplete_run_is_reported_as_such(void **state)
{
    char error[256] = "", *text;

    (void)state;
    record(10, BROKEN_OFF);
    text = report_without_gnuplot(error);
    assert_has(text, "** INCOMPLETE: this run did not end: interrupted");
    assert_has(text,
               "blobs         8         312  1.0000"); /* from the rows: there is no histogram */
    free(text);
}

static void a_run_without_messages_has_a_report_without_figures(void **state)
{
    char error[256] = "", *text;

    (void)state;
    record(0, FINISHED);
    text = report(0, error);
    assert_has(text, "2 figures in "); /* mesh and control */
    assert_has(text, "(10 others would be empty)");
    assert_int_equal(size_of("cdf.svg"), -1);
    free(text);
}

static void without_gnuplot_the_text_and_the_data_are_there(void **state)
{
    char error[256] = "", *text;

    (void)state;
    record(3, FINISHED);
    text = report_without_gnuplot(error);
    assert_has(error, "apt install gnuplot-nox");
    assert_has(text, "flood_of_'ring'");
    assert_true(size_of("control.dat") > 20);
    assert_true(size_of("control.gp") > 200);
    assert_int_equal(size_of("control.png"), -1);
    free(text);
}

static void a_folder_without_a_result_is_an_error(void **state)
{
    char error[256] = "", *text;

    (void)state;
    text = report(ERR_INVALID, error);
    assert_has(error, "run.sqlite: No such file");
    assert_string_equal(text, "");
    free(text);
}

static void a_file_that_is_no_result_of_ours_is_an_error(void **state)
{
    char error[256] = "", path[96];
    sqlite3 *db;
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/run.sqlite", folder);
    f = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("garbage ", f);
    fclose(f);
    free(report(ERR_INVALID, error));
    assert_has(error, "not a database");
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
    sqlite3_close(db);
    free(report(ERR_INVALID, error));
    assert_has(error, "schema version 99");
}

static void the_program_carries_its_figures(void **state)
{
    unsigned queries = 0, plots = 0;

    (void)state;
    for (size_t i = 0; i < embedded_file_count; i++) {
        const char *path = embedded_files[i].path;

        assert_string_equal(embedded_text(path), (const char *)embedded_files[i].text);
        if (strncmp(path, "scripts/report/", 15) != 0)
            continue;
        queries += strstr(path, ".sql") != NULL;
        plots += strstr(path, ".gp") != NULL;
    }
    assert_int_equal(queries, 12);
    assert_int_equal(plots, 13); /* and the style */
    assert_null(embedded_text("scripts/report/none.sql"));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_report_tells_what_was_run_and_draws_every_figure),
        WITH_FOLDER(an_incomplete_run_is_reported_as_such),
        WITH_FOLDER(a_run_without_messages_has_a_report_without_figures),
        WITH_FOLDER(without_gnuplot_the_text_and_the_data_are_there),
        WITH_FOLDER(a_folder_without_a_result_is_an_error),
        WITH_FOLDER(a_file_that_is_no_result_of_ours_is_an_error),
        cmocka_unit_test(the_program_carries_its_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
