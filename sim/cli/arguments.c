/* Options of run, check and verify. */
#include "sim/cli/cli.h"

#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS_MAX 1000
#define THREADS_MAX 256 /* what the des backend can do */

int usage_error(const struct command *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "hearsay %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n`hearsay %s --help` tells what is allowed.\n", command->name);
    return RUN_USAGE;
}

static const struct option all_options[] = {
    {"backend", required_argument, NULL, 'b'}, {"seed", required_argument, NULL, 's'},
    {"set", required_argument, NULL, 'S'},     {"out", required_argument, NULL, 'o'},
    {"json", no_argument, NULL, 'j'},          {"progress", required_argument, NULL, 'p'},
    {"junit", required_argument, NULL, 'J'},   {"threads", required_argument, NULL, 't'},
    {"params", required_argument, NULL, 'P'},  {"graph", required_argument, NULL, 'G'},
    {"hosts", required_argument, NULL, 'H'},   {"warm", no_argument, NULL, 'w'},
    {"variant", required_argument, NULL, 'v'}, {"seeds-of-traffic", required_argument, NULL, 'T'},
    {"jobs", required_argument, NULL, 'N'},    {"pcap", required_argument, NULL, 'c'},
    {"exec", required_argument, NULL, 'e'},    {"exec-args", required_argument, NULL, 'E'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static bool is_allowed(const char *allowed, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = allowed; (at = strstr(at, name)) != NULL; at += size)
        if ((at == allowed || at[-1] == ',') && (at[size] == ',' || at[size] == '\0'))
            return true;
    return false;
}

static bool parse_progress(const char *text, enum progress_mode *mode)
{
    *mode = strcmp(text, "off") == 0 ? PROGRESS_OFF : PROGRESS_AUTO;
    return strcmp(text, "off") == 0 || strcmp(text, "auto") == 0;
}

static bool parse_seed(struct run_arguments *a, const char *text)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value >> 63)
        return false;
    mem_free(a->seed_set);
    a->seed_set = mem_alloc(32);
    snprintf(a->seed_set, 32, "seed=%llu", value);
    return true;
}

static bool parse_threads(struct run_arguments *a, const char *text)
{
    char *end;
    unsigned long value;

    if (strcmp(text, "auto") == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);

        a->threads = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (uint32_t)processors;
        return true;
    }
    value = strtoul(text, &end, 10);
    a->threads = (uint32_t)value;
    return end != text && !*end && text[0] != '-' && value >= 1 && value <= THREADS_MAX;
}

static bool parse_jobs(struct run_arguments *a, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    a->jobs = (uint32_t)value;
    return end != text && !*end && text[0] != '-' && value >= 1 && value <= JOBS_MAX;
}

/* One option; NULL or what is wrong with it. */
static const char *take(struct run_arguments *a, int letter, const char *value)
{
    switch (letter) {
    case 'b':
        a->backend = value;
        return world_find(value) ? NULL : "is not a backend of this build";
    case 's':
        return parse_seed(a, value) ? NULL : "is not a seed (0 to 9223372036854775807)";
    case 'S':
        a->sets[a->set_count++] = value;
        return NULL;
    case 'o':
        a->out = value;
        return NULL;
    case 'j':
        a->json = true;
        return NULL;
    case 'p':
        return parse_progress(value, &a->progress) ? NULL : "is not a way to show progress (auto, off)";
    case 'J':
        a->junit = value;
        return NULL;
    case 'P':
        a->suite.params = value;
        return NULL;
    case 'G':
        a->suite.graph = value;
        return NULL;
    case 'H':
        a->suite.hosts = value;
        return NULL;
    case 'w':
        a->warm = true;
        return NULL;
    case 'v':
        a->variants[a->variant_count++] = value;
        return NULL;
    case 'T':
        a->traffic_seeds = value;
        return NULL;
    case 'e':
        a->exec = value;
        return strcmp(value, "node") == 0 || strcmp(value, "interop") == 0 || strchr(value, '/')
                   ? NULL
                   : "is no program (node, interop, or a path with a / in it)";
    case 'E':
        a->exec_args = value;
        return NULL;
    case 'N':
        return parse_jobs(a, value) ? NULL : "is not a number of processes (1 to 1000)";
    case 'c':
        a->pcap = value;
        return NULL;
    case 't':
        return parse_threads(a, value) ? NULL : "is not a number of threads (1 to 256, or auto: one a processor)";
    default:
        return "is unknown";
    }
}

bool arguments_read(struct run_arguments *a, int argc, char **argv, const struct command *command,
                    const char *allowed, int *status)
{
    int letter, index = 0;

    *a = (struct run_arguments){.backend = "des"};
    a->sets = mem_grow(NULL, (size_t)argc + 1, sizeof *a->sets);
    a->variants = mem_grow(NULL, (size_t)argc + 1, sizeof *a->variants);
    opterr = 0;
    optind = 1;
    while ((letter = getopt_long(argc, argv, ":", all_options, &index)) != -1) {
        const char *wrong;

        if (letter == 'h') {
            fputs(command->usage, stdout);
            *status = RUN_OK;
            return false;
        }
        if (letter == '?' || letter == ':' || !is_allowed(allowed, all_options[index].name)) {
            *status = usage_error(command, "%s %s", argv[optind - 1],
                                  letter == ':' ? "needs a value" : "is not an option of this command");
            return false;
        }
        wrong = take(a, letter, optarg);
        if (wrong) {
            *status = usage_error(command, "--%s %s %s%s%s%s", all_options[index].name, optarg, wrong,
                                  letter == 'b' ? " (" : "", letter == 'b' ? world_names : "",
                                  letter == 'b' ? ")" : "");
            return false;
        }
    }
    if (a->seed_set)
        a->sets[a->set_count++] = a->seed_set; /* after every --set: the option wins */
    a->files = argv + optind;
    a->file_count = argc - optind;
    return true;
}

void arguments_free(struct run_arguments *a)
{
    mem_free(a->sets);
    mem_free(a->variants);
    mem_free(a->seed_set);
}

int load_scenario(const char *path, const struct run_arguments *a, struct scenario *s)
{
    struct scenario_error err;

    if (scenario_load(path, a->sets, a->set_count, s, &err) == ERR_OK)
        return RUN_OK;
    fprintf(stderr, "%s\n", err.text);
    return RUN_USAGE;
}

bool make_folders(const char *path)
{
    char *copy = mem_strdup(path);
    bool ok = true;

    for (char *at = copy + 1; ok && *at; at++)
        if (*at == '/') {
            *at = '\0';
            ok = mkdir(copy, 0777) == 0 || errno == EEXIST;
            *at = '/';
        }
    ok = ok && (mkdir(copy, 0777) == 0 || errno == EEXIST);
    mem_free(copy);
    return ok;
}

char *replay_command(const char *file, const struct run_arguments *a, const struct scenario *s)
{
    size_t size = strlen(file) + 160 + (a->exec ? strlen(a->exec) + 16 : 0) + (a->exec_args ? strlen(a->exec_args) + 20 : 0), used;
    char *text;

    for (size_t i = 0; i < a->set_count; i++)
        size += strlen(a->sets[i]) + 16;
    text = mem_alloc(size);
    used = (size_t)snprintf(text, size, "hearsay run %s --backend %s --seed %llu", file, a->backend,
                            (unsigned long long)s->seed);
    if (a->exec)
        used += (size_t)snprintf(text + used, size - used, " --exec %s", a->exec);
    if (a->exec_args)
        used += (size_t)snprintf(text + used, size - used, " --exec-args '%s'", a->exec_args);
    if (a->threads > 1)
        used += (size_t)snprintf(text + used, size - used, " --threads %u", a->threads);
    for (size_t i = 0; i < a->set_count; i++)
        if (a->sets[i] != a->seed_set)
            used += (size_t)snprintf(text + used, size - used, " --set '%s'", a->sets[i]);
    return text;
}
