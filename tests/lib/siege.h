/* A victim (node 0) and three honest nodes, all connected, who go on talking while one or more
 * attackers are at the victim.
 *
 * An attack is a row of a table: how far the attacker goes, what it does then, what comes of it,
 * and how much more memory than before the whole process may have held at any moment: victim,
 * honest nodes, attacker and what is in flight, but not the simulator's calendar. siege_attack checks all that, and that every
 * message of the honest reached every honest node. */
#ifndef TESTS_LIB_SIEGE_H
#define TESTS_LIB_SIEGE_H

#include "tests/lib/attacker.h"
#include "tests/lib/meter.h"
#include "tests/lib/test.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define SIEGE_NODES 4

enum siege_outcome {
    SIEGE_STAYS,  /* nothing is closed */
    SIEGE_FAILS,  /* CONN_FAILED with `code`: it never became a peer */
    SIEGE_GONE,   /* PEER_GONE with `code` */
    SIEGE_RESET,  /* the stream that the attacker opened last is reset with `code`, nothing else */
    SIEGE_REJECTS /* nothing is closed; a message is rejected: enum trace_reject `code` */
};

struct siege {
    struct swarm swarm;
    struct attacker attacker;
    struct attacker *others; /* more of them, made and freed by the attack */
    uint32_t other_count;
    uint32_t gossiped, broadcast[SIEGE_NODES], broadcasts;
    uint64_t next_ns; /* of the honest talk */
    uint64_t number;
};

struct attack {
    const char *name;
    enum attacker_stage stage;
    void (*act)(struct siege *s);
    enum siege_outcome outcome;
    int code;
    uint32_t within_s; /* after the act */
    size_t memory_max; /* above what was live before the attacker came */
    void (*configure)(struct node_config *c);
};

void siege_run(struct siege *s, uint64_t duration_ns); /* with the honest talk */
void siege_attack(void **attack);                      /* a test; its state is a struct attack */
/* Fills in tests from a table. */
void siege_tests(struct CMUnitTest *tests, const struct attack *attacks, size_t count);
struct attacker *siege_more(struct siege *s, uint32_t count); /* attackers besides the first */

#endif
