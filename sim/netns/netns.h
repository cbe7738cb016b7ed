/* Hosts in network namespaces, joined by a carrier: the kernel's TCP over the simulator's links.
 *
 * Everything is made by netns_host_add and netns_start and gone after netns_free, or when the process ends in whatever way.
 * All calls from one thread but netns_cut and netns_heal, see carrier.h. Errors are sentences for the user. */
#ifndef SIM_NETNS_NETNS_H
#define SIM_NETNS_NETNS_H

#include "sim/netns/carrier.h"
#include "stack/base/endpoint.h"

#define NETNS_HOSTS_MAX 256u
#define NETNS_FIRST_IP 0x0a000001u /* 10.0.0.1 */

struct netns;

struct netns_config {
    uint64_t seed;
    void *path_ctx; /* see carrier_config */
    void (*path)(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out);
};

struct netns *netns_new(const struct netns_config *config, char *error, size_t error_size); /* NULL on failure */
void netns_free(struct netns *n); /* after the sockets were closed */
bool netns_host_add(struct netns *n, const struct carrier_access *up, const struct carrier_access *down, char *error,
                    size_t error_size);
bool netns_start(struct netns *n, char *error, size_t error_size);
/* For sockets_config.socket; `netns` is a struct netns. */
int netns_socket(void *netns, uint32_t host, int family);
struct carrier *netns_carrier(struct netns *n);

/* Of the host with that number. */
static inline struct endpoint netns_address(uint32_t host, uint16_t port)
{
    return endpoint_ip4(NETNS_FIRST_IP + host, port);
}

#endif
