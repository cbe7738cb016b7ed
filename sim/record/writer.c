/* A ring of batches between two threads. A batch is an array of words: row kind, columns, row kind,
 * columns, ... */
#include "sim/record/writer.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/record/embedded.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#define BATCH_WORDS (1u << 16)
#define BATCHES 4u
#define ROWS_AT_ONCE 16u /* by one statement, where so many of a kind follow each other: two fifths of the work less */
#define COMMIT_ROWS 200000u /* at the latest; earlier whenever there is nothing else to do */

struct batch {
    uint32_t used;
    uint64_t words[BATCH_WORDS];
};

struct writer {
    struct batch *batches[BATCHES]; /* from `first` on, `waiting` are to be written */
    struct batch *filling;          /* the one after them; the simulation's own */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    uint32_t first, waiting;
    bool running, ending;
    /* the writing thread's, and after its end the caller's */
    sqlite3 *db;
    sqlite3_stmt *statements[ROW_KIND_COUNT];
    sqlite3_stmt *of_many[ROW_KIND_COUNT]; /* the same for ROWS_AT_ONCE rows; NULL: it is no plain INSERT */
    uint32_t uncommitted;
    char failure[512];
    atomic_bool failed;
};

#define ROW_SQL(name, sql, columns) sql,
static const char *const row_sql[] = {ROW_TABLE(ROW_SQL)};
#define ROW_COLUMNS(name, sql, columns) columns,
static const char *const row_columns[] = {ROW_TABLE(ROW_COLUMNS)};
#define ROW_SIZE(name, sql, columns) sizeof(columns) - 1,
static const uint8_t row_sizes[] = {ROW_TABLE(ROW_SIZE)};

static void fail(struct writer *w)
{
    if (atomic_load(&w->failed))
        return;
    snprintf(w->failure, sizeof w->failure, "cannot write %s: %s", sqlite3_db_filename(w->db, "main"),
             sqlite3_errmsg(w->db));
    atomic_store(&w->failed, true);
}

static void execute(struct writer *w, const char *sql)
{
    if (!atomic_load(&w->failed) && sqlite3_exec(w->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(w);
}

static void *pointer_of(uint64_t word)
{
    return (void *)(uintptr_t)word;
}

static void bind(sqlite3_stmt *s, int column, char type, uint64_t word)
{
    const struct row_blob *blob;
    double real;

    switch (type) {
    case 'r':
        memcpy(&real, &word, sizeof real);
        sqlite3_bind_double(s, column, real);
        break;
    case 'i':
        if (word >= ROW_NULL)
            sqlite3_bind_null(s, column);
        else
            sqlite3_bind_int64(s, column, (sqlite3_int64)word);
        break;
    case 'b':
        blob = pointer_of(word);
        sqlite3_bind_blob(s, column, blob->bytes, (int)blob->size, SQLITE_STATIC);
        break;
    default: /* a NULL pointer becomes NULL */
        sqlite3_bind_text(s, column, pointer_of(word), -1, SQLITE_STATIC);
    }
}

/* Runs the statement for as many rows, the kind of the first being at `words`. */
static void run_statement(struct writer *w, sqlite3_stmt *s, const uint64_t *words, uint32_t rows)
{
    const char *columns = row_columns[words[0]];
    uint32_t count = row_sizes[words[0]];

    if (atomic_load_explicit(&w->failed, memory_order_relaxed))
        return;
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < count; i++)
            bind(s, (int)(row * count + i) + 1, columns[i], words[row * (1 + count) + 1 + i]);
    if (sqlite3_step(s) != SQLITE_DONE)
        fail(w);
    sqlite3_reset(s);
}

static void free_row(const uint64_t *words)
{
    const char *columns = row_columns[words[0]];

    for (uint32_t i = 0; i < row_sizes[words[0]]; i++)
        if (columns[i] == 't' || columns[i] == 'b')
            mem_free(pointer_of(words[1 + i]));
}

/* Inserts the row whose kind is at `words`, and those that follow if they are of that kind and enough; how many. `count` words are there. */
static uint32_t insert(struct writer *w, const uint64_t *words, uint32_t count)
{
    uint32_t size, rows = 1;

    CHECK(words[0] < ROW_KIND_COUNT);
    size = 1u + row_sizes[words[0]];
    while (rows < ROWS_AT_ONCE && (rows + 1) * size <= count && words[rows * size] == words[0])
        rows++;
    if (rows < ROWS_AT_ONCE || !w->of_many[words[0]])
        rows = 1;
    run_statement(w, rows == 1 ? w->statements[words[0]] : w->of_many[words[0]], words, rows);
    for (uint32_t row = 0; row < rows; row++)
        free_row(words + row * size);
    return rows;
}

static void insert_batch(struct writer *w, struct batch *b)
{
    uint32_t at = 0;

    if (w->uncommitted == 0)
        execute(w, "BEGIN");
    while (at < b->used) {
        uint32_t size = 1u + row_sizes[b->words[at]], rows = insert(w, b->words + at, b->used - at);

        at += rows * size;
        w->uncommitted += rows;
    }
    CHECK(at == b->used);
    b->used = 0;
}

static void commit(struct writer *w)
{
    if (w->uncommitted > 0)
        execute(w, "COMMIT");
    w->uncommitted = 0;
}

/* Waits for a batch; NULL at the end. Commits first when there is none. */
static struct batch *next_batch(struct writer *w)
{
    struct batch *b = NULL;
    bool idle;

    pthread_mutex_lock(&w->lock);
    idle = w->waiting == 0;
    pthread_mutex_unlock(&w->lock);
    if (idle || w->uncommitted >= COMMIT_ROWS)
        commit(w);
    pthread_mutex_lock(&w->lock);
    while (w->waiting == 0 && !w->ending)
        pthread_cond_wait(&w->changed, &w->lock);
    if (w->waiting > 0)
        b = w->batches[w->first];
    pthread_mutex_unlock(&w->lock);
    return b;
}

static void *write_batches(void *ctx)
{
    struct writer *w = ctx;
    struct batch *b;

    while ((b = next_batch(w)) != NULL) {
        insert_batch(w, b);
        pthread_mutex_lock(&w->lock);
        w->first = (w->first + 1) % BATCHES;
        w->waiting--;
        pthread_cond_signal(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
    commit(w);
    return NULL;
}

/* Waits while every batch is full. */
static void push(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->waiting++;
    pthread_cond_signal(&w->changed);
    while (w->waiting == BATCHES)
        pthread_cond_wait(&w->changed, &w->lock);
    w->filling = w->batches[(w->first + w->waiting) % BATCHES];
    pthread_mutex_unlock(&w->lock);
    CHECK(w->filling->used == 0);
}

void writer_flush(struct writer *w)
{
    if (w->filling->used > 0)
        push(w);
}

uint64_t *writer_row(struct writer *w, enum row_kind kind)
{
    uint32_t size;
    uint64_t *words;

    CHECK(kind < ROW_KIND_COUNT && w->running);
    size = 1u + row_sizes[kind];
    if (w->filling->used > BATCH_WORDS - size)
        push(w);
    words = w->filling->words + w->filling->used;
    w->filling->used += size;
    words[0] = kind;
    return words + 1;
}

uint64_t row_literal(const char *text)
{
    return (uint64_t)(uintptr_t)text;
}

uint64_t row_text(const char *text)
{
    return row_literal(text ? mem_strdup(text) : NULL);
}

uint64_t row_real(double x)
{
    uint64_t word;

    memcpy(&word, &x, sizeof word);
    return word;
}

uint64_t row_blob(const void *data, size_t size)
{
    struct row_blob *b = mem_alloc(sizeof *b + size);

    CHECK(size <= INT32_MAX);
    b->size = (uint32_t)size;
    if (size)
        memcpy(b->bytes, data, size);
    return (uint64_t)(uintptr_t)b;
}

const char *writer_failed(const struct writer *w)
{
    return atomic_load(&w->failed) ? w->failure : NULL;
}

struct sqlite3 *writer_database(struct writer *w)
{
    CHECK(!w->running);
    return w->db;
}

static void stop(struct writer *w)
{
    if (!w->running)
        return;
    writer_flush(w);
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
    CHECK(w->waiting == 0);
}

int writer_drain(struct writer *w)
{
    stop(w);
    return writer_failed(w) ? ERR_SYSTEM : 0;
}

int writer_run(struct writer *w, const char *sql)
{
    CHECK(!w->running);
    execute(w, sql);
    return writer_failed(w) ? ERR_SYSTEM : 0;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    stop(w);
    for (int i = 0; i < ROW_KIND_COUNT; i++) {
        sqlite3_finalize(w->statements[i]);
        sqlite3_finalize(w->of_many[i]);
    }
    sqlite3_close(w->db);
    for (uint32_t i = 0; i < BATCHES; i++)
        mem_free(w->batches[i]);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    mem_free(w);
}

/* Removes an older result with all that SQLite may have left beside it. */
static int remove_old(const char *path, char *error, size_t error_size)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[4096];

        if ((size_t)snprintf(name, sizeof name, "%s%s", path, endings[i]) >= sizeof name) {
            snprintf(error, error_size, "the path is too long: %.100s...", path);
            return ERR_INVALID;
        }
        if (unlink(name) != 0 && errno != ENOENT) {
            snprintf(error, error_size, "cannot replace %s: %s", name, strerror(errno));
            return ERR_SYSTEM;
        }
    }
    return 0;
}

/* The statement for many rows: what a plain INSERT has in brackets at its end, so many times. */
static void prepare_many(struct writer *w, int kind)
{
    const char *values = strstr(row_sql[kind], "(?,");
    size_t size = strlen(row_sql[kind]) + ROWS_AT_ONCE * (values ? strlen(values) + 1 : 0) + 1;
    char *sql, *end;

    if (!values || strncmp(row_sql[kind], "INSERT", 6) != 0)
        return;
    sql = mem_alloc(size);
    end = sql + snprintf(sql, size, "%s", row_sql[kind]);
    for (uint32_t row = 1; row < ROWS_AT_ONCE; row++)
        end += snprintf(end, size - (size_t)(end - sql), ",%s", values);
    if (sqlite3_prepare_v2(w->db, sql, -1, &w->of_many[kind], NULL) != SQLITE_OK)
        fail(w);
    mem_free(sql);
}

static int prepare(struct writer *w, const char *path)
{
    /* One thread at a time uses the connection: no locks in it. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(path, &w->db, flags, NULL) != SQLITE_OK) {
        fail(w);
        return ERR_SYSTEM;
    }
    sqlite3_busy_timeout(w->db, 60000); /* someone who looks at a running simulation */
    execute(w, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
               "PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-32768; BEGIN");
    execute(w, embedded_text("sim/record/schema.sql"));
    execute(w, "COMMIT");
    for (int i = 0; i < ROW_KIND_COUNT && !writer_failed(w); i++) {
        if (sqlite3_prepare_v2(w->db, row_sql[i], -1, &w->statements[i], NULL) != SQLITE_OK)
            fail(w);
        prepare_many(w, i);
    }
    return writer_failed(w) ? ERR_SYSTEM : 0;
}

int writer_open(const char *path, struct writer **out, char *error, size_t error_size)
{
    struct writer *w;
    int err = remove_old(path, error, error_size);

    if (err)
        return err;
    w = mem_zalloc(sizeof *w);
    for (uint32_t i = 0; i < BATCHES; i++) {
        w->batches[i] = mem_alloc(sizeof *w->batches[i]);
        w->batches[i]->used = 0;
    }
    w->filling = w->batches[0];
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    err = prepare(w, path);
    if (err) {
        snprintf(error, error_size, "cannot create %s: %s", path, w->failure);
        writer_free(w);
        return err;
    }
    *out = w;
    return 0;
}

int writer_start(struct writer *w, char *error, size_t error_size)
{
    int result = pthread_create(&w->thread, NULL, write_batches, w);

    if (result != 0) {
        snprintf(error, error_size, "cannot start a thread: %s", strerror(result));
        return ERR_SYSTEM;
    }
    w->running = true;
    return 0;
}
