/* hearsay check: runs scenarios and judges their `expect:` clauses; for CI. */
#include "sim/cli/cli.h"

#include "sim/run/junit.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: hearsay check SCENARIO.yaml... [OPTION]...\n"
    "\n"
    "Runs each scenario and judges its `expect:` clauses; records nothing.\n"
    "\n"
    "  --backend NAME    des (the default), ns3, sockets or netns\n"
    "  --seed N          instead of the scenarios'\n"
    "  --set PATH=VALUE  change a setting of each\n"
    "  --threads N       threads that run the nodes (1; auto: one a processor); des only\n"
    "  --junit FILE      also write the verdicts as JUnit XML\n"
    "  --progress MODE   auto or off\n"
    "\n"
    "Exit status: 0 all hold; 1 one does not; the worst status of all runs otherwise.\n";

struct checking {
    struct junit *junit;
    uint32_t passed, failed;
};

static void hear(void *ctx, const struct run_judgement *j)
{
    struct checking *c = ctx;

    printf("  %s  %s  (%s)\n", j->passed ? "ok    " : "FAILED", j->expectation->text, j->value);
    c->passed += j->passed;
    c->failed += !j->passed;
    junit_case(c->junit, j->expectation->name, j->passed, j->value);
}

static int check_file(const char *file, const struct run_arguments *a, struct checking *c)
{
    struct scenario s;
    struct run_result result;
    struct run_options options = {.world = world_find(a->backend), .progress = a->progress, .threads = a->threads};
    uint32_t failed_before = c->failed;
    char *replay;
    int status = load_scenario(file, a, &s);

    if (status != RUN_OK) {
        c->failed++;
        return status;
    }
    replay = replay_command(file, a, &s);
    printf("%s (seed %llu, %s)\n", file, (unsigned long long)s.seed, a->backend);
    junit_suite(c->junit, s.name);
    if (s.expectation_count == 0)
        printf("  expects nothing\n");
    status = (int)run_scenario(&s, &options, hear, c, &result);
    if (result.error[0]) {
        printf("  FAILED  %s\n", result.error);
        junit_case(c->junit, "run", false, result.error);
        c->failed++;
    }
    if (c->failed != failed_before)
        printf("  replay: %s\n", replay);
    if (result.has_summary)
        summary_deinit(&result.summary);
    mem_free(replay);
    scenario_free(&s);
    return status;
}

static int check_all(const struct run_arguments *a)
{
    struct checking c = {.junit = junit_open(a->junit)};
    int worst = RUN_OK;

    for (int i = 0; i < a->file_count; i++) {
        int status = check_file(a->files[i], a, &c);

        if (status > worst)
            worst = status;
    }
    printf("%u passed, %u failed\n", c.passed, c.failed);
    if (!junit_close(c.junit)) {
        fprintf(stderr, "hearsay check: cannot write %s\n", a->junit);
        return worst > RUN_FAILED ? worst : RUN_FAILED;
    }
    return worst;
}

static int run(int argc, char **argv)
{
    struct run_arguments a;
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_check, "backend,seed,set,threads,junit,progress", &status))
        status = a.file_count ? check_all(&a) : usage_error(&command_check, "give at least one scenario");
    arguments_free(&a);
    return status;
}

const struct command command_check = {"check", "run scenarios and judge what they expect", usage, run};
