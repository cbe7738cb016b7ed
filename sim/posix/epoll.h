/* epoll, poll and select. */
#ifndef SIM_POSIX_EPOLL_H
#define SIM_POSIX_EPOLL_H

#include "sim/posix/internal.h"

#include <poll.h>
#include <sys/epoll.h>

/* 0 or more, or -errno. */
int epoll_control(struct program *p, int epoll, int operation, int fd, const struct epoll_event *event);
int epoll_await(struct program *p, int epoll, struct epoll_event *out, int most, uint64_t deadline_ns);
int poll_await(struct program *p, struct pollfd *fds, nfds_t count, uint64_t deadline_ns);

#endif
