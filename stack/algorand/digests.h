/* The large messages that a peer said it has (MS): what need not be sent to it.
 *
 * Three buckets of 128, as go-algorand's outgoing filter: the current bucket takes what is new, and
 * when it is full the oldest bucket is emptied and becomes the current one. An MS names a message
 * by SHA-512/256 of tag and payload; the first 8 bytes are kept, since a peer that forges a match
 * only withholds a message from itself. */
#ifndef STACK_ALGORAND_DIGESTS_H
#define STACK_ALGORAND_DIGESTS_H

#include "stack/base/slice.h"

#define DIGESTS_SIZE 32 /* of the payload of an MS */
#define DIGESTS_BUCKET_COUNT 3
#define DIGESTS_BUCKET_MAX 128

struct digests_bucket {
    uint64_t *names;
    uint32_t count, capacity;
};

struct digests {
    struct digests_bucket buckets[DIGESTS_BUCKET_COUNT];
    uint32_t current;
};

static inline uint64_t digests_name(const uint8_t digest[static DIGESTS_SIZE])
{
    uint64_t name = load_le64(digest);

    return name ? name : 1; /* 0 means none */
}

void digests_deinit(struct digests *d); /* zeroed digests are empty */
bool digests_has(const struct digests *d, uint64_t name);
/* Adds the name to the current bucket, from whichever other it was in. False when it was known. */
bool digests_add(struct digests *d, uint64_t name);

#endif
