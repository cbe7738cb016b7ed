/* stack/base: chains, maps, timers, random numbers. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/base/heap.h"
#include "stack/base/map.h"
#include "stack/base/mem.h"

static void a_chain_that_was_cut_anywhere_joins_again_without_copying(void **state)
{
    struct rng r;
    struct blob *b = blob_new(5000);

    (void)state;
    rng_init(&r, 1, "cut");
    rng_fill(&r, b->data, b->size);
    for (int round = 0; round < 50; round++) {
        struct chain whole, parts;
        struct span back;

        chain_init(&whole);
        chain_init(&parts);
        chain_give(&whole, span_give(blob_ref(b)));
        while (whole.size)
            chain_move(&parts, &whole, 1 + (size_t)rng_below(&r, whole.size));
        assert_int_equal(parts.count, 1);
        back = chain_take(&parts, 5000);
        assert_ptr_equal(back.data, b->data);
        span_unref(back);
        assert_null(parts.spans);
    }
    assert_int_equal(atomic_load(&b->refs), 1);
    blob_unref(b);
}

static void a_chain_behaves_as_a_byte_queue(void **state)
{
    struct rng r;
    struct chain c;
    uint8_t next_in = 0, next_out = 0;

    (void)state;
    rng_init(&r, 2, "queue");
    chain_init(&c);
    for (int step = 0; step < 20000; step++) {
        uint8_t bytes[64];
        size_t size = (size_t)rng_below(&r, sizeof bytes);

        if (rng_chance(&r, 1, 2)) {
            for (size_t i = 0; i < size; i++)
                bytes[i] = next_in++;
            chain_append(&c, slice_of(bytes, size));
            continue;
        }
        if (size > c.size)
            size = c.size;
        chain_peek(&c, 0, bytes, size);
        if (rng_chance(&r, 1, 2)) {
            struct span s = chain_take(&c, size);

            assert_int_equal(s.size, size);
            if (size)
                assert_memory_equal(s.data, bytes, size);
            span_unref(s);
        } else {
            chain_drop(&c, size);
        }
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], next_out++);
    }
    chain_deinit(&c);
}

static void a_blob_carries_its_name_behind_its_data(void **state)
{
    struct blob *b = blob_new_named(5, BLOB_NAME_ALGORAND), *plain = blob_copy(slice_text("plain"));

    (void)state;
    memcpy(b->data, "named", 5);
    memset(blob_name(b, BLOB_NAME_ALGORAND), 7, BLOB_NAME_SIZE);
    assert_true(slice_equal(blob_slice(b), slice_text("named")));
    assert_int_equal(blob_name(b, BLOB_NAME_ALGORAND)[BLOB_NAME_SIZE - 1], 7);
    assert_null(blob_name(plain, BLOB_NAME_ALGORAND));
    assert_null(blob_name(NULL, BLOB_NAME_ALGORAND));
    blob_unref(b);
    blob_unref(plain);
}

static void a_map_finds_what_was_inserted_and_iterates_in_that_order(void **state)
{
    struct map m;
    uint32_t position = 0, seen = 0;
    struct slice key;
    uint64_t *value, last = 0;

    (void)state;
    map_init(&m, 7);
    for (uint64_t i = 1; i <= 5000; i++) {
        bool fresh;
        uint64_t k = i * 2654435761u;

        *map_insert(&m, slice_of(&k, sizeof k), &fresh) = i;
        assert_true(fresh);
        if (i % 3 == 0) {
            k = (i - 1) * 2654435761u;
            assert_true(map_remove(&m, slice_of(&k, sizeof k)));
            assert_false(map_remove(&m, slice_of(&k, sizeof k)));
            assert_null(map_find(&m, slice_of(&k, sizeof k)));
        }
    }
    while (map_next(&m, &position, &key, &value)) {
        assert_true(*value > last);
        assert_int_equal(load_le64(key.data), *value * 2654435761u);
        assert_ptr_equal(map_find(&m, key), value);
        last = *value;
        seen++;
    }
    assert_int_equal(seen, map_count(&m));
    map_deinit(&m);
}

struct alarm {
    struct timer timer;
    int number, *log, *logged;
};

static void ring(struct timer *t, uint64_t now_ns)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

    assert_true(t->deadline_ns <= now_ns);
    a->log[(*a->logged)++] = a->number;
}

static void timers_fire_by_deadline_and_then_in_order_of_arming(void **state)
{
    struct timers ts;
    struct alarm alarms[4];
    int log[8], logged = 0;

    (void)state;
    timers_init(&ts);
    for (int i = 0; i < 4; i++) {
        alarms[i] = (struct alarm){.number = i, .log = log, .logged = &logged};
        timer_init(&alarms[i].timer, ring);
        timer_arm(&ts, &alarms[i].timer, 100);
    }
    timer_arm(&ts, &alarms[0].timer, 100); /* armed again: now the last of its time */
    timer_arm(&ts, &alarms[2].timer, 50);
    timer_disarm(&ts, &alarms[1].timer);
    assert_int_equal(timers_deadline(&ts), 50);
    timers_run(&ts, 99);
    assert_int_equal(logged, 1);
    timers_run(&ts, 100);
    assert_int_equal(logged, 3);
    assert_int_equal(log[0], 2);
    assert_int_equal(log[1], 3);
    assert_int_equal(log[2], 0);
    assert_int_equal(timers_deadline(&ts), TIME_NEVER);
    timers_deinit(&ts);
}

static void random_streams_of_one_seed_differ_by_name_only(void **state)
{
    struct rng a, b, c;

    (void)state;
    rng_init(&a, 9, "mesh");
    rng_init(&b, 9, "mesh");
    rng_init(&c, 9, "gossip");
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);

        assert_true(x == rng_next(&b));
        assert_true(x != rng_next(&c));
        assert_true(rng_below(&a, 10) == rng_below(&b, 10));
        rng_next(&c);
    }
}

static void every_error_has_a_text_and_a_class(void **state)
{
    (void)state;
    assert_string_equal(err_text(ERR_WINDOW), "flow-control window exceeded");
    assert_string_equal(err_text(-9999), "unknown error");
    assert_int_equal(err_class(ERR_LIMIT), ERR_CLASS_LOCAL);
    assert_int_equal(err_class(0), ERR_CLASS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_that_was_cut_anywhere_joins_again_without_copying),
        cmocka_unit_test(a_chain_behaves_as_a_byte_queue),
        cmocka_unit_test(a_blob_carries_its_name_behind_its_data),
        cmocka_unit_test(a_map_finds_what_was_inserted_and_iterates_in_that_order),
        cmocka_unit_test(timers_fire_by_deadline_and_then_in_order_of_arming),
        cmocka_unit_test(random_streams_of_one_seed_differ_by_name_only),
        cmocka_unit_test(every_error_has_a_text_and_a_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
