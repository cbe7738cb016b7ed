/* Making fresh sockets, all of them non-blocking, listen or connect. */
#ifndef STACK_BACKEND_EPOLL_SOCKET_H
#define STACK_BACKEND_EPOLL_SOCKET_H

#include "stack/base/endpoint.h"

int epoll_err_of_errno(int number); /* the err for an errno of the system */
/* Both take what opening a socket gave (negative: errno tells why) and give it back, or a negative err when it is closed. */
int epoll_listener(int fd, const struct endpoint *at);
/* Its connection is under way; `from` all zero: the system chooses. */
int epoll_connect(int fd, const struct endpoint *from, const struct endpoint *to);

#endif
