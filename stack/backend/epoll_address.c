/* Endpoints as the kernel wants them. */
#include "stack/backend/epoll_address.h"

#include <netinet/in.h>
#include <string.h>

socklen_t epoll_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (e->is_ip6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(e->port);
        memcpy(&in6->sin6_addr, e->ip, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;

    in->sin_family = AF_INET;
    in->sin_port = htons(e->port);
    memcpy(&in->sin_addr, e->ip, 4);
    return sizeof *in;
}

struct endpoint epoll_from_sockaddr(const struct sockaddr_storage *a)
{
    struct endpoint e = {.is_ip6 = a->ss_family == AF_INET6};

    if (e.is_ip6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;

        e.port = ntohs(in6->sin6_port);
        memcpy(e.ip, &in6->sin6_addr, 16);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;

        e.port = ntohs(in->sin_port);
        memcpy(e.ip, &in->sin_addr, 4);
    }
    return e;
}
