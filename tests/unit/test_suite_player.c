/* The player of the suite's scripts, and the lines that a node of the suite writes. */
#include "tests/lib/test.h"

#include "sim/suite/actor.h"
#include "sim/suite/participant.h"
#include "stack/base/err.h"
#include "stack/base/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S UINT64_C(1000000000)

/* Writes down what the player asks for. */
struct notes {
    char text[512];
    int publish_err;
};

__attribute__((format(printf, 2, 3))) static void note(struct notes *n, const char *format, ...)
{
    size_t used = strlen(n->text);
    va_list args;

    va_start(args, format);
    vsnprintf(n->text + used, sizeof n->text - used, format, args);
    va_end(args);
}

static void on_connect(void *ctx, uint64_t now_ns, uint32_t node)
{
    note(ctx, "%u:connect %u;", (unsigned)(now_ns / S), node);
}

static void on_subscribe(void *ctx, uint64_t now_ns, struct slice topic, bool partial)
{
    note(ctx, "%u:subscribe %.*s%s;", (unsigned)(now_ns / S), (int)topic.size, (const char *)topic.data,
         partial ? " in parts" : "");
}

static void on_add_parts(void *ctx, struct slice topic, uint64_t group, uint8_t parts)
{
    note(ctx, "parts %.*s %u %u;", (int)topic.size, (const char *)topic.data, (unsigned)group, parts);
}

static void on_publish_parts(void *ctx, uint64_t now_ns, struct slice topic, uint64_t group, const uint32_t *nodes,
                             uint32_t count)
{
    note(ctx, "%u:tell %.*s %u", (unsigned)(now_ns / S), (int)topic.size, (const char *)topic.data, (unsigned)group);
    for (uint32_t i = 0; i < count; i++)
        note(ctx, " %u", nodes[i]);
    note(ctx, ";");
}

static void on_delay(void *ctx, uint64_t now_ns, struct slice topic, uint64_t delay_ns)
{
    note(ctx, "%u:delay %.*s %u;", (unsigned)(now_ns / S), (int)topic.size,
         (const char *)topic.data, (unsigned)delay_ns);
}

static int on_publish(void *ctx, uint64_t now_ns, struct slice topic, uint64_t id, uint32_t size)
{
    note(ctx, "%u:publish %.*s %u %u;", (unsigned)(now_ns / S), (int)topic.size,
         (const char *)topic.data, (unsigned)id, size);
    return ((struct notes *)ctx)->publish_err;
}

static struct suite_script script_of(const char *text)
{
    struct suite_script s;
    struct scenario_error err;

    if (suite_script_parse("p", slice_text(text), &s, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return s;
}

static struct player player_of(const struct suite_script *s, uint32_t node, struct notes *n)
{
    const struct player_env env = {n, on_connect, on_subscribe, on_delay, on_publish, on_add_parts,
                                   on_publish_parts};
    struct player p;

    *n = (struct notes){0};
    player_init(&p, s, node, &env);
    return p;
}

#define INIT "{\"type\":\"initGossipSub\",\"gossipSubParams\":{}}"
#define ON(node, instruction)                                                                      \
    "{\"type\":\"ifNodeIDEquals\",\"nodeID\":" #node ",\"instruction\":" instruction "}"
#define WAIT(s) "{\"type\":\"waitUntil\",\"elapsedSeconds\":" #s "}"
#define PUBLISH(id)                                                                                \
    "{\"type\":\"publish\",\"messageID\":" #id ",\"messageSizeBytes\":1024,\"topicID\":\"t\"}"
#define SUBSCRIBE "{\"type\":\"subscribeToTopic\",\"topicID\":\"t\"}"
#define CONNECT(list) "{\"type\":\"connect\",\"connectTo\":" list "}"
#define DELAY "{\"type\":\"setTopicValidationDelay\",\"topicID\":\"t\",\"delaySeconds\":0.000001}"
#define SCRIPT(items) "{\"script\":[" items "]}"

static void instructions_come_one_after_the_other(void **state)
{
    struct suite_script s =
        script_of(SCRIPT(INIT "," ON(1, CONNECT("[2,3]")) "," DELAY "," SUBSCRIBE "," WAIT(
            5) "," ON(0, PUBLISH(1)) "," ON(1, PUBLISH(2)) "," WAIT(3) "," WAIT(7)));
    struct notes n;
    struct player p = player_of(&s, 1, &n);

    (void)state;
    assert_int_equal(p.state, PLAYER_RUNNING);
    assert_int_equal(player_params(&p)->d, 6);
    player_run(&p, 0);
    assert_int_equal(p.state, PLAYER_CONNECTING);
    assert_int_equal(player_target(&p), 2);
    assert_int_equal(player_deadline(&p), TIME_NEVER);
    player_run(&p, 1 * S); /* nothing happens before the connection is there */
    assert_string_equal(n.text, "0:connect 2;");
    player_connected(&p, ERR_OK);
    player_run(&p, 1 * S);
    player_connected(&p, ERR_OK);
    player_run(&p, 2 * S);
    assert_string_equal(n.text, "0:connect 2;1:connect 3;2:delay t 1000;2:subscribe t;");
    assert_int_equal(p.state, PLAYER_WAITING);
    assert_int_equal(player_deadline(&p), 5 * S);
    player_run(&p, 4 * S); /* too early */
    assert_int_equal(p.state, PLAYER_WAITING);
    n.text[0] = '\0';
    player_run(&p, 5 * S);
    assert_string_equal(n.text, "5:publish t 2 1024;"); /* and the wait for 3 s is over already */
    assert_int_equal(player_deadline(&p), 7 * S);
    player_run(&p, 9 * S);
    assert_int_equal(p.state, PLAYER_ENDED);
    assert_int_equal(player_deadline(&p), TIME_NEVER);
    player_run(&p, 10 * S);
    suite_script_free(&s);
}

static void nodes_see_only_what_is_for_them(void **state)
{
    struct suite_script s =
        script_of(SCRIPT(ON(0, INIT) "," ON(1, INIT) "," ON(0, PUBLISH(1)) "," SUBSCRIBE));
    struct notes n;
    struct player p = player_of(&s, 0, &n);

    (void)state;
    player_run(&p, 0);
    assert_string_equal(n.text, "0:publish t 1 1024;0:subscribe t;");
    p = player_of(&s, 1, &n);
    player_run(&p, 0);
    assert_string_equal(n.text, "0:subscribe t;");
    p = player_of(&s, 2, &n); /* beyond all that is named */
    assert_int_equal(p.state, PLAYER_FAILED);
    assert_string_equal(p.error, "script[3]: subscribeToTopic: comes before initGossipSub");
    suite_script_free(&s);
    s = script_of(SCRIPT(ON(0, INIT)));
    p = player_of(&s, 2, &n);
    assert_string_equal(p.error, "the script has nothing for node 2");
    suite_script_free(&s);
}

static void failures_end_the_script(void **state)
{
    struct suite_script s = script_of(SCRIPT(INIT "," CONNECT("[4]") "," SUBSCRIBE));
    struct notes n;
    struct player p = player_of(&s, 1, &n);

    (void)state;
    player_run(&p, 0);
    player_connected(&p, ERR_REFUSED);
    assert_int_equal(p.state, PLAYER_FAILED);
    assert_string_equal(p.error, "script[1]: connect: to node 4: connection refused");
    player_run(&p, 1);
    assert_string_equal(n.text, "0:connect 4;");
    suite_script_free(&s);
    s = script_of(SCRIPT(INIT "," PUBLISH(3) "," SUBSCRIBE));
    p = player_of(&s, 1, &n);
    n.publish_err = ERR_DUPLICATE;
    player_run(&p, 0);
    assert_string_equal(p.error, "script[1]: publish: a message with this id was published before");
    suite_script_free(&s);
    s = script_of(SCRIPT(INIT "," INIT));
    p = player_of(&s, 1, &n);
    player_run(&p, 0);
    assert_string_equal(p.error, "script[1]: initGossipSub: comes a second time");
    suite_script_free(&s);
    s = script_of(SCRIPT(INIT "," CONNECT("[]")));
    p = player_of(&s, 1, &n);
    player_run(&p, 0);
    assert_int_equal(p.state, PLAYER_ENDED);
    suite_script_free(&s);
}

/* ---- lines ---- */

static void no_random(void *host, uint8_t *out, size_t size)
{
    (void)host;
    memset(out, 1, size);
}

static void no_trace(void *host, uint64_t now_ns, const struct trace_event *e)
{
    (void)host;
    (void)now_ns;
    (void)e;
}

static struct node *lone_node(uint32_t number)
{
    static const struct backend_ops ops = {
        .version = BACKEND_VERSION, .random = no_random, .trace = no_trace};
    const struct node_events events = {0};
    struct node_config config = node_config_default();

    suite_identity_seed(number, config.identity_seed);
    return node_new(&config, &ops, NULL, &events);
}

static void assert_file(const char *path, const char *text)
{
    char got[4096];
    FILE *file = fopen(path, "r");
    size_t size;

    assert_non_null(file);
    size = fread(got, 1, sizeof got - 1, file);
    got[size] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

static void lines_are_as_the_suite_reads_them(void **state)
{
    char path[] = "/tmp/test_suite_XXXXXX";
    struct trace_event e = {
        .kind = TRACE_ARRIVE, .peer = 3, .topic = slice_text("a\"b\n\x01\xff"), .size = 9};
    const uint8_t id[8] = {0, 0, 0, 0, 0, 0, 1, 2},
                  largest[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    struct suite_log l;

    (void)state;
    close(mkstemp(path));
    assert_true(suite_log_to_file(&l, path, UINT64_C(946684800) * S));
    suite_log_trace(&l, 0, &e); /* nobody knows the node yet */
    l.node = lone_node(0);
    suite_log_peer_id(&l, 0, 0);
    e.id = slice_of(id, sizeof id);
    suite_log_trace(&l, 120 * S + 5, &e);
    e.kind = TRACE_DUPLICATE;
    e.topic = slice_text("t");
    e.id = slice_of(largest, sizeof largest);
    suite_log_trace(&l, 86399 * S, &e);
    e.kind = TRACE_REJECT;
    e.code = TRACE_REJECT_INVALID; /* a copy that was told when it arrived */
    suite_log_trace(&l, 86400 * S, &e);
    e.code = TRACE_REJECT_QUEUE_FULL;
    e.id = slice_of(id, 3);
    suite_log_trace(&l, 86400 * S, &e);
    e = (struct trace_event){
        .kind = TRACE_CONTROL_SENT, .code = TRACE_CONTROL_IHAVE, .peer = 3, .count = 12};
    suite_log_trace(&l, 86400 * S, &e);
    suite_log_subscription(&l, 86400 * S, 3, slice_text("t"), false);
    node_free((struct node *)(uintptr_t)l.node);
    assert_true(suite_log_close(&l));
    assert_file(
        path,
        "{\"time\":\"2000-01-01T00:00:00.000000000Z\",\"level\":\"INFO\",\"msg\":\"PeerID\","
        "\"id\":\"12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN\",\"node_id\":0}\n"
        "{\"time\":\"2000-01-01T00:02:00.000000005Z\",\"level\":\"INFO\",\"msg\":\"Received "
        "Message\","
        "\"service\":\"gossipsub\",\"topic\":\"a\\\"b\\u000a\\u0001\\ufffd\",\"id\":\"258\"}\n"
        "{\"time\":\"2000-01-01T23:59:59.000000000Z\",\"level\":\"INFO\",\"msg\":\"Received "
        "Message\","
        "\"service\":\"gossipsub\",\"topic\":\"t\",\"id\":\"18446744073709551615\"}\n"
        "{\"time\":\"2000-01-02T00:00:00.000000000Z\",\"level\":\"INFO\",\"msg\":\"Received "
        "Message\","
        "\"service\":\"gossipsub\",\"topic\":\"t\",\"id\":\"000000\"}\n"
        "{\"time\":\"2000-01-02T00:00:00.000000000Z\",\"level\":\"INFO\",\"msg\":\"Sent Ihave\","
        "\"service\":\"gossipsub\",\"count\":12}\n"
        "{\"time\":\"2000-01-02T00:00:00.000000000Z\",\"level\":\"INFO\",\"msg\":\"Received "
        "Subscription\","
        "\"service\":\"gossipsub\",\"topic\":\"t\",\"subscribe\":false}\n");
    remove(path);
}

static void a_log_that_cannot_be_written_says_so(void **state)
{
    struct suite_log l;

    (void)state;
    assert_false(suite_log_to_file(&l, "/nowhere/log", 0));
    l.node = lone_node(1);
    suite_log_peer_id(&l, 0, 1);
    node_free((struct node *)(uintptr_t)l.node);
    assert_false(suite_log_close(&l));
}

/* ---- who and where ---- */

static void hosts_are_called_by_their_numbers(void **state)
{
    uint32_t n = 99;

    (void)state;
    assert_true(participant_number("node17", &n));
    assert_int_equal(n, 17);
    assert_true(participant_number("node0", &n));
    assert_false(participant_number("node", &n));
    assert_false(participant_number("node-1", &n));
    assert_false(participant_number("node1.local", &n));
    assert_false(participant_number("node99999999999999999999", &n));
    assert_false(participant_number("peer1", &n));
}

static void a_file_of_hosts_is_read_or_refused(void **state)
{
    static const struct {
        const char *text, *error; /* after the path; NULL: fine */
    } files[] = {
        {"# all of them\n2 127.0.0.1:9002\n\n0 127.0.0.1:9000 # here\n", NULL},
        {"0 127.0.0.1:9000\n0 127.0.0.1:9001\n", ":2: names a node for the second time"},
        {"0\n", ":1: is not \"ID HOST:PORT\""},
        {"x 127.0.0.1:9000\n", ":1: is not \"ID HOST:PORT\""},
        {"0 127.0.0.1:9000 1\n", ":1: is not \"ID HOST:PORT\""},
        {"0 127.0.0.1:0\n", ":1: has no port"},
    };
    char path[] = "/tmp/test_suite_XXXXXX", error[PARTICIPANT_ERROR_MAX];

    (void)state;
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(path, "w");
        struct participant_map m;

        fputs(files[i].text, file);
        fclose(file);
        assert_int_equal(participant_map_load(path, &m, error), files[i].error == NULL);
        if (files[i].error) {
            assert_string_equal(error + strlen(path), files[i].error);
            continue;
        }
        assert_int_equal(m.count, 3);
        assert_int_equal(m.items[2].port, 9002);
        assert_int_equal(m.items[1].port, 0);
        participant_map_free(&m);
    }
    remove(path);
}

static void instructions_about_parts_are_passed_on(void **state)
{
    struct suite_script s = script_of(
        "{\"script\":[{\"type\":\"initGossipSub\",\"gossipSubParams\":{}},"
        "{\"type\":\"subscribeToTopic\",\"topicID\":\"t\",\"partial\":true},"
        "{\"type\":\"addPartialMessage\",\"topicID\":\"t\",\"groupID\":7,\"parts\":5},"
        "{\"type\":\"publishPartial\",\"topicID\":\"t\",\"groupID\":7,\"publishToNodeIDs\":[3,4]},"
        "{\"type\":\"publishPartial\",\"topicID\":\"t\",\"groupID\":7,\"publishToNodeIDs\":null}]}");
    struct notes n;
    struct player p = player_of(&s, 0, &n);

    (void)state;
    assert_true(s.partial);
    player_run(&p, 0);
    assert_int_equal(p.state, PLAYER_ENDED);
    assert_string_equal(n.text, "0:subscribe t in parts;parts t 7 5;0:tell t 7 3 4;0:tell t 7;");
    suite_script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_about_parts_are_passed_on),
        cmocka_unit_test(instructions_come_one_after_the_other),
        cmocka_unit_test(nodes_see_only_what_is_for_them),
        cmocka_unit_test(failures_end_the_script),
        cmocka_unit_test(lines_are_as_the_suite_reads_them),
        cmocka_unit_test(a_log_that_cannot_be_written_says_so),
        cmocka_unit_test(hosts_are_called_by_their_numbers),
        cmocka_unit_test(a_file_of_hosts_is_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
