/* What a run recorded, for other programs: tables as CSV, traces as go-libp2p-pubsub writes them. */
#ifndef SIM_EXPORT_EXPORT_H
#define SIM_EXPORT_EXPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sqlite3;

/* Opens DIR/run.sqlite, or the file itself. 0, or a negative err with a sentence in `error`. */
int export_open(const char *run, struct sqlite3 **db, char *error, size_t error_size);
void export_close(struct sqlite3 *db);

/* Every table and view as FOLDER/NAME.csv (RFC 4180, header first; NULL is an empty cell, a blob is hex). The folder exists. */
int export_csv(struct sqlite3 *db, const char *folder, uint32_t *files, char *error, size_t error_size);

enum export_format {
    EXPORT_PB,  /* each event after its length as a varint (NewPBTracer) */
    EXPORT_JSON /* a line each (NewJSONTracer) */
};

/* TraceEvents (libp2p's pb/trace.proto) of all nodes, in order of time. Times are those of the run, from 0. README.md says which
 * events a database cannot tell of. */
int export_pubsub_trace(struct sqlite3 *db, enum export_format format, FILE *out, uint64_t *events, char *error,
                        size_t error_size);

/* What is missing in the trace of this run: `tell` gets a sentence each. */
int export_pubsub_gaps(struct sqlite3 *db, void *ctx, void (*tell)(void *ctx, const char *sentence), char *error,
                       size_t error_size);

#endif
