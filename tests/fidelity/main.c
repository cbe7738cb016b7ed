/* How far the simulator is from the kernel: the same transfers on both. README.md here explains the output. */
#include "stack/base/mem.h"
#include "tests/fidelity/gossip.h"
#include "tests/fidelity/grid.h"
#include "tests/fidelity/honesty.h"
#include "tests/fidelity/kernel.h"
#include "tests/fidelity/table.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTEMPTS 4
#define PRIORITY 10

struct options {
    bool full;
    const char *models, *tsv, *gossip;
    const char *kernel; /* times measured earlier; NULL: now */
    uint32_t repeats, loss_repeats;
};

/* One repetition of a row that the kernel still owes. */
struct debt {
    uint32_t row, repeat;
    uint64_t duration_ns; /* about */
};

static double clock_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- kernel ---- */

static void keep_better(struct cell_result *old, const struct cell_result *fresh)
{
    for (uint32_t p = 0; p < fresh->done; p++)
        if (old->done <= p || fresh->phases[p].late_ns < old->phases[p].late_ns)
            old->phases[p] = fresh->phases[p];
    if (fresh->done > old->done)
        old->done = fresh->done;
}

static bool run_batch(struct table *t, const struct debt *debts, uint32_t count, char *error, size_t error_size)
{
    struct cell *cells = mem_zalloc(count * sizeof *cells);
    struct cell_result *results = mem_zalloc(count * sizeof *results);
    bool done;

    for (uint32_t i = 0; i < count; i++)
        cells[i] = table_cell(&t->rows[debts[i].row], debts[i].repeat);
    done = kernel_run(cells, results, count, error, error_size);
    for (uint32_t i = 0; i < count && done; i++)
        keep_better(&t->rows[debts[i].row].kernel[debts[i].repeat], &results[i]);
    mem_free(cells);
    mem_free(results);
    return done;
}

static int by_duration(const void *a, const void *b)
{
    const struct debt *x = a, *y = b;

    if (x->duration_ns != y->duration_ns)
        return x->duration_ns > y->duration_ns ? -1 : 1;
    if (x->repeat != y->repeat)
        return x->repeat < y->repeat ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The longest first: those that run together take about as long as each other. */
static uint32_t list_debts(const struct table *t, struct debt *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->row_count; i++)
        for (uint32_t r = 0; r < t->rows[i].repeats; r++)
            if (!table_valid(&t->rows[i], r, PHASE_IDLE))
                out[count++] = (struct debt){i, r, cell_duration_ns(&t->rows[i].cell)};
    qsort(out, count, sizeof *out, by_duration);
    return count;
}

static bool run_kernel(struct table *t, char *error, size_t error_size)
{
    struct debt *debts = mem_grow(NULL, t->row_count * TABLE_REPEATS_MAX, sizeof *debts);
    bool able = true;

    for (int attempt = 0; attempt < ATTEMPTS && able; attempt++) {
        uint32_t count = list_debts(t, debts);

        for (uint32_t from = 0, to = 0; from < count && able; from = to) {
            uint32_t hosts = 0;

            while (to < count && hosts + cell_host_count(&t->rows[debts[to].row].cell) <= KERNEL_HOSTS_MAX)
                hosts += cell_host_count(&t->rows[debts[to++].row].cell);
            fprintf(stderr, "fidelity: kernel, attempt %d, runs %u to %u of %u\n", attempt + 1, from + 1, to, count);
            able = run_batch(t, debts + from, to - from, error, error_size);
        }
    }
    mem_free(debts);
    return able;
}

/* ---- all ---- */

static bool choose_models(struct table *t, const char *names)
{
    for (uint32_t i = 0; i < model_count && t->model_count < TABLE_MODELS_MAX; i++)
        if (strstr(names, models[i].name))
            t->models[t->model_count++] = &models[i];
    return t->model_count > 0;
}

static bool read_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){.models = "flight,packet", .repeats = 3, .loss_repeats = 9};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--full") == 0) {
            o->full = true;
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--models") == 0)
            o->models = value;
        else if (strcmp(argv[i], "--tsv") == 0)
            o->tsv = value;
        else if (strcmp(argv[i], "--gossip") == 0)
            o->gossip = value;
        else if (strcmp(argv[i], "--kernel") == 0)
            o->kernel = value;
        else if (strcmp(argv[i], "--repeats") == 0)
            o->repeats = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--loss-repeats") == 0)
            o->loss_repeats = (uint32_t)strtoul(value, NULL, 10);
        else
            return false;
        i++;
    }
    return o->repeats && o->repeats <= TABLE_REPEATS_MAX && o->loss_repeats && o->loss_repeats <= TABLE_REPEATS_MAX;
}

/* Reading late opens windows late: before other programs, where we may. The carrier goes before us. */
static void go_first(void)
{
    struct sched_param priority = {.sched_priority = PRIORITY};

    sched_setscheduler(0, SCHED_FIFO, &priority);
}

static bool measure(struct table *t, char *error, size_t error_size)
{
    go_first();
    return honesty_check(stdout, error, error_size) && run_kernel(t, error, error_size);
}

/* False: `error` says why. */
static bool compare(struct table *t, const struct options *o, char *error, size_t error_size)
{
    table_run_models(t);
    if (!(o->kernel ? table_read(t, o->kernel, error, error_size) : measure(t, error, error_size)))
        return false;
    printf("\n");
    table_print(t, stdout);
    if (o->gossip && !gossip_compare(o->gossip, t, stdout, error, error_size))
        return false;
    if (o->tsv && !table_write(t, o->tsv)) {
        snprintf(error, error_size, "%s: %s", o->tsv, strerror(errno));
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct table t = {0};
    struct options o;
    double start_s = clock_s();
    char error[512];
    bool able;

    if (!read_options(&o, argc, argv) || !choose_models(&t, o.models)) {
        fprintf(stderr, "usage: fidelity [--full] [--models NAME,...] [--repeats 1..25] [--loss-repeats 1..25] "
                        "[--gossip SCENARIO.yaml] [--tsv FILE] [--kernel FILE.tsv]\n");
        return 2;
    }
    if (!o.kernel && !kernel_available(error, sizeof error)) {
        printf("fidelity: skipped: %s\n", error);
        return 0;
    }
    table_plan(&t, o.full, o.repeats, o.loss_repeats);
    able = compare(&t, &o, error, sizeof error);
    if (!able)
        fprintf(stderr, "fidelity: %s\n", error);
    fprintf(stderr, "fidelity: %.0f s\n", clock_s() - start_s);
    table_free(&t);
    return able ? 0 : 1;
}
