/* stack/transport/multistream: transcripts of real peers, every refusal, and two machines that
 * talk. */
#include "tests/lib/test.h"

#include "stack/base/err.h"
#include "stack/transport/multistream.h"

#define HEADER "13 2f6d756c746973747265616d2f312e302e300a "
#define NOISE "07 2f6e6f6973650a "
#define TLS "0b 2f746c732f312e302e300a "
#define MESHSUB "0f 2f6d6573687375622f312e312e300a "
#define NA "03 6e610a "

static const char *const security_ids[] = {"/tls/1.0.0", "/noise"};
static const struct protocol_list security = {security_ids, 2};
static const struct protocol_list noise_only = {security_ids + 1, 1};
static const char *const meshsub_ids[] = {"/meshsub/1.2.0", "/meshsub/1.1.0"};
static const struct protocol_list meshsub = {meshsub_ids, 2};

struct side {
    struct multistream m;
    struct chain in, out;
    size_t chosen;
    int status;
};

static void side_init(struct side *s)
{
    *s = (struct side){.status = MULTISTREAM_MORE};
}

static void side_deinit(struct side *s)
{
    chain_deinit(&s->in);
    chain_deinit(&s->out);
}

static void side_feed(void *ctx, struct slice piece)
{
    struct side *s = ctx;

    chain_append(&s->in, piece);
    if (s->status == MULTISTREAM_MORE)
        s->status = multistream_feed(&s->m, &s->in, &s->out, &s->chosen);
}

static void side_feed_hex(struct side *s, const char *hex)
{
    struct blob *b = hex_blob(hex);

    side_feed(s, blob_slice(b));
    blob_unref(b);
}

static void an_initiator_writes_header_and_proposal_at_once_and_goes_down_its_list(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_propose(&s.m, security, &s.out);
    assert_chain_hex(&s.out, HEADER TLS);
    chain_drop(&s.out, s.out.size);
    side_feed_hex(&s, HEADER NA);
    assert_int_equal(s.status, MULTISTREAM_MORE);
    assert_chain_hex(&s.out, NOISE);
    side_feed_hex(&s, NOISE "0020");
    assert_int_equal(s.status, MULTISTREAM_DONE);
    assert_int_equal(s.chosen, 1);
    assert_chain_hex(&s.in, "0020");
    side_deinit(&s);
}

static void an_initiator_whose_list_is_refused_gives_up(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_propose(&s.m, security, &s.out);
    side_feed_hex(&s, HEADER NA NA);
    assert_int_equal(s.status, ERR_UNSUPPORTED);
    side_deinit(&s);
}

static void an_initiator_refuses_an_answer_to_another_question(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_propose(&s.m, security, &s.out);
    side_feed_hex(&s, HEADER NOISE);
    assert_int_equal(s.status, ERR_PROTOCOL);
    side_deinit(&s);
}

static void a_responder_speaks_first_refuses_and_accepts(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_listen(&s.m, noise_only, &s.out);
    assert_chain_hex(&s.out, HEADER);
    side_feed_hex(&s, HEADER TLS); /* as go dials by default */
    assert_chain_hex(&s.out, HEADER NA);
    side_feed_hex(&s, NOISE);
    assert_int_equal(s.status, MULTISTREAM_DONE);
    assert_int_equal(s.chosen, 0);
    assert_chain_hex(&s.out, HEADER NA NOISE);
    side_deinit(&s);
}

/* go, when it knows our protocols: header, protocol and the first application bytes in one write.
 */
static void bytes_of_a_lazy_stream_are_left_for_its_protocol(void **state)
{
    struct blob *lazy = hex_blob(HEADER MESHSUB "0e0a0c08011208");
    struct rng r;

    (void)state;
    rng_init(&r, 1, "lazy");
    for (int round = 0; round < 100; round++) {
        struct side s;

        side_init(&s);
        multistream_listen(&s.m, meshsub, &s.out);
        split_feed(&r, blob_slice(lazy), side_feed, &s);
        assert_int_equal(s.status, MULTISTREAM_DONE);
        assert_int_equal(s.chosen, 1);
        assert_chain_hex(&s.in, "0e0a0c08011208");
        assert_chain_hex(&s.out, HEADER MESHSUB);
        side_deinit(&s);
    }
    blob_unref(lazy);
}

static void the_list_command_is_refused_like_an_unknown_protocol(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_listen(&s.m, noise_only, &s.out);
    side_feed_hex(&s, HEADER "03 6c730a");
    assert_chain_hex(&s.out, HEADER NA);
    assert_int_equal(s.status, MULTISTREAM_MORE);
    side_deinit(&s);
}

static void a_responder_gives_up_after_so_many_proposals(void **state)
{
    struct side s;

    (void)state;
    side_init(&s);
    multistream_listen(&s.m, noise_only, &s.out);
    side_feed_hex(&s, HEADER);
    for (int i = 1; i < MULTISTREAM_PROPOSALS_MAX; i++)
        side_feed_hex(&s, TLS);
    assert_int_equal(s.status, MULTISTREAM_MORE);
    side_feed_hex(&s, TLS);
    assert_int_equal(s.status, ERR_UNSUPPORTED);
    side_deinit(&s);
}

static void assert_listener_answers(const char *hex, int status)
{
    struct side s;

    side_init(&s);
    multistream_listen(&s.m, noise_only, &s.out);
    side_feed_hex(&s, hex);
    assert_int_equal(s.status, status);
    side_deinit(&s);
}

static void bytes_that_are_no_message_are_refused(void **state)
{
    (void)state;
    assert_listener_answers(NOISE, ERR_PROTOCOL); /* no header */
    assert_listener_answers("13 2f6d756c746973747265616d2f312e302e30 20", ERR_MALFORMED);
    assert_listener_answers(HEADER "00", ERR_MALFORMED);      /* no room for the newline */
    assert_listener_answers(HEADER "8100", ERR_MALFORMED);    /* not minimal */
    assert_listener_answers(HEADER "8108", ERR_TOO_LARGE);    /* 1025 */
    assert_listener_answers(HEADER "ffff", ERR_TOO_LARGE);    /* longer than any */
    assert_listener_answers(HEADER "8008", MULTISTREAM_MORE); /* 1024 */
    assert_listener_answers(HEADER "80", MULTISTREAM_MORE);
    assert_listener_answers("", MULTISTREAM_MORE);
    assert_listener_answers("474554202f20485454502f312e310d0a", MULTISTREAM_MORE); /* waits: 71 */
}

static void a_message_of_the_largest_size_is_read(void **state)
{
    struct side s;
    struct blob *b = blob_new(1026);

    (void)state;
    side_init(&s);
    multistream_listen(&s.m, noise_only, &s.out);
    side_feed_hex(&s, HEADER);
    memset(b->data, 'x', b->size);
    b->data[0] = 0x80;
    b->data[1] = 0x08;
    b->data[1025] = '\n';
    side_feed(&s, blob_slice(b));
    assert_chain_hex(&s.out, HEADER NA);
    assert_int_equal(s.in.size, 0);
    blob_unref(b);
    side_deinit(&s);
}

static void carry(struct rng *r, struct side *from, struct side *to)
{
    size_t size = from->out.size;
    struct span s;

    if (size == 0 || to->status != MULTISTREAM_MORE)
        return;
    s = chain_take(&from->out, 1 + (size_t)rng_below(r, size));
    side_feed(to, span_slice(s));
    span_unref(s);
}

static size_t random_list(struct rng *r, const char **ids)
{
    static const char *const known[] = {"/a", "/b/1.0.0", "/noise", "/meshsub/1.1.0", "/x/y/z"};
    uint32_t order[] = {0, 1, 2, 3, 4};
    size_t count = 1 + (size_t)rng_below(r, 5);

    rng_shuffle_u32(r, order, 5);
    for (size_t i = 0; i < count; i++)
        ids[i] = known[order[i]];
    return count;
}

static void two_sides_settle_on_the_first_proposal_they_share(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 2, "settle");
    for (int round = 0; round < 500; round++) {
        const char *ours[5], *theirs[5];
        struct protocol_list a = {ours, random_list(&r, ours)},
                             b = {theirs, random_list(&r, theirs)};
        struct side initiator, responder;
        size_t i, j = 0;

        side_init(&initiator);
        side_init(&responder);
        multistream_propose(&initiator.m, a, &initiator.out);
        multistream_listen(&responder.m, b, &responder.out);
        while ((initiator.out.size && responder.status == MULTISTREAM_MORE) ||
               (responder.out.size && initiator.status == MULTISTREAM_MORE)) {
            carry(&r, &initiator, &responder);
            carry(&r, &responder, &initiator);
        }
        for (i = 0; i < a.count; i++) {
            for (j = 0; j < b.count && a.ids[i] != b.ids[j]; j++)
                ;
            if (j < b.count)
                break;
        }
        if (i < a.count) {
            assert_int_equal(initiator.status, MULTISTREAM_DONE);
            assert_int_equal(responder.status, MULTISTREAM_DONE);
            assert_int_equal(initiator.chosen, i);
            assert_int_equal(responder.chosen, j);
        } else {
            assert_int_equal(initiator.status, ERR_UNSUPPORTED);
        }
        side_deinit(&initiator);
        side_deinit(&responder);
    }
}

static void garbage_is_refused_or_waited_for_within_the_limit(void **state)
{
    struct rng r;

    (void)state;
    rng_init(&r, 3, "garbage");
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[1500];
        struct side s;

        side_init(&s);
        if (rng_chance(&r, 1, 2))
            multistream_listen(&s.m, security, &s.out);
        else
            multistream_propose(&s.m, security, &s.out);
        if (rng_chance(&r, 3, 4))
            side_feed_hex(&s, HEADER);
        rng_fill(&r, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) /* newlines and small lengths in number */
            if (rng_chance(&r, 1, 3))
                bytes[i] = rng_chance(&r, 1, 2) ? '\n' : (uint8_t)rng_below(&r, 4);
        split_feed(&r, slice_of(bytes, sizeof bytes), side_feed, &s);
        assert_true(s.status < 0 || s.in.size <= MULTISTREAM_MESSAGE_MAX + 2);
        side_deinit(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_initiator_writes_header_and_proposal_at_once_and_goes_down_its_list),
        cmocka_unit_test(an_initiator_whose_list_is_refused_gives_up),
        cmocka_unit_test(an_initiator_refuses_an_answer_to_another_question),
        cmocka_unit_test(a_responder_speaks_first_refuses_and_accepts),
        cmocka_unit_test(bytes_of_a_lazy_stream_are_left_for_its_protocol),
        cmocka_unit_test(the_list_command_is_refused_like_an_unknown_protocol),
        cmocka_unit_test(a_responder_gives_up_after_so_many_proposals),
        cmocka_unit_test(bytes_that_are_no_message_are_refused),
        cmocka_unit_test(a_message_of_the_largest_size_is_read),
        cmocka_unit_test(two_sides_settle_on_the_first_proposal_they_share),
        cmocka_unit_test(garbage_is_refused_or_waited_for_within_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
