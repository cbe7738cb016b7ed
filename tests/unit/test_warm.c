/* Variants that go on from one warm-up: digests and rows are those of runs of their own. What would change the warm-up is refused
 * by name. */
#include "tests/lib/rows.h"
#include "tests/lib/test.h"

#include "sim/run/run.h"
#include "stack/base/err.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOSSIP "gossipsub: {D: 4, D_lo: 3, D_hi: 6, D_out: 1, D_score: 2, heartbeat: 300ms}"
#define HEAD "scenario: t\nseed: 3\nduration: 3s\nwarmup: 1s\ncooldown: 300ms\nrecord: {hops: all}\n"
#define VARIANTS_MAX 7
#define SETS_MAX 4
#define RUN_COLUMNS                                                                                                          \
    "complete,scenario,scenario_text,question,backend,tcp_model,encryption,seed,replay,version,threads,nodes,lookahead_ns,"  \
    "duration_ns,warmup_ns,measured_until_ns,interval_ns,hop_every,delivery_every,peer_every,digest,sim_ns,events,"          \
    "connections,failure"

struct sets {
    const char *set[SETS_MAX];
};

/* A scenario, and changes that leave its warm-up as it is. */
static const struct {
    const char *text;
    struct sets variants[VARIANTS_MAX];
} cases[] = {
    /* messages, who sends them, when, how large they are, how long they are looked at */
    {HEAD "network: {latency: 10ms, tcp: ideal}\n"
          "nodes: [{group: p, count: 14, " GOSSIP "}]\n"
          "topology: {kind: random-regular, degree: 6}\n"
          "traffic: [{from: p, topic: t, size: 1 KiB, every: 50ms}]\n",
     {{{"question=as it is"}},
      {{"traffic.0.size=20 KiB"}},
      {{"traffic.0.every=80ms", "traffic.0.from=p-3", "nodes.0.validation=7ms"}},
      {{"traffic_seed=9"}},
      {{"duration=2500ms", "cooldown=0s", "record.hops=off", "record.deliveries=sampled"}},
      {{"duration=5s", "record.histograms=messages", "expect=[delivery_ratio >= 0.1]"}},
      {{"traffic=[{from: p, topic: t, size: 300 B, poisson: 30/s, publishers: each}]", "events=[{at: 1s, crash: {nodes: p-1}}]"}}}},
    /* packets that jitter, narrow links; messages in the warm-up, too */
    {HEAD "network: {latency: 2ms, jitter: 5ms, tcp: packet, classes: [{name: c, up: 10 Mbit, down: 10 Mbit}]}\n"
          "nodes: [{group: p, count: 12, " GOSSIP ", start_spread: 400ms}]\n"
          "topology: {kind: random-at-least, degree: 5}\n"
          "traffic: [{from: p, topic: t, size: 20 KiB, every: 100ms, start: 500ms, stop: 950ms, spread: 80ms},"
          " {from: p, topic: t, size: {uniform: [1 KiB, 40 KiB]}, every: 70ms}]\n",
     {{{"question=as it is"}},
      {{"traffic.1.size=2 KiB"}},
      {{"traffic.1={from: p-2, topic: t, size: 30 KiB, every: 60ms, start: 1001ms, spread: 100ms}"}},
      {{"traffic.1.stop=2s", "duration=4s"}}}},
    /* messages under way when the warm-up ends */
    {HEAD "network: {regions: interop8, tcp: flight}\n"
          "nodes: [{group: p, count: 16, " GOSSIP "}]\n"
          "topology: {kind: random-regular, degree: 6}\n"
          "traffic: [{from: p, topic: t, size: 200 KiB, every: 150ms, start: 400ms}]\n",
     {{{"question=as it is"}}, {{"duration=4s"}}, {{"events=[{at: 1100ms, partition: {regions: [europe]}, for: 500ms}]"}}}},
    /* Algorand: relays, votes, validation */
    {HEAD "network: {regions: algorand5, jitter: 10%, tcp: ideal}\n"
          "nodes: [{group: r, count: 4, gossipsub: {preset: algorand}, algorand: {role: relay}},"
          " {group: n, count: 12, gossipsub: {preset: algorand}, algorand: {role: node}, start: 200ms, validation: 1ms}]\n"
          "topology: [{kind: full, among: r}, {kind: fanout, from: n, to: r, degree: 2},"
          " {kind: random-regular, among: n, degree: 4}]\n"
          "traffic: [{from: n, via: algorand, tag: AV, size: 500 B, every: 500ms, publishers: each, spread: 20ms},"
          " {from: n, via: algorand, tag: PP, size: 60 KiB, every: 900ms}, {from: n, topic: tx, size: 250 B, poisson: 40/s}]\n",
     {{{"nodes.n.validation=4ms", "nodes.r.validation=2ms"}},
      {{"traffic_seed=1"}},
      {{"traffic.1.tag=VB", "traffic.1.size=9 KiB", "events=[{at: 1500ms, crash: {nodes: r-1}}]"}}}},
    /* faults before, across and after the end of the warm-up; churn that goes on; nodes that sleep through it */
    {HEAD "network: {latency: 5ms, jitter: 50%, tcp: ideal}\n"
          "nodes: [{group: p, count: 16, " GOSSIP ", dial_interval: 20ms}, {group: late, count: 6, start: never, " GOSSIP "}]\n"
          "topology: [{kind: random-regular, among: p, degree: 5}, {kind: fanout, from: late, to: p, degree: 3}]\n"
          "traffic: [{from: p, topic: t, size: 1 KiB, poisson: 30/s}]\n"
          "events: [{at: 600ms, crash: {groups: p, count: 2}}, {at: 1400ms, crash: {groups: p, count: 1}},"
          " {at: 700ms, restart: {groups: p, share: 30%}, after: 600ms, memory: kept, over: 500ms},"
          " {at: 800ms, partition: {share: 40%}, for: 700ms}, {at: 800ms, join: {group: late, count: 2}},"
          " {at: 500ms, churn: {groups: p, share: 30%, up: {exponential: {mean: 400ms}}, down: {uniform: [200ms, 4s]}}}]\n",
     {{{"question=as it is"}},
      {{"duration=5s", "nodes.0.validation=3ms"}}, /* those that sleep, too */
      {{"events.1={at: 1200ms, restart: {groups: p, count: 4}, after: 100ms}"}},
      {{"events.1={at: 1s, heal: all}"}},
      {{"events.1={at: 1s, join: {group: late, count: 3}}", "traffic.0.poisson=10/s"}}}},
    /* links that change, and are changed already */
    {HEAD "network: {regions: algorand5, tcp: flight, classes: [{name: c, up: 20 Mbit, down: 20 Mbit}]}\n"
          "nodes: [{group: p, count: 14, " GOSSIP "}]\n"
          "topology: {kind: random-regular, degree: 5}\n"
          "traffic: [{from: p, topic: t, size: 8 KiB, every: 60ms}]\n"
          "events: [{at: 500ms, bandwidth: {factor: 0.5}, for: 1s}, {at: 600ms, latency: {factor: 3}, for: 2s},"
          " {at: 700ms, loss: {set: 1%}, for: 400ms}, {at: 2s, bandwidth: {factor: 0.25}}]\n",
     {{{"question=as it is"}},
      {{"events.3={at: 1s, loss: {set: 5%}}"}},
      {{"events.3={at: 1600ms, latency: {factor: 2}, for: 300ms}", "duration=4s"}},
      {{"events.3={at: 1001ms, bandwidth: {groups: p, count: 5, up: 1 Mbit, down: 1 Mbit}}"}}}},
    /* work that takes time, real keys, clocks that are off */
    {HEAD "network: {latency: 3ms, tcp: packet, encryption: noise}\n"
          "cpu: {cores: 2, table: epyc}\n"
          "nodes: [{group: p, count: 8, " GOSSIP ", clock: {offset: 20ms, drift: 50ppm}}]\n"
          "topology: {kind: full}\n"
          "traffic: [{from: p, topic: t, size: 3 KiB, every: 40ms}]\n",
     {{{"question=as it is"}}, {{"traffic.0.size=9 KiB", "nodes.0.validation=2ms"}}}},
};

#define COUNT (sizeof cases / sizeof *cases)

static char folder[] = "/tmp/hearsay-warm-XXXXXX", cold_file[64], warm_files[VARIANTS_MAX][64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(cold_file, sizeof cold_file, "%s/cold", folder);
    for (int i = 0; i < VARIANTS_MAX; i++)
        snprintf(warm_files[i], sizeof warm_files[i], "%s/warm-%d", folder, i);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(cold_file);
    for (int i = 0; i < VARIANTS_MAX; i++)
        unlink(warm_files[i]);
    return rmdir(folder);
}

static size_t set_count(const struct sets *sets)
{
    size_t count = 0;

    while (sets && count < SETS_MAX && sets->set[count])
        count++;
    return count;
}

static struct scenario_reading load(const char *text, const struct sets *sets, struct scenario *s)
{
    struct scenario_reading r = {"t.yaml", s, sets ? sets->set : NULL, set_count(sets)};
    struct scenario_error err;

    if (scenario_load_text("t.yaml", slice_text(text), r.sets, r.set_count, s, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return r;
}

/* ---- a batch of variants ---- */

struct batch {
    struct scenario base, scenarios[VARIANTS_MAX];
    struct run_variant variants[VARIANTS_MAX];
    struct run_outcome outcomes[VARIANTS_MAX];
    struct run_options options;
    struct run_warm warm;
    uint32_t gathered;
    char error[1200];
};

static void finished(void *ctx, uint32_t variant, struct run_result *result)
{
    (void)ctx;
    (void)variant;
    (void)result;
}

static void gathered(void *ctx, uint32_t variant, const struct run_outcome *outcome)
{
    struct batch *b = ctx;

    assert_int_equal(variant, b->gathered); /* in their order */
    b->outcomes[b->gathered++] = *outcome;
}

static void open_batch(struct batch *b, const char *text, const struct sets *variants)
{
    *b = (struct batch){.options = {.world = &world_des, .progress = PROGRESS_OFF}};
    b->warm = (struct run_warm){.base = load(text, NULL, &b->base),
                                .options = &b->options,
                                .variants = b->variants,
                                .jobs = 2,
                                .ctx = b,
                                .finished = finished,
                                .gathered = gathered};
    for (uint32_t i = 0; i < VARIANTS_MAX && variants[i].set[0]; i++) {
        b->variants[i] = (struct run_variant){
            .name = "v", .reading = load(text, &variants[i], &b->scenarios[i]), .database = warm_files[i], .replay = "again"};
        b->warm.count++;
    }
}

static void close_batch(struct batch *b)
{
    for (uint32_t i = 0; i < b->warm.count; i++)
        scenario_free(&b->scenarios[i]);
    scenario_free(&b->base);
}

static void compare_with_cold(const struct batch *b, size_t number, uint32_t variant, uint32_t threads)
{
    struct run_options options = {
        .world = &world_des, .database = cold_file, .progress = PROGRESS_OFF, .replay = "again", .threads = threads};
    const struct run_outcome *warm = &b->outcomes[variant];
    struct rows rows[2], of_run[2];
    struct run_result cold;

    if (warm->status != RUN_OK)
        fail_msg("case %zu, variant %u: %s", number, variant, warm->error);
    assert_int_equal(run_scenario(&b->scenarios[variant], &options, NULL, NULL, &cold), RUN_OK);
    if (memcmp(warm->digest, cold.summary.digest, DIGEST_SIZE) != 0)
        fail_msg("case %zu, variant %u: another digest with a warm start", number, variant);
    rows[0] = rows_read(warm_files[variant]);
    rows[1] = rows_read(cold_file);
    assert_true(rows[1].count >= 100);
    if (rows[0].count != rows[1].count || rows[0].hash != rows[1].hash)
        fail_msg("case %zu, variant %u: other rows with a warm start", number, variant);
    if (threads == 1) {
        of_run[0] = rows_read_run(warm_files[variant], RUN_COLUMNS);
        of_run[1] = rows_read_run(cold_file, RUN_COLUMNS);
        assert_int_equal(of_run[0].count, 1);
        if (of_run[0].hash != of_run[1].hash)
            fail_msg("case %zu, variant %u: the run says something else of itself", number, variant);
    }
    assert_int_equal(warm->messages, cold.summary.messages);
    assert_int_equal(warm->deliveries, cold.summary.deliveries);
    assert_int_equal(warm->skipped, cold.skipped);
    summary_deinit(&cold.summary);
}

static void every_variant_is_what_a_run_of_its_own_is(void **state)
{
    uint32_t skipped = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct batch *b = calloc(1, sizeof *b);

        open_batch(b, cases[i].text, cases[i].variants);
        if (run_warm(&b->warm, b->error, sizeof b->error) != RUN_OK)
            fail_msg("case %zu: %s %s", i, b->error, b->outcomes[0].error);
        assert_int_equal(b->gathered, b->warm.count);
        assert_true(b->warm.reports > 100);
        for (uint32_t k = 0; k < b->warm.count; k++) {
            compare_with_cold(b, i, k, 1);
            skipped += b->outcomes[k].skipped;
            for (uint32_t other = 0; other < k; other++) /* a variant makes a difference */
                assert_memory_not_equal(b->outcomes[k].digest, b->outcomes[other].digest, DIGEST_SIZE);
        }
        compare_with_cold(b, i, 0, 2);
        close_batch(b);
        free(b);
    }
    assert_true(skipped > 0);
}

static void the_number_of_processes_changes_nothing(void **state)
{
    struct batch *b = calloc(2, sizeof *b);

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        open_batch(&b[i], cases[0].text, cases[0].variants);
        b[i].warm.jobs = i ? 5 : 1;
        assert_int_equal(run_warm(&b[i].warm, b[i].error, sizeof b[i].error), RUN_OK);
    }
    for (uint32_t k = 0; k < b->warm.count; k++)
        assert_memory_equal(b[0].outcomes[k].digest, b[1].outcomes[k].digest, DIGEST_SIZE);
    close_batch(&b[0]);
    close_batch(&b[1]);
    free(b);
}

/* ---- what is refused ---- */

#define LATE "network: {regions: algorand5, tcp: ideal}\n"                                                                  \
    "nodes: [{group: p, count: 6, validation: 1ms, " GOSSIP "}]\n"                                                          \
    "topology: {kind: full}\n"                                                                                              \
    "traffic: [{from: p, topic: t, size: 1 KiB, every: 100ms}]\n"                                                           \
    "events: [{at: 500ms, heal: all}, {at: 2s, heal: all}]\n"
#define STAYS                                                                                                               \
    ": it acts before the warm-up is over and has to stay (these may differ: scenario, question, duration, cooldown, "       \
    "traffic_seed, traffic, events, expect, limits, record, nodes.*.validation)"
#define STAYS_TOO                                                                                                           \
    ", but it acts before the warm-up is over and has to stay (these may differ: scenario, question, duration, cooldown, "   \
    "traffic_seed, traffic, events, expect, limits, record, nodes.*.validation)"

static const char early_text[] =
    "scenario: t\nduration: 3s\nwarmup: 1s\nnetwork: {latency: 5ms}\nnodes: [{group: p, count: 6, " GOSSIP "}]\n"
    "topology: {kind: full}\ntraffic: [{from: p-1, topic: t, size: 1 KiB, every: 300ms, start: 400ms, count: 5}]\n";

static void expect_refusal(const char *text, const struct sets *sets, const char *wanted)
{
    struct sets variants[VARIANTS_MAX] = {{{"question=fine"}}, *sets};
    struct batch *b = calloc(1, sizeof *b);
    char whole[1200];

    open_batch(b, text, variants);
    assert_int_equal(run_warm(&b->warm, b->error, sizeof b->error), RUN_USAGE);
    snprintf(whole, sizeof whole, "variant v: %s", wanted);
    assert_string_equal(b->error, whole);
    assert_int_equal(b->gathered, 0);
    close_batch(b);
    free(b);
}

static void what_acts_in_the_warm_up_is_refused_by_name(void **state)
{
    static const struct {
        struct sets sets;
        const char *wanted;
    } table[] = {
        {{{"seed=4"}}, "--set seed=4: seed: \"4\" in place of \"3\"" STAYS},
        {{{"warmup=2s"}}, "--set warmup=2s: warmup: \"2s\" in place of \"1s\"" STAYS},
        {{{"network.tcp=packet"}}, "--set network.tcp=packet: network.tcp: \"packet\" in place of \"ideal\"" STAYS},
        {{{"network.jitter=10%"}}, "--set network.jitter=10%: network.jitter: is new" STAYS_TOO},
        {{{"nodes.p.count=7"}}, "--set nodes.p.count=7: nodes.0.count: \"7\" in place of \"6\"" STAYS},
        {{{"nodes.0.gossipsub.D=5"}}, "--set nodes.0.gossipsub.D=5: nodes.0.gossipsub.D: \"5\" in place of \"4\"" STAYS},
        {{{"nodes=[{group: p, count: 6, " GOSSIP "}, {group: q, count: 1}]"}},
         "--set nodes=[{group: p, count: 6, " GOSSIP "}, {group: q, count: 1}]: nodes: 2 items in place of 1" STAYS},
        {{{"topology={kind: ring}"}}, "--set topology={kind: ring}: topology.kind: \"ring\" in place of \"full\"" STAYS},
        {{{"topology=[{kind: full}]"}}, "--set topology=[{kind: full}]: topology: another kind of value" STAYS},
        {{{"cpu={cores: 1, table: epyc}"}}, "--set cpu={cores: 1, table: epyc}: cpu: is new" STAYS_TOO},
        {{{"network={regions: algorand5}"}}, "t.yaml:7:31: network.tcp: is left out" STAYS_TOO},
        {{{"events.0.at=400ms"}}, "--set events.0.at=400ms: events.0.at: \"400ms\" in place of \"500ms\"" STAYS},
        {{{"events.1.at=999999999ns"}}, "--set events.1.at=999999999ns: events.1.at: the event is new and happens before the warm-up is over"},
        {{{"events.0.at=1s"}}, "t.yaml:11:10: events.0: is left out, but it happens before the warm-up is over"},
        {{{"traffic.0.topic=u"}},
         "t.yaml:10:10: traffic: group p would subscribe to other topics, before the warm-up is over (say which in its `subscribe`)"},
        {{{"traffic.0.start=999ms"}},
         "traffic.0: the message of p-1 at 0.999 s, before the warm-up is over, is another one than without the change (let it start later)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        expect_refusal(HEAD LATE, &table[i].sets, table[i].wanted);
}

static void messages_of_the_warm_up_tie_down_what_they_depend_on(void **state)
{
    static const struct {
        struct sets sets;
        const char *wanted;
    } table[] = {
        {{{"nodes.0.validation=2ms"}},
         "nodes.0.validation: messages are validated before the warm-up is over (let the traffic start later)"},
        {{{"traffic.0.size=2 KiB"}},
         "traffic.0: the message of p-1 at 0.4 s, before the warm-up is over, is another one than without the change (let it start later)"},
        {{{"traffic.0.start=1s"}}, "traffic.0: the message of p-1 at 0.4 s, before the warm-up is over, would be missing (let it start later)"},
        {{{"traffic.0.every=250ms"}},
         "traffic.0: the message of p-1 at 0.65 s, before the warm-up is over, is another one than without the change (let it start later)"},
        {{{"events=[{at: 2s, latency: {set: 1ms}}]"}},
         "events: the least latency from everywhere to everywhere over the whole run is 1 ms in place of 5 ms, and links reckon with "
         "it before the warm-up is over (let no event go below what the scenario has)"},
        {{{"network.tcp=flight"}}, "--set network.tcp=flight: network.tcp: is new" STAYS_TOO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        expect_refusal(early_text, &table[i].sets, table[i].wanted);
}

static void a_backend_or_setting_that_has_no_warm_start_is_refused_by_name(void **state)
{
    static const struct {
        const struct world_ops *world;
        uint32_t threads;
        bool no_warmup;
        const char *wanted;
    } table[] = {
        {&world_sockets, 1, false, "--warm: connections of the sockets backend cannot be copied (des)"},
        {&world_netns, 1, false, "--warm: connections of the netns backend cannot be copied (des)"},
        {&world_des, 2, false, "--threads: threads do not live on in the variants' processes (1; see --jobs)"},
        {&world_des, 1, true, "--warm: the scenario has no warm-up to share (warmup)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        static const struct sets variants[VARIANTS_MAX] = {{{"question=fine"}}};
        struct batch *b = calloc(1, sizeof *b);

        open_batch(b, early_text, variants);
        b->options.world = table[i].world;
        b->options.threads = table[i].threads;
        if (table[i].no_warmup)
            b->base.warmup_ns = 0;
        assert_int_equal(run_warm(&b->warm, b->error, sizeof b->error), RUN_USAGE);
        assert_string_equal(b->error, table[i].wanted);
        close_batch(b);
        free(b);
    }
}

/* ---- what goes wrong ---- */

static void die(void *ctx, uint32_t variant, struct run_result *result)
{
    (void)ctx;
    (void)result;
    if (variant == 1)
        raise(SIGKILL);
    if (variant == 2)
        _exit(RUN_INVARIANT);
}

static void a_variant_that_dies_is_told_and_the_others_go_on(void **state)
{
    struct batch *b = calloc(1, sizeof *b);

    (void)state;
    open_batch(b, cases[0].text, cases[0].variants);
    b->warm.finished = die;
    assert_int_equal(run_warm(&b->warm, b->error, sizeof b->error), RUN_INVARIANT); /* the gravest of them */
    assert_int_equal(b->gathered, b->warm.count);
    assert_int_equal(b->outcomes[1].status, RUN_FAILED);
    assert_string_equal(b->outcomes[1].error, "ended by signal 9 (Killed)");
    assert_int_equal(b->outcomes[2].status, RUN_INVARIANT);
    assert_string_equal(b->outcomes[2].error, "ended with status 3");
    for (uint32_t k = 0; k < b->warm.count; k += k == 0 ? 3 : 1)
        compare_with_cold(b, 0, k, 1);
    close_batch(b);
    free(b);
}

static void a_file_that_cannot_be_made_fails_its_variant_alone(void **state)
{
    struct batch *b = calloc(1, sizeof *b);

    (void)state;
    open_batch(b, cases[0].text, cases[0].variants);
    b->variants[1].database = "/nonexistent/run.sqlite";
    assert_int_equal(run_warm(&b->warm, b->error, sizeof b->error), RUN_FAILED);
    assert_int_equal(b->outcomes[1].status, RUN_FAILED);
    assert_non_null(strstr(b->outcomes[1].error, "/nonexistent/run.sqlite"));
    assert_int_equal(b->outcomes[0].status, RUN_OK);
    assert_int_equal(b->outcomes[2].status, RUN_OK);
    close_batch(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variant_is_what_a_run_of_its_own_is),
        cmocka_unit_test(the_number_of_processes_changes_nothing),
        cmocka_unit_test(what_acts_in_the_warm_up_is_refused_by_name),
        cmocka_unit_test(messages_of_the_warm_up_tie_down_what_they_depend_on),
        cmocka_unit_test(a_backend_or_setting_that_has_no_warm_start_is_refused_by_name),
        cmocka_unit_test(a_variant_that_dies_is_told_and_the_others_go_on),
        cmocka_unit_test(a_file_that_cannot_be_made_fails_its_variant_alone),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
