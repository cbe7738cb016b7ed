/* A whole run in several threads: the digest, and every row of every table in its place, are those of one thread. */
#include "tests/lib/rows.h"
#include "tests/lib/test.h"

#include "sim/run/run.h"
#include "stack/base/err.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOSSIP "gossipsub: {D: 4, D_lo: 3, D_hi: 6, D_out: 1, D_score: 2, heartbeat: 300ms}"
#define ROWS_MIN 100

static const char *const scenarios[] = {
    /* one region: it has to be cut up */
    "network: {latency: 10ms, tcp: ideal}\n"
    "nodes: [{group: p, count: 18, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 6}\n"
    "traffic: [{from: p, topic: t, size: 1 KiB, every: 50ms}]\n",
    /* the same in packets, with narrow links and jitter that is larger than the latency */
    "network: {latency: 2ms, jitter: 5ms, tcp: packet, classes: [{name: c, up: 10 Mbit, down: 10 Mbit}]}\n"
    "nodes: [{group: p, count: 16, " GOSSIP "}]\n"
    "topology: {kind: random-at-least, degree: 5}\n"
    "traffic: [{from: p, topic: t, size: 20 KiB, every: 100ms}]\n",
    /* regions all over the world */
    "network: {regions: interop8, jitter: 10%, tcp: flight}\n"
    "nodes: [{group: p, count: 24, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 6}\n"
    "traffic: [{from: p, topic: t, size: 16 KiB, every: 60ms}]\n",
    "network: {regions: interop8-half, jitter: 3ms, tcp: packet}\n"
    "nodes: [{group: p, count: 14, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 5}\n"
    "traffic: [{from: p, topic: t, size: 8 KiB, every: 80ms}]\n",
    /* a partition, and another one in it */
    "network: {regions: interop8, tcp: flight}\n"
    "nodes: [{group: p, count: 20, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 6}\n"
    "traffic: [{from: p, topic: t, size: 2 KiB, every: 50ms}]\n"
    "events: [{at: 1s, partition: {share: 40%}, for: 800ms}, {at: 1300ms, partition: {regions: [europe]}},"
    " {at: 2500ms, heal: all}]\n",
    "network: {regions: algorand5, tcp: packet}\n"
    "nodes: [{group: p, count: 14, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 5}\n"
    "traffic: [{from: p, topic: t, size: 2 KiB, every: 80ms}]\n"
    "events: [{at: 1s, partition: {share: 40%}, for: 800ms}]\n",
    /* nodes that crash, stop, come back, come late; publications of nodes that are down */
    "network: {latency: 5ms, jitter: 50%, tcp: ideal}\n"
    "nodes: [{group: p, count: 16, start_spread: 300ms, dial_interval: 20ms, " GOSSIP "},"
    " {group: late, count: 4, start: never, " GOSSIP "}]\n"
    "topology: [{kind: random-regular, among: p, degree: 5}, {kind: fanout, from: late, to: p, degree: 3}]\n"
    "traffic: [{from: p, topic: t, size: 1 KiB, poisson: 30/s}]\n"
    "events: [{at: 1200ms, crash: {groups: p, count: 2}}, {at: 1200ms, restart: {groups: p, share: 30%}, after: 500ms},"
    " {at: 1500ms, join: {group: late, count: 3}}, {at: 2s, stop: {nodes: p-1}}, {at: 2s, join: {group: late, count: 1}}]\n",
    "network: {regions: simblock2019, tcp: packet}\n"
    "nodes: [{group: p, count: 14, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 5}\n"
    "traffic: [{from: p, topic: t, size: 1 KiB, poisson: 10/s}, {from: p, topic: u, size: 300 B, poisson: 10/s}]\n"
    "events: [{at: 1200ms, restart: {groups: p, share: 40%}, after: 700ms}]\n",
    /* comings and goings of single nodes, with and without a memory; messages one way only */
    "network: {regions: algorand5, jitter: 10%, tcp: flight}\n"
    "nodes: [{group: p, count: 18, " GOSSIP "}]\n"
    "topology: {kind: random-regular, degree: 6}\n"
    "traffic: [{from: p, topic: t, size: 1 KiB, poisson: 20/s}]\n"
    "events: [{at: 900ms, churn: {groups: p, share: 30%, up: {exponential: {mean: 400ms}}, down: 200ms}},"
    " {at: 1s, restart: {groups: p, count: 4}, after: 300ms, memory: kept, over: 500ms},"
    " {at: 2s, partition: {share: 30%}, direction: out, for: 400ms}]\n",
    /* Algorand: relays, votes of all at about the same time, proposals */
    "network: {regions: algorand5, jitter: 10%, tcp: ideal}\n"
    "nodes: [{group: r, count: 4, gossipsub: {preset: algorand}, algorand: {role: relay}},"
    " {group: n, count: 14, gossipsub: {preset: algorand}, algorand: {role: node}, start: 200ms, validation: 1ms}]\n"
    "topology: [{kind: full, among: r}, {kind: fanout, from: n, to: r, degree: 2},"
    " {kind: random-regular, among: n, degree: 4}]\n"
    "traffic: [{from: n, via: algorand, tag: AV, size: 500 B, every: 500ms, publishers: each, spread: 20ms},"
    " {from: n, via: algorand, tag: PP, size: 60 KiB, every: 900ms}, {from: n, topic: tx, size: 250 B, poisson: 40/s}]\n"
    "events: [{at: 1500ms, crash: {nodes: r-1}}, {at: 2s, partition: {groups: r}, for: 300ms}]\n",
    /* a hub that all the others hang on, and real keys */
    "network: {latency: 1ms, tcp: ideal, encryption: noise}\n"
    "nodes: [{group: p, count: 12, " GOSSIP "}]\n"
    "topology: {kind: star}\n"
    "traffic: [{from: p, topic: t, size: 500 B, every: 100ms, publishers: each, spread: 50ms}]\n",
};

#define COUNT (sizeof scenarios / sizeof *scenarios)

static char folder[] = "/tmp/hearsay-threads-XXXXXX", file[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/run.sqlite", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

struct outcome {
    uint8_t digest[DIGEST_SIZE];
    uint64_t events, connections;
    struct rows rows;
    uint32_t skipped, threads;
};

static void run(const char *text, uint32_t threads, struct outcome *out)
{
    struct run_options options = {.world = &world_des, .database = file, .progress = PROGRESS_OFF, .threads = threads};
    char whole[2000];
    struct run_result result;
    struct scenario_error err;
    struct scenario s;

    snprintf(whole, sizeof whole, "scenario: t\nseed: 3\nduration: 3s\nwarmup: 700ms\ncooldown: 300ms\nrecord: {hops: all}\n%s", text);
    if (scenario_load_text("t.yaml", slice_text(whole), NULL, 0, &s, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(run_scenario(&s, &options, NULL, NULL, &result), RUN_OK);
    *out = (struct outcome){.events = result.summary.events,
                            .connections = result.summary.connections,
                            .skipped = result.skipped,
                            .threads = result.summary.threads};
    memcpy(out->digest, result.summary.digest, DIGEST_SIZE);
    out->rows = rows_read(file);
    summary_deinit(&result.summary);
    scenario_free(&s);
}

static void all_that_is_recorded_is_the_same_for_any_number_of_threads(void **state)
{
    uint32_t skipped = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct outcome one, many;

        run(scenarios[i], 1, &one);
        assert_int_equal(one.threads, 1);
        assert_true(one.rows.count >= ROWS_MIN);
        skipped += one.skipped;
        for (uint32_t threads = 2; threads <= 4; threads += 2) {
            run(scenarios[i], threads, &many);
            assert_int_equal(many.threads, threads);
            if (memcmp(one.digest, many.digest, DIGEST_SIZE) != 0)
                fail_msg("scenario %zu: another digest with %u threads", i, threads);
            if (one.rows.hash != many.rows.hash || one.rows.count != many.rows.count)
                fail_msg("scenario %zu: other rows with %u threads (%llu, %llu)", i, threads,
                         (unsigned long long)one.rows.count, (unsigned long long)many.rows.count);
            assert_int_equal(one.events, many.events);
            assert_int_equal(one.connections, many.connections);
            assert_int_equal(one.skipped, many.skipped);
        }
    }
    assert_true(skipped > 0); /* one scenario is about that, too */
}

static void there_are_no_more_threads_than_nodes(void **state)
{
    struct outcome one, many;

    (void)state;
    run(scenarios[COUNT - 1], 1, &one);
    run(scenarios[COUNT - 1], 200, &many);
    assert_int_equal(many.threads, 12);
    assert_memory_equal(one.digest, many.digest, DIGEST_SIZE);
}

static void a_backend_without_lanes_refuses_threads_by_name(void **state)
{
    static const char text[] = "scenario: t\nduration: 1s\nnodes: [{group: p, count: 2}]\ntopology: {kind: line}\n";
    struct run_options options = {.world = &world_sockets, .threads = 2};
    struct run_result result;
    struct scenario_error err;
    struct scenario s;

    (void)state;
    assert_int_equal(scenario_load_text("t.yaml", slice_text(text), NULL, 0, &s, &err), ERR_OK);
    assert_int_equal(run_scenario(&s, &options, NULL, NULL, &result), RUN_USAGE);
    assert_string_equal(result.error, "--threads: the sockets backend runs on one thread (1)");
    scenario_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_recorded_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(there_are_no_more_threads_than_nodes),
        cmocka_unit_test(a_backend_without_lanes_refuses_threads_by_name),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
