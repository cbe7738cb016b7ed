/* Exports: TraceEvents byte by byte, tables as CSV, and what is said of rows that were not kept. */
#include "tests/lib/test.h"

#include "sim/export/export.h"
#include "sim/export/trace_event.h"
#include "sim/record/recorder.h"
#include "stack/base/err.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t node[] = {0xaa, 0xbb}, peer[] = {0xcc}, message[] = {1, 2, 3, 0xff};

static struct pubsub_trace event_of(enum pubsub_trace_type type)
{
    struct pubsub_trace e = {.type = type, .at_ns = 300, .node = slice_of(node, 2), .topic = slice_text("t")};

    if (type != PUBSUB_JOIN && type != PUBSUB_LEAVE && type != PUBSUB_PUBLISH_MESSAGE)
        e.peer = slice_of(peer, 1);
    if (type <= PUBSUB_DELIVER_MESSAGE || type == PUBSUB_RECV_RPC || type == PUBSUB_SEND_RPC)
        e.message = slice_of(message, 4);
    return e;
}

static const struct {
    enum pubsub_trace_type type;
    const char *pb, *json;
} vectors[] = {
    {PUBSUB_PUBLISH_MESSAGE, "14 0800 1202aabb 18ac02 2209 0a04010203ff 120174", "\"publishMessage\":{\"messageID\":\"AQID/w==\",\"topic\":\"t\"}"},
    {PUBSUB_DUPLICATE_MESSAGE, "17 0802 1202aabb 18ac02 320c 0a04010203ff 1201cc 1a0174",
     "\"duplicateMessage\":{\"messageID\":\"AQID/w==\",\"receivedFrom\":\"zA==\",\"topic\":\"t\"}"},
    {PUBSUB_DELIVER_MESSAGE, "17 0803 1202aabb 18ac02 3a0c 0a04010203ff 120174 1a01cc",
     "\"deliverMessage\":{\"messageID\":\"AQID/w==\",\"receivedFrom\":\"zA==\",\"topic\":\"t\"}"},
    {PUBSUB_RECV_RPC, "1b 0806 1202aabb 18ac02 5210 0a01cc 120b 0a09 0a04010203ff 120174",
     "\"recvRPC\":{\"receivedFrom\":\"zA==\",\"meta\":{\"messages\":[{\"messageID\":\"AQID/w==\",\"topic\":\"t\"}]}}"},
    {PUBSUB_SEND_RPC, "1b 0807 1202aabb 18ac02 5a10 0a01cc 120b 0a09 0a04010203ff 120174",
     "\"sendRPC\":{\"sendTo\":\"zA==\",\"meta\":{\"messages\":[{\"messageID\":\"AQID/w==\",\"topic\":\"t\"}]}}"},
    {PUBSUB_JOIN, "0e 0809 1202aabb 18ac02 6a03 0a0174", "\"join\":{\"topic\":\"t\"}"},
    {PUBSUB_LEAVE, "0e 080a 1202aabb 18ac02 7203 120174", "\"leave\":{\"topic\":\"t\"}"},
    {PUBSUB_GRAFT, "11 080b 1202aabb 18ac02 7a06 0a01cc 120174", "\"graft\":{\"peerID\":\"zA==\",\"topic\":\"t\"}"},
    {PUBSUB_PRUNE, "12 080c 1202aabb 18ac02 820106 0a01cc 120174", "\"prune\":{\"peerID\":\"zA==\",\"topic\":\"t\"}"},
};

static void trace_events_are_encoded_as_the_proto_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct pubsub_trace e = event_of(vectors[i].type);
        char json[400];
        struct buf b;

        buf_init(&b, 1000);
        trace_event_pb(&e, &b);
        assert_slice_hex(buf_slice(&b), vectors[i].pb);
        buf_clear(&b);
        trace_event_json(&e, &b);
        snprintf(json, sizeof json, "{\"type\":%d,\"peerID\":\"qrs=\",\"timestamp\":300,%s}\n", (int)vectors[i].type, vectors[i].json);
        assert_int_equal(b.size, strlen(json));
        assert_memory_equal(b.data, json, b.size);
        buf_deinit(&b);
    }
}

static void an_event_without_a_peer_leaves_the_field_out(void **state)
{
    struct pubsub_trace e = event_of(PUBSUB_DELIVER_MESSAGE);
    struct buf b;

    (void)state;
    e.peer = slice_of(NULL, 0);
    buf_init(&b, 1000);
    trace_event_pb(&e, &b);
    assert_slice_hex(buf_slice(&b), "14 0803 1202aabb 18ac02 3a09 0a04010203ff 120174");
    buf_deinit(&b);
}

static void strings_are_escaped(void **state)
{
    struct pubsub_trace e = event_of(PUBSUB_JOIN);
    struct buf b;

    (void)state;
    e.topic = slice_text("a\"b\\c\n");
    buf_init(&b, 1000);
    trace_event_json(&e, &b);
    buf_append_u8(&b, 0);
    assert_non_null(strstr((const char *)b.data, "{\"topic\":\"a\\u0022b\\u005cc\\u000a\"}"));
    buf_deinit(&b);
}

/* ---- files ---- */

static char folder[] = "/tmp/hearsay-export-XXXXXX", database[80];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(database, sizeof database, "%s/run.sqlite", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[120];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* Two nodes, a topic, three messages of which every `hop_every`-th has hops. */
static void record(uint32_t hop_every, bool finish)
{
    const struct record_run run = {.scenario_name = "x, \"y\"", .question = "", .node_count = 2, .duration_ns = 1000000000,
                                   .hop_every = hop_every};
    struct trace_event e = {.topic = slice_text("t"), .size = 10};
    struct recorder *r;
    char error[200];
    uint8_t id = 0x5a;

    assert_int_equal(recorder_open(database, &run, &r, error, sizeof error), ERR_OK);
    for (uint32_t i = 0; i < 2; i++)
        recorder_node(r, &(struct record_node){.index = i, .name = i ? "b" : "a", .group = "g", .peer_id = NULL});
    for (uint32_t i = 0; i < 2; i++) {
        e.kind = TRACE_JOIN;
        recorder_trace(r, i, 1, &e);
    }
    for (uint64_t at = 10; at < 40; at += 10, id++) {
        e.id = slice_of(&id, 1);
        e.kind = TRACE_PUBLISH;
        recorder_trace(r, 0, at, &e);
        e.kind = TRACE_ARRIVE;
        recorder_trace(r, 1, at + 1, &e);
        e.kind = TRACE_DELIVER;
        recorder_trace(r, 1, at + 2, &e);
    }
    if (finish)
        assert_int_equal(recorder_finish(r, &(struct record_totals){0}, NULL, error, sizeof error), ERR_OK);
    else
        recorder_abort(r, "stopped");
    recorder_free(r);
}

static char *read_all(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t size;

    assert_non_null(f);
    size = fread(text, 1, sizeof text - 1, f);
    text[size] = '\0';
    fclose(f);
    return text;
}

static void every_table_and_view_becomes_a_csv_file(void **state)
{
    char error[300], path[120];
    struct sqlite3 *db;
    uint32_t files;

    (void)state;
    record(1, true);
    assert_int_equal(export_open(folder, &db, error, sizeof error), ERR_OK);
    assert_int_equal(export_csv(db, folder, &files, error, sizeof error), ERR_OK);
    assert_true(files >= 20);
    export_close(db);
    snprintf(path, sizeof path, "%s/subscription.csv", folder);
    assert_string_equal(read_all(path), "at_ns,node,topic,joined\r\n1,0,0,1\r\n1,1,0,1\r\n");
    snprintf(path, sizeof path, "%s/message.csv", folder);
    assert_non_null(strstr(read_all(path), "\r\n0,5a,0,0,10,10,1,1,0,0,0,0,2,2,2,2,"));
    snprintf(path, sizeof path, "%s/run.csv", folder);
    assert_non_null(strstr(read_all(path), "\"x, \"\"y\"\"\",,\"\","));
    snprintf(path, sizeof path, "%s/topic_summary.csv", folder);
    assert_non_null(strstr(read_all(path), "topic,messages,"));
}

static unsigned told;
static char tales[2000];

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    told++;
    strncat(tales, sentence, sizeof tales - strlen(tales) - 1);
    strncat(tales, "\n", sizeof tales - strlen(tales) - 1);
}

static uint64_t trace_to(const char *path, enum export_format format)
{
    char error[300];
    struct sqlite3 *db;
    FILE *out = fopen(path, "wb");
    uint64_t events;

    assert_non_null(out);
    told = 0;
    tales[0] = '\0';
    assert_int_equal(export_open(database, &db, error, sizeof error), ERR_OK);
    assert_int_equal(export_pubsub_gaps(db, NULL, tell, error, sizeof error), ERR_OK);
    assert_int_equal(export_pubsub_trace(db, format, out, &events, error, sizeof error), ERR_OK);
    export_close(db);
    assert_int_equal(fclose(out), 0);
    return events;
}

static void events_come_in_order_of_time(void **state)
{
    char path[120];
    const char *text;

    (void)state;
    record(1, true);
    snprintf(path, sizeof path, "%s/trace.json", folder);
    /* two joins; three times: published, delivered there, received, delivered here */
    assert_int_equal(trace_to(path, EXPORT_JSON), 14);
    text = read_all(path);
    for (int i = 0; i < 14; i++, text = strchr(text, '\n') + 1) {
        static const int types[] = {9, 9, 0, 3, 6, 3, 0, 3, 6, 3, 0, 3, 6, 3};
        static const int times[] = {1, 1, 10, 10, 11, 12, 20, 20, 21, 22, 30, 30, 31, 32};
        int type, at;

        assert_int_equal(sscanf(text, "{\"type\":%d,\"peerID\":\"\",\"timestamp\":%d,", &type, &at), 2);
        assert_int_equal(type, types[i]);
        assert_int_equal(at, times[i]);
    }
    assert_int_equal(told, 1); /* of control there are sums only */
}

static void what_was_not_recorded_is_said_by_name(void **state)
{
    char path[120];

    (void)state;
    record(2, false);
    snprintf(path, sizeof path, "%s/trace.pb", folder);
    assert_int_equal(trace_to(path, EXPORT_PB), 13);
    assert_non_null(strstr(tales, "the run is incomplete"));
    assert_non_null(strstr(tales, "DUPLICATE_MESSAGE, RECV_RPC, SEND_RPC: of 2 of 3 messages (record: {hops: all})"));
    assert_null(strstr(tales, "DELIVER_MESSAGE: of"));
}

static void a_file_that_is_no_run_is_refused(void **state)
{
    char error[300];
    struct sqlite3 *db;
    FILE *f;

    (void)state;
    assert_int_equal(export_open("/nonexistent", &db, error, sizeof error), ERR_INVALID);
    assert_non_null(strstr(error, "cannot read /nonexistent"));
    f = fopen(database, "w");
    fputs("not a database at all, but long enough to look at", f);
    fclose(f);
    assert_int_equal(export_open(folder, &db, error, sizeof error), ERR_INVALID);
    assert_non_null(strstr(error, "not a database"));
    unlink(database);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_events_are_encoded_as_the_proto_says),
        cmocka_unit_test(an_event_without_a_peer_leaves_the_field_out),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(every_table_and_view_becomes_a_csv_file),
        cmocka_unit_test(events_come_in_order_of_time),
        cmocka_unit_test(what_was_not_recorded_is_said_by_name),
        cmocka_unit_test(a_file_that_is_no_run_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
