/* Descriptors that stand for no connection and no file: pipes, eventfd, timerfd, signalfd. */
#ifndef SIM_POSIX_KINDS_H
#define SIM_POSIX_KINDS_H

#include "sim/posix/internal.h"

#include <sys/timerfd.h>

/* 0 or more, or -errno. */
int pipe_open(struct program *p, int fds[2], int flags);
size_t pipe_waiting(struct file *f); /* bytes to be read; 0 for what is no pipe */
int eventfd_open(struct program *p, unsigned first, int flags);
int timerfd_open(struct program *p, int clock, int flags);
int timerfd_set(struct program *p, int fd, int flags, const struct itimerspec *to, struct itimerspec *old);
int timerfd_get(struct program *p, int fd, struct itimerspec *out);
int signalfd_open(struct program *p, int fd, uint64_t mask, int flags);

#endif
