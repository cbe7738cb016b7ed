/* Sockets over the seam: what its upcalls do to them. True: the program may have waited for it. */
#ifndef SIM_POSIX_SOCKETS_H
#define SIM_POSIX_SOCKETS_H

#include "sim/posix/internal.h"

#include <sys/socket.h>

bool sockets_accepted(struct program *p, struct backend_conn conn, const struct endpoint *from);
bool sockets_dialled(struct program *p, struct backend_conn conn, int err);
bool sockets_data(struct program *p, struct backend_conn conn, struct chain *bytes);
bool sockets_writable(struct program *p, struct backend_conn conn);
bool sockets_closed(struct program *p, struct backend_conn conn, int err);

/* The calls: 0 or more, or -errno. */
int socket_bind(struct program *p, struct file *f, const struct sockaddr *at, socklen_t size);
int socket_listen(struct program *p, struct file *f, int backlog);
int socket_connect(struct program *p, struct file *f, const struct sockaddr *to, socklen_t size);
int socket_accept(struct program *p, struct file *f, struct sockaddr *from, socklen_t *size, int flags);
int socket_shutdown(struct program *p, struct file *f, int how);
int socket_name(const struct file *f, bool remote, struct sockaddr *out, socklen_t *size);
int socket_option_set(struct program *p, struct file *f, int level, int option, const void *value, socklen_t size);
int socket_option_get(struct program *p, struct file *f, int level, int option, void *value, socklen_t *size);
ssize_t socket_receive(struct program *p, struct file *f, void *to, size_t size, int flags);
ssize_t socket_send(struct program *p, struct file *f, const void *from, size_t size, int flags);
size_t socket_waiting(const struct file *f); /* bytes to be read */

static inline bool file_is_socket(const struct file *f)
{
    return f->ops == &socket_ops;
}

#endif
