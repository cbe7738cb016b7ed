/* A running hash over every value of every row. */
#include "tests/lib/rows.h"

#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static void absorb(uint64_t *hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u; /* FNV-1a */
}

static void read_rows(sqlite3 *db, const char *sql, struct rows *out)
{
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    for (; sqlite3_step(s) == SQLITE_ROW; out->count++)
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            int type = sqlite3_column_type(s, i);

            absorb(&out->hash, &type, 1);
            absorb(&out->hash, sqlite3_column_text(s, i), (size_t)sqlite3_column_bytes(s, i));
        }
    sqlite3_finalize(s);
}

static sqlite3 *open_file(const char *file)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return db;
}

struct rows rows_read(const char *file)
{
    struct rows out = {0};
    sqlite3 *db = open_file(file);
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'run' ORDER BY name",
                                        -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        char sql[128];

        absorb(&out.hash, name, strlen(name));
        snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
        read_rows(db, sql, &out);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return out;
}

struct rows rows_read_run(const char *file, const char *columns)
{
    struct rows out = {0};
    sqlite3 *db = open_file(file);
    char sql[512];

    snprintf(sql, sizeof sql, "SELECT %s FROM run", columns);
    read_rows(db, sql, &out);
    sqlite3_close(db);
    return out;
}
