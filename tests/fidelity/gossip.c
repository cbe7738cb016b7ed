#include "tests/fidelity/gossip.h"

#include "sim/run/run.h"
#include "stack/base/err.h"

/* NULL model: the kernel. */
static bool run_once(const char *path, const struct model *model, struct run_result *result, char *error,
                     size_t error_size)
{
    struct run_options options = {.world = model ? &world_des : &world_netns, .progress = PROGRESS_OFF};
    struct scenario_error broken;
    struct scenario s;
    char tcp[64];
    const char *sets[] = {tcp};
    enum run_status status;

    snprintf(tcp, sizeof tcp, "network.tcp=%s", model ? model->name : "packet");
    if (scenario_load(path, sets, 1, &s, &broken) != ERR_OK) {
        snprintf(error, error_size, "%s", broken.text);
        return false;
    }
    status = run_scenario(&s, &options, NULL, NULL, result);
    scenario_free(&s);
    if (status == RUN_OK)
        return true;
    snprintf(error, error_size, "%s", result->error);
    if (result->has_summary)
        summary_deinit(&result->summary);
    return false;
}

static double quantile_ms(const struct record_summary *s, uint32_t ppm)
{
    return (double)histogram_quantile(&s->propagation, ppm) / 1e6;
}

static void print_line(const char *name, const struct record_summary *s, const struct record_summary *kernel, FILE *out)
{
    static const uint32_t ppm[] = {500000, 900000, 990000};

    fprintf(out, "  %-8s %5llu deliveries", name, (unsigned long long)s->deliveries);
    for (size_t i = 0; i < sizeof ppm / sizeof ppm[0]; i++) {
        double ms = quantile_ms(s, ppm[i]), there = quantile_ms(kernel, ppm[i]);

        fprintf(out, "   p%u %8.2f ms (%+5.1f%%)", ppm[i] / 10000, ms, (ms - there) / there * 100);
    }
    fprintf(out, "   %.2f duplicates a delivery\n", (double)s->duplicates / (double)s->deliveries);
}

bool gossip_compare(const char *path, const struct table *t, FILE *out, char *error, size_t error_size)
{
    struct run_result kernel, model;

    if (!run_once(path, NULL, &kernel, error, error_size))
        return false;
    fprintf(out, "\n%s\n%s%s", path, kernel.warning, kernel.warning[0] ? "\n" : "");
    print_line("kernel", &kernel.summary, &kernel.summary, out);
    for (uint32_t i = 0; i < t->model_count; i++) {
        if (!run_once(path, t->models[i], &model, error, error_size)) {
            summary_deinit(&kernel.summary);
            return false;
        }
        print_line(t->models[i]->name, &model.summary, &kernel.summary, out);
        summary_deinit(&model.summary);
    }
    summary_deinit(&kernel.summary);
    return true;
}
