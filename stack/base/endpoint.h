/* A TCP endpoint: what a backend listens on and connects to. */
#ifndef STACK_BASE_ENDPOINT_H
#define STACK_BASE_ENDPOINT_H

#include "stack/base/slice.h"

struct endpoint {
    uint8_t ip[16]; /* IPv4 in the first 4 bytes */
    uint16_t port;
    bool is_ip6;
};

static inline struct endpoint endpoint_ip4(uint32_t ip, uint16_t port)
{
    struct endpoint e = {.port = port};

    store_be32(e.ip, ip);
    return e;
}

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->is_ip6 == b->is_ip6 && a->port == b->port &&
           memcmp(a->ip, b->ip, a->is_ip6 ? 16 : 4) == 0;
}

/* 0.0.0.0 or ::, whatever the port. */
static inline bool endpoint_unspecified(const struct endpoint *e)
{
    static const uint8_t zero[16];

    return memcmp(e->ip, zero, e->is_ip6 ? 16 : 4) == 0;
}

#endif
