#include "tests/fidelity/table.h"

#include "stack/base/mem.h"
#include "tests/fidelity/grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORST 12
#define LATE_NS 250000ull
#define LATE_SHARE 50

/* The difference of one model in one cell and phase. */
struct difference {
    const struct table_row *row;
    enum phase phase;
    struct phase_times kernel, model;
    double first, last; /* relative to the kernel */
    double spread;      /* of the kernel's last bytes: half of the range, relative */
};

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static const struct cell_result *results_of(const struct table_row *row, int model)
{
    return model < 0 ? row->kernel : row->models[model];
}

bool table_valid(const struct table_row *row, uint32_t repeat, enum phase phase)
{
    const struct cell_result *r = &row->kernel[repeat];

    return r->done > (uint32_t)phase && r->phases[phase].late_ns <= LATE_NS + row->cell.rtt_ns / LATE_SHARE;
}

/* The last bytes in order, in `out`; how many. */
static uint32_t sorted(const struct table_row *row, int model, enum phase phase, bool first, uint64_t *out)
{
    const struct cell_result *results = results_of(row, model);
    uint32_t count = 0;

    for (uint32_t i = 0; i < row->repeats; i++)
        if (results[i].done > (uint32_t)phase && table_valid(row, i, phase))
            out[count++] = first ? results[i].phases[phase].first_ns : results[i].phases[phase].last_ns;
    qsort(out, count, sizeof *out, by_value);
    return count;
}

bool table_median(const struct table_row *row, int model, enum phase phase, struct phase_times *out)
{
    uint64_t values[TABLE_REPEATS_MAX];
    uint32_t count = sorted(row, model, phase, true, values);

    if (count == 0)
        return false;
    out->first_ns = values[count / 2];
    sorted(row, model, phase, false, values);
    out->last_ns = values[count / 2];
    return true;
}

static double relative(uint64_t model_ns, uint64_t kernel_ns)
{
    return ((double)model_ns - (double)kernel_ns) / (double)kernel_ns;
}

static bool compare(const struct table_row *row, int model, enum phase phase, struct difference *d)
{
    uint64_t values[TABLE_REPEATS_MAX];
    uint32_t count;

    if (!table_median(row, -1, phase, &d->kernel) || !table_median(row, model, phase, &d->model))
        return false;
    d->row = row;
    d->phase = phase;
    d->first = relative(d->model.first_ns, d->kernel.first_ns);
    d->last = relative(d->model.last_ns, d->kernel.last_ns);
    count = sorted(row, -1, phase, false, values);
    d->spread = (double)(values[count - 1] - values[0]) / 2 / (double)d->kernel.last_ns;
    return true;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void print_row(const struct table *t, const struct table_row *row, enum phase phase, FILE *out)
{
    char text[96];
    struct phase_times kernel;

    cell_text(&row->cell, phase, text, sizeof text);
    fprintf(out, "%-44s", text);
    if (!table_median(row, -1, phase, &kernel)) {
        fprintf(out, " did not end on the kernel, or the carrier was late\n");
        return;
    }
    fprintf(out, " %9.2f %9.2f", ms(kernel.first_ns), ms(kernel.last_ns));
    for (uint32_t m = 0; m < t->model_count; m++) {
        struct difference d;

        if (compare(row, (int)m, phase, &d))
            fprintf(out, " | %9.2f %9.2f %+6.1f%% %+6.1f%%", ms(d.model.first_ns), ms(d.model.last_ns), d.first * 100,
                    d.last * 100);
        else
            fprintf(out, " | %*s", 35, "-");
    }
    fprintf(out, "\n");
}

/* ---- summary ---- */

static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

static int by_last(const void *a, const void *b)
{
    double x = magnitude(((const struct difference *)a)->last), y = magnitude(((const struct difference *)b)->last);

    return x > y ? -1 : x < y;
}

static int by_first(const void *a, const void *b)
{
    double x = magnitude(((const struct difference *)a)->first), y = magnitude(((const struct difference *)b)->first);

    return x > y ? -1 : x < y;
}

/* `percent` of the differences are not larger; they are sorted, largest first. */
static const struct difference *quantile(const struct difference *d, uint32_t count, uint32_t percent)
{
    uint32_t rank = (count * percent + 99) / 100; /* nearest rank, from 1 */

    return &d[count - (rank ? rank : 1)];
}

static struct table_errors summarize(struct difference *d, uint32_t count)
{
    struct table_errors e = {.count = count};

    if (count == 0)
        return e;
    qsort(d, count, sizeof *d, by_first);
    e.first_median = magnitude(quantile(d, count, 50)->first);
    e.first_p95 = magnitude(quantile(d, count, 95)->first);
    qsort(d, count, sizeof *d, by_last);
    e.last_median = magnitude(quantile(d, count, 50)->last);
    e.last_p95 = magnitude(quantile(d, count, 95)->last);
    e.last_worst = magnitude(d[0].last);
    return e;
}

static void print_errors(const char *what, const struct table_errors *e, FILE *out)
{
    if (e->count == 0)
        return;
    fprintf(out, "  %-22s %4u cells   first byte: median %5.2f%%, 95%% below %6.2f%%", what, e->count,
            e->first_median * 100, e->first_p95 * 100);
    fprintf(out, "   last byte: median %5.2f%%, 95%% below %6.2f%%, worst %6.2f%%\n", e->last_median * 100,
            e->last_p95 * 100, e->last_worst * 100);
}

struct section {
    const char *name;
    bool phases[PHASE_COUNT], pairs, groups, lossless, lossy;
};

static uint32_t collect(const struct table *t, int model, const struct section *s, struct difference *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->row_count; i++) {
        const struct cell *c = &t->rows[i].cell;

        if (!(c->pattern == PATTERN_PAIR ? s->pairs : s->groups) || !(c->loss_ppm ? s->lossy : s->lossless))
            continue;
        for (enum phase p = 0; p < PHASE_COUNT; p++)
            if (s->phases[p] && compare(&t->rows[i], model, p, &out[count]))
                count++;
    }
    return count;
}

static void print_summary(const struct table *t, uint32_t model, FILE *out)
{
    static const struct section sections[] = {
        {"cold", {true, false, false}, true, false, true, false},
        {"warm", {false, true, false}, true, false, true, false},
        {"after a pause", {false, false, true}, true, false, true, false},
        {"7 to 1, 1 to 7", {true, true, true}, false, true, true, true},
        {"with losses (medians)", {true, true, true}, true, false, false, true},
        {"all without losses", {true, true, true}, true, true, true, false},
        {"all", {true, true, true}, true, true, true, true},
    };
    struct difference *d = mem_grow(NULL, t->row_count * PHASE_COUNT, sizeof *d);
    uint32_t count = 0;

    fprintf(out, "\n%s against the kernel\n", t->models[model]->name);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        struct table_errors e;

        count = collect(t, (int)model, &sections[i], d);
        e = summarize(d, count);
        print_errors(sections[i].name, &e, out);
    }
    fprintf(out, "  worst:\n");
    for (uint32_t i = 0; i < count && i < WORST; i++) {
        char text[96];

        cell_text(&d[i].row->cell, d[i].phase, text, sizeof text);
        fprintf(out, "    %-44s kernel %9.2f ms (+-%.1f%%), model %9.2f ms: %+.1f%%\n", text, ms(d[i].kernel.last_ns),
                d[i].spread * 100, ms(d[i].model.last_ns), d[i].last * 100);
    }
    mem_free(d);
}

void table_print(const struct table *t, FILE *out)
{
    fprintf(out, "%-44s %9s %9s", "milliseconds", "kernel 1.", "last");
    for (uint32_t m = 0; m < t->model_count; m++)
        fprintf(out, " | %6s 1. %9s %7s %7s", t->models[m]->name, "last", "1.", "last");
    fprintf(out, "\n");
    for (uint32_t i = 0; i < t->row_count; i++)
        for (enum phase p = 0; p < PHASE_COUNT; p++)
            print_row(t, &t->rows[i], p, out);
    for (uint32_t m = 0; m < t->model_count; m++)
        print_summary(t, m, out);
}

struct table_errors table_errors(const struct table *t, uint32_t model, bool lossless, bool lossy)
{
    struct section all = {"", {true, true, true}, true, true, lossless, lossy};
    struct difference *d = mem_grow(NULL, t->row_count * PHASE_COUNT, sizeof *d);
    uint32_t count = collect(t, (int)model, &all, d);
    struct table_errors e = summarize(d, count);

    mem_free(d);
    return e;
}

/* ---- planning, models ---- */

void table_plan(struct table *t, bool full, uint32_t repeats, uint32_t loss_repeats)
{
    struct cell c;

    for (uint32_t i = 0; grid_cell(i, full, &c); i++) {
        t->rows = mem_grow(t->rows, t->row_count + 1, sizeof *t->rows);
        t->rows[t->row_count++] = (struct table_row){.cell = c, .repeats = c.loss_ppm ? loss_repeats : repeats};
    }
}

void table_free(struct table *t)
{
    mem_free(t->rows);
}

struct cell table_cell(const struct table_row *row, uint32_t repeat)
{
    struct cell c = row->cell;

    c.seed = rng_derive(row->cell.seed, "repeat", repeat);
    return c;
}

/* Without losses one repetition is like another. */
static void run_row(struct table_row *row, const struct model *model, struct cell_result *results)
{
    for (uint32_t r = 0; r < row->repeats; r++) {
        struct cell c = table_cell(row, r);

        if (!c.loss_ppm || des_tcp_honours(model->tcp, DES_LOSS))
            results[r] = r && !c.loss_ppm ? results[0] : model_run(model, &c);
    }
}

void table_run_models(struct table *t)
{
    for (uint32_t m = 0; m < t->model_count; m++)
        for (uint32_t i = 0; i < t->row_count; i++)
            run_row(&t->rows[i], t->models[m], t->rows[i].models[m]);
}

/* ---- for programs ---- */

static const char *const patterns[] = {"pair", "incast", "fanout"};

static void write_row(const struct table *t, const struct table_row *row, enum phase phase, FILE *f)
{
    const struct cell *c = &row->cell;

    for (uint32_t i = 0; i < row->repeats; i++)
        for (int m = -1; m < (int)t->model_count; m++) {
            const struct cell_result *r = &results_of(row, m)[i];

            if (r->done > (uint32_t)phase)
                fprintf(f, "%s\t%llu\t%llu\t%llu\t%u\t%s\t%u\t%s\t%llu\t%llu\t%llu\n", patterns[c->pattern],
                        (unsigned long long)c->size, (unsigned long long)c->rtt_ns, (unsigned long long)c->rate_bps,
                        c->loss_ppm, phase_text(phase), i, m < 0 ? "kernel" : t->models[m]->name,
                        (unsigned long long)r->phases[phase].first_ns, (unsigned long long)r->phases[phase].last_ns,
                        (unsigned long long)r->phases[phase].late_ns);
        }
}

bool table_write(const struct table *t, const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    fprintf(f, "pattern\tsize_bytes\trtt_ns\trate_bps\tloss_ppm\tphase\trepeat\ttcp\tfirst_ns\tlast_ns\tlate_ns\n");
    for (uint32_t i = 0; i < t->row_count; i++)
        for (enum phase p = 0; p < PHASE_COUNT; p++)
            write_row(t, &t->rows[i], p, f);
    return fclose(f) == 0;
}

static struct table_row *find_row(struct table *t, const struct cell *c)
{
    for (uint32_t i = 0; i < t->row_count; i++) {
        const struct cell *has = &t->rows[i].cell;

        if (has->pattern == c->pattern && has->size == c->size && has->rtt_ns == c->rtt_ns &&
            has->rate_bps == c->rate_bps && has->loss_ppm == c->loss_ppm)
            return &t->rows[i];
    }
    return NULL;
}

/* The number of a name; `count` when there is none. */
static uint32_t find_name(const char *name, const char *const *names, uint32_t count)
{
    uint32_t i = 0;

    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* False: not a line that table_write writes. Lines of models, and of cells that are not in the table, are passed over. */
static bool read_line(struct table *t, const char *line)
{
    static const char *const phases[] = {"cold", "warm", "idle"};
    unsigned long long size, rtt_ns, rate_bps, first_ns, last_ns, late_ns;
    char pattern[16], phase[16], tcp[16];
    struct table_row *row;
    uint32_t repeat, p;
    struct cell c = {0};

    if (sscanf(line, "%15s %llu %llu %llu %u %15s %u %15s %llu %llu %llu", pattern, &size, &rtt_ns, &rate_bps, &c.loss_ppm,
               phase, &repeat, tcp, &first_ns, &last_ns, &late_ns) != 11)
        return false;
    c.pattern = (enum pattern)find_name(pattern, patterns, 3);
    p = find_name(phase, phases, PHASE_COUNT);
    if ((uint32_t)c.pattern == 3 || p == PHASE_COUNT)
        return false;
    c.size = size;
    c.rtt_ns = rtt_ns;
    c.rate_bps = rate_bps;
    row = find_row(t, &c);
    if (strcmp(tcp, "kernel") != 0 || !row || repeat >= row->repeats)
        return true;
    row->kernel[repeat].phases[p] = (struct phase_times){first_ns, last_ns, late_ns};
    row->kernel[repeat].done = p + 1 > row->kernel[repeat].done ? p + 1 : row->kernel[repeat].done;
    return true;
}

bool table_read(struct table *t, const char *path, char *error, size_t error_size)
{
    FILE *f = fopen(path, "r");
    uint32_t number = 0;
    char line[256];

    if (!f) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, f))
        if (number++ && !read_line(t, line)) {
            snprintf(error, error_size, "%s:%u: not a measurement", path, number);
            fclose(f);
            return false;
        }
    fclose(f);
    return true;
}
