/* hearsay: dispatch to the verbs. */
#include "sim/cli/cli.h"
#include "sim/run/version.h"
#include "stack/base/err.h"
#include "stack/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {&command_run, &command_report, &command_check, &command_verify, &command_export,
                                               &command_node, &command_decrypt,
                                               &command_interop, &command_calibrate};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(FILE *out)
{
    fprintf(out, "hearsay: a simulator and testbed for gossip networks\n\nusage: hearsay COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n`hearsay COMMAND --help` tells more. Exit status: 0 all well, 1 an expectation failed or the\n"
                 "world did (disk, network), 2 bad usage or scenario, 3 an invariant of ours broke, 4 the time\n"
                 "limit, 5 not deterministic.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return RUN_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return RUN_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("hearsay %s\n", hearsay_version);
        return RUN_OK;
    }
    if (crypto_init() != ERR_OK) {
        fprintf(stderr, "hearsay: libsodium cannot be initialised\n");
        return RUN_FAILED;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    fprintf(stderr, "hearsay: there is no command \"%s\" (see hearsay --help)\n",
            argv[1]);
    return RUN_USAGE;
}
