/* identify (/ipfs/id/1.0.0) and identify-push (/ipfs/id/push/1.0.0): what a peer tells about
 * itself. */
#ifndef STACK_IDENTIFY_IDENTIFY_H
#define STACK_IDENTIFY_IDENTIFY_H

#include "stack/base/buf.h"
#include "stack/base/chain.h"

#define IDENTIFY_PROTOCOL "/ipfs/id/1.0.0"
#define IDENTIFY_PUSH_PROTOCOL "/ipfs/id/push/1.0.0"
#define IDENTIFY_MESSAGE_MAX 8192 /* bytes of one message, as go and js */
#define IDENTIFY_MESSAGES_MAX 10
#define IDENTIFY_OWN_MAX 4096 /* listen addresses of our own stop there: rust reads no more */
#define IDENTIFY_ADDRS_MAX 64 /* kept of a peer; the rest is ignored */
#define IDENTIFY_PROTOCOLS_MAX 256

/* What one side says. Slices are borrowed for writing, and live in the reader's memory after
 * reading. */
struct identify {
    struct slice public_key;    /* PublicKey protobuf */
    struct slice observed_addr; /* binary multiaddr; on reading empty when unusable */
    struct slice protocol_version, agent_version;
    struct slice signed_record; /* an envelope for wire/record.h; not looked at here */
    /* Binary multiaddrs; unusable ones are left out on reading. */
    struct slice listen_addrs[IDENTIFY_ADDRS_MAX];
    struct slice protocols[IDENTIFY_PROTOCOLS_MAX];
    size_t listen_addr_count, protocol_count;
    bool has_protocols; /* there was at least one (a push without them changes nothing) */
};

/* Appends the framed message, split as go does when it is over 2 KiB and has a signed record. Empty
 * fields are left out, and so are the last listen addresses when the message without the record
 * would pass IDENTIFY_OWN_MAX. ERR_TOO_LARGE when a reader or the buffer would not take it; nothing
 * is appended then. */
int identify_write(const struct identify *id, struct buf *out);

/* Collects the messages of one stream until its end, merging them as protobuf does. Holds at most
 * IDENTIFY_MESSAGES_MAX * IDENTIFY_MESSAGE_MAX bytes; `in` keeps less than one message more. */
struct identify_reader {
    struct buf bytes; /* the bodies of all messages, one after the other: protobuf's own merge */
    size_t messages;
};

void identify_reader_init(struct identify_reader *r);
void identify_reader_deinit(struct identify_reader *r);
/* Consumes whole messages from `in`: 0, or ERR_TOO_LARGE, ERR_MALFORMED, ERR_LIMIT (too many
 * messages). Bytes that are still in `in` when the stream ends are a message that was cut short. */
int identify_reader_feed(struct identify_reader *r, struct chain *in);
/* At the stream's end: fills in *id (borrowing from the reader). ERR_MALFORMED, ERR_TRUNCATED (no
 * message). */
int identify_reader_finish(const struct identify_reader *r, struct identify *id);

#endif
