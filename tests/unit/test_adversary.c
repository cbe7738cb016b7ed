/* Nodes that are not honest, each behaviour by what it does to an honest network. */
#include "tests/lib/test.h"

#include "sim/run/run.h"
#include "stack/base/err.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETS_MAX 4

/* Whom a publisher and two others know: the adversary between them alone. */
#define BRIDGE                                                                                                            \
    "scenario: t\nduration: 25s\nwarmup: 5s\ncooldown: 3s\nrecord: {hops: all}\nnetwork: {latency: 10ms, tcp: ideal}\n"   \
    "nodes: [{group: pub, count: 2, subscribe: [t, u]}, {group: bad, count: 1, subscribe: [t, u], behaviour: {kind: drop}},"     \
    " {group: far, count: 2, subscribe: [t, u]}]\n"                                                                      \
    "topology: [{kind: fanout, from: pub, to: bad, degree: 1}, {kind: fanout, from: far, to: bad, degree: 1}]\n"         \
    "traffic: [{from: pub-0, topic: t, size: 1 KiB, every: 50ms}, {from: pub-1, topic: u, size: 1 KiB, every: 50ms}]\n"

/* Adversaries among honest nodes that do very well without them. */
#define CROWD_ON(network)                                                                                                 \
    "scenario: t\nduration: 40s\nwarmup: 5s\ncooldown: 5s\nrecord: {hops: all}\n" network                                 \
    "nodes: [{group: good, count: 12, subscribe: [t]}, {group: bad, count: 3, subscribe: [t], behaviour: {kind: drop}}]\n"  \
    "topology: [{kind: random-at-least, among: good, degree: 6}, {kind: fanout, from: bad, to: good, degree: 6}]\n"      \
    "traffic: [{from: good, topic: t, size: 1 KiB, every: 250ms}]\n"
#define CROWD CROWD_ON("network: {latency: 10ms, tcp: ideal}\n")

static char file[] = "/tmp/hearsay-adversary-XXXXXX";
static sqlite3 *db;
static struct record_summary summary;

static int make_file(void **state)
{
    int fd = mkstemp(file);

    (void)state;
    return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static void run_on(const struct world_ops *world, const char *text, uint32_t threads, const char *const *sets)
{
    struct run_options options = {
        .world = world, .database = file, .progress = PROGRESS_OFF, .replay = "again", .threads = threads};
    struct scenario_error err;
    struct run_result result;
    struct scenario s;
    size_t count = 0;

    while (count < SETS_MAX && sets[count])
        count++;
    if (scenario_load_text("t.yaml", slice_text(text), sets, count, &s, &err) != ERR_OK)
        fail_msg("%s", err.text);
    if (run_scenario(&s, &options, NULL, NULL, &result) != RUN_OK)
        fail_msg("%s", result.error);
    summary = result.summary;
    scenario_free(&s);
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
}

#define RUN(text, ...) run_on(&world_des, text, 1, (const char *const[SETS_MAX + 1]){__VA_ARGS__})

static void forget(void)
{
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    summary_deinit(&summary);
}

static int64_t query(const char *sql)
{
    sqlite3_stmt *s;
    int64_t value;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

/* Control items of honest nodes; `type` as in the table. */
static int64_t honest_control(const char *type, int sent)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(items), 0) FROM control JOIN node ON id = node WHERE behaviour IS NULL AND type = '%s' AND sent = %d",
             type, sent);
    return query(sql);
}

#define BEHAVIOUR(text) "nodes.bad.behaviour=" text

/* ---- what becomes of messages ---- */

static void one_that_drops_lets_nothing_through(void **state)
{
    (void)state;
    RUN(BRIDGE, NULL);
    assert_int_equal(summary.messages, 680);
    assert_int_equal(summary.deliveries, 0);
    assert_int_equal(query("SELECT count(*) FROM node WHERE behaviour = 'drop'"), 1);
    /* it is no receiver: only honest nodes are expected to get the messages */
    assert_int_equal(summary.expected, 680 * 3);
    assert_int_equal(query("SELECT copies_received FROM traffic JOIN node ON id = node WHERE grp = 'bad'"), 680);
    forget();
}

static void before_it_attacks_it_relays(void **state)
{
    (void)state;
    RUN(BRIDGE, BEHAVIOUR("{kind: drop, attack_at: 24s}"), NULL);
    assert_int_equal(summary.deliveries, summary.expected);
    assert_int_equal(histogram_quantile(&summary.hops, 500000), 2); /* hops are known through it */
    forget();
    RUN(BRIDGE, BEHAVIOUR("{kind: drop, attack_at: 15s}"), NULL);
    assert_int_equal(query("SELECT count(*) FROM message WHERE deliveries = 3"), 400);
    assert_int_equal(query("SELECT count(*) FROM message WHERE deliveries > 0 AND published_ns >= 15000000000"), 0);
    forget();
}

static void one_that_degrades_loses_its_share(void **state)
{
    (void)state;
    RUN(BRIDGE, BEHAVIOUR("{kind: degrade, share: 30%}"), NULL);
    assert_in_range(summary.deliveries * 100 / summary.expected, 66, 74);
    /* a message is lost for all or for nobody */
    assert_int_equal(query("SELECT count(*) FROM message WHERE deliveries NOT IN (0, 3)"), 0);
    forget();
}

static void a_censor_silences_a_publisher_or_a_topic(void **state)
{
    static const char *const by_publisher[] = {BEHAVIOUR("{kind: censor, publishers: pub-1}"), NULL},
                             *const by_topic[] = {BEHAVIOUR("{kind: censor, topics: [u]}"), NULL},
                             *const by_both[] = {BEHAVIOUR("{kind: censor, publishers: [pub-1, far], topics: t}"), NULL};

    (void)state;
    run_on(&world_des, BRIDGE, 1, by_publisher);
    assert_int_equal(query("SELECT sum(deliveries) FROM message WHERE publisher = 1"), 0);
    assert_int_equal(query("SELECT count(*) FROM message WHERE publisher = 0 AND deliveries = 3"), 340);
    forget();
    run_on(&world_des, BRIDGE, 1, by_topic);
    assert_int_equal(query("SELECT sum(deliveries) FROM message WHERE publisher = 1"), 0);
    assert_int_equal(query("SELECT count(*) FROM message WHERE publisher = 0 AND deliveries = 3"), 340);
    forget();
    run_on(&world_des, BRIDGE, 1, by_both); /* pub-1 says nothing in t */
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void a_delayer_adds_its_delay_and_no_more(void **state)
{
    uint64_t honest_ns;

    (void)state;
    RUN(BRIDGE, BEHAVIOUR("{kind: drop, attack_at: 24s}"), NULL);
    honest_ns = summary.propagation.min;
    forget();
    RUN(BRIDGE, BEHAVIOUR("{kind: delay, delay: 700ms}"), NULL);
    assert_int_equal(summary.deliveries, summary.expected);
    assert_in_range(summary.propagation.min, honest_ns + 699000000, honest_ns + 701000000);
    assert_in_range(summary.propagation.max, honest_ns + 699000000, honest_ns + 702000000);
    forget();
}

/* ---- meshes ---- */

static void it_takes_a_place_in_meshes_only_if_it_asks_or_is_asked(void **state)
{
    (void)state;
    RUN(CROWD, NULL);
    assert_true(query("SELECT count(*) FROM mesh JOIN node a ON a.id = node JOIN node b ON b.id = peer"
                      " WHERE a.behaviour IS NULL AND b.behaviour IS NOT NULL AND graft") > 0);
    assert_true(honest_control("graft", 0) > 0);
    forget();
    RUN(BRIDGE, BEHAVIOUR("{kind: drop, graft: false}"), NULL); /* those who know nobody else ask it */
    assert_int_equal(query("SELECT sum(items) FROM control JOIN node ON id = node WHERE type = 'graft' AND sent AND grp = 'bad'"), 0);
    assert_int_equal(query("SELECT count(*) FROM mesh JOIN node ON id = node WHERE graft AND grp = 'bad'"), 8);
    forget();
}

static void who_was_pruned_comes_back_when_the_backoff_is_over(void **state)
{
    static const char *const sets[] = {"nodes.good.gossipsub={D: 4, D_lo: 2, D_hi: 5, D_out: 1, D_score: 2, prune_backoff: 10s}",
                                       BEHAVIOUR("{kind: drop, regraft: 1s}"), "nodes.bad.start=3s", NULL};

    (void)state;
    run_on(&world_des, CROWD, 1, sets);
    assert_true(honest_control("prune", 1) > 3);
    /* never within the backoff that it was told of */
    assert_int_equal(query("WITH g AS (SELECT at_ns, node, peer, graft, lag(at_ns) OVER w AS before_ns, lag(graft) OVER w AS was"
                           " FROM mesh JOIN node ON id = node WHERE behaviour IS NOT NULL WINDOW w AS (PARTITION BY node, peer ORDER BY at_ns))"
                           " SELECT count(*) FROM g WHERE graft AND was = 0 AND at_ns - before_ns < 10000000000"), 0);
    assert_true(query("WITH g AS (SELECT node, peer, count(*) AS n FROM mesh JOIN node ON id = node"
                      " WHERE behaviour IS NOT NULL AND graft GROUP BY node, peer) SELECT max(n) FROM g") >= 2);
    forget();
}

static void a_graft_flood_minds_no_backoff(void **state)
{
    static const char *const sets[] = {BEHAVIOUR("{kind: graft-flood, every: 100ms}"), "nodes.bad.start=3s",
                                       "nodes.good.gossipsub={D: 4, D_lo: 2, D_hi: 5, D_out: 1, D_score: 2}", NULL};

    (void)state;
    run_on(&world_des, CROWD, 1, sets);
    assert_true(honest_control("graft", 0) > 18 * 300);
    assert_true(honest_control("prune", 1) > 1000); /* each that is refused is answered */
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

/* ---- spam ---- */

static void ihave_spam_makes_honest_nodes_ask_in_vain(void **state)
{
    int64_t asked;

    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: ihave-spam, every: 100ms, ids: 50}"), NULL);
    asked = query("SELECT sum(items) FROM control JOIN node ON id = node WHERE type = 'iwant' AND NOT sent AND grp = 'bad'");
    assert_true(honest_control("ihave", 0) > 18 * 50 * 300);
    assert_true(asked > 1000);
    /* 5000 ids a peer and heartbeat, and ten RPCs */
    assert_true(asked <= 18 * 40 * 500);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void a_broken_promise_is_an_id_that_is_asked_for_and_never_comes(void **state)
{
    int64_t promised, asked;

    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: broken-promises, every: 2s}"), NULL);
    promised = query("SELECT sum(items) FROM control JOIN node ON id = node WHERE type = 'ihave' AND sent AND grp = 'bad'");
    asked = query("SELECT sum(items) FROM control JOIN node ON id = node WHERE type = 'iwant' AND NOT sent AND grp = 'bad'");
    assert_in_range(promised, 18 * 17, 18 * 20);
    assert_in_range(asked, promised - 18, promised);
    forget();
}

static void iwant_spam_gets_three_answers_an_id_and_no_more(void **state)
{
    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: iwant-spam, every: 100ms, ids: 20}"), NULL);
    assert_true(honest_control("iwant", 0) > 18 * 20 * 200);
    assert_true(query("SELECT sum(duplicates) FROM traffic JOIN node ON id = node WHERE grp = 'bad'") > 500);
    /* from each of six peers: what it forwards, and three answers */
    assert_true(query("SELECT max(n) FROM (SELECT count(*) AS n FROM hop JOIN node ON id = node WHERE grp = 'bad'"
                      " GROUP BY message, node, from_node)") == 4);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void invalid_messages_are_rejected_by_who_gets_them_and_go_no_further(void **state)
{
    static const char *const unsigned_sets[] = {BEHAVIOUR("{kind: invalid-messages, every: 1s, messages: 3}"),
                                                "nodes.good.gossipsub={signing: strict-no-sign}",
                                                "nodes.bad.gossipsub={signing: strict-no-sign}", NULL};
    int64_t rejected;

    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: invalid-messages, every: 1s, messages: 3, size: 100 B}"), NULL);
    rejected = query("SELECT sum(messages) FROM loss WHERE reason = 'invalid signature'");
    assert_in_range(rejected, 18 * 3 * 35, 18 * 3 * 40);
    assert_int_equal((int64_t)summary.rejected, rejected);
    assert_int_equal(summary.deliveries, summary.expected);
    assert_int_equal(query("SELECT count(*) FROM message WHERE publisher IS NOT NULL"), 120);
    forget();
    run_on(&world_des, CROWD, 1, unsigned_sets);
    assert_in_range(query("SELECT sum(messages) FROM loss WHERE reason = 'unexpected signature'"), 18 * 3 * 35, 18 * 3 * 40);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void idontwant_spam_costs_honest_nodes_nothing_but_the_reading(void **state)
{
    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: idontwant-spam, every: 100ms, ids: 30}"), NULL);
    assert_true(honest_control("idontwant", 0) > 18 * 30 * 300);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void poisoned_px_sends_peers_to_nowhere_or_into_arms(void **state)
{
    static const char *const lured[] = {
        BEHAVIOUR("{kind: px-poison, every: 1s, peers: 4, lure: bad}"),
        "topology=[{kind: random-at-least, among: good, degree: 6}, {kind: list, edges: [[bad-0, good-0]]}, {kind: ring, among: bad}]",
        NULL};

    (void)state;
    RUN(CROWD, NULL);
    assert_int_equal(summary.dials_failed, 0);
    forget();
    RUN(CROWD, BEHAVIOUR("{kind: px-poison, every: 1s, peers: 4}"), NULL);
    assert_true(summary.dials_failed > 100);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
    run_on(&world_des, CROWD, 1, lured); /* good-0 comes to know all the bad ones */
    assert_int_equal(query("SELECT count(DISTINCT peer) FROM connection JOIN node n ON n.id = peer"
                           " WHERE node = 0 AND event = 'peer-ready' AND grp = 'bad'"), 3);
    forget();
}

/* ---- scores ---- */

#define SCORES                                                                                                            \
    "nodes.good.gossipsub={D: 4, D_lo: 3, D_hi: 6, D_out: 1, D_score: 2, score: {GossipThreshold: -10, PublishThreshold: -50,"   \
    " GraylistThreshold: -80, BehaviourPenaltyWeight: -10, BehaviourPenaltyDecay: 0.99, IPColocationFactorWeight: -5,"           \
    " IPColocationFactorThreshold: 1, topics: {t: {TopicWeight: 1, FirstMessageDeliveriesWeight: 0.1,"                           \
    " FirstMessageDeliveriesDecay: 0.99, FirstMessageDeliveriesCap: 100, MeshMessageDeliveriesWeight: -1,"                       \
    " MeshMessageDeliveriesDecay: 0.99, MeshMessageDeliveriesCap: 20, MeshMessageDeliveriesThreshold: 2,"                        \
    " MeshMessageDeliveriesWindow: 100ms, MeshMessageDeliveriesActivation: 10s, MeshFailurePenaltyWeight: -1,"                   \
    " MeshFailurePenaltyDecay: 0.999, InvalidMessageDeliveriesWeight: -10, InvalidMessageDeliveriesDecay: 0.99}}}}"

/* What the scores say at the end of the run: how many of those about adversaries, or about honest peers, are below 0, in percent. */
static int64_t below_zero(const char *whom)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "SELECT 100 * sum(score < 0) / count(*) FROM score JOIN node n ON n.id = node JOIN node p ON p.id = peer"
             " WHERE n.behaviour IS NULL AND p.behaviour IS %s AND at_ns = (SELECT max(at_ns) FROM score)", whom);
    return query(sql);
}

static void scores_tell_who_attacks(void **state)
{
    static const struct {
        const char *behaviour, *more;
        int64_t least; /* percent of adversaries below 0 */
    } cases[] = {
        {BEHAVIOUR("{kind: drop}"), NULL, 60}, /* those that got into a mesh */
        {BEHAVIOUR("{kind: graft-flood, every: 200ms}"), NULL, 15}, /* those that were refused: the others are in */
        {BEHAVIOUR("{kind: broken-promises, every: 1s, ids: 5}"), NULL, 100},
        {BEHAVIOUR("{kind: ihave-spam}"), NULL, 100},
        {BEHAVIOUR("{kind: invalid-messages}"), NULL, 100},
        {BEHAVIOUR("{kind: drop, graft: false}"), "nodes.bad.per_address=3", 60}, /* where two are connected */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RUN(CROWD, SCORES, cases[i].behaviour, "record={hops: all, scores: 5s}", cases[i].more);
        if (below_zero("NOT NULL") < cases[i].least || below_zero("NULL") > 0)
            fail_msg("case %zu: %d %% of adversaries and %d %% of honest peers are below 0", i, (int)below_zero("NOT NULL"),
                     (int)below_zero("NULL"));
        assert_int_equal(summary.deliveries, summary.expected);
        forget();
    }
}

static void px_of_strangers_is_not_taken_with_a_threshold(void **state)
{
    (void)state;
    RUN(CROWD, BEHAVIOUR("{kind: px-poison, every: 1s, peers: 4}"), "nodes.good.gossipsub={score: {AcceptPXThreshold: 10}}", NULL);
    assert_int_equal(summary.dials_failed, 0);
    forget();
}

/* ---- life ---- */

static void adversaries_may_share_an_address(void **state)
{
    static const char *const sets[] = {"nodes.bad.per_address=2", NULL};

    (void)state;
    run_on(&world_des, CROWD, 1, sets);
    assert_int_equal(query("SELECT count(DISTINCT substr(address, 1, instr(address, ':'))) FROM node WHERE grp = 'bad'"), 2);
    assert_int_equal(query("SELECT count(DISTINCT address) FROM node"), 15);
    assert_int_equal(query("SELECT count(*) FROM connection JOIN node n ON n.id = node WHERE event = 'peer-ready' AND grp = 'bad'"), 18);
    forget();
    run_on(&world_sockets, CROWD_ON(""), 1,
           (const char *const[]){"nodes.bad.per_address=3", "duration=3s", "warmup=1s", "cooldown=1s", NULL});
    assert_int_equal(query("SELECT count(DISTINCT substr(address, 1, instr(address, ':'))) FROM node WHERE grp = 'bad'"), 1);
    assert_int_equal(query("SELECT count(*) FROM connection JOIN node n ON n.id = node WHERE event = 'peer-ready' AND grp = 'bad'"), 18);
    assert_int_equal(summary.deliveries, summary.expected);
    forget();
}

static void honest_nodes_may_dial_late(void **state)
{
    static const char *const sets[] = {"nodes.good.dial_delay=4s", "nodes.good.dial_interval=10ms", NULL};

    (void)state;
    run_on(&world_des, CROWD, 1, sets);
    assert_int_equal(query("SELECT min(at_ns) / 1000000000 FROM connection JOIN node ON id = peer WHERE grp = 'good' AND dialled"
                           " AND node < 12"), 4);
    assert_int_equal(query("SELECT min(at_ns) / 1000000000 FROM connection JOIN node ON id = node WHERE grp = 'bad'"), 0);
    forget();
}

static void the_digest_does_not_depend_on_threads_nor_on_real_keys(void **state)
{
    static const char *const kinds[] = {
        BEHAVIOUR("{kind: degrade, share: 50%, attack_at: 8s}"), BEHAVIOUR("{kind: delay, delay: 50ms}"),
        BEHAVIOUR("{kind: ihave-spam, every: 500ms}"), BEHAVIOUR("{kind: invalid-messages}"), BEHAVIOUR("{kind: px-poison}")};
    static const char events[] =
        "events=[{at: 6s, crash: {nodes: good-1}}, {at: 7s, restart: {groups: bad}, after: 1s, memory: kept},"
        " {at: 12s, restart: {nodes: bad-1}, after: 1s}, {at: 13s, stop: {nodes: bad-2}}]";

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t digest[DIGEST_SIZE];

        run_on(&world_des, CROWD, 1, (const char *const[]){kinds[i], events, "duration=20s", NULL});
        memcpy(digest, summary.digest, sizeof digest);
        assert_true(query("SELECT count(*) FROM event") >= 4);
        forget();
        run_on(&world_des, CROWD, 3, (const char *const[]){kinds[i], events, "duration=20s", NULL});
        assert_memory_equal(digest, summary.digest, sizeof digest);
        forget();
        run_on(&world_des, CROWD, 1, (const char *const[]){kinds[i], events, "duration=20s", "network.encryption=noise", NULL});
        assert_memory_equal(digest, summary.digest, sizeof digest);
        forget();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_drops_lets_nothing_through),
        cmocka_unit_test(before_it_attacks_it_relays),
        cmocka_unit_test(one_that_degrades_loses_its_share),
        cmocka_unit_test(a_censor_silences_a_publisher_or_a_topic),
        cmocka_unit_test(a_delayer_adds_its_delay_and_no_more),
        cmocka_unit_test(it_takes_a_place_in_meshes_only_if_it_asks_or_is_asked),
        cmocka_unit_test(who_was_pruned_comes_back_when_the_backoff_is_over),
        cmocka_unit_test(a_graft_flood_minds_no_backoff),
        cmocka_unit_test(ihave_spam_makes_honest_nodes_ask_in_vain),
        cmocka_unit_test(a_broken_promise_is_an_id_that_is_asked_for_and_never_comes),
        cmocka_unit_test(iwant_spam_gets_three_answers_an_id_and_no_more),
        cmocka_unit_test(invalid_messages_are_rejected_by_who_gets_them_and_go_no_further),
        cmocka_unit_test(idontwant_spam_costs_honest_nodes_nothing_but_the_reading),
        cmocka_unit_test(poisoned_px_sends_peers_to_nowhere_or_into_arms),
        cmocka_unit_test(scores_tell_who_attacks),
        cmocka_unit_test(px_of_strangers_is_not_taken_with_a_threshold),
        cmocka_unit_test(adversaries_may_share_an_address),
        cmocka_unit_test(honest_nodes_may_dial_late),
        cmocka_unit_test(the_digest_does_not_depend_on_threads_nor_on_real_keys),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
