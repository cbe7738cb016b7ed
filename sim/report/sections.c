/* The sections, in order of appearance. */
#include "sim/report/sections.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define COLUMNS_MAX 12
#define ROWS_MAX 200 /* of a table; the database has the rest */
#define WIDTH_MAX 60

struct section {
    const char *title, *sql;
};

static const struct section sections[] = {
    {"Topics (measured period; times in ms from publish to delivery)",
     "SELECT topic AS topic, messages, deliveries,"
     " coalesce(printf('%.4f', floor(delivery_ratio * 10000) / 10000), '-') AS \"ratio\","
     " coalesce(printf('%.2f', duplicates_per_delivery), '-') AS \"dup/del\","
     " coalesce(printf('%.1f', p50_ms), '-') AS p50, coalesce(printf('%.1f', p90_ms), '-') AS p90,"
     " coalesce(printf('%.1f', p99_ms), '-') AS p99, coalesce(printf('%.1f', max_ms), '-') AS max"
     " FROM topic_summary ORDER BY deliveries DESC, topic"},
    {"Slowest messages (ms)",
     "SELECT id AS message, topic, printf('%.1f', published_ns / 1e9) AS \"published (s)\","
     " publisher, size AS \"size (B)\", deliveries || '/' || expected AS delivered,"
     " printf('%.1f', p50_ms) AS p50, printf('%.1f', max_ms) AS max, hops_max AS hops"
     " FROM message_summary WHERE measured AND max_ms IS NOT NULL"
     " ORDER BY max_ms DESC, id LIMIT 5"},
    {"Messages that did not reach everyone (the worst)",
     "SELECT id AS message, topic, printf('%.1f', published_ns / 1e9) AS \"published (s)\","
     " publisher, expected, deliveries, expected - deliveries AS missing"
     " FROM message_summary WHERE measured AND deliveries < expected"
     " ORDER BY missing DESC, id LIMIT 5"},
    {"Duplicates of a message at a node",
     "SELECT duplicates, sum(n) AS deliveries, printf('%.1f', 100.0 * sum(n) / sum(sum(n)) OVER ())"
     " AS percent FROM (SELECT CASE WHEN duplicates > 15 THEN '16 or more' ELSE duplicates END"
     " AS duplicates, min(duplicates) AS place, count(*) AS n FROM delivery WHERE expected"
     " GROUP BY min(duplicates, 16)) GROUP BY place ORDER BY place"},
    {"Traffic of a node (whole run)",
     "WITH v(place, what, x) AS ("
     " SELECT 1, 'sent (KiB)', total_sent / 1024.0 FROM traffic WHERE total_sent > 0"
     " UNION ALL SELECT 2, 'received (KiB)', total_received / 1024.0 FROM traffic WHERE "
     "total_received > 0"
     " UNION ALL SELECT 3, 'control sent (KiB)', control_sent / 1024.0 FROM traffic WHERE "
     "total_sent > 0"
     " UNION ALL SELECT 4, 'copies sent', copies_sent FROM traffic"
     " UNION ALL SELECT 5, 'copies received', copies_received FROM traffic"
     " UNION ALL SELECT 6, 'duplicates', duplicates FROM traffic),"
     " r AS (SELECT *, row_number() OVER (PARTITION BY place ORDER BY x) AS i,"
     " count(*) OVER (PARTITION BY place) AS n FROM v)"
     " SELECT what AS \"a node\", printf('%,d', CAST(min(x) AS INTEGER)) AS least,"
     " printf('%,d', CAST(min(CASE WHEN i >= 0.5 * n THEN x END) AS INTEGER)) AS median,"
     " printf('%,d', CAST(min(CASE WHEN i >= 0.99 * n THEN x END) AS INTEGER)) AS p99,"
     " printf('%,d', CAST(max(x) AS INTEGER)) AS most FROM r GROUP BY place"
     " HAVING max(x) > 0 ORDER BY place"},
    {"Mesh peers of a node at the end",
     "WITH d AS (SELECT topic, degree, nodes, 1.0 * sum(nodes) OVER (PARTITION BY topic ORDER BY "
     "degree)"
     " / sum(nodes) OVER (PARTITION BY topic) AS fraction FROM mesh_degree"
     " WHERE at_ns = (SELECT max(at_ns) FROM mesh_degree))"
     " SELECT t.name AS topic, sum(nodes) AS nodes, min(degree) AS least,"
     " min(CASE WHEN fraction >= 0.5 THEN degree END) AS median, max(degree) AS most,"
     " printf('%.1f', 1.0 * sum(degree * nodes) / sum(nodes)) AS mean"
     " FROM d JOIN topic t ON t.id = d.topic GROUP BY d.topic ORDER BY d.topic"},
    {"Control messages",
     "SELECT type, printf('%,d', sum(CASE WHEN sent THEN items ELSE 0 END)) AS sent,"
     " printf('%,d', sum(CASE WHEN sent THEN bytes ELSE 0 END)) AS \"sent (B)\","
     " printf('%,d', sum(CASE WHEN sent THEN 0 ELSE items END)) AS received,"
     " printf('%,d', sum(CASE WHEN sent THEN 0 ELSE bytes END)) AS \"received (B)\""
     " FROM control GROUP BY type ORDER BY type"},
    {"Messages rejected or dropped",
     "SELECT reason, printf('%,d', sum(messages)) AS messages, printf('%,d', sum(bytes)) AS bytes,"
     " count(DISTINCT node) AS nodes FROM loss GROUP BY reason ORDER BY sum(messages) DESC, "
     "reason"},
    {"Connections (of the nodes recorded)", "SELECT event || coalesce(' (' || reason || ')', '') AS event, printf('%,d', "
                    "count(*)) AS count"
                    " FROM connection GROUP BY 1 ORDER BY count(*) DESC, 1"},
    {"Recorded",
     "SELECT 'hops (every copy)' AS \"rows\", printf('%,d of %,d messages', sum(has_hops), count(*)) AS \"of\" FROM message"
     " UNION ALL SELECT 'deliveries', printf('%,d of %,d messages', sum(has_deliveries), count(*)) FROM message"
     " UNION ALL SELECT 'connections, grafts', CASE WHEN peer_every IS NULL THEN 'no nodes' ELSE"
     " printf('%,d of %,d nodes', (nodes + peer_every - 1) / peer_every, nodes) END FROM run"
     " UNION ALL SELECT 'histograms', 'all ' || CASE WHEN EXISTS (SELECT 1 FROM message_propagation)"
     " THEN 'topics and messages' ELSE 'topics' END"},
    {"What happened",
     "SELECT printf('%.1f s', at_ns / 1e9) AS at, kind || coalesce(' ' || detail, '') AS action"
     " FROM event ORDER BY at_ns, rowid LIMIT 20"},
    {"Expectations",
     "SELECT CASE WHEN passed THEN 'met' ELSE 'NOT MET' END AS verdict, text AS expectation,"
     " value AS \"found\" FROM expectation ORDER BY id"},
};

struct grid {
    char *cells[ROWS_MAX + 1][COLUMNS_MAX]; /* row 0: headings */
    int widths[COLUMNS_MAX];
    bool words[COLUMNS_MAX]; /* not only numbers: aligned left */
    int rows, columns;
};

static void put(struct grid *g, int column, const char *text)
{
    int width = (int)strlen(text ? text : "-");

    g->cells[g->rows][column] = mem_strdup(text ? text : "-");
    if (g->rows > 0 && text && strspn(text, "0123456789.,-/") < strlen(text))
        g->words[column] = true;
    if (width > WIDTH_MAX)
        width = WIDTH_MAX;
    if (width > g->widths[column])
        g->widths[column] = width;
}

static int fill(struct grid *g, sqlite3_stmt *s)
{
    int result;

    g->columns = sqlite3_column_count(s);
    CHECK(g->columns <= COLUMNS_MAX);
    for (int i = 0; i < g->columns; i++)
        put(g, i, sqlite3_column_name(s, i));
    g->rows = 1;
    while ((result = sqlite3_step(s)) == SQLITE_ROW && g->rows <= ROWS_MAX) {
        for (int i = 0; i < g->columns; i++)
            put(g, i, (const char *)sqlite3_column_text(s, i));
        g->rows++;
    }
    return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : ERR_SYSTEM;
}

static void print_cell(const struct grid *g, int row, int column, FILE *out)
{
    const char *text = g->cells[row][column];

    if (g->words[column] && column == g->columns - 1)
        fprintf(out, "  %.*s", WIDTH_MAX, text); /* no blanks at the end of a line */
    else
        fprintf(out, g->words[column] ? "  %-*.*s" : "  %*.*s", g->widths[column], WIDTH_MAX, text);
}

static void print(const struct grid *g, const char *title, FILE *out)
{
    fprintf(out, "\n%s\n", title);
    for (int row = 0; row < g->rows; row++) {
        for (int i = 0; i < g->columns; i++)
            print_cell(g, row, i, out);
        fputc('\n', out);
    }
    if (g->rows > ROWS_MAX)
        fputs("  ...\n", out);
}

int sections_print_table(sqlite3 *db, const char *title, const char *sql, FILE *out)
{
    struct grid *g;
    sqlite3_stmt *s;
    int err;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return ERR_SYSTEM;
    g = mem_zalloc(sizeof *g);
    err = fill(g, s);
    sqlite3_finalize(s);
    if (!err && g->rows > 1)
        print(g, title, out);
    for (int row = 0; row <= ROWS_MAX; row++)
        for (int i = 0; i < COLUMNS_MAX; i++)
            mem_free(g->cells[row][i]);
    mem_free(g);
    return err;
}

int sections_print(sqlite3 *db, FILE *out)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (sections_print_table(db, sections[i].title, sections[i].sql, out) != 0)
            return ERR_SYSTEM;
    return 0;
}
