/* sim/run: what the events of a scenario do to its nodes, as the database of a run tells it. */
#include "tests/lib/test.h"

#include "sim/run/run.h"
#include "sim/scenario/units.h"
#include "stack/base/mem.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET "scenario: e\nnodes: [{group: a, count: 400, subscribe: []}, {group: late, count: 100, start: never, subscribe: []}]\n" \
              "topology: {kind: list, edges: [[a-0, a-1]]}\n"

struct recorded {
    char folder[40], database[60];
    sqlite3 *db;
    uint8_t digest[DIGEST_SIZE];
};

static struct recorded run_text(const char *text)
{
    struct recorded done = {.folder = "/tmp/hearsay-events-XXXXXX"};
    struct run_options options = {.world = &world_des, .progress = PROGRESS_OFF};
    struct scenario_error err;
    struct run_result result;
    struct scenario s;

    assert_non_null(mkdtemp(done.folder));
    snprintf(done.database, sizeof done.database, "%s/run.sqlite", done.folder);
    options.database = done.database;
    if (scenario_load_text("test.yaml", slice_text(text), NULL, 0, &s, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(run_scenario(&s, &options, NULL, NULL, &result), RUN_OK);
    assert_true(result.has_summary);
    memcpy(done.digest, result.summary.digest, DIGEST_SIZE);
    summary_deinit(&result.summary);
    scenario_free(&s);
    assert_int_equal(sqlite3_open_v2(done.database, &done.db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return done;
}

static void forget(struct recorded *done)
{
    char path[80];

    sqlite3_close(done->db);
    unlink(done->database);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", done->database, i ? "-wal" : "-shm");
        unlink(path);
    }
    assert_int_equal(rmdir(done->folder), 0);
}

static double ask(const struct recorded *done, const char *sql)
{
    sqlite3_stmt *s;
    double answer;

    if (sqlite3_prepare_v2(done->db, sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(done->db));
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    answer = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    return answer;
}

static void assert_near(double got, double wanted, double distance)
{
    if (fabs(got - wanted) > distance)
        fail_msg("%g is not within %g of %g", got, distance, wanted);
}

/* How long the nodes were down, in s: from each "down" to the "up" that follows it. */
#define DOWN_SPANS                                                                                                      \
    "(SELECT (next - at_ns) / 1e9 AS s FROM (SELECT at_ns, detail, lead(at_ns) OVER w AS next, "                         \
    "lead(detail) OVER w AS then_what FROM event WHERE kind = 'churn' AND detail NOT LIKE '% nodes' "                     \
    "WINDOW w AS (PARTITION BY substr(detail, 1, instr(detail, ' ')) ORDER BY at_ns)) "                                   \
    "WHERE detail LIKE '% down' AND then_what LIKE '% up')"

/* A renewal process with mean cycle c and variance v has T/c cycles by T, give or take sqrt(T v / c^3), and is down
 * for a share of mean down / c. */
static void churn_is_a_renewal_process_of_the_given_distributions(void **state)
{
    const double up = 60, down = 20, end = 2000, nodes = 400, cycle = up + down;
    double cycles = nodes * end / cycle, deviation = sqrt(nodes * end * (up * up + down * down) / pow(cycle, 3));
    struct recorded done = run_text(
        "duration: 2000s\nevents: [{at: 0s, churn: {groups: a, up: {exponential: {mean: 60s}}, down: {exponential: {mean: "
        "20s}}}}]\n" QUIET);
    double count = ask(&done, "SELECT count(*) FROM event WHERE detail LIKE '% down'"), spans;

    (void)state;
    /* The first cycle is up only: the renewal function lies (v / c^2 - 1) / 2 + mean down / c from T / c. */
    assert_near(count, cycles + nodes * (((up * up + down * down) / (cycle * cycle) - 1) / 2 + down / cycle), 4 * deviation);
    spans = ask(&done, "SELECT count(*) FROM " DOWN_SPANS);
    assert_near(ask(&done, "SELECT avg(s) FROM " DOWN_SPANS), down, 4 * down / sqrt(spans));
    /* The exponential's median is ln 2 of its mean, its share above the mean 1/e. */
    assert_near(ask(&done, "SELECT avg(s > 13.862943611) FROM " DOWN_SPANS), 0.5, 2 / sqrt(spans));
    assert_near(ask(&done, "SELECT avg(s > 20) FROM " DOWN_SPANS), exp(-1), 2 / sqrt(spans));
    forget(&done);
}

static void weibull_spans_follow_their_cdf_and_the_churn_ends_when_it_should(void **state)
{
    struct recorded done = run_text("duration: 3000s\nevents: [{at: 100s, churn: {groups: a, share: 50%, up: {uniform: "
                                    "[10s, 20s]}, down: {weibull: {scale: 30s, shape: 0.6}}}, for: 1500s}]\n" QUIET);
    double spans = ask(&done, "SELECT count(*) FROM " DOWN_SPANS);
    static const double at[] = {1, 5, 15, 30, 80, 200};

    (void)state;
    assert_true(spans > 3000);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        char sql[700];

        snprintf(sql, sizeof sql, "SELECT avg(s <= %f) FROM %s", at[i], DOWN_SPANS);
        /* Long spans are cut at the end of the run, few of them: 4 deviations and a little. */
        assert_near(ask(&done, sql), 1 - exp(-pow(at[i] / 30, 0.6)), 2 / sqrt(spans) + 0.002);
    }
    assert_true(ask(&done, "SELECT max(at_ns) / 1e9 FROM event WHERE detail LIKE '% down'") < 1600);
    assert_true(ask(&done, "SELECT min(at_ns) / 1e9 FROM event WHERE detail LIKE '% down'") >= 110);
    assert_true(ask(&done, "SELECT max(at_ns) / 1e9 FROM event WHERE detail LIKE '% up'") > 1600);
    assert_true(ask(&done, "SELECT count(DISTINCT detail) FROM event WHERE detail LIKE '% down'") == 200);
    assert_true(ask(&done, "SELECT count(*) FROM event WHERE kind = 'churn' AND detail = '200 nodes'") == 1);
    forget(&done);
}

/* Times drawn uniformly: their distance from the uniform CDF is below 1.95 / sqrt(n) in 999 of 1000 runs (Kolmogorov). */
static void a_wave_is_spread_evenly_over_its_time(void **state)
{
    struct recorded done = run_text("duration: 1m\nevents: [{at: 10s, join: {group: late, count: 100}, over: 20s}, "
                                    "{at: 40s, restart: {groups: a}, over: 10s, after: 3s}]\n" QUIET);

    (void)state;
    assert_true(ask(&done, "SELECT count(*) FROM event WHERE kind = 'join' AND detail LIKE 'late-% up'") == 100);
    assert_true(ask(&done, "SELECT max(abs(n / 100.0 - (at_ns / 1e9 - 10) / 20)) FROM (SELECT at_ns, row_number() OVER "
                           "(ORDER BY at_ns) AS n FROM event WHERE detail LIKE 'late-% up')") < 1.95 / 10);
    assert_true(ask(&done, "SELECT max(abs(n / 400.0 - (at_ns / 1e9 - 40) / 10)) FROM (SELECT at_ns, row_number() OVER "
                           "(ORDER BY at_ns) AS n FROM event WHERE kind = 'restart' AND detail LIKE '% down')") <
                1.95 / 20);
    assert_true(ask(&done, "SELECT count(*) FROM event d JOIN event u ON u.kind = 'restart' AND d.kind = 'restart' AND "
                           "replace(u.detail, ' up', ' down') = d.detail AND u.detail <> d.detail AND u.at_ns - d.at_ns = "
                           "3000000000") == 400);
    forget(&done);
}

static void a_trace_is_followed_to_the_letter(void **state)
{
    struct recorded done = run_text("duration: 1m\nevents: [{at: 10s, churn: {trace: tests/scenarios/valid/churn.csv, "
                                    "leave: stop}}]\n" QUIET);

    (void)state;
    assert_true(ask(&done, "SELECT count(*) FROM event WHERE kind = 'churn'") == 5); /* one about all 3 nodes */
    assert_true(ask(&done, "SELECT count(*) FROM event WHERE detail = '3 nodes' AND at_ns = 10000000000") == 1);
    assert_true(ask(&done, "SELECT at_ns FROM event WHERE detail = 'a-3 down'") == 12.5e9);
    assert_true(ask(&done, "SELECT at_ns FROM event WHERE detail = 'a-3 up'") == 17e9);
    assert_true(ask(&done, "SELECT at_ns FROM event WHERE detail = 'late-7 up'") == 13e9);
    assert_true(ask(&done, "SELECT count(*) FROM event WHERE detail = 'a-1 up'") == 0); /* it was up already */
    assert_true(ask(&done, "SELECT at_ns FROM event WHERE detail = 'a-1 down'") == 30e9);
    forget(&done);
}

static void the_digest_sees_who_churns_and_only_the_seed_moves_it(void **state)
{
    static const char *const texts[] = {
        "duration: 1m\nseed: 4\nevents: [{at: 0s, churn: {groups: a, up: 20s, down: {exponential: {mean: 9s}}}}]\n" QUIET,
        "duration: 1m\nseed: 4\nevents: [{at: 0s, churn: {groups: a, up: 20s, down: {exponential: {mean: 9s}}}}]\n" QUIET,
        "duration: 1m\nseed: 5\nevents: [{at: 0s, churn: {groups: a, up: 20s, down: {exponential: {mean: 9s}}}}]\n" QUIET};
    struct recorded done[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        done[i] = run_text(texts[i]);
    assert_memory_equal(done[0].digest, done[1].digest, DIGEST_SIZE);
    assert_memory_not_equal(done[0].digest, done[2].digest, DIGEST_SIZE);
    for (int i = 0; i < 3; i++)
        forget(&done[i]);
}

/* A message of before the outage: in the seen cache of who kept its memory, news to who lost it. The peer that restarts
 * hears of it again by IHAVE (history_gossip heartbeats), or does not ask. */
#define MEMORY(kept)                                                                                                    \
    "scenario: e\nduration: 20s\nnodes: [{group: a, count: 3, gossipsub: {D: 0, D_lo: 0, D_hi: 0, D_out: 0, D_score: 0, "  \
    "D_lazy: 6, history_length: 10, history_gossip: 10}}]\n"                                                             \
    "topology: {kind: full}\ntraffic: [{from: a-0, topic: t, size: 1 KiB, at: [5s]}]\n"                                  \
    "events: [{at: 8s, restart: {nodes: a-1}, after: 100ms, memory: " kept "}]\n"

static void a_restart_that_keeps_its_memory_does_not_ask_for_what_it_has(void **state)
{
    struct recorded lost = run_text(MEMORY("lost")), kept = run_text(MEMORY("kept"));
    const char *again = "SELECT count(*) FROM hop WHERE received_ns > 8100000000 AND node = 1";

    (void)state;
    assert_true(ask(&lost, "SELECT count(*) FROM delivery WHERE delivered_ns < 8000000000") == 2);
    assert_true(ask(&kept, "SELECT count(*) FROM delivery WHERE delivered_ns < 8000000000") == 2);
    assert_true(ask(&lost, again) >= 1);
    assert_true(ask(&kept, again) == 0);
    assert_true(ask(&kept, "SELECT count(*) FROM connection WHERE event = 'peer-ready' AND node = 1 AND at_ns > 8100000000") >= 2);
    forget(&lost);
    forget(&kept);
}

/* Three messages at one time, each 10 ms of validation: 10, 10 and 20 ms with two workers, 10, 20 and 30 ms with one. Nothing
 * else takes time. */
#define CPU(cores)                                                                                                      \
    "scenario: e\nduration: 20s\nnodes: [{group: a, count: 2}]\ntopology: {kind: line}\n"                               \
    "cpu: {cores: " cores ", speed: 0.5, costs: {validate: {base: 5ms}}}\n"                                             \
    "traffic: [{from: a-0, topic: t, size: 1 KiB, at: [5s, 5s, 5s]}]\n"

static void validation_takes_its_time_on_the_cores_there_are(void **state)
{
    struct recorded one = run_text(CPU("2")), two = run_text(CPU("3")), alone = run_text(CPU("1"));
    const char *took = "SELECT sum(delivered_ns - arrived_ns) / 1e6 FROM delivery";

    (void)state;
    assert_true(ask(&two, took) == 10 + 10 + 20);
    assert_true(ask(&one, took) == 10 + 20 + 30);
    assert_true(ask(&one, "SELECT max(arrived_ns) - min(arrived_ns) FROM delivery") == 0);
    /* A loop that validates by itself reads the rest only then. */
    assert_true(ask(&alone, "SELECT max(delivered_ns) - min(arrived_ns) FROM delivery") == 30e6);
    forget(&one);
    forget(&two);
    forget(&alone);
}

static void algorand_messages_are_validated_on_the_cores_too(void **state)
{
    struct recorded done = run_text(
        "scenario: e\nduration: 20s\nnodes: [{group: a, count: 2, gossipsub: off, algorand: {role: relay}}]\n"
        "topology: {kind: line}\ncpu: {cores: 2, costs: {verify: {base: 4ms}, validate: {base: 6ms}}}\n"
        "traffic: [{from: a-0, via: algorand, tag: AV, size: 500 B, at: [5s, 5s]}]\n");

    (void)state;
    assert_true(ask(&done, "SELECT sum(delivered_ns - arrived_ns) / 1e6 FROM delivery") == 10 + 20);
    forget(&done);
}

static void what_is_recorded_is_what_was_asked_for(void **state)
{
    struct recorded done = run_text(
        "scenario: e\nduration: 30s\nnetwork: {regions: interop8}\nnodes: [{group: a, count: 60}]\n"
        "topology: {kind: random-regular, degree: 8}\n"
        "traffic: [{from: a, topic: t, size: 1 KiB, every: 500ms, start: 5s, count: 20}]\n"
        "record: {hops: off, deliveries: sampled, sample: 4, peers: off, histograms: messages}\n");

    (void)state;
    assert_true(ask(&done, "SELECT hop_every IS NULL AND delivery_every = 4 AND peer_every IS NULL FROM run"));
    assert_true(ask(&done, "SELECT count(*) FROM hop") == 0);
    assert_true(ask(&done, "SELECT count(*) FROM connection") == 0);
    assert_true(ask(&done, "SELECT count(*) FROM mesh") == 0);
    assert_true(ask(&done, "SELECT count(DISTINCT message) FROM delivery") == 5);
    assert_true(ask(&done, "SELECT sum(has_deliveries) = 5 AND sum(has_hops) = 0 FROM message"));
    assert_true(ask(&done, "SELECT count(*) FROM message WHERE p99_ns > p50_ns AND deliveries = 59") == 20);
    /* Each message's histogram holds all its deliveries, and has its median and maximum within 1 %. */
    assert_true(ask(&done, "SELECT count(*) FROM message m WHERE deliveries = "
                           "(SELECT sum(count) FROM message_propagation WHERE message = m.id)") == 20);
    assert_true(ask(&done, "SELECT count(*) FROM message m WHERE abs(max_ns - (SELECT max(ns) FROM message_propagation "
                           "WHERE message = m.id)) <= 0.01 * max_ns") == 20);
    assert_true(ask(&done, "SELECT count(*) FROM message m WHERE abs(p50_ns - (SELECT min(ns) FROM (SELECT ns, sum(count) "
                           "OVER (ORDER BY ns) AS upto FROM message_propagation WHERE message = m.id) WHERE upto >= 30)) "
                           "<= 0.01 * p50_ns") == 20);
    forget(&done);
}

/* Relays in a line that never mesh with each other: what passes between them does so because they are direct peers. One that
 * crashed and lost its connections is dialled again by its neighbour's router. */
static void direct_peers_stay_out_of_meshes_and_come_back(void **state)
{
    struct recorded done =
        run_text("scenario: d\nseed: 1\nduration: 40s\nwarmup: 5s\ncooldown: 5s\nnetwork: {latency: 10ms}\n"
                 "nodes:\n"
                 "  - {group: r, count: 4, gossipsub: &g {D: 3, D_lo: 2, D_hi: 6, D_out: 0, D_score: 2, direct_connect_ticks: 4,"
                 " direct_connect_initial_delay: 2s}, subscribe: [t]}\n"
                 "  - {group: l, count: 4, gossipsub: *g, subscribe: [t]}\n"
                 "topology:\n"
                 "  - {kind: line, among: r, direct: true}\n"
                 "  - {kind: list, edges: [[l-0, r-0], [l-1, r-1], [l-2, r-2], [l-3, r-3]]}\n"
                 "traffic:\n"
                 "  - {from: l, topic: t, size: 1 KiB, every: 500ms, stop: 15s}\n"
                 "  - {from: l-0, topic: t, size: 1 KiB, every: 500ms, start: 26s}\n"
                 "events: [{at: 18s, restart: {nodes: r-1}, after: 1s}]\n");

    (void)state;
    assert_true(ask(&done, "SELECT count(*) FROM mesh WHERE graft AND node < 4 AND peer >= 4") > 0);
    assert_true(ask(&done, "SELECT count(*) FROM mesh WHERE node < 4 AND peer < 4") == 0);
    assert_true(ask(&done, "SELECT count(*) FROM message WHERE published_ns < 15e9") >= 18);
    assert_true(ask(&done, "SELECT count(*) FROM message WHERE published_ns < 15e9 AND deliveries < 7") == 0);
    assert_true(ask(&done, "SELECT count(*) FROM message WHERE published_ns > 25e9") >= 16);
    assert_true(ask(&done, "SELECT count(*) FROM message m WHERE published_ns > 25e9 AND NOT EXISTS"
                           " (SELECT 1 FROM delivery d WHERE d.message = m.id AND d.node = 7)") == 0);
    forget(&done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(churn_is_a_renewal_process_of_the_given_distributions),
        cmocka_unit_test(weibull_spans_follow_their_cdf_and_the_churn_ends_when_it_should),
        cmocka_unit_test(a_wave_is_spread_evenly_over_its_time),
        cmocka_unit_test(a_trace_is_followed_to_the_letter),
        cmocka_unit_test(the_digest_sees_who_churns_and_only_the_seed_moves_it),
        cmocka_unit_test(validation_takes_its_time_on_the_cores_there_are),
        cmocka_unit_test(algorand_messages_are_validated_on_the_cores_too),
        cmocka_unit_test(what_is_recorded_is_what_was_asked_for),
        cmocka_unit_test(a_restart_that_keeps_its_memory_does_not_ask_for_what_it_has),
        cmocka_unit_test(direct_peers_stay_out_of_meshes_and_come_back),
    };

    assert_int_equal(crypto_init(), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
