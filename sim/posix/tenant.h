/* One host's program, and what its owner keeps about it. */
#ifndef SIM_POSIX_TENANT_H
#define SIM_POSIX_TENANT_H

#include "sim/posix/exec.h"
#include "stack/base/buf.h"
#include "stack/wire/peerid.h"

struct suite_feed; /* exec_suite.c */

struct exec {
    struct exec_config config;
    struct run_programs programs;
    struct image_file *image;
    struct run *run;
    struct tenant *tenants;
    uint32_t count;
    struct suite_feed *suite;
    char *params;
    char failure[EXEC_ERROR_MAX]; /* the first that could not go on */
    char complaint[EXEC_ERROR_MAX]; /* the first that ended badly by itself */
};

struct tenant {
    struct exec *exec;
    uint32_t node, lives, ended_life;
    struct program *program; /* NULL: down */
    struct buf line;         /* of its output: not complete yet */
    struct peerid *slots;    /* whom it is connected to, by the slots that traces name */
    uint32_t slot_count;
    char **topics; /* that it is in */
    uint32_t topic_count;
    uint64_t sent, received; /* of earlier lives */
    uint64_t output_size, output_hash; /* EXEC_OTHER: of what all lives wrote */
    bool stopping;           /* it was asked to end */
};

/* A growing list of arguments. */
struct words {
    char **items;
    int count;
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *w, const char *format, ...);
void words_free(struct words *w);

/* exec_node.c */
const char *exec_node_refuses(const struct scenario *s, char *out);
bool exec_node_prepare(struct tenant *t, struct words *arguments, char error[static EXEC_ERROR_MAX]);
void exec_node_connect(struct tenant *t, uint64_t now_ns, uint32_t to);
void exec_node_publish(struct tenant *t, uint64_t now_ns, const struct scenario_traffic *traffic, struct slice body);
bool exec_node_line(struct tenant *t, uint64_t now_ns, struct slice line); /* false: it is no line of a journal */

void exec_node_resumed(struct tenant *t, uint64_t now_ns); /* the record is to know again what it is in */
void exec_node_forget(struct tenant *t);

/* exec_other.c */
const char *exec_other_refuses(const struct scenario *s, char *out);
void exec_other_arguments(const struct tenant *t, struct words *arguments);
const char *exec_template_problem(const char *template, char *out); /* NULL: none; `out` has 256 bytes */

/* exec_suite.c */
struct suite_feed *suite_feed_new(const char *params, char error[static EXEC_ERROR_MAX]);
void suite_feed_free(struct suite_feed *f);
void exec_suite_arguments(const struct tenant *t, struct words *arguments);
bool exec_suite_line(struct tenant *t, uint64_t now_ns, struct slice line);

/* exec.c: the slot of a peer, taken when it is new; by its peer id. */
uint32_t tenant_slot(struct tenant *t, const struct peerid *peer, bool *is_new);
void tenant_slot_free(struct tenant *t, uint32_t slot);
void exec_host_name(const struct exec *e, uint32_t node, char out[static SCENARIO_NODE_NAME_SIZE]);

#endif
