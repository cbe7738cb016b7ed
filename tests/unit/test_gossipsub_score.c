/* Peer scores: the numeric scenarios of go-libp2p-pubsub's score tests, to 1e-9, in virtual time. */
#include "stack/gossipsub/score.h"

#include "tests/lib/test.h"

#include <math.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define TOPIC slice_text("mytopic")

static const uint8_t secret[16];

struct bench {
    struct score_params params;
    struct score_topic topic;
    struct score *score;
    uint64_t now_ns;
};

static struct bench bench_of(struct score_topic_params t)
{
    struct bench b = {.params = score_params_default(), .topic = {"mytopic", t}};

    return b;
}

/* Begins; parameters may be changed before. */
static void start(struct bench *b)
{
    char why[SCORE_TEXT_MAX];

    b->params.topics = &b->topic;
    b->params.topic_count = 1;
    if (!score_params_check(&b->params, why))
        fail_msg("%s", why);
    b->score = score_new(&b->params, 0);
    assert_int_equal(score_topic(b->score, TOPIC), 0);
}

static void add(struct bench *b, uint32_t slot)
{
    score_peer_add(b->score, slot, 1000 + slot, NULL, 0);
}

static struct seen_key message(uint32_t number)
{
    uint8_t id[4];

    store_be32(id, number);
    return seen_key_of(secret, slice_of(id, sizeof id));
}

static void deliver(struct bench *b, uint32_t slot, uint32_t number)
{
    struct seen_key key = message(number);

    score_validate(b->score, b->now_ns, &key);
    score_deliver(b->score, b->now_ns, slot, 0, &key);
}

static void duplicate(struct bench *b, uint32_t slot, uint32_t number)
{
    struct seen_key key = message(number);

    score_duplicate(b->score, b->now_ns, slot, 0, &key);
}

static void reject(struct bench *b, uint32_t slot, uint32_t number, enum trace_reject why)
{
    struct seen_key key = message(number);

    score_reject(b->score, b->now_ns, slot, 0, &key, why);
}

static void decay_at(struct bench *b, uint64_t now_ns)
{
    b->now_ns = now_ns;
    score_decay(b->score, now_ns);
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * (fabs(want) > 1 ? fabs(want) : 1)))
        fail_msg("%.12g, not %.12g", got, want);
}

static void time_in_the_mesh_is_rewarded_up_to_its_cap(void **state)
{
    (void)state;
    for (int capped = 0; capped < 2; capped++) {
        struct bench b = bench_of((struct score_topic_params){.topic_weight = 0.5,
                                                              .time_in_mesh_weight = 1,
                                                              .time_in_mesh_quantum_ns = MS,
                                                              .time_in_mesh_cap = capped ? 10 : 3600,
                                                              .skip_atomic_validation = true});

        start(&b);
        add(&b, 0);
        assert_near(score_of(b.score, 0), 0);
        score_graft(b.score, 0, 0, 0);
        decay_at(&b, 200 * MS);
        assert_near(score_of(b.score, 0), capped ? 5 : 100);
        score_prune(b.score, 0, 0);
        assert_near(score_of(b.score, 0), 0);
        score_free(b.score);
    }
}

static struct score_topic_params first_deliveries(double decay, double cap)
{
    return (struct score_topic_params){.topic_weight = 1,
                                       .first_message_deliveries_weight = 1,
                                       .first_message_deliveries_decay = decay,
                                       .first_message_deliveries_cap = cap,
                                       .skip_atomic_validation = true};
}

static void first_deliveries_count_once_each_up_to_their_cap_and_decay(void **state)
{
    (void)state;
    for (int capped = 0; capped < 2; capped++) {
        struct bench b = bench_of(first_deliveries(0.9, capped ? 50 : 2000));
        double want = capped ? 50 : 100;

        start(&b);
        add(&b, 0);
        score_graft(b.score, 0, 0, 0);
        for (uint32_t i = 0; i < 100; i++)
            deliver(&b, 0, i);
        assert_near(score_of(b.score, 0), want);
        for (uint32_t i = 1; i <= 11; i++) {
            decay_at(&b, i * SECOND);
            want *= 0.9;
            assert_near(score_of(b.score, 0), want);
        }
        for (uint32_t i = 12; i < 200; i++)
            decay_at(&b, i * SECOND);
        assert_true(score_of(b.score, 0) == 0); /* below DecayToZero */
        score_free(b.score);
    }
}

static struct score_topic_params mesh_deliveries(double weight)
{
    return (struct score_topic_params){.topic_weight = 1,
                                       .mesh_message_deliveries_weight = weight,
                                       .mesh_message_deliveries_activation_ns = SECOND,
                                       .mesh_message_deliveries_window_ns = 10 * MS,
                                       .mesh_message_deliveries_threshold = 20,
                                       .mesh_message_deliveries_cap = 100,
                                       .mesh_message_deliveries_decay = 1 - 1e-12, /* go's tests have 1.0 */
                                       .skip_atomic_validation = true};
}

static void who_delivers_too_little_into_the_mesh_loses_the_square_of_what_lacks(void **state)
{
    struct bench b = bench_of(mesh_deliveries(-1));

    (void)state;
    start(&b);
    for (uint32_t slot = 0; slot < 3; slot++) {
        add(&b, slot);
        score_graft(b.score, 0, slot, 0);
    }
    decay_at(&b, SECOND); /* not longer than the activation: nothing yet */
    for (uint32_t slot = 0; slot < 3; slot++)
        assert_near(score_of(b.score, slot), 0);
    decay_at(&b, 2 * SECOND); /* now all lack 20 */
    for (uint32_t slot = 0; slot < 3; slot++)
        assert_near(score_of(b.score, slot), -400);
    for (uint32_t i = 0; i < 100; i++) { /* 0 delivers, 1 within the window, 2 behind it */
        struct seen_key key = message(i);

        score_validate(b.score, b.now_ns, &key);
        duplicate(&b, 1, i); /* during validation: counts once it is delivered */
        score_deliver(b.score, b.now_ns, 0, 0, &key);
        b.now_ns += 30 * MS;
        duplicate(&b, 2, i);
        duplicate(&b, 1, i); /* again: no credit */
    }
    assert_near(score_of(b.score, 0), 0);
    assert_near(score_of(b.score, 1), 0);
    assert_near(score_of(b.score, 2), -400);
    assert_near(score_counters_of(b.score, 1, 0)->mesh, 100);
    score_free(b.score);
}

static void a_duplicate_within_the_window_counts_and_one_at_its_end_too(void **state)
{
    struct bench b = bench_of(mesh_deliveries(-1));

    (void)state;
    start(&b);
    add(&b, 0);
    add(&b, 1);
    score_graft(b.score, 0, 1, 0);
    deliver(&b, 0, 1);
    b.now_ns += 10 * MS;
    duplicate(&b, 1, 1);
    assert_near(score_counters_of(b.score, 1, 0)->mesh, 1);
    deliver(&b, 0, 2);
    b.now_ns += 10 * MS + 1;
    duplicate(&b, 1, 2);
    assert_near(score_counters_of(b.score, 1, 0)->mesh, 1);
    score_free(b.score);
}

static void mesh_deliveries_decay(void **state)
{
    struct score_topic_params t = mesh_deliveries(-1);
    struct bench b;
    double counter = 40;

    (void)state;
    t.mesh_message_deliveries_decay = 0.9;
    b = bench_of(t);
    start(&b);
    add(&b, 0);
    score_graft(b.score, 0, 0, 0);
    for (uint32_t i = 0; i < 40; i++)
        deliver(&b, 0, i);
    for (uint32_t i = 1; i <= 20; i++) {
        decay_at(&b, (i + 1) * SECOND);
        counter *= 0.9;
        assert_near(score_of(b.score, 0), counter < 20 ? -(20 - counter) * (20 - counter) : 0);
    }
    score_free(b.score);
}

static void a_prune_makes_the_lack_a_sticky_penalty(void **state)
{
    struct score_topic_params t = mesh_deliveries(0);
    struct bench b;

    (void)state;
    t.mesh_failure_penalty_weight = -1;
    t.mesh_failure_penalty_decay = 0.5;
    t.mesh_message_deliveries_weight = 0; /* P3 itself is off */
    b = bench_of(t);
    start(&b);
    for (uint32_t slot = 0; slot < 2; slot++) {
        add(&b, slot);
        score_graft(b.score, 0, slot, 0);
    }
    for (uint32_t i = 0; i < 100; i++)
        deliver(&b, 0, i);
    decay_at(&b, 2 * SECOND);
    assert_near(score_of(b.score, 0), 0);
    assert_near(score_of(b.score, 1), 0); /* nothing before the prune */
    score_prune(b.score, 1, 0);
    assert_near(score_of(b.score, 1), -400);
    decay_at(&b, 3 * SECOND);
    assert_near(score_of(b.score, 1), -200);
    score_free(b.score);
}

static void the_lack_goes_on_counting_after_a_prune_until_the_next_graft(void **state)
{
    struct bench b = bench_of(mesh_deliveries(-1));

    (void)state;
    start(&b);
    add(&b, 0);
    score_graft(b.score, 0, 0, 0);
    decay_at(&b, 2 * SECOND);
    score_prune(b.score, 0, 0);
    assert_near(score_of(b.score, 0), -400);
    score_graft(b.score, b.now_ns, 0, 0);
    assert_near(score_of(b.score, 0), 0);
    score_free(b.score);
}

static struct score_topic_params invalid_deliveries(double decay)
{
    return (struct score_topic_params){.topic_weight = 1,
                                       .invalid_message_deliveries_weight = -1,
                                       .invalid_message_deliveries_decay = decay,
                                       .skip_atomic_validation = true};
}

static void invalid_messages_cost_the_square_of_their_number_and_decay(void **state)
{
    struct bench b = bench_of(invalid_deliveries(0.9));
    double counter = 100;

    (void)state;
    start(&b);
    add(&b, 0);
    score_graft(b.score, 0, 0, 0);
    for (uint32_t i = 0; i < 100; i++)
        reject(&b, 0, i, TRACE_REJECT_INVALID_SIGNATURE);
    assert_near(score_of(b.score, 0), -10000);
    for (uint32_t i = 1; i <= 10; i++) {
        decay_at(&b, i * SECOND);
        counter *= 0.9;
        assert_near(score_of(b.score, 0), -counter * counter);
    }
    score_free(b.score);
}

static void what_was_ignored_throttled_or_unread_costs_nothing_what_was_refused_all_who_sent_it(void **state)
{
    static const enum trace_reject harmless[] = {TRACE_REJECT_IGNORED, TRACE_REJECT_THROTTLED,
                                                 TRACE_REJECT_QUEUE_FULL, TRACE_REJECT_BLACKLISTED};
    struct bench b = bench_of(invalid_deliveries(0.9));

    (void)state;
    start(&b);
    add(&b, 0);
    add(&b, 1);
    for (uint32_t i = 0; i < 4; i++) {
        struct seen_key key = message(i);

        score_validate(b.score, 0, &key);
        duplicate(&b, 1, i);
        reject(&b, 0, i, harmless[i]);
        duplicate(&b, 1, i);
        assert_near(score_of(b.score, 0), 0);
        assert_near(score_of(b.score, 1), 0);
    }
    for (uint32_t i = 10; i < 12; i++) {
        struct seen_key key = message(i);

        score_validate(b.score, 0, &key);
        duplicate(&b, 1, i); /* while it is looked at */
        reject(&b, 0, i, TRACE_REJECT_INVALID);
        duplicate(&b, 1, i); /* and once it is known to be bad */
    }
    assert_near(score_of(b.score, 0), -4);
    assert_near(score_of(b.score, 1), -16);
    score_free(b.score);
}

static void an_invalid_message_is_remembered_for_its_time_only(void **state)
{
    struct bench b = bench_of(invalid_deliveries(0.999));
    struct seen_key key = message(1);

    (void)state;
    b.params.seen_msg_ttl_ns = 5 * SECOND;
    start(&b);
    add(&b, 0);
    add(&b, 1);
    score_validate(b.score, 0, &key);
    reject(&b, 0, 1, TRACE_REJECT_INVALID);
    decay_at(&b, 5 * SECOND);
    duplicate(&b, 1, 1);
    assert_near(score_of(b.score, 1), -1);
    decay_at(&b, 6 * SECOND);
    duplicate(&b, 1, 1);
    assert_near(score_counters_of(b.score, 1, 0)->invalid, 0.999);
    score_free(b.score);
}

static void the_application_has_its_say(void **state)
{
    struct bench b = bench_of(score_topic_params_default());

    (void)state;
    b.params.app_specific_weight = 0.5;
    start(&b);
    add(&b, 0);
    for (int i = -100; i < 100; i += 7) {
        score_app_specific(b.score, 0, i);
        assert_near(score_of(b.score, 0), i * 0.5);
    }
    score_free(b.score);
}

static struct endpoint ip4(uint32_t ip)
{
    return endpoint_ip4(ip, 9000);
}

static void peers_of_one_address_pay_for_it(void **state)
{
    static const struct score_net white[] = {{{10, 0, 0, 0}, false, 8}, {{0x20, 1, 0xd}, true, 20}};
    struct endpoint shared = ip4(0x02030405), single = ip4(0x02030406), loopback = ip4(0x7f000001);
    struct endpoint private_net = ip4(0x0a000001);
    struct bench b = bench_of(score_topic_params_default());

    (void)state;
    b.params.ip_colocation_factor_weight = -1;
    b.params.ip_colocation_factor_threshold = 1;
    b.params.whitelist = white;
    b.params.whitelist_count = 2;
    start(&b);
    score_peer_add(b.score, 0, 100, &single, 0);
    for (uint32_t slot = 1; slot < 4; slot++)
        score_peer_add(b.score, slot, 100 + slot, &shared, 0);
    for (uint32_t slot = 4; slot < 8; slot++)
        score_peer_add(b.score, slot, 100 + slot, slot < 6 ? &loopback : &private_net, 0);
    assert_near(score_of(b.score, 0), 0);
    for (uint32_t slot = 1; slot < 4; slot++)
        assert_near(score_of(b.score, slot), -4);
    for (uint32_t slot = 4; slot < 8; slot++)
        assert_near(score_of(b.score, slot), 0);
    score_peer_remove(b.score, 0, 3); /* kept, as its score is not positive: its address still counts ... */
    assert_near(score_of(b.score, 1), -4);
    decay_at(&b, SECOND); /* ... until it is forgotten */
    assert_near(score_of(b.score, 1), -1);
    score_free(b.score);
}

static void peers_of_one_ipv6_subnet_pay_twice_when_they_share_the_address(void **state)
{
    struct endpoint a = {{0x2a, 1}, 9000, true}, c = a;
    struct bench b = bench_of(score_topic_params_default());

    (void)state;
    c.ip[15] = 7; /* same /64 */
    b.params.ip_colocation_factor_weight = -1;
    b.params.ip_colocation_factor_threshold = 1;
    start(&b);
    score_peer_add(b.score, 0, 1, &a, 0);
    score_peer_add(b.score, 1, 2, &a, 0);
    score_peer_add(b.score, 2, 3, &c, 0);
    assert_near(score_of(b.score, 0), -1 - 4); /* 2 on the address, 3 in the subnet */
    assert_near(score_of(b.score, 2), -4);
    score_free(b.score);
}

static void misbehaviour_costs_its_square_beyond_a_threshold_and_decays(void **state)
{
    for (int threshold = 0; threshold <= 4; threshold += 4) {
        struct bench b = bench_of(score_topic_params_default());

        (void)state;
        b.params.behaviour_penalty_weight = -1;
        b.params.behaviour_penalty_decay = 0.99;
        b.params.behaviour_penalty_threshold = threshold;
        start(&b);
        score_penalty(b.score, 0, 1); /* nobody there: nothing happens */
        add(&b, 0);
        assert_near(score_of(b.score, 0), 0);
        score_penalty(b.score, 0, 1);
        assert_near(score_of(b.score, 0), threshold ? 0 : -1);
        for (int i = 0; i < 5; i++)
            score_penalty(b.score, 0, 1);
        assert_near(score_of(b.score, 0), threshold ? -4 : -36);
        decay_at(&b, SECOND);
        assert_near(score_of(b.score, 0), -(5.94 - threshold) * (5.94 - threshold));
        score_free(b.score);
    }
}

static void a_bad_score_outlives_the_connection_for_a_time_a_good_one_does_not(void **state)
{
    struct bench b = bench_of(first_deliveries(0.9, 100));

    (void)state;
    b.params.app_specific_weight = 1;
    b.params.retain_score_ns = 10 * SECOND;
    b.params.behaviour_penalty_weight = -1;
    b.params.behaviour_penalty_decay = 0.9;
    start(&b);
    add(&b, 0);
    score_penalty(b.score, 0, 3);
    assert_near(score_of(b.score, 0), -9);
    score_peer_remove(b.score, 0, 0);
    assert_near(score_of(b.score, 0), 0); /* nobody is there */
    decay_at(&b, 5 * SECOND);             /* what is kept does not decay */
    score_peer_add(b.score, 7, 1000, NULL, 0);
    assert_near(score_of(b.score, 7), -9);
    score_peer_remove(b.score, b.now_ns, 7);
    score_penalty_of(b.score, 1000, 1); /* of one that is gone */
    decay_at(&b, 15 * SECOND);
    score_peer_add(b.score, 7, 1000, NULL, 0);
    assert_near(score_of(b.score, 7), -16);
    score_peer_remove(b.score, b.now_ns, 7);
    decay_at(&b, 26 * SECOND);
    score_peer_add(b.score, 7, 1000, NULL, 0);
    assert_near(score_of(b.score, 7), 0);
    deliver(&b, 7, 1);
    assert_near(score_of(b.score, 7), 1);
    score_peer_remove(b.score, b.now_ns, 7);
    score_peer_add(b.score, 7, 1000, NULL, 0);
    assert_near(score_of(b.score, 7), 0);
    score_free(b.score);
}

static void leaving_with_a_lack_in_the_mesh_is_remembered_too(void **state)
{
    struct score_topic_params t = mesh_deliveries(-1);
    struct bench b;

    (void)state;
    t.mesh_failure_penalty_weight = -1;
    t.mesh_failure_penalty_decay = 0.9;
    b = bench_of(t);
    b.params.retain_score_ns = 100 * SECOND;
    start(&b);
    add(&b, 0);
    score_graft(b.score, 0, 0, 0);
    decay_at(&b, 2 * SECOND);
    score_peer_remove(b.score, b.now_ns, 0);
    add(&b, 0);
    assert_near(score_of(b.score, 0), -400 - 400); /* P3 is still active, P3b stuck */
    score_free(b.score);
}

static void a_lower_cap_brings_the_counters_down(void **state)
{
    struct score_topic_params t = first_deliveries(0.9999, 1000);
    struct bench b = bench_of(t);

    (void)state;
    start(&b);
    add(&b, 0);
    for (uint32_t i = 0; i < 100; i++)
        deliver(&b, 0, i);
    t.first_message_deliveries_cap = 50;
    score_topic_set(b.score, 0, &t);
    assert_near(score_of(b.score, 0), 50);
    t.first_message_deliveries_weight = 10;
    score_topic_set(b.score, 0, &t);
    assert_near(score_of(b.score, 0), 500);
    score_free(b.score);
}

static void topics_add_up_to_their_cap(void **state)
{
    const struct score_topic topics[] = {{"a", first_deliveries(0.9, 100)}, {"*", first_deliveries(0.9, 100)}};
    struct score_params params = score_params_default();
    struct seen_key key = message(1);
    struct score *s;

    (void)state;
    params.topics = topics;
    params.topic_count = 2;
    params.topic_score_cap = 3;
    s = score_new(&params, 0);
    assert_int_equal(score_topic(s, slice_text("a")), 0);
    assert_int_equal(score_topic(s, slice_text("b")), 1); /* by "*" */
    assert_int_equal(score_topic(s, slice_text("a")), 0);
    score_peer_add(s, 3, 1, NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        key = message(i);
        score_deliver(s, 0, 3, (uint16_t)i, &key);
    }
    assert_near(score_of(s, 3), 2);
    for (uint32_t i = 2; i < 20; i++) {
        key = message(i);
        score_deliver(s, 0, 3, 1, &key);
    }
    assert_near(score_of(s, 3), 3);
    assert_near(score_trace_of(s, 3).p2, 20);
    score_free(s);
    params.topic_count = 1;
    s = score_new(&params, 0);
    assert_int_equal(score_topic(s, slice_text("b")), SCORE_NO_TOPIC);
    score_free(s);
}

static void a_decay_factor_brings_one_to_zero_in_its_time(void **state)
{
    (void)state;
    assert_near(score_decay_factor(600 * SECOND, SECOND, 0.01), pow(0.01, 1.0 / 600));
    assert_near(score_decay_factor(3600 * SECOND, SECOND, 0.01), pow(0.01, 1.0 / 3600));
    assert_near(score_decay_factor(SECOND, SECOND, 0.01), 0.01);
    assert_true(score_decay_factor(SECOND / 2, SECOND, 0.01) == 0);
}

/* A valid parameter set, of which each case changes one thing; what go's tests try. */
static struct score_topic_params full_topic(void)
{
    return (struct score_topic_params){.topic_weight = 1,
                                       .time_in_mesh_weight = 0.01,
                                       .time_in_mesh_quantum_ns = SECOND,
                                       .time_in_mesh_cap = 10,
                                       .first_message_deliveries_weight = 1,
                                       .first_message_deliveries_decay = 0.5,
                                       .first_message_deliveries_cap = 10,
                                       .mesh_message_deliveries_weight = -1,
                                       .mesh_message_deliveries_decay = 0.5,
                                       .mesh_message_deliveries_cap = 10,
                                       .mesh_message_deliveries_threshold = 5,
                                       .mesh_message_deliveries_window_ns = MS,
                                       .mesh_message_deliveries_activation_ns = SECOND,
                                       .mesh_failure_penalty_weight = -1,
                                       .mesh_failure_penalty_decay = 0.5,
                                       .invalid_message_deliveries_weight = -1,
                                       .invalid_message_deliveries_decay = 0.5};
}

static const double values[] = {-1, 0, 0.5, 1, 2, NAN, INFINITY, -INFINITY};
#define VALUES (sizeof values / sizeof *values)

/* Which of the values a parameter takes: bit i, values[i]. */
#define NEGATIVE_OR_0 0x03u
#define POSITIVE_OR_0 0x1eu
#define POSITIVE 0x1cu
#define FRACTION 0x04u

static void parameters_of_a_topic_are_refused_as_go_refuses_them(void **state)
{
    struct score_topic_params p = full_topic(), none = {0};
    const struct {
        double *at;
        unsigned takes;
    } cases[] = {{&p.topic_weight, POSITIVE_OR_0},
                 {&p.time_in_mesh_weight, POSITIVE_OR_0},
                 {&p.time_in_mesh_cap, POSITIVE},
                 {&p.first_message_deliveries_weight, POSITIVE_OR_0},
                 {&p.first_message_deliveries_decay, FRACTION},
                 {&p.first_message_deliveries_cap, POSITIVE},
                 {&p.mesh_message_deliveries_weight, NEGATIVE_OR_0},
                 {&p.mesh_message_deliveries_decay, FRACTION},
                 {&p.mesh_message_deliveries_cap, POSITIVE},
                 {&p.mesh_message_deliveries_threshold, POSITIVE},
                 {&p.mesh_failure_penalty_weight, NEGATIVE_OR_0},
                 {&p.mesh_failure_penalty_decay, FRACTION},
                 {&p.invalid_message_deliveries_weight, NEGATIVE_OR_0},
                 {&p.invalid_message_deliveries_decay, FRACTION}};

    (void)state;
    assert_null(score_topic_params_check(&p));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double was = *cases[i].at;

        for (size_t k = 0; k < VALUES; k++) {
            *cases[i].at = values[k];
            if ((score_topic_params_check(&p) == NULL) != (cases[i].takes >> k & 1))
                fail_msg("case %zu takes %g: %s", i, values[k], score_topic_params_check(&p));
        }
        *cases[i].at = was;
    }
    p.time_in_mesh_quantum_ns = 0;
    assert_non_null(score_topic_params_check(&p));
    p = full_topic();
    p.mesh_message_deliveries_activation_ns = SECOND - 1;
    assert_non_null(score_topic_params_check(&p));
    assert_non_null(score_topic_params_check(&none)); /* atomic: every group is checked */
    none.skip_atomic_validation = true;
    assert_null(score_topic_params_check(&none));
    none.time_in_mesh_weight = 1; /* but a group that is begun must be complete */
    assert_non_null(score_topic_params_check(&none));
}

static void parameters_are_refused_as_go_refuses_them(void **state)
{
    struct score_params p = score_params_default();
    char why[SCORE_TEXT_MAX];
    const struct {
        double *at;
        unsigned takes;
    } cases[] = {{&p.gossip_threshold, NEGATIVE_OR_0},
                 {&p.publish_threshold, NEGATIVE_OR_0},
                 {&p.graylist_threshold, NEGATIVE_OR_0},
                 {&p.accept_px_threshold, POSITIVE_OR_0},
                 {&p.opportunistic_graft_threshold, POSITIVE_OR_0},
                 {&p.topic_score_cap, POSITIVE_OR_0},
                 {&p.app_specific_weight, 0x1fu},
                 {&p.ip_colocation_factor_weight, NEGATIVE_OR_0},
                 {&p.behaviour_penalty_weight, NEGATIVE_OR_0},
                 {&p.behaviour_penalty_threshold, POSITIVE_OR_0},
                 {&p.behaviour_penalty_decay, FRACTION},
                 {&p.decay_to_zero, FRACTION}};

    (void)state;
    p.ip_colocation_factor_threshold = 1;
    p.behaviour_penalty_weight = -1;
    p.behaviour_penalty_decay = 0.5;
    p.graylist_threshold = p.publish_threshold = p.gossip_threshold = 0;
    assert_true(score_params_check(&p, why));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct score_params was = p;

        if (i < 2) /* those below it must follow */
            p.publish_threshold = p.graylist_threshold = -1;
        for (size_t k = 0; k < VALUES; k++) {
            *cases[i].at = values[k];
            if (score_params_check(&p, why) != (cases[i].takes >> k & 1))
                fail_msg("case %zu takes %g: %s", i, values[k], why);
        }
        p = was;
    }
    p.gossip_threshold = -2;
    p.publish_threshold = -1;
    assert_false(score_params_check(&p, why));
    assert_string_equal(why, "PublishThreshold must be 0 or negative and not above GossipThreshold");
    p.publish_threshold = p.graylist_threshold = -2;
    p.ip_colocation_factor_weight = -1;
    p.ip_colocation_factor_threshold = 0;
    assert_false(score_params_check(&p, why));
    p.ip_colocation_factor_threshold = 1;
    p.decay_interval_ns = SECOND - 1;
    assert_false(score_params_check(&p, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_in_the_mesh_is_rewarded_up_to_its_cap),
        cmocka_unit_test(first_deliveries_count_once_each_up_to_their_cap_and_decay),
        cmocka_unit_test(who_delivers_too_little_into_the_mesh_loses_the_square_of_what_lacks),
        cmocka_unit_test(a_duplicate_within_the_window_counts_and_one_at_its_end_too),
        cmocka_unit_test(mesh_deliveries_decay),
        cmocka_unit_test(a_prune_makes_the_lack_a_sticky_penalty),
        cmocka_unit_test(the_lack_goes_on_counting_after_a_prune_until_the_next_graft),
        cmocka_unit_test(invalid_messages_cost_the_square_of_their_number_and_decay),
        cmocka_unit_test(what_was_ignored_throttled_or_unread_costs_nothing_what_was_refused_all_who_sent_it),
        cmocka_unit_test(an_invalid_message_is_remembered_for_its_time_only),
        cmocka_unit_test(the_application_has_its_say),
        cmocka_unit_test(peers_of_one_address_pay_for_it),
        cmocka_unit_test(peers_of_one_ipv6_subnet_pay_twice_when_they_share_the_address),
        cmocka_unit_test(misbehaviour_costs_its_square_beyond_a_threshold_and_decays),
        cmocka_unit_test(a_bad_score_outlives_the_connection_for_a_time_a_good_one_does_not),
        cmocka_unit_test(leaving_with_a_lack_in_the_mesh_is_remembered_too),
        cmocka_unit_test(a_lower_cap_brings_the_counters_down),
        cmocka_unit_test(topics_add_up_to_their_cap),
        cmocka_unit_test(a_decay_factor_brings_one_to_zero_in_its_time),
        cmocka_unit_test(parameters_of_a_topic_are_refused_as_go_refuses_them),
        cmocka_unit_test(parameters_are_refused_as_go_refuses_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
