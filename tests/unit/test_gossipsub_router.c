/* Messages through one router: forwarding, policies, validation, publishing. */
#include "tests/lib/gossip_solo.h"
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/gossipsub/signing.h"

#define T GOSSIP_SOLO_TOPIC

static void a_message_is_forwarded_as_the_very_bytes_it_came_in(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t from = solo_join(&s, false), to = solo_join(&s, false);
    struct span frame = solo_foreign_frame(&config, 1, 1, 1000);
    struct chain out;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, from, T);
    solo_graft(&s, from, T);
    solo_graft(&s, to, T);
    gossip_puppet_drain(s.net, 0, from);
    gossip_puppet_drain(s.net, 0, to);
    assert_int_equal(solo_feed(&s, from, frame), ERR_OK);
    chain_init(&out);
    assert_false(gossipsub_pull(s.node->g, 0, from, &out));
    assert_true(gossipsub_pull(s.node->g, 0, to, &out));
    assert_int_equal(out.count, 1);
    assert_ptr_equal(chain_span(&out, 0)->data, frame.data);
    assert_int_equal(out.size, frame.size);
    chain_deinit(&out);
    assert_int_equal(solo_feed(&s, to, frame), ERR_OK); /* recognised by its address */
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 1);
    {
        struct span copy = span_give(blob_copy(span_slice(frame)));

        assert_int_equal(solo_feed(&s, to, copy), ERR_OK); /* and by its id */
        assert_int_equal(s.node->counts[TRACE_DUPLICATE], 2);
        span_unref(copy);
    }
    assert_int_equal(s.node->counts[TRACE_ARRIVE], 1);
    assert_int_equal(s.node->counts[TRACE_DELIVER], 1);
    assert_int_equal(s.node->counts[TRACE_SEND], 1);
    span_unref(frame);
    solo_free(&s);
}

static void a_message_beside_other_things_gets_a_frame_of_its_own(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t from = solo_join(&s, false), to = solo_join(&s, false);
    struct span one = solo_foreign_frame(&config, 1, 1, 300),
                two = solo_foreign_frame(&config, 2, 2, 300);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, from, T);
    solo_graft(&s, to, T);
    gossip_puppet_drain(s.net, 0, to);
    buf_clear(&s.rpc);
    buf_append(&s.rpc, one.data + 2, one.size - 2);
    buf_append(&s.rpc, two.data + 2, two.size - 2);
    solo_send(&s, from);
    assert_int_equal(s.node->delivered, 2);
    assert_true(solo_take(&s, to));
    assert_true(slice_equal(buf_slice(&s.rpc), slice_of(one.data + 2, one.size - 2)));
    assert_true(solo_take(&s, to));
    assert_true(slice_equal(buf_slice(&s.rpc), slice_of(two.data + 2, two.size - 2)));
    span_unref(one);
    span_unref(two);
    solo_free(&s);
}

static void a_message_never_goes_back_to_its_author(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t from = solo_join(&s, false), author = solo_join(&s, false);
    struct peerid id = gossip_puppet_id(author);
    struct identity identity = {.id = id};
    struct span frame;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, from, T);
    solo_graft(&s, author, T);
    gossip_puppet_drain(s.net, 0, author);
    config.identity = &identity;
    frame = signing_compose(&config, slice_text(T), slice_text("hello"), 5);
    assert_int_equal(solo_feed(&s, from, frame), ERR_OK);
    assert_int_equal(s.node->counts[TRACE_DELIVER], 1);
    assert_false(solo_take(&s, author));
    span_unref(frame);
    solo_free(&s);
}

static void messages_against_the_policy_are_refused(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    uint32_t peer;
    struct span frame, bare;
    struct blob *broken;

    (void)state;
    bare = solo_foreign_frame(&config, 1, 1, 100);
    config.signing = GOSSIPSUB_STRICT_SIGN;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    gossip_subscribe(s.net, 0, T);
    frame = solo_foreign_frame(&config, 1, 2, 100);
    assert_int_equal(solo_feed(&s, peer, bare), ERR_OK);
    assert_int_equal(s.node->rejects[TRACE_REJECT_MISSING_SIGNATURE], 1);
    broken = blob_copy(span_slice(frame));
    broken->data[80] ^= 1; /* in the data */
    assert_int_equal(solo_feed(&s, peer, (struct span){broken, broken->data, broken->size}),
                     ERR_OK);
    assert_int_equal(s.node->rejects[TRACE_REJECT_INVALID_SIGNATURE], 1);
    assert_int_equal(solo_feed(&s, peer, frame), ERR_OK); /* the good one is still new */
    assert_int_equal(s.node->counts[TRACE_DELIVER], 1);
    blob_unref(broken);
    solo_free(&s);
    config.signing = GOSSIPSUB_STRICT_NO_SIGN;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    gossip_subscribe(s.net, 0, T);
    assert_int_equal(solo_feed(&s, peer, frame), ERR_OK);
    assert_int_equal(s.node->rejects[TRACE_REJECT_UNEXPECTED_SIGNATURE], 1);
    assert_int_equal(s.node->delivered, 0);
    solo_free(&s);
    span_unref(frame);
    span_unref(bare);
}

static void our_own_message_from_somebody_else_is_refused(void **state)
{
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);
    struct chain out;
    struct span frame;

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    gossip_puppet_drain(s.net, 0, peer);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 100), ERR_OK);
    assert_int_equal(s.node->counts[TRACE_PUBLISH], 1);
    assert_int_equal(s.node->delivered, 1);
    chain_init(&out);
    assert_true(gossipsub_pull(s.node->g, 0, peer, &out));
    frame = chain_take(&out, out.size);
    assert_int_equal(solo_feed(&s, peer, frame), ERR_OK);
    assert_int_equal(s.node->rejects[TRACE_REJECT_SELF_ORIGIN], 1);
    assert_int_equal(s.node->delivered, 1);
    span_unref(frame);
    solo_free(&s);
}

static void messages_of_other_topics_are_skipped_silently(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false);
    struct span frame = solo_foreign_frame(&config, 1, 1, 100);

    (void)state;
    assert_int_equal(solo_feed(&s, peer, frame), ERR_OK);
    assert_int_equal(s.node->counts[TRACE_ARRIVE] + s.node->counts[TRACE_REJECT], 0);
    span_unref(frame);
    solo_free(&s);
}

static void a_verdict_stops_a_message_and_its_copies(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s = solo_default();
    uint32_t peer = solo_join(&s, false), other = solo_join(&s, false);
    struct span frame = solo_foreign_frame(&config, 1, 1, 100),
                next = solo_foreign_frame(&config, 1, 2, 100);

    (void)state;
    gossip_subscribe(s.net, 0, T);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, other, T);
    gossip_puppet_drain(s.net, 0, other);
    s.node->verdict = GOSSIPSUB_REJECT;
    solo_feed(&s, peer, frame);
    s.node->verdict = GOSSIPSUB_IGNORE;
    solo_feed(&s, peer, next);
    s.node->verdict = GOSSIPSUB_ACCEPT;
    solo_feed(&s, other, frame);
    assert_int_equal(s.node->rejects[TRACE_REJECT_INVALID], 1);
    assert_int_equal(s.node->rejects[TRACE_REJECT_IGNORED], 1);
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 1);
    assert_int_equal(s.node->delivered, 0);
    assert_false(solo_take(&s, other));
    span_unref(frame);
    span_unref(next);
    solo_free(&s);
}

static void a_full_validation_queue_drops_and_lets_a_later_copy_in(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    uint32_t peer;
    struct span frames[40];

    (void)state;
    config.validation_delay_ns = 50 * MS;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    gossip_subscribe(s.net, 0, T);
    gossip_run(s.net, 10 * MS);
    for (uint32_t i = 0; i < 40; i++) {
        frames[i] = solo_foreign_frame(&config, 1, i, 100);
        solo_feed(&s, peer, frames[i]);
    }
    assert_int_equal(s.node->counts[TRACE_ARRIVE], 32);
    assert_int_equal(s.node->rejects[TRACE_REJECT_QUEUE_FULL], 8);
    assert_int_equal(gossipsub_deadline(s.node->g), 60 * MS);
    gossip_run(s.net, 50 * MS);
    assert_int_equal(s.node->delivered, 32);
    for (uint32_t i = 0; i < 40; i++)
        solo_feed(&s, peer, frames[i]);
    assert_int_equal(s.node->counts[TRACE_DUPLICATE], 32);
    gossip_run(s.net, 50 * MS);
    assert_int_equal(s.node->delivered, 40);
    for (uint32_t i = 0; i < 40; i++)
        span_unref(frames[i]);
    solo_free(&s);
}

static void topics_are_validated_side_by_side_each_with_its_delay(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    struct span slow, fast;
    uint32_t peer;

    (void)state;
    config.validation_delay_ns = 50 * MS;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    gossip_subscribe(s.net, 0, T);
    gossip_subscribe(s.net, 0, "slow");
    gossipsub_validation_delay(s.node->g, slice_text("slow"), 200 * MS);
    config.identity = &(struct identity){.id = gossip_puppet_id(99)};
    slow = signing_compose(&config, slice_text("slow"), slice_text("hello"), 1);
    fast = signing_compose(&config, slice_text(T), slice_text("hello"), 2);
    solo_feed(&s, peer, slow);
    gossip_run(s.net, 10 * MS);
    solo_feed(&s, peer, fast);
    assert_int_equal(gossipsub_deadline(s.node->g), 60 * MS);
    gossip_run(s.net, 50 * MS);
    assert_int_equal(s.node->delivered, 1);
    gossip_unsubscribe(s.net, 0, "slow"); /* the delay outlives the subscription */
    gossip_subscribe(s.net, 0, "slow");
    gossip_run(s.net, 139 * MS);
    assert_int_equal(s.node->delivered, 1);
    gossip_run(s.net, 1 * MS);
    assert_int_equal(s.node->delivered, 2);
    span_unref(slow);
    slow = signing_compose(&config, slice_text("slow"), slice_text("again"), 3);
    gossipsub_validation_delay(s.node->g, slice_text("slow"), 0);
    solo_feed(&s, peer, slow);
    assert_int_equal(s.node->delivered, 3);
    span_unref(slow);
    span_unref(fast);
    solo_free(&s);
}

/* The sender leaves while its message is under validation, and its slot goes to another peer. */
static void a_reused_slot_is_not_mistaken_for_the_sender(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;
    uint32_t peer;
    struct peerid id;
    struct span frame = solo_foreign_frame(&config, 1, 1, 100);

    (void)state;
    config.validation_delay_ns = 50 * MS;
    s = solo_new(&config);
    peer = solo_join(&s, false);
    gossip_subscribe(s.net, 0, T);
    solo_feed(&s, peer, frame);
    gossipsub_peer_remove(s.node->g, 0, peer);
    gossipsub_inbound_closed(s.node->g, 0, peer);
    id = gossip_puppet_id(77);
    gossipsub_peer_add(s.node->g, 0, peer, &id, GOSSIPSUB_V11, false);
    solo_subscribe(&s, peer, T);
    solo_graft(&s, peer, T);
    gossip_puppet_drain(s.net, 0, peer);
    gossip_run(s.net, 60 * MS);
    assert_true(solo_take(&s, peer));
    assert_int_equal(solo_message_count(&s), 1);
    span_unref(frame);
    solo_free(&s);
}

static void publishing_too_much_or_twice_is_an_error(void **state)
{
    struct gossipsub_config config = gossip_config();
    struct solo s;

    (void)state;
    config.params.rpc_size_max = 4096;
    config.message_id = gossipsub_id_sha256;
    s = solo_new(&config);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 5000), ERR_TOO_LARGE);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 3000), ERR_OK);
    assert_int_equal(gossip_publish(s.net, 0, T, 1, 3000), ERR_DUPLICATE);
    assert_int_equal(s.node->counts[TRACE_PUBLISH], 1);
    solo_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_forwarded_as_the_very_bytes_it_came_in),
        cmocka_unit_test(a_message_beside_other_things_gets_a_frame_of_its_own),
        cmocka_unit_test(a_message_never_goes_back_to_its_author),
        cmocka_unit_test(messages_against_the_policy_are_refused),
        cmocka_unit_test(our_own_message_from_somebody_else_is_refused),
        cmocka_unit_test(messages_of_other_topics_are_skipped_silently),
        cmocka_unit_test(a_verdict_stops_a_message_and_its_copies),
        cmocka_unit_test(a_full_validation_queue_drops_and_lets_a_later_copy_in),
        cmocka_unit_test(topics_are_validated_side_by_side_each_with_its_delay),
        cmocka_unit_test(a_reused_slot_is_not_mistaken_for_the_sender),
        cmocka_unit_test(publishing_too_much_or_twice_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
