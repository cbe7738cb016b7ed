/* Reading and writing addresses. */
#include "sim/live/address.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/wire/ipaddr.h"
#include "stack/wire/multiaddr.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *parse_multiaddr(struct slice text, struct address *out)
{
    const char *wrong = NULL;
    struct buf binary;
    int err;

    buf_init(&binary, MULTIADDR_SIZE_MAX);
    err = multiaddr_parse(text, &binary);
    if (err != ERR_OK)
        wrong = "is no multiaddr";
    else if (multiaddr_to_endpoint(buf_slice(&binary), &out->at, &out->peer, &out->has_peer) !=
             ERR_OK)
        wrong = "is not of the form /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT, with or "
                "without /p2p/ID";
    buf_deinit(&binary);
    return wrong;
}

static bool parse_port(struct slice text, uint16_t *port)
{
    uint32_t value = 0;

    if (text.size == 0 || text.size > 5)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static const char *parse_host_port(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':');
    bool brackets = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
    int err;

    if (!colon)
        return "is no address (a multiaddr like /ip4/127.0.0.1/tcp/4001, or host:port)";
    if (!parse_port(slice_text(colon + 1), &out->at.port))
        return "has no port (0 to 65535) behind its last colon";
    out->at.is_ip6 = brackets;
    if (brackets)
        err = ipaddr_parse6(slice_of(text + 1, (size_t)(colon - text) - 2), out->at.ip);
    else
        err = ipaddr_parse4(slice_of(text, (size_t)(colon - text)), out->at.ip);
    return err ? "has no IP address before its port (names are not looked up)" : NULL;
}

const char *address_parse(const char *text, struct address *out)
{
    *out = (struct address){0};
    return text[0] == '/' ? parse_multiaddr(slice_text(text), out) : parse_host_port(text, out);
}

const char *address_text(const struct endpoint *at, const struct peerid *peer,
                         char out[static ADDRESS_TEXT_MAX])
{
    struct buf binary, text;

    buf_init(&binary, MULTIADDR_SIZE_MAX);
    buf_init(&text, ADDRESS_TEXT_MAX - 1);
    multiaddr_from_endpoint(&binary, at, peer);
    CHECK(multiaddr_text(buf_slice(&binary), &text) == ERR_OK);
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    buf_deinit(&binary);
    buf_deinit(&text);
    return out;
}

static bool from_interface(const struct ifaddrs *i, const struct endpoint *like,
                           struct endpoint *out)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
        i->ifa_addr->sa_family != (like->is_ip6 ? AF_INET6 : AF_INET))
        return false;
    *out = *like;
    if (like->is_ip6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;

        if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
            return false; /* means nothing without its interface */
        memcpy(out->ip, &in6->sin6_addr, 16);
    } else {
        memcpy(out->ip, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
    }
    return true;
}

uint32_t address_interfaces(const struct endpoint *unspecified, struct endpoint *out, uint32_t room)
{
    struct ifaddrs *list = NULL;
    uint32_t count = 0;

    if (getifaddrs(&list) != 0)
        return 0;
    for (unsigned loopback = 0; loopback <= IFF_LOOPBACK; loopback += IFF_LOOPBACK)
        for (const struct ifaddrs *i = list; i && count < room; i = i->ifa_next)
            if ((i->ifa_flags & IFF_LOOPBACK) == loopback)
                count += from_interface(i, unspecified, &out[count]);
    freeifaddrs(list);
    return count;
}
