/* The swarm test: scenarios drawn from seeds, run under checks, two at a time. See README.md. */
#include "tests/swarm/shrink.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIALS_AT_ONCE 2
#define SHRINK_S 20
#define PLANT_SEEDS 60 /* one of so many must show a planted fault */

static const char usage[] = "usage: swarm [--seeds N] [--from SEED] | --seed N | --scenario FILE | --print SEED | --self-test\n"
                            "\n"
                            "  --seeds N        so many seeds (40), from --from on (1), two at a time\n"
                            "  --seed N         one seed; says what was checked\n"
                            "  --scenario FILE  a scenario that was drawn once, or any other\n"
                            "  --threads N      with --scenario: in so many threads; and then in one\n"
                            "  --print SEED     what the seed draws\n"
                            "  --self-test      each planted fault is caught by the rule that is to catch it\n"
                            "  --out DIR        where failing scenarios go (build/swarm-failed)\n"
                            "  --no-shrink      as they were drawn\n";

struct options {
    uint64_t seeds, from;
    const char *scenario, *out;
    uint32_t threads;
    bool print, self_test, whole;
};

struct totals {
    uint64_t passed, failed;
    struct guard_counts counts;
};

static void add(struct totals *t, const struct outcome *o)
{
    t->passed += o->passed;
    t->failed += !o->passed;
    t->counts.upcalls += o->counts.upcalls;
    t->counts.bytes += o->counts.bytes;
    t->counts.deliveries += o->counts.deliveries;
    t->counts.finals += o->counts.finals;
    t->counts.expected += o->counts.expected;
    t->counts.links += o->counts.links;
    t->counts.meshes += o->counts.meshes;
}

static void write_failed(const struct options *o, uint64_t seed, const struct draw *d, const struct outcome *out)
{
    char path[512];
    char *text = o->whole || out->unreadable ? strdup(d->text) : shrink(d->text, d, PLANT_NONE, out->rule, SHRINK_S);
    FILE *f;

    mkdir(o->out, 0777);
    snprintf(path, sizeof path, "%s/%" PRIu64 ".yaml", o->out, seed);
    f = fopen(path, "w");
    if (f) {
        fprintf(f, "# %s: %s\n# build/swarm --scenario %s --threads %u\n%s", out->rule, out->text, path, d->threads, text);
        fclose(f);
    }
    printf("  %s, for build/swarm --scenario %s --threads %u\n", f ? "written" : "cannot be written", path, d->threads);
    free(text);
}

static void conclude(const struct options *o, uint64_t seed, struct draw *d, const struct outcome *out, struct totals *totals)
{
    add(totals, out);
    if (!out->passed) {
        printf("seed %" PRIu64 " FAILED: %s: %s\n  again: make swarm SEED=%" PRIu64 "\n", seed, out->rule, out->text, seed);
        write_failed(o, seed, d, out);
        fflush(stdout);
    }
    free(d->text);
}

static void print_counts(const struct guard_counts *c)
{
    printf("checked: %" PRIu64 " upcalls, %" PRIu64 " bytes of streams, %" PRIu64 " deliveries, %" PRIu64 " links, %" PRIu64
           " meshes, %" PRIu64 " messages of the last round with %" PRIu64 " deliveries that had to be\n",
           c->upcalls, c->bytes, c->deliveries, c->links, c->meshes, c->finals, c->expected);
}

/* Seeds in order, a few under way; each is waited for in its turn. */
static void run_seeds(const struct options *o, struct totals *totals)
{
    struct draw draws[TRIALS_AT_ONCE];
    struct trial trials[TRIALS_AT_ONCE];
    uint64_t started = 0;

    for (uint64_t done = 0; done < o->seeds; done++) {
        struct outcome out;

        for (; started < o->seeds && started < done + TRIALS_AT_ONCE; started++) {
            draw_scenario(o->from + started, &draws[started % TRIALS_AT_ONCE]);
            trial_start(&trials[started % TRIALS_AT_ONCE], "swarm", draws[started % TRIALS_AT_ONCE].text,
                        &draws[started % TRIALS_AT_ONCE], PLANT_NONE);
        }
        trial_wait(&trials[done % TRIALS_AT_ONCE], &out);
        conclude(o, o->from + done, &draws[done % TRIALS_AT_ONCE], &out, totals);
    }
    print_counts(&totals->counts);
}

static void run_file(const struct options *o, struct totals *totals)
{
    struct draw d = {.threads = o->threads, .again = true};
    static char text[1 << 20];
    struct outcome out;
    FILE *f = fopen(o->scenario, "r");
    size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (!f) {
        fprintf(stderr, "swarm: cannot read %s\n", o->scenario);
        exit(2);
    }
    fclose(f);
    text[size] = '\0';
    trial_run(o->scenario, text, &d, PLANT_NONE, &out);
    add(totals, &out);
    if (!out.passed)
        printf("%s FAILED: %s: %s\n", o->scenario, out.rule, out.text);
    print_counts(&out.counts);
}

/* A seed shows the fault, by its rule. In others something else that follows from it may come first. */
static bool caught(enum plant plant)
{
    for (uint64_t seed = 1; seed <= PLANT_SEEDS; seed++) {
        struct outcome out;
        struct draw d;

        draw_scenario(seed, &d);
        trial_run("planted", d.text, &d, plant, &out);
        free(d.text);
        if (out.passed || strcmp(out.rule, plants[plant].rule) != 0)
            continue;
        printf("%-45s caught by seed %" PRIu64 ": %s: %.*s\n", plants[plant].text, seed, out.rule, (int)strcspn(out.text, "\n"), out.text);
        return true;
    }
    printf("%-45s NOT caught\n", plants[plant].text);
    return false;
}

static void self_test(struct totals *totals)
{
    for (enum plant p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
        bool right = caught(p);

        if (!right)
            printf("FAILED: %s is for rule \"%s\"\n", plants[p].text, plants[p].rule);
        totals->passed += right;
        totals->failed += !right;
        fflush(stdout);
    }
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end) {
        fprintf(stderr, "swarm: \"%s\" is not a whole number\n", text);
        exit(2);
    }
    return n;
}

static struct options read_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"seeds", required_argument, NULL, 'n'},   {"from", required_argument, NULL, 'f'},    {"seed", required_argument, NULL, 's'},
        {"scenario", required_argument, NULL, 'y'}, {"threads", required_argument, NULL, 't'}, {"print", required_argument, NULL, 'p'},
        {"self-test", no_argument, NULL, 'x'},     {"out", required_argument, NULL, 'o'},     {"no-shrink", no_argument, NULL, 'w'},
        {NULL, 0, NULL, 0}};
    struct options o = {.seeds = 40, .from = 1, .out = "build/swarm-failed", .threads = 2};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == '?') {
            fputs(usage, stderr);
            exit(2);
        }
        o.seeds = c == 'n' ? number(optarg) : c == 's' || c == 'p' ? 1 : o.seeds;
        o.from = c == 'f' || c == 's' || c == 'p' ? number(optarg) : o.from;
        o.threads = c == 't' ? (uint32_t)number(optarg) : o.threads;
        o.scenario = c == 'y' ? optarg : o.scenario;
        o.out = c == 'o' ? optarg : o.out;
        o.print |= c == 'p';
        o.self_test |= c == 'x';
        o.whole |= c == 'w';
    }
    if (optind < argc || o.threads < 1 || o.threads > 256) {
        fputs(usage, stderr);
        exit(2);
    }
    return o;
}

int main(int argc, char **argv)
{
    struct options o = read_options(argc, argv);
    struct totals totals = {0};

    if (o.print) {
        struct draw d;

        draw_scenario(o.from, &d);
        printf("# %u threads%s\n%s", d.threads, d.again ? d.real ? ", then again, with real Noise" : ", then again" : "", d.text);
        free(d.text);
        return 0;
    }
    if (o.self_test)
        self_test(&totals);
    else if (o.scenario)
        run_file(&o, &totals);
    else
        run_seeds(&o, &totals);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", totals.passed, totals.failed);
    return totals.failed > 0;
}
