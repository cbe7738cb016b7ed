/* The command line: one file a verb, and what they share. */
#ifndef SIM_CLI_CLI_H
#define SIM_CLI_CLI_H

#include "sim/run/run.h"
#include "sim/suite/experiment.h"

struct command {
    const char *name, *summary, *usage; /* usage: the text of --help */
    int (*run)(int argc, char **argv);  /* argv[0] is the verb; returns an exit status */
};

extern const struct command command_run, command_report, command_check, command_verify, command_node,
    command_decrypt, command_interop, command_calibrate, command_export;

/* What run, check and verify have in common. */
struct run_arguments {
    const char *backend, *out;
    struct experiment_files suite; /* run: in the place of a scenario */
    const char **sets; /* --set, and --seed as one of them */
    size_t set_count;
    uint32_t threads; /* 0: not told */
    enum progress_mode progress;
    bool json;
    const char *junit;
    const char *pcap; /* names of nodes, "a-0,a-1"; NULL */
    char **files;
    int file_count;
    char *seed_set;
    /* run --warm */
    bool warm;
    const char **variants; /* NAME or NAME:PATH=VALUE; room for as many as there are arguments */
    size_t variant_count;
    const char *traffic_seeds; /* "1,2,3"; NULL */
    uint32_t jobs;             /* 0: not told */
    const char *exec, *exec_args; /* run --exec; NULL: nodes, linked in */
};

/* Reads the options that occur in `allowed` ("backend,seed,set,..."); prints what is wrong. False: exit with *status. */
bool arguments_read(struct run_arguments *a, int argc, char **argv, const struct command *command,
                    const char *allowed, int *status);
void arguments_free(struct run_arguments *a);

/* Prints "hearsay VERB: text" and where to find help; returns RUN_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const struct command *command, const char *format, ...);

/* Loads a scenario with the overrides; on failure prints the error and returns RUN_USAGE. */
int load_scenario(const char *path, const struct run_arguments *a, struct scenario *s);

/* mkdir -p. False with errno set. */
bool make_folders(const char *path);

/* The command that repeats a run; the caller frees it. */
char *replay_command(const char *file, const struct run_arguments *a, const struct scenario *s);

/* hearsay run --warm (variants.c): an exit status. */
int run_variants(const struct run_arguments *a);

#endif
