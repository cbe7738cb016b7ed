/* Sockets that listen or connect, all of them non-blocking. */
#ifndef STACK_BACKEND_EPOLL_SOCKET_H
#define STACK_BACKEND_EPOLL_SOCKET_H

#include "stack/base/endpoint.h"

int epoll_err_of_errno(int number); /* the err for an errno of the system */
int epoll_listener(const struct endpoint *at); /* a descriptor, or a negative err */
/* The same, with a connection under way; `from` all zero: the system chooses. */
int epoll_connect(const struct endpoint *from, const struct endpoint *to);

#endif
