/* The script of an experiment of libp2p's gossipsub-interop suite: params.json, read into plain
 * data.
 *
 * Nested ifNodeIDEquals are resolved: an instruction has the one node it is for, or is for all of
 * them. What cannot be honoured is an error with its place, never left out. Limits:
 * SUITE_FILE_SIZE_MAX bytes, SUITE_INSTRUCTIONS_MAX instructions, SUITE_NESTING_MAX levels of
 * ifNodeIDEquals, SUITE_NODES_MAX nodes. */
#ifndef SIM_SUITE_PARAMS_H
#define SIM_SUITE_PARAMS_H

#include "sim/scenario/tree.h"
#include "stack/base/slice.h"
#include "stack/gossipsub/gossipsub.h"

#define SUITE_FILE_SIZE_MAX (64u << 20)
#define SUITE_INSTRUCTIONS_MAX 4000000u
#define SUITE_NESTING_MAX 8u
#define SUITE_NODES_MAX 1000000u
#define SUITE_TOPICS_MAX 1024u
#define SUITE_WAIT_MAX_S 10000000u
#define SUITE_RPC_SIZE_MAX (10u << 20)
#define SUITE_MESSAGE_SIZE_MAX                                                                     \
    (SUITE_RPC_SIZE_MAX - 2048) /* with the largest topic it fits an RPC */
#define SUITE_ALL UINT32_MAX

enum suite_kind {
    SUITE_INIT,
    SUITE_CONNECT,
    SUITE_WAIT,
    SUITE_PUBLISH,
    SUITE_SUBSCRIBE,
    SUITE_DELAY,
    SUITE_ADD_PARTIAL,
    SUITE_PUBLISH_PARTIAL
};

struct suite_instruction {
    enum suite_kind kind;
    uint32_t number; /* its place in the file: script[number] */
    uint32_t node;   /* whom it is for, or SUITE_ALL */
    uint32_t topic;  /* all but init, connect, wait: index into topics */
    uint32_t size;   /* connect, publishPartial: how many targets; publish: bytes; subscribe: 1 to ask for parts */
    uint64_t value;  /* init: index into params; connect: first of its targets; wait: ns since the
                        start;  publish: id of the message; delay: ns; of partial messages: the group */
    uint32_t first;  /* publishPartial: first of its targets */
    uint8_t parts;   /* addPartialMessage: bitmap */
};

struct suite_script {
    struct suite_instruction *items;
    uint32_t count, capacity;
    struct gossipsub_params *params;
    uint32_t params_count, params_capacity;
    uint32_t *targets; /* node ids */
    uint32_t target_count, target_capacity;
    char **topics;
    uint32_t topic_count;
    uint32_t *common; /* instructions for all, in order */
    uint32_t common_count;
    uint32_t *own; /* those for one node, by node, then in order: node n has own[first[n]] ..
                      own[first[n + 1] - 1] */
    uint32_t *first;
    uint32_t node_limit; /* nodes from here on have none of their own */
    bool partial;        /* some instruction is about partial messages */
};

/* 0, or ERR_INVALID with *err set: "file:line:column: what" for what is no JSON, else "file:
 * script[3].topicID: what". Free the script only after 0. */
int suite_script_load(const char *path, struct suite_script *out, struct scenario_error *err);
int suite_script_parse(const char *name, struct slice text, struct suite_script *out,
                       struct scenario_error *err);
void suite_script_free(struct suite_script *s);

const char *suite_kind_text(enum suite_kind kind); /* the type in the file */

/* Every node's parameters before the script changes them: go's, with the harness's queues and RPC
 * size. */
struct gossipsub_params suite_params_default(void);

/* One object gossipSubParams over *p: NULL or what is wrong; *key: with which key ("" for the
 * whole). `json` is a json_t of jansson. */
const char *suite_params_apply(const void *json, struct gossipsub_params *p, const char **key);

#endif
