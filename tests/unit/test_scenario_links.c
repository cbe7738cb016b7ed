/* sim/scenario: how links behave, and what becomes of them. */
#include "tests/lib/test.h"

#include "sim/scenario/timeline.h"
#include "sim/scenario/topology.h"
#include "sim/scenario/units.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { NORTH, SOUTH, WEST };

static void load(struct scenario *s)
{
    struct scenario_error err;

    if (scenario_load("tests/scenarios/valid/links.yaml", NULL, 0, s, &err) != 0)
        fail_msg("%s", err.text);
}

static void load_text(struct scenario *s, const char *network, const char *nodes, const char *topology,
                      const char *events)
{
    char text[2000];
    struct scenario_error err;

    snprintf(text, sizeof text, "scenario: t\nduration: 1m\nnetwork: %s\nnodes: %s\ntopology: %s\n%s", network, nodes,
             topology, events);
    if (scenario_load_text("t.yaml", slice_text(text), NULL, 0, s, &err) != 0)
        fail_msg("%s", err.text);
}

static void assert_loss(const struct gilbert *g, uint32_t change, uint32_t back, uint32_t good, uint32_t bad)
{
    assert_int_equal(g->good_to_bad_ppm, change);
    assert_int_equal(g->bad_to_good_ppm, back);
    assert_int_equal(g->good_loss_ppm, good);
    assert_int_equal(g->bad_loss_ppm, bad);
}

static void check_classes(const struct scenario_network *n)
{
    const struct scenario_class *home = &n->classes[0], *office = &n->classes[1], *plain = &n->classes[2];

    assert_int_equal(home->queue_size, 1000000);
    assert_int_equal(home->queue_ns, 0);
    assert_int_equal(home->aqm.kind, QUEUE_CODEL);
    assert_loss(&home->loss_up, 0, 0, 20000, 0);
    assert_loss(&home->loss_down, 50000, 500000, 0, 1000000);
    assert_int_equal(office->queue_size + office->queue_ns, 0);
    assert_int_equal(office->aqm.kind, QUEUE_FQ_CODEL);
    assert_int_equal(office->aqm.flows, 64);
    assert_loss(&office->loss_up, 0, 0, 5000, 0);
    assert_loss(&office->loss_down, 0, 0, 5000, 0);
    assert_true(gilbert_loses_nothing(&plain->loss_up));
}

static void check_bottlenecks(const struct scenario_network *n)
{
    assert_int_equal(n->bottleneck_count, 3);
    assert_int_equal(n->bottlenecks[0].pair_count, 2);
    assert_int_equal(n->bottlenecks[0].pairs[1].from, SOUTH);
    assert_int_equal(n->bottlenecks[0].pairs[1].to, WEST);
    assert_int_equal(n->bottlenecks[1].pairs[0].from, WEST);
    assert_int_equal(n->bottlenecks[1].pairs[0].to, NORTH);
    assert_int_equal(n->bottlenecks[1].rate_bps, 1000000000);
    assert_int_equal(n->bottlenecks[1].queue_ns, 20 * NS_PER_MS);
    assert_int_equal(n->bottlenecks[2].queue_ns, 50 * NS_PER_MS); /* the network's */
    assert_int_equal(n->bottlenecks[2].aqm.kind, QUEUE_CODEL);
}

static void every_key_of_links_lands_where_it_belongs(void **state)
{
    struct scenario s;
    const struct scenario_network *n = &s.network;

    (void)state;
    load(&s);
    assert_int_equal(n->jitter.kind, JITTER_LOGNORMAL);
    assert_int_equal(n->jitter.mean_ppm, 100000);
    assert_int_equal(n->jitter.deviation_ppm, 500000);
    assert_int_equal(n->jitter.max_ppm, 1000000);
    assert_int_equal(n->aqm.kind, QUEUE_FQ_CODEL);
    assert_int_equal(n->aqm.target_ns, 10 * NS_PER_MS);
    assert_int_equal(n->aqm.interval_ns, 200 * NS_PER_MS);
    check_classes(n);
    check_bottlenecks(n);
    assert_int_equal(s.groups[0].reach, SCENARIO_REACHABLE);
    assert_int_equal(s.groups[1].reach, SCENARIO_UNREACHABLE);
    scenario_free(&s);
}

/* The network's loss and jitter hold where an edge says nothing; loss_between goes over both. */
static void a_gml_edge_has_latency_jitter_and_loss_in_its_direction(void **state)
{
    struct scenario s;
    const struct scenario_network *n = &s.network;

    (void)state;
    load(&s);
    assert_int_equal(scenario_latency_ns(&s, NORTH, SOUTH), 30 * NS_PER_MS);
    assert_int_equal(scenario_latency_ns(&s, SOUTH, NORTH), 35 * NS_PER_MS);
    assert_int_equal(n->jitter_pair_ns[NORTH * 3 + SOUTH], 3 * NS_PER_MS);
    assert_int_equal(n->jitter_pair_ns[NORTH * 3 + NORTH], 0);
    assert_true(n->jitter_pair_ns[SOUTH * 3 + NORTH] == SCENARIO_JITTER_COMMON);
    assert_loss(&n->loss[NORTH * 3 + NORTH], 0, 0, 0, 0);
    assert_loss(&n->loss[NORTH * 3 + SOUTH], 0, 0, 2000, 0);
    assert_loss(&n->loss[SOUTH * 3 + NORTH], 0, 0, 10000, 0);
    assert_loss(&n->loss[WEST * 3 + NORTH], 10000, 200000, 1000, 500000);
    assert_loss(&n->loss[NORTH * 3 + WEST], 0, 0, 10000, 0);
    scenario_free(&s);
}

static void pairs_of_nodes_have_their_own_latency(void **state)
{
    struct scenario s;
    struct scenario_node *nodes;

    (void)state;
    load(&s);
    nodes = scenario_expand(&s);
    assert_int_equal(scenario_node_latency_ns(&s, &nodes[0], &nodes[6]), 700 * NS_PER_US);
    assert_int_equal(scenario_node_latency_ns(&s, &nodes[6], &nodes[0]), 9 * NS_PER_MS);
    assert_int_equal(scenario_node_latency_ns(&s, &nodes[0], &nodes[5]), 30 * NS_PER_MS);
    mem_free(nodes);
    scenario_free(&s);
}

/* What the steps say of a pair of regions at a time. */
static uint64_t latency_at(const struct scenario *s, const struct timeline *t, uint32_t from, uint32_t to, uint64_t at_s)
{
    uint64_t ns = scenario_latency_ns(s, from, to);

    for (uint32_t i = 0; i < t->step_count && t->steps[i].at_ns <= at_s * NS_PER_S; i++)
        if (t->steps[i].kind == TIMELINE_LATENCY && t->steps[i].from == from && t->steps[i].to == to)
            ns = t->steps[i].latency_ns;
    return ns;
}

static const struct timeline_step *last_step(const struct timeline *t, enum timeline_kind kind, uint32_t item, uint64_t at_s)
{
    const struct timeline_step *last = NULL;

    for (uint32_t i = 0; i < t->step_count && t->steps[i].at_ns <= at_s * NS_PER_S; i++)
        if (t->steps[i].kind == kind && item == (kind == TIMELINE_BANDWIDTH ? t->steps[i].node : t->steps[i].from * 3 + t->steps[i].to))
            last = &t->steps[i];
    return last;
}

/* Rows: twice from 5 s, back to the table at 40 s. Events: threefold from 10 to 30 s, 300 ms from 15 to 20 s. */
static void latencies_follow_rows_and_events(void **state)
{
    static const struct {
        uint64_t at_s, there_ms, back_ms;
    } known[] = {{0, 30, 35}, {5, 60, 35}, {9, 60, 35}, {10, 180, 105}, {15, 300, 105}, {20, 180, 105}, {30, 60, 35}, {40, 30, 35}};
    struct scenario s;
    struct scenario_node *nodes;
    struct timeline t;

    (void)state;
    load(&s);
    nodes = scenario_expand(&s);
    timeline_build(&s, nodes, &t);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(latency_at(&s, &t, NORTH, SOUTH, known[i].at_s), known[i].there_ms * NS_PER_MS);
        assert_int_equal(latency_at(&s, &t, SOUTH, NORTH, known[i].at_s), known[i].back_ms * NS_PER_MS);
    }
    assert_int_equal(latency_at(&s, &t, SOUTH, WEST, 12), 25 * NS_PER_MS);
    assert_int_equal(t.latency_least_ns[NORTH * 3 + SOUTH], 30 * NS_PER_MS);
    assert_int_equal(t.latency_least_ns[SOUTH * 3 + WEST], 25 * NS_PER_MS);
    assert_int_equal(t.latency_least_ns[WEST * 3 + SOUTH], 50 * NS_PER_MS);
    timeline_free(&t);
    mem_free(nodes);
    scenario_free(&s);
}

static void losses_and_bandwidths_come_and_go(void **state)
{
    struct scenario s;
    struct scenario_node *nodes;
    struct timeline t;

    (void)state;
    load(&s);
    nodes = scenario_expand(&s);
    timeline_build(&s, nodes, &t);
    assert_null(last_step(&t, TIMELINE_LOSS, NORTH * 3 + SOUTH, 19));
    assert_loss(&last_step(&t, TIMELINE_LOSS, NORTH * 3 + SOUTH, 20)->loss, 0, 0, 50000, 0);
    assert_loss(&last_step(&t, TIMELINE_LOSS, NORTH * 3 + SOUTH, 25)->loss, 10000, 100000, 0, 1000000);
    assert_loss(&last_step(&t, TIMELINE_LOSS, NORTH * 3 + SOUTH, 60)->loss, 10000, 100000, 0, 1000000);
    assert_loss(&last_step(&t, TIMELINE_LOSS, SOUTH * 3 + NORTH, 29)->loss, 0, 0, 50000, 0);
    assert_loss(&last_step(&t, TIMELINE_LOSS, SOUTH * 3 + NORTH, 30)->loss, 0, 0, 10000, 0);
    assert_null(last_step(&t, TIMELINE_BANDWIDTH, 4, 60));
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 0, 30)->up_bps, 5000000);
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 0, 40)->up_bps, 10000000);
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 1, 35)->up_bps, 1000000);
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 1, 35)->down_bps, 25000000);
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 1, 40)->up_bps, 1000000);
    assert_int_equal(last_step(&t, TIMELINE_BANDWIDTH, 1, 40)->down_bps, 50000000);
    timeline_free(&t);
    mem_free(nodes);
    scenario_free(&s);
}

static void a_scenario_without_changes_has_no_steps(void **state)
{
    struct scenario s;
    struct scenario_node *nodes;
    struct timeline t;

    (void)state;
    load_text(&s, "{latency: 5ms}", "[{group: a, count: 4}]", "{kind: ring}", "events: [{at: 1s, crash: {count: 1}}]");
    nodes = scenario_expand(&s);
    timeline_build(&s, nodes, &t);
    assert_int_equal(t.step_count, 0);
    assert_null(t.latency_least_ns);
    timeline_free(&t);
    mem_free(nodes);
    scenario_free(&s);
}

/* Shadow's graphs have zeros on every edge: they ask for nothing, so any TCP will do. */
static void zeros_of_a_gml_file_ask_for_nothing(void **state)
{
    struct scenario_error err;
    struct scenario s;

    (void)state;
    if (scenario_load("tests/scenarios/valid/files.yaml", (const char *[]){"network.jitter=0ms"}, 1, &s, &err) != 0)
        fail_msg("%s", err.text);
    assert_null(s.network.loss);
    assert_null(s.network.jitter_pair_ns);
    scenario_free(&s);
    if (scenario_load("tests/scenarios/valid/files.yaml", NULL, 0, &s, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(s.network.jitter_pair_ns[1], 0); /* 0 in place of the network's 2 ms */
    assert_true(s.network.jitter_pair_ns[2] == SCENARIO_JITTER_COMMON);
    scenario_free(&s);
}

static void no_factor_brings_a_latency_to_nothing(void **state)
{
    struct scenario s;
    struct scenario_node *nodes;
    struct timeline t;

    (void)state;
    load_text(&s, "{latency: 2us}", "[{group: a, count: 2}]", "{kind: line}",
              "events: [{at: 1s, latency: {factor: 0.001}}, {at: 2s, latency: {factor: 0.001}, for: 1s}]");
    nodes = scenario_expand(&s);
    timeline_build(&s, nodes, &t);
    assert_int_equal(t.latency_least_ns[0], 1000);
    timeline_free(&t);
    mem_free(nodes);
    scenario_free(&s);
}

static uint32_t dials_to(const struct topology *t, uint32_t first)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->dial_count; i++)
        count += t->dials[i].to >= first;
    return count;
}

#define HALF_HIDDEN "[{group: a, count: 30}, {group: b, count: 20, reachable: no}]"

static void topologies_dial_the_right_way_round(void **state)
{
    static const char *const kinds[] = {
        "{kind: random-regular, degree: 6}", "{kind: erdos-renyi, probability: 50%}",
        "{kind: watts-strogatz, degree: 6, rewire: 20%}", "{kind: barabasi-albert, edges_per_node: 4}",
        "{kind: full}", "{kind: random-at-least, degree: 6}", "{kind: fanout, from: b, to: a, degree: 3}"};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct scenario_error err;
        struct topology t;
        struct scenario s;

        load_text(&s, "{latency: 5ms}", HALF_HIDDEN, kinds[i], "");
        assert_int_equal(topology_build(&s, &t, &err), 0);
        assert_int_equal(dials_to(&t, 30), 0);
        assert_true(t.first[50] - t.first[30] > 20); /* those that cannot be dialled dial */
        topology_free(&t);
        scenario_free(&s);
    }
}

static void warn(const char *topology, const char *wanted)
{
    struct scenario_error err;
    struct topology t;
    struct scenario s;

    load_text(&s, "{latency: 5ms}", "[{group: a, count: 3}, {group: b, count: 3, reachable: no}]", topology, "");
    assert_int_equal(topology_build(&s, &t, &err), 0);
    assert_string_equal(t.warning, wanted);
    topology_free(&t);
    scenario_free(&s);
}

static void links_that_cannot_be_made_are_told(void **state)
{
    (void)state;
    warn("{kind: full}", "t.yaml:5:11: topology: 3 links between unreachable nodes are left out");
    warn("{kind: line}", "t.yaml:5:11: topology: 3 dials go to unreachable nodes, and will fail; the graph has 4 parts, the "
                         "largest of 3 of 6 nodes; 3 nodes have no link");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_links_lands_where_it_belongs),
        cmocka_unit_test(a_gml_edge_has_latency_jitter_and_loss_in_its_direction),
        cmocka_unit_test(pairs_of_nodes_have_their_own_latency),
        cmocka_unit_test(latencies_follow_rows_and_events),
        cmocka_unit_test(losses_and_bandwidths_come_and_go),
        cmocka_unit_test(a_scenario_without_changes_has_no_steps),
        cmocka_unit_test(zeros_of_a_gml_file_ask_for_nothing),
        cmocka_unit_test(no_factor_brings_a_latency_to_nothing),
        cmocka_unit_test(topologies_dial_the_right_way_round),
        cmocka_unit_test(links_that_cannot_be_made_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
