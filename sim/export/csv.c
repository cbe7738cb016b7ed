/* Tables and views as CSV files. */
#include "sim/export/export.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/record/embedded.h"
#include "stack/base/err.h"

#define PATH_SIZE 4096

/* The version that the program's own schema writes. */
static int schema_version(void)
{
    const char *at = strstr(embedded_text("sim/record/schema.sql"), "PRAGMA user_version = ");
    int version = 0;

    return at && sscanf(at, "PRAGMA user_version = %d", &version) == 1 ? version : 0;
}

static int file_version(struct sqlite3 *db)
{
    sqlite3_stmt *s;
    int version = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return version;
}

int export_open(const char *run, struct sqlite3 **db, char *error, size_t error_size)
{
    char path[PATH_SIZE];
    struct stat is;
    int version;

    *db = NULL;
    snprintf(path, sizeof path, stat(run, &is) == 0 && S_ISDIR(is.st_mode) ? "%s/run.sqlite" : "%s", run);
    if (access(path, R_OK) != 0) {
        snprintf(error, error_size, "cannot read %s: %s", path, strerror(errno));
        return ERR_INVALID;
    }
    if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) { /* to take in the log of a killed run */
        sqlite3_close(*db);
        sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);
    }
    sqlite3_busy_timeout(*db, 10000);
    version = file_version(*db);
    if (version == schema_version())
        return ERR_OK;
    if (version < 0)
        snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(*db));
    else
        snprintf(error, error_size, "%s: schema version %d, this program reads %d", path, version, schema_version());
    export_close(*db);
    *db = NULL;
    return ERR_INVALID;
}

void export_close(struct sqlite3 *db)
{
    sqlite3_close(db);
}

static void put_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n") && *text) {
        fputs(text, out);
        return;
    }
    fputc('"', out); /* an empty text, too: an empty cell is NULL */
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_cell(FILE *out, sqlite3_stmt *s, int column)
{
    const unsigned char *bytes;

    switch (sqlite3_column_type(s, column)) {
    case SQLITE_NULL:
        return;
    case SQLITE_INTEGER:
        fprintf(out, "%lld", (long long)sqlite3_column_int64(s, column));
        return;
    case SQLITE_FLOAT:
        fprintf(out, "%.17g", sqlite3_column_double(s, column));
        return;
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(s, column);
        for (int i = 0; i < sqlite3_column_bytes(s, column); i++)
            fprintf(out, "%02x", bytes[i]);
        return;
    default:
        put_text(out, (const char *)sqlite3_column_text(s, column));
    }
}

static int write_rows(sqlite3_stmt *s, FILE *out)
{
    int columns = sqlite3_column_count(s), result;

    for (int i = 0; i < columns; i++) {
        if (i > 0)
            fputc(',', out);
        put_text(out, sqlite3_column_name(s, i));
    }
    fputs("\r\n", out);
    while ((result = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) {
            if (i > 0)
                fputc(',', out);
            put_cell(out, s, i);
        }
        fputs("\r\n", out);
    }
    return result;
}

/* Names come from the schema and need no care. */
static int export_table(struct sqlite3 *db, const char *folder, const char *name, char *error, size_t error_size)
{
    char path[PATH_SIZE], sql[256];
    sqlite3_stmt *s;
    FILE *out;
    int result;

    if (snprintf(path, sizeof path, "%s/%s.csv", folder, name) >= (int)sizeof path) {
        snprintf(error, error_size, "the path is too long: %.100s...", folder);
        return ERR_INVALID;
    }
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", name);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        snprintf(error, error_size, "%s: %s", name, sqlite3_errmsg(db));
        return ERR_SYSTEM;
    }
    out = fopen(path, "w");
    if (!out) {
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
        sqlite3_finalize(s);
        return ERR_SYSTEM;
    }
    result = write_rows(s, out);
    if (result != SQLITE_DONE)
        snprintf(error, error_size, "%s: %s", name, sqlite3_errmsg(db));
    sqlite3_finalize(s);
    if (fclose(out) != 0 && result == SQLITE_DONE) {
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    return result == SQLITE_DONE ? ERR_OK : ERR_SYSTEM;
}

int export_csv(struct sqlite3 *db, const char *folder, uint32_t *files, char *error, size_t error_size)
{
    static const char sql[] = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name";
    sqlite3_stmt *s;
    int err = ERR_OK;

    *files = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        snprintf(error, error_size, "%s", sqlite3_errmsg(db));
        return ERR_SYSTEM;
    }
    while (!err && sqlite3_step(s) == SQLITE_ROW) {
        err = export_table(db, folder, (const char *)sqlite3_column_text(s, 0), error, error_size);
        *files += !err;
    }
    sqlite3_finalize(s);
    return err;
}
