/* stack/algorand: queues of a peer, the table of arrivals, the filter of digests, messages under
 * validation. */
#include "tests/lib/test.h"

#include "stack/algorand/arrivals.h"
#include "stack/algorand/digests.h"
#include "stack/algorand/lanes.h"
#include "stack/algorand/pending.h"
#include "stack/base/heap.h"
#include "stack/base/mem.h"
#include "stack/crypto/crypto.h"

static struct envelope *numbered(uint64_t number)
{
    struct envelope *e = envelope_new(TAG_AV, envelope_frame(TAG_AV, slice_of(&number, 8)));

    e->queued_ns = number;
    return e;
}

static void a_frame_is_length_tag_and_payload(void **state)
{
    struct span s = envelope_frame(TAG_VB, slice_text("abc"));

    (void)state;
    assert_slice_hex(span_slice(s), "00000005 5642 616263");
    span_unref(s);
}

/* Whether a frame made here, with its names at hand, is known as the same bytes from elsewhere are.
 */
static void check_names(const char *tag, size_t size, bool large)
{
    struct blob *payload = blob_new(size);
    uint8_t id[2][ENVELOPE_ID_SIZE], digest[2][DIGESTS_SIZE];
    struct span named, other;

    memset(payload->data, 0x28, size);
    named = envelope_named_frame(tag_find((const uint8_t *)tag), blob_slice(payload));
    other = span_give(blob_copy(span_slice(named)));
    assert_true(envelope_is_named(named));
    assert_false(envelope_is_named(other));
    assert_int_equal(envelope_has_digest(blob_slice(payload)), large);
    envelope_id_of(named, id[0]);
    envelope_id_of(other, id[1]);
    assert_memory_equal(id[0], id[1], ENVELOPE_ID_SIZE);
    if (large) {
        envelope_digest_of(named, digest[0]);
        envelope_digest_of(other, digest[1]);
        assert_memory_equal(digest[0], digest[1], DIGESTS_SIZE);
    }
    named.size--; /* part of a named blob is not what was named */
    assert_false(envelope_is_named(named));
    span_unref(named);
    span_unref(other);
    blob_unref(payload);
}

static void a_frame_made_here_is_known_as_the_same_bytes_from_elsewhere(void **state)
{
    (void)state;
    check_names("AV", 0, false);
    check_names("AV", 1228, false);
    check_names("PP", 4999, false);
    check_names("PP", 5000, true);
    check_names("VB", 100000, true);
}

static void a_compressed_payload_has_no_digest(void **state)
{
    uint8_t payload[5000] = {0x28, 0xb5, 0x2f, 0xfd};

    (void)state;
    assert_false(envelope_has_digest(slice_of(payload, sizeof payload)));
    payload[3]++;
    assert_true(envelope_has_digest(slice_of(payload, sizeof payload)));
}

static void the_high_lane_is_emptied_first(void **state)
{
    struct lanes l = {0};
    struct envelope *e;

    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        e = numbered(i);
        assert_true(lanes_push(&l, i % 2 == 0, e, 20));
        assert_false(lanes_push(&l, i % 2 == 0, e, (uint32_t)i / 2 + 1));
        envelope_unref(e);
    }
    assert_int_equal(lanes_count(&l), 40);
    for (uint64_t i = 0; i < 40; i++) {
        e = lanes_pop(&l);
        assert_int_equal(e->queued_ns, i < 20 ? 2 * i : 2 * (i - 20) + 1);
        envelope_unref(e);
    }
    assert_null(lanes_pop(&l));
    assert_null(l.high.ring);
    assert_null(l.bulk.ring);
}

static void a_lane_is_a_queue_however_it_is_used(void **state)
{
    struct lanes l = {0};
    struct rng r;
    uint64_t in = 0, out = 0;

    (void)state;
    rng_init(&r, 1, "lane");
    for (int step = 0; step < 20000; step++) {
        struct envelope *e;

        if (rng_chance(&r, 1, 2)) {
            e = numbered(in);
            if (lanes_push(&l, false, e, 100))
                in++;
            else
                assert_int_equal(in - out, 100);
        } else if ((e = lanes_pop(&l)) != NULL) {
            assert_int_equal(e->queued_ns, out++);
        } else {
            assert_int_equal(in, out);
            continue;
        }
        envelope_unref(e);
    }
    lanes_deinit(&l);
}

static void name_of(uint64_t number, uint8_t id[static BLAKE2B256_SIZE])
{
    blake2b256(id, slice_of(&number, sizeof number), slice_of(NULL, 0));
}

static void an_arrival_is_known_for_its_time_and_then_forgotten(void **state)
{
    struct arrivals t;
    uint8_t id[BLAKE2B256_SIZE];

    (void)state;
    arrivals_init(&t, 100, 7);
    name_of(1, id);
    assert_false(arrivals_has(&t, 0, id));
    assert_true(arrivals_add(&t, 5, id));
    assert_false(arrivals_add(&t, 50, id)); /* does not make it younger */
    assert_true(arrivals_has(&t, 104, id));
    assert_false(arrivals_has(&t, 105, id));
    assert_null(t.ring);
    assert_null(t.index);
    assert_true(arrivals_add(&t, 105, id));
    arrivals_deinit(&t);
}

/* Against the plainest model: ids are numbers, one every `gap` on average, known for 1000. */
static void arrivals_agree_with_a_list_through_growth_and_shrinking(void **state)
{
    enum { COUNT = 30000 };
    struct arrivals t;
    struct rng r;
    uint64_t now = 0, *added = mem_zalloc(COUNT * sizeof *added);
    uint32_t largest = 0;

    (void)state;
    rng_init(&r, 2, "arrivals");
    arrivals_init(&t, 1000, 7);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint8_t id[BLAKE2B256_SIZE];
        uint64_t other = i - rng_below(&r, i < 900 ? i + 1 : 900);

        /* busy for a while, then calm, so that the table grows and shrinks */
        now += i / 3000 % 2 ? rng_below(&r, 200) : rng_below(&r, 3);
        added[i] = now;
        name_of(i, id);
        assert_true(arrivals_add(&t, now, id));
        name_of(other, id);
        assert_int_equal(arrivals_has(&t, now, id), now - added[other] < 1000);
        largest = t.capacity > largest ? t.capacity : largest;
    }
    assert_true(largest >= 1024);
    assert_true(t.capacity <= 128);
    arrivals_expire(&t, now + 1000);
    assert_int_equal(t.count, 0);
    arrivals_deinit(&t);
    mem_free(added);
}

static void a_full_table_forgets_its_oldest(void **state)
{
    struct arrivals t;
    uint8_t id[ARRIVALS_NAME_SIZE] = {0};

    (void)state;
    arrivals_init(&t, 100, 7);
    for (uint64_t i = 0; i < ARRIVALS_COUNT_MAX + 10; i++) {
        store_le64(id, i);
        assert_true(arrivals_add(&t, 1, id));
    }
    assert_int_equal(t.count, ARRIVALS_COUNT_MAX);
    store_le64(id, 9);
    assert_false(arrivals_has(&t, 1, id));
    store_le64(id, 10);
    assert_true(arrivals_has(&t, 1, id));
    arrivals_deinit(&t);
}

static void digests_are_kept_in_three_buckets_of_128(void **state)
{
    struct digests d = {0};

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++) {
        uint64_t kept = 2 * DIGESTS_BUCKET_MAX;

        assert_true(digests_add(&d, i));
        assert_true(digests_has(&d, i));
        if (i > 3 * DIGESTS_BUCKET_MAX) {
            assert_true(digests_has(&d, i - kept + 1));
            assert_false(digests_has(&d, i - kept - DIGESTS_BUCKET_MAX));
        }
    }
    digests_deinit(&d);
    assert_false(digests_has(&d, 1000));
}

static void a_digest_that_is_heard_again_lives_longer(void **state)
{
    struct digests d = {0};

    (void)state;
    assert_true(digests_add(&d, 1));
    assert_true(digests_add(&d, 2));
    for (uint64_t i = 100; i < 2000; i++) {
        assert_true(digests_add(&d, i));
        if (i % 50 == 0)
            assert_false(digests_add(&d, 1));
    }
    assert_true(digests_has(&d, 1));
    assert_false(digests_has(&d, 2));
    digests_deinit(&d);
}

static void messages_under_validation_come_out_when_they_are_due(void **state)
{
    struct pending p = {0};
    struct pending_item item;
    uint64_t bytes;

    (void)state;
    assert_true(pending_deadline(&p) == TIME_NEVER);
    for (uint64_t i = 0; i < 100; i++) {
        item =
            (struct pending_item){.envelope = numbered(i), .due_ns = 10 * i, .slot = (uint32_t)i};
        pending_push(&p, &item);
    }
    bytes = p.bytes;
    assert_int_equal(pending_deadline(&p), 0);
    for (uint64_t i = 0; i < 50; i++) {
        assert_true(pending_pop_due(&p, 499, &item));
        assert_int_equal(item.slot, i);
        envelope_unref(item.envelope);
    }
    assert_false(pending_pop_due(&p, 499, &item));
    assert_int_equal(pending_deadline(&p), 500);
    assert_int_equal(p.bytes, bytes / 2);
    pending_deinit(&p);
    assert_int_equal(p.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_length_tag_and_payload),
        cmocka_unit_test(a_frame_made_here_is_known_as_the_same_bytes_from_elsewhere),
        cmocka_unit_test(a_compressed_payload_has_no_digest),
        cmocka_unit_test(the_high_lane_is_emptied_first),
        cmocka_unit_test(a_lane_is_a_queue_however_it_is_used),
        cmocka_unit_test(an_arrival_is_known_for_its_time_and_then_forgotten),
        cmocka_unit_test(arrivals_agree_with_a_list_through_growth_and_shrinking),
        cmocka_unit_test(a_full_table_forgets_its_oldest),
        cmocka_unit_test(digests_are_kept_in_three_buckets_of_128),
        cmocka_unit_test(a_digest_that_is_heard_again_lives_longer),
        cmocka_unit_test(messages_under_validation_come_out_when_they_are_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
