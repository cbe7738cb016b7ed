/* One warm-up, and a process for each variant that goes on from there. Nothing is recorded before the fork: no thread and no open
 * file has to live through it. A tape keeps what was reported, and each variant's recorder hears it first. */
#include "sim/run/internal.h"

#include "stack/base/check.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 200 /* how long an interrupt may wait */

struct child {
    pid_t pid;   /* 0: not started, or gone */
    int fd;      /* its outcome comes here */
    FILE *text;  /* what it printed; NULL: not started */
    struct run_outcome outcome;
    size_t received;
    bool over;
};

struct nursery {
    struct run_warm *warm;
    struct run *run;
    struct run_course *courses;
    struct child *children;
    const char *topology_warning;
    double warm_ends_s;
    uint32_t next, running, gathered;
    bool stopping;
};

/* ---- a variant's process ---- */

/* Memory that this process alone has; 0 when the kernel does not tell. */
static uint64_t own_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    unsigned long long kb, sum = 0;
    char line[256];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Private_Clean: %llu", &kb) == 1 || sscanf(line, "Private_Dirty: %llu", &kb) == 1)
            sum += kb * 1024;
    if (f)
        fclose(f);
    return sum;
}

static void fill_outcome(struct run_outcome *out, const struct run_result *result, double own_wall_s)
{
    const struct record_summary *s = &result->summary;

    out->has_summary = result->has_summary;
    out->p50_ns = out->p99_ns = UINT64_MAX;
    if (result->has_summary) {
        memcpy(out->digest, s->digest, sizeof out->digest);
        out->messages = s->messages;
        out->expected = s->expected;
        out->deliveries = s->deliveries;
        out->peak_rss_bytes = s->peak_rss_bytes;
        if (s->propagation.count) {
            out->p50_ns = histogram_quantile(&s->propagation, 500000);
            out->p99_ns = histogram_quantile(&s->propagation, 990000);
        }
    }
    out->skipped = result->skipped;
    out->expectations = result->expectations;
    out->expectations_failed = result->expectations_failed;
    out->own_bytes = own_bytes();
    out->own_wall_s = own_wall_s;
    snprintf(out->error, sizeof out->error, "%s", result->error);
    snprintf(out->warning, sizeof out->warning, "%s", result->warning);
}

/* As a run of its own that has come this far. */
static enum run_status go_on(struct nursery *n, uint32_t index, struct run_result *result)
{
    const struct run_warm *w = n->warm;
    const struct run_variant *v = &w->variants[index];
    struct run_options options = *w->options;
    struct run *run = n->run;
    enum run_status status;
    double waited_s = run_clock_s() - n->warm_ends_s;

    options.database = v->database;
    options.replay = v->replay;
    run->options = &options;
    run->scenario = v->reading.scenario;
    run->start_s += waited_s;
    run->running_s += waited_s;
    snprintf(result->warning, sizeof result->warning, "%s", n->topology_warning);
    status = run_open_recorder(run, result);
    if (status != RUN_OK)
        return status;
    tape_play(run->tape, run->recorder);
    run_proceed(run, &n->courses[index]);
    return run_to_end(run, w->judged, w->ctx, result);
}

static void write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t sent = write(fd, at, size);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return; /* nobody listens any more */
        at += sent;
        size -= (size_t)sent;
    }
}

_Noreturn static void live(struct nursery *n, uint32_t index, pid_t parent, int fd)
{
    struct child *c = &n->children[index];
    double start_s = run_clock_s();
    struct run_result result = {0};

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(RUN_FAILED);
    if (dup2(fileno(c->text), STDOUT_FILENO) < 0)
        _exit(RUN_FAILED);
    c->outcome.status = go_on(n, index, &result);
    fill_outcome(&c->outcome, &result, run_clock_s() - start_s);
    n->warm->finished(n->warm->ctx, index, &result);
    if (fflush(stdout) != 0 && !c->outcome.error[0]) {
        snprintf(c->outcome.error, sizeof c->outcome.error, "cannot keep what it prints: %s", strerror(errno));
        c->outcome.status = c->outcome.status ? c->outcome.status : RUN_FAILED;
    }
    write_all(fd, &c->outcome, sizeof c->outcome);
    _exit((int)c->outcome.status);
}

/* ---- the caller's process ---- */

static void give_up(struct child *c, const char *what)
{
    c->outcome = (struct run_outcome){.status = RUN_FAILED};
    snprintf(c->outcome.error, sizeof c->outcome.error, "%s", what);
    c->over = true;
}

static void start(struct nursery *n, uint32_t index)
{
    struct child *c = &n->children[index];
    pid_t parent = getpid();
    char what[128];
    int fds[2];

    if (n->stopping) {
        give_up(c, "interrupted before it began");
        return;
    }
    c->text = tmpfile();
    if (!c->text || pipe2(fds, O_CLOEXEC) != 0) {
        snprintf(what, sizeof what, "cannot start a process: %s", strerror(errno));
        give_up(c, what);
        return;
    }
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        close(fds[0]);
        live(n, index, parent, fds[1]);
    }
    close(fds[1]);
    if (c->pid < 0) {
        snprintf(what, sizeof what, "cannot start a process: %s", strerror(errno));
        close(fds[0]);
        c->pid = 0;
        give_up(c, what);
        return;
    }
    c->fd = fds[0];
    n->running++;
}

/* Its end of the pipe is closed: it is over. */
static void bury(struct nursery *n, struct child *c)
{
    int how;
    char what[128];

    close(c->fd);
    while (waitpid(c->pid, &how, 0) < 0)
        CHECK(errno == EINTR);
    c->pid = 0;
    n->running--;
    c->over = true;
    if (c->received == sizeof c->outcome)
        return;
    if (WIFSIGNALED(how))
        snprintf(what, sizeof what, "ended by signal %d (%s)", WTERMSIG(how), strsignal(WTERMSIG(how)));
    else
        snprintf(what, sizeof what, "ended with status %d", WEXITSTATUS(how));
    give_up(c, what);
    if (WIFEXITED(how) && WEXITSTATUS(how) == RUN_INVARIANT)
        c->outcome.status = RUN_INVARIANT;
}

static void hear(struct nursery *n, struct child *c)
{
    char rest[64], *at = c->received < sizeof c->outcome ? (char *)&c->outcome + c->received : rest;
    size_t room = c->received < sizeof c->outcome ? sizeof c->outcome - c->received : sizeof rest;
    ssize_t got = read(c->fd, at, room);

    if (got > 0)
        c->received += (size_t)got;
    else if (got == 0 || errno != EINTR)
        bury(n, c);
}

/* Waits for words of the running ones. */
static void listen_to_all(struct nursery *n)
{
    struct pollfd *fds = mem_grow(NULL, n->next, sizeof *fds);
    uint32_t *of = mem_grow(NULL, n->next, sizeof *of), count = 0;

    for (uint32_t i = 0; i < n->next; i++)
        if (n->children[i].pid) {
            of[count] = i;
            fds[count++] = (struct pollfd){.fd = n->children[i].fd, .events = POLLIN};
        }
    if (poll(fds, count, LOOK_MS) > 0)
        for (uint32_t i = 0; i < count; i++)
            if (fds[i].revents)
                hear(n, &n->children[of[i]]);
    mem_free(fds);
    mem_free(of);
}

/* They end in order, say so in their files, and report. */
static void stop_all(struct nursery *n)
{
    n->stopping = true;
    for (uint32_t i = 0; i < n->next; i++)
        if (n->children[i].pid)
            kill(n->children[i].pid, SIGTERM);
}

static void print_text(FILE *text)
{
    char bytes[4096];
    size_t got;

    rewind(text);
    while ((got = fread(bytes, 1, sizeof bytes, text)) > 0)
        fwrite(bytes, 1, got, stdout);
}

static void gather(struct nursery *n)
{
    for (; n->gathered < n->next && n->children[n->gathered].over; n->gathered++) {
        struct child *c = &n->children[n->gathered];

        if (c->text && c->received == sizeof c->outcome)
            print_text(c->text);
        if (c->text)
            fclose(c->text);
        n->warm->gathered(n->warm->ctx, n->gathered, &c->outcome);
    }
}

static unsigned gravity(enum run_status status)
{
    static const unsigned ranks[] = {[RUN_OK] = 0, [RUN_FAILED] = 1, [RUN_USAGE] = 2, [RUN_TIME_LIMIT] = 3, [RUN_INVARIANT] = 4};

    return status < sizeof ranks / sizeof *ranks ? ranks[status] : 1;
}

static enum run_status raise_all(struct nursery *n)
{
    enum run_status worst = RUN_OK;

    n->children = mem_zalloc(n->warm->count * sizeof *n->children);
    while (n->gathered < n->warm->count) {
        while (n->next < n->warm->count && n->running < n->warm->jobs)
            start(n, n->next++);
        if (n->running)
            listen_to_all(n);
        if (run_interrupted() && !n->stopping)
            stop_all(n);
        gather(n);
    }
    for (uint32_t i = 0; i < n->warm->count; i++)
        if (gravity(n->children[i].outcome.status) > gravity(worst))
            worst = n->children[i].outcome.status;
    mem_free(n->children);
    return worst;
}

/* ---- before ---- */

static enum run_status refuse(const struct run_warm *w, struct run_result *result)
{
    const struct run_options *o = w->options;
    const struct scenario *s = w->base.scenario;

    if (!o->world->virtual_time)
        snprintf(result->error, sizeof result->error, "--warm: connections of the %s backend cannot be copied (des)",
                 o->world->name);
    else if (o->behaviour)
        snprintf(result->error, sizeof result->error, "--warm: a script says what its nodes do, from the start (a scenario)");
    else if (o->threads > 1)
        snprintf(result->error, sizeof result->error, "--threads: threads do not live on in the variants' processes (1; see --jobs)");
    else if (!s->warmup_ns)
        snprintf(result->error, sizeof result->error, "--warm: the scenario has no warm-up to share (warmup)");
    return result->error[0] ? RUN_USAGE : RUN_OK;
}

static enum run_status prepare(struct nursery *n, struct run_result *result)
{
    const struct run_warm *w = n->warm;

    n->courses = mem_zalloc(w->count * sizeof *n->courses);
    for (uint32_t i = 0; i < w->count; i++) {
        char why[1024];

        if (course_prepare(n->run, &w->base, &w->variants[i].reading, &n->courses[i], why, sizeof why) != RUN_OK) {
            snprintf(result->error, sizeof result->error, "variant %.64s: %.1000s", w->variants[i].name, why);
            return RUN_USAGE;
        }
    }
    return RUN_OK;
}

static enum run_status warm_up(struct nursery *n, struct run_result *result)
{
    struct run *run = n->run;
    enum run_status status;

    run->tape = tape_new();
    status = run_open_world(run, result);
    if (status != RUN_OK)
        return status;
    progress_init(&run->progress, stderr, n->warm->options->progress, run->horizon_ns);
    status = run_advance(run, run->horizon_ns - 1, result);
    progress_finish(&run->progress);
    n->warm_ends_s = run_clock_s();
    n->warm->warm_wall_s = n->warm_ends_s - run->start_s;
    n->warm->reports = tape_reports(run->tape);
    n->warm->reports_size = tape_size(run->tape);
    return status;
}

enum run_status run_warm(struct run_warm *warm, char *error, size_t error_size)
{
    struct run run = {.scenario = warm->base.scenario, .options = warm->options, .ops = warm->options->world, .start_s = run_clock_s()};
    struct nursery n = {.warm = warm, .run = &run};
    struct run_result result = {0};
    enum run_status status;

    CHECK(warm->count > 0 && warm->jobs > 0);
    run_listen();
    status = refuse(warm, &result);
    if (status == RUN_OK)
        status = run_plan(&run, &result);
    if (status == RUN_OK)
        status = prepare(&n, &result);
    n.topology_warning = result.warning;
    if (status == RUN_OK)
        status = warm_up(&n, &result);
    if (status == RUN_OK)
        status = raise_all(&n);
    for (uint32_t i = 0; n.courses && i < warm->count; i++)
        course_free(&n.courses[i]);
    mem_free(n.courses);
    run_dismantle(&run);
    snprintf(error, error_size, "%s", result.error);
    return status;
}
