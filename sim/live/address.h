/* Addresses as people write them: multiaddrs, or host:port with a number for a host. */
#ifndef SIM_LIVE_ADDRESS_H
#define SIM_LIVE_ADDRESS_H

#include "stack/base/endpoint.h"
#include "stack/wire/peerid.h"

#define ADDRESS_TEXT_MAX 192 /* with the final NUL */

struct address {
    struct endpoint at;
    struct peerid peer;
    bool has_peer;
};

/* "/ip4/127.0.0.1/tcp/4001[/p2p/ID]", "127.0.0.1:4001" or "[::1]:4001": NULL, or what is wrong with
 * it. */
const char *address_parse(const char *text, struct address *out);

/* As a multiaddr; `peer` may be NULL. Returns `out`. */
const char *address_text(const struct endpoint *at, const struct peerid *peer,
                         char out[static ADDRESS_TEXT_MAX]);

/* All addresses of this machine of the endpoint's family with its port, for an endpoint that has
 * none of its own (0.0.0.0); loopback last. Returns how many were written. */
uint32_t address_interfaces(const struct endpoint *unspecified, struct endpoint *out,
                            uint32_t room);

#endif
