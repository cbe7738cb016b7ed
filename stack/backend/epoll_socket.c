/* What a fresh socket is told. */
#include "stack/backend/epoll_socket.h"

#include "stack/backend/epoll_address.h"
#include "stack/base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

int epoll_err_of_errno(int number)
{
    switch (number) {
    case ECONNREFUSED:
        return ERR_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return ERR_RESET;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case ENETUNREACH:
    case EHOSTUNREACH:
        return ERR_UNREACHABLE;
    case EADDRINUSE:
        return ERR_IN_USE;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_SYSTEM;
    }
}

int epoll_listener(int fd, const struct endpoint *at)
{
    struct sockaddr_storage sa;
    socklen_t size = epoll_to_sockaddr(at, &sa);
    int on = 1;

    if (fd < 0)
        return epoll_err_of_errno(errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&sa, size) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        int err = epoll_err_of_errno(errno);

        close(fd);
        return err;
    }
    return fd;
}

int epoll_connect(int fd, const struct endpoint *from, const struct endpoint *to)
{
    struct sockaddr_storage sa;
    int on = 1;

    if (fd < 0)
        return epoll_err_of_errno(errno);
    if (!endpoint_unspecified(from) && from->is_ip6 == to->is_ip6) {
        struct endpoint own = *from;
        socklen_t size;

        own.port = 0;
        size = epoll_to_sockaddr(&own, &sa);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&sa, size) < 0)
            goto fail;
    }
    if (connect(fd, (struct sockaddr *)&sa, epoll_to_sockaddr(to, &sa)) == 0 || errno == EINPROGRESS)
        return fd;
fail:
    on = epoll_err_of_errno(errno);
    close(fd);
    return on;
}
