/* Writes data and scripts, and runs gnuplot on them. */
#include "sim/report/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/record/embedded.h"
#include "stack/base/err.h"

#define FOLDER "scripts/report/"
#define PATH_SIZE 4096
#define EXIT_NOT_FOUND 127

struct figure {
    const char *name, *title;
};

/* In the order of the report. */
static const struct figure figures[] = {
    {"cdf", "Propagation: from publish to delivery"},
    {"messages", "Propagation of each message"},
    {"regions", "Propagation by region of the receiver"},
    {"hops", "Hops of the first copy"},
    {"duplicates", "Duplicates"},
    {"traffic", "Traffic of a node"},
    {"mesh", "Mesh degree"},
    {"control", "Control messages"},
    {"overhead", "Control overhead of honest nodes"},
    {"idontwant", "Saved by IDONTWANT"},
    {"scores", "Scores that honest nodes give"},
    {"attackers", "Adversaries in the meshes of honest nodes"},
};

struct figure_size {
    unsigned series, rows;
};

static int cannot(const char *what, const char *path, char *error, size_t error_size)
{
    snprintf(error, error_size, "cannot %s %s: %s", what, path, strerror(errno));
    return ERR_SYSTEM;
}

static FILE *create(const struct plot_set *set, const char *name, const char *ending, char *error,
                    size_t error_size)
{
    char path[PATH_SIZE];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.%s", set->dir, name, ending);
    f = fopen(path, "w");
    if (!f)
        cannot("write", path, error, error_size);
    return f;
}

/* A word that gnuplot reads as one: quotes and control characters inside become '_'. */
static void put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++)
        fputc(*text == '"' || *text == '\\' || (unsigned char)*text < 0x20 ? '_' : *text, out);
    fputc('"', out);
}

static void put_cell(FILE *out, sqlite3_stmt *s, int column)
{
    switch (sqlite3_column_type(s, column)) {
    case SQLITE_NULL:
        fputc('?', out);
        break;
    case SQLITE_INTEGER:
        fprintf(out, "%lld", (long long)sqlite3_column_int64(s, column));
        break;
    case SQLITE_FLOAT:
        fprintf(out, "%.9g", sqlite3_column_double(s, column));
        break;
    default:
        put_text(out, (const char *)sqlite3_column_text(s, column));
    }
}

/* Starts a block when the series is another one than before. */
static void put_series(FILE *out, sqlite3_stmt *s, char *series, size_t series_size,
                       struct figure_size *size)
{
    const char *name = (const char *)sqlite3_column_text(s, 0);

    if (!name)
        name = "";
    if (size->series > 0 && strncmp(name, series, series_size - 1) == 0)
        return;
    if (size->series > 0)
        fputs("\n\n", out);
    put_text(out, name);
    fputc('\n', out);
    snprintf(series, series_size, "%s", name);
    size->series++;
}

static int write_rows(FILE *out, sqlite3_stmt *s, struct figure_size *size)
{
    int columns = sqlite3_column_count(s), result;
    bool in_series = strcmp(sqlite3_column_name(s, 0), "series") == 0;
    char series[256] = "";

    fputc('#', out);
    for (int i = 0; i < columns; i++)
        fprintf(out, " %s", sqlite3_column_name(s, i));
    fputc('\n', out);
    while ((result = sqlite3_step(s)) == SQLITE_ROW) {
        if (in_series)
            put_series(out, s, series, sizeof series, size);
        for (int i = 0; i < columns; i++) {
            if (i > 0)
                fputc(' ', out);
            put_cell(out, s, i);
        }
        fputc('\n', out);
        size->rows++;
    }
    return result == SQLITE_DONE ? 0 : ERR_SYSTEM;
}

static int write_data(const struct plot_set *set, const char *name, struct figure_size *size,
                      char *error, size_t error_size)
{
    char path[128];
    sqlite3_stmt *s;
    FILE *out;
    int err;

    snprintf(path, sizeof path, FOLDER "%s.sql", name);
    if (sqlite3_prepare_v2(set->db, embedded_text(path), -1, &s, NULL) != SQLITE_OK) {
        snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(set->db));
        return ERR_INVALID;
    }
    out = create(set, name, "dat", error, error_size);
    if (!out) {
        sqlite3_finalize(s);
        return ERR_SYSTEM;
    }
    err = write_rows(out, s, size);
    if (err)
        snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(set->db));
    sqlite3_finalize(s);
    if (fclose(out) != 0 && !err)
        err = cannot("write the data of", name, error, error_size);
    return err;
}

/* gnuplot doubles a quote inside single quotes. */
static void put_quoted(FILE *out, const char *name, const char *text)
{
    fprintf(out, "%s = '", name);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
    fputs("'\n", out);
}

static int write_script(const struct plot_set *set, const struct figure *f,
                        const struct figure_size *size, char *error, size_t error_size)
{
    char path[128];
    FILE *out = create(set, f->name, "gp", error, error_size);

    if (!out)
        return ERR_SYSTEM;
    snprintf(path, sizeof path, FOLDER "%s.gp", f->name);
    put_quoted(out, "figure", f->name);
    fprintf(out, "data = '%s.dat'\nseries = %u\nrows = %u\n", f->name, size->series, size->rows);
    fprintf(out, "duration_s = %.9g\n", set->duration_s);
    put_quoted(out, "title_text", f->title);
    put_quoted(out, "subtitle_text", set->subtitle);
    fprintf(out, "\n%s\n%s", embedded_text(FOLDER "style.gp"), embedded_text(path));
    if (fclose(out) != 0)
        return cannot("write the script of", f->name, error, error_size);
    return 0;
}

/* Never returns. What gnuplot says goes to gnuplot.log. */
static void become_gnuplot(const struct plot_set *set, const char *name, const char *format)
{
    char script[64], setting[32];
    int log;

    snprintf(script, sizeof script, "%s.gp", name);
    snprintf(setting, sizeof setting, "format='%s'", format);
    if (chdir(set->dir) != 0)
        _exit(1);
    log = open("gnuplot.log", O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execlp("gnuplot", "gnuplot", "-e", setting, script, (char *)NULL);
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : 1);
}

static int draw(const struct plot_set *set, const char *name, const char *format, char *error,
                size_t error_size)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        become_gnuplot(set, name, format);
    if (child < 0)
        return cannot("start", "gnuplot", error, error_size);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return cannot("wait for", "gnuplot", error, error_size);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND) {
        snprintf(error, error_size,
                 "no pictures were drawn: gnuplot is not installed (Debian: apt install "
                 "gnuplot-nox); data and scripts are in %s",
                 set->dir);
        return ERR_UNSUPPORTED;
    }
    snprintf(error, error_size, "gnuplot failed on %s.gp: see %s/gnuplot.log", name, set->dir);
    return ERR_SYSTEM;
}

/* An old picture must not stand for new data. */
static void remove_old(const struct plot_set *set, const char *name)
{
    static const char *const endings[] = {"dat", "gp", "svg", "png"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", set->dir, name, endings[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/gnuplot.log", set->dir);
    unlink(path);
}

static void remove_empty_log(const struct plot_set *set)
{
    char path[PATH_SIZE];
    FILE *f;
    bool empty;

    snprintf(path, sizeof path, "%s/gnuplot.log", set->dir);
    f = fopen(path, "r");
    if (!f)
        return;
    empty = fgetc(f) == EOF;
    fclose(f);
    if (empty)
        unlink(path);
}

static int plot_one(struct plot_set *set, const struct figure *f, bool *gnuplot, char *error,
                    size_t error_size)
{
    struct figure_size size = {0};
    int err = write_data(set, f->name, &size, error, error_size);

    if (err)
        return err;
    if (size.rows == 0) {
        set->empty++;
        return 0;
    }
    err = write_script(set, f, &size, error, error_size);
    if (err || !*gnuplot)
        return err;
    err = draw(set, f->name, "svg", error, error_size);
    if (!err)
        err = draw(set, f->name, "png", error, error_size);
    if (err == ERR_UNSUPPORTED)
        *gnuplot = false; /* the other figures' data are still worth writing */
    else if (!err)
        set->drawn++;
    return err == ERR_UNSUPPORTED ? 0 : err;
}

int plot_all(struct plot_set *set, char *error, size_t error_size)
{
    bool gnuplot = true;
    int err = 0;

    if (strlen(set->dir) > PATH_SIZE - 64) {
        snprintf(error, error_size, "the path is too long: %.100s...", set->dir);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char spare[2]; /* the first error is the one to tell */
        int failed;

        remove_old(set, figures[i].name);
        failed = plot_one(set, &figures[i], &gnuplot, err ? spare : error,
                          err ? sizeof spare : error_size);
        err = err ? err : failed;
    }
    remove_empty_log(set);
    if (err)
        return err;
    return gnuplot ? 0 : ERR_UNSUPPORTED;
}
