/* Namespaces and their carrier as one thing. */
#include "sim/netns/netns.h"

#include "sim/netns/namespace.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct netns {
    struct carrier *carrier;
    int home_fd;
    struct namespace *hosts;
    uint32_t host_count;
};

struct netns *netns_new(const struct netns_config *config, char *error, size_t error_size)
{
    struct carrier_config carrier = {
        .seed = config->seed, .first_ip = NETNS_FIRST_IP, .path_ctx = config->path_ctx, .path = config->path};
    struct netns *n;
    int home_fd = namespace_home();

    if (home_fd < 0) {
        snprintf(error, error_size, "this kernel has no network namespaces: %s", strerror(errno));
        return NULL;
    }
    n = mem_zalloc(sizeof *n);
    n->home_fd = home_fd;
    n->carrier = carrier_new(&carrier);
    return n;
}

bool netns_host_add(struct netns *n, const struct carrier_access *up, const struct carrier_access *down, char *error,
                    size_t error_size)
{
    struct namespace made;

    CHECK(n->host_count < NETNS_HOSTS_MAX);
    if (!namespace_open(&made, n->home_fd, NETNS_FIRST_IP + n->host_count, error, error_size))
        return false;
    n->hosts = mem_grow(n->hosts, n->host_count + 1, sizeof *n->hosts);
    n->hosts[n->host_count++] = made;
    carrier_host_add(n->carrier, made.tun_fd, up, down);
    return true;
}

bool netns_start(struct netns *n, char *error, size_t error_size)
{
    if (carrier_start(n->carrier))
        return true;
    snprintf(error, error_size, "cannot start the carrier of packets: %s", strerror(errno));
    return false;
}

int netns_socket(void *netns, uint32_t host, int family)
{
    struct netns *n = netns;

    CHECK(host < n->host_count);
    return namespace_socket(&n->hosts[host], n->home_fd, family);
}

struct carrier *netns_carrier(struct netns *n)
{
    return n->carrier;
}

void netns_free(struct netns *n)
{
    carrier_free(n->carrier);
    for (uint32_t i = 0; i < n->host_count; i++)
        namespace_close(&n->hosts[i]);
    close(n->home_fd);
    mem_free(n->hosts);
    mem_free(n);
}
