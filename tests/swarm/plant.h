/* Faults that a self-test plants between the world and the checks, one a trial: each must be caught by its rule. */
#ifndef TESTS_SWARM_PLANT_H
#define TESTS_SWARM_PLANT_H

#include <stdbool.h>
#include <stdint.h>

/* name, text, rule that catches it */
#define PLANT_TABLE(X)                                        \
    X(PLANT_NONE, "none", "")                                 \
    X(PLANT_TWICE, "a message is delivered twice", "twice")   \
    X(PLANT_LOST, "no final message is delivered at one node", "reach") \
    X(PLANT_SWAP, "two bytes change places", "stream")        \
    X(PLANT_GAP, "a piece of a stream is missing", "stream")  \
    X(PLANT_CUT, "a stream ends early, in order", "stream")   \
    X(PLANT_LATE, "an event comes for a dead handle", "dead-handle") \
    X(PLANT_INSIDE, "an upcall comes inside a downcall", "inside") \
    X(PLANT_BACK, "time goes back", "time")                   \
    X(PLANT_EARLY, "a wake-up comes early", "wake")           \
    X(PLANT_ASLEEP, "a wake-up never comes", "wake")          \
    X(PLANT_INDEX, "a connection has a high index", "index")  \
    X(PLANT_UNWRITABLE, "writable never comes", "stream")     \
    X(PLANT_PAUSED, "data comes while paused", "paused")      \
    X(PLANT_MESH, "a node prunes what its mesh does not show", "mesh") \
    X(PLANT_OTHER, "a second run goes another way", "digest") \
    X(PLANT_LEAK, "a block is never freed", "memory")         \
    X(PLANT_CHECK, "an invariant of the program breaks", "check") \
    X(PLANT_HANG, "the run does not end", "hang")

#define PLANT_ENUM(name, text, rule) name,
enum plant { PLANT_TABLE(PLANT_ENUM) PLANT_COUNT };
#undef PLANT_ENUM

struct plant_row {
    const char *text, *rule;
};

extern const struct plant_row plants[PLANT_COUNT];

#endif
