/* The models of TCP against what Linux 6.18 took for the same transfers (tests/fidelity/linux-6.18.tsv, measured by `make
 * fidelity`): 240 cells of pairs, 12 of eight hosts, 48 with losses. */
#include "tests/lib/test.h"

#include "tests/fidelity/grid.h"
#include "tests/fidelity/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEASURED "tests/fidelity/linux-6.18.tsv"

static void table_open(struct table *t, const char *model)
{
    char error[256] = "";

    *t = (struct table){0};
    for (uint32_t i = 0; i < model_count; i++)
        if (strcmp(models[i].name, model) == 0)
            t->models[t->model_count++] = &models[i];
    assert_int_equal(t->model_count, 1);
    table_plan(t, false, 3, 9);
    if (!table_read(t, MEASURED, error, sizeof error))
        fail_msg("%s", error);
    table_run_models(t);
}

static void assert_below(double got, double most)
{
    if (got > most)
        fail_msg("%g is above %g", got, most);
}

static void the_packet_model_takes_as_long_as_linux(void **state)
{
    struct table t;
    struct table_errors e;

    (void)state;
    table_open(&t, "packet");
    e = table_errors(&t, 0, true, false);
    assert_int_equal(e.count, 252);
    assert_below(e.first_median, 0.005);
    assert_below(e.first_p95, 0.03);
    assert_below(e.last_median, 0.003);
    assert_below(e.last_p95, 0.03);
    e = table_errors(&t, 0, false, true);
    assert_int_equal(e.count, 48);
    assert_below(e.last_median, 0.01);
    assert_below(e.last_p95, 0.12);
    table_free(&t);
}

static void the_flight_model_takes_about_as_long_as_linux(void **state)
{
    struct table t;
    struct table_errors e;

    (void)state;
    table_open(&t, "flight");
    e = table_errors(&t, 0, true, false);
    assert_int_equal(e.count, 252);
    assert_below(e.first_median, 0.02);
    assert_below(e.last_median, 0.01);
    assert_below(e.last_p95, 0.15);
    e = table_errors(&t, 0, false, true);
    assert_int_equal(e.count, 48);
    assert_below(e.last_median, 0.05);
    table_free(&t);
}

/* The yardstick tells models apart. */
static void a_model_without_windows_is_far_from_linux(void **state)
{
    struct table t;
    struct table_errors e;

    (void)state;
    table_open(&t, "ideal");
    e = table_errors(&t, 0, true, false);
    assert_int_equal(e.count, 252);
    assert_below(e.first_median, 0.03);
    assert_true(e.last_p95 > 0.3);
    table_free(&t);
}

static void the_medians_are_those_of_the_repetitions_that_ended(void **state)
{
    struct table_row row = {.repeats = 4};
    struct phase_times median;

    (void)state;
    assert_false(table_median(&row, -1, PHASE_COLD, &median));
    row.kernel[3].done = 1;
    row.kernel[3].phases[PHASE_COLD] = (struct phase_times){1, 1, 1000000}; /* a packet was late */
    for (uint32_t i = 0; i < 3; i++) {
        row.kernel[i].done = 1;
        row.kernel[i].phases[PHASE_COLD] = (struct phase_times){30 - i, (i + 1) * 100, 0};
    }
    assert_true(table_median(&row, -1, PHASE_COLD, &median));
    assert_int_equal(median.first_ns, 29);
    assert_int_equal(median.last_ns, 200);
    assert_false(table_median(&row, -1, PHASE_WARM, &median));
}

static void the_grid_is_finite_and_holds_no_cell_twice(void **state)
{
    struct cell cells[300];
    uint32_t count[2] = {0, 0};

    (void)state;
    for (int full = 0; full < 2; full++) {
        while (count[full] < 300 && grid_cell(count[full], full, &cells[count[full]]))
            count[full]++;
        for (uint32_t i = 0; i < count[full]; i++)
            for (uint32_t j = 0; j < i; j++)
                assert_true(memcmp(&cells[i], &cells[j], sizeof cells[i]) != 0);
    }
    assert_int_equal(count[0], 100);
    assert_int_equal(count[1], 244);
}

static void what_is_no_measurement_is_refused_with_its_line(void **state)
{
    char path[] = "/tmp/hearsay-test-XXXXXX", want[64];
    struct table t = {0};
    char error[256] = "";
    FILE *f = fdopen(mkstemp(path), "w");

    (void)state;
    assert_non_null(f);
    fprintf(f, "header\npair\t1024\t10000000\t10000000\t0\tcold\t0\tkernel\t1\t2\t3\nnonsense\n");
    fclose(f);
    table_plan(&t, false, 1, 1);
    assert_false(table_read(&t, path, error, sizeof error));
    snprintf(want, sizeof want, "%s:3: not a measurement", path);
    assert_string_equal(error, want);
    remove(path);
    assert_false(table_read(&t, path, error, sizeof error));
    snprintf(want, sizeof want, "%s: No such file or directory", path);
    assert_string_equal(error, want);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_packet_model_takes_as_long_as_linux),
        cmocka_unit_test(the_flight_model_takes_about_as_long_as_linux),
        cmocka_unit_test(a_model_without_windows_is_far_from_linux),
        cmocka_unit_test(the_medians_are_those_of_the_repetitions_that_ended),
        cmocka_unit_test(the_grid_is_finite_and_holds_no_cell_twice),
        cmocka_unit_test(what_is_no_measurement_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
