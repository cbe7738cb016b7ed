/* Namespaces by system calls alone: no ip(8), no netlink. */
#include "sim/netns/namespace.h"

#include "stack/base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#define DEVICE "tun0"
#define CONGESTION "cubic"
/* Packets that the device holds for the carrier: a whole window of the largest buffers fits, so nothing is lost here. */
#define DEVICE_QUEUE 20000

struct setting {
    const char *path, *value;
};

/* A connection must not know what an earlier one learnt, and buffers must grow as far as Linux lets them by default. */
static const struct setting settings[] = {
    {"/proc/sys/net/ipv4/tcp_no_metrics_save", "1"},
    {"/proc/sys/net/ipv4/tcp_slow_start_after_idle", "1"},
    {"/proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456"},
    {"/proc/sys/net/ipv4/tcp_wmem", "4096 16384 4194304"},
    {"/proc/sys/net/ipv4/tcp_moderate_rcvbuf", "1"},
    {"/proc/sys/net/ipv4/tcp_sack", "1"},
    {"/proc/sys/net/ipv4/tcp_timestamps", "1"},
    {"/proc/sys/net/ipv4/tcp_ecn", "0"},
};

int namespace_home(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void go_home(int home_fd)
{
    int err = setns(home_fd, CLONE_NEWNET);

    CHECK(err == 0); /* the rest of the program would run in the wrong network */
}

static bool complain(char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "%s: %s", what, strerror(errno));
    return false;
}

static bool apply_settings(char *error, size_t error_size)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        size_t size = strlen(settings[i].value);
        int fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        bool written = fd >= 0 && write(fd, settings[i].value, size) == (ssize_t)size;

        if (!written)
            complain(error, error_size, settings[i].path);
        if (fd >= 0)
            close(fd);
        if (!written)
            return false;
    }
    return true;
}

/* The device appears in the namespace of the thread that opens /dev/net/tun. No offloads: every packet fits the MTU. */
static int open_device(void)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    memcpy(request.ifr_name, DEVICE, sizeof DEVICE);
    if (fd >= 0 && (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, 0) < 0)) {
        int number = errno;

        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static bool set_address(int fd, unsigned long request, uint32_t ip)
{
    struct ifreq r = {.ifr_name = DEVICE};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};

    memcpy(&r.ifr_addr, &in, sizeof in);
    return ioctl(fd, request, &r) == 0;
}

static bool raise_device(int fd, const char *name)
{
    struct ifreq r = {0};

    memcpy(r.ifr_name, name, strlen(name) + 1);
    if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        return false;
    r.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

/* By netlink, since the ioctl for it is not for the root of a user namespace. */
static bool lengthen_queue(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
        struct rtattr attribute;
        uint32_t length;
    } ask = {.header = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
             .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(DEVICE)},
             .attribute = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_TXQLEN},
             .length = DEVICE_QUEUE};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr result;
    } answer = {.result.error = -EPROTO};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    bool told = fd >= 0 && send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask &&
                recv(fd, &answer, sizeof answer, 0) >= (ssize_t)sizeof answer.header + (ssize_t)sizeof(int);

    if (fd >= 0)
        close(fd);
    if (told)
        errno = -answer.result.error;
    return told && answer.result.error == 0;
}

static bool configure_device(uint32_t ip, char *error, size_t error_size)
{
    struct ifreq mtu = {.ifr_name = DEVICE, .ifr_mtu = NAMESPACE_MTU};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && lengthen_queue() && set_address(fd, SIOCSIFADDR, ip) &&
                set_address(fd, SIOCSIFNETMASK, 0xff000000u) && ioctl(fd, SIOCSIFMTU, &mtu) == 0 &&
                raise_device(fd, DEVICE) && raise_device(fd, "lo");

    if (!done)
        complain(error, error_size, "cannot configure the TUN device");
    if (fd >= 0)
        close(fd);
    return done;
}

/* In the new namespace. */
static bool furnish(struct namespace *n, uint32_t ip, char *error, size_t error_size)
{
    n->net_fd = namespace_home();
    if (n->net_fd < 0)
        return complain(error, error_size, "cannot hold a network namespace");
    if (!apply_settings(error, error_size))
        return false;
    n->tun_fd = open_device();
    if (n->tun_fd < 0)
        return complain(error, error_size, "cannot make a TUN device (/dev/net/tun)");
    return configure_device(ip, error, error_size);
}

bool namespace_open(struct namespace *n, int home_fd, uint32_t ip, char *error, size_t error_size)
{
    bool done;

    *n = (struct namespace){-1, -1};
    if (unshare(CLONE_NEWNET) < 0)
        return complain(error, error_size, "cannot make a network namespace (run as root, or under unshare -rn)");
    done = furnish(n, ip, error, error_size);
    go_home(home_fd);
    if (!done)
        namespace_close(n);
    return done;
}

void namespace_close(struct namespace *n)
{
    if (n->tun_fd >= 0)
        close(n->tun_fd); /* and the device is gone */
    if (n->net_fd >= 0)
        close(n->net_fd);
    *n = (struct namespace){-1, -1};
}

int namespace_socket(const struct namespace *n, int home_fd, int family)
{
    int fd, number;

    if (setns(n->net_fd, CLONE_NEWNET) < 0)
        return -1;
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    number = errno;
    go_home(home_fd);
    if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, sizeof CONGESTION - 1) < 0) {
        number = errno;
        close(fd);
        fd = -1;
    }
    errno = number;
    return fd;
}
