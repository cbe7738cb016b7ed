/* Kinds of work that cost a CPU time, and what they cost: for worlds in which only charged work takes any. */
#ifndef STACK_BASE_WORK_H
#define STACK_BASE_WORK_H

#include <stdint.h>

/* Bits of a set. Bytes are those of the frame, or of the message where said. */
enum work {
    WORK_PARSE = 1 << 0,     /* an RPC or a message is read, looked up and put away */
    WORK_HASH = 1 << 1,      /* its id is a hash of it */
    WORK_AEAD = 1 << 2,      /* sealing or opening bytes of a connection */
    WORK_HANDSHAKE = 1 << 3, /* one side of Noise XX, all of it */
    WORK_SIGN = 1 << 4,      /* a message of our own */
    WORK_VERIFY = 1 << 5,    /* a message's signature */
    WORK_VALIDATE = 1 << 6   /* what the application does with a message before it is passed on */
};

#define WORK_KINDS 7
#define WORK_CORES_MAX 256u /* of a CPU */
/* The event loop hands these to another core where there is one, and goes on. */
#define WORK_OFFLOADED (WORK_VERIFY | WORK_VALIDATE)

struct work_cost { /* on a core of speed 1 */
    uint64_t base_ns, per_kib_ns;
};

#endif
