/* A node of the suite on real sockets: `hearsay interop`. It ends with its script. */
#ifndef SIM_SUITE_PARTICIPANT_H
#define SIM_SUITE_PARTICIPANT_H

#include "sim/suite/params.h"
#include "stack/base/endpoint.h"

#include <stdio.h>

#define PARTICIPANT_PORT 9000
#define PARTICIPANT_ERROR_MAX 400

/* Where the nodes are, instead of what the system's resolver says of "node7": lines of "ID
 * HOST:PORT" (an address with a number for a host); # begins a remark. */
struct participant_map {
    struct endpoint *items; /* by node id; port 0: not in the file */
    uint32_t count;
};

/* False with a sentence in `error`. */
bool participant_map_load(const char *path, struct participant_map *out,
                          char error[static PARTICIPANT_ERROR_MAX]);
void participant_map_free(struct participant_map *m);

struct participant_options {
    const struct suite_script *script;
    const struct participant_map *map; /* NULL: names are resolved */
    const char *agent;
    uint32_t node;
    uint16_t port; /* without a map: of every node */
};

/* The number in "node17"; false when the name has another shape. */
bool participant_number(const char *host_name, uint32_t *node);

/* Plays the whole script; lines go to `out`. False with a sentence in `error` when it failed. */
bool participant_run(const struct participant_options *options, FILE *out,
                     char error[static PARTICIPANT_ERROR_MAX]);

#endif
