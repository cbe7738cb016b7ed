/* Carried calls: names of hosts, addresses of this one. */
#include "sim/posix/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/utsname.h>

static int carried_gethostname(char *out, size_t size)
{
    struct program *p = call_enter();
    bool fits = (size_t)snprintf(out, size, "%s", p->config.host_name) < size;

    return (int)call_leave(p, fits ? 0 : -ENAMETOOLONG);
}

static int carried_uname(struct utsname *out)
{
    struct program *p = call_enter();

    memset(out, 0, sizeof *out);
    strcpy(out->sysname, "Linux");
    strcpy(out->release, "6.1.0");
    strcpy(out->version, "simulated");
    strcpy(out->machine, "x86_64");
    snprintf(out->nodename, sizeof out->nodename, "%s", p->config.host_name);
    return (int)call_leave(p, 0);
}

/* ---- getaddrinfo ---- */

struct answer {
    struct addrinfo info;
    struct sockaddr_in at;
};

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned long value = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned long)(*text - '0');
        if (value > 65535)
            return false;
    }
    *port = (uint16_t)value;
    return true;
}

static bool find_host(const struct program *p, const char *name, bool numeric, struct in_addr *out)
{
    struct endpoint e;

    if (inet_pton(AF_INET, name, out) == 1)
        return true;
    if (numeric)
        return false;
    if (strcmp(name, "localhost") == 0) {
        out->s_addr = htonl(INADDR_LOOPBACK);
        return true;
    }
    if (!p->config.resolve || !p->config.resolve(p->config.ctx, name, &e))
        return false;
    memcpy(out, e.ip, 4);
    return true;
}

static int look_up(struct program *p, const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    int flags = hints ? hints->ai_flags : 0, type = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct answer *answer;
    uint16_t port = 0;

    if (hints && hints->ai_family == AF_INET6)
        return EAI_NONAME;
    if (!name && !service)
        return EAI_NONAME;
    if (service && !parse_port(service, &port))
        return EAI_SERVICE;
    at.sin_port = htons(port);
    if (!name)
        at.sin_addr.s_addr = htonl(flags & AI_PASSIVE ? INADDR_ANY : INADDR_LOOPBACK);
    else if (!find_host(p, name, flags & AI_NUMERICHOST, &at.sin_addr))
        return EAI_NONAME;
    answer = memory_take(p, sizeof *answer, true);
    if (!answer)
        return EAI_MEMORY;
    answer->at = at;
    answer->info = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = type,
                                     .ai_protocol = type == SOCK_STREAM ? IPPROTO_TCP : 0,
                                     .ai_addrlen = sizeof answer->at,
                                     .ai_addr = (struct sockaddr *)(void *)&answer->at};
    *out = &answer->info;
    return 0;
}

static int carried_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    struct program *p = call_enter();
    int err = look_up(p, name, service, hints, out);

    (void)call_leave(p, 0); /* its errors are none of errno's */
    return err;
}

static void carried_freeaddrinfo(struct addrinfo *info)
{
    struct program *p = call_enter();

    memory_give(p, info);
    (void)call_leave(p, 0);
}

/* Addresses stay numbers. */
static int carried_getnameinfo(const struct sockaddr *at, socklen_t size, char *host, socklen_t host_size, char *service,
                               socklen_t service_size, int flags)
{
    struct sockaddr_in in;

    if (size < sizeof in || at->sa_family != AF_INET)
        return EAI_FAMILY;
    if (flags & NI_NAMEREQD)
        return EAI_NONAME;
    memcpy(&in, at, sizeof in);
    if (host && host_size && !inet_ntop(AF_INET, &in.sin_addr, host, host_size))
        return EAI_OVERFLOW;
    if (service && service_size && (socklen_t)snprintf(service, service_size, "%u", ntohs(in.sin_port)) >= service_size)
        return EAI_OVERFLOW;
    return 0;
}

/* ---- interfaces ---- */

struct interface {
    struct ifaddrs info;
    struct sockaddr_in address, mask;
    char name[8];
};

static int carried_getifaddrs(struct ifaddrs **out)
{
    static const unsigned flags[] = {IFF_UP | IFF_RUNNING | IFF_LOOPBACK, IFF_UP | IFF_RUNNING};
    struct program *p = call_enter();
    struct interface *i = memory_take(p, 2 * sizeof *i, true);

    for (int k = 0; i && k < 2; k++) {
        strcpy(i[k].name, k ? "eth0" : "lo");
        i[k].address.sin_family = i[k].mask.sin_family = AF_INET;
        i[k].address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (k)
            memcpy(&i[k].address.sin_addr, p->config.address.ip, 4);
        i[k].mask.sin_addr.s_addr = htonl(0xff000000u);
        i[k].info = (struct ifaddrs){.ifa_name = i[k].name,
                                     .ifa_flags = flags[k],
                                     .ifa_addr = (struct sockaddr *)(void *)&i[k].address,
                                     .ifa_netmask = (struct sockaddr *)(void *)&i[k].mask,
                                     .ifa_next = k ? NULL : &i[1].info};
    }
    if (i)
        *out = &i->info;
    return (int)call_leave(p, i ? 0 : -ENOMEM);
}

static void carried_freeifaddrs(struct ifaddrs *list)
{
    struct program *p = call_enter();

    memory_give(p, list);
    (void)call_leave(p, 0);
}

static unsigned carried_if_nametoindex(const char *name)
{
    struct program *p = call_enter();
    unsigned index = strcmp(name, "lo") == 0 ? 1 : strcmp(name, "eth0") == 0 ? 2 : 0;

    (void)call_leave(p, index ? 0 : -ENODEV);
    return index;
}

const struct symbol calls_names[] = {
#define CALL(name) {#name, (void *)(uintptr_t)carried_##name}
    CALL(gethostname), CALL(uname), CALL(getaddrinfo), CALL(freeaddrinfo), CALL(getnameinfo), CALL(getifaddrs), CALL(freeifaddrs),
    CALL(if_nametoindex),
#undef CALL
    {NULL, NULL}};
