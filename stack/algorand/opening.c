/* Which of two nodes opens the /algorand-ws stream of a connection. */
#include "stack/algorand/algorand.h"

const char *const algorand_protocols[ALGORAND_PROTOCOL_COUNT] = {"/algorand-ws/2.2.0",
                                                                 "/algorand-ws/1.0.0"};

enum algorand_opening algorand_opening_rule(bool dialled, bool mesh, bool gossip_service,
                                            const struct peerid *local, const struct peerid *remote)
{
    /* A connection that something else dialled (GossipSub, the DHT) carries no stream, and the one
     * that the peer opens on it is refused. */
    if (dialled ? !mesh : !gossip_service)
        return ALGORAND_IGNORE;
    /* The smaller peer id opens, whoever dialled. */
    if (slice_compare(peerid_slice(local), peerid_slice(remote)) > 0)
        return ALGORAND_WAIT;
    return ALGORAND_OPEN;
}
