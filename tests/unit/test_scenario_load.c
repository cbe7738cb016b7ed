/* sim/scenario: what valid scenarios mean. */
#include "tests/lib/test.h"

#include "sim/scenario/placement.h"
#include "sim/scenario/units.h"
#include "stack/base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MINIMAL                                                                                    \
    "scenario: m\nduration: 10s\nnodes:\n  - {group: a, count: 3}\ntopology: {kind: line}\n"
#define TRAFFIC "traffic:\n  - {from: a, topic: t, size: 1 KiB, every: 1s}\n"

static void load_text(const char *text, const char *const *sets, size_t set_count,
                      struct scenario *out)
{
    struct scenario_error err;

    if (scenario_load_text("test.yaml", slice_text(text), sets, set_count, out, &err) != 0)
        fail_msg("%s", err.text);
}

static void load_file(const char *path, struct scenario *out)
{
    struct scenario_error err;

    if (scenario_load(path, NULL, 0, out, &err) != 0)
        fail_msg("%s", err.text);
}

static void defaults_are_those_of_the_manual(void **state)
{
    struct scenario s;

    (void)state;
    load_text(MINIMAL TRAFFIC, NULL, 0, &s);
    assert_string_equal(s.name, "m");
    assert_null(s.question);
    assert_string_equal(s.text, MINIMAL TRAFFIC);
    assert_int_equal(s.seed, 1);
    assert_int_equal(s.warmup_ns + s.cooldown_ns + s.wall_limit_ns, 0);
    assert_false(s.network.present);
    assert_int_equal(s.network.region_count, 1);
    assert_int_equal(scenario_latency_ns(&s, 0, 0), 25000);
    assert_int_equal(s.network.class_count, 0);
    assert_int_equal(s.network.tcp, SCENARIO_TCP_FLIGHT);
    assert_false(s.network.tcp_set);
    assert_int_equal(s.network.encryption, SCENARIO_ENCRYPTION_DEFAULT);
    assert_int_equal(s.network.queue_ns, 100 * NS_PER_MS);
    assert_true(s.groups[0].gossipsub_on);
    assert_false(s.groups[0].algorand_on);
    assert_int_equal(s.groups[0].gossipsub.d, 6);
    assert_int_equal(s.groups[0].signing, GOSSIPSUB_STRICT_SIGN);
    assert_int_equal(s.groups[0].versions, 1u << GOSSIPSUB_V11 | 1u << GOSSIPSUB_V10);
    assert_int_equal(s.groups[0].keepalive_ns, 30 * NS_PER_S);
    assert_int_equal(s.groups[0].topic_count, 1);
    assert_string_equal(s.topics[s.groups[0].topics[0]], "t");
    assert_int_equal(s.traffic[0].start_ns, 0);
    assert_int_equal(s.traffic[0].stop_ns, 10 * NS_PER_S);
    assert_int_equal(s.traffic[0].publishers, TRAFFIC_ONE);
    assert_int_equal(s.hops, RECORD_AUTO);
    assert_int_equal(s.record_sample, 100);
    scenario_free(&s);
}

static void check_full_tcp(const struct tcp_config *t)
{
    assert_int_equal(t->congestion, TCP_CUBIC);
    assert_int_equal(t->mss, 1400);
    assert_int_equal(t->initial_window, 4);
    assert_false(t->idle_restart || t->hystart || t->fast_convergence || t->tcp_friendly || t->timestamps);
    assert_true(t->sack && t->delayed_ack);
    assert_false(t->rack || t->prr || t->tlp);
    assert_int_equal(t->dupthresh, 5);
    assert_int_equal(t->delayed_ack_ns, 20 * NS_PER_MS);
    assert_int_equal(t->quick_acks, 8);
    assert_int_equal(t->rto_initial_ns, 2 * NS_PER_S);
    assert_int_equal(t->rto_min_ns, 100 * NS_PER_MS);
    assert_int_equal(t->rto_max_ns, 60 * NS_PER_S);
    assert_int_equal(t->syn_retries, 3);
    assert_int_equal(t->retries, 7);
}

static void check_full_network(const struct scenario_network *n)
{
    assert_true(n->present);
    assert_string_equal(n->table, "interop8");
    assert_int_equal(n->region_count, 8);
    assert_int_equal(n->jitter_ppm, 100000);
    assert_int_equal(n->class_count, 2);
    assert_int_equal(n->classes[0].weight, 3);
    assert_int_equal(n->classes[1].weight, 1);
    assert_int_equal(n->classes[1].down_bps, 100000000);
    assert_int_equal(n->class_default, 1);
    assert_int_equal(n->tcp, SCENARIO_TCP_PACKET);
    assert_true(n->tcp_set);
    check_full_tcp(&n->tcp_settings);
    assert_int_equal(n->encryption, SCENARIO_ENCRYPTION_NOISE);
    assert_int_equal(n->send_buffer_size, 262144);
    assert_int_equal(n->queue_size, 65536);
    assert_int_equal(n->queue_ns, 0);
    assert_int_equal(n->latency_min_ns, 2 * NS_PER_MS);
    assert_int_equal(n->latency_max_ns, 220 * NS_PER_MS);
}

static void check_full_group(const struct scenario_group *g)
{
    assert_int_equal(g->gossipsub.d, 7);
    assert_int_equal(g->gossipsub.d_hi, 14);
    assert_int_equal(g->gossipsub.gossip_factor_ppm, 500000);
    assert_int_equal(g->gossipsub.heartbeat_interval_ns, 700 * NS_PER_MS);
    assert_false(g->gossipsub.flood_publish);
    assert_int_equal(g->gossipsub.rpc_size_max, 2 << 20);
    assert_int_equal(g->signing, GOSSIPSUB_STRICT_NO_AUTHOR);
    assert_int_equal(g->message_id, SCENARIO_ID_SHA256);
    assert_int_equal(g->versions, 1u << GOSSIPSUB_V11);
    assert_int_equal(g->topic_count, 2);
    assert_int_equal(g->validation_ns, 5 * NS_PER_MS);
    assert_int_equal(g->keepalive_ns, 0);
    assert_int_equal(g->clock_offset_ns, 50 * NS_PER_MS);
    assert_int_equal(g->clock_drift_ppb, 20500);
    assert_int_equal(g->region_weights[2], 3);
    assert_int_equal(g->region_weights[0], 0);
}

static void every_key_lands_where_it_belongs(void **state)
{
    struct scenario s;

    (void)state;
    load_file("tests/scenarios/valid/full.yaml", &s);
    assert_int_equal(s.seed, 42);
    assert_int_equal(s.node_count, 19);
    check_full_network(&s.network);
    assert_true(s.cpu.present);
    assert_int_equal(s.cpu.cores, 4);
    assert_int_equal(s.cpu.speed_ppm, 1500000);
    assert_int_equal(s.cpu.costs[5].base_ns, 35400);
    assert_int_equal(s.cpu.costs[6].per_kib_ns, 3000);
    check_full_group(&s.groups[0]);
    assert_int_equal(s.groups[1].gossipsub.d, 6); /* Algorand's with a fanout of 8 */
    assert_int_equal(s.groups[1].gossipsub.d_lo, 4);
    assert_int_equal(s.groups[1].gossipsub.d_out, 2);
    assert_int_equal(s.groups[1].gossipsub.d_lazy, 8);
    assert_true(s.groups[1].algorand.relay);
    assert_string_equal(s.groups[1].algorand.genesis, "test-v1.0");
    assert_int_equal(s.groups[2].start_ns, TIME_NEVER);
    assert_int_equal(s.groups[3].topic_count, 0);
    assert_int_equal(s.topology_count, 11);
    assert_int_equal(s.topologies[5].center, 3);
    assert_int_equal(s.traffic[0].count, 20);
    assert_int_equal(s.traffic[1].node_first, 3);
    assert_int_equal(s.traffic[1].node_count, 1);
    assert_int_equal(s.traffic[1].interval_ns, 333333333);
    assert_int_equal(s.traffic[2].at_count, 2);
    assert_int_equal(s.traffic[2].size.deviation, 200);
    assert_int_equal(s.traffic[4].size.value_count, 2);
    assert_string_equal(s.traffic[4].label, "AV");
    assert_int_equal(s.event_count, 9);
    assert_true(s.events[5].keeps_memory);
    assert_int_equal(s.events[5].over_ns, 2 * NS_PER_S);
    assert_int_equal(s.events[7].direction, SCENARIO_IN);
    assert_int_equal(s.events[8].churn->up.shape_ppm, 600000);
    assert_int_equal(s.events[8].churn->down.mean, NS_PER_S);
    assert_true(s.events[8].churn->orderly && !s.events[8].keeps_memory);
    assert_int_equal(s.events[0].at_ns, 20 * NS_PER_S); /* sorted */
    assert_int_equal(s.events[6].kind, SCENARIO_JOIN);
    assert_int_equal(s.expectation_count, 14);
    assert_string_equal(s.expectations[1].name, "fast enough");
    assert_int_equal(s.wall_limit_ns, 600 * NS_PER_S);
    assert_int_equal(s.record_sample, 10);
    assert_int_equal(s.deliveries, RECORD_ALL);
    assert_int_equal(s.peers, RECORD_OFF);
    assert_true(s.message_histograms);
    scenario_free(&s);
}

/* The presets' degrees by fanout: D, D_lo, D_score, D_out, D_hi, D_lazy. */
static void the_algorand_preset_follows_its_fanout(void **state)
{
    static const uint32_t table[][7] = {
        {0, 0, 0, 0, 0, 0, 0},    {1, 4, 2, 1, 1, 4, 4},    {4, 4, 2, 1, 1, 4, 4},
        {5, 4, 3, 3, 1, 5, 5},    {6, 4, 3, 3, 1, 6, 6},    {7, 5, 3, 3, 1, 7, 7},
        {8, 6, 4, 4, 2, 8, 8},    {9, 6, 4, 4, 2, 9, 9},    {10, 7, 5, 5, 2, 10, 10},
        {11, 8, 6, 6, 3, 11, 11}, {12, 8, 6, 6, 3, 12, 12}, {40, 8, 6, 6, 3, 12, 12},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char set[80];
        const char *sets[] = {set};
        struct scenario s;
        const struct gossipsub_params *p;

        snprintf(set, sizeof set, "nodes.0.gossipsub={preset: algorand, fanout: %u}", table[i][0]);
        load_text(MINIMAL, sets, 1, &s);
        p = &s.groups[0].gossipsub;
        assert_int_equal(p->d, table[i][1]);
        assert_int_equal(p->d_lo, table[i][2]);
        assert_int_equal(p->d_score, table[i][3]);
        assert_int_equal(p->d_out, table[i][4]);
        assert_int_equal(p->d_hi, table[i][5]);
        assert_int_equal(p->d_lazy, table[i][6]);
        assert_int_equal(p->gossip_factor_ppm, 100000);
        assert_int_equal(s.groups[0].message_id, SCENARIO_ID_BLAKE2B256);
        scenario_free(&s);
    }
}

static void overrides_change_what_the_file_says(void **state)
{
    const char *sets[] = {
        "seed=7",
        "nodes.0.count=100",
        "nodes.a.count=50", /* the later one wins */
        "network.tcp=ideal",
        "network.latency=3ms",
        "nodes.0.gossipsub.D=8",
        "topology={kind: random-regular, degree: 4}",
        "traffic.0.size={uniform: [1 KiB, 2 KiB]}",
        "question=why = because",
    };
    struct scenario s;

    (void)state;
    load_text(MINIMAL TRAFFIC, sets, sizeof sets / sizeof *sets, &s);
    assert_int_equal(s.seed, 7);
    assert_int_equal(s.traffic_seed, 7); /* unless it says otherwise */
    assert_int_equal(s.node_count, 50);
    assert_int_equal(s.network.tcp, SCENARIO_TCP_IDEAL);
    assert_int_equal(scenario_latency_ns(&s, 0, 0), 3 * NS_PER_MS);
    assert_int_equal(s.groups[0].gossipsub.d, 8);
    assert_int_equal(s.topologies[0].kind, TOPOLOGY_RANDOM_REGULAR);
    assert_int_equal(s.traffic[0].size.kind, SAMPLE_UNIFORM);
    assert_string_equal(s.question, "why = because");
    scenario_free(&s);
}

static void a_model_of_tcp_brings_its_settings(void **state)
{
    const char *sets[] = {"network={latency: 3ms, tcp: {congestion: newreno, send_buffer: 64 KiB, receive_buffer_max: 1 MiB}}"};
    const char *packet[] = {"network={latency: 3ms, tcp: {model: packet, delayed_ack: off}}"};
    struct scenario s;

    (void)state;
    load_text(MINIMAL TRAFFIC, sets, 1, &s);
    assert_int_equal(s.network.tcp, SCENARIO_TCP_FLIGHT); /* the default */
    assert_true(s.network.tcp_set);
    assert_int_equal(s.network.tcp_settings.congestion, TCP_NEWRENO);
    assert_int_equal(s.network.send_buffer_size, 65536);
    assert_int_equal(s.network.tcp_settings.send_buffer, 65536);
    assert_int_equal(s.network.receive_buffer_size, 0);
    assert_int_equal(s.network.tcp_settings.receive_buffer_max, 1 << 20);
    scenario_free(&s);
    load_text(MINIMAL TRAFFIC, packet, 1, &s);
    assert_int_equal(s.network.tcp, SCENARIO_TCP_PACKET);
    assert_false(s.network.tcp_settings.delayed_ack);
    scenario_free(&s);
}

static void the_built_in_tables_hold_the_published_figures(void **state)
{
    static const struct {
        const char *table;
        uint32_t from, to;
        uint64_t us;
    } cells[] = {
        {"interop8", 0, 0, 2000},       {"interop8", 2, 4, 70000},
        {"interop8", 5, 6, 195000},     {"interop8", 6, 5, 190000},
        {"interop8", 7, 7, 5000},       {"interop8-half", 0, 2, 82500},
        {"simblock2019", 2, 3, 325000}, {"simblock2019", 4, 4, 12000},
        {"simblock2019", 5, 0, 189000}, {"algorand5", 0, 1, 39700},
        {"algorand5", 1, 3, 124000},    {"algorand5", 3, 1, 118000},
        {"algorand5", 4, 4, 32000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char set[60];
        const char *sets[] = {set};
        struct scenario s;

        snprintf(set, sizeof set, "network.regions=%s", cells[i].table);
        load_text(MINIMAL, sets, 1, &s);
        assert_int_equal(scenario_latency_ns(&s, cells[i].from, cells[i].to), cells[i].us * 1000);
        if (strncmp(cells[i].table, "interop8", 8) == 0)
            assert_int_equal(s.network.class_count, 2);
        scenario_free(&s);
    }
}

static void files_of_latencies_are_read(void **state)
{
    struct scenario s;

    (void)state;
    load_file("tests/scenarios/valid/files.yaml", &s);
    assert_int_equal(s.network.region_count, 2);
    assert_string_equal(s.network.regions[1].name, "south");
    assert_int_equal(s.network.regions[0].weight, 3);
    assert_int_equal(s.network.regions[0].down_bps, 1000000000);
    assert_int_equal(s.network.regions[1].up_bps, 0);
    assert_int_equal(scenario_latency_ns(&s, 0, 1), 30 * NS_PER_MS);
    assert_int_equal(scenario_latency_ns(&s, 1, 0), 35 * NS_PER_MS);
    assert_int_equal(s.network.jitter_ns, 2 * NS_PER_MS);
    assert_int_equal(s.topologies[0].edge_count, 3);
    assert_int_equal(s.topologies[0].edges[0].from, 2); /* the first of `among` is b-0 */
    scenario_free(&s);
    load_file("tests/scenarios/valid/csv.yaml", &s);
    assert_int_equal(s.network.region_count, 2);
    assert_int_equal(s.network.regions[0].weight, 3);
    assert_int_equal(scenario_latency_ns(&s, 0, 0), 1500000);
    assert_int_equal(scenario_latency_ns(&s, 0, 1), 30 * NS_PER_MS);
    assert_int_equal(scenario_latency_ns(&s, 1, 0), 35 * NS_PER_MS);
    scenario_free(&s);
    load_file("tests/scenarios/valid/single.yaml", &s); /* one node needs no topology */
    scenario_free(&s);
}

static void behaviours_say_what_adversaries_do(void **state)
{
    const struct scenario_behaviour *b;
    struct scenario s;

    (void)state;
    load_file("tests/scenarios/valid/adversaries.yaml", &s);
    assert_null(s.groups[0].behaviour);
    assert_int_equal(s.groups[0].dial_delay_ns, NS_PER_S);
    assert_int_equal(s.groups[0].per_address, 1);
    assert_int_equal(s.groups[1].per_address, 2);
    b = s.groups[1].behaviour;
    assert_int_equal(b->attack_at_ns, 5 * NS_PER_S);
    assert_int_equal(b->regraft_ns, 2 * NS_PER_S);
    assert_int_equal(s.groups[2].behaviour->share_ppm, 250000);
    assert_int_equal(s.groups[2].behaviour->regraft_ns, 15 * NS_PER_S);
    b = s.groups[3].behaviour;
    assert_int_equal(b->publisher_count, 2);
    assert_int_equal(b->publishers[0].first, 1);
    assert_int_equal(b->publishers[0].count, 1);
    assert_int_equal(b->publishers[1].first, 0);
    assert_int_equal(b->publishers[1].count, 8);
    assert_int_equal(b->topic_count, 1);
    assert_string_equal(s.topics[b->topics[0]], "u");
    assert_int_equal(s.groups[4].behaviour->delay_ns, 300 * NS_PER_MS);
    b = s.groups[9].behaviour;
    assert_int_equal(b->kind, BEHAVIOUR_BROKEN_PROMISES);
    assert_false(b->grafts);
    assert_int_equal(b->every_ns, NS_PER_S);
    assert_int_equal(b->items, 1);
    assert_int_equal(s.groups[10].behaviour->size, 200);
    assert_int_equal(s.groups[11].behaviour->lure, 1);
    for (int i = 0; i < BEHAVIOUR_KIND_COUNT; i++)
        assert_int_equal(s.groups[i + 1].behaviour->kind, i == 7   ? BEHAVIOUR_IDONTWANT_SPAM
                                                          : i == 8 ? BEHAVIOUR_BROKEN_PROMISES
                                                          : i == 9 ? BEHAVIOUR_INVALID_MESSAGES
                                                                   : (enum behaviour_kind)i);
    scenario_free(&s);
}

static void nodes_are_placed_by_weight_and_seed(void **state)
{
    const char *sets[] = {"nodes.0.count=4000", "network.regions=interop8",
                          "nodes.0.start_spread=1s"};
    struct scenario s;
    struct scenario_node *nodes, *again;
    uint32_t europe = 0, super = 0;
    char name[SCENARIO_NODE_NAME_SIZE];

    (void)state;
    load_text(MINIMAL, sets, 3, &s);
    nodes = scenario_expand(&s);
    again = scenario_expand(&s);
    assert_memory_equal(nodes, again, s.node_count * sizeof *nodes);
    for (uint32_t i = 0; i < s.node_count; i++) {
        assert_int_equal(nodes[i].index, i);
        europe += nodes[i].region == 2;
        super += nodes[i].class == 0;
        assert_int_equal(nodes[i].up_bps, nodes[i].class == 0 ? 1024000000 : 50000000);
        assert_true(nodes[i].start_ns < NS_PER_S);
    }
    assert_in_range(europe, 1850, 2100); /* 5599 of 11326 */
    assert_in_range(super, 700, 900);    /* 20 of 100 */
    assert_string_equal(scenario_node_name(&s, 3999, name), "a-3999");
    mem_free(again);
    s.seed++;
    again = scenario_expand(&s);
    assert_memory_not_equal(nodes, again, s.node_count * sizeof *nodes);
    mem_free(again);
    mem_free(nodes);
    scenario_free(&s);
}

static void events_select_the_same_nodes_each_time(void **state)
{
    struct scenario s;
    struct scenario_node *nodes;
    uint32_t *who, *again, count;

    (void)state;
    load_file("tests/scenarios/valid/full.yaml", &s);
    nodes = scenario_expand(&s);
    count = scenario_select(&s, nodes, 0, &who); /* europe, all relays and peers-1 */
    for (uint32_t i = 0, at = 0; i < s.node_count; i++) {
        bool wanted = nodes[i].region == 2 || nodes[i].group == 1 || i == 1;

        assert_int_equal(wanted, at < count && who[at] == i);
        at += wanted;
    }
    mem_free(who);
    assert_int_equal(scenario_select(&s, nodes, 1, &who), 6); /* 30 % of 19 */
    assert_int_equal(scenario_select(&s, nodes, 1, &again), 6);
    assert_memory_equal(who, again, 6 * sizeof *who);
    mem_free(who);
    mem_free(again);
    assert_int_equal(scenario_select(&s, nodes, 3, &who), 1); /* one of the peers */
    assert_true(who[0] < 10);
    mem_free(who);
    assert_int_equal(scenario_select(&s, nodes, 6, &who), 2); /* the first two of `late` */
    assert_int_equal(who[0], 14);
    mem_free(who);
    mem_free(nodes);
    scenario_free(&s);
}

static char *read_file(const char *path)
{
    struct scenario_error err;
    size_t size;
    char *text = tree_file_read(path, &size, &err);

    assert_non_null(text);
    return text;
}

static bool any_has(char *const *texts, int count, const char *wanted)
{
    for (int i = 0; i < count; i++)
        if (strstr(texts[i], wanted))
            return true;
    return false;
}

/* Rows of the manual's tables of keys begin with "| `key`"; each such key must stand in a valid
 * scenario. */
static void the_manual_names_only_keys_that_are_read(void **state)
{
    static const char *const names[] = {"full", "files", "single", "links", "adversaries", "scores"};
    enum { COUNT = sizeof names / sizeof names[0] };
    char *manual = read_file("sim/scenario/README.md"), *texts[COUNT];
    char *line, *rest = manual, key[64], wanted[70];
    int keys = 0;
    bool table_of_keys = false;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char path[100];

        snprintf(path, sizeof path, "tests/scenarios/valid/%s.yaml", names[i]);
        texts[i] = read_file(path);
    }
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *cell = strtok(line, "|"), *quote;

        if (line[0] != '|' && (table_of_keys = false, true))
            continue;
        if (strcmp(cell, " key ") == 0)
            table_of_keys = true;
        for (quote = table_of_keys ? strchr(cell, '`') : NULL; quote;
             quote = strchr(quote + 1, '`')) {
            char *end = strchr(quote + 1, '`');

            snprintf(key, sizeof key, "%.*s", (int)(end - quote - 1), quote + 1);
            snprintf(wanted, sizeof wanted, "%s:", key);
            if (!any_has(texts, COUNT, wanted))
                fail_msg("%s is in the manual and in no scenario", key);
            keys++;
            quote = end;
        }
    }
    assert_true(keys >= 70);
    mem_free(manual);
    for (int i = 0; i < COUNT; i++)
        mem_free(texts[i]);
}

static void load_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct scenario s;
        char path[400];

        if (!strstr(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        load_file(path, &s);
        assert_non_null(s.question);
        scenario_free(&s);
        count++;
    }
    closedir(dir);
    assert_true(count > 0);
}

static void shipped_and_example_scenarios_are_valid(void **state)
{
    (void)state;
    load_folder("scenarios");
    load_folder("scenarios/smoke");
    load_folder("scenarios/evaluation");
    load_folder("scenarios/validation");
    load_folder("tests/scenarios/valid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_manual),
        cmocka_unit_test(every_key_lands_where_it_belongs),
        cmocka_unit_test(the_algorand_preset_follows_its_fanout),
        cmocka_unit_test(overrides_change_what_the_file_says),
        cmocka_unit_test(a_model_of_tcp_brings_its_settings),
        cmocka_unit_test(the_built_in_tables_hold_the_published_figures),
        cmocka_unit_test(files_of_latencies_are_read),
        cmocka_unit_test(behaviours_say_what_adversaries_do),
        cmocka_unit_test(nodes_are_placed_by_weight_and_seed),
        cmocka_unit_test(events_select_the_same_nodes_each_time),
        cmocka_unit_test(the_manual_names_only_keys_that_are_read),
        cmocka_unit_test(shipped_and_example_scenarios_are_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
