/* Endpoints to socket addresses and back. */
#ifndef STACK_BACKEND_EPOLL_ADDRESS_H
#define STACK_BACKEND_EPOLL_ADDRESS_H

#include "stack/base/endpoint.h"

#include <sys/socket.h>

socklen_t epoll_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out); /* returns its size */
struct endpoint epoll_from_sockaddr(const struct sockaddr_storage *a);

#endif
