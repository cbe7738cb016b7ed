/* Plays the script of an experiment for one node: a pure machine.
 *
 * Instructions are carried out strictly one after the other. It stops at a connect until
 * player_connected tells how it went, and at a waitUntil until its time. The first instruction of a
 * node must be its only initGossipSub: a node of ours has its router from the start. A connection
 * that cannot be made, and a message that cannot be published, end the script with an error, as in
 * the suite's Go program. */
#ifndef SIM_SUITE_PLAYER_H
#define SIM_SUITE_PLAYER_H

#include "sim/suite/params.h"

enum player_state {
    PLAYER_RUNNING,
    PLAYER_CONNECTING,
    PLAYER_WAITING,
    PLAYER_ENDED,
    PLAYER_FAILED
};

#define PLAYER_ERROR_MAX 256

/* What it asks of the node. None may call back. */
struct player_env {
    void *ctx;
    /* player_connected must follow. */
    void (*connect)(void *ctx, uint64_t now_ns, uint32_t node);
    void (*subscribe)(void *ctx, uint64_t now_ns, struct slice topic, bool partial);
    void (*delay)(void *ctx, uint64_t now_ns, struct slice topic, uint64_t delay_ns);
    /* `size` bytes: the id, 8 bytes big-endian, then zeros. 0 or a negative err. */
    int (*publish)(void *ctx, uint64_t now_ns, struct slice topic, uint64_t id, uint32_t size);
    /* Partial messages: parts that the node has from now on; telling the mesh, or (count > 0) these nodes, of a group. */
    void (*add_parts)(void *ctx, struct slice topic, uint64_t group, uint8_t parts);
    void (*publish_parts)(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, const uint32_t *nodes,
                          uint32_t count);
};

struct player {
    const struct suite_script *script; /* outlives the player */
    struct player_env env;
    uint32_t node;
    enum player_state state;
    uint32_t common_next, own_next;          /* positions in the script's two lists */
    const struct suite_instruction *current; /* connect or wait */
    uint32_t target_next;                    /* of the connect */
    char error[PLAYER_ERROR_MAX]; /* when failed: "script[3]: connect to node 7: connection refused"
                                   */
};

/* The script is read up to its initGossipSub: state is RUNNING, or FAILED. */
void player_init(struct player *p, const struct suite_script *script, uint32_t node,
                 const struct player_env *env);
/* What initGossipSub says; the player has not failed. */
const struct gossipsub_params *player_params(const struct player *p);
/* Goes on as far as it can. */
void player_run(struct player *p, uint64_t now_ns);
/* The node that it waits to be connected to is (ERR_OK), or cannot be. player_run goes on. */
void player_connected(struct player *p, int err);
/* Which node that is; the player is CONNECTING. */
uint32_t player_target(const struct player *p);
uint64_t player_deadline(const struct player *p); /* TIME_NEVER unless it waits for a time */

#endif
