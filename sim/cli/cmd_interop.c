/* hearsay interop: a node of libp2p's gossipsub-interop suite. */
#include "sim/cli/cli.h"

#include "sim/run/version.h"
#include "sim/suite/participant.h"
#include "stack/base/err.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: hearsay interop --params FILE [OPTION]...\n"
    "\n"
    "Plays one node of an experiment of libp2p's gossipsub-interop suite on real sockets, and ends "
    "with its script.\n"
    "JSON lines on stdout, all else on stderr. The node's number is in the host's name (node0, "
    "node1, ...).\n"
    "\n"
    "  --params FILE      the script (params.json)\n"
    "  --node-id N        instead of the number in the host's name\n"
    "  --port N           where every node listens; default 9000\n"
    "  --hosts-file FILE  where the nodes are: lines of \"ID IP:PORT\"; without it node7 is looked "
    "up by its name\n"
    "\n"
    "Exit status: 0, 1 a connect or publish failed or the network did, 2 bad usage or script.\n";

enum { OPT_PARAMS = 'a', OPT_NODE_ID, OPT_PORT, OPT_HOSTS_FILE, OPT_HELP };

static const struct option table[] = {{"params", required_argument, NULL, OPT_PARAMS},
                                      {"node-id", required_argument, NULL, OPT_NODE_ID},
                                      {"port", required_argument, NULL, OPT_PORT},
                                      {"hosts-file", required_argument, NULL, OPT_HOSTS_FILE},
                                      {"help", no_argument, NULL, OPT_HELP},
                                      {NULL, 0, NULL, 0}};

struct interop_arguments {
    const char *params, *hosts_file;
    uint32_t node;
    uint16_t port; /* 0: not given */
    bool has_node;
};

static bool take_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out >= min && *out <= max;
}

static bool take(struct interop_arguments *a, int letter, const char *value)
{
    unsigned long number = 0;

    switch (letter) {
    case OPT_PARAMS:
        a->params = value;
        return true;
    case OPT_HOSTS_FILE:
        a->hosts_file = value;
        return true;
    case OPT_NODE_ID:
        a->has_node = take_number(value, 0, SUITE_NODES_MAX - 1, &number);
        a->node = (uint32_t)number;
        if (!a->has_node)
            usage_error(&command_interop, "--node-id %s is not a number from 0 to %u", value,
                        SUITE_NODES_MAX - 1);
        return a->has_node;
    default:
        if (!take_number(value, 1, 65535, &number)) {
            usage_error(&command_interop, "--port %s is not a number from 1 to 65535", value);
            return false;
        }
        a->port = (uint16_t)number;
        return true;
    }
}

static bool finish(struct interop_arguments *a)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (!a->params) {
        usage_error(&command_interop, "--params is missing");
        return false;
    }
    if (a->port && a->hosts_file) {
        usage_error(&command_interop, "--port and --hosts-file: the file gives the ports");
        return false;
    }
    if (a->has_node)
        return true;
    gethostname(name, sizeof name - 1);
    if (participant_number(name, &a->node))
        return true;
    usage_error(&command_interop, "this host is called \"%s\", not nodeN: give --node-id", name);
    return false;
}

static bool read_arguments(struct interop_arguments *a, int argc, char **argv, int *status)
{
    int letter;

    opterr = 0;
    optind = 1;
    *status = RUN_USAGE;
    while ((letter = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (letter == OPT_HELP) {
            fputs(usage, stdout);
            *status = RUN_OK;
            return false;
        }
        if (letter == ':' || letter == '?') {
            usage_error(&command_interop, "%s %s", argv[optind - 1],
                        letter == ':' ? "needs a value" : "is not an option of this command");
            return false;
        }
        if (!take(a, letter, optarg))
            return false;
    }
    if (optind < argc) {
        usage_error(&command_interop, "%s: arguments without an option are not understood",
                    argv[optind]);
        return false;
    }
    return finish(a);
}

static int play(const struct interop_arguments *a, const struct suite_script *script)
{
    struct participant_options options = {
        .script = script, .node = a->node, .port = a->port ? a->port : PARTICIPANT_PORT};
    struct participant_map map = {0};
    char agent[96], error[PARTICIPANT_ERROR_MAX];
    int status = RUN_OK;

    snprintf(agent, sizeof agent, "hearsay/%s", hearsay_version);
    options.agent = agent;
    if (a->hosts_file) {
        if (!participant_map_load(a->hosts_file, &map, error)) {
            fprintf(stderr, "hearsay interop: %s\n", error);
            return RUN_USAGE;
        }
        options.map = &map;
    }
    if (!participant_run(&options, stdout, error)) {
        fprintf(stderr, "hearsay interop: %s\n", error);
        status = RUN_FAILED;
    }
    participant_map_free(&map);
    return status;
}

static int run(int argc, char **argv)
{
    struct interop_arguments a = {0};
    struct suite_script script;
    struct scenario_error err;
    int status;

    if (!read_arguments(&a, argc, argv, &status))
        return status;
    if (suite_script_load(a.params, &script, &err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return RUN_USAGE;
    }
    status = play(&a, &script);
    suite_script_free(&script);
    return status;
}

const struct command command_interop = {
    "interop", "play a node of libp2p's gossipsub-interop suite", usage, run};
