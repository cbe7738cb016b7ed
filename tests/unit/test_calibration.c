/* sim/run: the costs that calibrate finds. */
#include "tests/lib/test.h"

#include "sim/run/calibration.h"
#include "stack/crypto/crypto.h"

static const uint64_t sizes[CALIBRATION_SIZES] = {64, 1024, 8192, 65000};

static void a_line_is_found_again_even_with_one_point_far_off(void **state)
{
    double ns[CALIBRATION_SIZES];
    struct work_cost cost;

    (void)state;
    for (int i = 0; i < CALIBRATION_SIZES; i++)
        ns[i] = 5000 + 2.5 * (double)sizes[i];
    cost = calibration_fit(sizes, ns);
    assert_int_equal(cost.base_ns, 5000);
    assert_int_equal(cost.per_kib_ns, 2560);
    ns[2] *= 1.1; /* the median of the slopes moves little */
    cost = calibration_fit(sizes, ns);
    assert_in_range(cost.per_kib_ns, 2500, 2700);
    assert_in_range(cost.base_ns, 4980, 5010);
}

static void costs_are_never_negative(void **state)
{
    const double falling[CALIBRATION_SIZES] = {900, 800, 700, 600}, steep[CALIBRATION_SIZES] = {10, 1000, 8200, 66000};
    struct work_cost cost = calibration_fit(sizes, falling);

    (void)state;
    assert_int_equal(cost.per_kib_ns, 0);
    assert_int_equal(cost.base_ns, 900);
    assert_int_equal(calibration_fit(sizes, steep).base_ns, 0);
}

/* Facts about the arithmetic that hold on every machine: a signature is checked slower than it is made, a handshake has
 * several of both sides' operations, encryption of a long text takes longer than that of a short one. */
static void this_machines_costs_are_plausible(void **state)
{
    struct calibration *c = test_malloc(sizeof *c);

    (void)state;
    calibrate(c);
    for (int kind = 0; kind < WORK_KINDS - 1; kind++)
        for (int i = 0; i < CALIBRATION_SIZES; i++)
            assert_true(c->measured_ns[kind][i] > 0 && c->measured_ns[kind][i] < 1e9);
    assert_true(c->measured_ns[5][0] > c->measured_ns[4][0]);     /* verify, sign */
    assert_true(c->measured_ns[3][0] > c->measured_ns[5][0]);     /* handshake */
    assert_true(c->measured_ns[2][3] > 4 * c->measured_ns[2][0]); /* aead */
    assert_int_equal(c->costs[6].base_ns + c->costs[6].per_kib_ns, 0);
    test_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_again_even_with_one_point_far_off),
        cmocka_unit_test(costs_are_never_negative),
        cmocka_unit_test(this_machines_costs_are_plausible),
    };

    assert_int_equal(crypto_init(), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
