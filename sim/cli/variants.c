/* hearsay run --warm: one warm-up, several ways to go on. */
#include "sim/cli/cli.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/int128.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIANTS_MAX 1000u
#define NAME_MAX_SIZE 64

/* One variant, from the command line to its run. */
struct variant {
    char name[NAME_MAX_SIZE + 32];
    const char **sets; /* of all, then its own */
    size_t set_count;
    char seed_set[40]; /* "traffic_seed=N"; "": the scenario's */
    struct scenario scenario;
    bool loaded;
    char *database, *replay;
};

struct batch {
    const struct run_arguments *arguments;
    struct scenario base;
    struct variant *variants;
    struct run_variant *runs;
    struct run_outcome *outcomes;
    uint32_t count;
    char *folder;
};

/* ---- the command line ---- */

static bool is_name(const char *text, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

    return size > 0 && size <= NAME_MAX_SIZE && text[0] != '.' && strspn(text, letters) >= size;
}

static struct variant *find(struct batch *b, const char *name)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->variants[i].name, name) == 0)
            return &b->variants[i];
    return NULL;
}

static struct variant *add(struct batch *b, const char *name, const struct variant *like)
{
    size_t room = b->arguments->set_count + b->arguments->variant_count + 1;
    struct variant *v;

    b->variants = mem_grow(b->variants, b->count + 1, sizeof *b->variants);
    v = &b->variants[b->count++];
    *v = (struct variant){.set_count = like ? like->set_count : b->arguments->set_count};
    snprintf(v->name, sizeof v->name, "%s", name);
    v->sets = mem_grow(NULL, room, sizeof *v->sets);
    if (v->set_count)
        memcpy(v->sets, like ? like->sets : b->arguments->sets, v->set_count * sizeof *v->sets);
    return v;
}

static int read_variants(struct batch *b)
{
    const struct run_arguments *a = b->arguments;

    for (size_t i = 0; i < a->variant_count; i++) {
        const char *text = a->variants[i], *colon = strchr(text, ':');
        size_t size = colon ? (size_t)(colon - text) : strlen(text);
        char name[NAME_MAX_SIZE + 1];
        struct variant *v;

        if (!is_name(text, size))
            return usage_error(&command_run, "--variant %s: a name has 1 to 64 letters, digits, _, -, . (NAME:PATH=VALUE)", text);
        snprintf(name, sizeof name, "%.*s", (int)size, text);
        v = find(b, name);
        if (!v && b->count == VARIANTS_MAX)
            return usage_error(&command_run, "--variant: more than %u of them", VARIANTS_MAX);
        v = v ? v : add(b, name, NULL);
        if (colon)
            v->sets[v->set_count++] = colon + 1;
    }
    return RUN_OK;
}

/* Each of what there is with this seed, at the end of the list. */
static int add_seed(struct batch *b, const struct variant *plain, uint32_t plain_count, const char *seed)
{
    for (uint32_t i = 0; i < (plain_count ? plain_count : 1); i++) {
        char name[NAME_MAX_SIZE + 32];
        struct variant *v;

        if (snprintf(name, sizeof name, "%s%st%s", plain_count ? plain[i].name : "", plain_count ? "-" : "", seed) >=
            (int)sizeof name)
            return usage_error(&command_run, "--seeds-of-traffic: %s is too long", seed);
        if (find(b, name))
            return usage_error(&command_run, "--seeds-of-traffic: variant %s comes twice", name);
        if (b->count == VARIANTS_MAX)
            return usage_error(&command_run, "--seeds-of-traffic: more than %u variants", VARIANTS_MAX);
        v = add(b, name, plain_count ? &plain[i] : NULL);
        snprintf(v->seed_set, sizeof v->seed_set, "traffic_seed=%s", seed);
    }
    return RUN_OK;
}

static int multiply(struct batch *b)
{
    struct variant *plain = b->variants;
    uint32_t plain_count = b->count;
    const char *at = b->arguments->traffic_seeds;
    int status = RUN_OK;

    if (!at)
        return RUN_OK;
    b->variants = NULL;
    b->count = 0;
    while (status == RUN_OK && at) {
        const char *comma = strchr(at, ',');
        size_t size = comma ? (size_t)(comma - at) : strlen(at);
        char seed[20];

        if (size == 0 || size >= sizeof seed || strspn(at, "0123456789") < size) {
            status = usage_error(&command_run, "--seeds-of-traffic %s is not a list of seeds (1,2,3)", b->arguments->traffic_seeds);
            break;
        }
        snprintf(seed, sizeof seed, "%.*s", (int)size, at);
        status = add_seed(b, plain, plain_count, seed);
        at = comma ? comma + 1 : NULL;
    }
    for (uint32_t i = 0; i < plain_count; i++)
        mem_free(plain[i].sets);
    mem_free(plain);
    for (uint32_t i = 0; i < b->count; i++) /* now that they stay where they are */
        b->variants[i].sets[b->variants[i].set_count++] = b->variants[i].seed_set;
    return status;
}

/* ---- before the run ---- */

static int load(struct batch *b, struct variant *v)
{
    struct run_arguments own = *b->arguments;
    struct scenario_error err;
    char *folder;

    if (scenario_load(own.files[0], v->sets, v->set_count, &v->scenario, &err) != ERR_OK) {
        fprintf(stderr, "hearsay run: variant %s: %s\n", v->name, err.text);
        return RUN_USAGE;
    }
    v->loaded = true;
    own.sets = v->sets;
    own.set_count = v->set_count;
    v->replay = replay_command(own.files[0], &own, &v->scenario);
    folder = mem_alloc(strlen(b->folder) + strlen(v->name) + 2);
    sprintf(folder, "%s/%s", b->folder, v->name);
    v->database = mem_alloc(strlen(folder) + 16);
    sprintf(v->database, "%s/run.sqlite", folder);
    mem_free(folder);
    return RUN_OK;
}

static bool make_variant_folders(struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        char *folder = mem_strdup(b->variants[i].database);
        bool made;

        *strrchr(folder, '/') = '\0';
        made = make_folders(folder);
        if (!made)
            fprintf(stderr, "hearsay run: cannot make the folder %s: %s\n", folder, strerror(errno));
        mem_free(folder);
        if (!made)
            return false;
    }
    return true;
}

static int load_all(struct batch *b)
{
    const struct run_arguments *a = b->arguments;
    int status = load_scenario(a->files[0], a, &b->base);

    if (status != RUN_OK)
        return status;
    b->folder = mem_alloc(strlen(a->out ? a->out : b->base.name) + 64);
    if (a->out)
        strcpy(b->folder, a->out);
    else
        sprintf(b->folder, "results/%s/warm-%llu", b->base.name, (unsigned long long)b->base.seed);
    for (uint32_t i = 0; status == RUN_OK && i < b->count; i++)
        status = load(b, &b->variants[i]);
    return status;
}

/* ---- what is printed ---- */

static void print_judged(void *ctx, const struct run_judgement *j)
{
    const struct batch *b = ctx;

    if (!b->arguments->json)
        printf("  %s  %s  (%s)\n", j->passed ? "ok    " : "FAILED", j->expectation->text, j->value);
}

/* In the variant's process. */
static void print_finished(void *ctx, uint32_t variant, struct run_result *result)
{
    const struct batch *b = ctx;

    if (!result->has_summary)
        return;
    if (b->arguments->json) {
        result->summary.variant = b->variants[variant].name;
        fputs(variant ? "," : "[", stdout);
        summary_print_json(&result->summary, stdout);
        return;
    }
    printf("variant %s\n", b->variants[variant].name);
    summary_print_text(&result->summary, stdout);
    if (result->skipped)
        printf("  %u publications fell to nodes that were down and were left out\n", result->skipped);
    printf("\n");
}

static void print_gathered(void *ctx, uint32_t variant, const struct run_outcome *o)
{
    struct batch *b = ctx;
    const struct variant *v = &b->variants[variant];

    b->outcomes[variant] = *o;
    if (b->arguments->json && !o->has_summary) {
        fputs(variant ? ",{\"variant\":" : "[{\"variant\":", stdout);
        summary_json_text(stdout, v->name);
        fputs(",\"error\":", stdout);
        summary_json_text(stdout, o->error);
        fputs("}\n", stdout);
    }
    fflush(stdout);
    if (o->warning[0] && variant == 0)
        fprintf(stderr, "%s\n", o->warning);
    if (o->error[0])
        fprintf(stderr, "hearsay run: variant %s: %s\n", v->name, o->error);
    else if (o->expectations_failed)
        fprintf(stderr, "hearsay run: variant %s: %u of %u expectations failed\n", v->name, o->expectations_failed, o->expectations);
    if (o->status != RUN_OK)
        fprintf(stderr, "replay: %s\n", v->replay);
    else if (b->arguments->progress != PROGRESS_OFF)
        fprintf(stderr, "variant %s (%u of %u) took %.1f s\n", v->name, variant + 1, b->count, o->own_wall_s);
}

static const char *milliseconds(uint64_t ns, char out[static SUMMARY_NUMBER_MAX])
{
    return ns == UINT64_MAX ? "-" : summary_decimal(ns, 1, out);
}

static void print_row(const struct variant *v, const struct run_outcome *o)
{
    char ratio[SUMMARY_NUMBER_MAX], p50[SUMMARY_NUMBER_MAX], p99[SUMMARY_NUMBER_MAX], peak[SUMMARY_NUMBER_MAX], own[SUMMARY_NUMBER_MAX];

    if (!o->has_summary) {
        printf("  %-24s %s\n", v->name, o->error);
        return;
    }
    printf("  %-24s %02x%02x%02x%02x %9llu %9s %9s %9s %8.1f %11s %11s\n", v->name, o->digest[0], o->digest[1], o->digest[2],
           o->digest[3], (unsigned long long)o->messages,
           o->expected ? summary_decimal(mul_div(o->deliveries, 1000000, o->expected), 4, ratio) : "-",
           milliseconds(o->p50_ns, p50), milliseconds(o->p99_ns, p99), o->own_wall_s, summary_bytes(o->peak_rss_bytes, peak),
           o->own_bytes ? summary_bytes(o->own_bytes, own) : "-");
}

static void print_table(const struct batch *b, const struct run_warm *w)
{
    char size[SUMMARY_NUMBER_MAX], count[SUMMARY_NUMBER_MAX];

    printf("  %-24s %-8s %9s %9s %9s %9s %8s %11s %11s\n", "variant", "digest", "messages", "ratio", "p50 ms", "p99 ms", "wall s",
           "peak", "of its own");
    for (uint32_t i = 0; i < b->count; i++)
        print_row(&b->variants[i], &b->outcomes[i]);
    printf("\nthe warm-up took %.1f s, once; %s reports of it (%s) begin every recording\n", w->warm_wall_s,
           summary_grouped(w->reports, count), summary_bytes(w->reports_size, size));
    printf("recorded in %s/VARIANT/run.sqlite; `hearsay report %s/%s` draws one\n", b->folder, b->folder, b->variants[0].name);
}

/* ---- the run ---- */

static void on_signal(int number)
{
    (void)number;
    run_interrupt();
}

static int run_batch(struct batch *b)
{
    const struct run_arguments *a = b->arguments;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct run_options options = {.world = world_find(a->backend), .progress = a->progress, .threads = a->threads};
    struct run_warm w = {.base = {a->files[0], &b->base, a->sets, a->set_count},
                         .options = &options,
                         .count = b->count,
                         .jobs = a->jobs ? a->jobs : processors > 1 ? (uint32_t)processors : 1,
                         .ctx = b,
                         .judged = print_judged,
                         .finished = print_finished,
                         .gathered = print_gathered};
    char error[1200];
    int status;

    b->runs = mem_zalloc(b->count * sizeof *b->runs);
    b->outcomes = mem_zalloc(b->count * sizeof *b->outcomes);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct variant *v = &b->variants[i];

        b->runs[i] = (struct run_variant){
            v->name, {a->files[0], &v->scenario, v->sets, v->set_count}, v->database, v->replay};
    }
    w.variants = b->runs;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    status = (int)run_warm(&w, error, sizeof error);
    if (error[0]) {
        fprintf(stderr, "hearsay run: %s\n", error);
        return status;
    }
    if (a->json)
        printf("]\n");
    else
        print_table(b, &w);
    return status;
}

static void free_batch(struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct variant *v = &b->variants[i];

        mem_free(v->sets);
        mem_free(v->database);
        mem_free(v->replay);
        if (v->loaded)
            scenario_free(&v->scenario);
    }
    mem_free(b->variants);
    mem_free(b->runs);
    mem_free(b->outcomes);
    mem_free(b->folder);
    scenario_free(&b->base);
}

int run_variants(const struct run_arguments *a)
{
    struct batch b = {.arguments = a};
    int status = read_variants(&b);

    if (status == RUN_OK)
        status = multiply(&b);
    if (status == RUN_OK)
        status = load_all(&b);
    if (status == RUN_OK && !make_variant_folders(&b))
        status = RUN_FAILED;
    if (status == RUN_OK)
        status = run_batch(&b);
    free_batch(&b);
    return status;
}
