/* params.json and shadow.yaml of libp2p's interop suite: what is read, and what is said of broken
 * ones. */
#include "tests/lib/test.h"

#include "sim/suite/hosts.h"
#include "sim/suite/params.h"
#include "stack/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, struct suite_script *s, struct scenario_error *err)
{
    return suite_script_parse("p.json", slice_text(text), s, err);
}

#define SCRIPT(instruction) "{\"script\":[" instruction "]}"
#define INIT(params) SCRIPT("{\"type\":\"initGossipSub\",\"gossipSubParams\":{" params "}}")
#define NEST(inner) "{\"type\":\"ifNodeIDEquals\",\"nodeID\":1,\"instruction\":" inner "}"
#define NEST3(inner) NEST(NEST(NEST(inner)))

static const struct {
    const char *text, *error;
} broken[] = {
    {"", "p.json:1:0: '[' or '{' expected near end of file"},
    {"{\"script\":\n [ {]}", "p.json:2:5: string or '}' expected near ']'"},
    {"{\"script\":[],\"script\":[]}", "p.json:1:21: duplicate object key near '\"script\"'"},
    {"[]", "p.json: must be an object with a script"},
    {"{}", "p.json: script is missing"},
    {"{\"script\":{}}", "p.json: script: must be a list of instructions"},
    {"{\"script\":[],\"more\":1}", "p.json: has keys besides script"},
    {SCRIPT("7"), "p.json: script[0]: must be an object"},
    {SCRIPT("{}"), "p.json: script[0].type: is missing"},
    {SCRIPT("{\"type\":1}"), "p.json: script[0].type: must be a text"},
    {SCRIPT("{\"type\":\"wait\"}"), "p.json: script[0].type: \"wait\" is not an instruction"},
    {SCRIPT("{\"type\":\"waitUntil\"}"), "p.json: script[0].elapsedSeconds: is missing"},
    {SCRIPT("{\"type\":\"waitUntil\",\"elapsedSeconds\":1.5}"),
     "p.json: script[0].elapsedSeconds: must be a whole number from 0 to 10000000"},
    {SCRIPT("{\"type\":\"waitUntil\",\"elapsedSeconds\":-1}"),
     "p.json: script[0].elapsedSeconds: must be a whole number from 0 to 10000000"},
    {SCRIPT("{\"type\":\"waitUntil\",\"elapsedSeconds\":1,\"until\":2}"),
     "p.json: script[0].until: is not a key of waitUntil"},
    {SCRIPT("{\"type\":\"connect\"}"), "p.json: script[0].connectTo: is missing"},
    {SCRIPT("{\"type\":\"connect\",\"connectTo\":3}"),
     "p.json: script[0].connectTo: must be a list of node ids"},
    {SCRIPT("{\"type\":\"connect\",\"connectTo\":[1,1000000]}"),
     "p.json: script[0].connectTo[1]: must be a node id (0 to 999999)"},
    {SCRIPT("{\"type\":\"publish\",\"messageID\":1,\"messageSizeBytes\":7,\"topicID\":\"t\"}"),
     "p.json: script[0].messageSizeBytes: must be a whole number from 8 to 10483712"},
    {SCRIPT("{\"type\":\"publish\",\"messageID\":-1,\"messageSizeBytes\":8,\"topicID\":\"t\"}"),
     "p.json: script[0].messageID: must be a whole number from 0 to 9223372036854775807"},
    {SCRIPT("{\"type\":\"publish\",\"messageID\":1,\"messageSizeBytes\":8,\"topicID\":\"\"}"),
     "p.json: script[0].topicID: must be a text of 1 to 1024 bytes"},
    {SCRIPT("{\"type\":\"subscribeToTopic\"}"), "p.json: script[0].topicID: is missing"},
    {SCRIPT("{\"type\":\"subscribeToTopic\",\"topicID\":\"t\",\"partial\":1}"),
     "p.json: script[0].partial: must be true or false"},
    {SCRIPT("{\"type\":\"addPartialMessage\",\"topicID\":\"t\",\"groupID\":1,\"parts\":256}"),
     "p.json: script[0].parts: must be a whole number from 0 to 255"},
    {SCRIPT("{\"type\":\"publishPartial\",\"topicID\":\"t\",\"groupID\":1,\"publishToNodeIDs\":[-1]}"),
     "p.json: script[0].publishToNodeIDs[0]: must be a node id (0 to 999999)"},
    {SCRIPT("{\"type\":\"setTopicValidationDelay\",\"topicID\":\"t\"}"),
     "p.json: script[0].delaySeconds: is missing"},
    {SCRIPT("{\"type\":\"setTopicValidationDelay\",\"topicID\":\"t\",\"delaySeconds\":3601}"),
     "p.json: script[0].delaySeconds: must be a number of seconds from 0 to 3600"},
    {SCRIPT("{\"type\":\"initGossipSub\"}"), "p.json: script[0].gossipSubParams: is missing"},
    {INIT("\"D\":-1"),
     "p.json: script[0].gossipSubParams.D: must be a whole number from 0 to 1000000"},
    {INIT("\"D\":\"6\""),
     "p.json: script[0].gossipSubParams.D: must be a whole number from 0 to 1000000"},
    {INIT("\"D\":2"), "p.json: script[0].gossipSubParams: D_lo must not exceed D"},
    {INIT("\"GossipFactor\":1.5"),
     "p.json: script[0].gossipSubParams.GossipFactor: must be a number from 0 to 1"},
    {INIT("\"HeartbeatInterval\":0.5"), "p.json: script[0].gossipSubParams.HeartbeatInterval: must "
                                        "be a whole number of nanoseconds, at most a day"},
    {INIT("\"Connectors\":8"), "p.json: script[0].gossipSubParams.Connectors: is not supported"},
    {INIT("\"DirectConnectTicks\":60"),
     "p.json: script[0].gossipSubParams.DirectConnectTicks: is not supported"},
    {INIT("\"Dmax\":8"), "p.json: script[0].gossipSubParams.Dmax: is not a parameter of GossipSub"},
    {INIT("\"IDontWantMessageTTL\":\"x\""),
     "p.json: script[0].gossipSubParams.IDontWantMessageTTL: must be a whole number from 0 to 1000000"},
    {SCRIPT("{\"type\":\"ifNodeIDEquals\",\"nodeID\":1}"),
     "p.json: script[0].instruction: is missing"},
    {SCRIPT("{\"type\":\"ifNodeIDEquals\",\"nodeID\":1000000,\"instruction\":{}}"),
     "p.json: script[0].nodeID: must be a whole number from 0 to 999999"},
    {SCRIPT("{\"type\":\"waitUntil\",\"elapsedSeconds\":1}," NEST(
         NEST("{\"type\":\"connect\",\"connectTo\":[true]}"))),
     "p.json: script[1].instruction.instruction.connectTo[0]: must be a node id (0 to 999999)"},
    {SCRIPT(NEST3(NEST3(NEST3("{}")))), "p.json: "
                                        "script[0].instruction.instruction.instruction.instruction."
                                        "instruction.instruction.instruction.instruction"
                                        ".instruction: is nested too deeply (at most 8 levels)"},
};

static void broken_scripts_get_exact_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct suite_script s;
        struct scenario_error err;

        assert_int_equal(parse(broken[i].text, &s, &err), ERR_INVALID);
        assert_string_equal(err.text, broken[i].error);
    }
}

static const char whole[] =
    "{\"script\":["
    "{\"type\":\"ifNodeIDEquals\",\"nodeID\":0,\"instruction\":{\"type\":\"initGossipSub\","
    "\"gossipSubParams\":"
    "{\"D\":8,\"Dlo\":6,\"Dlazy\":0,\"GossipFactor\":0,\"HeartbeatInitialDelay\":100100000.0,"
    "\"MaxIDontWantLength\":9}}},"
    "{\"type\":\"ifNodeIDEquals\",\"nodeID\":2,\"instruction\":{\"type\":\"initGossipSub\","
    "\"gossipSubParams\":{}}},"
    "{\"type\":\"connect\",\"connectTo\":[0]},"
    "{\"type\":\"ifNodeIDEquals\",\"nodeID\":2,\"instruction\":{\"type\":\"connect\",\"connectTo\":"
    "[1,0]}},"
    "{\"type\":\"ifNodeIDEquals\",\"nodeID\":2,\"instruction\":{\"type\":\"ifNodeIDEquals\","
    "\"nodeID\":0,\"instruction\":"
    "{\"type\":\"waitUntil\",\"elapsedSeconds\":1}}},"
    "{\"type\":\"setTopicValidationDelay\",\"topicID\":\"a\",\"delaySeconds\":0.005},"
    "{\"type\":\"subscribeToTopic\",\"topicID\":\"b\",\"partial\":false},"
    "{\"type\":\"publish\",\"messageID\":5,\"messageSizeBytes\":98304,\"topicID\":\"a\"}]}";

static void a_script_becomes_plain_data(void **state)
{
    struct suite_script s;
    struct scenario_error err;

    (void)state;
    assert_int_equal(parse(whole, &s, &err), ERR_OK);
    assert_int_equal(s.count, 7); /* what is under two conditions that exclude each other is gone */
    assert_int_equal(s.params_count, 2);
    assert_int_equal(s.params[0].d, 8);
    assert_int_equal(s.params[0].d_lazy, 0);
    assert_int_equal(s.params[0].gossip_factor_ppm, 0);
    assert_int_equal(s.params[0].heartbeat_initial_delay_ns, 100100000);
    assert_int_equal(s.params[1].d, 6);
    assert_int_equal(s.params[1].outbound_queue_max, 600);
    assert_int_equal(s.params[1].validation_queue_max, 600);
    assert_int_equal(s.params[1].rpc_size_max, 10 << 20);
    assert_false(s.params[1].flood_publish);
    assert_int_equal(s.node_limit, 3);
    assert_int_equal(s.first[1] - s.first[0], 1);
    assert_int_equal(s.first[2] - s.first[1], 0);
    assert_int_equal(s.first[3] - s.first[2], 2);
    assert_int_equal(s.common_count, 4);
    assert_int_equal(s.items[3].kind, SUITE_CONNECT);
    assert_int_equal(s.items[3].number, 3);
    assert_int_equal(s.items[3].size, 2);
    assert_int_equal(s.targets[s.items[3].value], 1);
    assert_int_equal(s.items[4].value, 5000000);
    assert_int_equal(s.topic_count, 2);
    assert_int_equal(s.items[6].topic, s.items[4].topic);
    suite_script_free(&s);
}

static void no_part_of_a_script_is_a_script(void **state)
{
    struct suite_script s;
    struct scenario_error err;
    struct rng r;
    char text[sizeof whole];

    (void)state;
    for (size_t size = 0; size + 1 < sizeof whole - 1; size++)
        assert_int_equal(suite_script_parse("p", slice_of(whole, size), &s, &err), ERR_INVALID);
    rng_init(&r, 1, "test");
    for (int round = 0; round < 2000;
         round++) { /* changed bytes: an error or not, never a crash or a leak */
        memcpy(text, whole, sizeof whole);
        for (int i = 0; i < 3; i++)
            text[rng_below(&r, sizeof whole - 1)] = (char)rng_below(&r, 256);
        if (suite_script_parse("p", slice_of(text, sizeof whole - 1), &s, &err) == ERR_OK)
            suite_script_free(&s);
        else
            assert_true(err.text[0]);
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct suite_script s;
    struct scenario_error err;

    (void)state;
    assert_int_equal(suite_script_load("/nowhere/p.json", &s, &err), ERR_INVALID);
    assert_string_equal(err.text, "/nowhere/p.json: No such file or directory");
    assert_int_equal(suite_script_load("/dev", &s, &err), ERR_INVALID);
    assert_string_equal(err.text, "/dev: is no file of at most 64 MiB");
}

/* ---- hosts ---- */

static const char graph_text[] =
    "graph [ directed 1\n"
    " node [ id 7 label \"x\" host_bandwidth_up \"1 Gbit\" host_bandwidth_down \"1 Gbit\" ]\n"
    " node [ id 3 label \"y\" ]\n"
    " edge [ source 7 target 3 latency \"5 ms\" ]\n]\n";

static char folder[] = "/tmp/test_suite_XXXXXX";
static char graph_path[64], shadow_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(graph_path, sizeof graph_path, "%s/g.gml", folder);
    snprintf(shadow_path, sizeof shadow_path, "%s/s.yaml", folder);
    write_file(graph_path, graph_text);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(graph_path);
    remove(shadow_path);
    return rmdir(folder);
}

#define SHADOW(general, hosts)                                                                     \
    "general: {" general "}\n"                                                                     \
    "network: {graph: {type: gml, file: {path: elsewhere.gml}}}\n"                                 \
    "hosts:\n" hosts
#define HOST(name, rest)                                                                           \
    "  " name ": {network_node_id: 3, processes: [{path: x, args: y}]" rest "}\n"

static void hosts_are_where_shadow_puts_them(void **state)
{
    struct suite_hosts h;
    struct scenario_error err;

    (void)state;
    write_file(
        shadow_path,
        SHADOW("stop_time: 10 min, model_unblocked_syscall_latency: true",
               HOST("node1", ", bandwidth_up: 10 Mbit") "  node0: {network_node_id: 7, processes: "
                                                        "[{path: x, environment: {A: b}}]}\n"));
    assert_int_equal(suite_hosts_load(shadow_path, graph_path, &h, &err), ERR_OK);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.items[0].vertex, 0);
    assert_int_equal(h.items[1].vertex, 1);
    assert_int_equal(h.items[1].up_bps, 10000000);
    assert_int_equal(h.stop_ns, UINT64_C(600000000000));
    assert_false(h.has_buffers);
    suite_hosts_free(&h);
}

static const struct {
    const char *text, *error; /* after the path */
} bad_hosts[] = {
    {"general: {stop_time: 1}\n", ":1:1: network is missing"},
    {SHADOW("stop_time: 1, seed: 3", HOST("node0", "")),
     ":1:25: general.seed: is not a key here (allowed: stop_time, model_unblocked_syscall_latency, "
     "progress, log_level, "
     "heartbeat_interval, parallelism, data_directory)"},
    {SHADOW("stop_time: soon", HOST("node0", "")),
     ":1:22: general.stop_time: \"soon\" is not a time of Shadow's (as \"10 min\")"},
    {SHADOW("stop_time: 5s", HOST("node1", "")),
     ":4:3: hosts.node1: is not a name here (node0 to node0, one each)"},
    {SHADOW("stop_time: 5s", HOST("peer", "")),
     ":4:3: hosts.peer: is not a name here (node0 to node0, one each)"},
    {SHADOW("stop_time: 5s", HOST("node00", "")),
     ":4:3: hosts.node00: is not a name here (node0 to node0, one each)"},
    {SHADOW("stop_time: 5s", "  node0: {network_node_id: 4, processes: [{path: x}]}\n"),
     ":4:28: hosts.node0.network_node_id: \"4\" is no node of the graph"},
    {SHADOW("stop_time: 5s",
            "  node0: {network_node_id: 3, processes: [{path: x, start_time: 5}]}\n"),
     ":4:53: hosts.node0.processes.0.start_time: is not a key here (allowed: path, args, "
     "environment)"},
    {SHADOW("stop_time: 5s", HOST("node0", ", ip_addr: 1.2.3.4")),
     ":4:64: hosts.node0.ip_addr: is not a key here (allowed: network_node_id, processes, "
     "bandwidth_up, bandwidth_down)"},
};

static void broken_hosts_get_exact_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_hosts / sizeof *bad_hosts; i++) {
        struct suite_hosts h;
        struct scenario_error err;

        write_file(shadow_path, bad_hosts[i].text);
        assert_int_equal(suite_hosts_load(shadow_path, graph_path, &h, &err), ERR_INVALID);
        assert_memory_equal(err.text, shadow_path, strlen(shadow_path));
        assert_string_equal(err.text + strlen(shadow_path), bad_hosts[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_scripts_get_exact_errors),
        cmocka_unit_test(a_script_becomes_plain_data),
        cmocka_unit_test(no_part_of_a_script_is_a_script),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(hosts_are_where_shadow_puts_them),
        cmocka_unit_test(broken_hosts_get_exact_errors),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
