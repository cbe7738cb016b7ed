/* JSON lines: writes one object a line into a buffer, for programs to read.
 *
 * Any bytes make a valid line: what is not well-formed UTF-8 becomes U+FFFD, control characters are
 * escaped. Keys are ours and are written as they are. */
#ifndef SIM_LIVE_JSONL_H
#define SIM_LIVE_JSONL_H

#include "stack/base/buf.h"

struct jsonl {
    struct buf line;
    bool comma; /* the next item needs one before it */
};

void jsonl_init(struct jsonl *j, size_t size_max);
void jsonl_deinit(struct jsonl *j);

void jsonl_begin(struct jsonl *j); /* a new line: "{" */
void jsonl_end(struct jsonl *j);   /* "}\n"; then j->line is to be written (unless it overflowed) */

/* Members of the object; `key` NULL: items of the list. */
void jsonl_text(struct jsonl *j, const char *key, struct slice text);
void jsonl_hex(struct jsonl *j, const char *key, struct slice bytes);
void jsonl_number(struct jsonl *j, const char *key, uint64_t number);
void jsonl_milli(struct jsonl *j, const char *key, uint64_t thousandths); /* "1.250" */
void jsonl_real(struct jsonl *j, const char *key, double x); /* finite */
void jsonl_bool(struct jsonl *j, const char *key, bool value);
void jsonl_open(struct jsonl *j, const char *key, char bracket); /* '{' or '[' */
void jsonl_close(struct jsonl *j, char bracket);                 /* '}' or ']' */

#endif
