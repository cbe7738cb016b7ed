/* hearsay run: one scenario on one backend, recorded. */
#include "sim/cli/cli.h"

#include "sim/posix/exec.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: hearsay run SCENARIO.yaml [OPTION]...\n"
    "       hearsay run SCENARIO.yaml --warm --variant NAME:PATH=VALUE... [OPTION]...\n"
    "       hearsay run --params FILE --graph FILE --hosts FILE [OPTION]...\n"
    "\n"
    "Runs the scenario, records it in DIR/run.sqlite, prints a summary.\n"
    "\n"
    "  --backend NAME    des (virtual time, the default), ns3 (the TCP of ns-3, in virtual time; needs its plug-in),\n"
    "                    sockets (real TCP on loopback) or netns (the kernel's TCP over the scenario's links, in real\n"
    "                    time; needs root)\n"
    "  --seed N          instead of the scenario's\n"
    "  --set PATH=VALUE  change a setting, as nodes.0.count=100; may be given several times\n"
    "  --threads N       threads that run the nodes (1; auto: one a processor); results do not depend on it; des only\n"
    "  --pcap NODE,...   captures of these nodes' packets, DIR/pcap/NODE.pcap, with the keys of their connections in\n"
    "                    NODE.keys for `hearsay decrypt` (des with network.tcp: packet, ns3)\n"
    "  --out DIR         where the result goes; default results/SCENARIO/BACKEND-SEED\n"
    "  --json            the summary as one JSON object\n"
    "  --progress MODE   auto (a bar on a terminal, lines elsewhere; the default) or off\n"
    "  --exec PROGRAM    runs an unmodified program in every host, in virtual time: `node` (hearsay node), `interop` (hearsay\n"
    "                    interop, with --params) or a path; each writes DIR/hosts/NAME/stdout (sim/posix/README.md)\n"
    "  --exec-args TEXT  a program's arguments; {name} {index} {count} {ip} {port} {peers} {seed} are filled in\n"
    "\n"
    "The second form (des, ns3) runs up to the end of the scenario's warmup once, and each variant from there on in a\n"
    "process of its own. A variant changes what comes later: traffic, events, validation, expectations, duration, record.\n"
    "What it gives, in DIR/NAME/run.sqlite, is what a run with the same --set gives. DIR is results/SCENARIO/warm-SEED.\n"
    "\n"
    "  --variant NAME[:PATH=VALUE]  a variant and a change, as in --set; the same NAME again: one more change of it\n"
    "  --seeds-of-traffic A,B,...   each variant (or the scenario as it is) with traffic_seed A, B, ...: NAME-tA, or tA\n"
    "  --jobs N                     variants at a time (one a processor)\n"
    "\n"
    "The third form runs an experiment of libp2p's gossipsub-interop suite: its params.json, "
    "graph.gml and\n"
    "shadow.yaml. Each node also writes DIR/hosts/nodeN/hearsay.1000.stdout, as it would under "
    "Shadow.\n"
    "\n"
    "Exit status: 0, 1 an expectation failed or the disk or network did, 2 bad usage or scenario, "
    "4 time limit.\n";

static void on_signal(int number)
{
    (void)number;
    run_interrupt();
}

static void print_judgement(void *ctx, const struct run_judgement *j)
{
    FILE *out = ctx;

    fprintf(out, "  %s  %s  (%s)\n", j->passed ? "ok    " : "FAILED", j->expectation->text,
            j->value);
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

static void print_result(const struct run_arguments *a, struct run_result *result,
                         const char *folder)
{
    if (!result->has_summary)
        return;
    if (a->json) {
        summary_print_json(&result->summary, stdout);
        return;
    }
    summary_print_text(&result->summary, stdout);
    if (result->skipped)
        printf("  %u publications fell to nodes that were down and were left out\n",
               result->skipped);
    printf("\nrecorded in %s/run.sqlite; `hearsay report %s` draws it\n", folder, folder);
}

/* What there is to run, and where it came from. */
struct job {
    struct scenario loaded;
    struct experiment *experiment; /* NULL: a scenario */
    const struct scenario *scenario;
    char *source; /* for the command that repeats the run */
};

static int open_job(const struct run_arguments *a, struct job *job)
{
    const struct experiment_files *f = &a->suite;
    struct scenario_error err;
    size_t size;
    int status;

    *job = (struct job){0};
    if (!f->params) {
        status = load_scenario(a->files[0], a, &job->loaded);
        job->scenario = &job->loaded;
        job->source = mem_strdup(a->files[0]);
        return status;
    }
    if (experiment_open(f, a->sets, a->set_count, &job->experiment, &err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return RUN_USAGE;
    }
    job->scenario = experiment_scenario(job->experiment);
    size = strlen(f->params) + strlen(f->graph) + strlen(f->hosts) + 64;
    job->source = mem_alloc(size);
    snprintf(job->source, size, "--params %s --graph %s --hosts %s", f->params, f->graph, f->hosts);
    if (experiment_warning(job->experiment))
        fprintf(stderr, "%s\n", experiment_warning(job->experiment));
    return RUN_OK;
}

static void close_job(struct job *job)
{
    mem_free(job->source);
    if (job->experiment)
        experiment_free(job->experiment);
    else
        scenario_free(&job->loaded);
}

static int run_job(const struct run_arguments *a, struct job *job,
                   const struct run_options *options, const char *folder, struct run_result *result)
{
    int status;

    if (job->experiment && !options->programs && !experiment_log_to(job->experiment, folder)) {
        fprintf(stderr, "hearsay run: cannot write the nodes' logs in %s: %s\n", folder,
                strerror(errno));
        return RUN_FAILED;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    status =
        (int)run_scenario(job->scenario, options, a->json ? NULL : print_judgement, stdout, result);
    if (job->experiment && !experiment_finish(job->experiment) && status == RUN_OK) {
        snprintf(result->error, sizeof result->error, "cannot write the nodes' logs: %s",
                 strerror(errno));
        status = RUN_FAILED;
    }
    if (result->warning[0])
        fprintf(stderr, "%s\n", result->warning);
    print_result(a, result, folder);
    if (result->error[0])
        fprintf(stderr, "hearsay run: %s\n", result->error);
    else if (result->expectations_failed)
        fprintf(stderr, "hearsay run: %u of %u expectations failed\n", result->expectations_failed,
                result->expectations);
    if (status != RUN_OK && status != RUN_USAGE)
        fprintf(stderr, "replay: %s\n", options->replay);
    return status;
}

/* The programs of --exec, where it was given. */
static int open_programs(const struct run_arguments *a, const char *folder, struct run_options *options, struct exec **out)
{
    struct exec_config config = {.program = a->exec, .template = a->exec_args, .folder = folder};
    char error[EXEC_ERROR_MAX], params[PATH_MAX];

    *out = NULL;
    if (!a->exec)
        return RUN_OK;
    if (a->suite.params)
        config.params = realpath(a->suite.params, params);
    config.kind = strcmp(a->exec, "node") == 0 ? EXEC_NODE : strcmp(a->exec, "interop") == 0 ? EXEC_INTEROP : EXEC_OTHER;
    if (config.kind != EXEC_OTHER)
        config.program = "/proc/self/exe";
    *out = exec_open(&config, error);
    if (!*out) {
        fprintf(stderr, "hearsay run: --exec %s: %s\n", a->exec, error);
        return RUN_USAGE;
    }
    options->programs = exec_programs(*out);
    options->encryption = SCENARIO_ENCRYPTION_NOISE;
    return RUN_OK;
}

static int run_file(const struct run_arguments *a)
{
    struct job job;
    struct run_result result = {0};
    struct run_options options = {.world = world_find(a->backend), .progress = a->progress, .threads = a->threads};
    struct exec *exec = NULL;
    char *folder, *database, *replay, *captures;
    int status = open_job(a, &job);

    if (status != RUN_OK) {
        close_job(&job);
        return status;
    }
    folder = result_folder(a, job.scenario);
    database = mem_alloc(strlen(folder) + 16);
    sprintf(database, "%s/run.sqlite", folder);
    captures = mem_alloc(strlen(folder) + 8);
    sprintf(captures, "%s/pcap", folder);
    options.captured = a->pcap;
    options.capture_folder = captures;
    replay = replay_command(job.source, a, job.scenario);
    options.database = database;
    options.replay = replay;
    options.behaviour = job.experiment ? experiment_behaviour(job.experiment) : NULL;
    status = open_programs(a, folder, &options, &exec);
    if (status != RUN_OK) {
        /* it was told */
    } else if (!make_folders(a->pcap ? captures : folder)) {
        fprintf(stderr, "hearsay run: cannot make the folder %s: %s\n", a->pcap ? captures : folder, strerror(errno));
        status = RUN_FAILED;
    } else {
        status = run_job(a, &job, &options, folder, &result);
    }
    exec_free(exec);
    if (result.has_summary)
        summary_deinit(&result.summary);
    mem_free(folder);
    mem_free(captures);
    mem_free(database);
    mem_free(replay);
    close_job(&job);
    return status;
}

static bool check_files(const struct run_arguments *a, int *status)
{
    const struct experiment_files *f = &a->suite;
    bool any = f->params || f->graph || f->hosts, all = f->params && f->graph && f->hosts;

    if (any && (!all || a->file_count != 0))
        *status = usage_error(&command_run,
                              "--params, --graph and --hosts go together, and without a scenario");
    else if (any && a->pcap)
        *status = usage_error(&command_run, "--pcap needs a scenario: it cannot watch the nodes of an experiment");
    else if (!any && a->file_count != 1)
        *status = usage_error(&command_run, "give one scenario (%d given)", a->file_count);
    else
        return true;
    return false;
}

static bool check_exec(const struct run_arguments *a, int *status)
{
    if (!a->exec && a->exec_args)
        *status = usage_error(&command_run, "--exec-args belongs to --exec");
    else if (a->exec_args && !strchr(a->exec, '/'))
        *status = usage_error(&command_run, "--exec-args: `hearsay %s` gets its arguments from the scenario", a->exec);
    else if (a->exec && (strcmp(a->exec, "interop") == 0) != (a->suite.params != NULL))
        *status = usage_error(&command_run, "--exec interop and --params go together");
    else if (a->exec && a->pcap)
        *status = usage_error(&command_run, "--pcap: hosts with programs (--exec) cannot be captured");
    else if (a->exec && a->threads > 1)
        *status = usage_error(&command_run, "--threads %u: programs run on one thread (leave it out)", a->threads);
    else if (a->exec && a->warm)
        *status = usage_error(&command_run, "--warm: programs cannot be copied (leave out --exec)");
    else if (a->exec && !world_find(a->backend)->virtual_time)
        *status = usage_error(&command_run, "--exec: the %s backend runs in real time (des, ns3)", a->backend);
    else
        return true;
    return false;
}

static bool check_warm(const struct run_arguments *a, int *status)
{
    const char *stray = a->variant_count ? "--variant" : a->traffic_seeds ? "--seeds-of-traffic" : a->jobs ? "--jobs" : NULL;

    if (!a->warm && stray)
        *status = usage_error(&command_run, "%s belongs to --warm", stray);
    else if (a->warm && a->suite.params)
        *status = usage_error(&command_run, "--warm needs a scenario: an experiment of the suite has no warm-up to share");
    else if (a->warm && a->pcap)
        *status = usage_error(&command_run, "--pcap watches one run, --warm makes several");
    else if (a->warm && !a->variant_count && !a->traffic_seeds)
        *status = usage_error(&command_run, "--warm needs something to go on with (--variant, --seeds-of-traffic)");
    else
        return true;
    return false;
}

static int run(int argc, char **argv)
{
    struct run_arguments a;
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_run,
                       "backend,seed,set,threads,out,json,progress,params,graph,hosts,warm,variant,seeds-of-traffic,jobs,pcap,exec,exec-args",
                       &status) &&
        check_files(&a, &status) && check_exec(&a, &status) && check_warm(&a, &status))
        status = a.warm ? run_variants(&a) : run_file(&a);
    arguments_free(&a);
    return status;
}

const struct command command_run = {"run", "run a scenario and record it", usage, run};
