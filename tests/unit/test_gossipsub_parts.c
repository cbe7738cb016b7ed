/* The router's containers against simple models. */
#include "tests/lib/test.h"

#include "stack/gossipsub/mcache.h"
#include "stack/gossipsub/outbox.h"
#include "stack/gossipsub/router.h"

#define SECOND 1000000000ull

static void a_slot_set_is_walked_in_ascending_order(void **state)
{
    struct slotset s = {0};
    bool model[300] = {false};
    struct rng r;
    uint32_t count = 0;

    (void)state;
    rng_init(&r, 1, "slots");
    for (int step = 0; step < 5000; step++) {
        uint32_t slot = (uint32_t)rng_below(&r, step < 2000 ? 64 : 300), walked = 0;
        bool add = rng_chance(&r, 1, 2);

        assert_int_equal(add ? slotset_add(&s, slot) : slotset_remove(&s, slot),
                         add ? !model[slot] : model[slot]);
        count = count + (add && !model[slot]) - (!add && model[slot]);
        model[slot] = add;
        assert_int_equal(slotset_count(&s), count);
        assert_int_equal(slotset_empty(&s), count == 0);
        for (uint32_t p = 0; slotset_next(&s, &p); p++, walked++)
            assert_true(model[p] && slotset_has(&s, p));
        assert_int_equal(walked, count);
        if (step < 2000)
            assert_true(s.words <= 1);
    }
    assert_false(slotset_has(&s, 1000000));
    slotset_deinit(&s);
}

static struct seen_key key_of(uint64_t number)
{
    static const uint8_t secret[16] = {1, 2, 3};

    return seen_key_of(secret, slice_of(&number, sizeof number));
}

static void an_id_is_remembered_for_its_time_and_little_more(void **state)
{
    struct seen s;
    uint64_t inserted_ns[3000], now_ns = 5 * SECOND;
    struct rng r;

    (void)state;
    rng_init(&r, 2, "seen");
    seen_init(&s, 120 * SECOND, now_ns);
    for (uint64_t i = 0; i < 3000; i++) {
        struct seen_key key = key_of(i);

        now_ns += rng_below(&r, SECOND / 5);
        assert_false(seen_has(&s, now_ns, &key));
        seen_insert(&s, now_ns, &key);
        inserted_ns[i] = now_ns;
        seen_sweep(&s, now_ns);
        for (uint64_t j = i > 2 ? i - rng_below(&r, i) : 0; j <= i; j += 1 + i / 20) {
            uint64_t age_ns = now_ns - inserted_ns[j];

            key = key_of(j);
            if (age_ns <= 120 * SECOND)
                assert_true(seen_has(&s, now_ns, &key));
            if (age_ns > 121 * SECOND)
                assert_false(seen_has(&s, now_ns, &key));
        }
        assert_true(s.capacity <= 8192);
    }
    seen_sweep(&s, now_ns + 200 * SECOND);
    assert_null(s.cells);
    seen_deinit(&s);
}

static void an_expired_id_may_be_seen_again(void **state)
{
    struct seen_key key = key_of(1);
    struct seen s;

    (void)state;
    seen_init(&s, SECOND, 0);
    seen_insert(&s, 0, &key);
    assert_true(seen_has(&s, SECOND, &key));
    assert_false(seen_has(&s, SECOND + SECOND / 100, &key));
    seen_insert(&s, 2 * SECOND, &key);
    assert_true(seen_has(&s, 3 * SECOND, &key));
    assert_int_equal(s.used, 1);
    seen_deinit(&s);
}

/* A post of topic t whose frame is one empty Message. */
static struct post *make_post(struct topic *t, uint64_t number)
{
    struct gossipsub_message m = {.id = slice_of(&number, sizeof number)};
    struct post *p = post_new(t, span_give(blob_copy(slice_of("\x02\x12\x00", 3))), &m);

    p->key = key_of(number);
    return p;
}

static void the_message_cache_keeps_five_windows_and_gossips_about_three(void **state)
{
    struct topics topics;
    struct mcache c;
    struct topic *t;

    (void)state;
    topics_init(&topics, 1);
    t = topic_get(&topics, slice_text("t"));
    mcache_init(&c, 5);
    for (uint64_t i = 0; i < 100; i++) {
        struct post *p = make_post(t, i);

        if (i && i % 10 == 0)
            mcache_shift(&c);
        mcache_put(&c, p);
        post_unref(p);
    }
    assert_int_equal(mcache_recent_count(&c, 3), 30);
    for (uint32_t age = 0; age < 30; age++)
        assert_int_equal(load_le64(mcache_recent(&c, age)->id), 99 - age);
    for (uint64_t i = 0; i < 100; i++) {
        struct seen_key key = key_of(i);
        const struct post *p = mcache_find(&c, &key);

        assert_int_equal(p != NULL, i >= 50);
        if (p)
            assert_int_equal(load_le64(p->id), i);
    }
    for (int i = 0; i < 5; i++)
        mcache_shift(&c);
    assert_null(c.fifo);
    assert_null(topic_find(&topics, slice_text("t"))); /* nobody held it but the messages */
    mcache_deinit(&c);
    topics_free_all(&topics);
}

static void the_message_cache_finds_what_it_holds_in_any_history(void **state)
{
    struct topics topics;
    struct mcache c;
    struct topic *t;
    struct rng r;
    uint64_t window_of[4000], number = 0, window = 0;

    (void)state;
    rng_init(&r, 4, "mcache");
    topics_init(&topics, 1);
    t = topic_get(&topics, slice_text("t"));
    topic_pin(t);
    mcache_init(&c, 4);
    while (number < 4000) {
        for (uint64_t n = rng_below(&r, rng_chance(&r, 1, 10) ? 300 : 10); n && number < 4000;
             n--) {
            struct post *p = make_post(t, number);

            window_of[number++] = window;
            mcache_put(&c, p);
            post_unref(p);
        }
        mcache_shift(&c);
        window++;
        for (int look = 0; look < 50 && number; look++) {
            uint64_t i = number - 1 - rng_below(&r, number < 500 ? number : 500);
            struct seen_key key = key_of(i);

            assert_int_equal(mcache_find(&c, &key) != NULL, window - window_of[i] < 4);
        }
    }
    mcache_deinit(&c);
    assert_int_equal(t->pins, 1);
    topic_unpin(t);
    topics_free_all(&topics);
}

static void a_memo_names_a_frame_by_its_address_while_somebody_holds_it(void **state)
{
    struct topics topics;
    struct memo m = {0};
    struct post *posts[40];
    struct topic *t;
    uint32_t hits = 0;

    (void)state;
    topics_init(&topics, 1);
    t = topic_get(&topics, slice_text("t"));
    for (uint64_t i = 0; i < 40; i++) {
        posts[i] = make_post(t, i);
        memo_put(&m, posts[i]);
    }
    for (int i = 0; i < 40; i++) {
        const struct post *found = memo_find(&m, posts[i]->frame.data, 3);

        assert_true(found == NULL || found == posts[i]);
        assert_null(memo_find(&m, posts[i]->frame.data, 4));
        hits += found != NULL;
    }
    assert_true(hits > 15);
    for (int i = 0; i < 40; i++)
        post_unref(posts[i]);
    memo_clear(&m);
    assert_null(m.cells);
    topics_free_all(&topics);
}

static void an_outbox_is_a_queue_that_owns_nothing_when_empty(void **state)
{
    struct topics topics;
    struct outbox o = {0};
    struct topic *t;
    struct rng r;
    uint64_t in = 0, out = 0;

    (void)state;
    rng_init(&r, 5, "outbox");
    topics_init(&topics, 1);
    t = topic_get(&topics, slice_text("t"));
    topic_pin(t); /* it would go with the last post */
    for (int step = 0; step < 3000; step++) {
        if (rng_chance(&r, step % 500 < 250 ? 2 : 1, 3)) {
            outbox_push(&o, &make_post(t, in++)->head);
        } else if (in > out) {
            struct frame *f = outbox_pop(&o);

            assert_int_equal(load_le64(CONTAINER_OF(f, struct post, head)->id), out++);
            frame_unref(f);
        }
        assert_int_equal(o.count, in - out);
        assert_true(o.count > 0 || o.capacity == 0);
    }
    outbox_deinit(&o);
    assert_null(outbox_pop(&o));
    topic_unpin(t);
    topics_free_all(&topics);
}

static void backoffs_are_never_shortened_and_bounded(void **state)
{
    struct topics topics;
    struct topic *t;

    (void)state;
    topics_init(&topics, 1);
    t = topic_get(&topics, slice_text("t"));
    topic_backoff_add(t, 7, 100);
    topic_backoff_add(t, 7, 50);
    assert_int_equal(topic_backoff(t, 7), 100);
    topic_backoff_add(t, 7, 150);
    assert_int_equal(topic_backoff(t, 7), 150);
    assert_int_equal(topic_backoff(t, 8), 0);
    for (uint64_t i = 0; i < BACKOFFS_MAX + 100; i++)
        topic_backoff_add(t, (i * 2654435761u) % 100003 + 1000, 1000 + i);
    assert_int_equal(t->backoff_count, BACKOFFS_MAX);
    assert_int_equal(topic_backoff(t, 7), 0); /* it ended first */
    topic_backoff_clear(t, 1000 + BACKOFFS_MAX);
    assert_int_equal(t->backoff_count, 100);
    topic_backoff_clear(t, UINT64_MAX);
    assert_null(t->backoffs);
    topics_free_all(&topics);
}

/* A hundred thousand nodes live on one machine: what a peer and a topic cost must not creep up. */
static void peers_and_routers_stay_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct peer) <= 64);
    assert_true(sizeof(struct post) <= 112);
    assert_true(sizeof(struct seen_cell) == 16);
    assert_true(sizeof(struct topic) <= 144);
    assert_true(sizeof(struct gossipsub) <= 1280);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_set_is_walked_in_ascending_order),
        cmocka_unit_test(an_id_is_remembered_for_its_time_and_little_more),
        cmocka_unit_test(an_expired_id_may_be_seen_again),
        cmocka_unit_test(the_message_cache_keeps_five_windows_and_gossips_about_three),
        cmocka_unit_test(the_message_cache_finds_what_it_holds_in_any_history),
        cmocka_unit_test(a_memo_names_a_frame_by_its_address_while_somebody_holds_it),
        cmocka_unit_test(an_outbox_is_a_queue_that_owns_nothing_when_empty),
        cmocka_unit_test(backoffs_are_never_shortened_and_bounded),
        cmocka_unit_test(peers_and_routers_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
