/* Partial messages as libp2p's gossipsub-interop suite has them: a group is a number of 8 bytes (big endian) with PARTS_COUNT parts of
 * PARTS_SIZE bytes. Metadata is a byte: bit i, part i is here. A partial message is such a byte, its parts in rising order, and
 * the group again. We tell each peer what we have, send what it lacks once it told us what it has, and tell again when we have
 * more than it can know. What the parts contain is nobody's business. */
#ifndef SIM_LIVE_PARTS_H
#define SIM_LIVE_PARTS_H

#include "stack/gossipsub/partial.h"
#include "stack/node/node.h"

#define PARTS_COUNT 8
#define PARTS_SIZE 1024
#define PARTS_ALL 0xff
#define PARTS_GROUP_SIZE 8
#define PARTS_GROUPS_MAX 4096 /* that we remember; RPCs about more are ignored */
#define PARTS_TTL 20          /* heartbeats */

struct parts_group;

struct parts {
    struct node *node; /* to be set before anything happens */
    struct partial_env env; /* for node_events.partial */
    struct parts_group **groups;
    uint32_t count;
    void *ctx;
    /* A group has more parts than before; NULL: nobody asks. */
    void (*extended)(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, uint8_t have);
};

void parts_init(struct parts *p);
void parts_deinit(struct parts *p);
/* Has these parts of a group from now on, beside those that it has. False: too many groups. */
bool parts_add(struct parts *p, struct slice topic, uint64_t group, uint8_t have);
/* Speaks with those of the mesh, or with the named peers (slots). 0 or a negative err. */
int parts_publish(struct parts *p, uint64_t now_ns, struct slice topic, uint64_t group);
void parts_publish_to(struct parts *p, uint64_t now_ns, struct slice topic, uint64_t group, uint32_t slot);
void parts_peer_gone(struct parts *p, uint32_t slot);
uint8_t parts_have(const struct parts *p, struct slice topic, uint64_t group);

#endif
