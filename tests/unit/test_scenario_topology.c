/* sim/scenario: graphs have the shape they were asked for. */
#include "tests/lib/test.h"

#include "sim/scenario/topology.h"
#include "stack/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct built {
    struct scenario s;
    struct topology t;
    uint32_t *degrees, *dials; /* by node */
};

static void build(struct built *b, const char *nodes, const char *topology, uint64_t seed)
{
    char text[600];
    struct scenario_error err;

    snprintf(text, sizeof text, "scenario: t\nseed: %u\nduration: 1s\nnodes: %s\ntopology: %s\n",
             (unsigned)seed, nodes, topology);
    if (scenario_load_text("t.yaml", slice_text(text), NULL, 0, &b->s, &err) != 0)
        fail_msg("%s", err.text);
    if (topology_build(&b->s, &b->t, &err) != 0)
        fail_msg("%s", err.text);
    b->degrees = mem_zalloc(b->s.node_count * sizeof *b->degrees);
    b->dials = mem_zalloc(b->s.node_count * sizeof *b->dials);
    for (uint32_t i = 0; i < b->t.dial_count; i++) {
        const struct scenario_edge *e = &b->t.dials[i];

        assert_true(e->from < b->s.node_count && e->to < b->s.node_count && e->from != e->to);
        b->degrees[e->from]++;
        b->degrees[e->to]++;
        b->dials[e->from]++;
    }
}

static void drop(struct built *b)
{
    topology_free(&b->t);
    scenario_free(&b->s);
    mem_free(b->degrees);
    mem_free(b->dials);
}

static const struct {
    const char *nodes, *topology;
} shapes[] = {
    {"[{group: a, count: 100}]", "{kind: random-regular, degree: 7}"},
    {"[{group: a, count: 21}]", "{kind: random-regular, degree: 20}"},
    {"[{group: a, count: 40}]", "{kind: random-regular, degree: 33}"},
    {"[{group: a, count: 100}]", "{kind: random-at-least, degree: 20}"},
    {"[{group: a, count: 21}]", "{kind: random-at-least, degree: 20}"},
    {"[{group: a, count: 200}]", "{kind: erdos-renyi, probability: 10%}"},
    {"[{group: a, count: 100}]", "{kind: watts-strogatz, degree: 6, rewire: 20%}"},
    {"[{group: a, count: 100}]", "{kind: barabasi-albert, edges_per_node: 4}"},
    {"[{group: a, count: 30}]", "{kind: star, center: a-7}"},
    {"[{group: a, count: 30}]", "{kind: line}"},
    {"[{group: a, count: 30}]", "{kind: ring}"},
    {"[{group: a, count: 30}]", "{kind: full}"},
    {"[{group: a, count: 30}, {group: b, count: 5}]", "{kind: fanout, from: a, to: b, degree: 3}"},
    {"[{group: a, count: 30}]", "{kind: fanout, from: a, to: a, degree: 3}"},
    {"[{group: a, count: 30}]", "[{kind: ring}, {kind: full}, {kind: random-regular, degree: 4}]"},
    {"[{group: a, count: 2}]", "{kind: list, edges: [[a-0, a-1], [a-1, a-0], [a-0, a-1]]}"},
};
#define SHAPE_COUNT (sizeof shapes / sizeof *shapes)

static int compare_pairs(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void no_two_nodes_are_connected_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        struct built b;
        uint64_t *pairs;

        build(&b, shapes[i].nodes, shapes[i].topology, 1);
        pairs = mem_alloc(b.t.dial_count * sizeof *pairs);
        for (uint32_t k = 0; k < b.t.dial_count; k++) {
            uint32_t x = b.t.dials[k].from, y = b.t.dials[k].to;

            pairs[k] = x < y ? (uint64_t)x << 32 | y : (uint64_t)y << 32 | x;
        }
        qsort(pairs, b.t.dial_count, sizeof *pairs, compare_pairs);
        for (uint32_t k = 1; k < b.t.dial_count; k++)
            assert_true(pairs[k] != pairs[k - 1]);
        mem_free(pairs);
        drop(&b);
    }
}

static void dials_are_listed_by_dialler(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        struct built b;

        build(&b, shapes[i].nodes, shapes[i].topology, 1);
        assert_int_equal(b.t.first[0], 0);
        for (uint32_t node = 0; node < b.s.node_count; node++) {
            assert_int_equal(b.t.first[node + 1] - b.t.first[node], b.dials[node]);
            for (uint32_t k = b.t.first[node]; k < b.t.first[node + 1]; k++)
                assert_int_equal(b.t.dials[k].from, node);
        }
        drop(&b);
    }
}

static void the_same_seed_gives_the_same_graph_and_another_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        struct built a, b, c;
        bool random = strstr(shapes[i].topology, "random") || strstr(shapes[i].topology, "degree");

        build(&a, shapes[i].nodes, shapes[i].topology, 1);
        build(&c, shapes[i].nodes, shapes[i].topology, 2);
        build(&b, shapes[i].nodes, shapes[i].topology, 1);
        assert_int_equal(a.t.dial_count, b.t.dial_count);
        assert_memory_equal(a.t.dials, b.t.dials, a.t.dial_count * sizeof *a.t.dials);
        if (random && a.t.dial_count == c.t.dial_count)
            assert_memory_not_equal(a.t.dials, c.t.dials, a.t.dial_count * sizeof *a.t.dials);
        drop(&a);
        drop(&b);
        drop(&c);
    }
}

static void regular_graphs_are_regular_whatever_the_degree(void **state)
{
    (void)state;
    for (uint32_t degree = 1; degree < 30; degree++) {
        struct built b;
        char topology[60];

        snprintf(topology, sizeof topology, "{kind: random-regular, degree: %u}", degree);
        build(&b, "[{group: a, count: 30}]", topology, degree);
        for (uint32_t i = 0; i < 30; i++)
            assert_int_equal(b.degrees[i], degree);
        drop(&b);
    }
}

static void degrees_are_those_of_the_kind(void **state)
{
    struct built b;

    (void)state;
    build(&b, "[{group: a, count: 300}]", "{kind: random-at-least, degree: 20}", 1);
    for (uint32_t i = 0; i < 300; i++)
        assert_true(b.degrees[i] >= 20);
    assert_in_range(b.t.dial_count, 3000, 4500);
    drop(&b);
    build(&b, "[{group: a, count: 300}]", "{kind: erdos-renyi, probability: 0.1}", 1);
    assert_in_range(b.t.dial_count, 4100, 4900); /* 4485 expected, 64 deviation */
    drop(&b);
    build(&b, "[{group: a, count: 300}]", "{kind: watts-strogatz, degree: 6, rewire: 0%}", 1);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(b.degrees[i], 6);
    drop(&b);
    build(&b, "[{group: a, count: 300}]", "{kind: barabasi-albert, edges_per_node: 3}", 1);
    assert_in_range(b.t.dial_count, 3 * 297, 3 * 300);
    drop(&b);
    build(&b, "[{group: a, count: 30}]", "{kind: star, center: a-7}", 1);
    assert_int_equal(b.degrees[7], 29);
    assert_int_equal(b.dials[7], 0);
    drop(&b);
    build(&b, "[{group: a, count: 30}]", "{kind: full}", 1);
    assert_int_equal(b.t.dial_count, 435);
    drop(&b);
}

static void a_fanout_dials_so_many_of_the_other_group(void **state)
{
    struct built b;

    (void)state;
    build(&b, "[{group: relays, count: 20}, {group: nodes, count: 180}]",
          "[{kind: random-regular, among: relays, degree: 8}, {kind: fanout, from: nodes, to: "
          "relays, degree: 4}]",
          1);
    for (uint32_t i = 20; i < 200; i++) {
        assert_int_equal(b.dials[i], 4);
        assert_int_equal(b.degrees[i], 4);
    }
    for (uint32_t i = 0; i < b.t.dial_count; i++)
        assert_true(b.t.dials[i].to < 20);
    assert_null(b.t.warning);
    assert_int_equal(b.t.part_count, 1);
    drop(&b);
}

/* Both ends of a link dial about equally often, so no node is without outbound connections by
 * construction. */
static void either_end_of_a_random_link_may_dial(void **state)
{
    struct built b;
    uint32_t upwards = 0;

    (void)state;
    build(&b, "[{group: a, count: 1000}]", "{kind: random-regular, degree: 20}", 1);
    for (uint32_t i = 0; i < b.t.dial_count; i++)
        upwards += b.t.dials[i].from < b.t.dials[i].to;
    assert_in_range(upwards, 4700, 5300);
    drop(&b);
}

static void a_graph_in_pieces_is_built_with_a_warning(void **state)
{
    struct built b;

    (void)state;
    build(&b, "[{group: a, count: 3}, {group: b, count: 4}, {group: c, count: 2}]",
          "[{kind: line, among: a}, {kind: ring, among: b}]", 1);
    assert_int_equal(b.t.part_count, 4);
    assert_int_equal(b.t.isolated_count, 2);
    assert_string_equal(
        b.t.warning,
        "t.yaml:5:12: topology.0: the graph has 4 parts, the largest of 4 of 9 nodes; 2 nodes "
        "have no link");
    drop(&b);
    build(&b, "[{group: a, count: 4}]", "{kind: fanout, from: a, to: a, degree: 3}", 1);
    assert_non_null(strstr(b.t.warning, "find fewer nodes to dial than their degree"));
    drop(&b);
}

static bool is_direct(const struct topology *t, uint32_t node, uint32_t peer)
{
    for (uint32_t i = t->direct_first[node]; i < t->direct_first[node + 1]; i++)
        if (t->directs[i] == peer)
            return true;
    return false;
}

static void both_ends_of_a_direct_link_have_each_other_even_if_another_topology_made_it(void **state)
{
    struct built b;

    (void)state;
    build(&b, "[{group: a, count: 5}, {group: b, count: 3}]",
          "[{kind: full, among: a}, {kind: line, among: a, direct: true}, {kind: list, direct: true, edges: [[b-2, a-0], [a-0, b-2], [a-1, a-0]]}]", 1);
    assert_int_equal(b.t.dial_count, 11);
    assert_int_equal(b.t.direct_first[8], 2 * 5); /* each pair once, at both ends */
    for (uint32_t x = 0; x < 8; x++)
        for (uint32_t y = 0; y < 8; y++)
            assert_int_equal(is_direct(&b.t, x, y),
                             (x < 5 && y < 5 && (x == y + 1 || y == x + 1)) || (x == 7 && y == 0) || (x == 0 && y == 7));
    drop(&b);
    build(&b, "[{group: a, count: 5}]", "{kind: full, direct: false}", 1);
    assert_null(b.t.directs);
    drop(&b);
}

static void one_topology_does_not_shift_another(void **state)
{
    struct built a, b;

    (void)state;
    build(&a, "[{group: a, count: 30}, {group: b, count: 30}]",
          "[{kind: line, among: a}, {kind: random-regular, among: b, degree: 4}]", 1);
    build(&b, "[{group: a, count: 30}, {group: b, count: 30}]",
          "[{kind: full, among: a}, {kind: random-regular, among: b, degree: 4}]", 1);
    assert_memory_equal(&a.t.dials[a.t.first[30]], &b.t.dials[b.t.first[30]],
                        60 * sizeof *a.t.dials);
    drop(&a);
    drop(&b);
}

static void graphs_of_ten_thousand_nodes_are_quick(void **state)
{
    struct built b;

    (void)state;
    build(&b, "[{group: a, count: 10000}]", "{kind: random-regular, degree: 20}", 1);
    assert_int_equal(b.t.dial_count, 100000);
    assert_int_equal(b.t.part_count, 1);
    drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_nodes_are_connected_twice),
        cmocka_unit_test(dials_are_listed_by_dialler),
        cmocka_unit_test(the_same_seed_gives_the_same_graph_and_another_another),
        cmocka_unit_test(regular_graphs_are_regular_whatever_the_degree),
        cmocka_unit_test(degrees_are_those_of_the_kind),
        cmocka_unit_test(a_fanout_dials_so_many_of_the_other_group),
        cmocka_unit_test(either_end_of_a_random_link_may_dial),
        cmocka_unit_test(a_graph_in_pieces_is_built_with_a_warning),
        cmocka_unit_test(both_ends_of_a_direct_link_have_each_other_even_if_another_topology_made_it),
        cmocka_unit_test(one_topology_does_not_shift_another),
        cmocka_unit_test(graphs_of_ten_thousand_nodes_are_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
