/* The backend on real sockets: TCP through epoll, one thread, any number of nodes in the process.
 *
 * Time is CLOCK_MONOTONIC since sockets_new, read once a loop turn. Linux only. */
#ifndef STACK_BACKEND_EPOLL_H
#define STACK_BACKEND_EPOLL_H

#include "stack/backend/backend.h"

struct sockets;
struct sockets_host;

struct sockets_config {
    uint64_t seed;     /* of the hosts' random bytes; used where seeded */
    bool seeded;       /* false: getrandom, for nodes that face the world */
    void *trace_ctx;   /* receives what nodes trace */
    void (*trace)(void *ctx, uint32_t host, uint64_t now_ns, const struct trace_event *event);
    /* Makes the TCP sockets of a host, say in a network of its own: non-blocking and close-on-exec, or -1 and errno. NULL:
     * socket(2) does. */
    void *socket_ctx;
    int (*socket)(void *ctx, uint32_t host, int family);
};

int sockets_new(const struct sockets_config *config, struct sockets **out); /* ERR_SYSTEM */
void sockets_free(struct sockets *s); /* closes everything */

/* A host with an address of its own: dials leave from it. All zero: the system chooses. */
struct sockets_host *sockets_host_add(struct sockets *s, const struct endpoint *address);
/* Puts a node on the host; NULL takes it off and closes what it has (as a killed process would). */
void sockets_host_run(struct sockets_host *h, const struct backend_app *app, void *ctx);
/* The port really listened on (differs from the wish where that was 0); 0 when not listening. */
uint16_t sockets_host_port(const struct sockets_host *h);
/* Our own end of a connection; false when it is gone or still being dialled. */
bool sockets_conn_local(const struct sockets_host *h, struct backend_conn conn, struct endpoint *out);
extern const struct backend_ops sockets_ops; /* their `host` is a struct sockets_host */

void sockets_schedule(struct sockets *s, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);

/* Calls `ready` whenever the descriptor can be read (say: standard input, a signalfd). One at most. */
int sockets_watch(struct sockets *s, int fd, void (*ready)(void *arg, uint64_t now_ns), void *arg);
void sockets_unwatch(struct sockets *s);

/* Runs until the time or until sockets_stop. 0 or ERR_SYSTEM. */
int sockets_run(struct sockets *s, uint64_t until_ns);
void sockets_stop(struct sockets *s);
uint64_t sockets_now_ns(const struct sockets *s); /* of the current loop turn */
uint64_t sockets_turns(const struct sockets *s);  /* events handled so far */
uint64_t sockets_connections(const struct sockets *s);

#endif
