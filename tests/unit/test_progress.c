/* sim/run/progress: the line, its width, its pace. */
#include "tests/lib/test.h"

#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/run/progress.h"

#define SECOND_NS ((uint64_t)1000000000)

static void a_line_tells_how_far_how_fast_and_how_long(void **state)
{
    struct progress_state now = {90 * SECOND_NS, 45 * SECOND_NS, 1234567};
    char line[PROGRESS_LINE_MAX];

    (void)state;
    progress_format(line, 360 * SECOND_NS, &now, false, 200);
    assert_string_equal(line, " 25% 1m30s of 6m00s, 2m15s left, 1,234,567 deliveries, 45.0 s wall,"
                              " 2.00 x real time");
    progress_format(line, 360 * SECOND_NS, &now, true, 80);
    assert_string_equal(line, "[######..................]  25% 1m30s of 6m00s, 2m15s left,"
                              " 1,234,567 deliveries");
    now = (struct progress_state){4 * 3600 * SECOND_NS, SECOND_NS / 2, 0};
    progress_format(line, UINT64_MAX, &now, true, 80);
    assert_string_equal(line, "4h00m simulated, 0 deliveries, 0.5 s wall, 28800.00 x real time");
}

static void a_line_is_never_wider_than_asked(void **state)
{
    static const struct progress_state states[] = {
        {0, 0, 0},
        {1, 1, 1},
        {359 * SECOND_NS, 123456 * SECOND_NS, 99999999999},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX},
    };
    static const uint64_t totals[] = {0, 1, 360 * SECOND_NS, UINT64_MAX};

    (void)state;
    for (unsigned width = 0; width < 400; width++)
        for (size_t i = 0; i < 16; i++) {
            char line[PROGRESS_LINE_MAX];

            progress_format(line, totals[i / 4], &states[i % 4], width % 2, width);
            assert_true(strlen(line) <= width && strlen(line) < PROGRESS_LINE_MAX);
        }
}

static void a_file_gets_a_line_every_five_seconds_of_wall_time(void **state)
{
    FILE *f = tmpfile();
    struct progress p;
    char line[PROGRESS_LINE_MAX];
    int lines = 0;

    (void)state;
    progress_init(&p, f, PROGRESS_AUTO, 100 * SECOND_NS);
    for (uint64_t i = 0; i <= 160; i++)
        progress_update(&p, &(struct progress_state){i * SECOND_NS / 2, i * SECOND_NS / 10, i});
    progress_finish(&p);
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        assert_null(strchr(line, '\r'));
        lines++;
    }
    assert_int_equal(lines, 3); /* at 5, 10, 15 s */
    fclose(f);
}

static void off_writes_nothing(void **state)
{
    FILE *f = tmpfile();
    struct progress p;

    (void)state;
    progress_init(&p, f, PROGRESS_OFF, SECOND_NS);
    progress_update(&p, &(struct progress_state){1, 100 * SECOND_NS, 1});
    progress_finish(&p);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    assert_int_equal(ftell(f), 0);
    fclose(f);
}

static void a_terminal_gets_a_bar_that_is_cleared_in_the_end(void **state)
{
    int primary, secondary;
    struct winsize size = {.ws_col = 70, .ws_row = 24};
    struct progress p;
    char got[512];
    ssize_t used = 0;
    FILE *f;

    (void)state;
    if (openpty(&primary, &secondary, NULL, NULL, &size) != 0)
        skip(); /* a container without /dev/pts */
    f = fdopen(secondary, "w");
    progress_init(&p, f, PROGRESS_AUTO, 10 * SECOND_NS);
    progress_update(&p, &(struct progress_state){5 * SECOND_NS, SECOND_NS, 1});
    progress_finish(&p);
    fflush(f);
    while ((size_t)used < sizeof got - 1 && !(used >= 4 && memcmp(got + used - 4, "\r\033[K", 4) == 0)) {
        ssize_t n = read(primary, got + used, sizeof got - 1 - (size_t)used); /* in as many pieces as it likes */

        assert_true(n > 0);
        used += n;
    }
    got[used] = 0;
    assert_non_null(strstr(got, "\r[############............]  50% 5.0 s of 10.0 s, 1.0 s left"));
    assert_true(used >= 4 && memcmp(got + used - 4, "\r\033[K", 4) == 0);
    assert_true(strstr(got, "\033[K") - got <= 70);
    fclose(f);
    close(primary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_how_far_how_fast_and_how_long),
        cmocka_unit_test(a_line_is_never_wider_than_asked),
        cmocka_unit_test(a_file_gets_a_line_every_five_seconds_of_wall_time),
        cmocka_unit_test(off_writes_nothing),
        cmocka_unit_test(a_terminal_gets_a_bar_that_is_cleared_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
