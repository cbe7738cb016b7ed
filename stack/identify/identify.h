/* identify (/ipfs/id/1.0.0) and identify-push (/ipfs/id/push/1.0.0): what a peer tells about itself. */
#ifndef STACK_IDENTIFY_IDENTIFY_H
#define STACK_IDENTIFY_IDENTIFY_H

#include "stack/base/buf.h"
#include "stack/base/chain.h"

#define IDENTIFY_PROTOCOL "/ipfs/id/1.0.0"
#define IDENTIFY_PUSH_PROTOCOL "/ipfs/id/push/1.0.0"
#define IDENTIFY_MESSAGE_MAX 8192 /* bytes of one message, as go and js */
#define IDENTIFY_MESSAGES_MAX 10
#define IDENTIFY_ADDRS_MAX 64     /* kept of a peer; the rest is ignored */
#define IDENTIFY_PROTOCOLS_MAX 256

/* What one side says. Slices are borrowed for writing, and live in the reader's memory after reading. */
struct identify {
    struct slice public_key; /* PublicKey protobuf */
    struct slice observed_addr, protocol_version, agent_version, signed_record;
    struct slice listen_addrs[IDENTIFY_ADDRS_MAX]; /* binary multiaddrs; unusable ones are left out on reading */
    struct slice protocols[IDENTIFY_PROTOCOLS_MAX];
    size_t listen_addr_count, protocol_count;
    bool has_protocols; /* at least one protocol was present (a push without them changes nothing) */
};

/* Appends the framed message, split as go does when it is over 2 KiB and has a signed record. */
int identify_write(const struct identify *id, struct buf *out);

/* Collects the messages of one stream until its end, merging them as protobuf does. */
struct identify_reader {
    struct buf bytes; /* the bodies of all messages, one after the other: protobuf's own merge */
    size_t messages;
};

void identify_reader_init(struct identify_reader *r);
void identify_reader_deinit(struct identify_reader *r);
/* Consumes whole messages from `in`: 0, or ERR_TOO_LARGE, ERR_MALFORMED, ERR_LIMIT. */
int identify_reader_feed(struct identify_reader *r, struct chain *in);
/* At the stream's end: fills in *id (borrowing from the reader). ERR_MALFORMED, ERR_TRUNCATED (no message). */
int identify_reader_finish(const struct identify_reader *r, struct identify *id);

#endif
