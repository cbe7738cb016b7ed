/* What worlds of real sockets share: all nodes in this process, one epoll loop. */
#ifndef SIM_RUN_WORLD_SOCKETS_H
#define SIM_RUN_WORLD_SOCKETS_H

#include "sim/run/world.h"
#include "stack/backend/epoll.h"

/* First in the struct of a world, so that the functions below take that world. */
struct world_of_sockets {
    struct sockets *sockets;
    struct sockets_host **hosts;
};

/* `make_socket` as in sockets_config, or NULL. */
bool world_sockets_init(struct world_of_sockets *w, const struct world_config *config, void *socket_ctx,
                        int (*make_socket)(void *ctx, uint32_t host, int family), char *error, size_t error_size);
void world_sockets_deinit(struct world_of_sockets *w);

/* As in struct world_ops. */
void *world_sockets_host(void *world, uint32_t node);
void world_sockets_place(void *world, uint32_t node, const struct backend_app *app, void *ctx);
void world_sockets_schedule(void *world, uint32_t node, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns),
                            void *arg);
void world_sockets_schedule_global(void *world, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg);
int world_sockets_advance(void *world, uint64_t until_ns);
uint64_t world_sockets_now_ns(const void *world);
void world_sockets_counts(const void *world, uint64_t *events, uint64_t *connections);

#endif
