/* hearsay verify: the same scenario and seed must give the same digest, however it is run. */
#include "sim/cli/cli.h"

#include "stack/base/mem.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: hearsay verify SCENARIO.yaml [OPTION]...\n"
    "\n"
    "Runs the scenario twice with modelled encryption, once in several threads and once with real Noise, and compares\n"
    "the digests, which must be equal; then once with another seed, whose digest must differ. Records nothing.\n"
    "\n"
    "  --backend NAME    des (the default) or ns3, which has one thread\n"
    "  --seed N          instead of the scenario's\n"
    "  --set PATH=VALUE  change a setting\n"
    "  --threads N       of the run in several threads (2 to 256, or auto: one a processor); default 2\n"
    "  --progress MODE   auto or off\n"
    "\n"
    "Exit status: 0 deterministic; 5 not; otherwise that of the run that failed.\n";

struct verification {
    const char *what;
    enum scenario_encryption encryption;
    uint64_t seed_offset;
    bool threaded;
};

static const struct verification verifications[] = {
    {"modelled encryption", SCENARIO_ENCRYPTION_MODELLED, 0, false},
    {"the same again", SCENARIO_ENCRYPTION_MODELLED, 0, false},
    {"in several threads", SCENARIO_ENCRYPTION_MODELLED, 0, true},
    {"real Noise", SCENARIO_ENCRYPTION_NOISE, 0, false},
    {"the next seed", SCENARIO_ENCRYPTION_MODELLED, 1, false},
};
#define VERIFICATION_COUNT (sizeof verifications / sizeof verifications[0])

static int digest_of(const char *file, const struct run_arguments *a, const struct verification *v,
                     uint8_t digest[static DIGEST_SIZE])
{
    struct run_options options = {.world = world_find(a->backend),
                                  .progress = a->progress,
                                  .encryption = v->encryption,
                                  .threads = !v->threaded ? 1 : a->threads ? a->threads : 2};
    struct run_result result;
    struct scenario s;
    int status = load_scenario(file, a, &s);

    if (status != RUN_OK)
        return status;
    s.seed = (s.seed + v->seed_offset) & INT64_MAX;
    status = (int)run_scenario(&s, &options, NULL, NULL, &result);
    if (result.has_summary) {
        memcpy(digest, result.summary.digest, DIGEST_SIZE);
        summary_deinit(&result.summary);
        if (status == RUN_FAILED && !result.error[0])
            status = RUN_OK; /* expectations are not the question here */
    }
    if (result.error[0])
        fprintf(stderr, "hearsay verify: %s\n", result.error);
    scenario_free(&s);
    return status;
}

static int verify_file(const char *file, const struct run_arguments *a)
{
    uint8_t digests[VERIFICATION_COUNT][DIGEST_SIZE];
    int status = RUN_OK;

    for (size_t i = 0; i < VERIFICATION_COUNT; i++) {
        const struct verification *v = &verifications[i];
        bool wanted = v->seed_offset == 0, equal;
        int failed;

        if (v->threaded && !world_find(a->backend)->lanes) {
            printf("%-20s not run: the %s backend runs on one thread\n", v->what, a->backend);
            continue;
        }
        failed = digest_of(file, a, v, digests[i]);
        if (failed != RUN_OK)
            return failed;
        equal = memcmp(digests[0], digests[i], DIGEST_SIZE) == 0;
        printf("%-20s ", v->what);
        for (size_t j = 0; j < DIGEST_SIZE; j++)
            printf("%02x", digests[i][j]);
        printf("  %s\n", i == 0 ? "" : equal == wanted ? "ok" : "WRONG");
        if (i > 0 && equal != wanted)
            status = RUN_NOT_DETERMINISTIC;
    }
    printf("%s\n", status == RUN_OK ? "deterministic" : "NOT deterministic");
    return status;
}

static int run(int argc, char **argv)
{
    struct run_arguments a;
    int status = RUN_OK;

    if (arguments_read(&a, argc, argv, &command_verify, "backend,seed,set,threads,progress", &status)) {
        const struct world_ops *world = world_find(a.backend);

        if (a.file_count != 1)
            status = usage_error(&command_verify, "give one scenario (%d given)", a.file_count);
        else if (!world->virtual_time)
            status = usage_error(&command_verify, "--backend %s runs in real time, which never repeats (des, ns3)", a.backend);
        else if (a.threads && !world->lanes)
            status = usage_error(&command_verify, "--threads: the %s backend runs on one thread", a.backend);
        else if (a.threads == 1)
            status = usage_error(&command_verify, "--threads 1 would compare one thread with one (2 to 256)");
        else
            status = verify_file(a.files[0], &a);
    }
    arguments_free(&a);
    return status;
}

const struct command command_verify = {"verify", "run a scenario several ways and compare digests", usage, run};
