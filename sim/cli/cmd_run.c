/* hearsay run: one scenario on one backend, recorded. */
#include "sim/cli/cli.h"

#include "stack/base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: hearsay run SCENARIO.yaml [OPTION]...\n"
    "\n"
    "Runs the scenario, records it in DIR/run.sqlite, prints a summary.\n"
    "\n"
    "  --backend NAME    des (virtual time, the default) or sockets (real TCP on loopback)\n"
    "  --seed N          instead of the scenario's\n"
    "  --set PATH=VALUE  change a setting, as nodes.0.count=100; may be given several times\n"
    "  --threads N       1: more are not supported yet by any backend\n"
    "  --out DIR         where the result goes; default results/SCENARIO/BACKEND-SEED\n"
    "  --json            the summary as one JSON object\n"
    "  --progress MODE   auto (a bar on a terminal, lines elsewhere; the default) or off\n"
    "\n"
    "Exit status: 0, 1 an expectation failed or the disk or network did, 2 bad usage or scenario, 4 time limit.\n";

static void on_signal(int number)
{
    (void)number;
    run_interrupt();
}

static void print_judgement(void *ctx, const struct run_judgement *j)
{
    FILE *out = ctx;

    fprintf(out, "  %s  %s  (%s)\n", j->passed ? "ok    " : "FAILED", j->expectation->text, j->value);
}

static char *result_folder(const struct run_arguments *a, const struct scenario *s)
{
    size_t size = strlen(s->name) + 64;
    char *folder;

    if (a->out)
        return mem_strdup(a->out);
    folder = mem_alloc(size);
    snprintf(folder, size, "results/%s/%s-%llu", s->name, a->backend, (unsigned long long)s->seed);
    return folder;
}

static void print_result(const struct run_arguments *a, struct run_result *result, const char *folder)
{
    if (!result->has_summary)
        return;
    if (a->json) {
        summary_print_json(&result->summary, stdout);
        return;
    }
    summary_print_text(&result->summary, stdout);
    if (result->skipped)
        printf("  %u publications fell to nodes that were down and were left out\n", result->skipped);
    printf("\nrecorded in %s/run.sqlite; `hearsay report %s` draws it\n", folder, folder);
}

static int run_file(const struct run_arguments *a)
{
    struct scenario s;
    struct run_result result = {0};
    struct run_options options = {.world = world_find(a->backend), .progress = a->progress};
    char *folder, *database, *replay;
    int status = load_scenario(a->files[0], a, &s);

    if (status != RUN_OK)
        return status;
    folder = result_folder(a, &s);
    database = mem_alloc(strlen(folder) + 16);
    sprintf(database, "%s/run.sqlite", folder);
    replay = replay_command(a->files[0], a, &s);
    options.database = database;
    options.replay = replay;
    if (!make_folders(folder)) {
        fprintf(stderr, "hearsay run: cannot make the folder %s: %s\n", folder, strerror(errno));
        status = RUN_FAILED;
    } else {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        status = (int)run_scenario(&s, &options, a->json ? NULL : print_judgement, stdout, &result);
        if (result.warning[0])
            fprintf(stderr, "%s\n", result.warning);
        print_result(a, &result, folder);
        if (result.error[0])
            fprintf(stderr, "hearsay run: %s\n", result.error);
        else if (result.expectations_failed)
            fprintf(stderr, "hearsay run: %u of %u expectations failed\n", result.expectations_failed,
                    result.expectations);
        if (status != RUN_OK && status != RUN_USAGE)
            fprintf(stderr, "replay: %s\n", replay);
    }
    if (result.has_summary)
        summary_deinit(&result.summary);
    mem_free(folder);
    mem_free(database);
    mem_free(replay);
    scenario_free(&s);
    return status;
}

static int run(int argc, char **argv)
{
    struct run_arguments a;
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_run, "backend,seed,set,threads,out,json,progress", &status)) {
        if (a.file_count != 1)
            status = usage_error(&command_run, "give one scenario (%d given)", a.file_count);
        else
            status = run_file(&a);
    }
    arguments_free(&a);
    return status;
}

const struct command command_run = {"run", "run a scenario and record it", usage, run};
