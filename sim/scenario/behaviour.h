/* What nodes of a group do in place of an honest router: the `behaviour` of a group, as plain data. README.md here is the manual,
 * sim/adversary does it. */
#ifndef SIM_SCENARIO_BEHAVIOUR_H
#define SIM_SCENARIO_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

/* name, text */
#define BEHAVIOUR_TABLE(X)                                                                                                    \
    X(BEHAVIOUR_DROP, "drop")                         /* takes everything, passes nothing on */                               \
    X(BEHAVIOUR_DEGRADE, "degrade")                   /* loses a share */                                                     \
    X(BEHAVIOUR_CENSOR, "censor")                     /* loses what some publish, or what is in some topics */                \
    X(BEHAVIOUR_DELAY, "delay")                       /* passes on late */                                                    \
    X(BEHAVIOUR_GRAFT_FLOOD, "graft-flood")           /* GRAFTs, whatever the backoff */                                      \
    X(BEHAVIOUR_IHAVE_SPAM, "ihave-spam")             /* many ids of messages that are not */                                 \
    X(BEHAVIOUR_IWANT_SPAM, "iwant-spam")             /* asks again for what it has */                                        \
    X(BEHAVIOUR_INVALID_MESSAGES, "invalid-messages") /* messages that no honest node accepts */                              \
    X(BEHAVIOUR_BROKEN_PROMISES, "broken-promises")   /* few ids of messages that are not */                                  \
    X(BEHAVIOUR_IDONTWANT_SPAM, "idontwant-spam")     /* does not want what is not */                                         \
    X(BEHAVIOUR_PX_POISON, "px-poison")               /* PRUNEs that send peers to others */

#define BEHAVIOUR_ENUM(name, text) name,
enum behaviour_kind { BEHAVIOUR_TABLE(BEHAVIOUR_ENUM) BEHAVIOUR_KIND_COUNT };
#undef BEHAVIOUR_ENUM

struct scenario_range { /* of nodes */
    uint32_t first, count;
};

struct scenario_behaviour {
    enum behaviour_kind kind;
    uint64_t attack_at_ns; /* until then it relays as an honest node does */
    bool grafts;           /* asks peers into its mesh, and again when they pruned it */
    uint64_t regraft_ns;   /* between two looks whom to ask again, once the backoff is over */
    uint32_t share_ppm;    /* degrade */
    uint64_t delay_ns;     /* delay */
    uint64_t every_ns;     /* between two rounds of what it repeats */
    uint32_t items;        /* ids, messages or peers in a round, to each peer */
    uint32_t size;         /* of an invalid message's body */
    struct scenario_range *publishers; /* censor: what these publish */
    uint32_t publisher_count;
    uint32_t *topics; /* censor: of these topics only; indexes into scenario.topics */
    uint32_t topic_count;
    uint32_t lure; /* px-poison: the group whose nodes are told of; SCENARIO_NONE: nodes that are not */
};

#define BEHAVIOUR_TOPICS_MAX 64 /* that a group with a behaviour may subscribe to */

const char *behaviour_text(enum behaviour_kind kind);

#endif
