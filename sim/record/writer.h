/* Rows on their way into SQLite: the simulation fills batches, a thread of its own inserts them.
 *
 * The queue is bounded: a simulation that is faster than the disk waits. Rows are inserted in the
 * order in which they were added. The file is in WAL mode without syncs: a process that is killed
 * loses what was not yet committed, and what it leaves opens. The first error is kept; from then on
 * rows are discarded and writer_failed tells. */
#ifndef SIM_RECORD_WRITER_H
#define SIM_RECORD_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, statement, one letter a column: i integer (ROW_NULL and above: NULL),
 * t text that the writer frees, l text that outlives the writer, b blob: struct row_blob that the
 * writer frees */
#define ROW_TABLE(X)                                                                               \
    X(ROW_NODE, "INSERT INTO node VALUES(?,?,?,?,?,?,?,?,?,?,?)", "ittttttiiit")                   \
    X(ROW_LINK, "INSERT INTO link VALUES(?,?,?)", "iii")                                           \
    X(ROW_TOPIC, "INSERT INTO topic VALUES(?,?,?)", "itl")                                         \
    X(ROW_MESSAGE,                                                                                 \
      "INSERT OR REPLACE INTO message(id,message_id,topic,publisher,size,published_ns)"            \
      " VALUES(?,?,?,?,?,?)",                                                                      \
      "ibiiii")                                                                                    \
    X(ROW_SETTLED,                                                                                 \
      "UPDATE message SET expected=?2,deliveries=?3,unexpected=?4,duplicates=?5,"                  \
      "rejected=?6,copies_sent=?7,p50_ns=coalesce(?8,p50_ns),"                                     \
      "p90_ns=coalesce(?9,p90_ns),p99_ns=coalesce(?10,p99_ns),max_ns=?11,"                         \
      "hops_max=?12,has_deliveries=?13,has_hops=?14 WHERE id=?1",                                  \
      "iiiiiiiiiiiiii")                                                                            \
    X(ROW_DELIVERY, "INSERT OR IGNORE INTO delivery VALUES(?,?,?,?,?,?,?,?)", "iiiiiiii")          \
    X(ROW_HOP, "INSERT INTO hop VALUES(?,?,?,?,?,?,?,?)", "iiiiiiii")                              \
    X(ROW_CONTROL, "INSERT INTO control VALUES(?,?,?,?,?,?)", "iiilii")                            \
    X(ROW_LOSS, "INSERT INTO loss VALUES(?,?,?,?,?)", "iilii")                                     \
    X(ROW_SUBSCRIPTION, "INSERT INTO subscription VALUES(?,?,?,?)", "iiii")                        \
    X(ROW_MESH, "INSERT INTO mesh VALUES(?,?,?,?,?)", "iiiii")                                     \
    X(ROW_SCORE, "INSERT INTO score VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", "iiirrrrrrrrri")           \
    X(ROW_MESH_DEGREE, "INSERT OR REPLACE INTO mesh_degree VALUES(?,?,?,?)", "iiii")               \
    X(ROW_CONNECTION, "INSERT INTO connection VALUES(?,?,?,?,?,?)", "iiilil")                      \
    X(ROW_EVENT, "INSERT INTO event VALUES(?,?,?)", "itt")                                         \
    X(ROW_EXPECTATION, "INSERT INTO expectation VALUES(?,?,?,?)", "itti")                          \
    X(ROW_TRAFFIC, "INSERT OR REPLACE INTO traffic VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",                \
      "iiiiiiiiiiii")                                                                              \
    X(ROW_PROPAGATION, "INSERT OR REPLACE INTO propagation VALUES(?,?,?,?)", "itii")               \
    X(ROW_MESSAGE_PROPAGATION, "INSERT OR REPLACE INTO message_propagation VALUES(?,?,?)", "iii")

#define ROW_ENUM(name, sql, columns) name,
enum row_kind { ROW_TABLE(ROW_ENUM) ROW_KIND_COUNT };
#undef ROW_ENUM

#define ROW_NULL ((uint64_t)INT64_MAX + 1)
#define ROW_COLUMNS_MAX 14

struct row_blob {
    uint32_t size;
    uint8_t bytes[];
};

struct writer;
struct sqlite3;

/* Makes a new file with the schema in it (an old one is replaced). 0 or ERR_SYSTEM with the reason
 * in `error`. */
int writer_open(const char *path, struct writer **out, char *error, size_t error_size);

/* Starts the thread: until then the database belongs to the caller. 0 or ERR_SYSTEM. */
int writer_start(struct writer *w, char *error, size_t error_size);

/* A row to be filled in at once: as many words as the kind has columns. Texts and blobs go in as
 * row_text, ... */
uint64_t *writer_row(struct writer *w, enum row_kind kind);
uint64_t row_text(const char *text);    /* a copy; NULL gives NULL */
uint64_t row_literal(const char *text); /* not copied */
uint64_t row_blob(const void *data, size_t size);
uint64_t row_real(double x);

/* Hands over what is buffered, without waiting for it to be written. */
void writer_flush(struct writer *w);

/* The first error, NULL while all is well. */
const char *writer_failed(const struct writer *w);

/* Writes all rows and ends the thread; from now on the database belongs to the caller. 0 or
 * ERR_SYSTEM. */
int writer_drain(struct writer *w);
struct sqlite3 *writer_database(struct writer *w);

/* Runs statements after writer_drain; an error is kept as above. */
int writer_run(struct writer *w, const char *sql);

void writer_free(struct writer *w); /* closes the file, drained or not */

#endif
