/* Topics: the list of named values in which MI, UE and TS messages are written.
 *
 * `uvarint count || count x (uvarint keylen || key || uvarint datalen || data)`. Readers borrow
 * from the payload. */
#ifndef STACK_ALGORAND_TOPICS_H
#define STACK_ALGORAND_TOPICS_H

#include "stack/algorand/tag.h"
#include "stack/base/buf.h"

#define TOPICS_COUNT_MAX 32
#define TOPICS_KEY_MAX 64
#define TOPICS_DATA_MAX (6 * 1024 * 1024)
#define TOPICS_INTEREST_MAX 1024 /* bytes of the list of tags in an MI */

struct topics_item {
    struct slice key, data;
};

struct topics {
    uint32_t count;
    struct topics_item items[TOPICS_COUNT_MAX];
};

/* 0, or ERR_MALFORMED, ERR_TRUNCATED, ERR_TOO_LARGE. Bytes after the last topic are ignored, as go
 * does. */
int topics_read(struct topics *t, struct slice payload);
/* The first topic of that name; false when there is none. */
bool topics_find(const struct topics *t, const char *key, struct slice *data);
void topics_write(struct buf *b, const struct topics *t);

/* The tags that the sender of an MI wants from now on: 0, or an err as above. */
int topics_interest_read(struct slice payload, tag_set *wanted);

#endif
