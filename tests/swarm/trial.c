/* The child runs the scenario, and again where it shall; the parent makes an outcome of however it ends. */
#include "tests/swarm/trial.h"

#include "sim/run/run.h"
#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"
#include "tests/lib/meter.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_MAX_S 120u /* a trial that takes longer hangs */

static void set_outcome(struct outcome *o, const char *rule, const char *text)
{
    o->passed = false;
    snprintf(o->rule, sizeof o->rule, "%s", rule);
    snprintf(o->text, sizeof o->text, "%.*s", (int)sizeof o->text - 1, text);
}

/* ---- in the child ---- */

/* One run; false: *out says why not. */
static bool run_once(const char *name, const char *text, uint32_t threads, enum scenario_encryption encryption, enum plant plant,
                     struct outcome *out, uint8_t digest[static DIGEST_SIZE])
{
    struct run_options options = {.world = &guard_world, .threads = threads, .progress = PROGRESS_OFF, .encryption = encryption};
    struct run_result result;
    struct scenario_error err;
    struct scenario s;
    struct verdict v;
    enum run_status status;

    if (scenario_load_text(name, slice_text(text), NULL, 0, &s, &err) != ERR_OK) {
        set_outcome(out, "scenario", err.text);
        out->unreadable = true;
        return false;
    }
    verdict_init(&v);
    guard_begin(&v, plant);
    status = run_scenario(&s, &options, NULL, NULL, &result);
    out->counts = guard_counts();
    guard_end();
    if (result.has_summary) {
        memcpy(digest, result.summary.digest, DIGEST_SIZE);
        summary_deinit(&result.summary);
    }
    if (!verdict_holds(&v))
        set_outcome(out, v.rule, v.text);
    else if (status != RUN_OK)
        set_outcome(out, "run", result.error);
    out->unreadable = status == RUN_USAGE;
    verdict_deinit(&v);
    scenario_free(&s);
    return out->passed;
}

/* In another number of threads, and perhaps with real encryption: the digest does not depend on them. */
static bool run_again(const char *name, const char *text, const struct draw *d, enum plant plant, struct outcome *out,
                      const uint8_t digest[static DIGEST_SIZE])
{
    uint8_t other[DIGEST_SIZE] = {0};
    struct outcome again = {.passed = true};

    if (!run_once(name, text, d->threads == 1 ? 2 : 1, d->real ? SCENARIO_ENCRYPTION_NOISE : SCENARIO_ENCRYPTION_DEFAULT, plant, &again,
                  other)) {
        *out = again;
        return false;
    }
    other[0] ^= plant == PLANT_OTHER;
    if (memcmp(digest, other, DIGEST_SIZE) != 0) {
        char what[96];

        snprintf(what, sizeof what, "%u threads and %u with %s encryption give different digests", d->threads,
                 d->threads == 1 ? 2u : 1u, d->real ? "real" : "the same");
        set_outcome(out, "digest", what);
    }
    return out->passed;
}

static void plant_end(enum plant plant)
{
    static void *volatile lost;

    if (plant == PLANT_LEAK)
        lost = mem_alloc(40);
    lost = lost ? NULL : lost;
    CHECK(plant != PLANT_CHECK);
    while (plant == PLANT_HANG)
        pause();
}

static void try(const char *name, const char *text, const struct draw *d, enum plant plant, struct outcome *out)
{
    uint8_t digest[DIGEST_SIZE] = {0};
    size_t before = meter_live(), after;

    *out = (struct outcome){.passed = true};
    if (!run_once(name, text, d->threads, SCENARIO_ENCRYPTION_DEFAULT, plant, out, digest))
        return;
    if ((d->again || plant == PLANT_OTHER) && !run_again(name, text, d, plant, out, digest))
        return;
    plant_end(plant);
    after = meter_live();
    if (after != before) {
        char what[64];

        snprintf(what, sizeof what, "%zd bytes are live after the end", (ssize_t)(after - before));
        set_outcome(out, "memory", what);
    }
}

/* ---- in the parent ---- */

void trial_start(struct trial *t, const char *name, const char *text, const struct draw *d, enum plant plant)
{
    int output[2], errors[2];

    fflush(NULL);
    CHECK(pipe(output) == 0 && pipe(errors) == 0);
    t->process = fork();
    CHECK(t->process >= 0);
    if (t->process == 0) {
        struct outcome out;

        close(output[0]);
        close(errors[0]);
        dup2(errors[1], STDERR_FILENO);
        close(errors[1]);
        alarm(plant == PLANT_HANG ? 3 : TRIAL_MAX_S);
        try(name, text, d, plant, &out);
        if (write(output[1], &out, sizeof out) != (ssize_t)sizeof out)
            _exit(1);
        exit(0); /* a sanitizer may have more to say */
    }
    close(output[1]);
    close(errors[1]);
    *t = (struct trial){t->process, output[0], errors[0]};
}

/* All that comes, as text; what is more than fits is read and forgotten. */
static void drain(int fd, char *text, size_t size)
{
    size_t used = 0;
    char more[512];

    for (;;) {
        ssize_t n = used + 1 < size ? read(fd, text + used, size - 1 - used) : read(fd, more, sizeof more);

        if (n <= 0)
            break;
        if (used + 1 < size)
            used += (size_t)n;
    }
    text[used] = '\0';
    close(fd);
}

void trial_wait(struct trial *t, struct outcome *out)
{
    char errors[TRIAL_TEXT_MAX];
    int status;
    ssize_t got;

    drain(t->errors, errors, sizeof errors);
    got = read(t->output, out, sizeof *out);
    close(t->output);
    CHECK(waitpid(t->process, &status, 0) == t->process);
    if (got == (ssize_t)sizeof *out && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (got != (ssize_t)sizeof *out)
        *out = (struct outcome){0};
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        set_outcome(out, "hang", "it does not end");
    else if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_EXIT_STATUS)
        set_outcome(out, "check", errors);
    else
        set_outcome(out, "crash", errors);
}

void trial_run(const char *name, const char *text, const struct draw *d, enum plant plant, struct outcome *out)
{
    struct trial t;

    trial_start(&t, name, text, d, plant);
    trial_wait(&t, out);
}
