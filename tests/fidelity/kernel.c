#include "tests/fidelity/kernel.h"

#include "stack/backend/epoll.h"
#include "stack/base/check.h"
#include "stack/base/mem.h"
#include "tests/fidelity/exchange.h"

#include <stdio.h>

/* What the carrier may have to carry at a time: it takes some 10 microseconds a packet. */
#define LOAD_MAX_BPS (600ull * 1000 * 1000)

struct job {
    struct lab *lab;
    const struct cell *cell;
    struct cell_result *result;
    uint32_t host_first;
    uint64_t load_bps;
    struct exchange *exchange; /* NULL: not begun, or over */
    uint64_t late_ns[PHASE_COUNT];
    uint32_t done; /* phases */
};

struct lab {
    struct netns *netns;
    struct sockets *sockets;
    struct job *jobs;
    uint32_t job_count;
    uint32_t *job_of; /* by host */
    struct sockets_host *hosts[KERNEL_HOSTS_MAX];
    uint32_t host_count;
};

/* ---- links ---- */

static void path_of(void *ctx, uint32_t from, uint32_t to, struct carrier_path *out)
{
    const struct lab *lab = ctx;
    const struct job *job = &lab->jobs[lab->job_of[from]];

    (void)to;
    out->delay_ns = job->cell->rtt_ns / 2;
    out->lossy = job->cell->loss_ppm != 0;
    /* The very numbers that sim/des draws for what this host sends: as long as both send the same, they lose the same. */
    out->loss = (struct loss_config){.kind = LOSS_RANDOM,
                                     .seed = rng_derive(job->cell->seed, "host", from - job->host_first),
                                     .ppm = job->cell->loss_ppm};
}

static struct carrier_access access_of(const struct cell *c)
{
    return (struct carrier_access){c->rate_bps, {.kind = QUEUE_DROP_TAIL, .size_max = cell_queue_size(c)}};
}

/* ---- the exchange's world ---- */

static void *host(void *ctx, uint32_t index)
{
    const struct job *job = ctx;

    return job->lab->hosts[job->host_first + index];
}

static struct endpoint address(void *ctx, uint32_t index)
{
    return netns_address(((const struct job *)ctx)->host_first + index, EXCHANGE_PORT);
}

static void place(void *ctx, uint32_t index, const struct backend_app *app, void *app_ctx)
{
    sockets_host_run(host(ctx, index), app, app_ctx);
}

static void schedule(void *ctx, uint32_t index, uint64_t at_ns, void (*fn)(void *arg, uint64_t now_ns), void *arg)
{
    (void)index;
    sockets_schedule(((const struct job *)ctx)->lab->sockets, at_ns, fn, arg);
}

/* ---- running ---- */

/* A small transfer is over before it fills its link. With losses nothing is less at first: the window is found to be too large
 * when a packet is lost, and then all that start together would be too much. */
static uint64_t load_of(const struct cell *c)
{
    uint64_t most = c->size * cell_flow_count(c) * 8 * 1000000000u / c->rtt_ns;

    return most < c->rate_bps ? most : c->rate_bps;
}

static bool build(struct lab *lab, const struct cell *cells, struct cell_result *results, uint32_t count, char *error,
                  size_t error_size)
{
    struct netns_config config = {.seed = 1, .path_ctx = lab, .path = path_of};

    lab->netns = netns_new(&config, error, error_size);
    if (!lab->netns)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct carrier_access access = access_of(&cells[i]);

        lab->jobs[i] = (struct job){.lab = lab,
                                    .cell = &cells[i],
                                    .result = &results[i],
                                    .host_first = lab->host_count,
                                    .load_bps = load_of(&cells[i])};
        for (uint32_t j = 0; j < cell_host_count(&cells[i]); j++) {
            CHECK(lab->host_count < KERNEL_HOSTS_MAX);
            if (!netns_host_add(lab->netns, &access, &access, error, error_size))
                return false;
            lab->job_of[lab->host_count++] = i;
        }
    }
    return netns_start(lab->netns, error, error_size);
}

static uint64_t lateness(const struct lab *lab, const struct job *job) /* since the last call */
{
    uint64_t worst = 0;

    for (uint32_t i = 0; i < cell_host_count(job->cell); i++) {
        uint64_t late_ns = carrier_lateness_ns(netns_carrier(lab->netns), job->host_first + i);

        worst = late_ns > worst ? late_ns : worst;
    }
    return worst;
}

static void begin_job(struct lab *lab, struct job *job)
{
    struct exchange_world world = {job, &sockets_ops, host, address, place, schedule};

    lateness(lab, job);
    job->exchange = exchange_new(job->cell, &world);
}

/* What delays one phase may also change the next ones: it counts for all of them. */
static void note_lateness(struct lab *lab, struct job *job)
{
    uint32_t done = exchange_result(job->exchange).done;
    uint64_t late_ns;

    if (done == job->done)
        return;
    late_ns = lateness(lab, job);
    for (uint32_t i = job->done; i < PHASE_COUNT; i++)
        if (late_ns > job->late_ns[i])
            job->late_ns[i] = late_ns;
    job->done = done;
}

static void end_job(struct job *job)
{
    *job->result = exchange_result(job->exchange);
    for (uint32_t i = 0; i < PHASE_COUNT; i++)
        job->result->phases[i].late_ns = job->late_ns[i];
    exchange_free(job->exchange);
    job->exchange = NULL;
}

/* In order, each as soon as what is under way leaves room for it. */
static void run_jobs(struct lab *lab)
{
    uint64_t load_bps = 0;
    uint32_t next = 0, active = 0;

    while (next < lab->job_count || active) {
        uint64_t now_ns = sockets_now_ns(lab->sockets);

        /* One a step: many short ones that begin at once would wait for each other in this thread. */
        if (next < lab->job_count && (active == 0 || load_bps + lab->jobs[next].load_bps <= LOAD_MAX_BPS)) {
            load_bps += lab->jobs[next].load_bps;
            begin_job(lab, &lab->jobs[next++]);
            active++;
        }
        for (uint32_t i = 0; i < next; i++) {
            struct job *job = &lab->jobs[i];
            bool runs = job->exchange && exchange_step(job->exchange, now_ns);

            if (job->exchange)
                note_lateness(lab, job);
            if (runs || !job->exchange)
                continue;
            end_job(job);
            load_bps -= job->load_bps;
            active--;
        }
        if (sockets_run(lab->sockets, now_ns + EXCHANGE_STEP_NS) != 0)
            return;
    }
}

static bool run_lab(struct lab *lab, char *error, size_t error_size)
{
    struct sockets_config config = {
        .seed = 1, .seeded = true, .socket_ctx = lab->netns, .socket = netns_socket};

    if (sockets_new(&config, &lab->sockets) != 0) {
        snprintf(error, error_size, "cannot set up epoll");
        return false;
    }
    for (uint32_t i = 0; i < lab->host_count; i++) {
        struct endpoint at = netns_address(i, 0);

        lab->hosts[i] = sockets_host_add(lab->sockets, &at);
    }
    run_jobs(lab);
    sockets_free(lab->sockets);
    return true;
}

bool kernel_available(char *error, size_t error_size)
{
    struct cell cell = {.pattern = PATTERN_PAIR, .size = 1, .rtt_ns = 1000000, .rate_bps = 1000000, .queue_ns = 100000000};
    struct cell_result result;

    return kernel_run(&cell, &result, 1, error, error_size);
}

bool kernel_run(const struct cell *cells, struct cell_result *results, uint32_t count, char *error, size_t error_size)
{
    struct lab lab = {.job_count = count};
    bool done;

    lab.jobs = mem_zalloc(count * sizeof *lab.jobs);
    lab.job_of = mem_zalloc(KERNEL_HOSTS_MAX * sizeof *lab.job_of);
    done = build(&lab, cells, results, count, error, error_size) && run_lab(&lab, error, error_size);
    if (lab.netns)
        netns_free(lab.netns);
    mem_free(lab.jobs);
    mem_free(lab.job_of);
    return done;
}
