/* Programs in the hosts of a scenario (hearsay run --exec): what the scenario says becomes arguments and lines on their standard
 * input, what they write becomes traces for the record. Each has a folder, FOLDER/hosts/NAME, with its output, its key, its files. */
#ifndef SIM_POSIX_EXEC_H
#define SIM_POSIX_EXEC_H

#include "sim/posix/program.h"
#include "sim/run/run.h"

enum exec_kind {
    EXEC_NODE,    /* `hearsay node`: told by commands, tells by its journal */
    EXEC_INTEROP, /* `hearsay interop`: told by its script, tells by its log */
    EXEC_OTHER    /* any other: told by its arguments */
};

#define EXEC_ERROR_MAX 800

struct exec_config {
    enum exec_kind kind;
    const char *program;  /* the file */
    const char *template; /* EXEC_OTHER: its arguments, see exec_usage; NULL: none */
    const char *params;   /* EXEC_INTEROP: the script; an absolute path, as programs have folders of their own */
    const char *folder;
};

extern const char *const exec_usage; /* what stands for what in a template */

struct exec;
/* NULL with a sentence in `error`. Texts outlive it. */
struct exec *exec_open(const struct exec_config *config, char error[static EXEC_ERROR_MAX]);
const struct run_programs *exec_programs(const struct exec *e);
void exec_free(struct exec *e); /* after the run */

#endif
