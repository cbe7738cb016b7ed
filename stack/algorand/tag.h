/* The two-letter tags of Algorand's messages: limits, priority, and who deals with them.
 *
 * payload_max is compared with the bytes after the tag as received. GOSSIP messages travel from
 * node to node and reach the application; CONTROL messages are read by the network itself; REQUEST
 * messages belong to a service that a node without a ledger does not have: they are counted and
 * dropped. */
#ifndef STACK_ALGORAND_TAG_H
#define STACK_ALGORAND_TAG_H

#include "stack/base/slice.h"

#define TAG_SIZE 2

enum tag_kind { TAG_GOSSIP, TAG_CONTROL, TAG_REQUEST };

/* tag, payload_max, first queue, kind, in the set that is sent to a peer that never said what it
 * wants; name */
#define TAG_TABLE(X)                                                                               \
    X(AV, 1228, true, TAG_GOSSIP, true, "agreement vote")                                          \
    X(MI, 48, true, TAG_CONTROL, true, "message of interest")                                      \
    X(MS, 69, false, TAG_CONTROL, true, "message digest skip")                                     \
    X(NI, 215, true, TAG_REQUEST, true, "network identity verification")                           \
    X(NP, 850, true, TAG_REQUEST, true, "network priority response")                               \
    X(PP, 5250618, true, TAG_GOSSIP, true, "proposal payload")                                     \
    X(SP, 6378, false, TAG_GOSSIP, false, "state proof signature")                                 \
    X(TS, 6291456, false, TAG_REQUEST, true, "topic response")                                     \
    X(TX, 5000000, false, TAG_GOSSIP, true, "transactions")                                        \
    X(UE, 67, false, TAG_REQUEST, true, "block request")                                           \
    X(VB, 6291456, false, TAG_GOSSIP, true, "vote bundle")                                         \
    X(VP, 1228, true, TAG_REQUEST, true, "compressed vote")

#define TAG_ENUM(tag, payload_max, high, kind, wanted, name) TAG_##tag,
enum tag { TAG_TABLE(TAG_ENUM) TAG_COUNT };
#undef TAG_ENUM

struct tag_info {
    char text[TAG_SIZE + 1];
    uint32_t payload_max;
    bool high; /* waits in the queue that is sent first */
    enum tag_kind kind;
    bool wanted; /* in the default set */
    const char *name;
};

extern const struct tag_info tag_table[TAG_COUNT];

/* A set of tags: bit `1 << tag`. */
typedef uint16_t tag_set;

enum tag tag_find(const uint8_t text[static TAG_SIZE]); /* TAG_COUNT when there is none */
tag_set tag_set_default(void);                          /* what goes to a peer that sent no MI */

static inline bool tag_in(tag_set set, enum tag tag)
{
    return (set >> tag & 1) != 0;
}

#endif
