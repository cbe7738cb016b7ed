/* sim/record: the pieces below the recorder. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/record/digest.h"
#include "sim/record/histogram.h"
#include "sim/record/receipts.h"
#include "sim/record/summary.h"
#include "sim/record/table.h"
#include "stack/base/mem.h"

static void a_table_behaves_as_an_array_of_what_was_put(void **state)
{
    enum { KEYS = 300 };
    uint64_t model[KEYS];
    struct table t;
    struct rng r;
    uint32_t live = 0;

    (void)state;
    rng_init(&r, 1, "table");
    table_init(&t);
    for (int i = 0; i < KEYS; i++)
        model[i] = TABLE_EMPTY;
    for (uint64_t step = 0; step < 50000; step++) {
        uint64_t i = rng_below(&r, KEYS), key = i << 32 | i % 7;
        const uint64_t *found = table_find(&t, key);

        if (model[i] == TABLE_EMPTY) {
            assert_null(found);
            assert_false(table_remove(&t, key));
            table_put(&t, key, step);
            model[i] = step;
            live++;
            continue;
        }
        assert_non_null(found);
        assert_true(*found == model[i]);
        if (rng_chance(&r, 2, 3)) {
            assert_true(table_remove(&t, key));
            model[i] = TABLE_EMPTY;
            live--;
        }
        assert_int_equal(t.count, live);
    }
    table_deinit(&t);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void assert_close(uint64_t got, uint64_t exact)
{
    uint64_t difference = got > exact ? got - exact : exact - got;

    assert_true(difference <= exact / 1000); /* 0.1 % */
}

static void quantiles_are_within_a_thousandth_of_the_exact_ones(void **state)
{
    enum { COUNT = 5000 };
    static const uint32_t quantiles[] = {1, 1000, 100000, 500000, 900000, 990000, 999000, 1000000};
    uint64_t *values = mem_alloc(COUNT * sizeof *values);
    struct rng r;

    (void)state;
    rng_init(&r, 2, "histogram");
    for (int round = 0; round < 8; round++) {
        struct histogram h;

        histogram_init(&h);
        for (int i = 0; i < COUNT; i++) {
            values[i] = rng_next(&r) >> rng_below(&r, round == 0 ? 64 : 8 * (uint64_t)round);
            histogram_add(&h, values[i]);
        }
        qsort(values, COUNT, sizeof *values, compare);
        for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
            uint64_t rank = ((uint64_t)COUNT * quantiles[i] + 999999) / 1000000;

            assert_close(histogram_quantile(&h, quantiles[i]), values[rank - 1]);
        }
        assert_true(h.min == values[0] && h.max == values[COUNT - 1]);
        assert_true(histogram_quantile(&h, 1000000) == h.max);
        histogram_deinit(&h);
    }
    mem_free(values);
}

static void a_merged_histogram_is_that_of_all_values(void **state)
{
    struct histogram parts[2], both;
    uint32_t here = 0, there = 0;
    uint64_t value, count, other_value, other_count;
    struct rng r;

    (void)state;
    rng_init(&r, 3, "merge");
    histogram_init(&parts[0]);
    histogram_init(&parts[1]);
    histogram_init(&both);
    for (int i = 0; i < 3000; i++) {
        value = rng_below(&r, 1000000000);
        histogram_add(&parts[i % 2], value);
        histogram_add(&both, value);
    }
    histogram_merge(&parts[0], &parts[1]);
    assert_true(parts[0].count == both.count);
    while (histogram_next(&both, &here, &value, &count)) {
        assert_true(histogram_next(&parts[0], &there, &other_value, &other_count));
        assert_true(value == other_value && count == other_count);
    }
    assert_false(histogram_next(&parts[0], &there, &value, &count));
    histogram_deinit(&parts[0]);
    histogram_deinit(&parts[1]);
    histogram_deinit(&both);
}

static void receipts_are_found_in_sparse_and_dense_tables(void **state)
{
    static const uint32_t expected[] = {0, 10, 500, 1000, 5000};

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        struct receipts rs;

        receipts_init(&rs, expected[k], 1000);
        for (uint32_t i = 0; i < 1000; i += 3)
            receipts_add(&rs, (i * 7) % 1000)->from = i;
        assert_int_equal(rs.count, 334);
        for (uint32_t i = 0; i < 1000; i += 3)
            assert_int_equal(receipts_find(&rs, (i * 7) % 1000)->from, i);
        for (uint32_t i = 1; i < 1000; i += 3)
            assert_null(receipts_find(&rs, (i * 7) % 1000));
        receipts_deinit(&rs);
    }
}

static void receipts_count_duplicates_of_those_that_are_there_while_they_grow(void **state)
{
    static const uint32_t expected[] = {2, 1000};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct receipts rs;

        receipts_init(&rs, expected[k], 1000);
        for (uint32_t node = 0; node < 200; node++) {
            assert_false(receipts_count_duplicate(&rs, node));
            receipts_add(&rs, node);
            for (uint32_t i = 0; i < node; i++)
                assert_true(receipts_count_duplicate(&rs, node));
        }
        for (uint32_t node = 0; node < 200; node++)
            assert_int_equal(receipts_duplicates(&rs, receipts_find(&rs, node)), node);
        for (uint32_t i = 0; i < 70000; i++)
            assert_true(receipts_count_duplicate(&rs, 7));
        assert_int_equal(receipts_duplicates(&rs, receipts_find(&rs, 7)), RECEIPT_DUPLICATES_MAX);
        receipts_deinit(&rs);
    }
}

struct digest_input {
    struct trace_event e;
    uint64_t now_ns;
    uint32_t remote;
    uint8_t id[9], topic[3];
};

static struct digest_lane lane_of(struct digest_input *in)
{
    struct digest_lane l;

    digest_lane_init(&l);
    digest_lane_add(&l, in->now_ns, &in->e, in->remote, digest_hash_of(slice_of(in->id, 9)),
                    digest_hash_of(slice_of(in->topic, 3)));
    return l;
}

static void assert_lanes_differ(struct digest_input *changed, const struct digest_lane *base)
{
    struct digest_lane l = lane_of(changed);

    assert_true(l.a != base->a && l.b != base->b);
}

static void a_digest_changes_with_every_field_of_an_event(void **state)
{
    struct digest_input base = {.e = {.kind = TRACE_SEND, .size = 100}, .now_ns = 5}, in;
    struct digest_lane l = lane_of(&base);

#define CHANGE(field, value)                                                                       \
    in = base;                                                                                     \
    in.field = value;                                                                              \
    assert_lanes_differ(&in, &l)
    (void)state;
    CHANGE(e.kind, TRACE_DUPLICATE);
    CHANGE(e.protocol, TRACE_ALGORAND);
    CHANGE(e.size, 101);
    CHANGE(e.count, 1);
    CHANGE(e.code, -1);
    CHANGE(now_ns, 6);
    CHANGE(remote, 1);
    CHANGE(id[0], 1);
    CHANGE(id[8], 1);
    CHANGE(topic[2], 1);
#undef CHANGE
}

static void a_digest_changes_with_order_within_a_node_and_between_nodes(void **state)
{
    struct digest_input x = {.now_ns = 1}, y = {.now_ns = 2};
    struct digest_lane scenario, lanes[2], swapped[2];
    uint8_t a[DIGEST_SIZE], b[DIGEST_SIZE];

    (void)state;
    digest_lane_init(&scenario);
    lanes[0] = lane_of(&x);
    lanes[1] = lane_of(&y);
    swapped[0] = lanes[1];
    swapped[1] = lanes[0];
    digest_fold(a, &scenario, lanes, sizeof *lanes, 2);
    digest_fold(b, &scenario, swapped, sizeof *swapped, 2);
    assert_memory_not_equal(a, b, DIGEST_SIZE);
    digest_lane_add_text(&scenario, 1, slice_text("partition"), slice_text("europe"));
    digest_fold(b, &scenario, lanes, sizeof *lanes, 2);
    assert_memory_not_equal(a, b, DIGEST_SIZE);
}

static void hashes_of_prefixes_and_zeros_differ(void **state)
{
    static const uint8_t zeros[40];

    (void)state;
    for (size_t i = 0; i < sizeof zeros; i++)
        for (size_t k = 0; k < i; k++) {
            struct digest_hash x = digest_hash_of(slice_of(zeros, i)),
                               y = digest_hash_of(slice_of(zeros, k));

            assert_true(x.a != y.a && x.b != y.b);
        }
}

static void numbers_are_printed_from_integers(void **state)
{
    char out[SUMMARY_NUMBER_MAX];

    (void)state;
    assert_string_equal(summary_decimal(1234567, 3, out), "1.235");
    assert_string_equal(summary_decimal(999999, 6, out), "0.999999");
    assert_string_equal(summary_decimal(999999, 4, out), "1.0000");
    assert_string_equal(summary_decimal(49999, 1, out), "0.0");
    assert_string_equal(summary_decimal(1500000, 0, out), "2");
    assert_string_equal(summary_decimal(UINT64_MAX, 6, out), "18446744073709.551615");
    assert_string_equal(summary_grouped(0, out), "0");
    assert_string_equal(summary_grouped(1234567, out), "1,234,567");
    assert_string_equal(summary_bytes(1023, out), "1023 B");
    assert_string_equal(summary_bytes(1536, out), "1.5 KiB");
    assert_string_equal(summary_bytes(UINT64_MAX, out), "16.0 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_behaves_as_an_array_of_what_was_put),
        cmocka_unit_test(quantiles_are_within_a_thousandth_of_the_exact_ones),
        cmocka_unit_test(a_merged_histogram_is_that_of_all_values),
        cmocka_unit_test(receipts_are_found_in_sparse_and_dense_tables),
        cmocka_unit_test(receipts_count_duplicates_of_those_that_are_there_while_they_grow),
        cmocka_unit_test(a_digest_changes_with_every_field_of_an_event),
        cmocka_unit_test(a_digest_changes_with_order_within_a_node_and_between_nodes),
        cmocka_unit_test(hashes_of_prefixes_and_zeros_differ),
        cmocka_unit_test(numbers_are_printed_from_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
